"""Every fault that must lose nothing is held by a test that names it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fault_rows import ROWS, fault

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[2]


def named(source: str) -> Iterator[str]:
    """Yield the rows that a file's tests name by `fault(...)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fault":
            yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))


def test_every_row_is_held() -> None:
    """Some test of some layer names each row: it is read from the files, as no run collects every layer."""
    files = [file for file in TESTS.rglob("*.py") if file != Path(__file__)]
    held = {name for file in files for name in named(file.read_text())}

    assert sorted(ROWS.keys() - held) == []


def test_a_row_that_nobody_wrote_cannot_be_named() -> None:
    """A test that names a row by a slip of the pen is not collected."""
    with pytest.raises(ValueError, match="F99"):
        fault("F99")
