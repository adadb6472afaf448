from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from tokensync_cli.sandbox.records import BadRecordError, read, to_json


@dataclass(frozen=True)
class Inner:
    """A record within a record."""

    word: str


@dataclass(frozen=True)
class Outer:
    """One field of every kind."""

    number: int
    share: float = 0.0
    way: Literal["left", "right"] = "left"
    maybe: str | None = None
    flag: bool = False
    inners: tuple[Inner, ...] = ()
    words: dict[str, str] = field(default_factory=dict)
    free: Any = None
    code: int | str | None = None


@pytest.mark.parametrize("code", [1, "invalid_grant", None])
def test_reads_every_kind_of_field(code: Any) -> None:
    """A record survives the way to JSON and back; defaults, null and whole numbers are taken where they fit."""
    record = Outer(1, 0.5, "right", "x", flag=True, inners=(Inner("a"),), words={"k": "v"}, free=[1], code=code)
    assert record == read(Outer, to_json(record))
    assert Outer(1, 2.0) == read(Outer, {"number": 1, "share": 2, "maybe": None})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "the body must be a JSON object"),
        ({}, "number is missing"),
        ({"number": 1, "nubmer": 1}, "unknown field nubmer"),
        ({"number": True}, "number must be an integer"),
        ({"number": None}, "number must be an integer"),
        ({"number": 1, "way": "up"}, "way must be one of left, right"),
        ({"number": 1, "flag": 1}, "flag must be true or false"),
        ({"number": 1, "inners": {}}, "inners must be a list"),
        ({"number": 1, "inners": [{"word": 1}]}, r"inners\[0\].word must be a string"),
        ({"number": 1, "words": {"k": 1}}, "words.k must be a string"),
        ({"number": 1, "words": []}, "words must be a JSON object"),
        ({"number": 1, "code": True}, "code must be a string"),
    ],
)
def test_names_the_field_that_does_not_fit(value: Any, text: str) -> None:
    """The error says which field is wrong and what it should be."""
    with pytest.raises(BadRecordError, match=text):
        read(Outer, value)
