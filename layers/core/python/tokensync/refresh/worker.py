"""The refresh protocol on one screen: LEASE, GATE, SENT, RECEIVED, PUBLISH, COMMIT.

A token that the provider gave us is durable before anyone uses it, and a refresh token is presented once but for the
named exemptions. Recovery is the same worker that finds `sent` or `received` under an expired lease.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Phase
from tokensync.domain.errors import FenceLost, InvalidApp, NotLeased, SealingUnavailable, UnknownApp
from tokensync.refresh.job import Job
from tokensync.refresh.result import LeaseEnded, Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.domain.work import Work
    from tokensync.refresh.attempt import Attempts
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.due import DueWork
    from tokensync.refresh.gate import Gate
    from tokensync.refresh.job import Act
    from tokensync.refresh.kept_answers import KeptAnswers
    from tokensync.refresh.restored_table import RestoredCheck, RestoredTable
    from tokensync.refresh.resume import Resumer
    from tokensync.refresh.session import Session


@dataclass(frozen=True)
class Worker:
    """Takes one connection at a time through the protocol."""

    ports: Ports
    kept_answers: KeptAnswers
    restored_table: RestoredTable
    restored_check: RestoredCheck
    resumer: Resumer
    due: DueWork
    gate: Gate
    attempts: Attempts
    concluder: Concluder
    committer: Committer

    def run(
        self, work: Work, session: Session, budget: Budget, *, force: bool = False, act: Act | None = None
    ) -> WorkResult:
        """Lease the connection, then go on with an unfinished attempt, do `act`, or do what is due.

        `force` is an operator's: it presents a held token again. `act` ends the lease by itself, or returns the record
        that is to be refreshed.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was spent by this call.
        """
        job = Job(work=work, session=session, budget=budget, force=force, act=act)
        table = self.restored_table.id()  # before the lease: if this cannot be known, nothing may be done
        record = self._lease(job)  # LEASE
        if isinstance(record, WorkResult):
            return record
        try:
            record = self.restored_check.checked(record, table, session)
            self.committer.finish_begun_removal(record)
            received = self.resumer.unfinished(record, session)
            if received is None:
                record = self.due.refresh_due(record, job)
                ready = self.gate.passed(record, job)  # GATE
                sent = self.attempts.send(ready, session)  # SENT
                received = self.attempts.receive(sent, session, budget)  # RECEIVED
            concluded = self.concluder.conclude(received, session)
            published = self.committer.publish(concluded)  # PUBLISH
            return self.committer.commit(published)  # COMMIT
        except LeaseEnded as ended:
            return ended.result
        except FenceLost:
            return WorkResult(Result.TAKEN_OVER)
        except (SealingUnavailable, UnknownApp, InvalidApp) as error:
            return self._postponed(record, error, job)

    def _lease(self, job: Job) -> Connection | WorkResult:
        """LEASE: return the leased record, or that it is not to be had.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing is leased, and the message has to come again.
        """
        work = job.work
        if work.connection is None:
            raise ValueError("this work names no connection")
        if work.answer is not None:
            self.kept_answers.bring_back(work.connection, work.fence, work.answer)
        now, until = self.ports.clock.now(), job.budget.lease_until(self.ports.limits)
        try:
            record = self.ports.connections.lease(
                work.connection, now=now, until=until, even_if_not_due=job.is_asked_for
            )
        except NotLeased as refused:
            # A comparison or a push must come after the present holder's writes; so must an answer, which that holder
            # may have looked for before it was there.
            after = work.compare or work.push or work.answer is not None
            return WorkResult(Result.LEASED_ELSEWHERE, again=after and refused.leased_until is not None)
        self.ports.failpoints.reached("leased")
        return record

    def _postponed(self, record: Connection, error: Exception, job: Job) -> WorkResult:
        """Postpone a connection whose key or app cannot be read; nothing was spent, or the response is stored.

        That its access token has ended is said all the same, where a key is to be had.
        """
        work, session = job.work, job.session
        withheld = isinstance(error, SealingUnavailable)
        try:
            if not withheld and record.phase is Phase.IDLE and self.due.end.has_come(record):
                with suppress(SealingUnavailable):
                    return self.due.end.commit(record, record, self.due.unsealer.grant(record), session)
            result = self.committer.postponed(
                record, "connection.postponed", str(error), compare=work.compare, withheld=withheld
            )
        except FenceLost:
            return WorkResult(Result.TAKEN_OVER)
        # No record says that a push was asked for.
        return replace(result, again=work.push)
