"""A connection's status and reason change in one place: `transitions` for responses, `decisions` for people."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[3] / "layers/core/python/tokensync"
STATE_MACHINE = ("refresh/transitions.py", "refresh/decisions.py")
MODULES = [str(path.relative_to(CORE)) for path in sorted(CORE.rglob("*.py"))]


def given_states(source: str) -> list[int]:
    """Return the lines that give a record a status or a reason: by any `replace`, or `Connection`."""
    tree = ast.parse(source)
    names = {"Connection", "replace"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("dataclasses", "copy"):
            names |= {name.asname or name.name for name in node.names if name.name == "replace"}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _called(node.func) in names
        and {"status", "reason"} & {keyword.arg for keyword in node.keywords}
    ]


def _called(function: ast.expr) -> str:
    """Return the last part of what is called by name."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


@pytest.mark.parametrize("module", [name for name in MODULES if name not in STATE_MACHINE])
def test_no_other_module_gives_a_record_its_state(module: str) -> None:
    """What becomes of a connection is read in two modules, and nowhere else."""
    assert [] == given_states((CORE / module).read_text())


@pytest.mark.parametrize("module", STATE_MACHINE)
def test_the_state_machine_is_found(module: str) -> None:
    """The scan sees what it looks for."""
    assert given_states((CORE / module).read_text())


@pytest.mark.parametrize(
    "source",
    [
        "from dataclasses import replace as changed\nchanged(record, reason='refused')\n",
        "import dataclasses\ndataclasses.replace(record, reason='refused')\n",
    ],
)
def test_another_way_to_call_replace_is_found(source: str) -> None:
    """Neither an alias nor a module before it hides anything."""
    assert [2] == given_states(source)
