"""Reads JSON from outside strictly; its errors repeat nothing of the content."""

from __future__ import annotations

import json
from typing import Any


class NotStrictJson(ValueError):
    """The bytes are not one UTF-8 JSON object without duplicate names."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        # Parsers disagree about which of two equal names wins, and a token must not be a guess.
        raise NotStrictJson("a name stands twice")
    return made


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in `data`.

    Raises:
        NotStrictJson: it is not UTF-8, begins with a byte order mark, is no JSON object, is nested too deep, repeats
            a name, or holds a number of thousands of digits.
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
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except (ValueError, RecursionError):
        # from None: JSONDecodeError keeps the whole document, which may hold tokens.
        raise NotStrictJson("not strict JSON") from None
