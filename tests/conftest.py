"""One embedded stack for all tests that need one, in a directory of its own: nothing of the user's is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from standing import copied, standing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stack import Stack


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what is deployed, with the environments of this checkout."""
    return copied(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def stack(project: Path) -> Iterator[Stack]:
    """Return the deployed stack; it is taken down afterwards."""
    with standing(project) as stack:
        yield stack
