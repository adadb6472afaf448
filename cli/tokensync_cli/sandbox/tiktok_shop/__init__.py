"""TikTok Shop (Partner Center): codes and tokens over GET, envelopes in HTTP 200, signed API calls."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.answers import ANY_METHOD, not_found
from tokensync_cli.sandbox.apps import App, UserType
from tokensync_cli.sandbox.state import Consent, Sandbox
from tokensync_cli.sandbox.tiktok_shop import webhook
from tokensync_cli.sandbox.tiktok_shop.api import ApiCalls
from tokensync_cli.sandbox.tiktok_shop.authorize import Authorize, approve
from tokensync_cli.sandbox.tiktok_shop.seeds import SEEDS
from tokensync_cli.sandbox.tiktok_shop.tokens import TokenCalls
from tokensync_cli.sandbox.webhook_event import Asked, Notice


class TikTokShop:
    """The vendor's three hosts under one path."""

    name = "tiktok_shop"
    title = "TikTok Shop"
    user_type: UserType = "seller"
    endpoints: tuple[str, ...] = ("token", "refresh", "shops")
    defaults: Mapping[str, Any] = MappingProxyType({})

    def seeds(self) -> Iterable[Account]:
        """Return three sellers, one per token prefix, and a creator."""
        return SEEDS

    def routes(self, sandbox: Sandbox) -> list[BaseRoute]:
        """Return the vendor's paths; what is not among them is answered as a Go server does."""
        pages = Authorize(self, sandbox)
        tokens = TokenCalls(sandbox)
        api = ApiCalls(sandbox)
        return [
            Route("/open/authorize", pages.seller, methods=["GET", "POST"]),
            Route("/alliance/creator/auth", pages.creator, methods=["GET", "POST"]),
            Route("/api/v2/token/get", tokens.get, methods=ANY_METHOD),
            Route("/api/v2/token/refresh", tokens.refresh, methods=ANY_METHOD),
            Route("/authorization/202309/shops", api.shops, methods=["GET"]),
            Route("/{area}/{version:int}/{rest:path}", api.other, methods=ANY_METHOD),
            Route("/{path:path}", not_found, methods=ANY_METHOD),
        ]

    def approve(self, sandbox: Sandbox, consent: Consent) -> str:
        """Record a consent and return the callback with its code."""
        return approve(sandbox, consent)

    def notice(self, sandbox: Sandbox, app: App, asked: Asked) -> Notice:
        """Return a webhook's body and its time."""
        return webhook.notice(sandbox, app, asked)

    def signature(self, app: App, notice: Notice) -> tuple[str, str]:
        """Return the header that signs a notice."""
        return webhook.signature(app.app_key, app.app_secret, notice.body)
