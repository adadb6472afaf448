"""The rotation function's commands about what others hold: a consumer's pair, and an app's new client secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokensync.domain.connection import Status
from tokensync.domain.messages import FailureClass
from tokensync.domain.names import ConnectionName, app_name
from tokensync.entry.callback_commands import FAILED, LATER, refused, told_outcome
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.messages import Failure
    from tokensync.domain.runtime import Budget
    from tokensync.entry.callback_commands import Command
    from tokensync.operate.push import Handover
    from tokensync.operate.rotate_secret import SecretTrial
    from tokensync.refresh.result import WorkResult

_TRANSIENT = frozenset({FailureClass.BUSY, FailureClass.NOT_SENT, FailureClass.AMBIGUOUS})


@dataclass(frozen=True, kw_only=True)
class Handing:
    """What operators ask about others' copies."""

    handover: Handover
    trial: SecretTrial
    prefix: str

    def commands(self) -> Mapping[str, Command]:
        """Return the commands by name."""
        return {"push": self._push, "prove": self._prove}

    def _push(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name, to = ConnectionName.parse(str(event["connection"])), str(event["to"])
        outcome = self.handover.push(name, to, budget, again=event.get("again") is True)
        again = f"tokensync push {name} --to {to}"
        if outcome.failure is not None and outcome.result is not Result.PUSHED:
            return _not_pushed(name, to, outcome, outcome.failure)
        words = {
            Result.NOTHING_DUE: (LATER, "it has no access token yet", "tokensync refresh {name}"),
            Result.LEASED_ELSEWHERE: (LATER, "another worker is at this connection", again),
            Result.NO_TIME: (LATER, "the function had too little time left", again),
        }
        seen = outcome.record
        if outcome.result is Result.HELD and seen is not None and seen.status is not Status.QUARANTINED:
            following = "tokensync refresh {name}" + (" --force" if seen.status is Status.HELD else "")
            words[Result.HELD] = (
                LATER,
                "its refresh token may be spent: a refresh has to settle that first",
                following,
            )
        answer = told_outcome(name, outcome, prefix=self.prefix, otherwise=words)
        record = outcome.record
        return answer if record is None else {**answer, "pushed": record.consumer.pushed, "owner": record.owner}

    def _prove(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        app = app_name(str(event["app"]))
        wanted = event.get("connection")
        connection = ConnectionName.parse(str(wanted)) if wanted else None
        outcome = self.trial.prove(app, budget, connection=connection)
        if outcome is None:
            message = f"app {app} has no active connection that could prove the new client secret"
            return refused("NoConnection", message, f"tokensync app rotate-secret {app} --finish", FAILED)
        proven = outcome.result in (Result.REFRESHED, Result.VERIFIED)
        told = {"result": outcome.result.value, "connection": str(outcome.record.name) if outcome.record else None}
        if proven:
            return {"ok": True, **told}
        why = "" if outcome.failure is None else f" ({_words(outcome.failure)})"
        following = f"tokensync app rotate-secret {app}"
        if outcome.result is Result.SECRET_REFUSED:
            return {
                **refused("secret_refused", f"the provider refuses the new client secret{why}", following, FAILED),
                **told,
            }
        message = f"the attempt told nothing of the new client secret: {outcome.result}{why}"
        return {**refused("not_proven", message, following, LATER), **told}


def _words(failure: Failure) -> str:
    return " ".join(filter(None, (failure.kind, failure.code, failure.message)))


def _not_pushed(name: ConnectionName, to: str, outcome: WorkResult, failure: Failure) -> dict[str, Any]:
    again = f"tokensync push {name} --to {to}"
    record = outcome.record
    is_lost = failure.kind is FailureClass.AMBIGUOUS and record is not None and record.due.push_at is None
    if outcome.result is Result.HELD or is_lost:
        message = f"{name}: {to} gave no answer, and nobody knows whether the pair arrived: look there first"
        return refused("unanswered", f"{message} ({_words(failure)})", f"{again} --again", FAILED)
    following = f"tokensync app set-consumer-key {name.app}" if failure.kind is FailureClass.CONFIGURATION else again
    code = LATER if failure.kind in _TRANSIENT else FAILED
    return refused("push_failed", f"{name}: {to} did not take the pair ({_words(failure)})", following, code)
