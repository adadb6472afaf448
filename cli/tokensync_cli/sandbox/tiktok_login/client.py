"""How a client sends its form and names itself: in the body, and nowhere else."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.tiktok_login.errors import NAME, OAuthError

_FORM = "application/x-www-form-urlencoded"


async def form(request: Request) -> dict[str, str]:
    """Return the form's fields; what is no form, or says a thing twice (RFC 6749 section 3.2), says nothing."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return {}
    fields = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items() if len(values) == 1}


def client_of(sandbox: Sandbox, sent: Mapping[str, str]) -> App:
    """Return the app that the form names and proves to be.

    Raises:
        OAuthError: no app, or another secret than its own.
    """
    if not sent.get("client_key") or not sent.get("client_secret"):
        raise OAuthError("invalid_request", "client_key and client_secret must be in the body, as a form.")
    app = sandbox.apps.find(NAME, sent["client_key"])
    if app is None or not hmac.compare_digest(sent["client_secret"].encode(), app.app_secret.encode()):
        raise OAuthError("invalid_client", "Client key or secret is incorrect.")
    return app
