"""The two calls that tell whether a token still works: with the app's secret, and without."""

import hmac
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.answers import Answer, Call
from tokensync_cli.sandbox.credentials import Authorization, RefusedError
from tokensync_cli.sandbox.service import serve
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.tiktok_ads.envelope import NAME, PARAMETERS, REVOKED, failure, success, wrong_client

Read = Callable[[Account], dict[str, Any]]


class ApiCalls:
    """The API as far as the sandbox plays it: an `Access-Token` header."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def advertisers(self, request: Request) -> Response:
        """List the advertisers of a token; app id and secret stand in the URL."""
        query = request.query_params
        app = self._sandbox.apps.find(NAME, query.get("app_id", ""))

        def check(authorization: Authorization) -> Answer | None:
            if "app_id" not in query or "secret" not in query:
                return failure(self._sandbox, *PARAMETERS)
            if app is None or not hmac.compare_digest(query["secret"].encode(), app.app_secret.encode()):
                return wrong_client(self._sandbox, app)
            return failure(self._sandbox, *REVOKED) if authorization.app != app.app_key else None

        return await self._answer(request, "advertisers", check, lambda account: {"list": advertisers(account)})

    async def user(self, request: Request) -> Response:
        """Tell that a token works; what else the vendor tells here is not documented, so nothing is."""
        return await self._answer(request, "user_info", lambda _: None, lambda _: {})

    async def _answer(
        self, request: Request, endpoint: str, check: Callable[[Authorization], Answer | None], read: Read
    ) -> Response:
        sandbox = self._sandbox
        sandbox.ledger.count(NAME, endpoint)
        token = request.headers.get("access-token", "")
        owner = sandbox.grants.owner(token)
        owner = owner if owner and owner.provider == NAME else None
        call = Call(
            provider=NAME,
            endpoint=endpoint,
            app=owner.app if owner else request.query_params.get("app_id", ""),
            account=owner.account if owner else None,
        )

        def produce() -> Answer:
            if owner is None:
                return self._refused(token, None, request.query_params.get("app_id", ""))
            try:
                authorization = sandbox.grants.access(token, sandbox.clock.now())
            except RefusedError as refusal:
                return self._refused(token, refusal, owner.app)
            if wrong := check(authorization):
                return wrong
            account = sandbox.accounts.find(NAME, authorization.account)
            return success(sandbox, read(account)) if account else failure(sandbox, *REVOKED)

        return await serve(sandbox, call, produce, lambda code, message: failure(sandbox, code, message))

    def _refused(self, token: str, refusal: RefusedError | None, app_id: str) -> Answer:
        app = self._sandbox.apps.find(NAME, app_id)
        # Both numbers are single observations.
        if app is not None and app.settings.likely_codes:
            if not token:
                return failure(self._sandbox, 40104, "Access token is missing")
            if refusal is not None and refusal.reason == "expired":
                return failure(self._sandbox, 40102, "Access token has expired")
        return failure(self._sandbox, *REVOKED)


def advertisers(account: Account) -> list[dict[str, str]]:
    """Return for whom an account may act: `advertiser_id` and `advertiser_name` of each."""
    listed: list[dict[str, str]] = account.facts.get("advertisers", [])
    return listed
