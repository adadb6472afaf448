"""Finds the places of a source file at which one small change makes another program, and makes that change.

A mutant replaces one span of the text and leaves the rest as it is, so that its line is the product's own line. What no
test should hold is left alone: log lines, the words of errors, annotations, docstrings, named places for tests.
"""

from __future__ import annotations

import ast
import copy
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
}
# One member of an enumeration for another that a slip of the pen could name.
_MEMBERS = {
    "FailureClass": ("NOT_SENT", "BUSY", "AMBIGUOUS", "CONFIGURATION", "REFUSED", "UNKNOWN"),
    "Status": ("ACTIVE", "HELD", "REAUTHORIZE", "DISCONNECTED", "ORPHANED", "QUARANTINED"),
    "Phase": ("IDLE", "SENT", "RECEIVED"),
    "Exemption": ("SAFE", "GRACE", "LAST_ATTEMPT", "OPERATOR", "NOT_PROCESSED"),
    "AuthorizationState": ("WORKING", "CONNECTED", "CANCELLED", "FAILED", "QUARANTINED"),
    "RefreshReuse": ("SINGLE_USE", "GRACE", "SAFE"),
}
# Calls whose keywords have defaults, so that leaving one out makes a program and not a TypeError.
_OPTIONAL = frozenset({
    "replace", "with_due", "with_authorized", "with_consumer", "Work", "WorkResult", "Change", "Attempt", "Grant",
    "GrantSource", "Failure", "Issued", "get_item", "query", "update_item", "put_item", "_pages", "noted",
})  # fmt: skip
# Not the protocol: what only people read, and what only tests reach.
_SPARED = re.compile(r"\.(log\.\w+|failpoints\.reached)$")
_CLAUSE = re.compile(r" AND | OR ")
_TESTS = (
    (" <= ", " < "), (" < ", " <= "), (" > ", " >= "), (" <> ", " = "), (" = ", " <> "), (" = ", " >= "),
    (r" \+ ", " - "),
    (r"\battribute_exists", "attribute_not_exists"), (r"\battribute_not_exists", "attribute_exists"),
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one file: `old` at the offset `start` becomes `new`. `line` is the text of its line, `number`.

    `statement` is the first line of the statement that it is in.
    """

    file: str
    number: int
    statement: int
    line: str
    start: int
    old: str
    new: str
    kind: str

    def apply(self, text: str) -> str:
        """Return the file's text with the change in it."""
        if not text.startswith(self.old, self.start):
            raise ValueError(f"{self.file} is not the text that this mutant was made from")
        return text[: self.start] + self.new + text[self.start + len(self.old) :]

    def __str__(self) -> str:
        old, new = (" ".join(part.split()) for part in (self.old, self.new))
        return f"{self.file}:{self.number}  {self.kind}: {old[:90]}  ->  {new[:90] or 'nothing'}"


def mutants_of(file: str, text: str) -> list[Mutant]:
    """Return every mutant of a file. A few are no programs at all: see `is_a_program`."""
    tree = ast.parse(text)
    spared = _spared(tree)
    lines = text.splitlines(keepends=True)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    found = []
    for node in ast.walk(tree):
        if id(node) in spared:
            continue
        for place, changed, kind in _placed(node):
            start = _offset(lines, place.lineno, place.col_offset)
            old = text[start : _offset(lines, place.end_lineno, place.end_col_offset)]
            new = changed if isinstance(changed, str) else ast.unparse(ast.fix_missing_locations(changed))
            line, statement = lines[place.lineno - 1].strip(), _statement(statements, place)
            made = Mutant(file, place.lineno, statement, line, start, old, new, kind)
            if new != old:
                found.append(made)
    return sorted(found, key=lambda one: (one.start, one.kind, one.new))


def _statement(statements: list[ast.stmt], place: Any) -> int:
    """Return the first line of the innermost statement around a place."""
    around = (one.lineno for one in statements if one.lineno <= place.lineno and _end(one) >= place.end_lineno)
    return max(around, default=place.lineno)


def _end(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno


def _offset(lines: list[str], number: int, column: int) -> int:
    """Return the offset in characters of a place that `ast` gives in UTF-8 bytes."""
    line = lines[number - 1].encode()[:column].decode()
    return sum(map(len, lines[: number - 1])) + len(line)


def is_a_program(text: str) -> bool:
    """Return whether a text can be parsed."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _spared(tree: ast.Module) -> set[int]:
    """Return the nodes that are left alone, each with all that is in it."""
    spared: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            parts.append(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.append(node)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and not _names_ended(node.exc):
            parts += node.exc.args
        if isinstance(node, ast.Expr) and _is_spared(node.value):
            parts.append(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts += node.decorator_list
        if isinstance(node, ast.JoinedStr):  # words, but for the clauses of a condition, which are changed as a whole
            parts += node.values
        spared |= {id(inner) for part in parts if part is not None for inner in ast.walk(part)}
    return spared


def _is_spared(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and _SPARED.search(ast.unparse(value.func)) is not None


def _names_ended(call: ast.Call) -> bool:
    """Return whether what is raised carries a result and not words."""
    return isinstance(call.func, ast.Name) and call.func.id == "LeaseEnded"


def _placed(node: Any) -> Iterator[tuple[Any, ast.AST | str, str]]:
    """Yield the node that is replaced, what it becomes, and the kind of the change."""
    tests = [node.test] if isinstance(node, ast.If | ast.While | ast.IfExp) else getattr(node, "ifs", [])
    for test in tests:
        if not isinstance(test, ast.Constant | ast.Compare):  # a comparison is turned by its own operator
            yield test, f"(not ({ast.unparse(test)}))", "condition"
    yield from ((node, changed, kind) for changed, kind in _changes(node))


def _changes(node: Any) -> Iterator[tuple[ast.AST | str, str]]:
    """Yield what a node may become, each with the kind of the change."""
    for operator in (_logic, _arithmetic, _constants, _conditions, _statements, _fewer_keywords):
        yield from operator(node)


def _logic(node: Any) -> Iterator[tuple[ast.AST | str, str]]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARED:
            yield _with(node, ops=[_COMPARED[type(op)]()]), "comparison"
            if type(op) in _TURNED:
                yield _with(node, ops=[_TURNED[type(op)]()]), "comparison"
        case ast.BoolOp(op=op, values=values):
            yield f"({ast.unparse(_with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And()))})", "and/or"
            for index in range(len(values)):
                rest = [value for at, value in enumerate(values) if at != index]
                fewer = rest[0] if len(rest) == 1 else _with(node, values=rest)
                yield f"({ast.unparse(fewer)})", "one operand less"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield f"bool({ast.unparse(operand)})", "not"


def _arithmetic(node: Any) -> Iterator[tuple[ast.AST | str, str]]:
    if isinstance(node, ast.BinOp) and not _is_text(node.left) and not _is_text(node.right):
        if isinstance(node.op, ast.Add):
            yield _with(node, op=ast.Sub()), "arithmetic"
        elif isinstance(node.op, ast.Sub):
            yield _with(node, op=ast.Add()), "arithmetic"


def _constants(node: Any) -> Iterator[tuple[ast.AST | str, str]]:
    match node:
        case ast.Constant(value=bool(value)):
            yield str(not value), "constant"
        case ast.Constant(value=int(value)):
            yield from ((str(other), "constant") for other in (value + 1, value - 1) if other >= 0)
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in _MEMBERS.get(name, ()):
            members = _MEMBERS[name]
            yield f"{name}.{members[(members.index(attr) + 1) % len(members)]}", "member"


def _statements(node: Any) -> Iterator[tuple[ast.AST | str, str]]:
    match node:
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield "return None", "return"
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.Raise() | ast.AugAssign():
            yield "pass", "statement"


def _fewer_keywords(node: Any) -> Iterator[tuple[ast.AST | str, str]]:
    if isinstance(node, ast.Call) and _last(node.func) in _OPTIONAL:
        for index, keyword in enumerate(node.keywords):
            if keyword.arg is not None:
                rest = [one for at, one in enumerate(node.keywords) if at != index]
                yield _with(node, keywords=rest), f"without {keyword.arg}"


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _last(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _is_condition(text: str) -> bool:
    """Return whether a string is an expression of DynamoDB: a placeholder for an attribute, and a test of it."""
    return "#" in text and any(word in text for word in (" = ", "<", "attribute_", "begins_with", " + "))


def _conditions(node: Any) -> Iterator[tuple[ast.AST | str, str]]:
    """Yield a condition of DynamoDB, as source text, with one clause less or with one test changed."""
    if not isinstance(node, ast.JoinedStr) and not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return
    text = ast.unparse(node)
    opening = re.match(r"\w?['\"]", text)
    if opening is None or not _is_condition(text):
        return
    ends = [opening.end(), *(word.start() for word in _CLAUSE.finditer(text)), len(text) - 1]
    for start, end in itertools.pairwise(ends):
        # A clause goes with the word before it, the first with the word behind it.
        changed = text[:start] + (_CLAUSE.sub("", text[end:], count=1) if start == ends[0] else text[end:])
        if len(ends) > 2 and changed.count("(") == changed.count(")"):
            yield changed, "clause"
    for old, new in _TESTS:
        for place in re.finditer(old, text):
            yield text[: place.start()] + new + text[place.end() :], "clause"
