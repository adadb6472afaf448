"""Eshopbox: access tokens for credentials that a workspace copies by hand; no consent, no callback, no rotation."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.apps import UserType
from tokensync_cli.sandbox.eshopbox.seeds import SEEDS
from tokensync_cli.sandbox.eshopbox.tokens import NAME, TokenCalls
from tokensync_cli.sandbox.records import BadRecordError
from tokensync_cli.sandbox.state import Consent, Sandbox


class Eshopbox:
    """The vendor's authorization host."""

    name = NAME
    title = "Eshopbox"
    user_type: UserType = "user"
    endpoints: tuple[str, ...] = ("refresh",)
    defaults: Mapping[str, Any] = MappingProxyType(
        {
            "access_token_seconds": 86_400,
            "refresh_token_seconds": None,
            "scopes": ("openid", "profile", "offline_access"),
        }
    )

    def seeds(self) -> Iterable[Account]:
        """Return two workspaces."""
        return SEEDS

    def routes(self, sandbox: Sandbox) -> list[BaseRoute]:
        """Return the vendor's one path: there is no authorization endpoint."""
        return [Route("/api/v1/generateToken", TokenCalls(sandbox).generate, methods=["POST"])]

    def approve(self, sandbox: Sandbox, consent: Consent) -> str:  # noqa: ARG002 - the protocol's signature
        """Refuse.

        Raises:
            BadRecordError: always, as nobody consents in a browser.
        """
        raise BadRecordError("eshopbox has no consent: take the refresh token from /_sandbox/credentials")
