"""Every fault that must lose nothing, and every row of what real servers do, is held by a test that names it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fault_rows import ROWS, fault
from field_rows import FIELD_ROWS, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TESTS = Path(__file__).parents[1]
COLLECTED = ("test_*.py", "contracts/*.py")  # the classes of the latter are run by the adapters' tests


def named(source: str, mark: str = "fault") -> Iterator[str]:
    """Yield the rows that a file's tests name: by a decorator such as `fault(...)`, or by the `marks` of a case."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                yield from rows(decorator, mark)
                for inner in ast.walk(decorator):
                    if isinstance(inner, ast.keyword) and inner.arg == "marks":
                        yield from rows(inner.value, mark)


def rows(node: ast.expr, mark: str) -> Iterator[str]:
    """Yield the rows of a mark, none where it is another one."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == mark:
        yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))


@pytest.mark.parametrize(("mark", "register"), [("fault", ROWS), ("field", FIELD_ROWS)], ids=["faults", "field"])
def test_every_row_is_held(mark: str, register: Mapping[str, str]) -> None:
    """Some test of some layer names each row: it is read from the files, as no run collects every layer."""
    files = [file for files in COLLECTED for file in TESTS.rglob(files)]
    held = {name for file in files for name in named(file.read_text(), mark)}

    assert [] == sorted(register.keys() - held)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@fault('F1', 'F2')\ndef test_it(): ...", ["F1", "F2"]),
        ("class Contract:\n    @fault('F1')\n    def test_it(self): ...", ["F1"]),
        ("@pytest.mark.parametrize('x', [pytest.param(1, marks=fault('F1'))])\ndef test_it(x): ...", ["F1"]),
        ("@fault('F1')\ndef helper(): ...", []),
        ("def test_it():\n    fault('F1')", []),
        ("@pytest.mark.parametrize('x', [fault('F1')])\ndef test_it(x): ...", []),
    ],
    ids=["decorator", "method", "case", "no test", "inside", "no mark"],
)
def test_only_a_mark_on_a_test_holds_a_row(source: str, expected: list[str]) -> None:
    """A call elsewhere, or on something that is not run, holds nothing."""
    assert expected == list(named(source))


def test_a_row_that_nobody_wrote_cannot_be_named() -> None:
    """A test that names a row by a slip of the pen is not collected."""
    with pytest.raises(ValueError, match="F99"):
        fault("F99")
    with pytest.raises(ValueError, match="A99"):
        field("A99")
