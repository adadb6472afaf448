"""`publish`: a connection's secret is written anew; a secret that was deleted is restored, or created again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Status
from tokensync.operate.on_demand import unrefreshable
from tokensync.refresh import decisions, transitions
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
class Republisher:
    """Publishes connections on demand."""

    ports: Ports
    on_demand: OnDemand
    committer: Committer

    def publish(self, name: ConnectionName, budget: Budget) -> WorkResult:
        """Write the grant into the secret. A secret that is gone is restored or created anew.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was done.
        """
        seen = self.on_demand.existing(name)
        refusal = unrefreshable(seen)
        if refusal is not None and seen.status is not Status.ORPHANED:
            return WorkResult(refusal, seen)
        return self.on_demand.under_lease(name, budget, self._published)

    def _published(self, record: Connection, grant: Grant, session: Session) -> WorkResult:
        if record.obtained_at is None:  # imported with a refresh token alone: there is no access token yet
            return self.committer.end_lease(record, record, Result.NOTHING_DUE)
        after, now = transitions.released(record), self.ports.clock.now()
        if record.status is Status.ORPHANED:
            cadence = self.ports.cadence.for_app(session.app)
            after = decisions.republished(record, grant, provider=session.provider, now=now, cadence=cadence)
        if after.published is not None:
            # As if this stack had deleted it: the operator decides that it may come back.
            after = replace(after, published=replace(after.published, removed=True))
        return self.committer.publish_and_commit(record, after, grant, Result.PUBLISHED)
