from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import logging
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fault_rows import fault
from tokensync.domain.errors import NoAnswer, NotSent, TokensyncError, WireError
from tokensync.domain.messages import MAX_BODY, Request
from tokensync.oauth.http import HttpWire
from tokensync.oauth.transport import FOREIGN_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tokensync.domain.messages import ProviderResponse

CANARY = "canary-7f3a"
SECONDS = 5.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and costs nothing to make


class Monotonic:
    """The machine's own clock for deadlines, and a fixed time of day."""

    def now(self) -> int:
        """Return a fixed time."""
        return 1_700_000_000

    def monotonic(self) -> float:
        """Return the machine's monotonic time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Refuse: the wire never waits by itself."""
        raise AssertionError(seconds)


class Anywhere:
    """A policy for tests on this machine."""

    def allows(self, address: str) -> bool:
        """Allow every address."""
        return bool(address)

    def allows_plain(self, host: str) -> bool:
        """Allow plain http to every host."""
        return bool(host)


def _is_whole(request: bytes) -> bool:
    """Return whether a request has arrived with the body that its head announces."""
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


class Server:
    """A loopback server in a thread, which treats each connection as it is told and notes what it received."""

    def __init__(self, treat: Callable[[socket.socket, Server], None], context: ssl.SSLContext | None = None) -> None:
        self.received: list[bytes] = []
        self.stopping = threading.Event()
        self._treat = treat
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Return the server's address, with secrets in path and query."""
        return f"http://127.0.0.1:{self.port}/token?app_secret={CANARY}"

    def close(self) -> None:
        """Stop, and wait for the thread."""
        self.stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(SECONDS)

    def _serve(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with closing(connection):
                self._one(connection)

    def _one(self, connection: socket.socket) -> None:
        connection.settimeout(SECONDS)
        self.received.append(b"")
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with closing(connection):
                while not _is_whole(self.received[-1]) and (data := connection.recv(65_536)):
                    self.received[-1] += data
                self._treat(connection, self)
        except OSError:
            return  # the client went away, which is what some tests are about


def answering(data: bytes) -> Callable[[socket.socket, Server], None]:
    """Return a treatment that answers with these bytes."""
    return lambda connection, _: connection.sendall(data)


def response_of(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return an HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def drip(data: bytes, first: int) -> Callable[[socket.socket, Server], None]:
    """Return a treatment that sends `first` bytes at once and every further one after 50 ms."""

    def treat(connection: socket.socket, server: Server) -> None:
        connection.sendall(data[:first])
        for at in range(first, len(data)):
            if server.stopping.wait(0.05):
                return
            connection.sendall(data[at : at + 1])

    return treat


def reset(connection: socket.socket, _: Server) -> None:
    """Close the connection so that the peer sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(_: socket.socket, server: Server) -> None:
    """Say nothing until the test is over."""
    server.stopping.wait(SECONDS)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server; all of them are stopped at the end."""
    started: list[Server] = []

    def start(treat: Callable[[socket.socket, Server], None], context: ssl.SSLContext | None = None) -> Server:
        started.append(Server(treat, context))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="module")
def wire() -> HttpWire:
    """Return a wire that may reach this machine."""
    return HttpWire(Monotonic(), policy=Anywhere())


@pytest.fixture(scope="module")
def outward() -> HttpWire:
    """Return a wire as it is by default, to the public internet alone."""
    return HttpWire(Monotonic(), context=NO_TLS)


def get(wire: HttpWire, url: str, seconds: float = SECONDS) -> ProviderResponse:
    """Send a GET with a secret header."""
    request = Request(method="GET", url=url, headers={"x-tts-access-token": CANARY})
    return wire.send(request, seconds=seconds)


def test_the_answer_comes_back_as_it_was(serve: Callable[..., Server], wire: HttpWire) -> None:
    """Status, body, time of receipt and the few headers that matter come back."""
    server = serve(
        answering(response_of(b'{"a":1}', "Date: Tue, 14 Nov 2023 22:13:20 GMT", "Set-Cookie: a=b", "Retry-After: 5"))
    )

    response = get(wire, server.url)

    assert (response.status, response.body, response.complete) == (200, b'{"a":1}', True)
    assert response.received_at == 1_700_000_000
    assert response.headers == {"date": "Tue, 14 Nov 2023 22:13:20 GMT", "retry-after": "5"}


def test_a_get_is_exactly_these_bytes(serve: Callable[..., Server], wire: HttpWire) -> None:
    """A GET carries the query as it was built, no body and no length, and asks for an unpacked response."""
    server = serve(answering(response_of(b"{}")))

    get(wire, server.url)

    assert server.received == [
        b"GET /token?app_secret=canary-7f3a HTTP/1.1\r\n"
        b"host: 127.0.0.1:%d\r\n"
        b"accept: application/json\r\n"
        b"accept-encoding: identity\r\n"
        b"connection: close\r\n"
        b"user-agent: tokensync\r\n"
        b"x-tts-access-token: canary-7f3a\r\n\r\n" % server.port
    ]


@pytest.mark.parametrize("body", [b"a=b&c=d", b""])
def test_a_post_carries_its_very_bytes(serve: Callable[..., Server], wire: HttpWire, body: bytes) -> None:
    """A POST carries the body as it was built, with its length."""
    server = serve(answering(response_of(b"{}")))

    wire.send(
        Request(method="POST", url=server.url, headers={"content-type": "text/plain"}, body=body), seconds=SECONDS
    )

    head, _, sent = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /token?app_secret=canary-7f3a HTTP/1.1\r\n")
    assert b"content-length: %d" % len(body) in head.split(b"\r\n")
    assert b"transfer-encoding" not in head
    assert sent == body


def test_each_request_has_a_fresh_connection(serve: Callable[..., Server], wire: HttpWire) -> None:
    """No connection is used twice, even where the server would keep it: a stale one fails ambiguously."""
    server = serve(answering(response_of(b"{}", "connection: keep-alive")))

    for _ in range(3):
        get(wire, server.url)

    assert len(server.received) == 3


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_an_answer(serve: Callable[..., Server], wire: HttpWire, status: str) -> None:
    """No redirect is followed: a 307 would send the secrets on."""
    other = serve(answering(response_of(b"{}")))
    server = serve(answering(response_of(b"", f"Location: {other.url}", status=status)))

    response = get(wire, server.url)

    assert response.status == int(status[:3])
    assert other.received == []


@pytest.mark.parametrize("location", ["http://[", "https://a.example:x/", "x" * 70_000, "\xff"])
def test_a_strange_redirect_is_an_answer(serve: Callable[..., Server], wire: HttpWire, location: str) -> None:
    """A redirect is a response even where its Location is no URL: it refuses, and nothing is ambiguous."""
    response = get(wire, serve(answering(response_of(b"", f"Location: {location}", status="302 Found"))).url)

    assert (response.status, response.headers["location"]) == (302, location[:200])


def test_no_cookie_is_kept(serve: Callable[..., Server], wire: HttpWire) -> None:
    """A cookie that a provider sets is never sent back."""
    server = serve(answering(response_of(b"{}", "Set-Cookie: a=b; Path=/")))

    for _ in range(2):
        get(wire, server.url)

    assert b"cookie" not in b"".join(server.received).lower()


@pytest.mark.parametrize("query", ["a=b%2Cc+d%20e&f=*'()~|^`{}", "a=%7e%zz&&=", "token=" + "x" * 100_000])
def test_a_query_travels_as_it_is(serve: Callable[..., Server], wire: HttpWire, query: str) -> None:
    """Not a character of a query is quoted again, and it may be as long as two tokens are."""
    server = serve(answering(response_of(b"{}")))

    get(wire, f"http://127.0.0.1:{server.port}/token?{query}")

    assert server.received[0].startswith(b"GET /token?%b HTTP/1.1\r\n" % query.encode())


def test_no_proxy_of_the_environment_is_used(
    serve: Callable[..., Server], wire: HttpWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment would see the client secret: it gets not a byte."""
    proxy, server = serve(answering(response_of(b"{}"))), serve(answering(response_of(b"{}")))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    get(wire, server.url)

    assert (len(server.received), proxy.received) == (1, [])


def test_a_name_in_a_url_is_no_credential(serve: Callable[..., Server], wire: HttpWire) -> None:
    """The credentials of a request are those in its headers, whatever its URL holds."""
    server = serve(answering(response_of(b"{}")))
    request = Request(
        method="GET", url=f"http://name:word@127.0.0.1:{server.port}/", headers={"authorization": "Bearer t"}
    )

    wire.send(request, seconds=SECONDS)

    assert b"authorization: Bearer t\r\n" in server.received[0]
    assert server.received[0].lower().count(b"authorization") == 1


def test_twenty_threads_share_a_wire(serve: Callable[..., Server], wire: HttpWire) -> None:
    """Each of twenty threads gets the response to its own request."""

    def echo(connection: socket.socket, server: Server) -> None:
        connection.sendall(response_of(server.received[-1].partition(b"\r\n\r\n")[2]))

    server = serve(echo)
    bodies = [b"%d" % number for number in range(20)]

    def send(body: bytes) -> bytes:
        return wire.send(Request(method="POST", url=server.url, body=body), seconds=SECONDS).body

    with ThreadPoolExecutor(20) as threads:
        assert bodies == list(threads.map(send, bodies))


def _run(code: str, **environment: str) -> str:
    """Return what a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_libraries_are_loaded_with_the_first_request_alone() -> None:
    """A function that speaks to no provider, such as the schedule's tick, pays for no HTTP client and no TLS."""
    assert (
        _run(
            "import sys, tokensync.assembly\n"
            "from tokensync.aws.system import SystemClock\n"
            "from tokensync.oauth.http import HttpWire\n"
            "HttpWire(SystemClock())\n"
            "print(sorted({'httpx', 'httpcore', 'ssl'} & sys.modules.keys()))"
        )
        == "[]"
    )


def test_the_environment_adds_no_authority(authority: Authority, tmp_path: Path) -> None:
    """Whom the functions trust is decided by certifi and by no variable of the environment."""
    file = tmp_path / "authority.pem"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))

    trusted = _run(
        "from tokensync.oauth.transport import TRUSTED\n"
        "print(len(TRUSTED.get_ca_certs()) > 50, 'tests' in str([each['subject'] for each in TRUSTED.get_ca_certs()]))",
        SSL_CERT_FILE=str(file),
        SSL_CERT_DIR=str(tmp_path),
    )

    assert trusted == "True False"


