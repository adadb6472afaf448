"""What a test can see and change of API2Cart."""

import dataclasses
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from tokensync_cli.sandbox.api2cart.stores import Settings, Store, Stores
from tokensync_cli.sandbox.control.guard import NotFoundError, body
from tokensync_cli.sandbox.records import BadRecordError, json_object, read, to_json
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.tiktok_shop.tokens import TokenCalls


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Named:
    """A store."""

    store_key: str


class Control:
    """API2Cart's part of the control plane."""

    def __init__(self, sandbox: Sandbox, stores: Stores) -> None:
        self._sandbox = sandbox
        self._stores = stores

    async def read(self, request: Request) -> Any:  # noqa: ARG002 - every handler takes the request
        """Return the settings and the stores, their tokens as the ledger has them."""
        return {**to_json(self._stores.settings), "stores": [store.public() for store in self._stores.all()]}

    async def change(self, request: Request) -> Any:
        """Change the settings given."""
        change = await body(request)
        if not isinstance(change, dict):
            raise BadRecordError("the body must be a JSON object")
        settings = read(Settings, {**to_json(self._stores.settings), **change})
        if not settings.api_key:
            raise BadRecordError("api_key must not be empty")
        self._stores.settings = settings
        return await self.read(request)

    async def refresh(self, request: Request) -> Any:
        """Let it refresh a store's pair at the shop, as its own schedule would; return the shop's code and message."""
        named = read(_Named, await body(request))
        store = self._stores.find(named.store_key)
        if store is None:
            raise NotFoundError(f"no store {named.store_key}")
        response = await self._present(store)
        pair = response.get("data") or {}
        if response.get("code") == 0:
            tokens = {f"tiktokshop_{name}": str(pair[name]) for name in ("access_token", "refresh_token")}
            self._stores.update(store, tokens, self._sandbox.clock.now(), itself=True)
        return {"code": response.get("code"), "message": response.get("message")}

    async def _present(self, store: Store) -> dict[str, Any]:
        """Call the shop's own endpoint, so that its ledger and its faults see this call as any other."""
        query = {
            "app_key": store.parameters["tiktokshop_app_key"],
            "app_secret": store.parameters["tiktokshop_app_secret"],
            "refresh_token": store.parameters["tiktokshop_refresh_token"],
            "grant_type": "refresh_token",
        }
        scope = {"type": "http", "method": "GET", "headers": [], "query_string": urlencode(query).encode()}
        response = await TokenCalls(self._sandbox).refresh(Request(scope))
        # A fault may have spoiled it or cut it off: then the pair is lost.
        return json_object(bytes(response.body))
