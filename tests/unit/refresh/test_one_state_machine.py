"""A connection's status and reason change in one place: `transitions` for responses, `decisions` for people."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[3] / "layers/core/python/tokensync"
STATE_MACHINE = ("refresh/transitions.py", "refresh/decisions.py")
BEGINNING = "authorize/establish.py"  # the record that a new grant brings has a status from the start
MODULES = [str(path.relative_to(CORE)) for path in sorted(CORE.rglob("*.py"))]


def given_states(source: str) -> list[int]:
    """Return the lines that give a record a status or a reason: by `replace`, under any name, or by `Connection`."""
    tree = ast.parse(source)
    names = {"Connection"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("dataclasses", "copy"):
            names |= {name.asname or name.name for name in node.names if name.name == "replace"}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (node.func.id if isinstance(node.func, ast.Name) else "") in names
        and {"status", "reason"} & {keyword.arg for keyword in node.keywords}
    ]


@pytest.mark.parametrize("module", [name for name in MODULES if name not in (*STATE_MACHINE, BEGINNING)])
def test_no_other_module_gives_a_record_its_state(module: str) -> None:
    """What becomes of a connection is read in two modules, and nowhere else."""
    assert [] == given_states((CORE / module).read_text())


@pytest.mark.parametrize("module", STATE_MACHINE)
def test_the_state_machine_is_found(module: str) -> None:
    """The scan sees what it looks for."""
    assert given_states((CORE / module).read_text())


def test_a_renamed_replace_is_found() -> None:
    """An alias hides nothing."""
    assert [2] == given_states("from dataclasses import replace as changed\nchanged(record, reason='refused')\n")
