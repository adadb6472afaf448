"""The token calls' errors: OAuth's words in a flat object, on whatever status."""

from tokensync_cli.sandbox.answers import Answer
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.state import Sandbox

NAME = "tiktok_login"

# Each has been seen for the same error, so that no client can rely on one.
_STATUSES = (200, 400, 401)


class OAuthError(Exception):
    """A call is refused with this word of RFC 6749 section 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


def failure(sandbox: Sandbox, app: App | None, code: int | str, description: str) -> Answer:
    """Return an error on the status that the app's settings want; a number stands for a failure of the server."""
    setting = app.settings.error_status if app else "cycle"
    turn = sandbox.ledger.requests.total()
    status = _STATUSES[turn % len(_STATUSES)] if setting == "cycle" else int(setting)
    error = code if isinstance(code, str) else "server_error"
    payload = {"error": error, "error_description": description, "log_id": sandbox.mint.trace(sandbox.clock.now())}
    return Answer(payload=payload, status=status, error=error)
