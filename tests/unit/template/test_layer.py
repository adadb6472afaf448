import os
import shutil
import subprocess
from pathlib import Path

import pytest

from unit.template.document import PATH

MAKEFILE = PATH.parent / "layers/core/Makefile"


def planned(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What the layer's build would run, without running it, from another directory as SAM does."""
    environment = {"PATH": os.environ["PATH"], "ARTIFACTS_DIR": str(tmp_path / "artifacts"), **variables}
    return subprocess.run(
        [shutil.which("make") or "make", "--dry-run", "--makefile", str(MAKEFILE), "build-CoreLayer"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("architecture", "platform"),
    [({}, "aarch64-manylinux_2_34"), ({"TOKENSYNC_ARCHITECTURE": "x86_64"}, "x86_64-manylinux_2_34")],
)
def test_the_clouds_layer_is_for_lambda(tmp_path: Path, architecture: dict[str, str], platform: str) -> None:
    """It holds the locked wheels for Python 3.13 on the functions' processor, and never the host's package."""
    plan = planned(tmp_path, **architecture).stdout
    assert f"--python-version 3.13 --python-platform {platform}" in plan
    assert "--require-hashes" in plan
    assert "tokensync_host" not in plan


def test_the_hosts_layer_is_for_the_embedded_aws(tmp_path: Path) -> None:
    """It is for the interpreter that runs the embedded AWS, and tells the core where it runs."""
    plan = planned(tmp_path, TOKENSYNC_LAYER="host", TOKENSYNC_PYTHON="/some/python").stdout
    assert '--python "/some/python"' in plan
    assert "host/tokensync_host" in plan
    assert "--python-platform" not in plan


@pytest.mark.parametrize("wrong", [{"TOKENSYNC_ARCHITECTURE": "riscv"}, {"TOKENSYNC_LAYER": "moon"}])
def test_a_choice_that_does_not_exist_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    """The message names the variable and what it may be."""
    done = planned(tmp_path, **wrong)
    assert done.returncode != 0
    assert next(iter(wrong)) in done.stderr
    assert "set it to" in done.stderr


def test_compiled_files_do_not_look_at_dates(tmp_path: Path) -> None:
    """SAM dates every file 1980: a compiled file must not be measured by its source's date."""
    assert "--invalidation-mode unchecked-hash" in planned(tmp_path).stdout
