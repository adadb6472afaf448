"""One embedded stack for each test process that needs one: two of them work side by side and share nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from embedded import deployed, project_copy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stack import Stack


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make faults` ask for the numbers that `make test` has no time for."""
    parser.addoption(
        "--thousands", action="store_true", help="a thousand connections or refreshes instead of a hundred"
    )


@pytest.fixture(scope="session")
def hundred(request: pytest.FixtureRequest) -> int:
    """Return how many do where the lock is each record's own: a hundred, or with --thousands a thousand."""
    return 1000 if request.config.getoption("--thousands") else 100


@pytest.fixture(scope="session")
def process_number() -> int:
    """Return the number of this test process: each has ports of its own."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what is deployed, with the environments of this checkout."""
    return project_copy(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def stack(project: Path, process_number: int) -> Iterator[Stack]:
    """Return the deployed stack; it is taken down afterwards."""
    with deployed(project, process=process_number) as stack:
        yield stack
