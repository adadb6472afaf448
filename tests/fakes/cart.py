"""A scripted API2Cart: it keeps stores under keys of its own and takes whatever pair it is handed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tokensync.domain.messages import ProviderResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes import FakeClock
    from tokensync.domain.messages import Request

HOST = "api.api2cart.com"
KEY = "canary-api2cart-key"


@dataclass
class ScriptedCart:
    """`stores` holds each store's parameters by its key, `handed` every access token in the order it came.

    `script` holds steps for the next calls: a function from the honest answer to another, or one that raises. The
    honest answer is made only when a step asks for it. `dead` are access tokens that the shop accepts no more.
    """

    clock: FakeClock
    stores: dict[str, dict[str, str]] = field(default_factory=dict)
    handed: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    script: list[Callable[[Callable[[], ProviderResponse]], ProviderResponse]] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> ProviderResponse:
        """Answer one request."""
        self.requests.append(request)
        step = self.script.pop(0) if self.script else None
        honest = lambda: self._honest(request)  # noqa: E731 - one closure
        return honest() if step is None else step(honest)

    def answer(self, code: int, message: str = "", *, status: int = 200, **result: object) -> ProviderResponse:
        """Return an answer with a return code."""
        body = {"return_code": code, "return_message": message, "result": result}
        return ProviderResponse(status=status, body=json.dumps(body).encode(), received_at=self.clock.now())

    def refuse(self, code: int, message: str = "no", *, status: int = 200) -> None:
        """Refuse the next call."""
        self.script.append(lambda _: self.answer(code, message, status=status))

    def _honest(self, request: Request) -> ProviderResponse:
        if request.headers.get("x-api-key") != KEY:
            return self.answer(2, "Incorrect API Key")
        if request.method == "POST":
            told = json.loads(request.body)
            key = f"store-{len(self.stores) + 1}"
            self.stores[key] = told
            self.handed.append(told["tiktokshop_access_token"])
            return self.answer(0, store_key=key)
        store = self.stores.get(request.headers.get("x-store-key", ""))
        if store is None:
            return self.answer(112, "Store not found")
        if urlsplit(request.url).path.endswith("/cart.validate.json"):
            is_dead = store["tiktokshop_access_token"] in self.dead
            return self.answer(4711, f"dead {store['tiktokshop_access_token']}") if is_dead else self.answer(0)
        told = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        store.update(told)
        self.handed.append(told["tiktokshop_access_token"])
        return self.answer(0, updated_items=len(told))
