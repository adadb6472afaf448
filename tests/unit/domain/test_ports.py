"""`Ports` says that every use case holds ports and no state, so that threads may share it: this holds it to that."""

from __future__ import annotations

import ast
from pathlib import Path

CORE = Path(__file__).parents[3] / "layers/core/python/tokensync"
# What a batch fetches once and keeps, under a lock; and the composition, which is made once.
WITH_STATE = {"Session", "Sessions", "_Shared", "RotationParts", "CallbackParts"}
CLASSES = [
    node
    for path in sorted(CORE.rglob("*.py"))
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.ClassDef)
]


def is_frozen(node: ast.ClassDef) -> bool:
    """Return whether a class is a frozen dataclass."""
    return any(
        "dataclass(" in (text := ast.unparse(decorator)) and "frozen=True" in text for decorator in node.decorator_list
    )


def fields(node: ast.ClassDef) -> dict[str, str]:
    """Return a class's annotated fields."""
    found = (item for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name))
    return {item.target.id: ast.unparse(item.annotation) for item in found}  # type: ignore[union-attr]


def made_with_ports(node: ast.ClassDef) -> bool:
    """Return whether a class has a constructor of its own that takes the ports."""
    made = (item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__")
    return any("ports: Ports" in ast.unparse(item.args) for item in made)


def test_every_use_case_that_holds_ports_is_a_frozen_dataclass() -> None:
    """It cannot take on a state after it was made."""
    use_cases = [node for node in CLASSES if "ports" in fields(node)]

    assert len(use_cases) > 20
    assert [] == [node.name for node in use_cases if not is_frozen(node)]


def test_the_ports_of_a_use_case_are_ports() -> None:
    """The field is of the one type, so that nothing else hides under its name."""
    assert {"Ports"} == {fields(node)["ports"] for node in CLASSES if "ports" in fields(node)}


def test_what_takes_ports_and_has_a_state_is_known() -> None:
    """No other class takes the ports by a constructor of its own."""
    assert {node.name for node in CLASSES if made_with_ports(node)} == WITH_STATE
