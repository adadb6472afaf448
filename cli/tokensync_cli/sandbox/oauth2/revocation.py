"""The revocation endpoint: RFC 7009, where an unknown token is revoked as well as any."""

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.answers import Answer, Call
from tokensync_cli.sandbox.oauth2.client import Sent, authenticated, sent
from tokensync_cli.sandbox.oauth2.errors import RequestError, failure
from tokensync_cli.sandbox.oauth2.metadata import NAME
from tokensync_cli.sandbox.service import serve
from tokensync_cli.sandbox.state import Sandbox


class Revocation:
    """The endpoint."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def revoke(self, request: Request) -> Response:
        """End an authorization by any of its tokens (RFC 7009 section 2.1)."""
        form = await sent(request)
        self._sandbox.ledger.count(NAME, "revoke")
        token = form.get("token")
        owner = self._sandbox.grants.owner(token)
        call = Call(
            provider=NAME,
            endpoint="revoke",
            app=form.client_id,
            account=owner.account if owner and owner.provider == NAME else None,
            kind="revocation" if token else None,
            credential=token,
        )

        def produce() -> Answer:
            try:
                return self._revoked(form, token)
            except RequestError as error:
                return error.answer()

        return await serve(self._sandbox, call, produce, failure)

    def _revoked(self, form: Sent, token: str) -> Answer:
        app = authenticated(self._sandbox, form)
        if not token:
            raise RequestError("invalid_request", "token is missing")
        owner = self._sandbox.grants.owner(token)
        if owner is None or owner.provider != NAME:
            return Answer(payload=None)
        if owner.app != app.app_key:
            raise RequestError("invalid_grant", "the token was issued to another client")
        self._sandbox.grants.end(owner)
        return Answer(payload=None, committed=True)
