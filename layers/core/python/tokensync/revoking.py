"""`revoke`: ends an authorization at the provider, then here. A revocation is idempotent, so it may always be repeated.

RFC 7009 §2.2: a token that is invalid already is revoked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync import transitions
from tokensync.answers import Failure, FailureClass
from tokensync.connection import Status
from tokensync.errors import NotOffered
from tokensync.outcome import Outcome, Result
from tokensync.presenting import present
from tokensync.reading import read_revocation
from tokensync.session import Session
from tokensync.token_request import revocation_request

if TYPE_CHECKING:
    from tokensync.concluding import Concluder
    from tokensync.connection import Connection
    from tokensync.grant import Grant
    from tokensync.names import ConnectionName
    from tokensync.operating import Operating
    from tokensync.seams import Failpoints
    from tokensync.session import Budget, Limits
    from tokensync.wire import Wire

_NEVER_PUBLISHED = (Status.ORPHANED, Status.QUARANTINED)


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """How a revocation ended: `failure` tells why the provider did not make it, None where it did or was not asked."""

    outcome: Outcome
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True)
class Revoker:
    """Revokes on demand. Thread-safe: it holds no state."""

    operating: Operating
    concluder: Concluder
    wire: Wire
    failpoints: Failpoints
    limits: Limits

    def revoke(self, name: ConnectionName, budget: Budget, *, local: bool = False) -> Revocation:
        """End a connection's authorization at its provider, then mark it; `local` marks it alone.

        Raises:
            NotOffered: the provider has no call for it.
            UnknownConnection, NewerSchema, StoreUnavailable, UnknownApp, InvalidApp: nothing was done.
        """
        operating = self.operating
        seen = operating.standing(name)
        session = Session(name.app, apps=operating.apps, sealer=operating.sealer)
        if not local:
            provider = session.provider
            if provider.revocation is None or not provider.has_endpoint(session.app, "revoke"):
                raise NotOffered(
                    f"{provider.title} has no call that revokes: the account itself ends the authorization, where its "
                    f"settings list connected apps; --local marks it here alone",
                    next_command=f"tokensync revoke {name} --local",
                )
            late = self._renewed(seen, session, budget)
            if late is not None:
                return Revocation(outcome=late)
        failures: list[Failure] = []

        def act(record: Connection, grant: Grant, session: Session) -> Outcome:
            failure = None if local else self._asked(grant, session)
            if failure is None or failure.kind is FailureClass.REFUSED:
                return self._ended(record, grant)
            if failure.kind is FailureClass.CONFIGURATION:
                self.concluder.pause(session, failure)
            failures.append(failure)
            return Outcome(Result.POSTPONED, operating.connections.write(record, transitions.released(record)))

        outcome = operating.under_lease(name, session, budget, act)
        return Revocation(outcome=outcome, failure=failures[0] if failures else None)

    def _renewed(self, seen: Connection, session: Session, budget: Budget) -> Outcome | None:
        """Renew an expired access token where that is what is presented: a dead one would end nothing."""
        shape = session.provider.revocation
        ends = seen.access_expires_at
        is_dead = ends is not None and ends <= self.operating.clock.now()
        presents_it = shape is not None and (shape.access_token or shape.header is not None)
        if not presents_it or not is_dead or seen.status not in (Status.ACTIVE, Status.HELD):
            return None
        outcome = self.operating.refresh(seen.name, budget)
        return None if outcome.result in (Result.REFRESHED, Result.REAUTHORIZE) else outcome

    def _asked(self, grant: Grant, session: Session) -> Failure | None:
        """Return why the provider did not revoke, None where it did."""
        request = revocation_request(session.provider, session.app, grant)
        if request is None:
            raise ValueError("a provider without a revocation call is not asked")
        answer = present(
            request,
            wire=self.wire,
            clock=self.operating.clock,
            seconds=self.limits.provider,
            failpoints=self.failpoints,
        )
        if isinstance(answer, Failure):
            return answer
        known = (grant.refresh_token, grant.access_token, session.app.client_secret)
        return read_revocation(session.provider, answer, secrets=[secret for secret in known if secret])

    def _ended(self, record: Connection, grant: Grant) -> Outcome:
        """COMMIT that the authorization is over, and publish it where anything was published."""
        after = transitions.disconnected(record, reason=transitions.REASON_REVOKED, now=self.operating.clock.now())
        if record.published is None or record.status in _NEVER_PUBLISHED:
            return Outcome(Result.REVOKED, self.operating.connections.write(record, after))
        outcome = self.concluder.publish(record, after, grant, Result.REVOKED)
        if outcome.result is Result.ORPHANED and outcome.record is not None:
            # Its secret is gone as well; that the authorization is over weighs more.
            over = replace(outcome.record, status=Status.DISCONNECTED, reason=transitions.REASON_REVOKED)
            return Outcome(Result.REVOKED, self.operating.connections.write(outcome.record, over))
        return outcome