@pytest.mark.parametrize(
    ("length", "complete"), [(MAX_BODY - 1, True), (MAX_BODY, True), (MAX_BODY + 1, False), (300 * 1024, False)]
)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_body_is_bounded(
    serve: Callable[..., Server], wire: HttpWire, length: int, framing: str, complete: object
) -> None:
    """At most 64 KB are kept, however the body is framed, and what was longer says so."""
    body = b"x" * length
    framed = {
        "length": response_of(body),
        "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (length, body),
        "close": b"HTTP/1.1 200 OK\r\n\r\n" + body,
    }

    response = get(wire, serve(answering(framed[framing])).url)

    assert (len(response.body), response.complete) == (min(length, MAX_BODY), complete)


def test_endless_bodies_end(serve: Callable[..., Server], wire: HttpWire) -> None:
    """A body without end costs no more than what is kept of it."""

    def pour(connection: socket.socket, server: Server) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not server.stopping.is_set():
            connection.sendall(b"x" * 65_536)

    response = get(wire, serve(pour).url)

    assert (len(response.body), response.complete) == (MAX_BODY, False)


def test_a_request_may_take_a_larger_answer(serve: Callable[..., Server], wire: HttpWire) -> None:
    """A list of thousands of accounts comes in whole where the request says so."""
    body = b"x" * (2 * MAX_BODY)

    def response(connection: socket.socket, server: Server) -> None:
        del server
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    request = Request(method="GET", url=serve(response).url, largest=4 * MAX_BODY)

    assert body == wire.send(request, seconds=5).body


