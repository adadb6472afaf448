"""What an endpoint answers, before a fault may touch it, and the bytes that go out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from tokensync_cli.sandbox.ledger import Issued, Kind


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to an endpoint that keeps a ledger or can fail on command."""

    provider: str
    endpoint: str
    app: str
    account: str | None = None
    kind: Kind | None = None
    credential: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A JSON answer: `error` is the provider's number or word, `committed` whether anything was spent or issued."""

    payload: dict[str, Any] = field(repr=False)
    status: int = 200
    error: str | None = None
    committed: bool = False
    issued: Issued | None = None

    def body(self) -> bytes:
        """Return the payload as it goes over the wire."""
        return json.dumps(self.payload, separators=(",", ":")).encode()


Produce = Callable[[], Answer]
"""Decides the request and commits it, without yielding."""

Refuse = Callable[[int, str], Answer]
"""Builds the provider's error from a number and a message."""


def respond(answer: Answer) -> Response:
    """Return an answer as an HTTP response."""
    return Response(answer.body(), answer.status, media_type="application/json")
