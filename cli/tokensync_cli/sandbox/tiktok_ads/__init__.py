"""TikTok for Business, Marketing API: one token that never expires, envelopes in HTTP 200."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.apps import UserType
from tokensync_cli.sandbox.state import Consent, Sandbox
from tokensync_cli.sandbox.tiktok_ads.api import ApiCalls
from tokensync_cli.sandbox.tiktok_ads.authorize import Authorize, approve
from tokensync_cli.sandbox.tiktok_ads.envelope import NAME
from tokensync_cli.sandbox.tiktok_ads.seeds import SEEDS
from tokensync_cli.sandbox.tiktok_ads.tokens import TokenCalls


class TikTokAds:
    """The vendor's one host."""

    name = NAME
    title = "TikTok for Business"
    user_type: UserType = "user"
    endpoints: tuple[str, ...] = ("token", "advertisers", "user_info", "revoke")
    defaults: Mapping[str, Any] = MappingProxyType(
        {
            "access_token_seconds": None,
            "refresh_token_seconds": None,
            "refreshable": False,
            "code_seconds": 3_600,
            "scopes": ("4",),
        }
    )

    def seeds(self) -> Iterable[Account]:
        """Return two users, with two advertisers and with one."""
        return SEEDS

    def routes(self, sandbox: Sandbox) -> list[BaseRoute]:
        """Return the vendor's paths."""
        pages = Authorize(self, sandbox)
        tokens = TokenCalls(sandbox)
        api = ApiCalls(sandbox)
        return [
            Route("/portal/auth", pages.user, methods=["GET", "POST"]),
            Route("/open_api/v1.3/oauth2/access_token/", tokens.exchange, methods=["POST"]),
            Route("/open_api/v1.3/oauth2/revoke_token/", tokens.revoke, methods=["POST"]),
            Route("/open_api/v1.3/oauth2/advertiser/get/", api.advertisers, methods=["GET"]),
            Route("/open_api/v1.3/user/info/", api.user, methods=["GET"]),
        ]

    def approve(self, sandbox: Sandbox, consent: Consent) -> str:
        """Record a consent and return the callback with its code."""
        return approve(sandbox, consent)
