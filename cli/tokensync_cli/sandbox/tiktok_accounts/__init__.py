"""TikTok for Business, Accounts API: JSON posts, numbers in HTTP 200, a refresh year that counts down."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.answers import ANY_METHOD, not_found
from tokensync_cli.sandbox.apps import UserType
from tokensync_cli.sandbox.state import Consent, Sandbox
from tokensync_cli.sandbox.tiktok_accounts.calls import NAME, Calls
from tokensync_cli.sandbox.tiktok_accounts.seeds import SEEDS
from tokensync_cli.sandbox.tiktok_login.authorize import Authorize, approve


class TikTokAccounts:
    """The vendor's two hosts under one path; the page is the one of tiktok.com."""

    name = NAME
    title = "TikTok for Business"
    endpoints: tuple[str, ...] = ("token", "refresh", "revoke")
    user_type: UserType = "user"
    defaults: Mapping[str, Any] = MappingProxyType(
        {
            "access_token_seconds": 86_400,
            "refresh_token_seconds": 31_536_000,
            "code_seconds": 600,
            "scopes": ["user.info.basic", "user.info.username", "user.insights", "video.list", "comment.list"],
        }
    )

    def seeds(self) -> Iterable[Account]:
        """Return two users."""
        return SEEDS

    def routes(self, sandbox: Sandbox) -> list[BaseRoute]:
        """Return the vendor's paths."""
        pages = Authorize(self, sandbox)
        calls = Calls(sandbox)
        base = "/open_api/v1.3/tt_user/oauth2"
        # The vendor's links are written with and without the slash at the end.
        return [
            Route("/v2/auth/authorize", pages.page, methods=["GET", "POST"]),
            Route("/v2/auth/authorize/", pages.page, methods=["GET", "POST"]),
            Route(f"{base}/token/", calls.token, methods=["POST"]),
            Route(f"{base}/refresh_token/", calls.refresh, methods=["POST"]),
            Route(f"{base}/revoke/", calls.revoke, methods=["POST"]),
            Route("/{path:path}", not_found, methods=ANY_METHOD),
        ]

    def approve(self, sandbox: Sandbox, consent: Consent) -> str:
        """Record a consent and return the callback with its code."""
        return approve(sandbox, consent, tells_scopes=False)
