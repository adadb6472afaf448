"""TikTok Shop (Partner Center): codes and tokens over GET, envelopes in HTTP 200, signed API calls."""

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.responses import ANY_METHOD, not_found
from tokensync_cli.sandbox.state import Provider, Sandbox
from tokensync_cli.sandbox.tiktok_shop import webhook
from tokensync_cli.sandbox.tiktok_shop.api import ApiCalls
from tokensync_cli.sandbox.tiktok_shop.authorize import Authorize, approve
from tokensync_cli.sandbox.tiktok_shop.envelope import NAME
from tokensync_cli.sandbox.tiktok_shop.seeds import SEEDS
from tokensync_cli.sandbox.tiktok_shop.tokens import TokenCalls
from tokensync_cli.sandbox.webhook_event import Webhook


def _routes(sandbox: Sandbox) -> list[BaseRoute]:
    pages, tokens, api = Authorize(sandbox), TokenCalls(sandbox), ApiCalls(sandbox)
    return [
        Route("/open/authorize", pages.seller, methods=["GET", "POST"]),
        Route("/alliance/creator/auth", pages.creator, methods=["GET", "POST"]),
        Route("/api/v2/token/get", tokens.get, methods=ANY_METHOD),
        Route("/api/v2/token/refresh", tokens.refresh, methods=ANY_METHOD),
        Route("/authorization/202309/shops", api.shops, methods=["GET"]),
        Route("/{area}/{version:int}/{rest:path}", api.other, methods=ANY_METHOD),
        Route("/{path:path}", not_found, methods=ANY_METHOD),
    ]


TIKTOK_SHOP = Provider(
    name=NAME,
    title="TikTok Shop",
    endpoints=("token", "refresh", "shops"),
    seeds=SEEDS,
    routes=_routes,
    approve=approve,
    user_type="seller",
    webhook=Webhook(
        event=webhook.event, signature=lambda app, event: webhook.signature(app.app_key, app.app_secret, event.body)
    ),
)
