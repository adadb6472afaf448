"""The `httpx.Client` that speaks to providers, over a transport of our own.

httpx's own transport keeps none of three promises: its timeouts are per read, so a byte every 0.4 s outlives them; it
checks no address; and it does not say whether a byte left. All three hold in the network backend of httpcore, so the
transport is an httpcore pool with a backend of our own.

httpx and the trusted certificates take a tenth of a second to load: `tokensync.oauth.http` imports this module with
its first request.
"""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

    from tokensync.oauth.addresses import AddressPolicy

# httpx logs whole URLs at INFO, and httpcore the headers of responses at DEBUG: both may hold a client secret.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# Shared by all requests, as it takes a tenth of a second to build. It trusts certifi's authorities and the system's, to
# which the deployer of a function may add by SSL_CERT_FILE.
TRUSTED = httpcore.default_ssl_context()

# Everything that the two libraries raise, and what the standard library raises at a URL that is none.
FOREIGN_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ProxyError,
    httpcore.ConnectionNotAvailable,
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpx.CookieConflict,
    OSError,
    TypeError,
    ValueError,
)


class Deadline:
    """A total time, and whether the request has begun to leave. `end` and `now` are in monotonic seconds."""

    def __init__(self, now: Callable[[], float], end: float) -> None:
        self._now = now
        self._end = end
        self.sent = False

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            httpcore.ReadTimeout: there are none.
        """
        left = self._end - self._now()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write gets what is left of the total time."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        return self._inner.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        left = self._deadline.left()
        self._deadline.sent = True
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        del timeout
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Resolves a name once, and connects only to an address that the policy allows."""

    def __init__(self, policy: AddressPolicy, deadline: Deadline) -> None:
        self._policy = policy
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        del timeout, local_address
        addresses = _resolved(host, port, self._deadline.left())
        if not all(self._policy.allows(address) for address in addresses):
            # One bad address condemns the name: a client that tries them in turn must not reach it as the second.
            raise httpcore.ConnectError("the address is not a public one")
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, socket_options)
            except httpcore.ConnectError:
                continue
        return self._connect(addresses[-1], port, socket_options)

    def _connect(
        self, address: str, port: int, socket_options: Iterable[httpcore.SOCKET_OPTION] | None
    ) -> httpcore.NetworkStream:
        inner = self._inner.connect_tcp(address, port, self._deadline.left(), None, socket_options)
        return _Stream(inner, self._deadline)


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a name, each once.

    The look-up runs in a thread of its own: it has no deadline, and a silent name server can hold it for half a minute.
    """
    look_ups: SimpleQueue[list[str]] = SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError):
            found = []
        look_ups.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))

    threading.Thread(target=look_up, daemon=True).start()
    try:
        addresses = look_ups.get(timeout=seconds)
    except Empty:
        raise httpcore.ConnectTimeout("the name was not resolved in time") from None
    if not addresses:
        raise httpcore.ConnectError("the name does not resolve")
    return addresses


class Transport(httpx.BaseTransport):
    """Sends one request over a connection of its own, and reads at most `largest` bytes of the response's body.

    The response's `extensions` say whether that is the whole body, and hold the headers. httpx sees no header: it acts
    on a Location and on cookies even where no redirect is followed, and takes a Location that is no URL for an error.
    """

    def __init__(self, policy: AddressPolicy, context: ssl.SSLContext, deadline: Deadline, largest: int) -> None:
        self._largest = largest
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, network_backend=_Backend(policy, deadline), max_keepalive_connections=0, retries=0
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`; the errors are httpcore's own."""
        url, target = request.url, request.extensions["target"]
        sent = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=target),
            headers=request.headers.raw,
            content=request.stream,
        )
        body = bytearray()
        with closing(self._pool.handle_request(sent)) as response:
            for chunk in response.iter_stream():
                body += chunk
                if len(body) > self._largest:
                    break
        return httpx.Response(
            response.status,
            content=bytes(body[: self._largest]),
            extensions={"headers": response.headers, "complete": len(body) <= self._largest},
        )

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def response_to(method: str, url: str, headers: Mapping[str, str], body: bytes, transport: Transport) -> httpx.Response:
    """Send one request and return its response.

    httpx gets the URL without its query, and the request target as it is: httpx would quote a query again, refuse one
    of more than 64 KB, and put it into its log. The request is built outside of the client, which would add headers
    and cookies of its own; `Auth()` adds none either, whatever the URL holds.

    Raises:
        FOREIGN_ERRORS: their texts may repeat the URL.
    """
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    request = httpx.Request(
        method,
        urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
        headers=list(headers.items()),
        content=body,
        extensions={"target": target.encode("ascii")},
    )
    with httpx.Client(transport=transport, trust_env=False, follow_redirects=False) as client:
        return client.send(request, auth=httpx.Auth())
