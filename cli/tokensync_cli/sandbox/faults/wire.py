"""Answers that need the TCP connection itself: cut it, reset it, or let bytes trickle."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_TRANSPORT = "tokensync.transport"

Sleep = Callable[[float], Awaitable[None]]


class OpenProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which also shows the application its transport: ASGI knows no way to cut a connection."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], **options: Any) -> None:
        super().__init__(config, server_state, app_state, **options)
        self.app = self._with_transport(self.app)

    def _with_transport(self, app: Any) -> ASGIApp:
        async def shown(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_TRANSPORT] = self.transport
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                # The sandbox stops under a scripted hang: that is an end like any other, and no error to report.
                self.cycle.disconnected = True
                self.transport.abort()

        return shown


class NoTransportError(RuntimeError):
    """The application runs without a socket, so that no connection can be cut."""


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport | None = scope.get("extensions", {}).get(_TRANSPORT)
    if transport is None:
        raise NoTransportError("the connection is gone")
    return transport


async def _gone(receive: Receive) -> None:
    """Wait until the server knows of the end, else it would complain that there was no response."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Cut(Response):
    """No response: the connection ends, with a FIN, or with a RST where `reset` is set."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Abort the connection."""
        transport = _transport(scope)
        if self._reset:
            # Lingering for zero seconds makes close() send a RST.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await _gone(receive)


class Drip(Response):
    """Another response, one byte at a time with a pause before each."""

    def __init__(self, response: Response, seconds: float, sleep: Sleep, *, head: bool = False) -> None:
        super().__init__()
        self._response = response
        self._seconds = seconds
        self._sleep = sleep
        self._head = head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response slowly, until the client goes."""
        if self._head:
            await self._raw(scope, receive)
            return
        listener = asyncio.ensure_future(_gone(receive))
        try:
            head = {"status": self._response.status_code, "headers": self._response.raw_headers}
            await send({"type": "http.response.start", **head})
            for byte in bytes(self._response.body):
                await self._sleep(self._seconds)
                if listener.done():
                    return
                await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await listener

    async def _raw(self, scope: Scope, receive: Receive) -> None:
        transport = _transport(scope)
        status = HTTPStatus(self._response.status_code)
        lines = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode())]
        lines += [b"%s: %s" % pair for pair in self._response.raw_headers]
        for byte in b"\r\n".join([*lines, b"connection: close", b"", bytes(self._response.body)]):
            await self._sleep(self._seconds)
            if transport.is_closing():
                break
            transport.write(bytes([byte]))
        transport.close()
        await _gone(receive)