def test_a_packed_body_stays_packed(serve: Callable[..., Server], wire: HttpWire) -> None:
    """A bomb is not unpacked: what a server sends packed unasked is kept as it is."""
    packed = gzip.compress(b"x" * 1_000_000)

    response = get(wire, serve(answering(response_of(packed, "content-encoding: gzip"))).url)

    assert (response.body, response.headers["content-encoding"]) == (packed, "gzip")


def took(call: Callable[[], object]) -> float:
    """Return the seconds that a call took that must end without a response."""
    began = time.monotonic()
    with pytest.raises(NoAnswer):
        call()
    return time.monotonic() - began


@fault("F21")
@pytest.mark.parametrize(
    "treat",
    [
        drip(response_of(b"x" * 1000), 60),
        drip(response_of(b"{}"), 0),
        drip(response_of(b"{}", "x-padding: " + "x" * 1000), 30),
        drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0),
        silent,
    ],
    ids=["in the body", "from the first byte", "in the headers", "in interim responses", "silence"],
)
def test_a_total_deadline_ends_a_drip(serve: Callable[..., Server], wire: HttpWire, treat: object) -> None:
    """However steadily bytes come, the total time ends it: what left may have been acted upon."""
    server = serve(treat)

    seconds = took(lambda: get(wire, server.url, seconds=0.3))

    assert 0.25 <= seconds < 3.0


