"""An authorization server that follows the RFCs to the letter: the departures of all others are measured by it."""

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import user
from tokensync_cli.sandbox.oauth2.authorize import Authorize, approve
from tokensync_cli.sandbox.oauth2.metadata import NAME, SCOPES, Metadata
from tokensync_cli.sandbox.oauth2.revocation import Revocation
from tokensync_cli.sandbox.oauth2.tokens import TokenCalls
from tokensync_cli.sandbox.oauth2.user_info import UserInfo
from tokensync_cli.sandbox.state import Provider, Sandbox


def _routes(sandbox: Sandbox) -> list[BaseRoute]:
    metadata = Metadata(sandbox)
    return [
        Route("/.well-known/openid-configuration", metadata.openid, methods=["GET"]),
        Route("/.well-known/oauth-authorization-server", metadata.server, methods=["GET"]),
        Route("/jwks", metadata.keys, methods=["GET"]),
        Route("/authorize", Authorize(sandbox).page, methods=["GET", "POST"]),
        Route("/token", TokenCalls(sandbox).token, methods=["POST"]),
        Route("/revoke", Revocation(sandbox).revoke, methods=["POST"]),
        Route("/userinfo", UserInfo(sandbox).user_info, methods=["GET", "POST"]),
    ]


OAUTH2 = Provider(
    name=NAME,
    title="OAuth 2.0",
    endpoints=("metadata", "token", "refresh", "client_credentials", "revoke", "user_info"),
    seeds=(user(NAME, "248289761001", "Jane Doe"), user(NAME, "248289761002", "Kofi Mensah")),
    routes=_routes,
    approve=approve,
    defaults={
        "access_token_seconds": 3_600,
        "refresh_token_seconds": None,
        # RFC 6749 section 4.1.2 recommends ten minutes at most.
        "code_seconds": 600,
        "reuse_detection": True,
        "scopes": SCOPES,
    },
)
