"""`/api/v1/generateToken`: a POST of JSON that gives an access token and leaves the refresh token as it was."""

import hmac
import json
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.answers import Answer, Call
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Pair, RefusedError
from tokensync_cli.sandbox.id_token import id_token
from tokensync_cli.sandbox.service import serve
from tokensync_cli.sandbox.state import Sandbox

NAME = "eshopbox"
_STATUSES = (400, 401, 403, 404, 422)


class TokenCalls:
    """The one endpoint."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def generate(self, request: Request) -> Response:
        """Give an access token for a refresh token."""
        sandbox = self._sandbox
        sandbox.ledger.count(NAME, "refresh")
        told = _strings(await request.body())
        credential = told.get("refresh_token", "")
        owner = sandbox.grants.owner(credential)
        call = Call(
            provider=NAME,
            endpoint="refresh",
            app=told.get("client_id", ""),
            account=owner.account if owner and owner.provider == NAME else None,
            kind="refresh_token" if credential else None,
            credential=credential,
        )
        return await serve(sandbox, call, lambda: self._answer(told, credential), self._refuse)

    def _answer(self, told: dict[str, str], credential: str) -> Answer:
        app = self._sandbox.apps.find(NAME, told.get("client_id", ""))
        if app is None or not hmac.compare_digest(told.get("client_secret", "").encode(), app.app_secret.encode()):
            return self._undocumented("the client is not known")
        if told.get("grant_type") != "refresh_token" or not credential:
            return self._undocumented("the request is not complete")
        returns = app.settings.undocumented_refresh_token
        # None comes back, so the one presented must stay good whatever the app's rule is.
        ruled = app if returns else replace(app, settings=replace(app.settings, refresh_reuse="safe"))
        try:
            pair = self._sandbox.grants.refresh(ruled, credential, self._sandbox.clock.now())
        except RefusedError as refusal:
            return self._undocumented(f"the refresh token is {refusal.reason}")
        return self._success(app, pair, returns=returns)

    def _success(self, app: App, pair: Pair, *, returns: bool) -> Answer:
        now = int(self._sandbox.clock.now())
        claims = {"sub": pair.authorization.account, "aud": app.app_key, "iat": now, "exp": pair.access_expires_at}
        payload: dict[str, Any] = {
            "access_token": pair.access_token,
            "id_token": id_token(claims),
            "scope": " ".join(pair.authorization.scopes),
            "token_type": "Bearer",
        }
        if pair.access_expires_at is not None:
            payload["expires_in"] = pair.access_expires_at - now
        if returns:
            payload["refresh_token"] = pair.refresh_token
        issued = pair.issued if returns else replace(pair.issued, refresh_token=None)
        return Answer(payload=payload, committed=True, issued=issued)

    def _undocumented(self, message: str) -> Answer:
        """Return a refusal: neither status nor body is documented, so both differ from time to time."""
        turn = self._sandbox.ledger.requests.total()
        return self._refuse(_STATUSES[turn % len(_STATUSES)], message)

    def _refuse(self, code: int | str, message: str) -> Answer:
        turn = self._sandbox.ledger.requests.total()
        bodies: tuple[dict[str, Any], ...] = (
            {},
            {"message": message},
            {"status": code, "error": {"description": message}},
            {"errors": [message]},
        )
        status = code if isinstance(code, int) and code in _STATUSES else 400
        return Answer(payload=bodies[turn % len(bodies)], status=status, error=str(code))


def _strings(body: bytes) -> dict[str, str]:
    """Return the members of a JSON object that are strings; nothing else is read."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}
