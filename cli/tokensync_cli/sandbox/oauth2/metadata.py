"""What the server says of itself: RFC 8414 and OpenID Connect Discovery."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.apps import App, origin
from tokensync_cli.sandbox.oauth2.errors import failure
from tokensync_cli.sandbox.responses import ProviderResponse
from tokensync_cli.sandbox.service import Endpoints, serve
from tokensync_cli.sandbox.state import Sandbox

NAME = "oauth2"
SCOPES = ("openid", "profile", "offline_access", "read", "write")

_AUTHENTICATION = ["client_secret_basic", "client_secret_post"]


def issuer(app: App, reached: str) -> str | None:
    """Return the issuer for an app that reached the sandbox at this origin; None if it gets none."""
    own = app.settings.issuer
    return f"{reached}/{NAME}" if own is None else own or None


def well_known(sandbox: Sandbox) -> list[BaseRoute]:
    """Return the path at the host's root: RFC 8414 section 3.1 puts the issuer's own path behind the well-known one."""
    return [Route(f"/.well-known/oauth-authorization-server/{NAME}", Metadata(sandbox).server, methods=["GET"])]


class Metadata(Endpoints):
    """The documents."""

    provider = NAME

    async def server(self, request: Request) -> Response:
        """Serve the metadata of RFC 8414, with that of RFC 9207."""
        return await self._serve(_server(f"{origin(str(request.url))}/{NAME}"))

    async def openid(self, request: Request) -> Response:
        """Serve the same and what OpenID Connect Discovery section 3 adds."""
        base = f"{origin(str(request.url))}/{NAME}"
        added = {
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{base}/jwks",
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["HS256"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "name"],
        }
        return await self._serve({**_server(base), **added})

    async def keys(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        """Serve no key: ID tokens are signed with the client's secret."""
        return await self._serve({"keys": []})

    async def _serve(self, document: dict[str, Any]) -> Response:
        return await serve(self.sandbox, self.call("metadata", ""), lambda: ProviderResponse(payload=document), failure)


def _server(base: str) -> dict[str, Any]:
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "revocation_endpoint": f"{base}/revoke",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": _AUTHENTICATION,
        "revocation_endpoint_auth_methods_supported": _AUTHENTICATION,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
