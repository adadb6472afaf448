"""How a client sends its form and names itself, in the body and nowhere else, and the errors that it gets."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.responses import ProviderResponse, Refusal
from tokensync_cli.sandbox.state import Sandbox

NAME = "tiktok_login"

_FORM = "application/x-www-form-urlencoded"
# Each has been seen for the same error, so that no client can rely on one.
_STATUSES = (200, 400, 401)


def failure(sandbox: Sandbox, app: App | None, code: int | str, description: str) -> ProviderResponse:
    """Return an error on the status that the app's settings want; a number is a failure of the server."""
    setting = app.settings.error_status if app else "cycle"
    turn = sandbox.ledger.requests.total()
    status = _STATUSES[turn % len(_STATUSES)] if setting == "cycle" else int(setting)
    error = code if isinstance(code, str) else "server_error"
    payload = {"error": error, "error_description": description, "log_id": sandbox.mint.trace(sandbox.clock.now())}
    return ProviderResponse(payload=payload, status=status, error=error)


async def form(request: Request) -> dict[str, str]:
    """Return the form's fields, without those that are sent twice (RFC 6749 section 3.2)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return {}
    fields = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items() if len(values) == 1}


def client_of(sandbox: Sandbox, sent: Mapping[str, str]) -> App:
    """Return the app that the form names and proves to be.

    Raises:
        Refusal: no app, or another secret than its own.
    """
    if not sent.get("client_key") or not sent.get("client_secret"):
        raise Refusal("invalid_request", "client_key and client_secret must be in the body, as a form.")
    app = sandbox.apps.find(NAME, sent["client_key"])
    if app is None or not app.has_secret(sent["client_secret"]):
        raise Refusal("invalid_client", "Client key or secret is incorrect.")
    return app
