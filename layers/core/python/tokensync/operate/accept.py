"""`accept`: an operator takes a quarantined connection in, by their own decision.

Another account than the invite was for is published as it is: its refresh token was never presented. What a restored
table held has to give a new token first, so that nothing older comes in the place of what workloads read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.oauth.provider import RefreshReuse
from tokensync.refresh import decisions, transitions
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
class Accepter:
    """Accepts on demand. Thread-safe: it holds no state."""

    ports: Ports
    on_demand: OnDemand
    committer: Committer

    def accept(self, name: ConnectionName, budget: Budget, *, force: bool = False) -> WorkResult:
        """Make a quarantined connection active.

        `force` presents a refresh token that may be spent, and publishes what a restored table held where nobody can
        be asked about it.

        Returns:
            PUBLISHED, REFRESHED or VERIFIED: it is active. NOTHING_DUE: it is not quarantined. REAUTHORIZE: its tokens
            have ended, or may be spent. All else: it stays as it was.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable, UnknownApp, InvalidApp: nothing was done.
        """
        on_demand = self.on_demand
        seen = on_demand.standing(name)
        if seen.status is not Status.QUARANTINED:
            return WorkResult(Result.NOTHING_DUE, seen)
        session = Session(name.app, self.ports)

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult | Connection:
            if record.status is not Status.QUARANTINED:
                return self._left(record, Result.NOTHING_DUE)
            if record.reason == Reason.RESTORED_TABLE:
                return self._readopted(record, grant, session, force=force)
            return self._welcomed(record, grant, session, force=force)

        return on_demand.under_lease(name, session, budget, act, even_quarantined=True)

    def _welcomed(self, record: Connection, grant: Grant, session: Session, *, force: bool) -> WorkResult | Connection:
        """Publish the grant of an account that nobody invited.

        One whose access token has ended is refreshed first, and stays quarantined until a new one came.
        """
        now, provider = self.ports.clock.now(), session.provider
        after = decisions.accepted(
            record, grant, provider=provider, now=now, cadence=self.ports.cadence.for_app(session.app)
        )
        if session.app.push:
            after = after.with_due(push_at=now)
        if grant.access_expires_at is None or grant.access_expires_at > now:
            return self.committer.publish_and_commit(record, transitions.released(after), grant, Result.PUBLISHED)
        if not provider.renews(grant):
            return self._left(record, Result.REAUTHORIZE)
        if record.attempt is not None and record.exemption is None:
            # An earlier acceptance presented it, and it may be spent.
            if not force:
                return self._left(record, Result.REAUTHORIZE)
            record = self.ports.connections.write(record, replace(record, exemption=Exemption.OPERATOR))
        return record

    def _readopted(self, record: Connection, grant: Grant, session: Session, *, force: bool) -> WorkResult | Connection:
        """Ask for a new token with what a restored table held, where that cannot be spent or an operator insists.

        Whatever else comes of it, the connection stays quarantined, and its secret as it is.
        """
        provider = session.provider
        if record.consumer.handed_over_at is not None:
            return self._left(record, Result.OWNED_BY_CONSUMER)
        is_safe = provider.refresh_reuse is RefreshReuse.SAFE
        if grant.refresh_token is not None and not is_safe and not force:
            return self._left(record, Result.REAUTHORIZE)
        asks = provider.renews(grant) or provider.account_call is not None
        if not asks and not force:
            # Nothing would tell an older token from a newer one.
            return self._left(record, Result.REAUTHORIZE)
        exemption = None
        if provider.renews(grant):
            exemption = Exemption.SAFE if is_safe else Exemption.OPERATOR
        # Above all that was published, should no new number come with the answer.
        raised = replace(record, exemption=exemption, generation=record.allocated)
        record = self.ports.connections.write(record, raised)
        if asks:
            return record
        return self._welcomed(record, grant, session, force=force)

    def _left(self, record: Connection, result: Result) -> WorkResult:
        return WorkResult(result, self.ports.connections.write(record, transitions.released(record)))
