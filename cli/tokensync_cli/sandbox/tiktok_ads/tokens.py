"""`access_token/` and `revoke_token/`: POSTs of JSON."""

import hmac
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.answers import Answer, Call
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Pair, RefusedError
from tokensync_cli.sandbox.service import serve
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.tiktok_ads.api import advertisers
from tokensync_cli.sandbox.tiktok_ads.envelope import NAME, PARAMETERS, REVOKED, failure, success, wrong_client


class TokenCalls:
    """The two endpoints that change a token."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def exchange(self, request: Request) -> Response:
        """Give the one long-lived token for a code."""
        sandbox = self._sandbox
        sandbox.ledger.count(NAME, "token")
        told = _object(await request.body())
        code = _text(told, "auth_code")
        owner = sandbox.grants.owner(code)
        call = Call(
            provider=NAME,
            endpoint="token",
            app=_text(told, "app_id"),
            account=owner.account if owner and owner.provider == NAME else None,
            kind="code" if code else None,
            credential=code,
        )
        return await serve(sandbox, call, lambda: self._exchanged(told, code), self._refuse)

    async def revoke(self, request: Request) -> Response:
        """End a token."""
        sandbox = self._sandbox
        sandbox.ledger.count(NAME, "revoke")
        told = _object(await request.body())
        token = _text(told, "access_token")
        header = request.headers.get("access-token", "")
        owner = sandbox.grants.owner(token)
        call = Call(
            provider=NAME,
            endpoint="revoke",
            app=_text(told, "app_id"),
            account=owner.account if owner and owner.provider == NAME else None,
            kind="revocation" if token else None,
            credential=token,
        )
        return await serve(sandbox, call, lambda: self._revoked(told, token, header), self._refuse)

    def _refuse(self, code: int | str, message: str) -> Answer:
        return failure(self._sandbox, code, message)

    def _app(self, told: dict[str, Any]) -> tuple[App | None, bool]:
        """Return the app that a request names, and whether the secret is its own."""
        app = self._sandbox.apps.find(NAME, _text(told, "app_id"))
        fits = app is not None and hmac.compare_digest(_text(told, "secret").encode(), app.app_secret.encode())
        return app, fits

    def _exchanged(self, told: dict[str, Any], code: str) -> Answer:
        sandbox = self._sandbox
        app, fits = self._app(told)
        if app is None or not fits:
            return wrong_client(sandbox, app)
        lists = told.get("return_advertiser_ids", True)
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

    def _data(self, pair: Pair, *, lists: bool) -> dict[str, Any]:
        authorization = pair.authorization
        data: dict[str, Any] = {
            "access_token": pair.access_token,
            "scope": [int(scope) for scope in authorization.scopes if scope.isdecimal()],
        }
        if lists:
            account = self._sandbox.accounts.find(NAME, authorization.account)
            data["advertiser_ids"] = [each["advertiser_id"] for each in advertisers(account)] if account else []
        # Neither is documented; whoever sets the app so wants to see a client honour them.
        if pair.access_expires_at is not None:
            data["expires_in"] = pair.access_expires_at - int(self._sandbox.clock.now())
        if pair.refresh_token is not None:
            data["refresh_token"] = pair.refresh_token
        return data

    def _revoked(self, told: dict[str, Any], token: str, header: str) -> Answer:
        sandbox = self._sandbox
        app, fits = self._app(told)
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


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
