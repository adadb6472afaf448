"""`refresh`: a connection's token is renewed now, even while another worker holds the connection.

The other commands do their work under the same lease, see `OnDemand.under_lease`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Status
from tokensync.domain.errors import UnknownConnection
from tokensync.domain.work import Work
from tokensync.refresh import schedule
from tokensync.refresh.breaker import note_outcomes
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.session import Session
from tokensync.refresh.transitions import released

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.refresh.job import Act
    from tokensync.refresh.worker import Worker

# Connections that no refresh can help. `force` presents the stored token all the same, except where the connection is
# quarantined or disconnected: a refresh must not be what accepts it.
_UNREFRESHABLE = {
    Status.REAUTHORIZE: Result.REAUTHORIZE,
    Status.DISCONNECTED: Result.REAUTHORIZE,
    Status.QUARANTINED: Result.HELD,
    Status.ORPHANED: Result.ORPHANED,
}
_POLL = 0.25  # seconds between looks at a connection that another worker holds
_RESUMPTIONS = 2  # unfinished attempts that are concluded before a connection is left alone


def is_retried(record: Connection) -> bool:
    """Return whether the access token has ended, and its renewal is still tried by itself."""
    return schedule.has_ended(record) and record.due.renew_at is not None


def unrefreshable(record: Connection) -> Result | None:
    """Return why no refresh helps a connection now, None where one may."""
    return Result.POSTPONED if is_retried(record) else _UNREFRESHABLE.get(record.status)


@dataclass(frozen=True)
class OnDemand:
    """Works on connections on demand. Simultaneous requests for a refresh become one call to the provider."""

    ports: Ports
    worker: Worker

    def refresh(
        self, name: ConnectionName, budget: Budget, *, generation: int | None = None, force: bool = False
    ) -> WorkResult:
        """Refresh a connection now. `generation` is what the operator saw: if there is a newer one, it is returned.

        BUSY: the provider asked for time, and is asked for nothing before that, `force` or not.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was spent.
        """
        seen = self.existing(name)
        wanted = seen.generation if generation is None else generation
        if seen.generation > wanted:
            return WorkResult(Result.REFRESHED, seen)
        refusal = None if is_retried(seen) else unrefreshable(seen)
        forced = force and seen.status in (Status.REAUTHORIZE, Status.ORPHANED)
        if seen.consumer.handed_over_at is not None:
            refusal, forced = Result.OWNED_BY_CONSUMER, False
        if refusal is not None and not forced:
            return WorkResult(refusal, seen)
        if not self.ports.connections.request_refresh(name, generation=wanted, now=self.ports.clock.now()):
            now = self._get(name)
            is_newer = now.generation > wanted
            return WorkResult(Result.REFRESHED if is_newer else Result.BUSY, now, until=now.due.not_before)
        session = Session(name.app, self.ports)
        published_first = 0
        while True:
            result = self.worker.run(Work(connection=name), session, budget, force=force)
            if result.result is Result.PUBLISHED and published_first < _RESUMPTIONS:
                published_first += 1
                continue  # the stored token had to be published first; the refresh is still due
            if result.result not in (Result.LEASED_ELSEWHERE, Result.TAKEN_OVER):
                break
            now = self._get(name)
            if now.generation > wanted:
                return WorkResult(Result.REFRESHED, now)
            if not budget.allows(self.ports.limits.answer) or now.lease_until is None:
                # Neither leased nor due any more: its holder has just ended without a new token.
                return WorkResult(result.result, now)
            self.ports.clock.sleep(_POLL)
        note_outcomes(session, self.ports)
        return replace(result, record=result.record or self._get(name))

    def under_lease(
        self,
        name: ConnectionName,
        budget: Budget,
        act: Act,
        *,
        session: Session | None = None,
        even_quarantined: bool = False,
    ) -> WorkResult:
        """Do `act` under the connection's lease, after its present holder and after an unfinished attempt.

        `act` ends the lease by a write of its own, or returns the record that is to be refreshed. It is not done for a
        quarantined connection, unless `even_quarantined`: the result is HELD. Nor is it done where the holder outlives
        this budget, or too little of the budget is left: the result is LEASED_ELSEWHERE, NO_TIME, or that of the
        unfinished attempt.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was done.
        """
        session, is_done = session or Session(name.app, self.ports), False

        def once(record: Connection, grant: Grant, session: Session) -> WorkResult | Connection:
            nonlocal is_done
            is_done = True
            if record.status is Status.QUARANTINED and not even_quarantined:
                return WorkResult(Result.HELD, self.ports.connections.write(record, released(record)))
            if not budget.allows(self.ports.limits.presentation):
                return WorkResult(Result.NO_TIME, self.ports.connections.write(record, released(record)))
            return act(record, grant, session)

        resumed = 0
        while True:
            result = self.worker.run(Work(connection=name), session, budget, act=once)
            if is_done or result.result is Result.REMOVED:
                break
            if result.result is Result.LEASED_ELSEWHERE:
                if not budget.allows(self.ports.limits.presentation):
                    break
                self.ports.clock.sleep(_POLL)
                continue
            resumed += 1
            if resumed > _RESUMPTIONS:
                break
        note_outcomes(session, self.ports)
        return replace(result, record=result.record or self._get(name))

    def existing(self, name: ConnectionName) -> Connection:
        """Return a connection that was not removed.

        Raises:
            UnknownConnection, StoreUnavailable: there is none, or it cannot be read.
        """
        record = self._get(name)
        if record.removed_at is not None:
            raise UnknownConnection(f"the connection {name} was removed")
        return record

    def _get(self, name: ConnectionName) -> Connection:
        record = self.ports.connections.get(name)
        if record is None:
            raise UnknownConnection(f"there is no connection {name}")
        return record
