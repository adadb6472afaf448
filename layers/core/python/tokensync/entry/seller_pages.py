"""The seller's pages: the answer to each request to /connect and /callback. Their texts are in `pages/templates/`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.authorize.links import Invite, browser_of, invite_url
from tokensync.domain.authorization import INVITE, AuthorizationState
from tokensync.domain.errors import (
    AlreadyConsumed,
    AuthorizationGone,
    BadRequest,
    FenceLost,
    InvalidApp,
    InvalidName,
    InviteRefused,
    InviteTaken,
    ParamRefused,
    SealingUnavailable,
    StoreError,
    UnknownApp,
)
from tokensync.domain.invite_use import InviteState
from tokensync.domain.names import app_name
from tokensync.domain.secret import Secret
from tokensync.entry.pages import Page, page
from tokensync.oauth.callback import Query
from tokensync.oauth.params import asked_for, of_invite, of_the_invite
from tokensync.providers import provider_named
from tokensync.refresh.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tokensync.authorize.begin import Consent
    from tokensync.authorize.exchange import CodeExchange
    from tokensync.authorize.links import Signer
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.entry.app_cache import KnownApps, KnownNames

_COOKIE = "__Host-tokensync"
_COOKIE_LIFE = 86_400  # seconds
# How cookies were until November 2026, without our signature. They are signed anew when an invite or a state vouches
# for them. This can go a day after a stack was updated to a version with `Signer.cookie`.
_COOKIE_BEFORE = re.compile(r"[A-Za-z0-9_-]{16,64}")
PARAM = "param."  # and a parameter's name: what a seller enters

# The page that tells a seller how an authorization ended.
RESULT_PAGES = {
    AuthorizationState.WAITING: "waiting",
    AuthorizationState.WORKING: "working",
    AuthorizationState.CONNECTED: "connected",
    AuthorizationState.CANCELLED: "declined",
    AuthorizationState.FAILED: "failed",
    AuthorizationState.QUARANTINED: "wrong_account",
}
# An invite that nobody can use any more; one that is merely in use has a page of its own.
_LOST_PAGES = {InviteState.CLOSED: "invite_ended", InviteState.REVOKED: "invite_ended"}
_MAY_START_AGAIN = frozenset({AuthorizationState.WAITING, AuthorizationState.FAILED, AuthorizationState.CANCELLED})


@dataclass(frozen=True)
class SellerPages:
    """Answers the seller's browser. `signer` and the apps' names are fetched when they are first needed."""

    ports: Ports
    consent: Consent
    code_exchange: CodeExchange
    signer: Callable[[], Signer]
    known: KnownNames
    registered: KnownApps

    def connect(self, name: str, raw_query: str, cookies: Sequence[str], *, base_url: str) -> Page:
        """Answer GET /connect/{app}: check the invite, bind the browser, and send it to the consent page."""
        try:
            query = Query.parse(raw_query)
            invite = self._invite(name, query)
            session = self._session(name)
            complete = self._of_the_account(invite, query, session)
            if isinstance(complete, Page):
                return complete
            browser = self._signed_browser(cookies) or _browser_before(cookies)
            consent = self.consent.begin(
                complete, session, self.signer(), cookie=browser, redirect_uri=f"{base_url}/callback/{name}"
            )
            self.known.learn(name)
        except (InvalidName, UnknownApp):
            return page("not_found", 404)
        except (BadRequest, InviteRefused, ParamRefused) as error:
            text, status = ("bad_request", 400) if isinstance(error, BadRequest) else ("invite_refused", 403)
            return self._refused(name, text, status, error)
        except InviteTaken as taken:
            return self._taken(name, taken, cookies)
        except (InvalidApp, StoreError, SealingUnavailable) as error:
            self.ports.log.warning("connect.failed", app=name, error=str(error))
            return page("unavailable", 503)
        return Page(status=302, headers={"location": consent.url}, cookies=(self._set_cookie(consent.cookie),))

    def callback(self, name: str, raw_query: str, cookies: Sequence[str], budget: Budget, *, base_url: str) -> Page:
        """Answer GET /callback/{app}: exchange the code at most once, then send the browser to the result."""
        shown: tuple[str, ...] = ()
        try:
            query = self._read(name, Query.parse(raw_query))
            browser = self._signed_browser(cookies)
            if not query.state and self._may_be_installed(name, query):
                browser = self.code_exchange.take_install(
                    query,
                    self._session(name),
                    self.signer(),
                    budget,
                    cookie=browser,
                    redirect_uri=f"{base_url}/callback/{name}",
                )
                shown = (self._set_cookie(browser),)
            else:
                if browser is None and (browser := _browser_before(cookies)) is not None:
                    shown = (self._set_cookie(browser),)
                self.code_exchange.take_callback(query, self._session(name), self.signer(), budget, cookie=browser)
        except (InvalidName, UnknownApp):
            return page("not_found", 404)
        except BadRequest as error:
            return self._refused(name, "bad_request", 400, error)
        except AuthorizationGone:
            self.ports.log.info("callback.gone", app=name)
            return page("gone", 410)
        except InviteTaken as taken:
            return self._taken(name, taken, cookies, is_back=True)
        except (AlreadyConsumed, FenceLost):
            # Another request was first, or has finished it meanwhile: the result page shows how it ended.
            self.ports.log.info("callback.repeated", app=name)
        except (InvalidApp, StoreError, SealingUnavailable) as error:
            self.ports.log.warning("callback.failed", app=name, error=str(error))
            return page("unavailable", 503)
        return Page(status=303, headers={"location": f"/connect/{name}/result"}, cookies=shown)

    def result(self, name: str, cookies: Sequence[str], *, base_url: str) -> Page:
        """Answer GET /connect/{app}/result: how this browser's latest authorization ended.

        Nothing is looked up before our signature on the cookie has held and the app is known.
        """
        try:
            browser = self._signed_browser(cookies)
            if browser is None:
                return self._refused(name, "no_browser", 400, BadRequest("no cookie of ours"))
            if not self.known.for_browser(app_name(name)):
                return page("not_found", 404)
            session = self._session(name, fresh=False)  # a waiting browser asks every few seconds
            authorization = self.code_exchange.latest(name, browser)
            if authorization is None:
                return page("gone", 410)
            return self._result_page(authorization, session, base_url)
        except (InvalidName, UnknownApp):
            return page("not_found", 404)
        except (InvalidApp, StoreError) as error:
            self.ports.log.warning("result.failed", app=name, error=str(error))
            return page("unavailable", 503)

    def _result_page(self, authorization: Authorization, session: Session, base_url: str) -> Page:
        state = authorization.state
        lease_over = authorization.lease_until is not None and authorization.lease_until < self.ports.clock.now()
        if state is AuthorizationState.WORKING and lease_over and authorization.received_at is None:
            state = AuthorizationState.FAILED
        if state is AuthorizationState.WORKING:
            return page(RESULT_PAGES[state], 200, refresh=3)
        if state is AuthorizationState.FAILED and authorization.detail.startswith(INVITE):
            return page(_LOST_PAGES.get(InviteState(authorization.detail.removeprefix(INVITE)), "invite_used"), 200)
        return page(
            RESULT_PAGES[state],
            200,
            label=authorization.label,
            provider=session.provider.title,
            again=self._again(authorization, session, base_url) if state in _MAY_START_AGAIN else "",
            return_url=session.app.return_url,
            missing=", ".join(authorization.missing_scopes),
        )

    def _again(self, authorization: Authorization, session: Session, base_url: str) -> str:
        """Return the invite's own link once more, while it lasts, under its own key: no page renews what was ended."""
        if not authorization.invite_key or authorization.invite_expires_at <= self.ports.clock.now():
            return ""
        invite = Invite(
            id=authorization.invite_id,
            app=authorization.key.app,
            expires_at=authorization.invite_expires_at,
            label=authorization.label,
            for_account=authorization.for_account,
            params=of_the_invite(session.provider.params, authorization.params),
            signed_by=authorization.invite_key,
        )
        try:
            return invite_url(base_url, self.signer(), invite)
        except InviteRefused:
            return ""

    def _of_the_account(self, invite: Invite, query: Query, session: Session) -> Invite | Page:
        """Return the invite with what leads to the account's own host, or the page that asks the seller for it.

        The invite's own parameters are signed, and no query replaces them.
        """
        provider = session.provider
        asked = {name: provider.params[name].title or name for name in asked_for(provider.params, invite.params)}
        given = {name: query.parameters.get(f"{PARAM}{name}", "").strip() for name in asked}
        try:
            if all(given.values()):
                named = of_invite(provider.params, given, provider.in_hosts)
                return replace(invite, params={**named, **invite.params})
            status = 200
        except ParamRefused as error:
            self.ports.log.info("request.refused", app=invite.app, why=str(error))
            status = 400
        return page(
            "which_account",
            status,
            asked=asked,
            provider=provider.title,
            action=f"/connect/{invite.app}",
            invite=query.parameters["invite"],
            wrong="yes" if any(given.values()) else "",
        )

    def _invite(self, name: str, query: Query) -> Invite:
        app_name(name)
        return self.signer().read_invite(query.value("invite") or "", app=name, now=self.ports.clock.now())

    def _read(self, name: str, query: Query) -> Query:
        """Return a callback's query with our state in its place: few providers bring it back under another name.

        Nobody has signed anything yet, so the registration is looked up where requests may come from anybody. An app
        that was just added may not be known there: a state that we signed for it vouches for it.

        Raises:
            BadRequest, UnknownApp: there is no such app, or none that anything vouches for.
        """
        try:
            app = self.registered.get(app_name(name))
        except UnknownApp:
            self.signer().read_state(query.state, app=name, now=self.ports.clock.now())
            self.known.learn(name)
            app = self.registered.get(name)
        return query.read_as(provider_named(app.provider).for_app(app).callback)

    def _may_be_installed(self, name: str, query: Query) -> bool:
        """Return whether a callback without state may be one that the provider itself began for this app."""
        if not query.value("code"):
            return False
        app = self.registered.get(app_name(name))
        return app.settings.get("installs") == "provider"

    def _session(self, name: str, *, fresh: bool = True) -> Session:
        # Read now: a link with a client id that was just replaced would lead nowhere.
        return Session(app_name(name), self.ports, fresh=fresh)

    def _taken(self, name: str, taken: InviteTaken, cookies: Sequence[str], *, is_back: bool = False) -> Page:
        """Say what has become of an invite; the browser that it is used in is shown how that goes, or went.

        Another browser learns nothing of whose account it was. It goes on here if nothing comes of that one.
        """
        self.ports.log.info("invite.taken", app=name, state=taken.state)
        is_in_use, browser = taken.state == InviteState.RESERVED, self._signed_browser(cookies)
        is_own = browser is not None and taken.holder.startswith(f"pending#{browser_of(browser)}#")
        if is_own and (is_in_use or (is_back and taken.state == InviteState.USED)):
            return Page(status=303, headers={"location": f"/connect/{name}/result"})
        if is_in_use:
            return page("invite_in_use", 409)
        return page(_LOST_PAGES.get(InviteState(taken.state), "invite_used"), 403)

    def _refused(self, name: str, text: str, status: int, error: BadRequest | InviteRefused | ParamRefused) -> Page:
        """Refuse without a call to anyone: the apps' names are in hand since the cold start."""
        # What an app asks for is looked at when the invite's own signature has held.
        if not (isinstance(error, ParamRefused) or error.signed) and name not in self.known:
            return page("not_found", 404)
        self.ports.log.info("request.refused", app=name, why=str(error))
        return page(text, status)

    def _signed_browser(self, cookies: Sequence[str]) -> Secret | None:
        """Return the secret of the browser whose cookie we signed, None where there is no such cookie."""
        signer = self.signer()
        return next((browser for value in _values(cookies) if (browser := signer.read_cookie(value))), None)

    def _set_cookie(self, browser: Secret) -> str:
        """Return the header's value that binds an authorization to one browser."""
        value = self.signer().cookie(browser).reveal()
        return f"{_COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={_COOKIE_LIFE}"


def _values(cookies: Sequence[str]) -> Iterator[str]:
    """Yield the values of our cookie's name."""
    for cookie in cookies:
        name, _, value = cookie.strip().partition("=")
        if name == _COOKIE:
            yield value


def _browser_before(cookies: Sequence[str]) -> Secret | None:
    """Return the secret of a browser whose cookie the version before set, None where there is no such cookie."""
    return next((Secret(value) for value in _values(cookies) if _COOKIE_BEFORE.fullmatch(value)), None)
