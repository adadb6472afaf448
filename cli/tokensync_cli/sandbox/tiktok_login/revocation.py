"""`/v2/oauth/revoke/`: ends a user's authorization by its access token; success says nothing."""

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.answers import Answer, Call
from tokensync_cli.sandbox.credentials import RefusedError
from tokensync_cli.sandbox.service import serve
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.tiktok_login.client import client_of, form
from tokensync_cli.sandbox.tiktok_login.errors import NAME, OAuthError, failure


class Revocation:
    """The revocation endpoint."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def revoke(self, request: Request) -> Response:
        """End the authorization behind an access token; a refresh token is none."""
        sandbox = self._sandbox
        sandbox.ledger.count(NAME, "revoke")
        sent = await form(request)
        token = sent.get("token", "")
        owner = sandbox.grants.owner(token)
        call = Call(
            provider=NAME,
            endpoint="revoke",
            app=sent.get("client_key", ""),
            account=owner.account if owner and owner.provider == NAME else None,
            kind="revocation" if token else None,
            credential=token,
        )
        app = sandbox.apps.find(NAME, sent.get("client_key", ""))

        def produce() -> Answer:
            try:
                client = client_of(sandbox, sent)
                authorization = sandbox.grants.access(token, sandbox.clock.now())
            except OAuthError as error:
                return failure(sandbox, app, error.error, error.description)
            except RefusedError:
                return failure(sandbox, app, "invalid_request", "The access token is invalid or not found.")
            if (authorization.provider, authorization.app) != (NAME, client.app_key):
                return failure(sandbox, app, "invalid_request", "The access token belongs to another client.")
            sandbox.grants.end(authorization)
            return Answer(payload=None, committed=True)

        return await serve(sandbox, call, produce, lambda code, message: failure(sandbox, app, code, message))
