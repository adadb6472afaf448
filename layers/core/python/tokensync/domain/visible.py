"""Text for people: what is shown is all there is, on one line, whoever chose it."""

from __future__ import annotations

import unicodedata

# Cc control, Cf format (all bidi overrides and isolates), Cs lone surrogates, Co private use, Cn unassigned, Zl and Zp
# separators of lines and paragraphs: none of them is seen, and some move what is.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Of other categories, and blank all the same: fillers that Unicode calls default ignorable (DerivedCoreProperties.txt),
# and the blank of Braille.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PLANE = 0x1_0000
LONGEST_VALUE = 1_000  # characters: more than an account id has


def is_seen(char: str) -> bool:
    """Return whether a character leaves something to see, or a space."""
    return " " <= char <= "~" or (unicodedata.category(char) not in UNSEEN and char not in _BLANK)


def visible(text: str) -> str:
    r"""Return text as one line on which each invisible character stands as its escape, such as `\u202e` or `\n`.

    What is shown so is shown as it is when it is shown again.
    """
    return "".join(char if is_seen(char) else _escape(char) for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    return _NAMED.get(char) or (f"\\u{code:04x}" if code < _PLANE else f"\\U{code:08x}")


class Line:
    """One line that people read: our own words, with places for values from anywhere.

    The words are a literal, so that nobody else chooses them; a test holds every call to that. Each value stands there
    as `visible` shows it, cut after `LONGEST_VALUE` characters. What takes a line takes no text: an f-string is none.
    """

    __slots__ = ("_text",)

    def __init__(self, words: str, /, **values: object) -> None:
        self._text = words.format(**{name: _value(value) for name, value in values.items()})

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Line({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Line) else NotImplemented

    def __hash__(self) -> int:
        return hash((Line, self._text))


def _value(value: object) -> str:
    """Return a value as it stands in a line; what is no text has a text of its own, such as a name or a command."""
    if not isinstance(value, str):
        return visible(str(value))
    return visible(value) if len(value) <= LONGEST_VALUE else f"{visible(value[:LONGEST_VALUE])}…"
