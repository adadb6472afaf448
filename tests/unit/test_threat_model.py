"""The threat model names a test for each threat, and each row of what comes in at the door and of what is secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fault_rows import ROWS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/threat-model.md").read_text()
SOURCES = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
TESTS = set(re.findall(r"^ *def (test_\w+)\(", SOURCES, re.MULTILINE))
# Each row of a table: the registered rows, the threat, what stops it, the proof.
THREATS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "test_" in line
]


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat[1][:60])
def test_a_threat_names_tests_that_exist(threat: list[str]) -> None:
    """What stops it stands beside it, and each proof is a test of this tree."""
    rows, _, stops, proof = threat
    named = re.findall(r"`(test_\w+)`", proof)

    assert stops
    assert named
    assert [] == [name for name in named if name not in TESTS]
    assert set(filter(None, rows.split(", "))) <= ROWS.keys()


def test_each_row_at_the_door_and_of_secrets_is_a_threat() -> None:
    """Nothing that is registered as an attack is left out of the page."""
    registered = {name for name in ROWS if re.fullmatch(r"C\d+|D .+", name)}

    assert [] == sorted(registered - {row for rows, *_ in THREATS for row in rows.split(", ")})
