"""`/v2/oauth/token/`: one address for three grants, a form with the credentials in it, flat answers."""

import hashlib
import hmac
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.answers import Answer, Call
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Binding, Pair, RefusedError
from tokensync_cli.sandbox.ledger import Kind
from tokensync_cli.sandbox.service import serve
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.tiktok_login.client import client_of, form
from tokensync_cli.sandbox.tiktok_login.errors import NAME, OAuthError, failure

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


class TokenCalls:
    """The token endpoint."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def token(self, request: Request) -> Response:
        """Answer any grant."""
        sandbox = self._sandbox
        sent = await form(request)
        endpoint, kind, parameter = _GRANTS.get(sent.get("grant_type", ""), ("token", None, ""))
        sandbox.ledger.count(NAME, endpoint)
        credential = sent.get(parameter, "")
        owner = sandbox.grants.owner(credential)
        app_key = sent.get("client_key", "")
        call = Call(
            provider=NAME,
            endpoint=endpoint,
            app=app_key,
            account=owner.account if owner and owner.provider == NAME else None,
            kind=kind if credential else None,
            credential=credential,
        )
        app = sandbox.apps.find(NAME, app_key)

        def produce() -> Answer:
            try:
                return self._grant(client_of(sandbox, sent), kind, credential, sent)
            except OAuthError as error:
                return failure(sandbox, app, error.error, error.description)

        return await serve(sandbox, call, produce, lambda code, message: failure(sandbox, app, code, message))

    def _grant(self, app: App, kind: Kind | None, credential: str, sent: Mapping[str, str]) -> Answer:
        if kind is None:
            raise OAuthError("unsupported_grant_type", "grant_type is not supported.")
        if not credential:
            raise OAuthError("invalid_request", "The request parameters are malformed.")
        now = self._sandbox.clock.now()
        if kind == "client_credentials":
            return self._client_token(app, now)
        try:
            if kind == "code":
                pair = self._sandbox.grants.exchange(app, credential, now, lambda binding: _fits(binding, sent))
            else:
                pair = self._sandbox.grants.refresh(app, credential, now)
        except RefusedError:
            raise OAuthError("invalid_grant", _REFUSED[kind]) from None
        return Answer(payload=_flat(pair, now), committed=True, issued=pair.issued)

    def _client_token(self, app: App, now: float) -> Answer:
        pair = self._sandbox.grants.issue(
            app, account="", prefix="clt.", scopes=(), now=now, refresh_expires_at=None, refreshable=False
        )
        payload: dict[str, object] = {"access_token": pair.access_token, "token_type": "Bearer"}
        if pair.access_expires_at is not None:
            payload["expires_in"] = pair.access_expires_at - int(now)
        return Answer(payload=payload, committed=True, issued=pair.issued)


def _fits(binding: Binding, sent: Mapping[str, str]) -> bool:
    """Tell whether an exchange repeats the redirect URI and proves that it knows the verifier."""
    if sent.get("redirect_uri") != binding.redirect_uri:
        return False
    proof = hex_challenge(sent.get("code_verifier", ""))
    return not binding.challenge or hmac.compare_digest(proof.encode(), binding.challenge.encode())


def _flat(pair: Pair, now: float) -> dict[str, object]:
    authorization = pair.authorization
    told: dict[str, object] = {"access_token": pair.access_token}
    if pair.access_expires_at is not None:
        told["expires_in"] = pair.access_expires_at - int(now)
    told["open_id"] = authorization.account
    if authorization.refresh_expires_at is not None:
        told["refresh_expires_in"] = authorization.refresh_expires_at - int(now)
    return {
        **told,
        "refresh_token": pair.refresh_token,
        "scope": ",".join(authorization.scopes),
        "token_type": "Bearer",
    }