@pytest.mark.parametrize(
    "treat",
    [
        reset,
        answering(b""),
        answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
        answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"),
        answering(b"SSH-2.0-OpenSSH_9.6\r\n"),
        answering(b"HTTP/1.1 2x0 OK\r\n\r\n"),
        answering(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000 + b"\r\n\r\n"),
    ],
    ids=["reset", "closed", "short body", "cut chunk", "no HTTP", "no status", "200 KB of headers"],
)
def test_anything_less_than_an_answer_is_none(serve: Callable[..., Server], wire: HttpWire, treat: object) -> None:
    """Once the request has left, whatever is no whole response is none."""
    server = serve(treat)

    with pytest.raises(NoAnswer):
        get(wire, server.url)
    assert len(server.received) == 1


class Resolver:
    """Name resolution in which one name has scripted addresses, look-up by look-up; numbers resolve as they do."""

    def __init__(self, *look_ups: list[str]) -> None:
        self.look_ups = list(look_ups)
        self._real = socket.getaddrinfo

    def __call__(self, host: str, port: int, *asked: int, **named: int) -> list[tuple[object, ...]]:
        """Resolve a name."""
        if host != "provider.example":
            return list(self._real(host, port, *asked, **named))
        if not self.look_ups:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = self.look_ups.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "url",
    [
        "http:///token",
        "https://",
        "ftp://127.0.0.1/",
        "token",
        "",
        "http://[::1/",
        "http://127.0.0.1:port/",
        "http://127.0.0.1:99999999/",
        "http://ü.example/",
        "http://" + "a" * 300 + ".example/",
        "http://a..example/",
        "http://127.0.0.1:1/\r\nx: y",
        "http://127.0.0.1:1/ü",
        "http://\ud800.example/",
    ],
)
def test_an_unusable_url_is_not_sent(wire: HttpWire, url: str) -> None:
    """A URL that is none ends before a byte left."""
    with pytest.raises(NotSent):
        get(wire, url)


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\x00b", "ü\ud800", "a\n"])
def test_a_header_that_cannot_travel_is_not_sent(serve: Callable[..., Server], wire: HttpWire, value: str) -> None:
    """A header value that would break the request apart never leaves."""
    server = serve(answering(response_of(b"{}")))

    with pytest.raises(NotSent):
        wire.send(Request(method="GET", url=server.url, headers={"x-token": value}), seconds=SECONDS)
    assert b"".join(server.received) == b""


def test_a_name_that_does_not_resolve_is_not_sent(monkeypatch: pytest.MonkeyPatch, wire: HttpWire) -> None:
    """Where there is no address no byte has left."""
    monkeypatch.setattr(socket, "getaddrinfo", Resolver())

    with pytest.raises(NotSent):
        get(wire, "https://provider.example/")


def test_a_look_up_has_the_same_deadline(monkeypatch: pytest.MonkeyPatch, wire: HttpWire) -> None:
    """A name server that says nothing ends with the total time, and nothing was sent."""
    over = threading.Event()

    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        over.wait(SECONDS)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    began = time.monotonic()
    with pytest.raises(NotSent):
        get(wire, "https://provider.example/", seconds=0.3)
    over.set()
    assert time.monotonic() - began < 3.0


def test_a_refused_connection_is_not_sent(wire: HttpWire) -> None:
    """Where nobody listens no byte has left."""
    with pytest.raises(NotSent):
        get(wire, f"http://127.0.0.1:{closed_port()}/")


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_without_time_nothing_is_sent(serve: Callable[..., Server], wire: HttpWire, seconds: float) -> None:
    """A deadline that is over opens no connection."""
    server = serve(answering(response_of(b"{}")))

    with pytest.raises(NotSent):
        get(wire, server.url, seconds=seconds)
    assert server.received == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "2130706433",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "127.1",
        "0",
        "0.0.0.0",  # noqa: S104 - an address to refuse, not to bind
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[fe80::1%25lo]",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00:ec2::254]",
    ],
)
def test_no_spelling_of_an_inner_address_is_reached(serve: Callable[..., Server], outward: HttpWire, host: str) -> None:
    """By default only the public internet is reached, judged by what the name resolves to."""
    server = serve(answering(response_of(b"{}")))

    with pytest.raises(NotSent):
        get(outward, f"http://{host}:{server.port}/")
    assert server.received == []


