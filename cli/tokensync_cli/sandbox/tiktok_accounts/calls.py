"""`/open_api/v1.3/tt_user/oauth2/*`: exchange, refresh and revocation, JSON both ways, numbers in HTTP 200."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Pair, RefusedError
from tokensync_cli.sandbox.ledger import Issued, Kind
from tokensync_cli.sandbox.records import json_object, text_of
from tokensync_cli.sandbox.responses import ProviderResponse, Refusal
from tokensync_cli.sandbox.service import Endpoints, serve

NAME = "tiktok_accounts"

_PERMISSION = 40001
_PARAMETERS = 40002
_CLIENT = 40101
_TOKEN_MISSING = 40104
_TOKEN_INCORRECT = 40105
_CODE_INVALID = 40110

Sent = Mapping[str, Any]
Work = Callable[[App, str, Sent], ProviderResponse]


class Calls(Endpoints):
    """The three token calls."""

    provider = NAME

    async def token(self, request: Request) -> Response:
        """Exchange an authorization code."""
        return await self._serve(request, "token", "code", "auth_code", self._exchange)

    async def refresh(self, request: Request) -> Response:
        """Give a new pair for a refresh token."""
        return await self._serve(request, "refresh", "refresh_token", "refresh_token", self._refresh)

    async def revoke(self, request: Request) -> Response:
        """End the authorization behind an access token."""
        return await self._serve(request, "revoke", "revocation", "access_token", self._revoke)

    async def _serve(self, request: Request, endpoint: str, kind: Kind, parameter: str, work: Work) -> Response:
        is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
        sent = json_object(await request.body()) if is_json else {}
        call = self.call(endpoint, text_of(sent, "client_id"), text_of(sent, parameter), kind)
        return await serve(self.sandbox, call, lambda: work(self._client(sent), call.credential, sent), self._failure)

    def _failure(self, code: int | str, message: str) -> ProviderResponse:
        return ProviderResponse(payload=self._envelope(code, message, {}), error=str(code))

    def _success(self, data: dict[str, Any], issued: Issued | None = None) -> ProviderResponse:
        return ProviderResponse(payload=self._envelope(0, "OK", data), committed=True, issued=issued)

    def _envelope(self, code: int | str, message: str, data: dict[str, Any]) -> dict[str, Any]:
        trace = self.sandbox.mint.trace(self.sandbox.clock.now())
        return {"code": code, "message": message, "request_id": trace, "data": data}

    def _client(self, sent: Sent) -> App:
        app = self.sandbox.apps.find(NAME, text_of(sent, "client_id"))
        if not text_of(sent, "client_id") or not text_of(sent, "client_secret"):
            raise Refusal(_PARAMETERS, "client_id and client_secret are required.")
        if app is None or not app.has_secret(text_of(sent, "client_secret")):
            raise Refusal(_CLIENT, "App id and secret do not match.")
        return app

    def _exchange(self, app: App, code: str, sent: Sent) -> ProviderResponse:
        _require(sent, "authorization_code", code)
        uri = text_of(sent, "redirect_uri")
        now = self.sandbox.clock.now()
        try:
            pair = self.sandbox.grants.exchange(app, code, now, lambda binding: uri == binding.redirect_uri)
        except RefusedError:
            if app.settings.likely_codes:
                raise Refusal(_CODE_INVALID, "invalid auth_code") from None
            raise Refusal(_PERMISSION, "auth_code expired or invalid") from None
        return self._given(pair, now)

    def _refresh(self, app: App, refresh_token: str, sent: Sent) -> ProviderResponse:
        _require(sent, "refresh_token", refresh_token)
        now = self.sandbox.clock.now()
        try:
            pair = self.sandbox.grants.refresh(app, refresh_token, now)
        except RefusedError:
            raise Refusal(_TOKEN_INCORRECT, "Refresh token is incorrect or has been revoked.") from None
        return self._given(pair, now)

    def _revoke(self, app: App, access_token: str, sent: Sent) -> ProviderResponse:  # noqa: ARG002 - the signature of all three
        if not access_token:
            raise Refusal(_TOKEN_MISSING, "Access token is missing.")
        try:
            authorization = self.sandbox.grants.access(access_token, self.sandbox.clock.now())
        except RefusedError:
            authorization = None
        if authorization is None or (authorization.provider, authorization.app) != (NAME, app.app_key):
            raise Refusal(_TOKEN_INCORRECT, "Access token is incorrect or has been revoked.")
        self.sandbox.grants.end(authorization)
        return self._success({})

    def _given(self, pair: Pair, now: float) -> ProviderResponse:
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
        return self._success(data, pair.issued)


def _require(sent: Sent, grant_type: str, credential: str) -> None:
    if sent.get("grant_type") != grant_type or not credential:
        raise Refusal(_PARAMETERS, "The request parameters are invalid.")
