"""What an operator asks of a connection: refresh it now, whoever else is at it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Status
from tokensync.domain.errors import UnknownConnection
from tokensync.domain.work import Work
from tokensync.refresh.breaker import count_attempts
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

# Connections that no refresh can help. `force` presents the stored token all the same, but for those that are set
# apart or disconnected: a refresh must not be what accepts them.
RESTS = {
    Status.REAUTHORIZE: Result.REAUTHORIZE,
    Status.DISCONNECTED: Result.REAUTHORIZE,
    Status.QUARANTINED: Result.HELD,
    Status.ORPHANED: Result.ORPHANED,
}
_POLL = 0.25  # seconds between looks at a connection that somebody else refreshes
_RESUMPTIONS = 2  # unfinished attempts that are concluded before a connection is left alone
_ANSWER_BEFORE = 2.0  # seconds kept back to say what was seen


@dataclass(frozen=True)
class OnDemand:
    """Refreshes on demand. Simultaneous requests collapse into one call to the provider."""

    ports: Ports
    worker: Worker

    def refresh(
        self, name: ConnectionName, budget: Budget, *, generation: int | None = None, force: bool = False
    ) -> WorkResult:
        """Refresh a connection now. `generation` is the one the operator saw: is there a newer one, that one is given.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was spent.
        """
        seen = self.standing(name)
        wanted = seen.generation if generation is None else generation
        if seen.generation > wanted:
            return WorkResult(Result.REFRESHED, seen)
        rests = RESTS.get(seen.status)
        forced = force and seen.status in (Status.REAUTHORIZE, Status.ORPHANED)
        if seen.consumer.handed_over_at is not None:
            rests, forced = Result.OWNED_BY_CONSUMER, False
        if rests is not None and not forced:
            return WorkResult(rests, seen)
        if not self.ports.connections.request_refresh(name, generation=wanted, now=self.ports.clock.now()):
            return WorkResult(Result.REFRESHED, self._get(name))
        session = Session(name.app, self.ports)
        published_first = 0
        while True:
            outcome = self.worker.run(Work(connection=name), session, budget, force=force)
            if outcome.result is Result.PUBLISHED and published_first < _RESUMPTIONS:
                published_first += 1
                continue  # what stood had to be published; the refresh is due still
            if outcome.result not in (Result.LEASED_ELSEWHERE, Result.TAKEN_OVER):
                break
            now = self._get(name)
            if now.generation > wanted:
                return WorkResult(Result.REFRESHED, now)
            if budget.left() < _ANSWER_BEFORE or now.lease_until is None:
                # Not leased and not due any more: its holder has just ended without a new token.
                return WorkResult(outcome.result, now)
            self.ports.clock.sleep(_POLL)
        self._count(session)
        return WorkResult(outcome.result, outcome.record or self._get(name), withheld=outcome.withheld)

    def under_lease(
        self, name: ConnectionName, session: Session, budget: Budget, act: Act, *, even_quarantined: bool = False
    ) -> WorkResult:
        """Do `act` under the connection's lease: after whoever holds it, and after an attempt that is unfinished.

        It is not done for a quarantined connection, and the outcome is HELD, unless `even_quarantined`.

        `act` ends the lease by a write of its own, or returns the record that is to be refreshed. It is not done where
        the holder outlives this budget, or too little of it is left: the outcome then is
        LEASED_ELSEWHERE, NO_TIME, or that of the unfinished attempt.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was done.
        """
        is_done = False

        def once(record: Connection, grant: Grant, session: Session) -> WorkResult | Connection:
            nonlocal is_done
            is_done = True
            if record.status is Status.QUARANTINED and not even_quarantined:
                return WorkResult(Result.HELD, self.ports.connections.write(record, released(record)))
            if not budget.allows(self.ports.limits):
                return WorkResult(Result.NO_TIME, self.ports.connections.write(record, released(record)))
            return act(record, grant, session)

        resumed = 0
        while True:
            outcome = self.worker.run(Work(connection=name), session, budget, act=once)
            if is_done or outcome.result is Result.REMOVED:
                break
            if outcome.result is Result.LEASED_ELSEWHERE:
                if not budget.allows(self.ports.limits):
                    break
                self.ports.clock.sleep(_POLL)
                continue
            resumed += 1
            if resumed > _RESUMPTIONS:
                break
        self._count(session)
        return replace(outcome, record=outcome.record or self._get(name))

    def standing(self, name: ConnectionName) -> Connection:
        """Return a connection that was not removed.

        Raises:
            UnknownConnection, StoreUnavailable: there is none, or it cannot be seen.
        """
        record = self._get(name)
        if record.removed_at is not None:
            raise UnknownConnection(f"the connection {name} was removed")
        return record

    def _count(self, session: Session) -> None:
        count_attempts(session, self.ports)

    def _get(self, name: ConnectionName) -> Connection:
        record = self.ports.connections.get(name)
        if record is None:
            raise UnknownConnection(f"there is no connection {name}")
        return record
