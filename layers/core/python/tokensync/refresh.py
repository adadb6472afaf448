"""The refresh protocol: LEASE, GATE, SENT, RECEIVED; `concluding` does PUBLISH and COMMIT.

A token that the provider gave us is durable before anyone uses it, and a refresh token is presented once but for the
named exemptions. Recovery is the same worker finding `sent` or `received` under an expired lease.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync import schedule, transitions
from tokensync.answers import Answer, Failure, FailureClass
from tokensync.concluding import grant_binding
from tokensync.connection import Attempt, Exemption, Phase, Status
from tokensync.errors import (
    FenceLost,
    InvalidApp,
    NewerSchema,
    NotLeased,
    PublishUnavailable,
    SealingUnavailable,
    SecretGone,
    SecretNotOurs,
    StoreUnavailable,
    UnknownApp,
)
from tokensync.grant import Grant
from tokensync.outcome import Outcome, Result
from tokensync.presenting import present
from tokensync.token_request import renewal_request
from tokensync.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.concluding import Concluder
    from tokensync.connection import Connection
    from tokensync.keeping import Keeper
    from tokensync.names import ConnectionName
    from tokensync.ports import Alerts, Clock, Connections, Failpoints, Randomness, Sealer, WorkQueue
    from tokensync.publishing import Publisher
    from tokensync.pushing import Pusher
    from tokensync.session import Budget, Limits, Session
    from tokensync.verifying import Verifier
    from tokensync.wire import Wire

    Act = Callable[[Connection, Grant, Session], Outcome]  # done under a lease, which it ends


def answer_binding(name: ConnectionName) -> str:
    """Return the place that a provider's answer for a connection is sealed for."""
    return f"{name}|answer|1"


