# make demo   all set-up, then the main job on the embedded stack
# make test   all set-up, then every test
# make faults every fault there is, at every place: half an hour; WORDS="kill grace" chooses cases of the matrix
# make mutants  small faults in a copy of the code, and which of them no test notices; SAMPLE=300 SEED=7 ROOMS="aws"
# make check  format, lint, types, imports, template: seconds
# make sbom   what runs, as CycloneDX documents in dist/
# make release  what people install, from the last commit, into dist/

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Any Python from 3.11 on; the newest of the usual names wins nothing, the default one is taken where it is new enough.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)
VENV := .venv
UV := $(VENV)/bin/uv
RUN := $(VENV)/bin

.PHONY: help setup demo down check format unit test faults mutants sbom release clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# uv comes by pip, and by the hashes of the lock like all that it installs afterwards.
define UV_OF_THE_LOCK
import tomllib
packages = tomllib.load(open("uv.lock", "rb"))["package"]
uv = next(package for package in packages if package["name"] == "uv")
print("uv==" + uv["version"], *("--hash=" + wheel["hash"] for wheel in uv["wheels"]))
endef
export UV_OF_THE_LOCK

$(UV):
	@test -n "$(PYTHON)" || { echo "tokensync needs Python 3.11 or newer with venv: install it (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Installing uv into $(VENV)"
	@"$(PYTHON)" -m venv $(VENV)
	@$(RUN)/python -c "$$UV_OF_THE_LOCK" > $(VENV)/uv.txt
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes --requirement $(VENV)/uv.txt

$(VENV)/.synced: pyproject.toml uv.lock | $(UV)
	@echo "Installing what the lock names"
	@VIRTUAL_ENV= $(UV) sync --frozen --inexact --quiet
	@touch $@

setup: $(VENV)/.synced

demo: setup
	@$(RUN)/python -m tokensync_cli.demo

down: setup
	@$(RUN)/tokensync down

check: setup
	@$(RUN)/ruff format --check --quiet .
	@$(RUN)/ruff check --quiet .
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-cache >/dev/null || $(RUN)/lint-imports --no-cache
	@$(RUN)/python -m tokensync_cli.embedded.validation
	@echo "check: all is well"

format: setup
	@$(RUN)/ruff format .
	@$(RUN)/ruff check --fix .

unit: setup
	@$(RUN)/pytest tests/unit --numprocesses auto

# What runs in process, with its coverage; then what needs an embedded stack, on three of them side by side.
CONTRACTS := tests/system/integration/contracts
IN_PROCESS := tests/unit tests/resilience/model $(CONTRACTS)
ON_STACKS := tests/system tests/resilience/faults --ignore $(CONTRACTS)

test: check
	@tests/system/browser/install-chromium
	@$(RUN)/pytest $(IN_PROCESS) --numprocesses auto --cov --cov-report=term --cov-fail-under=95 | tee $(VENV)/in-process.log
	@$(RUN)/pytest $(ON_STACKS) --numprocesses 3 --dist loadfile
	@tail -n 1 $(VENV)/in-process.log

FAULTS := PYTHONPATH=tests:tests/resilience:tests/system $(RUN)/python -m
faults: setup
	@$(FAULTS) faults.matrix $(WORDS)
ifndef WORDS
	@$(FAULTS) faults.outages
	@$(FAULTS) model
	@$(FAULTS) faults.soak
	@$(FAULTS) faults.soak --losses
	@$(RUN)/pytest --thousands tests/unit/entry/test_queue.py tests/system/integration/oidc/test_stack.py
endif

mutants: setup
	@PYTHONPATH=tests $(RUN)/python -m bench.mutants $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(if $(ROOMS),--rooms $(ROOMS)) $(if $(JSON),--json $(JSON)) $(if $(AGAIN),--again $(AGAIN))

sbom: setup
	@$(RUN)/python .ci/sbom.py

release: setup
	@$(RUN)/python .ci/release.py

clean: down
	@rm -rf $(VENV) .tokensync .aws-sam dist .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
