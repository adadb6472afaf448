"""What an answer of a function says to do next, of this version and of others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tokensync.domain.command_line import CommandLine, Next, next_fields, typed
from tokensync.domain.visible import Line
from tokensync_cli.stack.invoke import FunctionRefused, ask_rotation
from tokensync_cli.stack.target import Choice

HOSTILE = typed("tokensync show {name}", name="shop/it's \u202e$(odd)")


def following(desk: Any, **said: object) -> Next:
    """Return what a refusal says to do next."""
    answer = {"ok": False, "error": {"class": "x", "message": "no", **said}, "exit": 1}
    desk.functions.script.append(json.dumps(answer).encode())
    target = desk.deployed(Choice(stack="prod"))
    with pytest.raises(FunctionRefused) as refused:
        ask_rotation(target, {"tokensync": "x"})
    return refused.value.next_command


@pytest.mark.parametrize("command", [HOSTILE, Line("the same command again in a minute")])
def test_a_command_comes_word_by_word(desk: Any, command: Next) -> None:
    """The words are the very ones, so that options can be added; a line stays a line."""
    assert command == following(desk, **next_fields(command))


def test_an_earlier_stack_says_it_as_text(desk: Any) -> None:
    """Its commands are read from what a shell would read; all else is shown as a line."""
    assert CommandLine(("tokensync", "show", "shop/an id")) == following(desk, next="tokensync show 'shop/an id'")
    assert r"look\n\u202ehere" == str(following(desk, next="look\n\u202ehere"))


@pytest.mark.parametrize("words", [[], "tokensync", [1], {"a": "b"}, None])
def test_words_that_are_none_change_nothing(desk: Any, words: object) -> None:
    """The text is there all the same, and where that is missing too, `doctor` looks at everything."""
    assert typed("tokensync list") == following(desk, next="tokensync list", next_words=words)
    assert typed("tokensync doctor") == following(desk, next_words=words)
