"""Sends one request to an ASGI application, without a server in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensync_cli.loopback import App, Message, Receive, Scope, Send

CORS = (
    (b"Access-Control-Allow-Origin", b"*"),
    (b"access-control-allow-headers", b"*"),
    (b"ACCESS-CONTROL-MAX-AGE", b"86400"),
)


@dataclass
class Recorded:
    """An application that keeps what reaches it, and lets every page read its answer."""

    came: list[tuple[Scope, bytes]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer anything."""
        body, more = b"", scope["type"] == "http"
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.came.append((scope, body))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [*CORS, (b"x-own", b"1")]})
            await send({"type": "http.response.body", "body": b"secret"})


@dataclass(frozen=True)
class Answered:
    """What an application sent."""

    messages: list[Message]

    @property
    def status(self) -> int:
        """The response's status."""
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The response's headers."""
        return list(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        """The response's body."""
        return b"".join(message["body"] for message in self.messages[1:])


def ask(
    app: App,
    target: bytes = b"/",
    *,
    method: str = "GET",
    headers: Iterable[tuple[bytes, bytes]] = ((b"host", b"localhost:8402"),),
    body: bytes = b"",
    **change: Any,
) -> Answered:
    """Send one request, its body in two parts, and return what came of it. `change` is of the ASGI scope."""
    path, _, query = target.partition(b"?")
    scope = {
        "type": "http",
        "method": method,
        "raw_path": path,
        "path": path.decode("latin-1"),
        "query_string": query,
        "headers": list(headers),
        "server": ("127.0.0.1", 8402),
        **change,
    }
    half = len(body) // 2
    parts = [
        {"type": "http.request", "body": body[:half], "more_body": True},
        {"type": "http.request", "body": body[half:], "more_body": False},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return Answered(sent)
