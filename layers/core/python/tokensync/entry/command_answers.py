"""What commands answer: for every result, failure and error its words, its exit code and the next command.

Why a connection needs a look is worded in `operate.summary`, and how an authorization ended in
`entry.authorization_answers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tokensync.domain import errors
from tokensync.domain.command_line import CommandPattern, next_fields, typed
from tokensync.domain.connection import Reason, Status
from tokensync.domain.messages import FailureClass
from tokensync.domain.text import utc
from tokensync.domain.visible import Line, visible
from tokensync.entry.exit_codes import FAILED, LATER, NEEDS_SELLER, NOT_FOUND, USAGE
from tokensync.operate.summary import BY_STATUS, GIVEN_AWAY, INVITE, RETRIED, condition, due_again, filled, summary
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.command_line import Next
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.runtime import Budget
    from tokensync.refresh.result import WorkResult

    Command = Callable[[Mapping[str, Any], Budget], dict[str, Any]]


class Wording(NamedTuple):
    """The words for one way in which a command ends. `next` has places for `{app}` and `{name}`."""

    exit: int
    why: str
    next: CommandPattern


Words = dict[Result, Wording]
# Why a connection is held that a refresh, even a forced one, does not help.
_FOR_A_HAND = (Reason.OTHER_ACCOUNT, Reason.ENDPOINT_CHANGED)

_AGAIN_SOON = Line("the same command again in a minute")
# The functions' alias that operators invoke: their policy allows nothing else of a function.
OPERATORS_ALIAS = "operator"

# By type, most special first: the exit code and the next command, which has places for `{app}` and `{account}`.
_ERRORS: tuple[tuple[type[errors.TokensyncError], int, CommandPattern | Line], ...] = (
    (errors.UnknownConnection, NOT_FOUND, CommandPattern("tokensync list")),
    (errors.UnknownApp, NOT_FOUND, CommandPattern("tokensync app list")),
    (errors.InvalidName, USAGE, CommandPattern("tokensync --help")),
    (errors.AppPaused, FAILED, CommandPattern("tokensync app show {app}")),
    (errors.AlreadyStands, FAILED, CommandPattern("tokensync import {app} --account {account} --replace")),
    (errors.AlreadyConsumed, NEEDS_SELLER, CommandPattern("tokensync invite {app}")),
    (errors.BeginFirst, USAGE, CommandPattern("tokensync paste {app} --begin")),
    (errors.BadRequest, USAGE, CommandPattern("tokensync paste --help")),
    (errors.InviteRefused, USAGE, CommandPattern("tokensync invite {app}")),
    (errors.BadMetadata, FAILED, CommandPattern("tokensync app add NAME --provider oauth2 --endpoint token=URL")),
    (errors.InvalidApp, FAILED, CommandPattern("tokensync app show {app}")),
    (errors.NewerSchema, FAILED, CommandPattern("tokensync deploy")),
    (errors.QueueUnavailable, LATER, _AGAIN_SOON),
    (errors.StoreUnavailable, LATER, _AGAIN_SOON),
    (errors.SealingUnavailable, LATER, _AGAIN_SOON),
    (errors.TokensyncError, FAILED, CommandPattern("tokensync list")),
)

_ELSEWHERE = "another worker is at this connection"
_NO_TIME = "the function had too little time left"
_BUSY = "the provider is busy"
# Results after which the schedule tries again: the answer says when.
_TRIED_AGAIN = (Result.POSTPONED, Result.TOO_EARLY, Result.BUSY, Result.HELD, Result.PAUSED)
NO_TOKEN_YET = Wording(LATER, "it has no access token yet", CommandPattern("tokensync refresh {name}"))
# Results that a connection's own condition explains. The words here are for a record that has none.
_BY_CONDITION: Words = {
    # Somebody who asked for a refresh can insist on it; elsewhere nothing helps but to wait.
    Result.HELD: Wording(LATER, BY_STATUS[Status.HELD].why, CommandPattern("tokensync refresh {name} --force")),
    Result.REAUTHORIZE: Wording(NEEDS_SELLER, BY_STATUS[Status.REAUTHORIZE].why, INVITE),
    Result.DISCONNECTED: Wording(NEEDS_SELLER, BY_STATUS[Status.DISCONNECTED].why, INVITE),
    Result.OWNED_BY_CONSUMER: Wording(FAILED, GIVEN_AWAY.why, INVITE),
    Result.ORPHANED: Wording(FAILED, BY_STATUS[Status.ORPHANED].why, CommandPattern("tokensync publish {name}")),
}
# Every result that is no success, as a refresh words it; a command may word some of them in its own way.
_GENERAL: Words = {
    Result.POSTPONED: Wording(LATER, RETRIED.why, CommandPattern("tokensync show {name}")),
    Result.TOO_EARLY: Wording(LATER, "its provider does not renew it yet", CommandPattern("tokensync refresh {name}")),
    Result.BUSY: Wording(LATER, _BUSY, CommandPattern("tokensync refresh {name} --wait")),
    Result.LEASED_ELSEWHERE: Wording(LATER, _ELSEWHERE, CommandPattern("tokensync refresh {name}")),
    Result.TAKEN_OVER: Wording(LATER, "the seller authorized again meanwhile", CommandPattern("tokensync show {name}")),
    Result.NO_TIME: Wording(LATER, _NO_TIME, CommandPattern("tokensync refresh {name}")),
    Result.KEPT: Wording(
        LATER, "the answer is kept; the table did not take it", CommandPattern("tokensync show {name}")
    ),
    Result.PAUSED: Wording(FAILED, "its app is paused", CommandPattern("tokensync app show {app}")),
    **_BY_CONDITION,
}


def refused(kind: str, message: str, next_command: Next, code: int) -> dict[str, Any]:
    """Return the answer that says no: a word for why, a sentence, the next command, and the exit code."""
    error = {"class": kind, "message": visible(message), **next_fields(next_command)}
    return {"ok": False, "error": error, "exit": code}


def not_by_alias() -> dict[str, Any]:
    """Return the answer to what came neither by the operators' alias nor from where the function's events come."""
    message = f"commands come by the function's alias {OPERATORS_ALIAS}; this command line is older than the stack"
    return refused("not_by_alias", message, Line("update this command line"), FAILED)


def answered(event: Mapping[str, Any], commands: Mapping[str, Command], budget: Budget) -> dict[str, Any]:
    """Carry out the command that an event names, and return its answer, or what the error means that it raised."""
    command = commands.get(str(event.get("tokensync")))
    if command is None:
        return refused(
            "unknown_command", "this version of the stack does not know that command", typed("tokensync deploy"), FAILED
        )
    try:
        return command(event, budget)
    except errors.NotOffered as error:
        return refused("NotOffered", str(error), error.next_command, FAILED)
    except errors.TokensyncError as error:
        app = str(event.get("app") or str(event.get("connection") or "").partition("/")[0]) or "APP"
        _, code, following = meaning(error, app=app, account=str(event.get("account") or "ID"))
        return refused(type(error).__name__, str(error), following, code)


def meaning(
    error: errors.TokensyncError, *, app: str = "APP", account: str = "ID"
) -> tuple[type[errors.TokensyncError], int, Next]:
    """Return the most special kind of an error that is listed here, with its exit code and the next command."""
    kind, code, following = next(row for row in _ERRORS if isinstance(error, row[0]))
    return kind, code, following if isinstance(following, Line) else following.filled(app=app, account=account)


def of_work(name: ConnectionName, result: WorkResult, *, prefix: str, own: Words | None = None) -> dict[str, Any]:
    """Return what is answered of work on a connection. `own` words some results in the command's own way.

    `prefix` is the first part of secrets' names.
    """
    record = None if result.record is None else summary(result.record, prefix=prefix)
    answer = {"result": result.result.value, "connection": record}
    words = _worded(result, own or {})
    if words is None:
        return {"ok": True, **answer}
    error = result.record.last_error if result.record is not None else None
    detail = result.withheld or ("" if error is None else joined(error.failure, error.code, error.message))
    due = result.until or (due_again(result.record) if result.record and result.result in _TRIED_AGAIN else None)
    until = f" until {utc(due)}" if due and result.result is Result.BUSY else ""
    if due and result.result is Result.TOO_EARLY:
        until, detail = f": not before {utc(due)}", ""
    message = f"{name}: {words.why}{until}{in_brackets(detail)}"
    told = refused(result.result.value, message, filled(words.next, name), words.exit)
    return {**told, **answer, **({"due_at": due} if due else {})}


def _worded(work: WorkResult, own: Words) -> Wording | None:
    """Return the words for a result, those of the connection's condition where they say more; None for a success."""
    result, record = work.result, work.record
    words = own.get(result) or _GENERAL.get(result)
    if words is None:
        return None
    if work.withheld and (not own or Result.NO_TIME in own):
        # What a command asked for is done when it comes again; a refresh is tried again by itself.
        following = (own.get(result) or own.get(Result.NO_TIME) or words).next
        return Wording(LATER, "AWS or the app's own secret withheld what it needs now", following)
    needs = None if record is None else condition(record)
    if record is None or needs is None:
        return words
    if result is Result.HELD and (record.status is Status.QUARANTINED or needs.word in _FOR_A_HAND):
        # No time makes it better.
        code = NEEDS_SELLER if needs.word == Reason.RESTORED_TABLE else FAILED
        words = Wording(code, needs.why, needs.next_command)
    elif result is Result.POSTPONED and record.unpublished:
        words = Wording(LATER, needs.why, CommandPattern("tokensync show {name}"))
    elif result in _BY_CONDITION and result not in own:
        words = Wording(words.exit, needs.why, words.next if needs.word == Reason.AMBIGUOUS else needs.next_command)
    return words


