"""What commands answer of a consumer: whether it took a pair, whether it accepts its store, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.domain.command_line import CommandPattern, typed
from tokensync.domain.connection import Status
from tokensync.domain.messages import FailureClass
from tokensync.entry.command_answers import NO_TOKEN_YET, Wording, Words, joined, refused, to_repeat
from tokensync.entry.exit_codes import FAILED, LATER
from tokensync.operate.summary import INVITE, filled
from tokensync.providers import CONSUMERS
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.command_line import CommandLine
    from tokensync.domain.messages import Failure
    from tokensync.domain.names import ConnectionName
    from tokensync.oauth.consumer import Mend
    from tokensync.refresh.result import WorkResult

_TRANSIENT = (FailureClass.BUSY, FailureClass.NOT_SENT, FailureClass.AMBIGUOUS)


def not_pushed(result: WorkResult, to: str) -> Words:
    """Word what kept a pair from being sent to the consumer `to`."""
    words = {
        Result.NOTHING_DUE: NO_TOKEN_YET,
        **to_repeat(CommandPattern("tokensync push {name} --to {to}", {"to": to})),
    }
    record = result.record
    if record is not None and record.status is not Status.QUARANTINED:
        refresh = CommandPattern(
            "tokensync refresh {name} --force" if record.status is Status.HELD else "tokensync refresh {name}"
        )
        words[Result.HELD] = Wording(
            LATER, "its refresh token may be spent: a refresh has to settle that first", refresh
        )
    return words


def of_push_failure(name: ConnectionName, to: str, result: WorkResult, failure: Failure) -> dict[str, Any]:
    """Return what is answered where the consumer `to` did not take a pair, or did not say that it did."""
    again = typed("tokensync push {name} --to {to}", name=name, to=to)
    detail = joined(failure.kind, failure.code, failure.message)
    record = result.record
    is_lost = failure.kind is FailureClass.AMBIGUOUS and record is not None and record.due.push_at is None
    if result.result is Result.HELD or is_lost:
        message = (
            f"{name}: {to} gave no answer, and it is not known whether the pair arrived: look there first ({detail})"
        )
        return refused("unanswered", message, again.adding("--again"), FAILED)
    why, following = _mended(name, to, failure, again)
    message = f"{name}: {to} did not take the pair ({detail}){why}"
    return refused("push_failed", message, following, LATER if failure.kind in _TRANSIENT else FAILED)


def of_check(name: ConnectionName, to: str, result: WorkResult) -> dict[str, Any] | None:
    """Return what is answered where the consumer `to` does not accept its store, or was not asked; None if it does."""
    failure, record = result.failure, result.record
    if result.result is Result.VERIFIED:
        return None
    push = typed("tokensync push {name} --to {to}", name=name, to=to)
    if failure is None:
        return refused(
            result.result.value, f"{name}: its store could not be checked now", push.adding("--check"), LATER
        )
    detail = joined(failure.kind, failure.code, failure.message)
    if failure.kind in _TRANSIENT:
        return refused("not_checked", f"{name}: {to} did not say ({detail})", push.adding("--check"), LATER)
    owned = record is not None and record.consumer.handed_over_at is not None
    # What was given away is not handed over twice: only another authorization brings a pair.
    why, following = _mended(name, to, failure, filled(INVITE, name) if owned else push)
    return refused("store_refused", f"{name}: {to} does not accept its store ({detail}){why}", following, FAILED)


def _mended(name: ConnectionName, to: str, failure: Failure, otherwise: CommandLine) -> tuple[str, CommandLine]:
    """Return what a return code means, as it follows a sentence, and the command that mends it."""
    consumer = CONSUMERS.get(to)
    mend: Mend | None = None if consumer is None else consumer.mends.get(failure.code)
    if mend is None:
        return "", otherwise
    return f": {mend.why}", filled(mend.command, name) if mend.command else otherwise
