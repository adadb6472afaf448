"""`remove` and `publish`: takes a connection and its secret away, and gives an orphaned one its secret back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Reason, Status
from tokensync.domain.errors import PublishUnavailable
from tokensync.operate.on_demand import RESTS
from tokensync.refresh import decisions, schedule, transitions
from tokensync.refresh.commit import LONGEST_RECOVERY
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.session import Session

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.operate.on_demand import OnDemand
    from tokensync.refresh.commit import Committer


@dataclass(frozen=True)
class Remover:
    """Removes connections and restores secrets on demand. Thread-safe: it holds no state."""

    ports: Ports
    on_demand: OnDemand
    committer: Committer

    def remove(self, name: ConnectionName, budget: Budget, *, days: int = LONGEST_RECOVERY) -> WorkResult:
        """Schedule the secret's deletion, then leave of the record what a return needs. May be repeated.

        A secret that is not ours is left alone. Nothing is asked of the provider.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was done, or the same call finishes it.
        """
        on_demand = self.on_demand
        on_demand.standing(name)
        session = Session(name.app, self.ports)

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult:
            del grant, session
            return self._removed(record, days)

        return on_demand.under_lease(name, session, budget, act, even_quarantined=True)

    def _removed(self, record: Connection, days: int) -> WorkResult:
        connections, now, published = self.ports.connections, self.ports.clock.now(), record.published
        # The mark first: a secret that we delete must never look like one that somebody else deleted.
        marked = replace(
            decisions.disconnected(record, reason=Reason.REMOVED, now=now).with_due(compare_at=None),
            published=None if published is None else replace(published, removed=True),
            lease_until=record.lease_until,
        )
        # Due when this lease ends: should we die here, the next holder finishes it.
        marked = connections.write(record, schedule.due_after_lease(marked.with_due(refresh_at=None, next_at=None)))
        try:
            return self.committer.finish_removal(marked, days=days)
        except PublishUnavailable as error:
            self.ports.log.warning("removing.postponed", connection=str(record.name), error=str(error))
            # The deletion may have been made and only its answer lost: then the next holder takes it back.
            after = replace(
                record.with_due(compare_at=now if published else record.due.compare_at), published=marked.published
            )
            return WorkResult(Result.POSTPONED, connections.write(marked, transitions.released(after)))

    def publish(self, name: ConnectionName, budget: Budget) -> WorkResult:
        """Make the secret equal to the grant, by an operator's word: one that is gone is restored or made anew.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was done.
        """
        on_demand = self.on_demand
        seen = on_demand.standing(name)
        if seen.status in RESTS and seen.status is not Status.ORPHANED:
            return WorkResult(RESTS[seen.status], seen)
        session = Session(name.app, self.ports)
        return on_demand.under_lease(name, session, budget, self._published)

    def _published(self, record: Connection, grant: Grant, session: Session) -> WorkResult:
        if record.obtained_at is None:  # imported with a refresh token alone: there is no access token yet
            after = transitions.released(record)
            return WorkResult(Result.NOTHING_DUE, self.ports.connections.write(record, after))
        now = self.ports.clock.now()
        after = transitions.released(record)
        if record.status is Status.ORPHANED:
            cadence = self.ports.cadence.for_app(session.app)
            after = decisions.republished(
                record,
                grant,
                provider=session.provider,
                now=now,
                verifies_at=schedule.verify_at(record.name, now=now, cadence=cadence),
            )
        if after.published is not None:
            # As if we had deleted it: this operator says that it may come back.
            after = replace(after, published=replace(after.published, removed=True))
        return self.committer.publish_and_commit(record, after, grant, Result.PUBLISHED)
