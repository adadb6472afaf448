"""What an endpoint responds before a fault may touch it, and the bytes that go out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

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
class ProviderResponse:
    """A response: `error` is the provider's number or word, `committed` whether anything was spent or issued."""

    payload: dict[str, Any] | None = field(repr=False)
    """None is an empty body."""
    status: int = 200
    error: str | None = None
    committed: bool = False
    issued: Issued | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the payload as it goes over the wire."""
        return b"" if self.payload is None else json.dumps(self.payload, separators=(",", ":")).encode()


class Refusal(Exception):
    """A call is refused with the provider's number or word, and a text."""

    def __init__(self, code: int | str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

Produce = Callable[[], ProviderResponse]
"""Decides the request and commits it, without yielding. It may raise `Refusal`."""

Refuse = Callable[[int | str, str], ProviderResponse]
"""Builds the provider's error from its number or word, whichever the provider has, and a message."""


async def not_found(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    """Respond to a path or method that a vendor does not know, as a Go server does."""
    return PlainTextResponse("404 page not found", 404)


def respond(response: ProviderResponse) -> Response:
    """Return a response as an HTTP response."""
    return Response(response.body(), response.status, dict(response.headers), media_type="application/json")
