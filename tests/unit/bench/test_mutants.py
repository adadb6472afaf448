"""The small faults that `make mutants` puts into the code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.mutants.__main__ import CORE, LINES, REVIEWED, ROOMS, WHOLE, Line, Mutant, lines_of, reviewed, sample
from bench.mutants.operators import mutants_of

ROOT = Path(__file__).parents[3]


def changes(source: str) -> list[tuple[str, str]]:
    """Return the kinds of the mutants of a source, each with the line that it makes of the last one."""
    return [(one.kind, one.apply(source).splitlines()[-1].strip()) for one in mutants_of("m.py", source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = b < c", {("comparison", "a = b <= c"), ("comparison", "a = b >= c")}),
        ("a = b is c", {("comparison", "a = b is not c")}),
        ("a = b and c", {("and/or", "a = (b or c)"), ("one operand less", "a = (b)"), ("one operand less", "a = (c)")}),
        ("a = not b", {("not", "a = bool(b)")}),
        ("if b: c", {("condition", "if (not (b)): c")}),
        ("a = 1", {("constant", "a = 2"), ("constant", "a = 0")}),
        ("a = True", {("constant", "a = False")}),
        ("a = Status.HELD", {("member", "a = Status.REAUTHORIZE")}),
        ("a = b + c", {("arithmetic", "a = b - c")}),
        ("f(a)", {("statement", "pass")}),
        ("def f():\n    return g", {("return", "return None")}),
        ("a = replace(b, c=d, e=f)", {("without c", "a = replace(b, e=f)"), ("without e", "a = replace(b, c=d)")}),
        (
            'a = "#b = :c AND #d < :e"',
            {
                ("clause", "a = '#d < :e'"),
                ("clause", "a = '#b = :c'"),
                ("clause", "a = '#b <> :c AND #d < :e'"),
                ("clause", "a = '#b >= :c AND #d < :e'"),
                ("clause", "a = '#b = :c AND #d <= :e'"),
            },
        ),
        (
            'a = f"attribute_exists(#b) OR {c}"',
            {
                ("clause", "a = f'{c}'"),
                ("clause", "a = f'attribute_exists(#b)'"),
                ("clause", "a = f'attribute_not_exists(#b) OR {c}'"),
            },
        ),
    ],
)
def test_a_place_becomes(source: str, expected: set[tuple[str, str]]) -> None:
    """Each kind of place is changed in each of its ways, and the rest of the text stays."""
    assert sorted(expected) == sorted(changes(source))


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of 1 line."""',
        "a: int | None",
        "self.ports.log.warning(1)",
        "self.ports.failpoints.reached(1)",
        'a = Error(f"{b} is not {c + d}")',
        "if TYPE_CHECKING: import a",
        "@dataclass(frozen=True)\nclass A: pass",
    ],
)
def test_what_no_test_should_hold_is_left_alone(source: str) -> None:
    """Words for people, types, and places that are there for tests alone."""
    assert [] == changes(source)


def test_a_mutant_knows_its_place_in_any_alphabet() -> None:
    """Offsets count characters, where the parser counts bytes."""
    source = 'é = "ü"\nÄ = "✓", 1'

    assert [("constant", 'Ä = "✓", 0'), ("constant", 'Ä = "✓", 2')] == sorted(changes(source))


def test_a_mutant_knows_its_statement() -> None:
    """A change in the middle of a statement is run with that statement; one in a body with its own."""
    source = "def f():\n    if (\n        a and\n        b < c\n    ):\n        g(\n            1\n        )"
    found = {(one.kind, one.number, one.statement) for one in mutants_of("m.py", source)}

    assert {("comparison", 4, 2), ("constant", 7, 6), ("statement", 6, 6)} <= found


def test_a_sample_is_the_same_for_its_seed() -> None:
    """Another seed draws other mutants out of the same."""
    one, of = sample(["authorize"], 20, 1)

    assert (one, of) == sample(["authorize"], 20, 1)
    assert one != sample(["authorize"], 20, 2)[0]
    assert 20 == len(one) < of


def test_every_file_of_a_room_has_tests_to_meet() -> None:
    """The tests of each room exist."""
    assert set(ROOMS) <= LINES.keys()
    for room in LINES:
        for places in lines_of(str(CORE / room / "any.py")):
            assert [] == [place for place in places if not (ROOT / place).exists()]
    assert all((ROOT / place).exists() for place in WHOLE.values())


def test_only_tests_that_run_a_line_are_run_for_it() -> None:
    """By name where they are few, and all of a folder where a line is run at import."""
    line = Line(("tests/unit/x",), 1.0, {"m.py": {3: ["t.py::b|run", "t.py::a|setup"], 4: [""], 5: ["t.py::c|run"]}})
    expected = [["t.py::a", "t.py::b"], ["tests/unit/x"], ["t.py::c"], []]
    mutants = [Mutant("m.py", number, number, "", 0, "", "", "") for number in (3, 4, 5, 6)]

    assert expected == [line.tests_of(mutant) for mutant in mutants]


def test_a_reviewed_mutant_is_known_by_its_text() -> None:
    """Whatever its line's number has become; another change of the same line is not reviewed by it."""
    one, other = mutants_of("m.py", "a = b\n\na = b < c")
    entry = {"file": "m.py", "line": "a = b < c", "old": one.old, "new": one.new, "why": "because"}

    assert ["because", ""] == [reviewed(mutant, [entry]) for mutant in (one, other)]


def test_every_review_has_a_reason() -> None:
    """Nobody is asked to believe it."""
    for entry in json.loads(REVIEWED.read_text()):
        assert {"file", "line", "old", "new", "why"} == entry.keys()
        assert 20 < len(entry["why"])
