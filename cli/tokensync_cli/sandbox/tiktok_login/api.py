"""`/v2/user/info/`: an API call, whose errors have another shape than the token calls'."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.credentials import RefusedError
from tokensync_cli.sandbox.responses import ProviderResponse
from tokensync_cli.sandbox.service import Endpoints, bearer, serve
from tokensync_cli.sandbox.tiktok_login.client import NAME

_SCOPE = "user.info.basic"


class ApiCalls(Endpoints):
    """The vendor's API, as far as the sandbox plays it."""

    provider = NAME

    async def user_info(self, request: Request) -> Response:
        """Return the fields asked for of the user behind a Bearer token."""
        token = bearer(request)
        owner = self.sandbox.grants.owner(token, NAME)
        call = self.call("user_info", owner.app if owner else "", token)
        fields = request.query_params.get("fields", "")
        return await serve(self.sandbox, call, lambda: self._user(token, fields), self._refuse)

    def _user(self, token: str, fields: str) -> ProviderResponse:
        try:
            authorization = self.sandbox.grants.access(token, self.sandbox.clock.now())
        except RefusedError:
            return self._error("access_token_invalid", "The access token is invalid or not found in the request.", 401)
        account = self.sandbox.accounts.find(NAME, authorization.account)
        if authorization.provider != NAME or account is None:
            return self._error("access_token_invalid", "The access token is not a user's.", 401)
        if _SCOPE not in authorization.scopes:
            return self._error("scope_not_authorized", "The user did not authorize the scope required.", 401)
        known = {"open_id": account.account, "display_name": account.label, **account.facts}
        user = {name: known[name] for name in fields.split(",") if name in known}
        return self._response({"user": user}, "ok", "", 200)

    def _refuse(self, code: int | str, message: str) -> ProviderResponse:
        word = code if isinstance(code, str) else "internal_error"
        return self._error(word, message, 500)

    def _error(self, code: str, message: str, status: int) -> ProviderResponse:
        return self._response({}, code, message, status)

    def _response(self, data: dict[str, Any], code: str, message: str, status: int) -> ProviderResponse:
        log_id = self.sandbox.mint.trace(self.sandbox.clock.now())
        payload = {"data": data, "error": {"code": code, "message": message, "log_id": log_id}}
        return ProviderResponse(payload=payload, status=status, error=None if code == "ok" else code)