@dataclass(frozen=True, kw_only=True)
class Refresher:
    """Looks after one connection at a time. Thread-safe: it holds ports and no state."""

    connections: Connections
    sealer: Sealer
    publisher: Publisher
    concluder: Concluder
    keeper: Keeper
    verifier: Verifier
    pusher: Pusher
    queue: WorkQueue
    alerts: Alerts
    wire: Wire
    clock: Clock
    randomness: Randomness
    failpoints: Failpoints
    limits: Limits

    def look_after(
        self, work: Work, session: Session, budget: Budget, *, force: bool = False, act: Act | None = None
    ) -> Outcome:
        """Lease the connection and do whatever is due. `force` is an operator's: it presents a held token again.

        `act` is done instead of what is due, once no attempt is unfinished; the lease is its own to end.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was spent by this call.
        """
        name = work.connection
        if name is None:
            raise ValueError("this work names no connection")
        if work.answer is not None:
            self.keeper.bring_back(name, work.fence, work.answer)
        now = self.clock.now()
        until = now + math.ceil(budget.left()) + self.limits.lease_margin
        try:
            asked = work.compare or work.push or force or act is not None or work.answer is not None
            record = self.connections.lease(name, now=now, until=until, even_if_not_due=asked)
        except NotLeased as refused:
            # A comparison or a push must come after the present holder, whatever that one writes.
            return Outcome(
                Result.LEASED_ELSEWHERE, again=(work.compare or work.push) and refused.leased_until is not None
            )
        self.failpoints.reached("leased")
        try:
            return self._leased(record, session, budget, work, force=force, act=act)
        except FenceLost:
            return Outcome(Result.TAKEN_OVER)
        except (SealingUnavailable, UnknownApp, InvalidApp) as error:
            return self._unready(record, error, compare=work.compare)

    def _leased(
        self, record: Connection, session: Session, budget: Budget, work: Work, *, force: bool, act: Act | None
    ) -> Outcome:
        """Go on with an unfinished attempt; else do what was asked for, else what is due."""
        if record.removed_at is not None:
            after = transitions.removed(record, now=record.removed_at)
            return Outcome(Result.REMOVED, self.connections.write(record, after))
        if record.phase is Phase.RECEIVED and record.sealed_answer is not None:
            answer = self._open_answer(record.sealed_answer, record)
            return self.concluder.conclude(record, answer, self._open_grant(record), session)
        resumed = self._resume(record, session)
        if resumed is not None:
            return resumed
        if act is not None:
            return act(record, self._open_grant(record), session)
        if record.deauthorized_at is not None:
            return self.concluder.deauthorized(record, self._open_grant(record))
        return self._due(record, session, budget, work, force=force)

    def _due(self, record: Connection, session: Session, budget: Budget, work: Work, *, force: bool) -> Outcome:
        """Do what is due of a connection without an unfinished attempt."""
        now = self.clock.now()
        record = self._warned(record, now)
        # Who was handed the refresh token is the only one to present it.
        ours = record.handed_over_at is None
        due = ours and (force or (record.renew_at is not None and record.renew_at <= now))
        if due and not force and record.status is Status.HELD:
            rests = self._rests(record, session, now)
            if rests is not None:
                return rests
        if due and (force or record.status in (Status.ACTIVE, Status.HELD)):
            return self._refresh(record, session, budget, force=force)
        pushes = work.push or (record.push_at is not None and record.push_at <= now)
        if pushes and not work.compare:
            return self._push(record, session, budget)
        if record.status is Status.ACTIVE and record.verify_at is not None and record.verify_at <= now:
            return self._verify(record, session)
        renew_at = record.renew_at if ours and record.status in (Status.ACTIVE, Status.HELD) else None
        asked = work.compare or (record.compare_at is not None and record.compare_at <= now)
        return self._reconcile(record, asked=asked, renew_at=renew_at)

    def _warned(self, record: Connection, now: int) -> Connection:
        """Tell of the refresh token's nearing end, once for each step on the way."""
        if record.warn_at is None or record.warn_at > now or record.refresh_expires_at is None:
            return record
        days = max(0, math.ceil((record.refresh_expires_at - now) / schedule.DAY))
        self.alerts.tell(
            "authorization.expiring",
            str(record.name),
            detail=f"the seller's authorization ends in {days} days; a refresh does not extend it",
            next_command=f"tokensync invite {record.name.app} --for {record.name}",
        )
        later = schedule.warn_at(now=now, refresh_expires_at=record.refresh_expires_at)
        # Written at once: a later write stores only what it changes itself.
        return self.connections.write(record, replace(record, warn_at=later))

    def _rests(self, record: Connection, session: Session, now: int) -> Outcome | None:
        """Decide about a held connection whose time has come; None means that an attempt is due."""
        if record.exemption is Exemption.LAST_ATTEMPT:
            last = schedule.last_attempt_at(
                now=now, access_expires_at=record.access_expires_at, obtained_at=record.obtained_at
            )
            return self._release(record, Result.HELD, renew_at=last) if last > now else None
        if record.exemption is not None:
            return None
        if record.reason == transitions.REASON_REFUSED:
            return self._parked(record, session, now)
        # A last attempt without an answer is an operator's to repeat.
        return self._release(record, Result.HELD, renew_at=None)

    def _parked(self, record: Connection, session: Session, now: int) -> Outcome | None:
        """Decide about a refusal that was set apart: the breaker's window, a pause and a resumption count."""
        parked_at, state = record.parked_at or 0, session.state
        if state.paused:
            return self._release(record, Result.HELD, renew_at=now + transitions.PAUSED_RECHECK)
        if state.resumed_at is not None and state.resumed_at >= parked_at:
            return None  # an operator resumed the app: each parked one is asked once
        if now <= parked_at + transitions.BREAKER_WINDOW:
            return self._release(record, Result.HELD, renew_at=parked_at + transitions.BREAKER_WINDOW + 1)
        return self.concluder.reauthorize(record, record, self._open_grant(record))

    def _reconcile(self, record: Connection, *, asked: bool, renew_at: int | None) -> Outcome:
        """Make the secret equal to the grant where it is not, and release."""
        differs = record.publishing_is_due()
        try:
            if asked and not differs and record.published is not None:
                differs = not self.publisher.is_current(record)
        except PublishUnavailable as error:
            return self.concluder.postponed(record, "comparing.postponed", str(error), compare=True, backpressure=True)
        except (SecretGone, SecretNotOurs) as gone:
            return self.concluder.orphaned(record, str(gone))
        later = record.compare_at if record.compare_at is not None and record.compare_at > self.clock.now() else None
        after = transitions.released(replace(record, compare_at=later, renew_at=renew_at))
        if not differs:
            return Outcome(Result.NOTHING_DUE, self.connections.write(record, after))
        return self.concluder.publish(record, after, self._open_grant(record), Result.PUBLISHED)

    def _refresh(self, record: Connection, session: Session, budget: Budget, *, force: bool) -> Outcome:
        """GATE: everything that could fail without the provider has to stand before anything is spent."""
        if session.state.paused and not force:
            again = self.clock.now() + transitions.PAUSED_RECHECK
            return self._release(record, Result.PAUSED, renew_at=again)
        if session.closed or budget.left() < self.limits.provider + self.limits.storing:
            self._release(record, Result.NO_TIME, renew_at=record.renew_at)
            return Outcome(Result.NO_TIME, again=True)
        grant = self._open_grant(record)
        request = renewal_request(session.provider, session.app, grant)
        if request is None:
            return self._verified(record, grant, session)
        exemption = record.exemption
        if record.attempt is not None:
            if force or (record.reason == transitions.REASON_REFUSED and exemption is None):
                # Forced by an operator, or parked in an app that an operator resumed.
                exemption = Exemption.OPERATOR
            over = record.attempt.at + session.provider.grace_seconds < self.clock.now()
            if exemption is None or (exemption is Exemption.GRACE and over):
                lost = Failure(kind=FailureClass.AMBIGUOUS, code="presented_before")
                return self.concluder.settle(record, lost, grant, session, previous=None)
        _ = session.key  # in hand now: sealing the answer needs no call later
        attempt = Attempt(id=self.randomness.token(), fence=record.fence, at=self.clock.now(), exemption=exemption)
        sent = self.connections.write(record, replace(record, phase=Phase.SENT, attempt=attempt, exemption=None))
        self.failpoints.reached("sent")
        answer = present(
            request, wire=self.wire, clock=self.clock, seconds=self.limits.provider, failpoints=self.failpoints
        )
        if isinstance(answer, Failure):
            return self.concluder.settle(sent, answer, grant, session, previous=record)
        return self._receive(sent, answer, grant, session, budget)

    def renew(self, record: Connection, session: Session, budget: Budget) -> Outcome:
        """Refresh a leased connection whether or not that is due. It ends the lease."""
        return self._refresh(record, session, budget, force=False)

    def _push(self, record: Connection, session: Session, budget: Budget) -> Outcome:
        """Hand the pair to the app's consumer, where that fits into the time that is left."""
        if session.closed or budget.left() < self.limits.provider + self.limits.storing:
            self._release(record, Result.NO_TIME, renew_at=record.renew_at)
            return Outcome(Result.NO_TIME, again=True)
        return self.pusher.due(record, self._open_grant(record), session)

    def _verify(self, record: Connection, session: Session) -> Outcome:
        """Verify an access token that never expires, unless its app is paused."""
        if session.state.paused:
            later = transitions.released(replace(record, verify_at=self.clock.now() + transitions.PAUSED_RECHECK))
            return Outcome(Result.PAUSED, self.connections.write(record, later))
        return self._verified(record, self._open_grant(record), session)

    def _verified(self, record: Connection, grant: Grant, session: Session) -> Outcome:
        """Verify where the provider has a call for it; a token that nothing can renew just stays published."""
        if session.provider.account_call is None:
            rests = transitions.released(replace(record, renew_at=None, verify_at=None))
            return Outcome(Result.NOTHING_DUE, self.connections.write(record, rests))
        return self.verifier.verify(record, grant, session)

    def _receive(self, sent: Connection, answer: Answer, grant: Grant, session: Session, budget: Budget) -> Outcome:
        """RECEIVED: the raw bytes become durable before they are parsed, and the generation's number is allocated."""
        sealed = session.key.seal(answer.to_bytes(), binding=answer_binding(sent.name))
        try:
            received = self.connections.write(
                sent,
                replace(sent, phase=Phase.RECEIVED, sealed_answer=sealed, allocated=sent.allocated + 1),
            )
        except FenceLost:
            # A new grant cleared our attempt, and this is history; without one, whoever leases next resumes from it.
            self.keeper.superseded(sent.name, sent.fence, sealed)
            self.queue.send([Work(connection=sent.name, compare=True)])
            return Outcome(Result.TAKEN_OVER)
        except (StoreUnavailable, NewerSchema):
            self.keeper.keep(sent, sealed, budget)
            return Outcome(Result.KEPT, sent, again=True, backpressure=True)
        self.failpoints.reached("received")
        return self.concluder.conclude(received, answer, grant, session)

    def _resume(self, record: Connection, session: Session) -> Outcome | None:
        """Go on with an attempt that stands: with its answer if that was kept anywhere, whenever it turns up.

        Without one, an attempt that was never concluded is ambiguous; None means that nothing is to be resumed.
        """
        if record.attempt is None:
            return None
        kept = self.connections.aside(record.name, fence=record.attempt.fence)
        if kept is None and record.phase is not Phase.SENT:
            return None
        grant = self._open_grant(record)
        if kept is None:
            lost = Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message="the attempt's process ended")
            return self.concluder.settle(record, lost, grant, session, previous=None)
        received = self.connections.write(
            record, replace(record, phase=Phase.RECEIVED, sealed_answer=kept, allocated=record.allocated + 1)
        )
        return self.concluder.conclude(received, self._open_answer(kept, record), grant, session)

    def _release(self, record: Connection, result: Result, *, renew_at: int | None) -> Outcome:
        after = transitions.released(replace(record, renew_at=renew_at))
        return Outcome(result, self.connections.write(record, after))

    def _unready(self, record: Connection, error: Exception, *, compare: bool) -> Outcome:
        """Postpone a connection whose key or app is not to be had; nothing was spent, or the answer is stored."""
        try:
            return self.concluder.postponed(record, "connection.postponed", str(error), compare=compare)
        except FenceLost:
            return Outcome(Result.TAKEN_OVER)

    def _open_grant(self, record: Connection) -> Grant:
        if record.sealed_grant is None:
            raise SealingUnavailable("the connection has no grant")
        return Grant.from_bytes(
            self.sealer.open(record.sealed_grant, app=record.name.app, binding=grant_binding(record.name))
        )

    def _open_answer(self, sealed: bytes, record: Connection) -> Answer:
        return Answer.from_bytes(self.sealer.open(sealed, app=record.name.app, binding=answer_binding(record.name)))
