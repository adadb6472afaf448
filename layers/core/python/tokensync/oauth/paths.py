"""Finds a value in JSON by a path: the names of its members from the top, parted by dots; a number counts in a list."""

from __future__ import annotations

import re

_INDEX = re.compile(r"[0-9]{1,4}")


def found(document: object, path: str) -> object:
    """Return the value at a path, None where there is none.

    `team.id` is the member `id` of the member `team`, `shops.0.id` that of the first of a list. A member whose own
    name holds a dot is found by it, before anything is looked for below it.
    """
    name, dot, rest = path.partition(".")
    if isinstance(document, dict):
        if path in document:
            return document[path]
        inner = document.get(name)
    elif isinstance(document, list) and _INDEX.fullmatch(name) and int(name) < len(document):
        inner = document[int(name)]
    else:
        return None
    return found(inner, rest) if dot else inner
