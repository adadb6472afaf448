"""What is due of a leased connection: its refresh, or something else, which is done at once and ends the lease."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Status
from tokensync.domain.errors import PublishUnavailable, SecretGone, SecretNotOurs
from tokensync.domain.runtime import DAY
from tokensync.domain.visible import Line
from tokensync.refresh import breaker, schedule, transitions
from tokensync.refresh.parked import is_parked
from tokensync.refresh.result import LeaseEnded, Result, WorkResult
from tokensync.refresh.schedule import is_due

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.ports import Ports
    from tokensync.domain.sealing import Unsealer
    from tokensync.refresh.account import Verifier
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.end import End
    from tokensync.refresh.gate import Gate
    from tokensync.refresh.held import HeldRules
    from tokensync.refresh.job import Job
    from tokensync.refresh.push import Pusher
    from tokensync.refresh.restored_table import RestoredCheck
    from tokensync.refresh.session import Session


@dataclass(frozen=True)
class DueWork:
    """Decides what is done under a lease that has no unfinished attempt, and does everything but the refresh."""

    ports: Ports
    unsealer: Unsealer
    gate: Gate
    held: HeldRules
    verifier: Verifier
    pusher: Pusher
    end: End
    restored_check: RestoredCheck
    committer: Committer

    def refresh_due(self, record: Connection, job: Job) -> Connection:
        """Return the record of a connection that is to be refreshed now.

        Raises:
            LeaseEnded: something else was asked for or due, and is done; or nothing was.
            FenceLost, SealingUnavailable, StoreUnavailable: the message has to come again.
        """
        if job.act is not None:
            acted = job.act(record, self.unsealer.grant(record), job.session)
            if isinstance(acted, WorkResult):
                raise LeaseEnded(acted)
            return acted
        if record.authorized.deauthorized_at is not None:
            raise LeaseEnded(self.committer.deauthorized(record, self.unsealer.grant(record)))
        now = self.ports.clock.now()
        self.held.back_to_active(record, job.session, now)
        compares = job.work.compare or is_due(record.due.compare_at, now)
        # Before its token is presented: a record out of a backup may be due as well.
        self._may_be_touched(record, compares=compares, force=job.force)
        record = self._warned(record, now)
        presents = job.force or not self._ends_first(record, job.session)
        if presents and self._is_refresh_due(record, job.session, now, force=job.force):
            return record
        return self._do_something_else(record, job, now, compares=compares)

    def _ends_first(self, record: Connection, session: Session) -> bool:
        """Return whether it is to be said at once that the access token has ended, as nothing is presented now."""
        if not self.end.has_come(record):
            return False
        is_paused = session.state.paused != "" and not self.gate.is_unconcerned(record, session)
        return is_paused or (record.status is Status.HELD and record.exemption is None)

    def _is_refresh_due(self, record: Connection, session: Session, now: int, *, force: bool) -> bool:
        """Return whether the refresh token is to be presented now.

        Only the consumer that was handed it presents it. A token that is not published yet is published first.

        Raises:
            LeaseEnded: the connection is held, and rests.
        """
        if record.consumer.handed_over_at is not None or record.waits_for_publishing():
            return False
        if force:
            return True
        if not is_due(record.due.renew_at, now):
            return False
        if record.status is Status.HELD or (schedule.has_ended(record) and is_parked(record)):
            self.held.may_attempt(record, session, now)
        return schedule.is_renewed(record)

    def _do_something_else(self, record: Connection, job: Job, now: int, *, compares: bool) -> NoReturn:
        """Push, say that the access token has ended, verify, or make the secret equal to the grant."""
        if (job.work.push or is_due(record.due.push_at, now)) and not job.work.compare:
            self.gate.time_is_left(record, job.session, job.budget)
            raise LeaseEnded(self.pusher.due(record, self.unsealer.grant(record), job.session))
        if self.end.has_come(record):
            ended = self.end.commit(record, record, self.unsealer.grant(record), job.session)
            raise LeaseEnded(replace(ended, again=job.work.push))
        verifies = record.status is Status.ACTIVE and is_due(record.due.verify_at, now)
        if verifies and not compares and not record.waits_for_publishing():
            raise LeaseEnded(self._verified(record, job.session, now))
        raise LeaseEnded(self._reconciled(record, now, compares=compares))

    def _may_be_touched(self, record: Connection, *, compares: bool, force: bool) -> None:
        """End the lease of a connection that is quarantined, or has to be as its record is older than its secret."""
        if record.status is Status.QUARANTINED:
            # Only accepting it makes it active again: a refresh, even a forced one, never does.
            if force:
                raise LeaseEnded(self.committer.release(record, Result.HELD, renew_at=None))
            return
        if not compares:
            return
        try:
            self.restored_check.not_overtaken(record)
        except PublishUnavailable as error:
            raise LeaseEnded(self.committer.unreachable(record, "comparing.postponed", error)) from error
        except (SecretGone, SecretNotOurs):
            return

    def _warned(self, record: Connection, now: int) -> Connection:
        """Warn of the refresh token's nearing end, once for each step on the way."""
        if record.refresh_expires_at is None or not is_due(record.due.warn_at, now):
            return record
        days = max(0, math.ceil((record.refresh_expires_at - now) / DAY))
        self.ports.alerts.tell(
            "authorization.expiring",
            str(record.name),
            detail=Line("the seller's authorization ends in {days} days; a refresh does not extend it", days=days),
            next_command=typed("tokensync invite {app} --for {name}", app=record.name.app, name=record.name),
        )
        later = schedule.warn_at(now=now, refresh_expires_at=record.refresh_expires_at)
        # Written at once: a later write stores only what it changes itself.
        return self.ports.connections.write(record, record.with_due(warn_at=later))

    def _verified(self, record: Connection, session: Session, now: int) -> WorkResult:
        """Verify an access token that never expires, unless its app is paused."""
        if not self.gate.app_answers(record, session):
            later = record.with_due(verify_at=breaker.rests_until(record, session.state, now))
            return self.committer.end_lease(record, later, Result.PAUSED)
        return self.verifier.verify_or_wait(record, self.unsealer.grant(record), session)

    def _reconciled(self, record: Connection, now: int, *, compares: bool) -> WorkResult:
        """Make the secret equal to the grant where it is not, and release."""
        differs = record.publishing_is_due()
        # A quarantined connection's secret was not made from its grant.
        if compares and not differs and record.status is not Status.QUARANTINED:
            try:
                differs = self.committer.secret_differs(record)
            except PublishUnavailable as error:
                return self.committer.unreachable(record, "comparing.postponed", error)
        after = transitions.reconciled(record, now=now)
        if not differs:
            return WorkResult(Result.NOTHING_DUE, self.ports.connections.write(record, transitions.undisturbed(after)))
        return self.committer.publish_and_commit(record, after, self.unsealer.grant(record), Result.PUBLISHED)
