"""The fixed address that people and providers open: passes the product's paths on to the HTTP API, byte for byte.

The embedded AWS's own addresses change with each fresh start, resolve in browsers only, and belong to a server with
endpoints that a web page must not reach, such as a reset without a key. The front door leads to nothing else. Pages
may send browsers here, as on AWS, so what a browser says of the page is not passed on: the guard behind refuses it.
"""

import argparse
import re

import httpcore
import uvicorn

from tokensync_cli.embedded.ports import HOST
from tokensync_cli.loopback import Headers, OwnNames, Receive, Scope, Send

_PATHS = (b"/connect/", b"/callback/", b"/webhooks/")
# A `.` or `..` segment, plain or escaped, could lead out of the paths above.
_DOTS = re.compile(rb"/(\.|%2e){1,2}(/|%2f|$)", re.IGNORECASE)
# RFC 9110 §7.6.1: these speak about one connection and are not passed on.
_HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
})  # fmt: skip
# What a browser says of the page that sent it.
_OF_THE_PAGE = re.compile(rb"origin|sec-fetch-[a-z]+", re.IGNORECASE)
# API Gateway takes 10 MB at most; nothing that we serve comes near.
_BODY_LIMIT = 10 * 1024 * 1024
# API Gateway answers within 30 seconds, its own timeout; a request may have to wait for its turn before.
_TIMEOUT = {"connect": 5.0, "read": 35.0, "write": 35.0, "pool": 120.0}
# Each request at once is a process of its own in the embedded AWS: more than a few start slower than they answer.
_AT_ONCE = 8


class FrontDoor:
    """ASGI application in front of the HTTP API `api` of the embedded AWS on port `upstream_port`."""

    def __init__(self, upstream_port: int, api: str, pool: httpcore.AsyncConnectionPool) -> None:
        self._port = upstream_port
        # AWS too puts the API's own name in Host's place.
        self._host = (b"host", f"{HOST}:{upstream_port}".encode("ascii"))
        self._prefix = f"/_aws/execute-api/{api}/$default".encode("ascii")
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path: bytes = scope["raw_path"]
        if not path.startswith(_PATHS) or _DOTS.search(path):
            await _answer(send, 404, [(b"content-type", b"text/plain")], b"Nothing is here.\n")
            return
        if scope["method"] == "OPTIONS":
            # API Gateway knows no preflight here and answers as for any other route; the embedded AWS says 403.
            await _answer(send, 404, [(b"content-type", b"application/json")], b'{"message":"Not Found"}')
            return
        body = await _read(receive)
        if body is None:
            await _answer(send, 413, [(b"content-type", b"text/plain")], b"The request is too large.\n")
            return
        query: bytes = scope["query_string"]
        target = self._prefix + path + (b"?" + query if query else b"")
        try:
            response = await self._pool.request(
                scope["method"],
                httpcore.URL(scheme="http", host=HOST, port=self._port, target=target),
                headers=[self._host, *_asked(scope["headers"])],
                content=body or None,
                extensions={"timeout": _TIMEOUT},
            )
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
            await _answer(send, 502, [(b"content-type", b"text/plain")], b"The embedded AWS did not answer.\n")
            return
        await _answer(send, response.status, _passed_on(response.headers), response.content)


def _asked(headers: Headers) -> Headers:
    """The headers of a request that go on to the embedded AWS."""
    return [
        (name, value)
        for name, value in _passed_on(headers)
        if name.lower() != b"host" and not _OF_THE_PAGE.fullmatch(name)
    ]


def _passed_on(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers that go on to the other side, repeated ones included, in their order."""
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


async def _read(receive: Receive) -> bytes | None:
    """The request's body, or None if it is over the limit."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _BODY_LIMIT:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until SIGTERM. No access log: codes and states travel in the URLs."""
    parser = argparse.ArgumentParser(description="The embedded stack's front door.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream-port", type=int, required=True)
    parser.add_argument("--api", required=True)
    arguments = parser.parse_args()
    pool = httpcore.AsyncConnectionPool(max_connections=_AT_ONCE, max_keepalive_connections=0)
    uvicorn.run(
        OwnNames(FrontDoor(arguments.upstream_port, arguments.api, pool)),
        host=HOST,
        port=arguments.port,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        access_log=False,
        server_header=False,
        date_header=False,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
