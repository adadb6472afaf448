"""The rotation function's commands over a connection's whole life: import, verify, publish, revoke, remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokensync.domain.connection import Reason, Status
from tokensync.domain.errors import BadRequest
from tokensync.domain.messages import FailureClass
from tokensync.domain.names import ConnectionName
from tokensync.entry.callback_commands import FAILED, LATER, NEEDS_SELLER, USAGE, refused, told_outcome
from tokensync.operate.import_fields import FIELDS, ImportFields
from tokensync.operate.summary import condition
from tokensync.refresh.commit import LONGEST_RECOVERY, SHORTEST_RECOVERY
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.messages import Failure
    from tokensync.domain.runtime import Budget
    from tokensync.entry.callback_commands import Command
    from tokensync.operate.accept import Accepter
    from tokensync.operate.imports import Importer
    from tokensync.operate.remove import Remover
    from tokensync.operate.revoke import Revoker
    from tokensync.operate.verify import Prover
    from tokensync.refresh.result import WorkResult

    Words = dict[Result, tuple[int, str, str]]


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """What operators ask of connections beside a refresh."""

    importer: Importer
    prover: Prover
    revoker: Revoker
    remover: Remover
    accepter: Accepter
    prefix: str

    def commands(self) -> Mapping[str, Command]:
        """Return the commands by name."""
        return {
            "import": self._import,
            "verify": self._verify,
            "publish": self._publish,
            "revoke": self._revoke,
            "remove": self._remove,
            "accept": self._accept,
        }

    def _import(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = ConnectionName(str(event["app"]), str(event["account"]))
        try:
            brought = ImportFields.read({field: event[field] for field in FIELDS if field in event})
            done = self.importer.bring(name, brought, budget, replace=event.get("replace") is True)
        except BadRequest as error:
            return refused("BadRequest", f"{name}: {error}", "tokensync import --help", USAGE)
        words = _not_proved(done.outcome)
        return {**told_outcome(name, done.outcome, prefix=self.prefix, otherwise=words), "again": done.again}

    def _verify(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = ConnectionName.parse(str(event["connection"]))
        proof = self.prover.verify(name, budget)
        words: Words = {
            Result.POSTPONED: (LATER, "the provider did not say whether its token works", "tokensync verify {name}"),
            **_waiting("verify"),
        }
        if proof.refused:
            words = {}  # it is the refresh that speaks
        answer = told_outcome(name, proof.outcome, prefix=self.prefix, otherwise=words)
        return {**answer, "facts_changed": proof.facts_changed, "refused": proof.refused}

    def _publish(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = ConnectionName.parse(str(event["connection"]))
        outcome = self.remover.publish(name, budget)
        if outcome.backpressure:
            message = f"{name}: Secrets Manager did not take it; it is published later by itself"
            return refused("postponed", message, f"tokensync show {name}", LATER)
        words: Words = {
            Result.NOTHING_DUE: (LATER, "it has no access token yet", "tokensync refresh {name}"),
            Result.ORPHANED: (FAILED, "its secret is not ours, or is being deleted", "tokensync history {name}"),
            **_waiting("publish"),
        }
        return told_outcome(name, outcome, prefix=self.prefix, otherwise=words)

    def _revoke(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = ConnectionName.parse(str(event["connection"]))
        done = self.revoker.revoke(name, budget, local=event.get("local") is True)
        if done.failure is not None:
            return _not_revoked(name, done.failure)
        words = _waiting("revoke --local" if event.get("local") is True else "revoke")
        return told_outcome(name, done.outcome, prefix=self.prefix, otherwise=words)

    def _remove(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = ConnectionName.parse(str(event["connection"]))
        days = event.get("recovery_days", LONGEST_RECOVERY)
        if not isinstance(days, int) or not SHORTEST_RECOVERY <= days <= LONGEST_RECOVERY:
            message = f"the recovery window is {SHORTEST_RECOVERY} to {LONGEST_RECOVERY} days"
            return refused("BadRequest", message, f"tokensync remove {name}", USAGE)
        outcome = self.remover.remove(name, budget, days=days)
        words: Words = {
            Result.POSTPONED: (LATER, "it was not removed: AWS did not answer as it should", "tokensync remove {name}"),
            **_waiting("remove"),
        }
        return told_outcome(name, outcome, prefix=self.prefix, otherwise=words)

    def _accept(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = ConnectionName.parse(str(event["connection"]))
        force = event.get("force") is True
        outcome = self.accepter.accept(name, budget, force=force)
        return told_outcome(name, outcome, prefix=self.prefix, otherwise=_not_accepted(outcome, force=force))


def _waiting(command: str) -> Words:
    """Word what kept a command from being done; the same command again does it."""
    again = f"tokensync {command} {{name}}"
    return {
        Result.LEASED_ELSEWHERE: (LATER, "another worker is at this connection", again),
        Result.NO_TIME: (LATER, "the function had too little time left", again),
        Result.TAKEN_OVER: (LATER, "the seller authorized again meanwhile", "tokensync show {name}"),
    }


def _not_accepted(outcome: WorkResult, *, force: bool) -> Words:
    """Word what kept a connection from being accepted."""
    record = outcome.record
    if record is None:
        return _waiting("accept")
    told = condition(record)
    if record.status is not Status.QUARANTINED:
        why = f"it is {record.status}, not quarantined: there is nothing to accept"
        following = "tokensync show {name}" if told is None else told.following
        return {Result.NOTHING_DUE: (FAILED, why, following), **_waiting("accept")}
    presented = record.attempt is not None and record.exemption is None
    why = "its tokens have ended"
    if outcome.failure is not None:
        why = "the provider refuses its refresh token"
    elif record.reason == Reason.RESTORED_TABLE and not force:
        why = (
            "its tokens may have been spent or replaced since the backup; --force presents its refresh token, or "
            "publishes its access token where it has no other"
        )
    elif presented and not force:
        why = "its refresh token was presented before, and no new one came; --force presents it once more"
    return {
        Result.REAUTHORIZE: (NEEDS_SELLER, why, "tokensync invite {app} --for {name}"),
        Result.POSTPONED: (
            LATER,
            "it stays quarantined: the provider gave no token now",
            "tokensync accept {name}" + (" --force" if force or presented else ""),
        ),
        **_waiting("accept"),
    }


def _not_proved(outcome: WorkResult) -> Words:
    """Word an import whose token the provider did not confirm; the connection is kept, and says why."""
    record = outcome.record
    is_refused = (
        record is not None and record.last_error is not None and record.last_error.failure == FailureClass.REFUSED
    )
    if is_refused:
        refusal = (NEEDS_SELLER, "imported, but the provider refuses this token", "tokensync invite {app} --for {name}")
        return {Result.HELD: refusal, Result.REAUTHORIZE: refusal, Result.POSTPONED: refusal}
    return {
        Result.POSTPONED: (LATER, "imported, and not proved yet; it is tried again by itself", "tokensync show {name}"),
        Result.TAKEN_OVER: (FAILED, "a later authorization stands", "tokensync show {name}"),
    }


def _not_revoked(name: ConnectionName, failure: Failure) -> dict[str, Any]:
    """Word why the provider did not revoke; nothing was changed here."""
    told_by = " ".join(filter(None, (failure.code, failure.message)))
    again = f"tokensync revoke {name}"
    match failure.kind:
        case FailureClass.CONFIGURATION:
            message, following, code = (
                "the provider refuses the app's own credentials",
                f"tokensync app show {name.app}",
                FAILED,
            )
        case FailureClass.REFUSED:
            message, following, code = "the provider refuses to revoke a token that it has just given", again, FAILED
        case FailureClass.UNKNOWN:
            message, following, code = "the provider gave an answer that nobody documents", again, FAILED
        case FailureClass.AMBIGUOUS:
            message, following, code = (
                "it is not known whether the provider revoked; asking again does no harm",
                again,
                LATER,
            )
        case _:
            message, following, code = "the provider could not be asked now", again, LATER
    return refused(failure.kind.value, f"{name}: {message}; nothing was changed here ({told_by})", following, code)
