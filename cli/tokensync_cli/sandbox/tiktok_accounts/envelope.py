"""The envelope of TikTok for Business: a number, a message, a request id and data, in HTTP 200."""

from typing import Any

from tokensync_cli.sandbox.answers import Answer
from tokensync_cli.sandbox.state import Sandbox

PERMISSION = 40001
PARAMETERS = 40002
CLIENT = 40101
TOKEN_MISSING = 40104
TOKEN_INCORRECT = 40105
CODE_INVALID = 40110


class BusinessError(Exception):
    """A call is refused with this number."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def success(sandbox: Sandbox, data: dict[str, Any], **ledger: Any) -> Answer:
    """Return a success; `ledger` tells what was committed."""
    return Answer(payload=_envelope(sandbox, 0, "OK", data), **ledger)


def failure(sandbox: Sandbox, code: int | str, message: str) -> Answer:
    """Return an error, with nothing in its data."""
    return Answer(payload=_envelope(sandbox, code, message, {}), error=str(code))


def _envelope(sandbox: Sandbox, code: int | str, message: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"code": code, "message": message, "request_id": sandbox.mint.trace(sandbox.clock.now()), "data": data}