class OnlyTls(Anywhere):
    """A policy that allows every address and no plain http."""

    def allows_plain(self, host: str) -> bool:
        """Refuse plain http to every host."""
        del host
        return False


def test_nothing_is_sent_in_clear(serve: Callable[..., Server]) -> None:
    """A request over plain http never leaves, unless the policy allows its host: it would show the client secret."""
    server = serve(answering(response_of(b"{}")))

    with pytest.raises(NotSent):
        get(HttpWire(Monotonic(), policy=OnlyTls(), context=NO_TLS), server.url)
    assert server.received == []


class Refusing:
    """A policy that refuses one address."""

    def __init__(self, refused: str) -> None:
        self.refused = refused
        self.asked: list[str] = []

    def allows(self, address: str) -> bool:
        """Refuse one address, allow the rest."""
        self.asked.append(address)
        return address != self.refused

    def allows_plain(self, host: str) -> bool:
        """Allow plain http to every host."""
        return bool(host)


def test_one_bad_address_condemns_a_name(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a good and a bad address is refused whole: trying them in turn must not reach the bad one."""
    server = serve(answering(response_of(b"{}")))
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["127.0.0.1", "127.0.0.2"]))

    with pytest.raises(NotSent):
        get(
            HttpWire(Monotonic(), policy=Refusing("127.0.0.2"), context=NO_TLS),
            f"http://provider.example:{server.port}/",
        )
    assert server.received == []


def test_the_next_address_is_tried(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first address of a name refuses, the next one is tried: nothing had left."""
    server = serve(answering(response_of(b"{}")))
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["127.0.0.2", "127.0.0.1"]))

    response = get(HttpWire(Monotonic(), policy=Anywhere(), context=NO_TLS), f"http://provider.example:{server.port}/")

    assert response.status == 200
    assert b"host: provider.example:" in server.received[0]


