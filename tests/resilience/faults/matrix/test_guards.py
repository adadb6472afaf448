"""Each guard that `make faults` takes out stands in the core as it is."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from faults.matrix.guards import GUARDS, Guard

CORE = Path(__file__).parents[4] / "layers" / "core" / "python"


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_can_be_taken_out(guard: Guard, tmp_path: Path) -> None:
    """Its text stands exactly once, and what is left is Python."""
    file = tmp_path / "tokensync" / guard.file
    file.parent.mkdir(parents=True)
    shutil.copy(CORE / "tokensync" / guard.file, file)
    guard.taken_out(tmp_path)

    assert guard.text not in file.read_text()
    ast.parse(file.read_text())
