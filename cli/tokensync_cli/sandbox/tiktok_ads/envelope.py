"""The envelope of TikTok for Business: a number, a message, data and a request id, in HTTP 200."""

from typing import Any

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.responses import ProviderResponse
from tokensync_cli.sandbox.state import Sandbox

NAME = "tiktok_ads"

PARAMETERS = (40002, "Parameter error")
REVOKED = (40105, "Access token is incorrect or has been revoked.")


def success(sandbox: Sandbox, data: dict[str, Any], **ledger: Any) -> ProviderResponse:
    """Return a success; `ledger` is what was committed."""
    payload = {"message": "OK", "code": 0, "data": data, "request_id": sandbox.mint.trace(sandbox.clock.now())}
    return ProviderResponse(payload=payload, **ledger)


def failure(sandbox: Sandbox, code: int | str, message: str) -> ProviderResponse:
    """Return an error."""
    trace = sandbox.mint.trace(sandbox.clock.now())
    return ProviderResponse(
        payload={"code": code, "message": message, "request_id": trace, "data": {}}, error=str(code)
    )


def wrong_client(sandbox: Sandbox, app: App | None) -> ProviderResponse:
    """Return the refusal of an app id and secret that do not match: its number is a single observation."""
    known = app is not None and app.settings.likely_codes
    code = 40101 if known else sandbox.mint.undocumented(41_000, 41_999)
    return failure(sandbox, code, "app_id and secret do not match")
