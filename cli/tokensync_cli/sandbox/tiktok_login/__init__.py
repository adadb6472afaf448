"""TikTok for Developers, Login Kit v2: form posts, OAuth's own errors on any status, strict rotation."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.answers import ANY_METHOD, not_found
from tokensync_cli.sandbox.apps import App, UserType
from tokensync_cli.sandbox.state import Consent, Sandbox
from tokensync_cli.sandbox.tiktok_login import webhook
from tokensync_cli.sandbox.tiktok_login.api import ApiCalls
from tokensync_cli.sandbox.tiktok_login.authorize import Authorize, approve
from tokensync_cli.sandbox.tiktok_login.errors import NAME
from tokensync_cli.sandbox.tiktok_login.revocation import Revocation
from tokensync_cli.sandbox.tiktok_login.seeds import SEEDS
from tokensync_cli.sandbox.tiktok_login.tokens import TokenCalls
from tokensync_cli.sandbox.webhook_event import Asked, Notice


class TikTokLogin:
    """The vendor's two hosts under one path."""

    name = NAME
    title = "TikTok for Developers"
    endpoints: tuple[str, ...] = ("token", "refresh", "client_credentials", "revoke", "user_info")
    user_type: UserType = "user"
    defaults: Mapping[str, Any] = MappingProxyType(
        {
            "access_token_seconds": 7_200,
            "refresh_token_seconds": 15_552_000,
            "scopes": ["user.info.basic", "user.info.profile", "user.info.stats", "video.list", "video.upload"],
        }
    )

    def seeds(self) -> Iterable[Account]:
        """Return two users."""
        return SEEDS

    def routes(self, sandbox: Sandbox) -> list[BaseRoute]:
        """Return the vendor's paths: the token endpoint is one for all grants."""
        pages = Authorize(self, sandbox)
        # The vendor's address of the page ends in a slash, and its links are often written without.
        return [
            Route("/v2/auth/authorize", pages.page, methods=["GET", "POST"]),
            Route("/v2/auth/authorize/", pages.page, methods=["GET", "POST"]),
            Route("/v2/oauth/token/", TokenCalls(sandbox).token, methods=["POST"]),
            Route("/v2/oauth/revoke/", Revocation(sandbox).revoke, methods=["POST"]),
            Route("/v2/user/info/", ApiCalls(sandbox).user_info, methods=["GET"]),
            Route("/{path:path}", not_found, methods=ANY_METHOD),
        ]

    def approve(self, sandbox: Sandbox, consent: Consent) -> str:
        """Record a consent and return the callback with its code and the scopes granted."""
        return approve(sandbox, consent, tells_scopes=True)

    def notice(self, sandbox: Sandbox, app: App, asked: Asked) -> Notice:
        """Return a webhook's body and its time."""
        return webhook.notice(sandbox, app, asked)

    def signature(self, app: App, notice: Notice) -> tuple[str, str]:
        """Return the header that signs a notice."""
        return webhook.signature(app.app_secret, notice.at, notice.body)
