"""From the answer to a code to a connection that stands: read it, fetch the facts, take the connection over, publish.

The callback does this at once; the rotation function does it for a callback that died in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync import schedule
from tokensync.answers import AccountReply, Answer, Failure, FailureClass, Issued
from tokensync.concluding import grant_binding
from tokensync.connection import Connection, Status
from tokensync.errors import NotLeased, NotSent, WireError
from tokensync.grant import Grant
from tokensync.history import noted
from tokensync.names import ConnectionName
from tokensync.outcome import Outcome as Looked
from tokensync.outcome import Result
from tokensync.pending import Outcome
from tokensync.reading import read_answer
from tokensync.strict_json import NotStrictJson, parse_object

if TYPE_CHECKING:
    from typing import Any

    from tokensync.concluding import Concluder
    from tokensync.pending import Pending, PendingKey
    from tokensync.ports import Alerts, Clock, Connections, Failpoints, Log, Pendings, Sealer
    from tokensync.session import Budget, Limits, Session
    from tokensync.wire import Wire
    from tokensync.work import Work

_LEASE = 30  # seconds a take-over may need to publish; the callback itself lives no longer


def pending_binding(key: PendingKey) -> str:
    """Return the place that the answer to a code is sealed for."""
    return f"{key.app}|{key.sort_key}|answer|1"


@dataclass(frozen=True, kw_only=True)
class Finisher:
    """Finishes answered authorizations. Thread-safe: it holds ports and no state."""

    connections: Connections
    pendings: Pendings
    concluder: Concluder
    sealer: Sealer
    alerts: Alerts
    wire: Wire
    clock: Clock
    failpoints: Failpoints
    log: Log
    limits: Limits
    cadence: schedule.Cadence

    def take_up(self, work: Work, session: Session, budget: Budget) -> Looked:
        """Finish an authorization whose callback died after the answer was stored.

        Raises:
            StoreUnavailable, SealingUnavailable: later it will do.
        """
        key = work.pending
        if key is None:
            raise ValueError("this work names no authorization")
        if work.answer is not None:
            self._bring_back(key, work)
        now = self.clock.now()
        try:
            pending = self.pendings.lease(key, now=now, until=now + math.ceil(budget.left()) + self.limits.lease_margin)
        except NotLeased:
            return Looked(Result.NOTHING_DUE)
        if pending.sealed_answer is None:
            return Looked(Result.NOTHING_DUE)
        answer = Answer.from_bytes(self.sealer.open(pending.sealed_answer, app=key.app, binding=pending_binding(key)))
        self.finish(pending, answer, session)
        return Looked(Result.PUBLISHED)

    def finish(self, pending: Pending, answer: Answer, session: Session) -> Pending:
        """Make the connection that an answered code stands for, and say on the authorization how it ended.

        Raises:
            StoreUnavailable: the answer is stored; the rotation function finishes later.
        """
        read = read_answer(session.provider, answer)
        if isinstance(read, Failure):
            # The code is in nobody's hands any more, so nothing could be masked in the provider's words.
            return self._refused(pending, read.untold(), session)
        problem = _problem(read, session)
        if problem or read.account is None or read.access_token is None:
            self.alerts.tell(
                "authorization.unusable",
                session.name,
                detail=f"an authorization could not be used: {problem}; the answer is kept sealed",
                next_command=f"tokensync app show {session.name}",
            )
            return self._end(pending, Outcome.FAILED, problem, keep=True)
        name = ConnectionName(session.name, read.account.id)
        grant = self._grant(read, read.account, pending, session)
        strange = bool(pending.for_account) and pending.for_account != name.account
        if strange and self._stands(name):
            self._tell_strange(pending, name)
            return self._end(pending, Outcome.QUARANTINED, "another account", keep=True)
        status = Status.QUARANTINED if strange else Status.ACTIVE
        self._connect(name, grant, read, session, status=status)
        if strange:
            self._tell_strange(pending, name)
            return self._end(pending, Outcome.QUARANTINED, "another account", connection=str(name))
        ended = self._end(pending, Outcome.CONNECTED, "", connection=str(name))
        if pending.invite_id:
            self.pendings.use_invite(
                session.name, pending.invite_id, now=self.clock.now(), expires_at=pending.invite_expires_at
            )
        return ended

    def _connect(self, name: ConnectionName, grant: Grant, read: Issued, session: Session, *, status: Status) -> None:
        """Take the connection over from whoever holds it, then PUBLISH and COMMIT."""
        now = self.clock.now()
        until = now + _LEASE
        sealed = session.key.seal(grant.to_bytes(), binding=grant_binding(name))
        cadence = replace(self.cadence, floor=0) if session.app.is_sandboxed else self.cadence
        renew_at = schedule.renew_at(name, now=now, life=read.life, cadence=cadence) if grant.refresh_token else None
        holder = Connection(
            name=name,
            provider=session.provider.name,
            status=status,
            label=grant.label,
            sealed_grant=sealed,
            obtained_at=grant.obtained_at,
            access_expires_at=grant.access_expires_at,
            refresh_expires_at=grant.refresh_expires_at,
            renew_at=renew_at,
            warn_at=schedule.warn_at(now=now, refresh_expires_at=grant.refresh_expires_at),
            # Due as soon as this lease ends: a process that dies now has its publication made up for.
            refresh_at=until + 1,
            next_at=until + 1,
        )
        record, leased_until = self.connections.take_over(noted(holder, "connection.authorized", now=now), until=until)
        self.failpoints.reached("exchange.taken_over")
        # Whoever held the lease may still publish an older token until that lease ends: compare once more then.
        compare_at = leased_until + 1 if leased_until is not None and leased_until >= now else None
        # The table gives the number, so the event that came with the grant learns it only now.
        history = (*record.history[:-1], replace(record.history[-1], generation=record.generation))
        after = replace(record, lease_until=None, compare_at=compare_at, history=history)
        if status is Status.QUARANTINED:
            after = schedule.scheduled(replace(after, renew_at=None, warn_at=None, compare_at=None))
            self.connections.write(record, after)
            return
        self.concluder.publish(record, schedule.scheduled(after), grant, Result.PUBLISHED)

    def _grant(self, read: Issued, account: AccountReply, pending: Pending, session: Session) -> Grant:
        assert read.access_token is not None  # noqa: S101 - `finish` has checked it; this tells the type checker
        grant = Grant(
            account_id=account.id,
            label=pending.label or account.label,
            access_token=read.access_token,
            refresh_token=read.refresh_token,
            token_type=read.token_type,
            scopes=read.scopes if read.scopes is not None else session.app.scopes,
            obtained_at=self.clock.now(),
            access_expires_at=read.access_expires_at,
            refresh_expires_at=read.refresh_expires_at,
            account=account.facts,
        )
        return replace(grant, account={**grant.account, **self._facts(grant, session)})

    def _facts(self, grant: Grant, session: Session) -> dict[str, Any]:
        """Fetch what the provider tells about the account; its failure never fails a connect."""
        call = session.provider.facts
        if call is None:
            return {}
        request = call.request(session.app, session.provider.endpoint(session.app, "api"), grant, self.clock.now())
        try:
            answer = self.wire.send(request, seconds=self.limits.facts)
            facts = call.read(parse_object(answer.body)) if answer.complete else None
        except (WireError, NotSent, NotStrictJson) as error:
            self.log.warning("facts.failed", app=session.name, error=str(error))
            return {}
        if facts is None:
            self.log.warning("facts.failed", app=session.name, error=f"http_{answer.status}")
        return facts or {}

    def _stands(self, name: ConnectionName) -> bool:
        """Return whether a connection of this name is in use: a stray authorization must not touch it."""
        record = self.connections.get(name)
        return record is not None and record.status is not Status.QUARANTINED

    def _tell_strange(self, pending: Pending, name: ConnectionName) -> None:
        self.alerts.tell(
            "connection.quarantined",
            str(name),
            detail=f"the invite was for {pending.for_account}; the old connection stays as it was",
            next_command=f"tokensync show {name}",
        )

    def _refused(self, pending: Pending, failure: Failure, session: Session) -> Pending:
        self.log.warning(
            "authorization.failed",
            app=session.name,
            failure=failure.kind,
            code=failure.code,
            trace_id=failure.trace_id,
        )
        if failure.kind is FailureClass.CONFIGURATION:
            self.concluder.pause(session, failure)
        unparsed = failure.kind in (FailureClass.AMBIGUOUS, FailureClass.UNKNOWN)
        return self._end(pending, Outcome.FAILED, failure.code, keep=unparsed)

    def _end(
        self, pending: Pending, outcome: Outcome, detail: str, *, connection: str = "", keep: bool = False
    ) -> Pending:
        after = replace(
            pending,
            outcome=outcome,
            detail=detail,
            connection=connection,
            lease_until=None,
            sealed_answer=pending.sealed_answer if keep else None,
        )
        return self.pendings.write(pending, after, next_at=None)

    def _bring_back(self, key: PendingKey, work: Work) -> None:
        """Give an answer that came as a message its place on the authorization."""
        pending = self.pendings.get(key)
        if pending is None or pending.sealed_answer is not None or pending.fence != work.fence:
            return
        now = self.clock.now()
        self.pendings.write(pending, replace(pending, sealed_answer=work.answer, received_at=now), next_at=now)


def _problem(read: Issued, session: Session) -> str:
    """Return why a successful answer cannot become a connection, empty where it can."""
    if read.access_token is None:
        return "unusable_answer"
    if read.account is None:
        return "no_account"
    expected = session.provider.settings.get("account_kind")
    if expected is not None and read.account.kind not in ("", session.provider.setting(session.app, "account_kind")):
        return f"wrong_account_kind_{read.account.kind}"
    return ""
