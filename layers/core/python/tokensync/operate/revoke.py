"""`revoke`: an authorization ends at the provider, then here. It may always be repeated.

RFC 7009 §2.2: a token that is invalid already counts as revoked. An invalid access token proves nothing about the
refresh token behind it: only a refused refresh does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.bound import Credential
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Reason
from tokensync.domain.destinations import kept_back
from tokensync.domain.errors import EndpointRefused, NotOffered, ParamRefused
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.runtime import Moment
from tokensync.oauth.http import present
from tokensync.oauth.params import not_made
from tokensync.oauth.token_request import revocation_request
from tokensync.oauth.token_response import read_revocation
from tokensync.refresh import schedule
from tokensync.refresh.bind import bound_first
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
    from tokensync.refresh.conclude import Concluder


@dataclass(frozen=True, kw_only=True)
class RevocationResult:
    """How a revocation ended. `failure` is why the provider did not revoke, None where it did or was not asked."""

    work: WorkResult
    failure: Failure | None = None


@dataclass(frozen=True)
class Revoker:
    """Revokes authorizations."""

    ports: Ports
    on_demand: OnDemand
    concluder: Concluder
    committer: Committer

    def revoke(self, name: ConnectionName, budget: Budget, *, local: bool = False) -> RevocationResult:
        """End a connection's authorization at its provider, then mark it; with `local` only mark it.

        Raises:
            NotOffered: the provider has no call for it.
            UnknownConnection, NewerSchema, StoreUnavailable, UnknownApp, InvalidApp: nothing was done.
        """
        seen = self.on_demand.existing(name)
        session = Session(name.app, self.ports)
        if not local:
            provider = session.provider
            if provider.revocation is None or not provider.has_endpoint(session.app, "revoke"):
                raise NotOffered(
                    f"{provider.title} has no call that revokes: the account itself ends the authorization, where its "
                    f"settings list connected apps; --local marks it here alone",
                    next_command=typed("tokensync revoke {name} --local", name=name),
                )
            if _presents_access_token(session) and self._has_ended(seen) and schedule.is_renewed(seen):
                return self._renewed(seen, session, budget)
        return self._revoked(name, session, budget, local=local, is_renewed=local)

    def _revoked(
        self, name: ConnectionName, session: Session, budget: Budget, *, local: bool, is_renewed: bool
    ) -> RevocationResult:
        """Ask the provider, and once more with a new access token unless the present one `is_renewed`."""
        failures: list[Failure] = []
        stale: list[Connection] = []

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult:
            if not local:
                record, grant = bound_first(record, grant, session, self.ports)
            failure = None if local else self._asked(grant, session)
            if failure is not None and failure.kind is FailureClass.REFUSED and not _lives_on(record, grant, session):
                failure = None
            if failure is None:
                return self.committer.ended(record, grant, reason=Reason.REVOKED, result=Result.REVOKED)
            if failure.kind is FailureClass.REFUSED and not is_renewed:
                stale.append(record)
            else:
                failures.append(failure)
            if failure.kind is FailureClass.CONFIGURATION:
                self.concluder.note_fault(record, failure, grant, session)
            return self.committer.end_lease(record, record, Result.POSTPONED)

        result = self.on_demand.under_lease(name, budget, act, session=session, even_quarantined=True)
        if stale:
            return self._renewed(stale[0], session, budget)
        return RevocationResult(work=result, failure=failures[0] if failures else None)

    def _has_ended(self, seen: Connection) -> bool:
        return seen.access_expires_at is not None and seen.access_expires_at <= self.ports.clock.now()

    def _renewed(self, seen: Connection, session: Session, budget: Budget) -> RevocationResult:
        """Revoke with a new access token, where access tokens are presented: a dead one would end nothing."""
        result = self.on_demand.refresh(seen.name, budget, generation=seen.generation)
        if result.result not in (Result.REFRESHED, Result.REAUTHORIZE) and not _is_refused(result, session):
            return RevocationResult(work=result)
        return self._revoked(seen.name, session, budget, local=False, is_renewed=True)

    def _asked(self, grant: Grant, session: Session) -> Failure | None:
        """Return why the provider did not revoke, None where it did."""
        moment = Moment.of(self.ports.clock, self.ports.randomness)
        try:
            request = revocation_request(session.provider, session.app, grant, moment)
            if request is None:
                raise ValueError("a provider without a revocation call is not asked")
            response = present(session.cleared(request, grant, Credential.TOKEN), self.ports)
        except ParamRefused as error:
            return not_made(error)
        except EndpointRefused as error:
            return kept_back(error)
        if isinstance(response, Failure):
            return response
        return read_revocation(session.provider, response, secrets=[*grant.secrets, *session.client_secrets])


def _presents_access_token(session: Session) -> bool:
    shape = session.provider.revocation
    return shape is not None and (shape.access_token or shape.header is not None)


def _lives_on(record: Connection, grant: Grant, session: Session) -> bool:
    """Return whether a refresh token may still work behind an access token that the provider calls invalid."""
    if grant.refresh_token is None or not schedule.is_renewed(record) or record.reason == Reason.REFUSED:
        return False
    return _presents_access_token(session)


def _is_refused(result: WorkResult, session: Session) -> bool:
    """Return whether the refresh token is refused as well, and nothing says that the provider refuses everybody."""
    record = result.record
    if record is None or result.result is not Result.HELD or record.reason != Reason.REFUSED:
        return False
    return not session.is_troubled(record.name.account)
