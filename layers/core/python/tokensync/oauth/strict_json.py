"""JSON from a stranger: bounded, strict, and silent about its content when it fails."""

from __future__ import annotations

import json
from typing import Any


class NotStrictJson(ValueError):
    """The bytes are not one UTF-8 JSON object without duplicate names."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        # Parsers disagree about which of two equal names wins; with tokens that is no question to guess at.
        raise NotStrictJson("a name stands twice")
    return made


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in `data`.

    Raises:
        NotStrictJson: not UTF-8 (a byte order mark included), not JSON, not an object, too deep, duplicate names,
            or a number of thousands of digits.
    """
    try:
        parsed = json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except (ValueError, RecursionError):
        # from None: JSONDecodeError keeps the whole document, which may hold tokens.
        raise NotStrictJson("not a strict JSON object") from None
    if not isinstance(parsed, dict):
        raise NotStrictJson("not an object")
    return parsed
