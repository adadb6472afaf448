"""Reads JSON from outside strictly where a token could be a guess; its errors repeat nothing of the content."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

AS_LATIN_1 = "tokensync.latin_1"
"""The error handler by which a byte that is no UTF-8 reads as its Latin-1 character, so that names are shown well."""


class NotStrictJson(ValueError):
    """The bytes are not one JSON object in UTF-8 whose every name has one value."""


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(AS_LATIN_1, _as_latin_1)


def text_of(data: bytes) -> str:
    """Return bytes as text, without a byte order mark.

    No token is harmed by a byte that is no UTF-8: it becomes a character outside of ASCII, which no token may hold.
    """
    return data.decode("utf-8", AS_LATIN_1).lstrip("\ufeff")


def each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object by name. One that comes twice with the same value was meant once.

    Raises:
        NotStrictJson: a name has two values. Parsers disagree about which one wins, and a token must not be a guess.
    """
    made = dict(pairs)
    if len(made) != len(pairs) and any(_written(made[name]) != _written(value) for name, value in pairs):
        raise NotStrictJson("a name has two values")
    return made


def _written(value: object) -> str:
    """Return a value as JSON, because to Python 1, 1.0 and True are equal."""
    return json.dumps(value, sort_keys=True)


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in `data`.

    Raises:
        NotStrictJson: it is no JSON object, is in UTF-16 or UTF-32, is nested too deep, gives a name two values, or
            holds a number of thousands of digits.
    """
    parsed = _parsed(data)
    if not isinstance(parsed, dict):
        raise NotStrictJson("not an object")
    return parsed


def parse_list(data: bytes) -> list[Any]:
    """Return the JSON list in `data`.

    Raises:
        NotStrictJson: as `parse_object`, where it is no list.
    """
    parsed = _parsed(data)
    if not isinstance(parsed, list):
        raise NotStrictJson("not a list")
    return parsed


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(text_of(data), object_pairs_hook=each_once)
    except (ValueError, RecursionError):
        # from None: JSONDecodeError keeps the whole document, which may hold tokens.
        raise NotStrictJson("not strict JSON") from None
