"""Paths into JSON."""

from __future__ import annotations

import pytest

from tokensync.oauth.paths import found

DOCUMENT = {
    "team": {"id": "T1", "none": None},
    "shops": [{"id": 7}, {"id": 8}],
    "installation.uuid": "dotted",
    "a": {"b.c": 1, "b": {"c": 2}},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("team", {"id": "T1", "none": None}),
        ("team.id", "T1"),
        ("team.none", None),
        ("team.id.x", None),
        ("shops.0.id", 7),
        ("shops.1.id", 8),
        ("shops.1", {"id": 8}),
        ("shops.2.id", None),
        ("shops.-1.id", None),
        ("shops.\N{ARABIC-INDIC DIGIT ONE}.id", None),
        ("shops.99999999", None),
        ("shops.id", None),
        ("installation.uuid", "dotted"),
        ("a.b.c", 1),
        ("missing", None),
        ("missing.deeper", None),
        ("", None),
        (".", None),
        ("team..id", None),
    ],
)
def test_a_path_leads_to_one_value(path: str, value: object) -> None:
    """Names and numbers parted by dots; a name that holds a dot itself goes first; anything else leads nowhere."""
    assert value == found(DOCUMENT, path)


@pytest.mark.parametrize("document", [None, 1, "text", True, [], {}])
def test_what_holds_nothing_has_nothing(document: object) -> None:
    """Whatever the JSON is, nothing is raised."""
    assert None is found(document, "a.0.b")
