"""The token endpoint: RFC 6749 sections 4.1.3, 4.4 and 6, RFC 7636 section 4.6, RFC 9700 section 4.14."""

import hashlib
import hmac
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.apps import App, origin
from tokensync_cli.sandbox.credentials import Binding, Pair, RefusedError
from tokensync_cli.sandbox.id_token import base64url, id_token
from tokensync_cli.sandbox.ledger import Kind
from tokensync_cli.sandbox.oauth2.client import Sent, authenticated, sent
from tokensync_cli.sandbox.oauth2.errors import NO_STORE, failure
from tokensync_cli.sandbox.oauth2.metadata import NAME, issuer
from tokensync_cli.sandbox.responses import ProviderResponse, Refusal
from tokensync_cli.sandbox.service import Endpoints, serve

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
# What only a person can grant.
_PERSONAL = frozenset({"openid", "profile", "offline_access"})


class TokenCalls(Endpoints):
    """The endpoint, which faults see as one per grant type."""

    provider = NAME

    async def token(self, request: Request) -> Response:
        """Give tokens for a grant."""
        form = await sent(request)
        endpoint, kind, credential = _presented(form)
        call = self.call(endpoint, form.client_id, credential, kind)
        reached = origin(str(request.url))
        return await serve(self.sandbox, call, lambda: self._grant(form, reached), failure)

    def _grant(self, form: Sent, reached: str) -> ProviderResponse:
        app = authenticated(self.sandbox, form)
        grant_type = form.get("grant_type")
        if not grant_type:
            raise Refusal("invalid_request", "grant_type is missing")
        try:
            if grant_type == "authorization_code":
                return self._exchanged(app, form, reached)
            if grant_type == "refresh_token":
                return self._refreshed(app, form, reached)
        except RefusedError as refusal:
            raise Refusal("invalid_grant", f"the credential is {refusal.reason}") from None
        if grant_type == "client_credentials":
            return self._own(app, form)
        raise Refusal("unsupported_grant_type", "the grant type is not supported")

    def _exchanged(self, app: App, form: Sent, reached: str) -> ProviderResponse:
        bindings: list[Binding] = []

        def matches(binding: Binding) -> bool:
            bindings.append(binding)
            return binding.redirect_uri == form.get("redirect_uri") and _verifies(form, binding.challenge)

        if not form.get("code"):
            raise Refusal("invalid_request", "code is missing")
        pair = self.sandbox.grants.exchange(
            app, form.get("code"), self.sandbox.clock.now(), matches, refreshable=app.settings.refreshable
        )
        return self._tokens(app, pair, self._claims(app, pair, reached, bindings[0].nonce))

    def _refreshed(self, app: App, form: Sent, reached: str) -> ProviderResponse:
        token = form.get("refresh_token")
        if not token:
            raise Refusal("invalid_request", "refresh_token is missing")
        owner = self.sandbox.grants.owner(token)
        if owner and not set(form.get("scope").split()) <= set(owner.scopes):
            raise Refusal("invalid_scope", "the scope is wider than what was granted")
        pair = self.sandbox.grants.refresh(app, token, self.sandbox.clock.now())
        return self._tokens(app, pair, self._claims(app, pair, reached, ""))

    def _own(self, app: App, form: Sent) -> ProviderResponse:
        allowed = tuple(scope for scope in app.settings.scopes if scope not in _PERSONAL)
        asked = tuple(form.get("scope").split()) or allowed
        if not set(asked) <= set(allowed):
            raise Refusal("invalid_scope", "a scope is unknown, or needs a person")
        pair = self.sandbox.grants.issue(
            app,
            account="",
            prefix="",
            scopes=asked,
            now=self.sandbox.clock.now(),
            refresh_expires_at=None,
            refreshable=False,
        )
        return self._tokens(app, pair, None)

    def _claims(self, app: App, pair: Pair, reached: str, nonce: str) -> dict[str, Any] | None:
        if "openid" not in pair.authorization.scopes:
            return None
        now = int(self.sandbox.clock.now())
        claims = {
            "iss": issuer(app, reached),
            "sub": pair.authorization.account,
            "aud": app.app_key,
            "exp": now + 3_600 if pair.access_expires_at is None else pair.access_expires_at,
            "iat": now,
            "nonce": nonce or None,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def _tokens(self, app: App, pair: Pair, claims: dict[str, Any] | None) -> ProviderResponse:
        payload: dict[str, Any] = {"access_token": pair.access_token, "token_type": "Bearer"}
        if pair.access_expires_at is not None:
            payload["expires_in"] = pair.access_expires_at - int(self.sandbox.clock.now())
        if pair.refresh_token is not None:
            payload["refresh_token"] = pair.refresh_token
        payload["scope"] = " ".join(pair.authorization.scopes)
        if claims is not None:
            payload["id_token"] = id_token(claims, app.app_secret)
        return ProviderResponse(payload=payload, committed=True, issued=pair.issued, headers=NO_STORE)


def _presented(form: Sent) -> tuple[str, Kind, str]:
    """Return the endpoint's name, and what is presented to it."""
    grant_type = form.get("grant_type")
    if grant_type == "refresh_token":
        return "refresh", "refresh_token", form.get("refresh_token")
    if grant_type == "client_credentials":
        return "client_credentials", "client_credentials", form.client_id
    return "token", "code", form.get("code")


def _verifies(form: Sent, challenge: str) -> bool:
    verifier = form.get("code_verifier")
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(base64url(hashlib.sha256(verifier.encode()).digest()), challenge)