def to_repeat(again: CommandPattern) -> Words:
    """Word what kept a command from being done; the same command, `again`, does it."""
    return {
        Result.LEASED_ELSEWHERE: Wording(LATER, _ELSEWHERE, again),
        Result.NO_TIME: Wording(LATER, _NO_TIME, again),
        Result.BUSY: Wording(LATER, _BUSY, again),
        Result.TAKEN_OVER: _GENERAL[Result.TAKEN_OVER],
    }


# What commands word in their own way.
NOT_VERIFIED: Words = {
    Result.POSTPONED: Wording(
        LATER, "the provider did not say whether its token works", CommandPattern("tokensync verify {name}")
    ),
    **to_repeat(CommandPattern("tokensync verify {name}")),
}
NOT_PUBLISHED: Words = {
    Result.NOTHING_DUE: NO_TOKEN_YET,
    Result.ORPHANED: Wording(
        FAILED, "its secret is not ours, or is being deleted", CommandPattern("tokensync history {name}")
    ),
    **to_repeat(CommandPattern("tokensync publish {name}")),
}
NOT_REMOVED: Words = {
    Result.POSTPONED: Wording(
        LATER, "it was not removed: AWS did not answer as it should", CommandPattern("tokensync remove {name}")
    ),
    **to_repeat(CommandPattern("tokensync remove {name}")),
}


