"""The layer that is uploaded depends on what is committed and locked, and on nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from embedded import environment, project_copy
from tokensync_cli.embedded import environments

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
# Runs in SAM's environment: the name under which SAM would upload a folder, and the entries of its archive.
PACKED = """
import json, sys, zipfile
from samcli.lib.package.utils import make_zip_with_lambda_permissions, zip_folder
with zip_folder(sys.argv[1], make_zip_with_lambda_permissions) as (path, key):
    entries = zipfile.ZipFile(path).infolist()
    told = {entry.filename: [entry.date_time, entry.external_attr, entry.CRC, entry.file_size] for entry in entries}
print(json.dumps([key, told], sort_keys=True))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what builds the layer for AWS by `sam build`, from a copy of the project, and returns its folder."""
    environment()
    sam = environments.sam(ROOT)

    def build(name: str, *, age: int, umask: int) -> Path:
        home = tmp_path_factory.mktemp("layer")
        before = os.umask(umask)
        try:
            (home / name).mkdir(parents=True)
            root = project_copy(home / name)
            for path in root.rglob("*"):
                if ".venv" not in path.parts:
                    os.utime(path, (age, age), follow_symlinks=False)
            command = [str(sam.path / "bin" / "sam"), "build", "CoreLayer", "--build-dir", str(home / "build")]
            done = subprocess.run(
                [*command, "--template-file", str(root / "template.yaml"), "--region", "us-east-1"],
                cwd=home,
                env={**os.environ, "SAM_CLI_TELEMETRY": "0", "TOKENSYNC_LAYER": "cloud", "TMPDIR": str(home)},
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            os.umask(before)
        assert 0 == done.returncode, done.stderr
        return home / "build" / "CoreLayer"

    return build


@pytest.fixture(scope="module")
def layers(built: Callable[..., Path]) -> tuple[Path, Path]:
    """Return two builds: from another directory, another time, under other habits of file modes."""
    return built("one", age=1_000_000_000, umask=0o022), built("a much/longer one", age=1_700_000_000, umask=0o077)


def tree(layer: Path) -> dict[str, tuple[int, bytes]]:
    """Return each file with its mode and bytes."""
    files = (path for path in layer.rglob("*") if path.is_file())
    return {str(path.relative_to(layer)): (path.stat().st_mode, path.read_bytes()) for path in files}


def packed(layer: Path) -> Any:
    """Return what SAM would upload."""
    python = str(environments.sam(ROOT).python)
    return json.loads(subprocess.run([python, "-c", PACKED, str(layer)], capture_output=True, check=True).stdout)


def test_two_builds_are_byte_identical(layers: tuple[Path, Path]) -> None:
    """Every file, compiled ones among them, and its mode."""
    first, second = map(tree, layers)

    assert first.keys() == second.keys()
    assert [] == [name for name in first if first[name] != second[name]]


def test_two_builds_are_one_upload(layers: tuple[Path, Path]) -> None:
    """SAM names it by its content: the second deployment uploads nothing. Every entry of the archive is the same."""
    first, second = map(packed, layers)

    assert first == second
    assert {(1980, 1, 1, 0, 0, 0)} == {tuple(date) for date, *_ in first[1].values()}
    assert [] == [name for name, (_, mode, *_) in first[1].items() if (mode >> 16) & 0o022 or not (mode >> 16) & 0o444]


def test_nothing_of_the_builder_is_in_it(layers: tuple[Path, Path]) -> None:
    """No directory, no record of an installer, nothing of the embedded stack's layer."""
    _, layer = layers
    files = tree(layer)

    assert [] == [name for name, (_, content) in files.items() if os.fsencode(layer.parents[1]) in content]
    assert [] == [name for name in files if name.endswith(("RECORD", "INSTALLER", "direct_url.json"))]
    assert [] == [name for name in files if "tokensync_host" in name]
    assert "python/tokensync/aws/wiring.py" in files
