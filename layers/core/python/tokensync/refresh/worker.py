"""Looks after a connection under its lease: an unfinished attempt, what an operator asked for, or what is due."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.domain.errors import (
    FenceLost,
    InvalidApp,
    NotLeased,
    PublishUnavailable,
    SealingUnavailable,
    SecretGone,
    SecretNotOurs,
    UnknownApp,
)
from tokensync.domain.runtime import DAY
from tokensync.refresh import commit, decisions, schedule, transitions
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.domain.sealing import Unsealer
    from tokensync.domain.work import Work
    from tokensync.refresh.account import Verifier
    from tokensync.refresh.attempt import Refresher
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.kept_answers import KeptAnswers
    from tokensync.refresh.publish import Publisher
    from tokensync.refresh.push import Pusher
    from tokensync.refresh.restored_table import RestoredTable
    from tokensync.refresh.session import Session

    Act = Callable[[Connection, Grant, Session], WorkResult]  # done under a lease, which it ends


@dataclass(frozen=True)
class Worker:
    """Looks after one connection at a time. Thread-safe: it holds ports and no state."""

    ports: Ports
    unsealer: Unsealer
    publisher: Publisher
    committer: Committer
    kept_answers: KeptAnswers
    refresher: Refresher
    verifier: Verifier
    pusher: Pusher
    restored: RestoredTable

    def run(
        self, work: Work, session: Session, budget: Budget, *, force: bool = False, act: Act | None = None
    ) -> WorkResult:
        """Lease the connection and do whatever is due. `force` is an operator's: it presents a held token again.

        `act` is done instead of what is due, once no attempt is unfinished; the lease is its own to end.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was spent by this call.
        """
        name = work.connection
        if name is None:
            raise ValueError("this work names no connection")
        if work.answer is not None:
            self.kept_answers.bring_back(name, work.fence, work.answer)
        table = self.restored.id()
        now, until = self.ports.clock.now(), budget.lease_until(self.ports.limits)
        try:
            asked = work.compare or work.push or force or act is not None or work.answer is not None
            record = self.ports.connections.lease(name, now=now, until=until, even_if_not_due=asked)
        except NotLeased as refused:
            # A comparison or a push must come after the present holder, whatever that one writes; and an answer, which
            # that one may have looked for before it was there.
            after = work.compare or work.push or work.answer is not None
            return WorkResult(Result.LEASED_ELSEWHERE, again=after and refused.leased_until is not None)
        self.ports.failpoints.reached("leased")
        try:
            answered = lambda standing: self.refresher.is_answered(standing, session)  # noqa: E731 - one closure
            checked = self.restored.checked(record, table, answered)
            if isinstance(checked, WorkResult):
                return checked
            record = checked
            return self._leased(record, session, budget, work, force=force, act=act)
        except FenceLost:
            return WorkResult(Result.TAKEN_OVER)
        except (SealingUnavailable, UnknownApp, InvalidApp) as error:
            return self._unready(record, error, work)

    def _leased(
        self, record: Connection, session: Session, budget: Budget, work: Work, *, force: bool, act: Act | None
    ) -> WorkResult:
        """Go on with an unfinished attempt; else do what was asked for, else what is due."""
        if record.removed_at is not None:
            after = decisions.removed(record, now=record.removed_at)
            return WorkResult(Result.REMOVED, self.ports.connections.write(record, after))
        if record.is_half_removed:
            return self._finish_removal(record)
        resumed = self.refresher.resume(record, session)
        if resumed is not None:
            return resumed
        if act is not None:
            return act(record, self.unsealer.grant(record), session)
        if record.authorized.deauthorized_at is not None:
            return self.committer.deauthorized(record, self.unsealer.grant(record))
        return self._due(record, session, budget, work, force=force)

    def _finish_removal(self, record: Connection) -> WorkResult:
        """End a removal whose process died; whatever else was asked for comes too late."""
        try:
            return commit.finished(record, self.committer)
        except PublishUnavailable as error:
            return self.committer.postponed(record, "removing.postponed", str(error), compare=True, backpressure=True)

    def _due(self, record: Connection, session: Session, budget: Budget, work: Work, *, force: bool) -> WorkResult:
        """Do what is due of a connection without an unfinished attempt."""
        now = self.ports.clock.now()
        asked = work.compare or (record.due.compare_at is not None and record.due.compare_at <= now)
        # Before its token is presented: a record out of a backup may be due as well.
        apart = self._apart(record, asked=asked, force=force)
        if apart is not None:
            return apart
        record = self._warned(record, now)
        # Who was handed the refresh token is the only one to present it.
        ours = record.consumer.handed_over_at is None
        # What stands is published before anything new is presented.
        waits = record.waits_for_publishing()
        due = ours and not waits and (force or (record.due.renew_at is not None and record.due.renew_at <= now))
        if due and not force and record.status is Status.HELD:
            rests = self._rests(record, session, now)
            if rests is not None:
                return rests
        if due and (force or record.status in (Status.ACTIVE, Status.HELD)):
            return self.renew(record, session, budget, force=force)
        pushes = work.push or (record.due.push_at is not None and record.due.push_at <= now)
        if pushes and not work.compare:
            return self._push(record, session, budget)
        verifies = record.status is Status.ACTIVE and record.due.verify_at is not None and record.due.verify_at <= now
        if verifies and not asked and not waits:
            return self._verify(record, session)
        renew_at = record.due.renew_at if ours and record.status in (Status.ACTIVE, Status.HELD) else None
        return self._reconcile(record, asked=asked, renew_at=renew_at)

    def _apart(self, record: Connection, *, asked: bool, force: bool) -> WorkResult | None:
        """Return how a connection ended that is set apart, or has to be as its record is older than its secret."""
        if record.status is Status.QUARANTINED:
            # Whoever forced it saw it otherwise: a refresh is not what accepts it.
            return self.committer.release(record, Result.HELD, renew_at=None) if force else None
        try:
            return self.restored.overtaken(record) if asked else None
        except PublishUnavailable as error:
            return self.committer.postponed(record, "comparing.postponed", str(error), compare=True, backpressure=True)
        except (SecretGone, SecretNotOurs):
            return None

    def _warned(self, record: Connection, now: int) -> Connection:
        """Tell of the refresh token's nearing end, once for each step on the way."""
        if record.due.warn_at is None or record.due.warn_at > now or record.refresh_expires_at is None:
            return record
        days = max(0, math.ceil((record.refresh_expires_at - now) / DAY))
        self.ports.alerts.tell(
            "authorization.expiring",
            str(record.name),
            detail=f"the seller's authorization ends in {days} days; a refresh does not extend it",
            next_command=f"tokensync invite {record.name.app} --for {record.name}",
        )
        later = schedule.warn_at(now=now, refresh_expires_at=record.refresh_expires_at)
        # Written at once: a later write stores only what it changes itself.
        return self.ports.connections.write(record, record.with_due(warn_at=later))

    def _rests(self, record: Connection, session: Session, now: int) -> WorkResult | None:
        """Decide about a held connection whose time has come; None means that an attempt is due."""
        if record.exemption is Exemption.LAST_ATTEMPT:
            last = schedule.last_attempt_at(
                now=now, access_expires_at=record.access_expires_at, obtained_at=record.obtained_at
            )
            return self.committer.release(record, Result.HELD, renew_at=last) if last > now else None
        if record.exemption is not None:
            return None
        if record.reason == Reason.REFUSED:
            return self._parked(record, session, now)
        # A last attempt without an answer is an operator's to repeat.
        return self.committer.release(record, Result.HELD, renew_at=None)

    def _parked(self, record: Connection, session: Session, now: int) -> WorkResult | None:
        """Decide about a refusal that was set apart: the breaker's window, a pause and a resumption count."""
        parked_at, state = record.parked_at or 0, session.state
        if state.paused:
            return self.committer.release(record, Result.HELD, renew_at=now + transitions.PAUSED_RECHECK)
        if state.resumed_at is not None and state.resumed_at >= parked_at:
            return None  # an operator resumed the app: each parked one is asked once
        if now <= parked_at + transitions.BREAKER_WINDOW:
            return self.committer.release(record, Result.HELD, renew_at=parked_at + transitions.BREAKER_WINDOW + 1)
        return self.committer.reauthorize(record, record, self.unsealer.grant(record))

    def _reconcile(self, record: Connection, *, asked: bool, renew_at: int | None) -> WorkResult:
        """Make the secret equal to the grant where it is not, and release."""
        differs = record.publishing_is_due()
        try:
            # The secret of a quarantined one is none of its grant's.
            if asked and not differs and record.published is not None and record.status is not Status.QUARANTINED:
                differs = not self.publisher.is_current(record)
        except PublishUnavailable as error:
            return self.committer.postponed(record, "comparing.postponed", str(error), compare=True, backpressure=True)
        except (SecretGone, SecretNotOurs) as gone:
            return self.committer.orphaned(record, str(gone))
        later = (
            record.due.compare_at
            if record.due.compare_at is not None and record.due.compare_at > self.ports.clock.now()
            else None
        )
        # Nothing but an active connection is verified.
        verify_at = record.due.verify_at if record.status is Status.ACTIVE else None
        after = transitions.released(record.with_due(compare_at=later, renew_at=renew_at, verify_at=verify_at))
        if not differs:
            # What only AWS had in the way is over.
            after = replace(after, failures=0 if record.last_error is None else record.failures)
            return WorkResult(Result.NOTHING_DUE, self.ports.connections.write(record, after))
        return self.committer.publish(record, after, self.unsealer.grant(record), Result.PUBLISHED)

    def renew(self, record: Connection, session: Session, budget: Budget, *, force: bool = False) -> WorkResult:
        """Refresh a leased connection whether or not that is due, or verify one that nothing can renew."""
        refused = self.refresher.gate(record, session, budget, force=force)
        if refused is not None:
            return refused
        grant = self.unsealer.grant(record)
        if not session.provider.renews(grant):
            return self._verified(record, grant, session)
        return self.refresher.refresh(record, grant, session, budget, force=force)

    def _push(self, record: Connection, session: Session, budget: Budget) -> WorkResult:
        """Hand the pair to the app's consumer, where that fits into the time that is left; a pause does not matter."""
        refused = self.refresher.gate(record, session, budget, force=True)
        return self.pusher.due(record, self.unsealer.grant(record), session) if refused is None else refused

    def _verify(self, record: Connection, session: Session) -> WorkResult:
        """Verify an access token that never expires, unless its app is paused."""
        if session.state.paused:
            later = transitions.released(record.with_due(verify_at=self.ports.clock.now() + transitions.PAUSED_RECHECK))
            return WorkResult(Result.PAUSED, self.ports.connections.write(record, later))
        return self._verified(record, self.unsealer.grant(record), session)

    def _verified(self, record: Connection, grant: Grant, session: Session) -> WorkResult:
        """Verify where the provider has a call for it; else a token that nothing can renew stays until its end."""
        if session.provider.account_call is None:
            ends = grant.access_expires_at
            if ends is not None and ends <= self.ports.clock.now():
                return self.committer.reauthorize(record, record, grant, reason=Reason.ENDED)
            rests = transitions.released(record.with_due(renew_at=None, verify_at=ends))
            return WorkResult(Result.NOTHING_DUE, self.ports.connections.write(record, rests))
        return self.verifier.verify(record, grant, session)

    def _unready(self, record: Connection, error: Exception, work: Work) -> WorkResult:
        """Postpone a connection whose key or app is not to be had; nothing was spent, or the answer is stored."""
        try:
            withheld = isinstance(error, SealingUnavailable)
            outcome = self.committer.postponed(
                record, "connection.postponed", str(error), compare=work.compare, withheld=withheld
            )
            # No record says that a push was asked for.
            return replace(outcome, again=work.push)
        except FenceLost:
            return WorkResult(Result.TAKEN_OVER)
