"""Foreign errors become ours here. Only AWS's code goes into the text: its message may quote what was sent."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokensync.domain.errors import TokensyncError

# All that a client call can raise: AWS refused, the network or our side failed, or the answer was no AWS answer.
FOREIGN = (ClientError, BotoCoreError, ResponseParserError)


def code_of(error: ClientError | BotoCoreError | ResponseParserError) -> str:
    """Return AWS's error code, or the type's name where no answer of AWS was read."""
    if isinstance(error, ClientError):
        return error.response["Error"].get("Code") or "NoCode"
    return type(error).__name__


@contextmanager
def translated(
    operation: str, by_code: Mapping[str, type[TokensyncError]], otherwise: type[TokensyncError]
) -> Iterator[None]:
    """Raise our error for a foreign one: the one that `by_code` names for AWS's code, else `otherwise`."""
    try:
        yield
    except FOREIGN as error:
        code = code_of(error)
        # from None: a ParamValidationError repeats its parameters, and those may hold a secret.
        raise by_code.get(code, otherwise)(f"{operation}: {code}") from None
