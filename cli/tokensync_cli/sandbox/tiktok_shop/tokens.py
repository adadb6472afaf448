"""`/api/v2/token/get` and `/api/v2/token/refresh`: GET with everything in the query, unsigned."""

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Pair, Reason, RefusedError
from tokensync_cli.sandbox.ledger import Kind
from tokensync_cli.sandbox.responses import ProviderResponse, not_found
from tokensync_cli.sandbox.service import Endpoints, serve
from tokensync_cli.sandbox.tiktok_shop.envelope import NAME, failure, ip_denied, success, undocumented

_USER_TYPES = {"seller": 0, "creator": 1, "partner": 3}
_PARAMETERS_INVALID = (98001004, "parameters invalid")


class TokenCalls(Endpoints):
    """The two token endpoints."""

    provider = NAME

    async def get(self, request: Request) -> Response:
        """Exchange an authorization code."""
        return await self._serve(request, "token", "code", "auth_code", "authorized_code")

    async def refresh(self, request: Request) -> Response:
        """Give a new pair for a refresh token."""
        return await self._serve(request, "refresh", "refresh_token", "refresh_token", "refresh_token")

    async def _serve(self, request: Request, endpoint: str, kind: Kind, parameter: str, grant_type: str) -> Response:
        sandbox, query = self.sandbox, request.query_params
        call = self.call(endpoint, query.get("app_key", ""), query.get(parameter, ""), kind)
        # Whatever is not a GET is unknown to the vendor's router.
        if request.method != "GET":
            return await not_found(request)
        app = sandbox.apps.find(NAME, call.app)

        def produce() -> ProviderResponse:
            return self._client_error(app, query) or self._grant(app, kind, call.credential, query, grant_type)

        return await serve(sandbox, call, produce, lambda code, message: failure(sandbox, app, code, message))

    def _client_error(self, app: App | None, query: QueryParams) -> ProviderResponse | None:
        if app is None:
            return failure(self.sandbox, None, undocumented(self.sandbox), "invalid app_key")
        if not app.has_secret(query.get("app_secret", "")):
            return failure(self.sandbox, app, undocumented(self.sandbox), "invalid client_key or secret")
        return ip_denied(self.sandbox, app)

    def _grant(
        self, app: App | None, kind: Kind, credential: str, query: QueryParams, grant_type: str
    ) -> ProviderResponse:
        sandbox = self.sandbox
        if app is None or query.get("grant_type") != grant_type or not credential:
            return failure(sandbox, app, *_PARAMETERS_INVALID)
        spend = sandbox.grants.exchange if kind == "code" else sandbox.grants.refresh
        try:
            pair = spend(app, credential, sandbox.clock.now())
        except RefusedError as refusal:
            return failure(sandbox, app, *_refusal(app, kind, refusal.reason))
        return success(sandbox, self._data(pair), committed=True, issued=pair.issued)

    def _data(self, pair: Pair) -> dict[str, object]:
        authorization = pair.authorization
        account = self.sandbox.accounts.find(NAME, authorization.account)
        data: dict[str, object] = {
            "access_token": pair.access_token,
            "access_token_expire_in": pair.access_expires_at,
            "refresh_token": pair.refresh_token,
            "refresh_token_expire_in": authorization.refresh_expires_at,
            "open_id": authorization.account,
            "seller_name": account.seller_name if account else None,
            "user_type": _USER_TYPES[account.user_type if account else "seller"],
            "granted_scopes": list(authorization.scopes),
        }
        if account and account.region:
            data["seller_base_region"] = account.region
        return data


def _refusal(app: App, kind: Kind, reason: Reason) -> tuple[int, str]:
    likely = app.settings.likely_codes
    if kind == "code":
        return (98001005, "code already used") if likely and reason == "used" else (36004004, "invalid auth code")
    if reason == "expired":
        return 36004001, "rt has expired"
    return (98001006, "refresh token invalid") if likely else (36004005, "can not find related auth record")
