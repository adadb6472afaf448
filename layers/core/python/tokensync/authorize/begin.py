"""Begins authorizations: an invite becomes a stored authorization and the provider's consent page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.authorize.invites import check_unused
from tokensync.authorize.links import Invite, browser_of, verifier_of
from tokensync.domain.authorization import LIFETIME, Authorization, AuthorizationKey, hashed
from tokensync.domain.errors import InvalidApp, ParamRefused
from tokensync.domain.runtime import Moment
from tokensync.domain.secret import Secret
from tokensync.oauth.app_check import check_settings
from tokensync.oauth.endpoints import bound_now
from tokensync.oauth.params import agreed, asked_for, of_callback, of_invite
from tokensync.oauth.provider import GrantType
from tokensync.oauth.templates import known_so_far
from tokensync.oauth.token_request import authorize_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.authorize.links import Signer
    from tokensync.domain.bound import Bound
    from tokensync.domain.ports import Ports
    from tokensync.refresh.restored_table import RestoredTable
    from tokensync.refresh.session import Session


@dataclass(frozen=True)
class ConsentRedirect:
    """Where the seller's browser goes, and the cookie that binds the authorization to it."""

    url: str
    cookie: Secret
    expires_at: int


@dataclass(frozen=True)
class Consent:
    """Begins authorizations."""

    ports: Ports
    restored_table: RestoredTable

    def begin(
        self, invite: Invite, session: Session, signer: Signer, *, cookie: Secret | None, redirect_uri: str
    ) -> ConsentRedirect:
        """Store an authorization and return the provider's consent page for it.

        Raises:
            InviteTaken: this invite is in use, was used, or was ended.
            InvalidApp: the app is paused, or its provider has no consent page, or none where the app says.
            ParamRefused: the invite's parameters lead to no consent page that may be used.
            UnknownApp, StoreUnavailable: as the ports.
        """
        check_unused(invite.app, invite.id, self.ports)
        check_runs(session)
        check_consent(session)
        app = session.app.of_account(of_operator(session, invite.params))
        # Before anything is stored.
        _ = self.ports.destinations.link(session.provider.endpoint(app, "authorize"), session.provider)
        cookie = cookie or Secret(self.ports.randomness.token())
        key = AuthorizationKey(session.name, browser_of(cookie), hashed(self.ports.randomness.token()))
        authorization = self.store(key, session, invite, redirect_uri=redirect_uri)
        self.ports.log.info("authorization.begun", app=session.name)
        url = authorize_url(
            session.provider,
            app,
            state=signer.state(key, expires_at=authorization.expires_at),
            redirect_uri=redirect_uri,
            verifier=verifier_of(key, cookie),
            moment=Moment.of(self.ports.clock, self.ports.randomness),
        )
        return ConsentRedirect(url=url, cookie=cookie, expires_at=authorization.expires_at)

    def store(
        self, key: AuthorizationKey, session: Session, invite: Invite | None = None, *, redirect_uri: str = ""
    ) -> Authorization:
        """Store an authorization and return it; one that is stored under its key already stays as it is.

        Without an `invite` a provider, an operator or the app itself began it.

        Raises:
            ParamRefused: a parameter is missing that leads to the account's host, or cannot be used.
            UnknownApp, InvalidApp, StoreUnavailable: as the ports.
        """
        params = of_operator(session, {} if invite is None else invite.params)
        now, invite = self.ports.clock.now(), invite or Invite(id="", app=session.name, expires_at=0)
        authorization = Authorization(
            key=key,
            provider=session.provider.name,
            token_endpoint=bound_endpoint(session, params),
            redirect_uri=redirect_uri,
            invite_id=invite.id,
            invite_expires_at=invite.expires_at,
            invite_key=invite.signed_by,
            created_at=now,
            expires_at=now + LIFETIME,
            label=invite.label,
            for_account=invite.for_account,
            table=self.restored_table.id(),
            params=params,
            bound=bound_now(session.provider, session.app.of_account(params)),
        )
        if invite.id:
            self.ports.authorizations.open(authorization)
        else:
            self.ports.authorizations.put(authorization)
        return authorization


def of_operator(session: Session, given: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters of an account that an invite or an operator names, as the app has declared them.

    Raises:
        ParamRefused: one is not asked for, does not match its pattern, or is missing.
    """
    provider = session.provider
    params = of_invite(provider.params, given, provider.in_hosts)
    for name in asked_for(provider.params, params):
        raise ParamRefused(name, "nobody named it")
    return params


def account_params(authorization: Authorization, session: Session) -> dict[str, str]:
    """Return the parameters that lead to an authorization's account: those of the invite, and those of the callback.

    Raises:
        ParamRefused: one does not match its pattern, is missing, or contradicts the invite's.
    """
    provider = session.provider
    named = of_callback(provider.params, authorization.callback, provider.in_hosts)
    return agreed(authorization.params, named)


def bound_of(authorization: Authorization, session: Session, ports: Ports, params: Mapping[str, str]) -> Bound:
    """Return what an authorization's grant is bound to, as far as the account's parameters are known by now.

    One that an earlier version began is bound to what the app names now.
    """
    now = bound_now(session.provider, session.app.of_account(params))
    return ports.destinations.kept(authorization.bound, now)


def bound_endpoint(session: Session, params: Mapping[str, str]) -> str:
    """Return the token endpoint that an authorization is bound to, filled as far as its parameters are known yet."""
    return known_so_far(session.provider.template(session.app, "token"), params)


def check_consent(session: Session) -> None:
    """Refuse an app whose accounts give no consent: it has no authorization link, and no callback.

    Raises:
        InvalidApp: its tokens are imported or minted, or a setting of it would be ignored.
    """
    provider, app = session.provider, session.app
    check_settings(app, session.registered_provider)
    match provider.grant_type:
        case GrantType.REFRESH_TOKEN:
            raise InvalidApp(f"{provider.title} has no consent page and no callback: its connections are imported")
        case GrantType.CLIENT_CREDENTIALS:
            raise InvalidApp(f"app {app.name} acts for itself: nobody is asked for consent")
        case GrantType.AUTHORIZATION_CODE:
            if not provider.has_endpoint(app, "authorize"):
                raise InvalidApp(f"app {app.name} lacks the endpoint authorize")


def check_runs(session: Session) -> None:
    """Refuse an app that is paused by an operator, or as its provider refuses its own credentials.

    Raises:
        InvalidApp: it is.
        UnknownApp, StoreUnavailable: as the ports.
    """
    if not session.state.takes_sellers:
        raise InvalidApp(f"app {session.name} is paused")
