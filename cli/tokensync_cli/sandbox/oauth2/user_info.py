"""The UserInfo endpoint: OpenID Connect Core section 5.3, RFC 6750."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.credentials import RefusedError
from tokensync_cli.sandbox.oauth2.errors import NO_STORE
from tokensync_cli.sandbox.oauth2.metadata import NAME
from tokensync_cli.sandbox.responses import ProviderResponse
from tokensync_cli.sandbox.service import Endpoints, bearer, serve


class UserInfo(Endpoints):
    """The endpoint."""

    provider = NAME

    async def user_info(self, request: Request) -> Response:
        """Return who granted an access token."""
        token = bearer(request)
        owner = self.sandbox.grants.owner(token, NAME)
        call = self.call("user_info", owner.app if owner else "", token)
        return await serve(self.sandbox, call, lambda: self._response(token), _refuse)

    def _response(self, token: str) -> ProviderResponse:
        if not token:
            # RFC 6750 section 3.1: a request without a token gets no error word.
            return ProviderResponse(payload=None, status=401, headers={"www-authenticate": 'Bearer realm="sandbox"'})
        try:
            authorization = self.sandbox.grants.access(token, self.sandbox.clock.now())
        except RefusedError as refusal:
            return _refuse("invalid_token", f"the access token is {refusal.reason}")
        if authorization.provider != NAME:
            return _refuse("invalid_token", "the access token is unknown")
        account = self.sandbox.accounts.find(NAME, authorization.account)
        if account is None or "openid" not in authorization.scopes:
            return _refuse("insufficient_scope", "the scope openid was not granted")
        claims: dict[str, Any] = {"sub": account.account}
        if "profile" in authorization.scopes:
            claims |= {"name": account.label, **account.facts}
        return ProviderResponse(payload=claims, headers=NO_STORE)


def _refuse(code: int | str, message: str) -> ProviderResponse:
    word = code if isinstance(code, str) else "invalid_token"
    return ProviderResponse(
        payload={"error": word, "error_description": message},
        status=403 if word == "insufficient_scope" else 401,
        error=word,
        headers={"www-authenticate": f'Bearer realm="sandbox", error="{word}", error_description="{message}"'},
    )
