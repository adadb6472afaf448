"""One embedded stack for all tests that need one, in a directory of its own: nothing of the user's is touched."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stack import Stack
from tokensync_cli.embedded import stack as embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parents[1]
_PARTS = ("template.yaml", "samconfig.toml", "pyproject.toml", "uv.lock", "README.md", "LICENSE", "functions", "layers")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what is deployed, with the environments of this checkout."""
    root = tmp_path_factory.mktemp("project")
    for part in _PARTS:
        source = _HERE / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / part)
    (root / ".venv").symlink_to(_HERE / ".venv")
    return root


@pytest.fixture(scope="session")
def stack(project: Path) -> Iterator[Stack]:
    """Return the deployed stack; it is taken down afterwards."""
    outputs = embedded.up(project, progress=lambda _text: None)
    try:
        yield Stack(project, outputs)
    finally:
        embedded.down(project, progress=lambda _text: None)
