"""The vendor's envelope: a number, a message and a request id, in HTTP 200 whatever the number says."""

from typing import Any

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.responses import ProviderResponse
from tokensync_cli.sandbox.state import Sandbox

NAME = "tiktok_shop"

IP_DENIED = "Access denied. Your IP address is not in the IP allow list configured for this app"
IP_DENIED_CODE = 36009033

# The forms of `data` in an error: nothing may be read from it.
_NO_DATA: dict[str, dict[str, Any]] = {
    "missing": {},
    "null": {"data": None},
    "object": {"data": {}},
    "array": {"data": []},
}


def success(sandbox: Sandbox, data: dict[str, Any], *, message: str = "success", **ledger: Any) -> ProviderResponse:
    """Return a success; `ledger` is what was committed."""
    payload = {"code": 0, "message": message, "data": data, "request_id": trace(sandbox)}
    return ProviderResponse(payload=payload, **ledger)


def failure(sandbox: Sandbox, app: App | None, code: int | str, message: str, *, status: int = 200) -> ProviderResponse:
    """Return an error, with whatever the app's settings put under `data`."""
    form = app.settings.error_data if app else "cycle"
    if form == "cycle":
        form = ("missing", "null", "object", "array")[sandbox.ledger.requests.total() % 4]
    payload = {"code": code, "message": message, **_NO_DATA[form], "request_id": trace(sandbox)}
    return ProviderResponse(payload=payload, status=status, error=str(code))


def undocumented(sandbox: Sandbox) -> int:
    """Return an error number that no page of the vendor has."""
    return sandbox.mint.undocumented(36_004_100, 36_004_999)


def ip_denied(sandbox: Sandbox, app: App, *, status: int = 200) -> ProviderResponse | None:
    """Return the refusal of the app's IP allow list, if the app is set to be refused."""
    setting = app.settings.ip_denied
    if setting == "no":
        return None
    code = IP_DENIED_CODE if setting == "code" else undocumented(sandbox)
    return failure(sandbox, app, code, IP_DENIED, status=status)


def trace(sandbox: Sandbox) -> str:
    """Return a new request id."""
    return sandbox.mint.trace(sandbox.clock.now())
