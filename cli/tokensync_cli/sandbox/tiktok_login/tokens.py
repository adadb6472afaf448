"""`/v2/oauth/token/` and `/v2/oauth/revoke/`: forms with the credentials in them, flat responses."""

import hashlib
import hmac
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Binding, Pair, RefusedError
from tokensync_cli.sandbox.ledger import Kind
from tokensync_cli.sandbox.responses import Call, ProviderResponse, Refusal
from tokensync_cli.sandbox.service import Endpoints, serve
from tokensync_cli.sandbox.tiktok_login.client import NAME, client_of, failure, form

# What each grant presents: its endpoint for faults, its kind in the ledger, its parameter.
_GRANTS: dict[str, tuple[str, Kind, str]] = {
    "authorization_code": ("token", "code", "code"),
    "refresh_token": ("refresh", "refresh_token", "refresh_token"),
    "client_credentials": ("client_credentials", "client_credentials", "client_key"),
}
_REFUSED = {
    "code": "Authorization code is expired or already used.",
    "refresh_token": "Refresh token is invalid or expired.",
}


def hex_challenge(verifier: str) -> str:
    """Return the lowercase hex SHA-256 of a verifier: the vendor's S256, which is not RFC 7636's base64url."""
    return hashlib.sha256(verifier.encode()).hexdigest()


class TokenCalls(Endpoints):
    """The token endpoint, and the one that ends a user's authorization by its access token."""

    provider = NAME

    async def token(self, request: Request) -> Response:
        """Serve any grant."""
        sent = await form(request)
        endpoint, kind, parameter = _GRANTS.get(sent.get("grant_type", ""), ("token", None, ""))
        call = self.call(endpoint, sent.get("client_key", ""), sent.get(parameter, ""), kind)
        return await self._serve(call, sent, lambda app: self._grant(app, kind, call.credential, sent))

    async def revoke(self, request: Request) -> Response:
        """End the authorization behind an access token; a refresh token is refused, and success has no body."""
        sent = await form(request)
        call = self.call("revoke", sent.get("client_key", ""), sent.get("token", ""), "revocation")
        return await self._serve(call, sent, lambda app: self._revoked(app, call.credential))

    async def _serve(self, call: Call, sent: Mapping[str, str], work: Callable[[App], ProviderResponse]) -> Response:
        app = self.sandbox.apps.find(NAME, call.app)

        def refuse(code: int | str, message: str) -> ProviderResponse:
            return failure(self.sandbox, app, code, message)

        return await serve(self.sandbox, call, lambda: work(client_of(self.sandbox, sent)), refuse)

    def _revoked(self, app: App, token: str) -> ProviderResponse:
        try:
            authorization = self.sandbox.grants.access(token, self.sandbox.clock.now())
        except RefusedError:
            raise Refusal("invalid_request", "The access token is invalid or not found.") from None
        if (authorization.provider, authorization.app) != (NAME, app.app_key):
            raise Refusal("invalid_request", "The access token belongs to another client.")
        self.sandbox.grants.end(authorization)
        return ProviderResponse(payload=None, committed=True)

    def _grant(self, app: App, kind: Kind | None, credential: str, sent: Mapping[str, str]) -> ProviderResponse:
        if kind is None:
            raise Refusal("unsupported_grant_type", "grant_type is not supported.")
        if not credential:
            raise Refusal("invalid_request", "The request parameters are malformed.")
        now = self.sandbox.clock.now()
        if kind == "client_credentials":
            return self._client_token(app, now)
        try:
            if kind == "code":
                pair = self.sandbox.grants.exchange(app, credential, now, lambda binding: _fits(binding, sent))
            else:
                pair = self.sandbox.grants.refresh(app, credential, now)
        except RefusedError:
            raise Refusal("invalid_grant", _REFUSED[kind]) from None
        return ProviderResponse(payload=_flat(pair, now), committed=True, issued=pair.issued)

    def _client_token(self, app: App, now: float) -> ProviderResponse:
        pair = self.sandbox.grants.issue(
            app, account="", prefix="clt.", scopes=(), now=now, refresh_expires_at=None, refreshable=False
        )
        payload: dict[str, object] = {"access_token": pair.access_token, "token_type": "Bearer"}
        if pair.access_expires_at is not None:
            payload["expires_in"] = pair.access_expires_at - int(now)
        return ProviderResponse(payload=payload, committed=True, issued=pair.issued)


def _fits(binding: Binding, sent: Mapping[str, str]) -> bool:
    """Return whether an exchange repeats the redirect URI and proves that it knows the verifier."""
    if sent.get("redirect_uri") != binding.redirect_uri:
        return False
    proof = hex_challenge(sent.get("code_verifier", ""))
    return not binding.challenge or hmac.compare_digest(proof.encode(), binding.challenge.encode())


def _flat(pair: Pair, now: float) -> dict[str, object]:
    authorization = pair.authorization
    flat: dict[str, object] = {"access_token": pair.access_token}
    if pair.access_expires_at is not None:
        flat["expires_in"] = pair.access_expires_at - int(now)
    flat["open_id"] = authorization.account
    if authorization.refresh_expires_at is not None:
        flat["refresh_expires_in"] = authorization.refresh_expires_at - int(now)
    return {
        **flat,
        "refresh_token": pair.refresh_token,
        "scope": ",".join(authorization.scopes),
        "token_type": "Bearer",
    }