def test_a_name_is_resolved_once(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was judged is the address that is reached: a second look-up could say something else."""
    server = serve(answering(response_of(b"{}")))
    resolver = Resolver(["127.0.0.1"], ["127.0.0.2"])
    monkeypatch.setattr(socket, "getaddrinfo", resolver)

    get(HttpWire(Monotonic(), policy=Refusing("127.0.0.2"), context=NO_TLS), f"http://provider.example:{server.port}/")

    assert resolver.look_ups == [["127.0.0.2"]]


class Authority:
    """A certificate authority of the tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self.certificate = self._certificate(self._key, self._name, ca=True)

    def trust(self) -> ssl.SSLContext:
        """Return a client's context that trusts this authority alone."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, host: str, *, days: int = 1) -> ssl.SSLContext:
        """Return a server's context with a certificate for a host, which ended long ago where `days` is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._certificate(key, name, days=days)
        file = self._folder / f"{host}{days}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _certificate(
        self, key: ec.EllipticCurvePrivateKey, name: x509.Name, *, ca: bool = False, days: int = 1
    ) -> x509.Certificate:
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        host = name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        try:
            subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            subject = x509.DNSName(str(host))
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - dt.timedelta(days=30))
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(authority_key, critical=False)
            .sign(self._key, hashes.SHA256())
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority that only these tests know."""
    return Authority(tmp_path_factory.mktemp("authority"))


def test_a_trusted_server_is_spoken_to(serve: Callable[..., Server], authority: Authority) -> None:
    """With a certificate that holds, the request travels over TLS."""
    server = serve(answering(response_of(b"{}")), authority.server("127.0.0.1"))
    wire = HttpWire(Monotonic(), policy=Anywhere(), context=authority.trust())

    assert get(wire, server.url.replace("http:", "https:")).body == b"{}"
    assert CANARY.encode() in server.received[0]


@pytest.mark.parametrize(("host", "reached"), [("provider.example", True), ("127.0.0.1", False)])
def test_a_certificate_is_for_the_name_and_not_for_the_address(
    serve: Callable[..., Server], authority: Authority, monkeypatch: pytest.MonkeyPatch, host: str, *, reached: bool
) -> None:
    """The connection goes to the checked address, and TLS proves the name that was asked for."""
    server = serve(answering(response_of(b"{}")), authority.server(host))
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["127.0.0.1"]))
    wire = HttpWire(Monotonic(), policy=Anywhere(), context=authority.trust())

    with nullcontext() if reached else pytest.raises(NotSent):
        get(wire, f"https://provider.example:{server.port}/")
    assert (b"".join(server.received) != b"") is reached


@pytest.mark.parametrize("fault", ["unknown authority", "wrong host", "expired"])
def test_an_untrusted_server_gets_not_a_byte(serve: Callable[..., Server], authority: Authority, fault: str) -> None:
    """With a certificate that is self-signed, for another host, or expired, nothing of the request leaves."""
    certificate = {"wrong host": ("other.example", 1), "expired": ("127.0.0.1", -1)}.get(fault, ("127.0.0.1", 1))
    server = serve(answering(response_of(b"{}")), authority.server(certificate[0], days=certificate[1]))
    context = None if fault == "unknown authority" else authority.trust()
    wire = HttpWire(Monotonic(), policy=Anywhere(), context=context)

    with pytest.raises(NotSent):
        get(wire, server.url.replace("http:", "https:"))
    assert b"".join(server.received) == b""


def test_a_server_without_tls_gets_not_a_byte(serve: Callable[..., Server], authority: Authority) -> None:
    """Where https is asked for, a server that speaks plain HTTP never sees the request."""
    server = serve(answering(response_of(b"{}")))
    wire = HttpWire(Monotonic(), policy=Anywhere(), context=authority.trust())

    with pytest.raises(NotSent):
        get(wire, server.url.replace("http:", "https:"), seconds=0.2)
    assert CANARY.encode() not in b"".join(server.received)


def test_a_handshake_has_the_same_deadline(serve: Callable[..., Server], authority: Authority) -> None:
    """A server that accepts and never answers the handshake ends with the total time, and nothing was sent."""
    server = serve(silent)
    wire = HttpWire(Monotonic(), policy=Anywhere(), context=authority.trust())

    began = time.monotonic()
    with pytest.raises(NotSent):
        get(wire, server.url.replace("http:", "https:"), seconds=0.3)
    assert time.monotonic() - began < 3.0


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
@pytest.mark.parametrize(
    "treat",
    [
        answering(response_of(b"{}", f"Location: https://a.example/?app_secret={CANARY}", status="307 Temporary")),
        answering(response_of(CANARY.encode(), f"Set-Cookie: {CANARY}")),
        answering(f"{CANARY}\r\n\r\n".encode()),
        reset,
        drip(response_of(CANARY.encode() * 100), 50),
    ],
    ids=["redirect", "success", "no HTTP", "reset", "drip"],
)
def test_no_secret_is_logged_or_told(
    serve: Callable[..., Server], wire: HttpWire, treat: object, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither URL, headers nor body of request or response get into a log, an error or its traceback."""
    server = serve(treat)
    told = ""
    with caplog.at_level(level):
        try:
            told = repr(get(wire, server.url, seconds=0.3))
        except WireError as error:
            told = "".join(traceback.format_exception(error))

    assert told
    assert CANARY not in told
    assert [] == caplog.records


def test_even_a_log_that_is_turned_on_holds_no_query(
    serve: Callable[..., Server], wire: HttpWire, caplog: pytest.LogCaptureFixture
) -> None:
    """httpx, which logs URLs, does not know the query: where somebody sets its level anew, no secret is logged."""
    server = serve(answering(response_of(b"{}")))

    with caplog.at_level(logging.DEBUG, logger="httpx"):
        get(wire, server.url)

    assert f"GET http://127.0.0.1:{server.port}/token " in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        f"http://{CANARY}:x/",
        f"ftp://{CANARY}/",
        f"http://a..example/{CANARY}",
        f"http://127.0.0.1:1/{CANARY}\x00",
        f"http://{CANARY}/{'a' * 70_000}",
        f"http://[{CANARY}/",
    ],
)
def test_no_url_is_told_that_was_not_sent(wire: HttpWire, url: str, caplog: pytest.LogCaptureFixture) -> None:
    """An unusable URL is not repeated by its error, and not by the error's traceback."""
    with caplog.at_level(logging.DEBUG), pytest.raises(NotSent) as caught:
        get(wire, url)

    told = "".join(traceback.format_exception(caught.value))
    assert CANARY not in str(caught.value) + told + caplog.text


def test_every_error_of_the_libraries_is_translated() -> None:
    """A new kind of error in httpx or httpcore fails here before it escapes untranslated there."""
    exported = {getattr(library, name) for library in (httpx, httpcore) for name in library.__all__}
    errors = {kind for kind in exported if isinstance(kind, type) and issubclass(kind, BaseException)}

    assert errors
    assert {kind for kind in errors if not issubclass(kind, FOREIGN_ERRORS)} == set()
    assert issubclass(NotSent, TokensyncError)
