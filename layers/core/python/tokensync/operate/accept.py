"""`accept`: a quarantined connection becomes active, by an operator's decision.

The connection of an account that was not invited is published as it is: its refresh token was never presented. One
from a restored table has to get a new token first, so that nothing older replaces what workloads read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.oauth.provider import RefreshReuse
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
class Accepter:
    """Accepts quarantined connections."""

    ports: Ports
    on_demand: OnDemand
    committer: Committer

    def accept(self, name: ConnectionName, budget: Budget, *, force: bool = False) -> WorkResult:
        """Make a quarantined connection active.

        `force` presents a refresh token that may be spent, and publishes an access token from a restored table where
        no provider can be asked about it.

        Returns:
            PUBLISHED, REFRESHED or VERIFIED: it is active. NOTHING_DUE: it is not quarantined. REAUTHORIZE: its tokens
            have ended, or may be spent. Any other result: it is as it was.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable, UnknownApp, InvalidApp: nothing was done.
        """
        seen = self.on_demand.existing(name)
        if seen.status is not Status.QUARANTINED:
            return WorkResult(Result.NOTHING_DUE, seen)

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult | Connection:
            if record.status is not Status.QUARANTINED:
                return self._left(record, Result.NOTHING_DUE)
            if record.reason == Reason.RESTORED_TABLE:
                return self._from_restored_table(record, grant, session, force=force)
            return self._uninvited(record, grant, session, force=force)

        return self.on_demand.under_lease(name, budget, act, even_quarantined=True)

    def _uninvited(self, record: Connection, grant: Grant, session: Session, *, force: bool) -> WorkResult | Connection:
        """Publish the grant of an account that was not invited.

        A grant whose access token has ended is refreshed first, and the connection stays quarantined until then.
        """
        now, provider = self.ports.clock.now(), session.provider
        after = decisions.accepted(
            record, grant, provider=provider, now=now, cadence=self.ports.cadence.for_app(session.app)
        )
        if session.app.push:
            after = after.with_due(push_at=now)
        if grant.access_expires_at is None or grant.access_expires_at > now:
            return self.committer.publish_and_commit(record, transitions.released(after), grant, Result.PUBLISHED)
        if not provider.renews(grant) or provider.renewal.presents_access_token:  # an ended one extends itself no more
            return self._left(record, Result.REAUTHORIZE)
        if record.attempt is not None and record.exemption is None:
            # An earlier acceptance presented it, and it may be spent.
            if not force:
                return self._left(record, Result.REAUTHORIZE)
            record = self.ports.connections.write(record, replace(record, exemption=Exemption.OPERATOR))
        return record

    def _from_restored_table(
        self, record: Connection, grant: Grant, session: Session, *, force: bool
    ) -> WorkResult | Connection:
        """Ask for a new token with what a restored table holds, where that cannot be spent or an operator insists.

        Without a new token the connection stays quarantined, and its secret as it is.
        """
        provider = session.provider
        if record.consumer.handed_over_at is not None:
            return self._left(record, Result.OWNED_BY_CONSUMER)
        is_safe = provider.refresh_reuse is RefreshReuse.SAFE
        if grant.refresh_token is not None and not is_safe and not force:
            return self._left(record, Result.REAUTHORIZE)
        asks = provider.renews(grant) or provider.account_call is not None
        if not asks and not force:
            # Nothing would distinguish an older token from a newer one.
            return self._left(record, Result.REAUTHORIZE)
        exemption = None
        if provider.renews(grant):
            exemption = Exemption.SAFE if is_safe else Exemption.OPERATOR
        # Above every published number, as a provider's answer may bring no new one.
        raised = replace(record, exemption=exemption, generation=record.allocated)
        record = self.ports.connections.write(record, raised)
        if asks:
            return record
        return self._uninvited(record, grant, session, force=force)

    def _left(self, record: Connection, result: Result) -> WorkResult:
        return self.committer.end_lease(record, record, result)
