"""Signed API calls: the list of authorized shops, and one handler for all others."""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Authorization, RefusedError
from tokensync_cli.sandbox.records import to_json
from tokensync_cli.sandbox.responses import ProviderResponse, Refusal
from tokensync_cli.sandbox.service import Endpoints, serve
from tokensync_cli.sandbox.tiktok_shop.envelope import NAME, failure, ip_denied, success
from tokensync_cli.sandbox.tiktok_shop.signature import is_signed

_MAX_AGE_SECONDS = 300
_MAX_AHEAD_SECONDS = 30
_SHOPS_SCOPE = "seller.authorization.info"
# One number for about ten things: signature, token header, app key, timestamp, unexpected cipher, version.
_AMBIGUOUS = 36009004


class ApiCalls(Endpoints):
    """The vendor's open API, as far as the sandbox plays it."""

    provider = NAME

    async def shops(self, request: Request) -> Response:
        """List the shops of an authorization."""
        return await self._serve(request, "shops")

    async def other(self, request: Request) -> Response:
        """Serve any other signed call: it must name one of the authorization's shops by its cipher."""
        return await self._serve(request, "api")

    async def _serve(self, request: Request, endpoint: str) -> Response:
        sandbox = self.sandbox
        app_key = request.query_params.get("app_key", "")
        call = self.call(endpoint, app_key, request.headers.get("x-tts-access-token", ""))
        body = await request.body()
        app = sandbox.apps.find(NAME, app_key)

        def refuse(code: int | str, message: str) -> ProviderResponse:
            return failure(sandbox, app, code, message, status=app.settings.api_error_status if app else 200)

        def produce() -> ProviderResponse:
            authorization = self._checked(request, app, body)
            if app is not None and (denied := ip_denied(sandbox, app, status=app.settings.api_error_status)):
                return denied
            data = self._shops(request, authorization) if endpoint == "shops" else self._any(request, authorization)
            return success(sandbox, data, message="Success")

        return await serve(sandbox, call, produce, refuse)

    def _checked(self, request: Request, app: App | None, body: bytes) -> Authorization:
        """Return the authorization behind a call whose signature, time and token are in order."""
        query = parse_qsl(request.url.query, keep_blank_values=True)
        sent = dict(query)
        token = request.headers.get("x-tts-access-token", "")
        if app is None:
            raise Refusal(_AMBIGUOUS, "Invalid app_key")
        if not token:
            raise Refusal(_AMBIGUOUS, "Missing header x-tts-access-token")
        if not self._is_timely(sent.get("timestamp", "")):
            raise Refusal(_AMBIGUOUS, "Invalid timestamp")
        # The vendor signs its own path, which knows nothing of where the sandbox is mounted.
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        if not is_signed(sent.get("sign", ""), app.app_secret, path, query, body):
            raise Refusal(106001, "Invalid sign")
        try:
            authorization = self.sandbox.grants.access(token, self.sandbox.clock.now())
        except RefusedError as refusal:
            if refusal.reason == "expired":
                raise Refusal(105002, "Expired access token") from None
            raise Refusal(105001, "Access token is invalid or was deauthorized") from None
        if (authorization.provider, authorization.app) != (NAME, app.app_key):
            raise Refusal(101000, "The token does not belong to this app")
        return authorization

    def _is_timely(self, timestamp: str) -> bool:
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) == len("1623812664")):
            return False
        age = self.sandbox.clock.now() - int(timestamp)
        return -_MAX_AHEAD_SECONDS <= age <= _MAX_AGE_SECONDS

    def _shops(self, request: Request, authorization: Authorization) -> dict[str, object]:
        if "shop_cipher" in request.query_params:
            raise Refusal(_AMBIGUOUS, "Unexpected shop_cipher")
        account = self.sandbox.accounts.find(NAME, authorization.account)
        if account is None or account.user_type != "seller":
            raise Refusal(101000, "The user type does not fit this API")
        if _SHOPS_SCOPE not in authorization.scopes:
            raise Refusal(105005, f"Access denied: the scope {_SHOPS_SCOPE} was not granted")
        return {"shops": [to_json(shop) for shop in account.shops or ()]}

    def _any(self, request: Request, authorization: Authorization) -> dict[str, object]:
        cipher = request.query_params.get("shop_cipher")
        if not cipher:
            raise Refusal(106013, "shop_cipher is missing")
        account = self.sandbox.accounts.find(NAME, authorization.account)
        if account is None or cipher not in {shop.cipher for shop in account.shops or ()}:
            raise Refusal(101000, "The shop does not belong to this token")
        return {}
