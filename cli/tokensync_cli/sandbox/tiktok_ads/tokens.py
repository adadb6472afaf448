"""The exchange, the refresh and the revocation: POSTs of JSON."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Pair, RefusedError
from tokensync_cli.sandbox.records import json_object, text_of
from tokensync_cli.sandbox.responses import ProviderResponse
from tokensync_cli.sandbox.service import Endpoints, serve
from tokensync_cli.sandbox.tiktok_ads.api import advertisers
from tokensync_cli.sandbox.tiktok_ads.envelope import NAME, PARAMETERS, REVOKED, failure, success, wrong_client


class TokenCalls(Endpoints):
    """The endpoints that change a token."""

    provider = NAME

    async def exchange(self, request: Request) -> Response:
        """Give the one long-lived token for a code."""
        sent = json_object(await request.body())
        call = self.call("token", text_of(sent, "app_id"), text_of(sent, "auth_code"), "code")
        return await serve(self.sandbox, call, lambda: self._exchanged(sent, call.credential), self._refuse)

    async def refresh(self, request: Request) -> Response:
        """Give a new pair for a refresh token, to an app that gets such tokens."""
        sent = json_object(await request.body())
        call = self.call("refresh", text_of(sent, "app_id"), text_of(sent, "refresh_token"), "refresh_token")
        return await serve(self.sandbox, call, lambda: self._refreshed(sent, call.credential), self._refuse)

    async def revoke(self, request: Request) -> Response:
        """End a token."""
        sent = json_object(await request.body())
        call = self.call("revoke", text_of(sent, "app_id"), text_of(sent, "access_token"), "revocation")
        header = request.headers.get("access-token", "")
        return await serve(self.sandbox, call, lambda: self._revoked(sent, call.credential, header), self._refuse)

    def _refuse(self, code: int | str, message: str) -> ProviderResponse:
        return failure(self.sandbox, code, message)

    def _app(self, sent: dict[str, Any]) -> tuple[App | None, bool]:
        """Return the app that a request names, and whether the secret is its own."""
        app = self.sandbox.apps.find(NAME, text_of(sent, "app_id"))
        fits = app is not None and app.has_secret(text_of(sent, "secret"))
        return app, fits

    def _exchanged(self, sent: dict[str, Any], code: str) -> ProviderResponse:
        sandbox = self.sandbox
        app, fits = self._app(sent)
        if app is None or not fits:
            return wrong_client(sandbox, app)
        lists = sent.get("return_advertiser_ids", True)
        if not code or not isinstance(lists, bool):
            return failure(sandbox, *PARAMETERS)
        try:
            pair = sandbox.grants.exchange(app, code, sandbox.clock.now(), refreshable=app.settings.refreshable)
        except RefusedError:
            # Both were seen, neither is documented.
            likely = (40110, "invalid auth_code")
            seen = (40001, "auth_code expired or invalid")
            return failure(sandbox, *(likely if app.settings.likely_codes else seen))
        return success(sandbox, self._data(pair, lists=lists), committed=True, issued=pair.issued)

    def _refreshed(self, sent: dict[str, Any], refresh_token: str) -> ProviderResponse:
        sandbox = self.sandbox
        app, fits = self._app(sent)
        if app is None or not fits:
            return wrong_client(sandbox, app)
        if not refresh_token:
            return failure(sandbox, *PARAMETERS)
        try:
            pair = sandbox.grants.refresh(app, refresh_token, sandbox.clock.now())
        except RefusedError:
            return failure(sandbox, *REVOKED)
        return success(sandbox, self._data(pair, lists=False), committed=True, issued=pair.issued)

    def _data(self, pair: Pair, *, lists: bool) -> dict[str, Any]:
        authorization = pair.authorization
        data: dict[str, Any] = {
            "access_token": pair.access_token,
            "scope": [int(scope) for scope in authorization.scopes if scope.isdecimal()],
        }
        if lists:
            account = self.sandbox.accounts.find(NAME, authorization.account)
            data["advertiser_ids"] = [each["advertiser_id"] for each in advertisers(account)] if account else []
        # None of these is documented; an app that is set so shows whether a client honours them.
        now = int(self.sandbox.clock.now())
        if pair.access_expires_at is not None:
            data["expires_in"] = pair.access_expires_at - now
        if pair.refresh_token is not None:
            data["refresh_token"] = pair.refresh_token
            if authorization.refresh_expires_at is not None:
                data["refresh_token_expires_in"] = authorization.refresh_expires_at - now
        return data

    def _revoked(self, sent: dict[str, Any], token: str, header: str) -> ProviderResponse:
        sandbox = self.sandbox
        app, fits = self._app(sent)
        if app is None or not fits:
            return wrong_client(sandbox, app)
        if not token:
            return failure(sandbox, *PARAMETERS)
        try:
            authorization = sandbox.grants.access(token, sandbox.clock.now())
        except RefusedError:
            return failure(sandbox, *REVOKED)
        if header != token or (authorization.provider, authorization.app) != (NAME, app.app_key):
            return failure(sandbox, *REVOKED)
        sandbox.grants.end(authorization)
        return success(sandbox, {}, committed=True)
