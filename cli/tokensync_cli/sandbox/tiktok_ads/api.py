"""The two calls that show whether a token still works: with the app's secret, and without."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.credentials import Authorization, RefusedError
from tokensync_cli.sandbox.responses import ProviderResponse
from tokensync_cli.sandbox.service import Endpoints, serve
from tokensync_cli.sandbox.tiktok_ads.envelope import NAME, PARAMETERS, REVOKED, failure, success, wrong_client

Read = Callable[[Account], dict[str, Any]]


class ApiCalls(Endpoints):
    """The API as far as the sandbox plays it: an `Access-Token` header."""

    provider = NAME

    async def advertisers(self, request: Request) -> Response:
        """List the advertisers of a token; app id and secret are in the URL."""
        query = request.query_params
        app = self.sandbox.apps.find(NAME, query.get("app_id", ""))

        def check(authorization: Authorization) -> ProviderResponse | None:
            if "app_id" not in query or "secret" not in query:
                return failure(self.sandbox, *PARAMETERS)
            if app is None or not app.has_secret(query["secret"]):
                return wrong_client(self.sandbox, app)
            return failure(self.sandbox, *REVOKED) if authorization.app != app.app_key else None

        return await self._serve(request, "advertisers", check, lambda account: {"list": advertisers(account)})

    async def user(self, request: Request) -> Response:
        """Say that a token works; what else the vendor says here is not documented, so nothing is said."""
        return await self._serve(request, "user_info", lambda _: None, lambda _: {})

    async def _serve(
        self, request: Request, endpoint: str, check: Callable[[Authorization], ProviderResponse | None], read: Read
    ) -> Response:
        sandbox = self.sandbox
        token = request.headers.get("access-token", "")
        owner = sandbox.grants.owner(token, NAME)
        call = self.call(endpoint, owner.app if owner else request.query_params.get("app_id", ""), token)

        def produce() -> ProviderResponse:
            if owner is None:
                return self._refused(token, None, call.app)
            try:
                authorization = sandbox.grants.access(token, sandbox.clock.now())
            except RefusedError as refusal:
                return self._refused(token, refusal, owner.app)
            if wrong := check(authorization):
                return wrong
            account = sandbox.accounts.find(NAME, authorization.account)
            return success(sandbox, read(account)) if account else failure(sandbox, *REVOKED)

        return await serve(sandbox, call, produce, lambda code, message: failure(sandbox, code, message))

    def _refused(self, token: str, refusal: RefusedError | None, app_id: str) -> ProviderResponse:
        app = self.sandbox.apps.find(NAME, app_id)
        # Both numbers are single observations.
        if app is not None and app.settings.likely_codes:
            if not token:
                return failure(self.sandbox, 40104, "Access token is missing")
            if refusal is not None and refusal.reason == "expired":
                return failure(self.sandbox, 40102, "Access token has expired")
        return failure(self.sandbox, *REVOKED)


def advertisers(account: Account) -> list[dict[str, str]]:
    """Return for whom an account may act: `advertiser_id` and `advertiser_name` of each."""
    listed: list[dict[str, str]] = account.facts.get("advertisers", [])
    return listed
