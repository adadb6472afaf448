"""TikTok for Business, Marketing API: one token that never expires, envelopes in HTTP 200.

An app that is set `refreshable` gets what no page documents and one report shows: a token that ends, and a refresh
token with an end of its own, which works once.
"""

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import user
from tokensync_cli.sandbox.state import Provider, Sandbox
from tokensync_cli.sandbox.tiktok_ads.api import ApiCalls
from tokensync_cli.sandbox.tiktok_ads.authorize import Authorize, approve
from tokensync_cli.sandbox.tiktok_ads.envelope import NAME
from tokensync_cli.sandbox.tiktok_ads.tokens import TokenCalls


def _routes(sandbox: Sandbox) -> list[BaseRoute]:
    tokens, api = TokenCalls(sandbox), ApiCalls(sandbox)
    return [
        Route("/portal/auth", Authorize(sandbox).user, methods=["GET", "POST"]),
        Route("/open_api/v1.3/oauth2/access_token/", tokens.exchange, methods=["POST"]),
        Route("/open_api/v1.3/oauth2/refresh_token/", tokens.refresh, methods=["POST"]),
        Route("/open_api/v1.3/oauth2/revoke_token/", tokens.revoke, methods=["POST"]),
        Route("/open_api/v1.3/oauth2/advertiser/get/", api.advertisers, methods=["GET"]),
        Route("/open_api/v1.3/user/info/", api.user, methods=["GET"]),
    ]


TIKTOK_ADS = Provider(
    name=NAME,
    title="TikTok for Business",
    endpoints=("token", "refresh", "advertisers", "user_info", "revoke"),
    # Two users, with two advertisers and with one, as the vendor lists them.
    seeds=(
        user(
            NAME,
            "7255120459873156097",
            "Northwind Media",
            advertisers=[
                {"advertiser_id": "7255118762340519937", "advertiser_name": "Northwind Spring"},
                {"advertiser_id": "7255118762340519938", "advertiser_name": "Northwind Brand"},
            ],
        ),
        user(
            NAME,
            "7261904415560728578",
            "Atelier Sonne",
            advertisers=[{"advertiser_id": "7261901130842906625", "advertiser_name": "Atelier Sonne"}],
        ),
    ),
    routes=_routes,
    approve=approve,
    defaults={
        "access_token_seconds": None,
        "refresh_token_seconds": None,
        "refreshable": False,
        "code_seconds": 3_600,
        "scopes": ("4",),
    },
)
