"""`/open_api/v1.3/tt_user/oauth2/*`: exchange, refresh and revocation, JSON both ways."""

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.answers import Answer, Call
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Pair, RefusedError
from tokensync_cli.sandbox.ledger import Kind
from tokensync_cli.sandbox.service import serve
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.tiktok_accounts import envelope
from tokensync_cli.sandbox.tiktok_accounts.envelope import BusinessError, failure, success

NAME = "tiktok_accounts"

Sent = Mapping[str, Any]
Work = Callable[[App, str, Sent], Answer]


class Calls:
    """The three token calls."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def token(self, request: Request) -> Response:
        """Exchange an authorization code."""
        return await self._answer(request, "token", "code", "auth_code", self._exchange)

    async def refresh(self, request: Request) -> Response:
        """Give a new pair for a refresh token."""
        return await self._answer(request, "refresh", "refresh_token", "refresh_token", self._refresh)

    async def revoke(self, request: Request) -> Response:
        """End the authorization behind an access token."""
        return await self._answer(request, "revoke", "revocation", "access_token", self._revoke)

    async def _answer(self, request: Request, endpoint: str, kind: Kind, parameter: str, work: Work) -> Response:
        sandbox = self._sandbox
        sandbox.ledger.count(NAME, endpoint)
        sent = await _json(request)
        credential = _text(sent, parameter)
        app_key = _text(sent, "client_id")
        owner = sandbox.grants.owner(credential)
        call = Call(
            provider=NAME,
            endpoint=endpoint,
            app=app_key,
            account=owner.account if owner and owner.provider == NAME else None,
            kind=kind if credential else None,
            credential=credential,
        )

        def produce() -> Answer:
            try:
                return work(self._client(sent), credential, sent)
            except BusinessError as error:
                return failure(sandbox, error.code, error.text)

        return await serve(sandbox, call, produce, lambda code, message: failure(sandbox, code, message))

    def _client(self, sent: Sent) -> App:
        app = self._sandbox.apps.find(NAME, _text(sent, "client_id"))
        if not _text(sent, "client_id") or not _text(sent, "client_secret"):
            raise BusinessError(envelope.PARAMETERS, "client_id and client_secret are required.")
        if app is None or not hmac.compare_digest(_text(sent, "client_secret").encode(), app.app_secret.encode()):
            raise BusinessError(envelope.CLIENT, "App id and secret do not match.")
        return app

    def _exchange(self, app: App, code: str, sent: Sent) -> Answer:
        _require(sent, "authorization_code", code)
        uri = _text(sent, "redirect_uri")
        now = self._sandbox.clock.now()
        try:
            pair = self._sandbox.grants.exchange(app, code, now, lambda binding: uri == binding.redirect_uri)
        except RefusedError:
            if app.settings.likely_codes:
                raise BusinessError(envelope.CODE_INVALID, "invalid auth_code") from None
            raise BusinessError(envelope.PERMISSION, "auth_code expired or invalid") from None
        return self._given(pair, now)

    def _refresh(self, app: App, refresh_token: str, sent: Sent) -> Answer:
        _require(sent, "refresh_token", refresh_token)
        now = self._sandbox.clock.now()
        try:
            pair = self._sandbox.grants.refresh(app, refresh_token, now)
        except RefusedError:
            raise BusinessError(envelope.TOKEN_INCORRECT, "Refresh token is incorrect or has been revoked.") from None
        return self._given(pair, now)

    def _revoke(self, app: App, access_token: str, sent: Sent) -> Answer:  # noqa: ARG002 - the signature of its kin
        if not access_token:
            raise BusinessError(envelope.TOKEN_MISSING, "Access token is missing.")
        try:
            authorization = self._sandbox.grants.access(access_token, self._sandbox.clock.now())
        except RefusedError:
            authorization = None
        if authorization is None or (authorization.provider, authorization.app) != (NAME, app.app_key):
            raise BusinessError(envelope.TOKEN_INCORRECT, "Access token is incorrect or has been revoked.")
        self._sandbox.grants.end(authorization)
        return success(self._sandbox, {}, committed=True)

    def _given(self, pair: Pair, now: float) -> Answer:
        authorization = pair.authorization
        data: dict[str, Any] = {
            "access_token": pair.access_token,
            "token_type": "Bearer",
            "scope": ",".join(authorization.scopes),
            "refresh_token": pair.refresh_token,
            "open_id": authorization.account,
        }
        ends = {"expires_in": pair.access_expires_at, "refresh_token_expires_in": authorization.refresh_expires_at}
        data |= {name: end - int(now) for name, end in ends.items() if end is not None}
        return success(self._sandbox, data, committed=True, issued=pair.issued)


async def _json(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; anything else says nothing."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return {}
    try:
        value = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(sent: Sent, name: str) -> str:
    value = sent.get(name)
    return value if isinstance(value, str) else ""


def _require(sent: Sent, grant_type: str, credential: str) -> None:
    if sent.get("grant_type") != grant_type or not credential:
        raise BusinessError(envelope.PARAMETERS, "The request parameters are invalid.")