def not_imported(result: WorkResult) -> Words:
    """Word an import whose token the provider did not confirm; the connection is kept, and says why."""
    error = None if result.record is None else result.record.last_error
    if error is not None and error.failure == FailureClass.REFUSED:
        refusal = Wording(NEEDS_SELLER, "imported, but the provider refuses this token", INVITE)
        return dict.fromkeys((Result.HELD, Result.REAUTHORIZE, Result.POSTPONED), refusal)
    later = "imported, and not proved yet; it is tried again by itself"
    return {
        Result.POSTPONED: Wording(LATER, later, CommandPattern("tokensync show {name}")),
        Result.TAKEN_OVER: Wording(
            FAILED, "a later authorization took its place", CommandPattern("tokensync show {name}")
        ),
    }


def not_accepted(result: WorkResult, *, force: bool) -> Words:
    """Word what kept a connection from being accepted."""
    record = result.record
    if record is None:
        return to_repeat(CommandPattern("tokensync accept {name}"))
    needs = condition(record)
    if record.status is not Status.QUARANTINED:
        why = f"it is {record.status}, not quarantined: there is nothing to accept"
        following = CommandPattern("tokensync show {name}") if needs is None else needs.next_command
        return {
            Result.NOTHING_DUE: Wording(FAILED, why, following),
            **to_repeat(CommandPattern("tokensync accept {name}")),
        }
    presented = record.attempt is not None and record.exemption is None
    why = "its tokens have ended"
    if result.failure is not None:
        why = "the provider refuses its refresh token"
    elif record.reason == Reason.RESTORED_TABLE and not force:
        why = (
            "its tokens may have been spent or replaced since the backup; --force presents its refresh token, or "
            "publishes its access token where it has no other"
        )
    elif presented and not force:
        why = "its refresh token was presented before, and no new one came; --force presents it once more"
    with_force, without = CommandPattern("tokensync accept {name} --force"), CommandPattern("tokensync accept {name}")
    again = with_force if force or presented else without
    return {
        Result.REAUTHORIZE: Wording(NEEDS_SELLER, why, INVITE),
        Result.POSTPONED: Wording(LATER, "it stays quarantined: the provider gave no token now", again),
        **to_repeat(CommandPattern("tokensync accept {name}")),
    }


def of_trial(app: str, result: WorkResult | None) -> dict[str, Any]:
    """Return what is answered of the trial of a new client secret; None where no connection can prove it."""
    if result is None:
        message = f"app {app} has no active connection that could prove the new client secret"
        return refused("NoConnection", message, typed("tokensync app rotate-secret {app} --finish", app=app), FAILED)
    answer = {"result": result.result.value, "connection": str(result.record.name) if result.record else None}
    if result.result in (Result.REFRESHED, Result.VERIFIED):
        return {"ok": True, **answer}
    failure = result.failure
    detail = "" if failure is None else in_brackets(joined(failure.kind, failure.code, failure.message))
    following = typed("tokensync app rotate-secret {app}", app=app)
    if result.result is Result.SECRET_REFUSED:
        message = f"the provider refuses the new client secret{detail}"
        return {**refused("secret_refused", message, following, FAILED), **answer}
    message = f"the attempt says nothing about the new client secret: {result.result}{detail}"
    return {**refused("not_proven", message, following, LATER), **answer}


def joined(*parts: str) -> str:
    """Return the parts that are not empty as one text."""
    return " ".join(filter(None, parts))


def in_brackets(detail: str) -> str:
    """Return a detail as it follows a sentence, nothing where there is none."""
    return f" ({detail})" if detail else ""
