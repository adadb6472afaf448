"""The revocation endpoint: RFC 7009, where an unknown token is revoked as well as any."""

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.oauth2.client import Sent, authenticated, sent
from tokensync_cli.sandbox.oauth2.errors import failure
from tokensync_cli.sandbox.oauth2.metadata import NAME
from tokensync_cli.sandbox.responses import ProviderResponse, Refusal
from tokensync_cli.sandbox.service import Endpoints, serve


class Revocation(Endpoints):
    """The endpoint."""

    provider = NAME

    async def revoke(self, request: Request) -> Response:
        """End an authorization by any of its tokens (RFC 7009 section 2.1)."""
        form = await sent(request)
        call = self.call("revoke", form.client_id, form.get("token"), "revocation")
        return await serve(self.sandbox, call, lambda: self._revoked(form, call.credential), failure)

    def _revoked(self, form: Sent, token: str) -> ProviderResponse:
        app = authenticated(self.sandbox, form)
        if not token:
            raise Refusal("invalid_request", "token is missing")
        owner = self.sandbox.grants.owner(token, NAME)
        if owner is None:
            return ProviderResponse(payload=None)
        if owner.app != app.app_key:
            raise Refusal("invalid_grant", "the token was issued to another client")
        self.sandbox.grants.end(owner)
        return ProviderResponse(payload=None, committed=True)
