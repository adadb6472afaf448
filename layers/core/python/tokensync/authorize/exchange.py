"""Exchanges what comes back from a provider for tokens, once: a callback's code, a pasted one, an app's credentials."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.authorize.begin import account_params, bound_endpoint, bound_of, check_consent, check_runs
from tokensync.authorize.finish import authorization_binding
from tokensync.authorize.invites import give_back
from tokensync.authorize.links import Invite, browser_of, verifier_of
from tokensync.authorize.refusals import alert_other_issuer, alert_request_refused
from tokensync.domain.authorization import AuthorizationKey, AuthorizationState, hashed
from tokensync.domain.bound import Credential
from tokensync.domain.command_line import typed
from tokensync.domain.connection import LastError, Reason
from tokensync.domain.errors import (
    AlreadyConsumed,
    AuthorizationGone,
    BadRequest,
    BeginFirst,
    EndpointRefused,
    InvalidApp,
    ParamRefused,
    SealingUnavailable,
    StoreUnavailable,
)
from tokensync.domain.messages import Failure
from tokensync.domain.runtime import Moment
from tokensync.domain.secret import Secret
from tokensync.domain.visible import Line
from tokensync.domain.work import Work
from tokensync.oauth.app_check import check_settings
from tokensync.oauth.callback import Query
from tokensync.oauth.http import present
from tokensync.oauth.params import REFUSED, of_callback
from tokensync.oauth.provider import GrantType
from tokensync.oauth.token_request import client_credentials_request, code_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.authorize.begin import Consent
    from tokensync.authorize.finish import Finisher
    from tokensync.authorize.links import Signer
    from tokensync.domain.app import App
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.messages import Request
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.refresh.restored_table import RestoredTable
    from tokensync.refresh.session import Session

_PAUSE = 0.2  # seconds between tries to make a response durable


@dataclass(frozen=True)
class CodeExchange:
    """Exchanges the codes of authorizations."""

    ports: Ports
    consent: Consent
    finisher: Finisher
    restored_table: RestoredTable

    def take_callback(
        self, query: Query, session: Session, signer: Signer, budget: Budget, *, cookie: Secret | None
    ) -> Authorization:
        """Take a callback: consume its authorization, exchange the code, finish. Return how it ended.

        Raises:
            BadRequest: not a callback of ours for this app and this browser; nothing was consumed.
            AlreadyConsumed: another request had this authorization or this code; `AuthorizationGone` if it gave way.
            InviteTaken: another authorization has its invite, or had it; or the invite was ended.
            SealingUnavailable, StoreUnavailable, InvalidApp: nothing was consumed; the same link works later.
        """
        now, cookie = self.ports.clock.now(), cookie or Secret("")  # which no state names
        state = signer.read_state(query.state, app=session.name, now=now, browser=browser_of(cookie))
        check_consent(session)
        try:
            return self._called_back(state.key, query, session, budget=budget, cookie=cookie)
        except BadRequest as error:
            if error.other_issuer is not None:
                alert_other_issuer(error.other_issuer, session, self.ports)
            raise
        except AlreadyConsumed:
            if self.ports.authorizations.get(state.key) is None:
                raise AuthorizationGone("the authorization is not there any more") from None
            raise

    def take_install(
        self,
        query: Query,
        session: Session,
        signer: Signer,
        budget: Budget,
        *,
        cookie: Secret | None,
        redirect_uri: str,
    ) -> Secret:
        """Take a callback without `state`, which the provider itself began; it is bound to the account that it names.

        Returns:
            The cookie by which the browser is shown how it ended.

        Raises:
            BadRequest: the app does not allow it, or this is no callback that the provider sends.
            AlreadyConsumed, SealingUnavailable, StoreUnavailable, InvalidApp: as `take_callback`.
        """
        provider, app = session.provider, session.app
        if "installs" not in provider.settings or provider.setting(app, "installs") != "provider":
            raise BadRequest("there is no state")
        code = query.code(provider, app)
        if code is None:
            raise BadRequest("there is neither state nor code")
        check_runs(session)
        cookie = cookie or signer.installer(app.name, code)
        # One code, one authorization: fifty copies of the request find the same one.
        key = AuthorizationKey(app.name, browser_of(cookie), hashed(f"installed.{app.name}.{code.reveal()}"))
        callback = _of_the_account(query, session)
        self.consent.store(key, session, redirect_uri=redirect_uri)
        with contextlib.suppress(AlreadyConsumed):
            self._exchange(key, code, session, budget=budget, cookie=cookie, callback=callback)
        return cookie

    def mint(self, session: Session, signer: Signer, budget: Budget, *, label: str) -> Authorization:
        """Mint the first token of an app that acts for itself, RFC 6749 §4.4: nobody is asked.

        Raises:
            InvalidApp: the app is paused, or its tokens come from consent or imports.
            SealingUnavailable, StoreUnavailable: nothing was asked for.
        """
        if session.provider.grant_type is not GrantType.CLIENT_CREDENTIALS:
            raise InvalidApp(f"app {session.name} does not use client credentials")
        check_settings(session.app, session.registered_provider)
        check_runs(session)
        cookie = signer.operator(session.name)
        nonce = Secret(self.ports.randomness.token())
        key = AuthorizationKey(session.name, browser_of(cookie), hashed(nonce.reveal()))
        self.consent.store(key, session, Invite(id="", app=session.name, expires_at=0, label=label))
        return self._exchange(key, nonce, session, budget=budget, cookie=cookie)

    def take_paste(
        self, text: str, session: Session, signer: Signer, budget: Budget, *, redirect_uri: str
    ) -> Authorization:
        """Take a redirect URL or a bare code that an operator pasted.

        Raises:
            BeginFirst: the provider uses PKCE, and this was not begun with the operator's cookie.
            As `take_callback`. The state of a pasted URL is checked; without PKCE its browser cannot be.
        """
        check_consent(session)
        text = text.strip()
        operator = signer.operator(session.name)
        query = Query.of_url(text).read_as(session.provider.callback) if "?" in text else Query.of_code(text)
        browser, key = browser_of(operator), None
        if query.state:
            key = signer.read_state(query.state, app=session.name, now=self.ports.clock.now()).key
        # RFC 7636: the verifier is derived from the cookie that began, and a code without a state has none.
        if session.provider.authorize.pkce is not None and (key is None or key.browser != browser):
            raise BeginFirst("only the browser that began this can finish it")
        if key is None:
            key = AuthorizationKey(session.name, browser, hashed(self.ports.randomness.token()))
            self.consent.store(key, session, redirect_uri=redirect_uri)
        return self._called_back(key, query, session, budget=budget, cookie=operator)

    def latest(self, app: str, cookie: Secret) -> Authorization | None:
        """Return this browser's latest authorization with an app, or None."""
        found = self.ports.authorizations.of_browser(app, browser_of(cookie))
        return found[-1] if found else None

    def _called_back(
        self, key: AuthorizationKey, query: Query, session: Session, *, budget: Budget, cookie: Secret
    ) -> Authorization:
        """Exchange the code of a callback, or note that there is none."""
        code = query.code(session.provider, session.app)
        if code is not None:
            callback = _of_the_account(query, session)
            return self._exchange(key, code, session, budget=budget, cookie=cookie, callback=callback)
        table = self.restored_table.id()
        authorization = self.ports.authorizations.consume(
            key, now=self.ports.clock.now(), lease_until=None, code="", table=table
        )
        why = query.description([session.app.client_secret])
        if query.is_our_mistake:
            alert_request_refused(query.denied, why, session, self.ports)
            return self._failed(authorization, query.denied)
        self.ports.log.info("authorization.cancelled", app=key.app, error=query.denied, description=why)
        return self._ended(authorization, AuthorizationState.CANCELLED, query.denied)

    def _exchange(
        self,
        key: AuthorizationKey,
        code: Secret,
        session: Session,
        *,
        budget: Budget,
        cookie: Secret,
        callback: Mapping[str, str] | None = None,
    ) -> Authorization:
        """Do LEASE and SENT in one write, then RECEIVED. A code is presented once, whatever comes back.

        `callback` holds what names the account; the rotation function needs it where this process dies.
        """
        now = self.ports.clock.now()
        if not budget.allows(self.ports.limits.presentation):
            raise SealingUnavailable("not enough time is left to exchange the code")
        _ = session.key  # in hand now: sealing the response needs no call later
        moment = Moment.of(self.ports.clock, self.ports.randomness)
        lease_until = budget.lease_until(self.ports.limits)
        # Bound to app and code: the same code under another state is the same code.
        mark = hashed(f"{key.app}.{code.reveal()}")
        table = self.restored_table.id()
        authorization = self.ports.authorizations.consume(
            key, now=now, lease_until=lease_until, code=mark, table=table, callback=callback
        )
        self.ports.failpoints.reached("exchange.sent")
        if authorization.token_endpoint != bound_endpoint(session, authorization.params):
            # The app was changed on the way: its code belongs to the old endpoint and goes to no other.
            return self._failed(authorization, "app_changed")
        verifier = verifier_of(key, cookie)
        try:
            params = account_params(authorization, session)
            app = session.app.of_account(params)
            request = _request(authorization, code, app, session, verifier=verifier, moment=moment)
            bound = bound_of(authorization, session, self.ports, params)
            cleared = self.ports.destinations.cleared(request, session.provider, bound, Credential.TOKEN)
        except ParamRefused as error:
            self.ports.log.warning("authorization.param_refused", app=key.app, error=str(error))
            return self._failed(authorization, REFUSED)
        except EndpointRefused as error:
            self.ports.log.warning("authorization.endpoint_refused", app=key.app, error=str(error))
            return self._failed(authorization, Reason.ENDPOINT_CHANGED)
        response = present(cleared, self.ports)
        if isinstance(response, Failure):
            refused = LastError.of(response, at=self.ports.clock.now())
            return self._failed(authorization, response.code, refused)
        # What finishes this later has neither: without them nobody could say what the provider's words repeat.
        response = replace(response, shown=(code, verifier))
        sealed = session.key.seal(response.to_bytes(), binding=authorization_binding(key))
        received = replace(authorization, sealed_answer=sealed, received_at=self.ports.clock.now(), bound=bound)
        received = self._received(authorization, received, budget)
        self.ports.failpoints.reached("exchange.received")
        return self.finisher.finish(received, response, session, budget)

    def _received(self, authorization: Authorization, received: Authorization, budget: Budget) -> Authorization:
        """Make a response durable: on its authorization, else in a sealed message, until the function's life ends.

        Raises:
            StoreUnavailable: the authorization did not take it; a message has it, or an alert says that it is lost.
        """
        key, fence, invite_id = authorization.key, authorization.fence, authorization.invite_id
        kept = Work(authorization=key, answer=received.sealed_answer, fence=fence, invite=invite_id)
        next_at = (authorization.lease_until or 0) + 1
        while True:
            try:
                return self.ports.authorizations.write(authorization, received, next_at=next_at)
            except StoreUnavailable:
                if not self.ports.queue.send([kept]):
                    raise
                if not budget.allows(self.ports.limits.another_try):
                    self.ports.alerts.tell(
                        "answer.lost",
                        key.app,
                        detail=Line("the answer to a code could be stored nowhere before the function's life ended"),
                        next_command=typed("tokensync invite {app}", app=key.app),
                    )
                    raise
                self.ports.clock.sleep(_PAUSE)

    def _failed(self, authorization: Authorization, code: str, error: LastError | None = None) -> Authorization:
        self.ports.log.warning("authorization.failed", app=authorization.key.app, code=code)
        return self._ended(authorization, AuthorizationState.FAILED, code, error)

    def _ended(
        self, authorization: Authorization, state: AuthorizationState, detail: str, error: LastError | None = None
    ) -> Authorization:
        after = replace(authorization, state=state, detail=detail, last_error=error)
        written = self.ports.authorizations.write(authorization, after, next_at=None)
        give_back(written, self.ports)
        return written


def _of_the_account(query: Query, session: Session) -> dict[str, str]:
    """Return what a callback says of the account, before its code goes anywhere.

    Raises:
        BadRequest: a parameter that leads to the account's host is missing or does not match its pattern, or one that
            names the account is not clean: the code goes nowhere, and nothing was consumed.
    """
    provider = session.provider
    named = query.named(provider)
    try:
        of_callback(provider.params, named, provider.in_hosts)
    except ParamRefused as error:
        raise BadRequest(str(error), signed=True) from None
    return named


def _request(
    authorization: Authorization, code: Secret, app: App, session: Session, *, verifier: Secret, moment: Moment
) -> Request:
    """Return the request for the first token.

    Raises:
        ParamRefused: the account's parameters lead to no URL that may be used.
    """
    if session.provider.grant_type is GrantType.CLIENT_CREDENTIALS:
        return client_credentials_request(session.provider, app, moment)
    return code_request(
        session.provider, app, code, redirect_uri=authorization.redirect_uri, verifier=verifier, moment=moment
    )
