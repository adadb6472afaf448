"""`/api/v1/generateToken`: a POST of JSON that gives an access token and leaves the refresh token as it was."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Pair, RefusedError
from tokensync_cli.sandbox.id_token import id_token
from tokensync_cli.sandbox.records import json_object, text_of
from tokensync_cli.sandbox.responses import ProviderResponse
from tokensync_cli.sandbox.service import Endpoints, serve

NAME = "eshopbox"
_STATUSES = (400, 401, 403, 404, 422)


class TokenCalls(Endpoints):
    """The one endpoint."""

    provider = NAME

    async def generate(self, request: Request) -> Response:
        """Give an access token for a refresh token."""
        sent = json_object(await request.body())
        call = self.call("refresh", text_of(sent, "client_id"), text_of(sent, "refresh_token"), "refresh_token")
        return await serve(self.sandbox, call, lambda: self._response(sent, call.credential), self._refuse)

    def _response(self, sent: dict[str, Any], credential: str) -> ProviderResponse:
        app = self.sandbox.apps.find(NAME, text_of(sent, "client_id"))
        if app is None or not app.has_secret(text_of(sent, "client_secret")):
            return self._undocumented("the client is not known")
        if sent.get("grant_type") != "refresh_token" or not credential:
            return self._undocumented("the request is not complete")
        returns = app.settings.undocumented_refresh_token
        # None comes back, so the one presented must stay good whatever the app's rule is.
        ruled = app if returns else replace(app, settings=replace(app.settings, refresh_reuse="safe"))
        try:
            pair = self.sandbox.grants.refresh(ruled, credential, self.sandbox.clock.now())
        except RefusedError as refusal:
            return self._undocumented(f"the refresh token is {refusal.reason}")
        return self._success(app, pair, returns=returns)

    def _success(self, app: App, pair: Pair, *, returns: bool) -> ProviderResponse:
        now = int(self.sandbox.clock.now())
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
        return ProviderResponse(payload=payload, committed=True, issued=issued)

    def _undocumented(self, message: str) -> ProviderResponse:
        """Return a refusal: neither status nor body is documented, so both differ from time to time."""
        turn = self.sandbox.ledger.requests.total()
        return self._refuse(_STATUSES[turn % len(_STATUSES)], message)

    def _refuse(self, code: int | str, message: str) -> ProviderResponse:
        turn = self.sandbox.ledger.requests.total()
        bodies: tuple[dict[str, Any], ...] = (
            {},
            {"message": message},
            {"status": code, "error": {"description": message}},
            {"errors": [message]},
        )
        status = code if isinstance(code, int) and code in _STATUSES else 400
        return ProviderResponse(payload=bodies[turn % len(bodies)], status=status, error=str(code))
