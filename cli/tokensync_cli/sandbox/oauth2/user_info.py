"""The UserInfo endpoint: OpenID Connect Core section 5.3, RFC 6750."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.answers import Answer, Call
from tokensync_cli.sandbox.credentials import RefusedError
from tokensync_cli.sandbox.oauth2.errors import NO_STORE
from tokensync_cli.sandbox.oauth2.metadata import NAME
from tokensync_cli.sandbox.service import serve
from tokensync_cli.sandbox.state import Sandbox


class UserInfo:
    """The endpoint."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def user_info(self, request: Request) -> Response:
        """Tell who granted an access token."""
        self._sandbox.ledger.count(NAME, "user_info")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        owner = self._sandbox.grants.owner(token)
        owner = owner if owner and owner.provider == NAME else None
        call = Call(
            provider=NAME,
            endpoint="user_info",
            app=owner.app if owner else "",
            account=owner.account if owner else None,
        )
        return await serve(self._sandbox, call, lambda: self._answer(token), _refuse)

    def _answer(self, token: str) -> Answer:
        if not token:
            # RFC 6750 section 3.1: who sent no token is told no error.
            return Answer(payload=None, status=401, headers={"www-authenticate": 'Bearer realm="sandbox"'})
        try:
            authorization = self._sandbox.grants.access(token, self._sandbox.clock.now())
        except RefusedError as refusal:
            return _refuse("invalid_token", f"the access token is {refusal.reason}")
        if authorization.provider != NAME:
            return _refuse("invalid_token", "the access token is unknown")
        account = self._sandbox.accounts.find(NAME, authorization.account)
        if account is None or "openid" not in authorization.scopes:
            return _refuse("insufficient_scope", "the scope openid was not granted")
        claims: dict[str, Any] = {"sub": account.account}
        if "profile" in authorization.scopes:
            claims |= {"name": account.label, **account.facts}
        return Answer(payload=claims, headers=NO_STORE)


def _refuse(code: int | str, message: str) -> Answer:
    word = code if isinstance(code, str) else "invalid_token"
    return Answer(
        payload={"error": word, "error_description": message},
        status=403 if word == "insufficient_scope" else 401,
        error=word,
        headers={"www-authenticate": f'Bearer realm="sandbox", error="{word}", error_description="{message}"'},
    )
