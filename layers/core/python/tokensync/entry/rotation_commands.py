"""What the rotation function does on demand. IAM checks who may invoke it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokensync.domain.command_line import CommandPattern, typed
from tokensync.domain.errors import BadRequest
from tokensync.domain.names import ConnectionName, app_name
from tokensync.entry import command_answers, push_answers
from tokensync.entry.exit_codes import LATER, USAGE
from tokensync.entry.revocation_answers import of_revocation_failure
from tokensync.operate.import_fields import ImportFields, is_field
from tokensync.refresh.commit import LONGEST_RECOVERY, SHORTEST_RECOVERY
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.runtime import Budget
    from tokensync.entry.command_answers import Words
    from tokensync.entry.tick import Ticker
    from tokensync.operate.accept import Accepter
    from tokensync.operate.export import Exports
    from tokensync.operate.imports import Importer
    from tokensync.operate.on_demand import OnDemand
    from tokensync.operate.publish import Republisher
    from tokensync.operate.push import Handover
    from tokensync.operate.recover import Recoverer, RecoveryResult
    from tokensync.operate.remove import Remover
    from tokensync.operate.reread import Rereader, RereadResult
    from tokensync.operate.revoke import Revoker
    from tokensync.operate.rotate_secret import SecretTrial
    from tokensync.operate.verify import Verification
    from tokensync.refresh.result import WorkResult


@dataclass(frozen=True, kw_only=True)
class RotationCommands:
    """The registry of the rotation function's commands. `prefix` is the first part of secrets' names."""

    on_demand: OnDemand
    ticker: Ticker
    importer: Importer
    verification: Verification
    revoker: Revoker
    remover: Remover
    republisher: Republisher
    accepter: Accepter
    handover: Handover
    exports: Exports
    trial: SecretTrial
    recoverer: Recoverer
    rereader: Rereader
    prefix: str

    def answer(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """Carry out one command. Never raises for what an operator can mend."""
        commands = {
            "refresh": self._refresh,
            "tick": self._tick,
            "import": self._import,
            "verify": self._verify,
            "publish": self._publish,
            "revoke": self._revoke,
            "remove": self._remove,
            "accept": self._accept,
            "push": self._push,
            "exported": self._note_export,
            "prove": self._try_new_secret,
            "recover": self._recover,
        }
        return command_answers.answered(event, commands, budget)

    def _refresh(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name, generation = _connection(event), event.get("generation")
        result = self.on_demand.refresh(
            name,
            budget,
            generation=generation if isinstance(generation, int) else None,
            force=event.get("force") is True,
        )
        return self._of_work(name, result)

    def _tick(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        del event
        ticked = self.ticker.tick(budget)
        return {"ok": True, "due": ticked.due, "queued": ticked.queued}

    def _import(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = ConnectionName(str(event["app"]), str(event["account"]))
        try:
            fields = ImportFields.read({field: value for field, value in event.items() if is_field(field)})
            done = self.importer.import_tokens(name, fields, budget, replace=event.get("replace") is True)
        except BadRequest as error:
            return command_answers.refused("BadRequest", f"{name}: {error}", typed("tokensync import --help"), USAGE)
        return {**self._of_work(name, done.work, command_answers.not_imported(done.work)), "again": done.again}

    def _verify(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = _connection(event)
        done = self.verification.verify(name, budget)
        # A refused token led to a refresh, and the answer is the refresh's.
        answer = self._of_work(name, done.work, None if done.refused else command_answers.NOT_VERIFIED)
        return {**answer, "facts_changed": done.facts_changed, "refused": done.refused}

    def _publish(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = _connection(event)
        result = self.republisher.publish(name, budget)
        if result.backpressure:
            message = f"{name}: Secrets Manager did not take it; it is published later by itself"
            return command_answers.refused("postponed", message, typed("tokensync show {name}", name=name), LATER)
        return self._of_work(name, result, command_answers.NOT_PUBLISHED)

    def _revoke(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name, local = _connection(event), event.get("local") is True
        done = self.revoker.revoke(name, budget, local=local)
        if done.failure is not None:
            return of_revocation_failure(name, done.failure)
        again = CommandPattern("tokensync revoke --local {name}" if local else "tokensync revoke {name}")
        return self._of_work(name, done.work, command_answers.to_repeat(again))

    def _remove(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name, days = _connection(event), event.get("recovery_days", LONGEST_RECOVERY)
        if not isinstance(days, int) or not SHORTEST_RECOVERY <= days <= LONGEST_RECOVERY:
            message = f"the recovery window is {SHORTEST_RECOVERY} to {LONGEST_RECOVERY} days"
            return command_answers.refused("BadRequest", message, typed("tokensync remove {name}", name=name), USAGE)
        return self._of_work(name, self.remover.remove(name, budget, days=days), command_answers.NOT_REMOVED)

    def _accept(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name, force = _connection(event), event.get("force") is True
        result = self.accepter.accept(name, budget, force=force)
        return self._of_work(name, result, command_answers.not_accepted(result, force=force))

    def _push(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name, to = _connection(event), str(event["to"])
        if event.get("check") is True:
            return self._check_store(name, to, budget)
        store_url = str(event.get("store_url") or "")
        result = self.handover.push(name, to, budget, again=event.get("again") is True, store_url=store_url)
        if result.failure is not None and result.result is not Result.PUSHED:
            return push_answers.of_push_failure(name, to, result, result.failure)
        answer = self._of_work(name, result, push_answers.not_pushed(result, to))
        record = result.record
        return answer if record is None else {**answer, "pushed": record.consumer.pushed, "owner": record.owner}

    def _check_store(self, name: ConnectionName, to: str, budget: Budget) -> dict[str, Any]:
        result = self.handover.check(name, to, budget)
        return push_answers.of_check(name, to, result) or self._of_work(name, result)

    def _note_export(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        del budget
        generation, token, form = (event.get(field) for field in ("generation", "token", "form"))
        if not isinstance(generation, int) or not isinstance(token, str) or not isinstance(form, str):
            raise BadRequest("this is no export")
        return {
            "ok": True,
            "noted": self.exports.note(_connection(event), generation=generation, token=token, form=form),
        }

    def _try_new_secret(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        app = app_name(str(event["app"]))
        connection = _connection(event) if event.get("connection") else None
        return command_answers.of_trial(app, self.trial.prove(app, budget, connection=connection))

    def _recover(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        only, cursor = _connection(event) if event.get("connection") else None, str(event.get("cursor") or "")
        if event.get("reread") is True:
            return _found(self.rereader.reread(budget, only=only, cursor=cursor))
        return _found(self.recoverer.recover(budget, only=only, cursor=cursor))

    def _of_work(self, name: ConnectionName, result: WorkResult, own: Words | None = None) -> dict[str, Any]:
        return command_answers.of_work(name, result, prefix=self.prefix, own=own)


def _found(result: RecoveryResult | RereadResult) -> dict[str, Any]:
    return {"ok": True, **vars(result), "found": [finding.as_json() for finding in result.found]}


def _connection(event: Mapping[str, Any]) -> ConnectionName:
    return ConnectionName.parse(str(event["connection"]))
