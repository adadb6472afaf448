"""Text that comes from outside and is shown to people: cleaned and cut before it goes anywhere."""

from __future__ import annotations

import unicodedata

LABEL_LENGTH = 100
MESSAGE_LENGTH = 200

# Cc control, Cf format (all bidi overrides and isolates), Cs lone surrogates, Co private use, Cn unassigned,
# Zl and Zp line and paragraph separators: none of them belongs in one line of text.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str) -> str:
    """Return the text without what is not seen, each break or tab a space."""
    return "".join(" " if char in "\t\n\r" else char for char in text if char in "\t\n\r" or _kept(char))


def one_line(text: str, *, length: int) -> str:
    """Return the text as one printable line of at most `length` characters."""
    cleaned = printable(text[: length * 4]).strip()
    return cleaned if len(cleaned) <= length else f"{cleaned[: length - 1]}…"


def _kept(char: str) -> bool:
    return unicodedata.category(char) not in _DROPPED
