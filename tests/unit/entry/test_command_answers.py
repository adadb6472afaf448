"""The one table of answers: every result and error has its words, and a command that a shell takes as it is."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tokensync.domain import errors
from tokensync.domain.command_line import CommandPattern, typed
from tokensync.domain.connection import Reason, Status
from tokensync.domain.names import ConnectionName
from tokensync.entry import command_answers, push_answers
from tokensync.entry.exit_codes import FAILED, LATER, NEEDS_SELLER, NOT_FOUND, USAGE
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection

ODD = ConnectionName("shop", "an {account}; it's odd")
DONE = {
    Result.REFRESHED, Result.PUBLISHED, Result.VERIFIED, Result.REVOKED, Result.REMOVED, Result.PUSHED,
    Result.NOTHING_DUE, Result.SECRET_REFUSED,
}  # fmt: skip
FAILURES = sorted(set(Result) - DONE)


@pytest.mark.parametrize(
    "own", [None, command_answers.NOT_REMOVED, command_answers.to_repeat(CommandPattern("tokensync x {name}"))]
)
@pytest.mark.parametrize("result", FAILURES)
def test_every_failure_has_words_and_a_command(result: Result, own: command_answers.Words | None) -> None:
    """The account may be called whatever it likes: its name is one word of the command."""
    answer = command_answers.of_work(ODD, WorkResult(result), prefix="p", own=own)

    assert (False, result.value) == (answer["ok"], answer["error"]["class"])
    assert answer["exit"] in (FAILED, LATER, NEEDS_SELLER)
    assert answer["error"]["message"].startswith(f"{ODD}: ")
    words = shlex.split(answer["error"]["next"])
    assert "tokensync" == words[0]
    assert {"shop", str(ODD)} & set(words)


def test_a_push_can_be_repeated_whatever_the_account_is_called(record: Connection) -> None:
    """Braces in a name are no places to fill."""
    result = WorkResult(Result.LEASED_ELSEWHERE, replace(record, name=ODD))
    own = push_answers.not_pushed(result, "api2cart")
    answer = command_answers.of_work(ODD, result, prefix="p", own=own)

    assert ["tokensync", "push", str(ODD), "--to", "api2cart"] == shlex.split(answer["error"]["next"])


@pytest.mark.parametrize("result", sorted(DONE - {Result.SECRET_REFUSED}))
def test_what_was_done_is_no_failure(record: Connection, result: Result) -> None:
    """Such an answer has no exit code: it is 0."""
    answer = command_answers.of_work(record.name, WorkResult(result, record), prefix="p")

    assert (True, result.value, False) == (answer["ok"], answer["result"], "exit" in answer)


def test_a_held_connection_is_explained_by_its_condition(record: Connection) -> None:
    """The words and the command are those of `list` and `show`."""
    held = replace(record, status=Status.HELD, reason=Reason.OTHER_ACCOUNT)
    answer = command_answers.of_work(record.name, WorkResult(Result.HELD, held), prefix="p")

    assert answer["connection"]["why"] in answer["error"]["message"]
    assert (FAILED, answer["connection"]["next"]) == (answer["exit"], answer["error"]["next"])


@pytest.mark.parametrize(
    ("error", "event", "code", "following"),
    [
        (errors.AppPaused("paused"), {"app": "shop"}, FAILED, "tokensync app show shop"),
        (errors.InvalidApp("broken"), {"connection": "shop/a"}, FAILED, "tokensync app show shop"),
        (errors.InvalidApp("broken"), {}, FAILED, "tokensync app show APP"),
        (
            errors.AlreadyStands("there"),
            {"app": "shop", "account": "a b{c}"},
            FAILED,
            "tokensync import shop --account 'a b{c}' --replace",
        ),
        (errors.BeginFirst("pkce"), {"app": "shop"}, USAGE, "tokensync paste shop --begin"),
        (errors.AlreadyConsumed("used"), {"app": "shop"}, NEEDS_SELLER, "tokensync invite shop"),
        (errors.UnknownConnection("none"), {"connection": "shop/a"}, NOT_FOUND, "tokensync list"),
        (errors.StoreUnavailable("down"), {}, LATER, "the same command again in a minute"),
        (errors.NotOffered("no", next_command=typed("tokensync x")), {}, FAILED, "tokensync x"),
        (errors.PublishError("no"), {}, FAILED, "tokensync list"),
    ],
)
def test_an_error_is_answered_with_the_command_that_helps(
    error: errors.TokensyncError, event: dict[str, str], code: int, following: str
) -> None:
    """The app and the account of the event are filled in, as a shell takes them."""

    def fails(*_: object) -> dict[str, object]:
        raise error

    answer = command_answers.answered({"tokensync": "x", **event}, {"x": fails}, None)  # type: ignore[arg-type]

    said = answer["error"]
    words = said.pop("next_words", None)
    assert words is None or words == shlex.split(following)
    assert {"class": type(error).__name__, "message": str(error), "next": following} == said
    assert (False, code) == (answer["ok"], answer["exit"])
