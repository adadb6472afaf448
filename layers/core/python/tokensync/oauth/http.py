"""One request to a provider: one fresh connection, a total deadline, no redirects, bounded memory, no logging.

httpcore and not httpx: its network backend is the seam at which a total deadline holds for every single read (httpx's
timeouts are per read, so a drip outlives them), at which addresses are checked after name resolution, and which knows
whether a byte has left. And it writes no URL into any log or exception.

Presents a code or a refresh token to a provider: one request, sent again only where no byte of it left.
"""

from __future__ import annotations

import logging
import socket
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpcore

from tokensync.domain.errors import NoAnswer, NotSent
from tokensync.domain.messages import Failure, FailureClass, ProviderResponse
from tokensync.oauth.addresses import AddressPolicy, PublicOnly

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from tokensync.domain.messages import Request
    from tokensync.domain.ports import Wire
    from tokensync.domain.runtime import Clock, Failpoints


# At DEBUG httpcore logs the headers of answers, and a Location may repeat the whole query of a request.
logging.getLogger("httpcore").setLevel(logging.WARNING)

_KEPT_HEADERS = frozenset({"content-type", "content-encoding", "date", "location", "retry-after", "www-authenticate"})
# Everything that httpcore raises, and what it and the standard library raise at a URL that is none.
_FOREIGN_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ProxyError,
    httpcore.ConnectionNotAvailable,
    OSError,
    TypeError,
    ValueError,
)
_CLIENT_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",  # a gzip body of 204 KB can become 200 MB
    "connection": "close",
    "user-agent": "tokensync",
}


class _Deadline:
    """A total time, and whether the request has begun to leave."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds
        self.sent = False

    def left(self) -> float:
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write is given what is left of the total time."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
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

    def __init__(self, policy: AddressPolicy, deadline: _Deadline) -> None:
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
    answers: SimpleQueue[list[str]] = SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError):
            found = []
        answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))

    threading.Thread(target=look_up, daemon=True).start()
    try:
        addresses = answers.get(timeout=seconds)
    except Empty:
        raise httpcore.ConnectTimeout("the name was not resolved in time") from None
    if not addresses:
        raise httpcore.ConnectError("the name does not resolve")
    return addresses


class HttpWire:
    """The real wire. Thread-safe: each request has its own connection; the TLS context, dear to build, is shared."""

    def __init__(
        self, clock: Clock, *, policy: AddressPolicy | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._clock = clock
        self._policy = policy or PublicOnly()
        self._context = context or httpcore.default_ssl_context()

    def send(self, request: Request, *, seconds: float) -> ProviderResponse:
        """Send one request; see `Wire.send`."""
        deadline = _Deadline(self._clock, seconds)
        try:
            parts = urlsplit(request.url)
            if parts.scheme != "https" and not self._policy.allows_plain(parts.hostname or ""):
                raise NotSent("a provider is spoken to over https alone")
            headers = {"host": parts.netloc, **_CLIENT_HEADERS, **request.headers}
            if request.method != "GET":
                headers["content-length"] = str(len(request.body))
            with (
                httpcore.ConnectionPool(
                    ssl_context=self._context,
                    network_backend=_Backend(self._policy, deadline),
                    max_keepalive_connections=0,
                    retries=0,
                ) as pool,
                pool.stream(
                    request.method, request.url, headers=list(headers.items()), content=request.body or None
                ) as response,
            ):
                body, complete = _bounded(response, request.largest)
                return ProviderResponse(
                    status=response.status,
                    headers=_kept(response.headers),
                    body=body,
                    received_at=self._clock.now(),
                    complete=complete,
                )
        except _FOREIGN_ERRORS as error:
            # from None: a foreign exception may repeat the request.
            name = type(error).__name__
            if deadline.sent:
                raise NoAnswer(f"no whole answer came back ({name})") from None
            raise NotSent(f"the request did not leave ({name})") from None


def _bounded(response: httpcore.Response, largest: int) -> tuple[bytes, bool]:
    """Return at most so many bytes, and whether that is all there is."""
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > largest:
            return bytes(body[:largest]), False
    return bytes(body), True


def _kept(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {
        name.decode("ascii").lower(): value.decode("latin-1")[:200]
        for name, value in headers
        if name.decode("ascii", "replace").lower() in _KEPT_HEADERS
    }


_FIRST_PAUSE = 0.2


def present(
    request: Request, *, wire: Wire, clock: Clock, seconds: float, failpoints: Failpoints
) -> ProviderResponse | Failure:
    """Return the raw answer, or the failure that stands for none, within a total of `seconds`."""
    end = clock.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        try:
            answer = wire.send(request, seconds=end - clock.monotonic())
        except NoAnswer as error:
            return Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message=str(error))
        except NotSent as error:
            if clock.monotonic() + 2 * pause >= end:
                return Failure(kind=FailureClass.NOT_SENT, code="not_sent", message=str(error))
            clock.sleep(pause)
            pause *= 2
        else:
            failpoints.reached("answered")
            return answer
