"""An authorization server that follows the RFCs to the letter: what the departures of all others are measured by."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.apps import UserType
from tokensync_cli.sandbox.oauth2.authorize import Authorize, approve
from tokensync_cli.sandbox.oauth2.metadata import NAME, SCOPES, Metadata
from tokensync_cli.sandbox.oauth2.revocation import Revocation
from tokensync_cli.sandbox.oauth2.seeds import SEEDS
from tokensync_cli.sandbox.oauth2.tokens import TokenCalls
from tokensync_cli.sandbox.oauth2.user_info import UserInfo
from tokensync_cli.sandbox.state import Consent, Sandbox


class OAuth2:
    """The generic server below `/oauth2`, which is also its issuer."""

    name = NAME
    title = "OAuth 2.0"
    user_type: UserType = "user"
    endpoints: tuple[str, ...] = ("metadata", "token", "refresh", "client_credentials", "revoke", "user_info")
    defaults: Mapping[str, Any] = MappingProxyType(
        {
            "access_token_seconds": 3_600,
            "refresh_token_seconds": None,
            # RFC 6749 section 4.1.2 recommends ten minutes at most.
            "code_seconds": 600,
            "reuse_detection": True,
            "scopes": SCOPES,
        }
    )

    def seeds(self) -> Iterable[Account]:
        """Return two people."""
        return SEEDS

    def routes(self, sandbox: Sandbox) -> list[BaseRoute]:
        """Return the endpoints that the metadata tells."""
        metadata = Metadata(sandbox)
        return [
            Route("/.well-known/openid-configuration", metadata.openid, methods=["GET"]),
            Route("/.well-known/oauth-authorization-server", metadata.server, methods=["GET"]),
            Route("/jwks", metadata.keys, methods=["GET"]),
            Route("/authorize", Authorize(self, sandbox).page, methods=["GET", "POST"]),
            Route("/token", TokenCalls(sandbox).token, methods=["POST"]),
            Route("/revoke", Revocation(sandbox).revoke, methods=["POST"]),
            Route("/userinfo", UserInfo(sandbox).user_info, methods=["GET", "POST"]),
        ]

    def approve(self, sandbox: Sandbox, consent: Consent) -> str:
        """Record a consent and return the callback with its code."""
        return approve(sandbox, consent)
