"""`remove`: a connection's secret is scheduled for deletion, and its grant is dropped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Reason
from tokensync.domain.errors import PublishUnavailable
from tokensync.refresh import decisions, schedule
from tokensync.refresh.commit import LONGEST_RECOVERY
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.operate.on_demand import OnDemand
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.session import Session


@dataclass(frozen=True)
class Remover:
    """Removes connections."""

    ports: Ports
    on_demand: OnDemand
    committer: Committer

    def remove(self, name: ConnectionName, budget: Budget, *, days: int = LONGEST_RECOVERY) -> WorkResult:
        """Schedule the secret's deletion in `days` days, then keep of the record what a return needs. May be repeated.

        A secret that is not ours is left alone. The provider is not asked.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was done, or the same call finishes it.
        """
        self.on_demand.existing(name)

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult:
            del grant, session
            return self._removed(record, days)

        return self.on_demand.under_lease(name, budget, act, even_quarantined=True)

    def _removed(self, record: Connection, days: int) -> WorkResult:
        connections, now, published = self.ports.connections, self.ports.clock.now(), record.published
        # The mark comes first: a secret that we delete must never look like one that was deleted by somebody else.
        marked = replace(
            decisions.disconnected(record, reason=Reason.REMOVED, now=now).with_due(compare_at=None),
            published=None if published is None else replace(published, removed=True),
            lease_until=record.lease_until,
        )
        # Due when this lease ends: if this process dies here, the next holder finishes it.
        marked = connections.write(record, schedule.due_after_lease(marked.with_due(refresh_at=None, next_at=None)))
        try:
            return self.committer.finish_removal(marked, days=days)
        except PublishUnavailable as error:
            self.ports.log.warning("removing.postponed", connection=str(record.name), error=str(error))
            # The deletion may have been made, and only its response lost: then the next holder takes it back.
            after = replace(
                record.with_due(compare_at=now if published else record.due.compare_at), published=marked.published
            )
            return self.committer.end_lease(marked, after, Result.POSTPONED)
