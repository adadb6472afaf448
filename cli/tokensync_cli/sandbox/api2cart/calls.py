"""The vendor's calls: an API key and a store key in headers, a return code in the body."""

import hmac
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.api2cart.stores import REQUIRED, Store, Stores
from tokensync_cli.sandbox.credentials import RefusedError
from tokensync_cli.sandbox.records import json_object
from tokensync_cli.sandbox.responses import Call, ProviderResponse
from tokensync_cli.sandbox.service import serve
from tokensync_cli.sandbox.state import Sandbox

NAME = "api2cart"
_CART = "TikTokShop"
_OPTIONAL = ("store_url", "custom_label")

Work = Callable[[Store | None], ProviderResponse]


class Calls:
    """The endpoints of one account."""

    def __init__(self, sandbox: Sandbox, stores: Stores) -> None:
        self._sandbox = sandbox
        self._stores = stores
        self._at_work = 0

    async def add(self, request: Request) -> Response:
        """Connect a shop: everything is in the JSON body."""
        sent = json_object(await request.body())

        def work(_: Store | None) -> ProviderResponse:
            # The number for a missing parameter is not documented.
            if sent.get("cart_id") != _CART:
                return self._undocumented("cart_id is not supported")
            lacking = [name for name in REQUIRED if not isinstance(sent.get(name), str) or not sent[name]]
            if lacking:
                return self._undocumented(f"{lacking[0]} is missing")
            if sent.get("verify") is True and not self._is_accepted(sent["tiktokshop_access_token"]):
                return self._undocumented("the store cannot be reached with this token")
            kept = {name: str(sent[name]) for name in (*REQUIRED, *_OPTIONAL) if name in sent}
            store = self._stores.add(_CART, kept, self._sandbox.clock.now())
            return self._success({"store_key": store.store_key}, committed=True)

        return await self._serve(request, "add", work, stored=False)

    async def update(self, request: Request) -> Response:
        """Change a store's parameters, which are in the query string; a body is not read."""
        query = {name: value for name, value in request.query_params.items() if name in (*REQUIRED, *_OPTIONAL)}

        def work(store: Store | None) -> ProviderResponse:
            if store and query:
                self._stores.update(store, query, self._sandbox.clock.now())
            return self._success({"updated_items": len(query)}, committed=bool(query))

        return await self._serve(request, "update", work)

    async def listing(self, request: Request) -> Response:
        """Succeed without a list: its shape is not documented, and the control plane lists the stores."""

        def work(_: Store | None) -> ProviderResponse:
            return self._success({})

        return await self._serve(request, "list", work, stored=False)

    async def validate(self, request: Request) -> Response:
        """Check that the shop still accepts the token that the store holds."""

        def work(store: Store | None) -> ProviderResponse:
            if store is None or not self._is_accepted(store.parameters["tiktokshop_access_token"]):
                return self._undocumented("the store does not accept the token")
            return self._success({})

        return await self._serve(request, "validate", work)

    async def _serve(self, request: Request, endpoint: str, work: Work, *, stored: bool = True) -> Response:
        self._sandbox.ledger.count(NAME, endpoint)
        store = self._stores.find(request.headers.get("x-store-key", ""))
        call = Call(
            provider=NAME,
            endpoint=endpoint,
            app=store.parameters["tiktokshop_app_key"] if store else "",
            account=store.store_key if store else None,
        )
        limit = self._stores.settings.concurrent_requests
        crowded = limit is not None and self._at_work >= limit

        def produce() -> ProviderResponse:
            if refusal := self._refusal(request, crowded=crowded):
                return refusal
            if stored and store is None:
                return self._failure(112, "Store not found")
            # What was found on arrival may have changed while a fault held the request up.
            return work(self._stores.find(store.store_key) if store else None)

        self._at_work += 1
        try:
            return await serve(self._sandbox, call, produce, self._failure)
        finally:
            self._at_work -= 1

    def _refusal(self, request: Request, *, crowded: bool) -> ProviderResponse | None:
        settings = self._stores.settings
        if not hmac.compare_digest(request.headers.get("x-api-key", "").encode(), settings.api_key.encode()):
            return self._failure(2, "Incorrect API Key")
        if settings.restricted:
            return self._failure(5, "Access is restricted")
        return self._failure(7, "Too many concurrent requests") if crowded else None

    def _is_accepted(self, access_token: str) -> bool:
        try:
            self._sandbox.grants.access(access_token, self._sandbox.clock.now())
        except RefusedError:
            return False
        return True

    def _success(self, result: dict[str, Any], *, committed: bool = False) -> ProviderResponse:
        return ProviderResponse(payload={"return_code": 0, "return_message": "", "result": result}, committed=committed)

    def _failure(self, code: int | str, message: str) -> ProviderResponse:
        payload: dict[str, Any] = {"return_code": code, "return_message": message, "result": {}}
        return ProviderResponse(payload=payload, status=self._stores.settings.error_status, error=str(code))

    def _undocumented(self, message: str) -> ProviderResponse:
        return self._failure(self._sandbox.mint.undocumented(10_000, 19_999), message)
