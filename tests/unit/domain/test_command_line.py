"""A command is pasted as it is shown, and a shell reads back the words that it was made of."""

from __future__ import annotations

import os
import shutil
import subprocess
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.hostile import CONTROLS, HOSTILE
from tokensync.domain.command_line import CommandLine, CommandPattern, command_of, next_fields, read_command, typed
from tokensync.domain.names import ConnectionName
from tokensync.domain.visible import Line

SHELLS = [shell for shell in ("bash", "zsh", "ksh") if shutil.which(shell)]
# An argument can hold all but NUL; a lone surrogate is a byte of a file's name that was no UTF-8, or nothing at all.
WORDS = [*HOSTILE.values(), *(text.replace("\0", "").replace("\ud800", "") for text in CONTROLS.values()), "", "-", "é"]


def read_back(shell: str, *commands: CommandLine, locale: str = "C.UTF-8") -> list[str]:
    """Return all words that a shell reads in these commands, one for each line."""
    script = "\n".join(f"printf '%s\\0' {command}" for command in commands)
    variables = {**os.environ, "LC_ALL": locale}
    done = subprocess.run([shell, "-c", script], capture_output=True, check=True, timeout=60, env=variables)
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_reads_the_words_back(shell: str, locale: str) -> None:
    """Whatever they hold, in any locale, each word arrives as it was."""
    assert WORDS == read_back(shell, CommandLine(tuple(WORDS)), locale=locale)
    assert WORDS == read_back(shell, *(CommandLine((word,)) for word in WORDS), locale=locale)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=20, max_size=60))
def test_any_word_is_read_back(words: list[str]) -> None:
    """There is no text but NUL that an argument cannot carry."""
    assert words == read_back("bash", CommandLine(tuple(words)))


@given(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=1, max_size=5))
def test_what_is_shown_is_all_there_is(words: list[str]) -> None:
    """A command is one line, and every character of it is seen; of all spaces it has the plain one."""
    shown = str(CommandLine(tuple(words)))

    assert [shown] == shown.splitlines() or not shown
    assert not {unicodedata.category(char) for char in shown.replace(" ", "")} & {
        "Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs",
    }  # fmt: skip


@pytest.mark.parametrize("char", ["\u034f", "\u115f", "\u17b4", "\u2800", "\u3164", "\uffa0", "\ufe0f", "\U000e0100"])
def test_what_unicode_calls_a_letter_may_be_blank(char: str) -> None:
    """Fillers and variation selectors are escaped although their category is one of letters or marks."""
    assert char not in str(CommandLine((f"a{char}b",)))


def test_plain_words_stay_as_they_are() -> None:
    """Nothing is quoted that need not be."""
    name = ConnectionName("tiktok-shop", "7010736057180325637")

    assert f"tokensync refresh {name} --force" == str(typed("tokensync refresh {name} --force", name=name))


def test_zsh_expands_no_word_that_begins_with_its_sign() -> None:
    """`=touch` unquoted is the path of that program there."""
    assert "tokensync '=touch' a=b" == str(CommandLine(("tokensync", "=touch", "a=b")))


def test_a_place_is_one_word() -> None:
    """A value with braces and spaces is not filled again and not parted."""
    command = typed("tokensync push {name} --to {to}", name="shop/{to} x", to="a b")

    assert ("tokensync", "push", "shop/{to} x", "--to", "a b") == command.words


def test_a_value_becomes_no_option() -> None:
    """After an option it is joined to it, elsewhere it comes behind `--`; a lone hyphen is stdin."""
    assert ("x", "--account=-y", "--replace") == typed("x --account {id} --replace", id="-y").words
    assert ("x", "--force", "--", "--yes") == typed("x {name} --force", name="--yes").words
    assert ("x", "--file", "-") == typed("x --file {path}", path="-").words
    assert ("x", "set", "--label=-l") == typed("x set").option("--label", "-l").words


def test_options_are_added_before_the_end_of_options() -> None:
    """What comes behind `--` is no option any more."""
    assert ("x", "--stack", "prod", "--", "-y") == typed("x {name}", name="-y").adding("--stack {s}", s="prod").words


def test_a_pattern_may_be_filled_in_part() -> None:
    """A table holds what is known, and the rest comes later; it need not have a place for each."""
    pattern = CommandPattern("tokensync push {name} --to {to}", {"to": "api2cart"})

    assert "tokensync push shop/1 --to api2cart" == str(pattern.filled(app="shop", name="shop/1"))


def test_an_answer_holds_text_and_words() -> None:
    """The text can be pasted, as it always could; the words are the same, for whoever adds to them."""
    command = typed("tokensync show {name}", name="shop/a\u202eb")

    assert {"next": "tokensync show $'shop/a\\342\\200\\256b'", "next_words": list(command.words)} == next_fields(
        command
    )
    assert {"next": "the same again"} == next_fields(Line("the same again"))
    assert {"next": ""} == next_fields(None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tokensync show 'shop/an id'", ("tokensync", "show", "shop/an id")),
        ("sam deploy", ("sam", "deploy")),
        ("the same command again in a minute", None),
        ("tokensync show 'shop", None),
        ("rm -rf /", None),
        ("tokensync show $'shop/\\342'", None),
        ("", None),
    ],
)
def test_an_earlier_version_answers_with_text_alone(text: str, words: tuple[str, ...] | None) -> None:
    """Text that is one of our commands is read word by word; what is none stays a line to read."""
    read = read_command(text)

    assert words == (None if read is None else read.words)


@pytest.mark.parametrize("words", [None, [], "tokensync", ["tokensync", 1], {"a": 1}])
def test_what_is_no_list_of_words_is_no_command(words: object) -> None:
    """An answer of another version may hold anything."""
    assert command_of(words) is None
