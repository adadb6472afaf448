"""Every row of the vendors' pages is held by a test that names it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from rows import ELSEWHERE, ROWS, row

HERE = Path(__file__).parent
TESTS = HERE.parents[1]


def test_every_row_is_held(request: pytest.FixtureRequest) -> None:
    """Of all tests that were collected, some test names each row; a row that a test elsewhere holds names that test."""
    items = [item for item in request.session.items if item.path.parent == HERE]
    if {item.path for item in items} != set(HERE.glob("test_*.py")) or request.config.option.keyword:
        pytest.skip("only a part of the suite was collected")
    held = {name for item in items for mark in item.iter_markers("row") for name in mark.args}

    assert sorted(ROWS - held - ELSEWHERE.keys()) == []
    assert sorted(held & ELSEWHERE.keys()) == []


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_test_elsewhere_is_there(place: str) -> None:
    """The test that is said to hold a row exists."""
    file, _, name = place.partition("::")
    defined = {
        node.name for node in ast.walk(ast.parse((TESTS / file).read_text())) if isinstance(node, ast.FunctionDef)
    }

    assert name in defined


def test_only_known_rows_stand_elsewhere() -> None:
    """What is held elsewhere is a row."""
    assert ELSEWHERE.keys() <= ROWS


def test_a_row_that_nobody_wrote_cannot_be_named() -> None:
    """A test that names a row by a slip of the pen is not collected."""
    with pytest.raises(ValueError, match=r"4\.3 4010"):
        row("4.3 4010")
