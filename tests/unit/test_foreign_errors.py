"""The text of a foreign error goes nowhere: it may quote a request, a response or a key.

An error of our own says only what we wrote. Of any other the type counts, or the code that AWS gave it.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fault_rows import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for room in ("layers/core/python/tokensync", "functions")
    for path in sorted((ROOT / room).rglob("*.py"))
}
# What may take a foreign error: each reads its type, its places or AWS's code, and none its text.
READERS = {"type", "code_of", "_reasons", "isinstance", "self.log.failure", "self.ports.log.failure"}
# AWS's own names in a response, and the item that a condition met; the message is read by nobody.
FIELDS = ("error.response.get('Item')", "error.response['Error'].get('Code')")


OURS = {
    node.name for source in SOURCES.values() for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)
}


def spent(source: str, ours: set[str]) -> Iterator[str]:
    """Yield each use of a foreign error that may hold its text."""
    tree = ast.parse(source)
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None or handler.type is None:
            continue
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if {ast.unparse(one).rpartition(".")[2] for one in caught} <= ours:
            continue
        parents = {child: parent for parent in ast.walk(handler) for child in ast.iter_child_nodes(parent)}
        for use in ast.walk(handler):
            if isinstance(use, ast.Name) and use.id == handler.name and not _is_harmless(use, parents):
                yield f"{use.lineno}: {ast.unparse(parents[use])}"


def _is_harmless(use: ast.Name, parents: dict[ast.AST, ast.AST]) -> bool:
    parent = parents[use]
    if isinstance(parent, ast.Call):
        return ast.unparse(parent.func) in READERS
    around: ast.AST = use
    while around in parents and isinstance(parents[around], ast.Attribute | ast.Subscript | ast.Call):
        around = parents[around]
        if ast.unparse(around).replace(use.id, "error", 1) in FIELDS:
            return True
    return False


@fault("D foreign errors")
@pytest.mark.parametrize("name", SOURCES)
def test_no_text_of_a_foreign_error_is_used(name: str) -> None:
    """Whoever catches an error that is not ours uses its type, its places or its code."""
    assert [] == list(spent(SOURCES[name], OURS))


@pytest.mark.parametrize(
    "use",
    ["log(str(error))", "log(f'{error}')", "log(error.args)", "raise Ours('x') from error", "log(error.response)"],
)
def test_the_text_is_found_wherever_it_is_used(use: str) -> None:
    """A message, its parts, a chain and a whole response may each hold a secret."""
    assert [] != list(spent(f"try: ...\nexcept (Ours, ValueError) as error: {use}", {"Ours"}))
    assert [] == list(spent(f"try: ...\nexcept Ours as error: {use}", {"Ours"}))
