import asyncio
from collections.abc import Iterable, MutableMapping
from typing import Any

import httpcore
import pytest

from tokensync_cli.embedded.frontdoor import FrontDoor

ANSWER = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"


class Upstream(httpcore.AsyncNetworkBackend, httpcore.AsyncNetworkStream):
    """The embedded AWS in memory: keeps what it is sent, gives a fixed answer."""

    def __init__(self, answer: bytes | None = ANSWER) -> None:
        self.asked = b""
        self._answer = answer

    async def connect_tcp(self, *_arguments: Any, **_options: Any) -> httpcore.AsyncNetworkStream:
        """Accept, unless there is no answer."""
        if self._answer is None:
            raise httpcore.ConnectError
        return self

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - httpcore's
        """Keep what came."""
        self.asked += buffer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109 - httpcore's
        """Give the answer once."""
        answer, self._answer = self._answer or b"", b""
        return answer

    async def aclose(self) -> None:
        """Nothing is open."""

    def get_extra_info(self, info: str) -> Any:
        """Nothing is known."""


def ask(
    upstream: Upstream,
    path: bytes,
    *,
    query: bytes = b"",
    method: str = "GET",
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Send one request through the front door."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def run() -> None:
        door = FrontDoor(4566, "abc123", httpcore.AsyncConnectionPool(network_backend=upstream))
        await door(
            {"type": "http", "method": method, "raw_path": path, "query_string": query, "headers": list(headers)},
            receive,
            send,
        )

    asyncio.run(run())
    return sent[0]["status"], sent[0]["headers"], sent[1]["body"]


def test_a_request_passes_byte_for_byte() -> None:
    """Path, query string, repeated headers and cookies arrive as they were sent, under the API's own address.

    What a browser says of the page that sent it does not: the guard of the embedded AWS would refuse it.
    """
    upstream = Upstream()
    ask(
        upstream,
        b"/callback/a%2Fb",
        query=b"code=%2f%2F+x'&code=2&empty",
        headers=[
            *((b"host", b"localhost:8400"), (b"x-a", b"1"), (b"x-a", b"2"), (b"cookie", b"__Host-s=1; t=2")),
            *((b"Origin", b"http://localhost:8401"), (b"sec-fetch-site", b"same-site"), (b"sec-fetch-mode", b"cors")),
        ],
    )
    assert upstream.asked == (
        b"GET /_aws/execute-api/abc123/$default/callback/a%2Fb?code=%2f%2F+x'&code=2&empty HTTP/1.1\r\n"
        b"host: 127.0.0.1:4566\r\nx-a: 1\r\nx-a: 2\r\ncookie: __Host-s=1; t=2\r\n\r\n"
    )


def test_an_answer_passes_with_every_cookie() -> None:
    """Repeated headers stay apart; what speaks about one connection does not pass."""
    status, headers, body = ask(Upstream(), b"/connect/a", headers=[(b"host", b"h")])
    assert (status, body) == (200, b"hi")
    assert headers == [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"Content-Length", b"2")]


def test_a_body_passes() -> None:
    """A webhook's body arrives as it was sent: its signature is over these bytes."""
    upstream = Upstream()
    ask(
        upstream,
        b"/webhooks/a",
        method="POST",
        headers=[(b"host", b"h"), (b"content-length", b"3")],
        body=b"a\x00b",
    )
    assert upstream.asked.endswith(b"content-length: 3\r\n\r\na\x00b")


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/_ministack/reset",
        b"/connect",
        b"/connect/../_ministack/reset",
        b"/connect/%2e%2E/x",
        b"/callback/a/..%2fx",
        b"/callback/.",
        b"//connect/a",
    ],
)
def test_nothing_else_is_behind_the_door(path: bytes) -> None:
    """Other paths, and ways out of ours, are not found, and the embedded AWS never hears of them."""
    upstream = Upstream()
    status, _, _ = ask(upstream, path)
    assert (status, upstream.asked) == (404, b"")


def test_a_huge_body_is_refused() -> None:
    """API Gateway takes 10 MB."""
    upstream = Upstream()
    status, _, _ = ask(upstream, b"/webhooks/a", method="POST", body=bytes(10 * 1024 * 1024 + 1))
    assert (status, upstream.asked) == (413, b"")


def test_an_embedded_aws_that_is_gone_is_a_bad_gateway() -> None:
    """The browser gets an answer."""
    status, _, body = ask(Upstream(answer=None), b"/connect/a", headers=[(b"host", b"h")])
    assert (status, body) == (502, b"The embedded AWS did not answer.\n")
