"""A command that people copy and type: words, rendered so that a shell reads them back as they were."""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokensync.domain.visible import Line, is_seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokensync.domain.names import ConnectionName

_PLACE = re.compile(r"\{([a-z_]+)\}")
_END_OF_OPTIONS = "--"
# Within $'…' these end the quotes, begin an escape, or are expanded by a shell's history.
_ESCAPED = frozenset("'\\!")
# They choose how the character before them is drawn, most often as it is without them.
_VARIATION_SELECTORS = frozenset(
    "\u180b\u180c\u180d\u180f" + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)


@dataclass(frozen=True)
class CommandLine:
    """A command, word by word. Its text is what a shell takes: what is pasted is what is shown.

    Args:
        words: the program, its subcommands, options and arguments, none of them quoted.
    """

    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(map(quoted, self.words))

    def adding(self, words: str, /, **values: str | ConnectionName) -> CommandLine:
        """Return the command with more options; `words` and `values` as for `typed`."""
        return self._with(typed(words, **values).words)

    def option(self, name: str, value: str) -> CommandLine:
        """Return the command with one more option of a value."""
        return self._with(_option(name, value))

    def _with(self, options: Iterable[str]) -> CommandLine:
        end = self.words.index(_END_OF_OPTIONS) if _END_OF_OPTIONS in self.words else len(self.words)
        return CommandLine((*self.words[:end], *options, *self.words[end:]))


# What helps next: a command, or a line where no command alone does it.
Next = CommandLine | Line


def next_fields(following: Next | None) -> dict[str, Any]:
    """Return what an answer says to do next.

    `next` is text that can be pasted, empty where nothing is to be done; `next_words`, where it is one command, the
    same word by word. Earlier versions know the first alone.
    """
    words = {"next_words": list(following.words)} if isinstance(following, CommandLine) else {}
    return {"next": "" if following is None else str(following), **words}


def typed(words: str, /, **values: str | ConnectionName) -> CommandLine:
    """Return the command of these words, a literal, with each `{place}` filled in by its value.

    A value that begins with a hyphen becomes no option: after an option's name it is joined to that by `=`, and
    elsewhere `--` comes before it.
    """
    filled: list[str] = []
    arguments: list[str] = []
    for word in words.split(" "):
        text = _PLACE.sub(lambda place: str(values[place[1]]), word)
        if word == text or word.startswith("-") or not _is_dashed(text):
            filled.append(text)
        elif filled[-1].startswith("--"):
            filled += _option(filled.pop(), text)
        else:
            arguments.append(text)
    return CommandLine((*filled, *((_END_OF_OPTIONS, *arguments) if arguments else ())))


def _option(name: str, value: str) -> tuple[str, ...]:
    return (f"{name}={value}",) if _is_dashed(value) else (name, value)


def _is_dashed(value: str) -> bool:
    return value.startswith("-") and value != "-"  # alone it is stdin, and no option


@dataclass(frozen=True)
class CommandPattern:
    """A command with places, as tables of words hold it: `CommandPattern("tokensync show {name}")`, a literal.

    `given` fills some of them already.
    """

    words: str
    given: Mapping[str, str] = field(default_factory=dict)

    def filled(self, **values: str | ConnectionName) -> CommandLine:
        """Return the command for these values; it need not have a place for each."""
        return typed(self.words, **{**values, **self.given})


def quoted(word: str) -> str:
    r"""Return a word as a shell reads it back, on one line, each invisible character as an escape.

    These stand in `$'…'` as the octal digits of their bytes, which bash, zsh and ksh read in every locale and which
    POSIX.1-2024 §2.2.4 defines; `\u` needs a newer bash and a locale of UTF-8.
    """
    if all(map(is_plain, word)):
        # zsh expands a word that begins with `=`; what shlex knows is POSIX.
        return f"'{word}'" if word.startswith("=") and shlex.quote(word) == word else shlex.quote(word)
    return f"$'{''.join(map(_spelled, word))}'"


def is_plain(char: str) -> bool:
    """Return whether a character is seen as what it is: of all spaces only one is."""
    if " " <= char <= "~":
        return True
    return is_seen(char) and unicodedata.category(char) != "Zs" and char not in _VARIATION_SELECTORS


def _spelled(char: str) -> str:
    if is_plain(char) and char not in _ESCAPED:
        return char
    try:
        octets = char.encode("utf-8", "surrogateescape")  # what was no UTF-8 in a file's name
    except UnicodeEncodeError:
        octets = char.encode("utf-8", "surrogatepass")
    return "".join(f"\\{octet:03o}" for octet in octets)


def read_command(text: str) -> CommandLine | None:
    """Return the command that a text is, None where it is none: an earlier version answered with text alone."""
    if "$'" in text:  # later versions alone write it, and they give the words as well
        return None
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    return CommandLine(tuple(words)) if words and words[0] in _PROGRAMS else None


def command_of(words: object) -> CommandLine | None:
    """Return the command that a list of words from JSON is, None where it is none."""
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        return None
    return CommandLine(tuple(words))


_PROGRAMS = frozenset({"tokensync", "sam", "aws"})
