"""Makes a connection of the response to a code: reads it, names the account, takes the connection over, publishes.

The callback does this at once; the rotation function does it for a callback that died in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tokensync.domain.authorization import NO_ACCOUNT, AuthorizationState
from tokensync.domain.connection import Status
from tokensync.domain.errors import NotLeased
from tokensync.domain.grant import Grant
from tokensync.domain.messages import Failure, FailureClass, Issued, ProviderResponse
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import GrantType
from tokensync.oauth.token_response import read_token_response
from tokensync.refresh.account import missing_scopes, named_account, wrong_kind
from tokensync.refresh.breaker import credentials_refused
from tokensync.refresh.decisions import GrantSource
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokensync.authorize.establish import Establisher
    from tokensync.authorize.redelivery import Redelivery
    from tokensync.domain.authorization import Authorization, AuthorizationKey
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.domain.work import Work
    from tokensync.refresh.account import AccountReader, Verifier
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.restored_table import RestoredTable
    from tokensync.refresh.session import Session

_LONGEST_NAMING = 86_400  # seconds during which a provider is asked again whose account a token is
_NOT_NOW = Failure(kind=FailureClass.BUSY, code="app_paused", retry_after=600)


def authorization_binding(key: AuthorizationKey) -> str:
    """Return the binding under which the response to a code is sealed."""
    return f"{key.app}|{key.sort_key}|answer|1"


@dataclass(frozen=True)
class Finisher:
    """Finishes answered authorizations."""

    ports: Ports
    concluder: Concluder
    accounts: AccountReader
    establisher: Establisher
    verifier: Verifier
    restored_table: RestoredTable
    redelivery: Redelivery

    def take_up(self, work: Work, session: Session, budget: Budget) -> WorkResult:
        """Finish an authorization whose callback died after the response was stored.

        Raises:
            FenceLost, StoreUnavailable, SealingUnavailable, UnknownApp, InvalidApp: the same work succeeds later.
        """
        key = work.authorization
        if key is None:
            raise ValueError("this work names no authorization")
        if work.answer is not None:
            self.redelivery.place(key, work.answer, fence=work.fence)
        now = self.ports.clock.now()
        try:
            authorization = self.ports.authorizations.lease(key, now=now, until=budget.lease_until(self.ports.limits))
        except NotLeased:
            return WorkResult(Result.NOTHING_DUE)
        if authorization.sealed_answer is None:
            return WorkResult(Result.NOTHING_DUE)
        if self.restored_table.is_unchecked(authorization):
            # It may have been finished since the backup, and its tokens refreshed.
            self._unusable(authorization, "restored_table", session)
            return WorkResult(Result.NOTHING_DUE)
        response = ProviderResponse.from_bytes(
            self.ports.sealer.open(authorization.sealed_answer, app=key.app, binding=authorization_binding(key))
        )
        # Nobody waits here: an agency's list of thousands of accounts may take its time.
        finished = self.finish(authorization, response, session, budget, seconds=self.ports.limits.provider)
        return WorkResult(Result.POSTPONED if finished.state is AuthorizationState.WORKING else Result.PUBLISHED)

    def finish(
        self,
        authorization: Authorization,
        response: ProviderResponse,
        session: Session,
        budget: Budget,
        *,
        shown: Sequence[Secret] = (),
        seconds: float | None = None,
    ) -> Authorization:
        """Make the connection that the response to a code allows, and note on the authorization how it ended.

        `shown` is what was presented, where it is still in hand: it is masked in the provider's words. `seconds` is
        how long the provider may take to say whose account it is.

        Raises:
            StoreUnavailable: the response is stored; the rotation function finishes later.
        """
        read = read_token_response(session.provider, response, secrets=[session.app.client_secret, *shown])
        if isinstance(read, Failure):
            # Without the code in hand nothing can be masked in the provider's words, so they are left out.
            return self._refused(authorization, read if shown else read.untold(), session)
        # A good refresh token without a usable access token is like an imported one: its first refresh is due.
        grant = _grant(read, read.access_token or Secret(""), authorization, session, at=response.received_at)
        if not grant.access_token and not session.provider.renews(grant):
            return self._unusable(authorization, "unusable_answer", session)
        facts = self._facts(grant, session, seconds=seconds)
        account = named_account(read.account, facts, session, wanted=authorization.for_account)
        if account is None:
            return self._unnamed(authorization, session, facts if isinstance(facts, Failure) else None)
        problem = wrong_kind(account, session)
        if problem:
            return self._unusable(authorization, problem, session)
        # The invite's label belongs to the wanted account, and to no other.
        asked = "" if authorization.for_account not in ("", account.id) else authorization.label
        label = asked or self._earlier_label(ConnectionName(session.name, account.id)) or account.label
        grant = replace(grant, account_id=account.id, label=label, account=account.facts)
        verified = bool(facts) and not isinstance(facts, Failure)
        return self._connected(authorization, read, grant, session, budget, verified=verified)

    def _facts(self, grant: Grant, session: Session, *, seconds: float | None) -> dict[str, Any] | Failure:
        """Return what the provider says of the account; nothing where there is no access token to ask with."""
        if not grant.access_token:
            return {}
        return _NOT_NOW if not session.state.takes_sellers else self.accounts.facts(grant, session, seconds=seconds)

    def _connected(
        self,
        authorization: Authorization,
        read: Issued,
        grant: Grant,
        session: Session,
        budget: Budget,
        *,
        verified: bool,
    ) -> Authorization:
        """Establish the connection of a named account; it is quarantined where the invite was for another account."""
        name = ConnectionName(session.name, grant.account_id)
        self._alert_oddities(name, grant, read, session)
        strange = bool(authorization.for_account) and authorization.for_account != name.account
        if strange and self._is_in_use(name):
            self._alert_quarantine(authorization, name, following=f"tokensync show {name}")
            return self._end(authorization, AuthorizationState.QUARANTINED, "another account", keep=True)
        self.verifier.index(name, grant.account, session)
        missing = missing_scopes(session.app, read)
        source = GrantSource(
            at=authorization.consumed_at or 0,
            by=authorization.key.nonce,
            life=read.life,
            status=Status.QUARANTINED if strange else Status.ACTIVE,
            verified=verified,
            missing_scopes=missing,
            detail=f"the invite was for {authorization.for_account}" if strange else "",
        )
        has_it = self.establisher.establish(name, grant, source, session, budget)
        if strange:
            self._alert_quarantine(authorization, name, following=f"tokensync accept {name}")
            return self._end(authorization, AuthorizationState.QUARANTINED, "another account", connection=str(name))
        if authorization.invite_id:
            # Before the end is written: finishing once more marks it once more, and it is used up in any case.
            self.ports.authorizations.use_invite(
                session.name,
                authorization.invite_id,
                now=self.ports.clock.now(),
                expires_at=authorization.invite_expires_at,
            )
        if missing:
            self._alert_missing_scopes(name, missing, session)
        # A response is kept, and never published, where a later authorization of the same account took its place.
        return self._end(
            authorization, AuthorizationState.CONNECTED, connection=str(name), keep=not has_it, missing_scopes=missing
        )

    def _unusable(self, authorization: Authorization, problem: str, session: Session) -> Authorization:
        """End an authorization whose response cannot become a connection; the response is kept."""
        self.ports.alerts.tell(
            "authorization.unusable",
            session.name,
            detail=f"an authorization could not be used: {problem}; the answer is kept sealed",
            next_command="tokensync recover" if problem == NO_ACCOUNT else f"tokensync app show {session.name}",
        )
        return self._end(authorization, AuthorizationState.FAILED, problem, keep=True)

    def _unnamed(self, authorization: Authorization, session: Session, failure: Failure | None) -> Authorization:
        """Leave an answered authorization to the rotation function, as its account could not be named now.

        The tokens are real and stored, and only the account's name is missing: nobody has to authorize again.
        """
        now = self.ports.clock.now()
        if failure is None or now > (authorization.received_at or now) + _LONGEST_NAMING:
            return self._unusable(authorization, NO_ACCOUNT, session)
        if failure.kind is FailureClass.CONFIGURATION:
            credentials_refused(session, self.ports, failure)
        self.ports.log.warning("authorization.unnamed", app=session.name, failure=failure.kind, code=failure.code)
        waited = now - (authorization.received_at or now)
        # Each wait half as long as all before it together: a minute at first, never more than an hour.
        wait = max(60, min(waited // 2, 3600), failure.retry_after or 0)
        return self.ports.authorizations.write(
            authorization, replace(authorization, lease_until=None), next_at=now + wait
        )

    def _alert_oddities(self, name: ConnectionName, grant: Grant, read: Issued, session: Session) -> None:
        if read.oddities:
            self.concluder.alert_odd(name, read)
        if not session.provider.renews(grant) and read.life is not None:
            self.ports.alerts.tell(
                "connection.cannot_refresh",
                str(name),
                detail="the provider gave no usable refresh token: the connection ends with its access token",
                next_command=f"tokensync invite {name.app} --for {name}",
            )

    def _alert_missing_scopes(self, name: ConnectionName, missing: tuple[str, ...], session: Session) -> None:
        minted = session.provider.grant_type is GrantType.CLIENT_CREDENTIALS
        self.ports.alerts.tell(
            "authorization.scopes_missing",
            str(name),
            detail=f"the account did not grant everything that was asked for: {', '.join(missing)}",
            next_command=f"tokensync app show {name.app}" if minted else f"tokensync invite {name.app} --for {name}",
        )

    def _earlier_label(self, name: ConnectionName) -> str:
        """Return the label that this account has had: a link without a label removes none."""
        record = self.ports.connections.get(name)
        return "" if record is None else record.label

    def _is_in_use(self, name: ConnectionName) -> bool:
        """Return whether a connection of this name is in use: an authorization of a wrong account must not touch it."""
        record = self.ports.connections.get(name)
        return record is not None and record.status is not Status.QUARANTINED

    def _alert_quarantine(self, authorization: Authorization, name: ConnectionName, *, following: str) -> None:
        self.ports.alerts.tell(
            "connection.quarantined",
            str(name),
            detail=f"the invite was for {authorization.for_account}; the old connection stays as it was",
            next_command=following,
        )

    def _refused(self, authorization: Authorization, failure: Failure, session: Session) -> Authorization:
        self.ports.log.warning(
            "authorization.failed", app=session.name, failure=failure.kind, code=failure.code, trace_id=failure.trace_id
        )
        if failure.kind is FailureClass.CONFIGURATION:
            credentials_refused(session, self.ports, failure)
        unparsed = failure.kind in (FailureClass.AMBIGUOUS, FailureClass.UNKNOWN)
        return self._end(authorization, AuthorizationState.FAILED, failure.code, keep=unparsed)

    def _end(
        self,
        authorization: Authorization,
        state: AuthorizationState,
        detail: str = "",
        *,
        connection: str = "",
        keep: bool = False,
        missing_scopes: tuple[str, ...] = (),
    ) -> Authorization:
        after = replace(
            authorization,
            missing_scopes=missing_scopes,
            state=state,
            detail=detail,
            connection=connection,
            lease_until=None,
            sealed_answer=authorization.sealed_answer if keep else None,
        )
        return self.ports.authorizations.write(authorization, after, next_at=None)


def _grant(read: Issued, access_token: Secret, authorization: Authorization, session: Session, *, at: int) -> Grant:
    """Return the grant of a response, its account still unnamed."""
    scopes = read.scopes
    if scopes is None:  # RFC 6749 §5.1: what the link asked for was granted
        scopes = session.app.scopes if session.provider.authorize.scope_separator is not None else ()
    return Grant(
        account_id="",
        label=authorization.label,
        access_token=access_token,
        refresh_token=read.refresh_token,
        token_type=read.token_type,
        scopes=scopes,
        obtained_at=at,
        access_expires_at=read.access_expires_at,
        refresh_expires_at=read.refresh_expires_at,
    )
