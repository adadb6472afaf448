"""Patterns that a value from outside has to match as a whole: the part of regular expressions that cannot run away.

A pattern has literal characters, escapes, `.`, sets in brackets, groups, alternatives and repetitions, over ASCII.
Matching follows every way at once, so that no pattern takes long over any text. What a pattern does not have, such as
look-around or back references, is refused by name.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

LONGEST_VALUE = 255  # characters, as in a host's name
_LONGEST_PATTERN = 1000
_DEEPEST = 20  # groups within groups
_MOST_ENDINGS = 500
_LONGEST_ENDING = 2 * LONGEST_VALUE  # of a value, with what the template has behind it
_FEW = 10  # characters of a set that are told apart in an ending
_VISIBLE = frozenset(map(chr, range(0x21, 0x7F)))
_DIGITS, _WORD = frozenset(string.digits), frozenset(string.ascii_letters + string.digits + "_")
_CLASSES = {"d": _DIGITS, "w": _WORD, "D": _VISIBLE - _DIGITS, "W": _VISIBLE - _WORD}
_PUNCTUATION = frozenset(string.punctuation)


class NotAPattern(ValueError):
    """A text is no pattern; the message says why, in words for the operator who wrote it."""


@dataclass(frozen=True)
class Ending:
    """How texts that match may end. `whole` says that it is all of the text."""

    text: str
    whole: bool


class _Part(Protocol):
    """A part of a pattern."""

    def ends(self, text: str, starts: AbstractSet[int]) -> AbstractSet[int]:
        """Return where a match that begins at one of `starts` may end."""
        ...

    def before(self, endings: AbstractSet[Ending]) -> set[Ending]:
        """Return how a text may end that has this part before one of the given endings, each of them whole."""
        ...


@dataclass(frozen=True)
class _OneOf:
    """One character of a set."""

    chars: frozenset[str]

    def ends(self, text: str, starts: AbstractSet[int]) -> AbstractSet[int]:
        return {at + 1 for at in starts if at < len(text) and text[at] in self.chars}

    def before(self, endings: AbstractSet[Ending]) -> set[Ending]:
        if len(self.chars) > _FEW:
            return _cut(endings)
        return {Ending(f"{char}{one.text}", whole=True) for char in self.chars for one in endings}


@dataclass(frozen=True)
class _Sequence:
    parts: tuple[_Part, ...]

    def ends(self, text: str, starts: AbstractSet[int]) -> AbstractSet[int]:
        for part in self.parts:
            starts = part.ends(text, starts)
        return starts

    def before(self, endings: AbstractSet[Ending]) -> set[Ending]:
        found = set(endings)
        for part in reversed(self.parts):
            found = _longer(part, found)
        return found


@dataclass(frozen=True)
class _Alternatives:
    parts: tuple[_Part, ...]

    def ends(self, text: str, starts: AbstractSet[int]) -> AbstractSet[int]:
        return frozenset().union(*(part.ends(text, starts) for part in self.parts))

    def before(self, endings: AbstractSet[Ending]) -> set[Ending]:
        return {longer for part in self.parts for longer in part.before(endings)}


@dataclass(frozen=True)
class _Repeated:
    """A part from `least` to `most` times; None for `most` means any number."""

    part: _Part
    least: int
    most: int | None

    def ends(self, text: str, starts: AbstractSet[int]) -> AbstractSet[int]:
        found, fresh, count = set(starts) if self.least == 0 else set(), starts, 0
        while fresh and count != self.most:
            before, fresh, count = fresh, self.part.ends(text, fresh), count + 1
            if count >= self.least:
                fresh = fresh - found
                found |= fresh
            elif fresh == before:  # it may match nothing: more rounds bring nothing new
                return found | fresh
        return found

    def before(self, endings: AbstractSet[Ending]) -> set[Ending]:
        if (self.least, self.most) == (0, 1):
            return {*endings, *self.part.before(endings)}
        if self.least != self.most:
            return _cut(endings)
        found = set(endings)
        for _ in range(self.least):
            longer = _longer(self.part, found)
            if longer == found:  # one more time, and any more, says nothing new
                break
            found = longer
        return found


def _longer(part: _Part, endings: set[Ending]) -> set[Ending]:
    """Return how a text may end that has a part before one of these endings; one that is not whole stays as it is.

    Groups in groups repeat a part more often than anybody waits for: what is longer than any value is not followed.
    """
    whole = {one for one in endings if one.whole}
    longer = {*(endings - whole), *part.before(whole)}
    if len(longer) > _MOST_ENDINGS or any(len(one.text) > _LONGEST_ENDING for one in longer):
        return _cut(endings)  # what is known so far is true of all of them
    return longer


def _cut(endings: AbstractSet[Ending]) -> set[Ending]:
    """Return endings before which anything may stand."""
    return {Ending(one.text, whole=False) for one in endings}


class Pattern:
    """A pattern. Values have at most 255 visible ASCII characters."""

    def __init__(self, part: _Part) -> None:
        self._part = part

    def matches(self, value: str) -> bool:
        """Return whether all of a value matches."""
        if not 0 < len(value) <= LONGEST_VALUE or not _VISIBLE.issuperset(value):
            return False
        return len(value) in self._part.ends(value, {0})

    def endings(self, after: str = "") -> set[Ending]:
        """Return how values with the text `after` behind them may end: each value in one of these ways."""
        return self._part.before({Ending(after, whole=True)})


@lru_cache(maxsize=256)
def pattern(text: str) -> Pattern:
    """Read a pattern. `^` at its beginning and `$` at its end say nothing more.

    Raises:
        NotAPattern: it is none.
    """
    if not 0 < len(text) <= _LONGEST_PATTERN or not _VISIBLE.issuperset(text):
        raise NotAPattern(f"a pattern has 1 to {_LONGEST_PATTERN} visible ASCII characters")
    return Pattern(_Reader(text).read())


class _Reader:
    """Reads one pattern from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> _Part:
        self._taken("^")
        part = self._alternatives(depth=0)
        if self._at < len(self._text):
            raise NotAPattern("a closing bracket is not opened")
        return part

    def _alternatives(self, *, depth: int) -> _Part:
        if depth > _DEEPEST:
            raise NotAPattern(f"groups go {_DEEPEST} deep")
        parts = [self._sequence(depth=depth)]
        while self._taken("|"):
            parts.append(self._sequence(depth=depth))
        return parts[0] if len(parts) == 1 else _Alternatives(tuple(parts))

    def _sequence(self, *, depth: int) -> _Part:
        parts: list[_Part] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            if depth == 0 and self._text[self._at :] == "$":
                self._at += 1
                break
            parts.append(self._repeated(self._one(depth=depth)))
        return _Sequence(tuple(parts))

    def _one(self, *, depth: int) -> _Part:
        char = self._next()
        if char == "(":
            if self._taken("?") and not self._taken(":"):
                raise NotAPattern("a group is (…) or (?:…): there is no look-around and no flag")
            inner = self._alternatives(depth=depth + 1)
            if not self._taken(")"):
                raise NotAPattern("a group is not closed")
            return inner
        if char == "[":
            return self._set()
        if char == ".":
            return _OneOf(_VISIBLE)
        if char == "\\":
            return _OneOf(self._escaped())
        if char in "^$*+?{}]":
            raise NotAPattern(f"{char} has nothing to do where it is; the character itself is \\{char}")
        return _OneOf(frozenset(char))

    def _escaped(self) -> frozenset[str]:
        char = self._next()
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _PUNCTUATION:
            return frozenset(char)
        raise NotAPattern(f"\\{char} means nothing here")

    def _set(self) -> _Part:
        negated, chars, first = self._taken("^"), set[str](), True
        while first or self._peek() != "]":
            first = False
            found = self._escaped() if (char := self._next()) == "\\" else frozenset(char)
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                last = self._escaped() if (char := self._next()) == "\\" else frozenset(char)
                if len(found) != 1 or len(last) != 1 or (low := min(found)) > (high := min(last)):
                    raise NotAPattern("a range in brackets goes from a lower character to a higher one")
                found = frozenset(map(chr, range(ord(low), ord(high) + 1)))
            chars |= found
        self._at += 1
        return _OneOf(_VISIBLE - chars if negated else frozenset(chars))

    def _repeated(self, part: _Part) -> _Part:
        counts: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if self._peek() in counts:
            least, most = counts[self._next()]
        elif self._taken("{"):
            least, most = self._counts()
        else:
            return part
        if self._peek() in (*counts, "{"):
            raise NotAPattern("a repetition is not repeated; put it into a group")
        return _Repeated(part, least, most)

    def _counts(self) -> tuple[int, int | None]:
        inner, closed, _ = self._text[self._at :].partition("}")
        low, comma, high = inner.partition(",")
        numbers = [text for text in (low, high) if text]
        if not closed or not low or not all(text.isdigit() and int(text) <= LONGEST_VALUE for text in numbers):
            raise NotAPattern(f"a repetition is {{n}}, {{n,}} or {{n,m}}, up to {LONGEST_VALUE}")
        self._at += len(inner) + 1
        most = int(high) if high else (None if comma else int(low))
        if most is not None and most < int(low):
            raise NotAPattern("a repetition goes from the lower number to the higher one")
        return int(low), most

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise NotAPattern("it ends too early")
        self._at += 1
        return char

    def _taken(self, char: str) -> bool:
        taken = self._peek() == char
        self._at += taken
        return taken
