from __future__ import annotations

import gzip
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
from contextlib import ExitStack, closing, nullcontext
from typing import TYPE_CHECKING

import httpcore
import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fault_rows import fault
from faults.tls import authority as new_authority
from faults.tls import issued
from tokensync.aws.system import SystemClock
from tokensync.domain.errors import NoAnswer, NotSent, TokensyncError, WireError
from tokensync.domain.messages import MAX_BODY, Request
from tokensync.oauth.http import HttpWire
from tokensync.oauth.transport import FOREIGN_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from faults.tls import Certificate
    from tokensync.domain.messages import ProviderResponse

    Treatment = Callable[[socket.socket, "Server"], None]
    Serve = Callable[..., "Server"]

CANARY = "canary-7f3a"
SECONDS = 5.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and costs nothing to make


class Monotonic(SystemClock):
    """The machine's own clock for deadlines, and a fixed time of day."""

    def now(self) -> int:
        """Return a fixed time."""
        return 1_700_000_000


class Anywhere:
    """A policy for tests on this machine: it refuses the named addresses alone, and plain http where it is said."""

    def __init__(self, *refused: str, plain: bool = True) -> None:
        self.refused = refused
        self.plain = plain

    def allows(self, address: str) -> bool:
        """Allow every address but those that are refused."""
        return address not in self.refused

    def allows_plain(self, host: str) -> bool:
        """Allow plain http, or refuse it, to every host."""
        return self.plain and bool(host)


def _is_whole(request: bytes) -> bool:
    """Return whether a request has arrived with the body that its head announces."""
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


class Server:
    """A loopback server in a thread: it sends bytes to each connection, or treats it so, and notes what it received."""

    def __init__(self, treat: Treatment | bytes, context: ssl.SSLContext | None = None) -> None:
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

    @property
    def https(self) -> str:
        """Return the same address over TLS."""
        return self.url.replace("http:", "https:")

    def named(self, scheme: str) -> str:
        """Return an address that has to be resolved."""
        return f"{scheme}://provider.example:{self.port}/"

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
                if isinstance(self._treat, bytes):
                    connection.sendall(self._treat)
                else:
                    self._treat(connection, self)
        except OSError:
            return  # the client went away, which is what some tests are about


def response_of(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return an HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


OK = response_of(b"{}")


def drip(data: bytes, first: int) -> Treatment:
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
def serve() -> Iterator[Serve]:
    """Return a function that starts a server, by default one that responds `{}`; all are stopped at the end."""
    with ExitStack() as started:

        def start(treat: Treatment | bytes = OK, context: ssl.SSLContext | None = None) -> Server:
            return started.enter_context(closing(Server(treat, context)))

        yield start


@pytest.fixture
def server(serve: Serve) -> Server:
    """Return a server that responds `{}` to everything."""
    return serve()


def wire_of(policy: Anywhere | None = None, context: ssl.SSLContext | None = NO_TLS) -> HttpWire:
    """Return a wire of a policy and a trust, by default one that may reach this machine and trusts nobody."""
    return HttpWire(Monotonic(), policy=policy or Anywhere(), context=context)


@pytest.fixture(scope="module")
def wire() -> HttpWire:
    """Return a wire that may reach this machine, and trusts those it trusts by default."""
    return wire_of(context=None)


@pytest.fixture(scope="module")
def outward() -> HttpWire:
    """Return a wire as it is by default, to the public internet alone."""
    return HttpWire(Monotonic(), context=NO_TLS)


def get(wire: HttpWire, url: str, seconds: float = SECONDS) -> ProviderResponse:
    """Send a GET with a secret header."""
    return wire.send(Request(method="GET", url=url, headers={"x-tts-access-token": CANARY}), seconds=seconds)


def not_sent(wire: HttpWire, url: str, seconds: float = SECONDS) -> str:
    """Demand that a GET does not leave; return its error with its traceback."""
    with pytest.raises(NotSent) as caught:
        get(wire, url, seconds)
    return "".join(traceback.format_exception(caught.value))


def test_the_answer_comes_back_as_it_was(serve: Serve, wire: HttpWire) -> None:
    """Status, body, time of receipt and the few headers that matter come back."""
    server = serve(response_of(b'{"a":1}', "Date: Tue, 14 Nov 2023 22:13:20 GMT", "Set-Cookie: a=b", "Retry-After: 5"))

    response = get(wire, server.url)

    assert (response.status, response.body, response.complete) == (200, b'{"a":1}', True)
    assert response.received_at == 1_700_000_000
    assert response.headers == {"date": "Tue, 14 Nov 2023 22:13:20 GMT", "retry-after": "5"}


def test_a_get_is_exactly_these_bytes(server: Server, wire: HttpWire) -> None:
    """A GET carries the query as it was built, no body and no length, and asks for an unpacked response."""
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
def test_a_post_carries_its_very_bytes(server: Server, wire: HttpWire, body: bytes) -> None:
    """A POST carries the body as it was built, with its length."""
    wire.send(Request(method="POST", url=server.url, body=body), seconds=SECONDS)

    head, _, sent = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /token?app_secret=canary-7f3a HTTP/1.1\r\n")
    assert b"content-length: %d" % len(body) in head.split(b"\r\n")
    assert b"transfer-encoding" not in head
    assert sent == body


def test_nothing_is_carried_from_one_request_to_the_next(serve: Serve, wire: HttpWire) -> None:
    """No connection, for a stale one fails ambiguously, and no cookie, even where the server would keep it."""
    server = serve(response_of(b"{}", "connection: keep-alive", "Set-Cookie: a=b; Path=/"))

    for _ in range(3):
        get(wire, server.url)

    assert len(server.received) == 3
    assert b"cookie" not in b"".join(server.received).lower()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_an_answer(serve: Serve, wire: HttpWire, status: str) -> None:
    """No redirect is followed: a 307 would send the secrets on."""
    other = serve()

    response = get(wire, serve(response_of(b"", f"Location: {other.url}", status=status)).url)

    assert (response.status, other.received) == (int(status[:3]), [])


@pytest.mark.parametrize("location", ["http://[", "https://a.example:x/", "x" * 70_000, "\xff"])
def test_a_strange_redirect_is_an_answer(serve: Serve, wire: HttpWire, location: str) -> None:
    """A redirect is a response even where its Location is no URL: it refuses, and nothing is ambiguous."""
    response = get(wire, serve(response_of(b"", f"Location: {location}", status="302 Found")).url)

    assert (response.status, response.headers["location"]) == (302, location[:200])


@pytest.mark.parametrize("query", ["a=b%2Cc+d%20e&f=*'()~|^`{}", "a=%7e%zz&&=", "token=" + "x" * 100_000])
def test_a_query_travels_as_it_is(server: Server, wire: HttpWire, query: str) -> None:
    """Not a character of a query is quoted again, and it may be as long as two tokens are."""
    get(wire, f"http://127.0.0.1:{server.port}/token?{query}")

    assert server.received[0].startswith(b"GET /token?%b HTTP/1.1\r\n" % query.encode())


def test_no_proxy_of_the_environment_is_used(serve: Serve, wire: HttpWire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment would see the client secret: it gets not a byte."""
    proxy, server = serve(), serve()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        for written in (name, name.lower()):
            monkeypatch.setenv(written, f"http://127.0.0.1:{proxy.port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    get(wire, server.url)

    assert (len(server.received), proxy.received) == (1, [])


def test_a_name_in_a_url_is_no_credential(server: Server, wire: HttpWire) -> None:
    """The credentials of a request are those in its headers, whatever its URL holds."""
    url = f"http://name:word@127.0.0.1:{server.port}/"

    wire.send(Request(method="GET", url=url, headers={"authorization": "Bearer t"}), seconds=SECONDS)

    assert b"authorization: Bearer t\r\n" in server.received[0]
    assert server.received[0].lower().count(b"authorization") == 1


def test_twenty_threads_share_a_wire(serve: Serve, wire: HttpWire) -> None:
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


def test_the_deployer_may_add_an_authority(authority: Certificate, tmp_path: Path) -> None:
    """The functions trust certifi's authorities, and one that SSL_CERT_FILE names beside them."""
    file = tmp_path / "authority.pem"
    file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))

    trusted = _run(
        "from tokensync.oauth.transport import TRUSTED\n"
        "subjects = [each['subject'] for each in TRUSTED.get_ca_certs()]\n"
        "print(len(subjects) > 50, 'Test authority' in str(subjects))",
        SSL_CERT_FILE=str(file),
    )

    assert trusted == "True True"


@pytest.mark.parametrize(
    ("length", "complete"), [(MAX_BODY - 1, True), (MAX_BODY, True), (MAX_BODY + 1, False), (300 * 1024, False)]
)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_body_is_bounded(serve: Serve, wire: HttpWire, length: int, framing: str, complete: object) -> None:
    """At most 64 KB are kept, however the body is framed, and what was longer says so."""
    body = b"x" * length
    framed = {
        "length": response_of(body),
        "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (length, body),
        "close": b"HTTP/1.1 200 OK\r\n\r\n" + body,
    }

    response = get(wire, serve(framed[framing]).url)

    assert (len(response.body), response.complete) == (min(length, MAX_BODY), complete)


def test_endless_bodies_end(serve: Serve, wire: HttpWire) -> None:
    """A body without end costs no more than what is kept of it."""

    def pour(connection: socket.socket, server: Server) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not server.stopping.is_set():
            connection.sendall(b"x" * 65_536)

    response = get(wire, serve(pour).url)

    assert (len(response.body), response.complete) == (MAX_BODY, False)


def test_a_request_may_take_a_larger_answer(serve: Serve, wire: HttpWire) -> None:
    """A list of thousands of accounts comes in whole where the request says so."""
    body = b"x" * (2 * MAX_BODY)
    request = Request(method="GET", url=serve(response_of(body)).url, largest=4 * MAX_BODY)

    assert body == wire.send(request, seconds=SECONDS).body


def test_a_packed_body_stays_packed(serve: Serve, wire: HttpWire) -> None:
    """A bomb is not unpacked: what a server sends packed unasked is kept as it is."""
    packed = gzip.compress(b"x" * 1_000_000)

    response = get(wire, serve(response_of(packed, "content-encoding: gzip")).url)

    assert (response.body, response.headers["content-encoding"]) == (packed, "gzip")


DRIPS: dict[str, Treatment] = {
    "in the body": drip(response_of(b"x" * 1000), 60),
    "from the first byte": drip(response_of(b"{}"), 0),
    "in the headers": drip(response_of(b"{}", "x-padding: " + "x" * 1000), 30),
    "in interim responses": drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0),
    "silence": silent,
}


@fault("F21")
@pytest.mark.parametrize("treat", DRIPS.values(), ids=DRIPS.keys())
def test_a_total_deadline_ends_a_drip(serve: Serve, wire: HttpWire, treat: object) -> None:
    """However steadily bytes come, the total time ends it: what left may have been acted upon."""
    url, began = serve(treat).url, time.monotonic()

    with pytest.raises(NoAnswer):
        get(wire, url, seconds=0.3)
    assert 0.25 <= time.monotonic() - began < 3.0


LESS: dict[str, Treatment | bytes] = {
    "reset": reset,
    "closed": b"",
    "short body": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "cut chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "no status": b"HTTP/1.1 2x0 OK\r\n\r\n",
    "200 KB of headers": b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("treat", LESS.values(), ids=LESS.keys())
def test_anything_less_than_an_answer_is_none(serve: Serve, wire: HttpWire, treat: object) -> None:
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


UNUSABLE = [
    *("", "token", "http:///token", "https://", "ftp://127.0.0.1/", "http://[::1/", "http://a..example/"),
    *("http://127.0.0.1:port/", "http://127.0.0.1:99999999/", "http://127.0.0.1:1/\r\nx: y", "http://127.0.0.1:1/ü"),
    *("http://ü.example/", "http://\ud800.example/", f"http://{'a' * 300}.example/"),
]


@pytest.mark.parametrize("url", UNUSABLE)
def test_an_unusable_url_is_not_sent(wire: HttpWire, url: str) -> None:
    """A URL that is none ends before a byte left."""
    not_sent(wire, url)


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\x00b", "ü\ud800", "a\n"])
def test_a_header_that_cannot_travel_is_not_sent(server: Server, wire: HttpWire, value: str) -> None:
    """A header value that would break the request apart never leaves."""
    with pytest.raises(NotSent):
        wire.send(Request(method="GET", url=server.url, headers={"x-token": value}), seconds=SECONDS)
    assert b"".join(server.received) == b""


def test_the_server_that_is_asked_is_the_urls(server: Server, wire: HttpWire) -> None:
    """Whatever headers a request has: behind one address `Host` says which server takes it."""
    wire.send(Request(method="GET", url=server.url, headers={"host": "evil.example"}), seconds=SECONDS)

    assert 1 == server.received[0].lower().count(b"\r\nhost: ")
    assert b"evil.example" not in server.received[0]


def test_a_name_that_does_not_resolve_is_not_sent(monkeypatch: pytest.MonkeyPatch, wire: HttpWire) -> None:
    """Where there is no address no byte has left."""
    monkeypatch.setattr(socket, "getaddrinfo", Resolver())

    not_sent(wire, "https://provider.example/")


def test_a_look_up_has_the_same_deadline(monkeypatch: pytest.MonkeyPatch, wire: HttpWire) -> None:
    """A name server that says nothing ends with the total time, and nothing was sent."""
    over = threading.Event()

    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        over.wait(SECONDS)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    began = time.monotonic()
    not_sent(wire, "https://provider.example/", seconds=0.3)
    over.set()
    assert time.monotonic() - began < 3.0


def test_a_refused_connection_is_not_sent(wire: HttpWire) -> None:
    """Where nobody listens no byte has left."""
    not_sent(wire, f"http://127.0.0.1:{closed_port()}/")


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_without_time_nothing_is_sent(server: Server, wire: HttpWire, seconds: float) -> None:
    """A deadline that is over opens no connection."""
    not_sent(wire, server.url, seconds=seconds)
    assert server.received == []


INNER = """127.0.0.1 localhost LOCALHOST 2130706433 0177.0.0.1 0x7f.0.0.1 0x7f000001 127.1 0 0.0.0.0 169.254.169.254
    10.0.0.1 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::]
    [2001:0:4136:e378:8000:63bf:3fff:fdd2] [fe80::1%25lo] [fd00:ec2::254]"""


@pytest.mark.parametrize("host", INNER.split())
def test_no_spelling_of_an_inner_address_is_reached(server: Server, outward: HttpWire, host: str) -> None:
    """By default only the public internet is reached, judged by what the name resolves to."""
    not_sent(outward, f"http://{host}:{server.port}/")
    assert server.received == []


def test_nothing_is_sent_in_clear(server: Server) -> None:
    """A request over plain http never leaves, unless the policy allows its host: it would show the client secret."""
    not_sent(wire_of(Anywhere(plain=False)), server.url)
    assert server.received == []


def test_one_bad_address_condemns_a_name(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a good and a bad address is refused whole: trying them in turn must not reach the bad one."""
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["127.0.0.1", "127.0.0.2"]))

    not_sent(wire_of(Anywhere("127.0.0.2")), server.named("http"))
    assert server.received == []


def test_the_next_address_is_tried(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first address of a name refuses, the next one is tried: nothing had left."""
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["127.0.0.2", "127.0.0.1"]))

    assert 200 == get(wire_of(), server.named("http")).status
    assert b"host: provider.example:" in server.received[0]


def test_a_name_is_resolved_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was judged is the address that is reached: a second look-up could say something else."""
    resolver = Resolver(["127.0.0.1"], ["127.0.0.2"])
    monkeypatch.setattr(socket, "getaddrinfo", resolver)

    get(wire_of(Anywhere("127.0.0.2")), server.named("http"))

    assert resolver.look_ups == [["127.0.0.2"]]


@pytest.fixture(scope="module")
def authority() -> Certificate:
    """Return an authority that only these tests know."""
    return new_authority()


@pytest.fixture(scope="module")
def trusting(authority: Certificate) -> HttpWire:
    """Return a wire that may reach this machine, and trusts that authority alone."""
    cadata = authority.certificate.public_bytes(Encoding.PEM).decode()
    return wire_of(context=ssl.create_default_context(cadata=cadata))


@pytest.fixture
def secure(serve: Serve, authority: Certificate, tmp_path: Path) -> Callable[..., Server]:
    """Return a function that starts a server with a certificate of the authority's."""

    def start(host: str = "127.0.0.1", *, ended: bool = False) -> Server:
        (tmp_path / "server.pem").write_bytes(issued(authority, host=host, ended=ended).pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem")
        return serve(context=context)

    return start


def test_a_trusted_server_is_spoken_to(secure: Callable[..., Server], trusting: HttpWire) -> None:
    """With a certificate that holds, the request travels over TLS."""
    server = secure()

    assert get(trusting, server.https).body == b"{}"
    assert CANARY.encode() in server.received[0]


@pytest.mark.parametrize(("host", "reached"), [("provider.example", True), ("127.0.0.1", False)])
def test_a_certificate_is_for_the_name_and_not_for_the_address(
    secure: Callable[..., Server], trusting: HttpWire, monkeypatch: pytest.MonkeyPatch, host: str, *, reached: bool
) -> None:
    """The connection goes to the checked address, and TLS proves the name that was asked for."""
    server = secure(host)
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["127.0.0.1"]))

    with nullcontext() if reached else pytest.raises(NotSent):
        get(trusting, server.named("https"))
    assert (b"".join(server.received) != b"") is reached


@pytest.mark.parametrize("fault", ["unknown authority", "wrong host", "expired"])
def test_an_untrusted_server_gets_not_a_byte(
    secure: Callable[..., Server], wire: HttpWire, trusting: HttpWire, fault: str
) -> None:
    """With a certificate that is self-signed, for another host, or expired, nothing of the request leaves."""
    server = secure("other.example" if fault == "wrong host" else "127.0.0.1", ended=fault == "expired")

    not_sent(wire if fault == "unknown authority" else trusting, server.https)
    assert b"".join(server.received) == b""


def test_a_server_without_tls_gets_not_a_byte(server: Server, trusting: HttpWire) -> None:
    """Where https is asked for, a server that speaks plain HTTP never sees the request."""
    not_sent(trusting, server.https, seconds=0.2)
    assert CANARY.encode() not in b"".join(server.received)


def test_a_handshake_has_the_same_deadline(serve: Serve, trusting: HttpWire) -> None:
    """A server that accepts and never answers the handshake ends with the total time, and nothing was sent."""
    url, began = serve(silent).https, time.monotonic()

    not_sent(trusting, url, seconds=0.3)
    assert time.monotonic() - began < 3.0


TELLING: dict[str, Treatment | bytes] = {
    "redirect": response_of(b"{}", f"Location: https://a.example/?app_secret={CANARY}", status="307 Temporary"),
    "success": response_of(CANARY.encode(), f"Set-Cookie: {CANARY}"),
    "no HTTP": f"{CANARY}\r\n\r\n".encode(),
    "reset": reset,
    "drip": drip(response_of(CANARY.encode() * 100), 50),
}


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
@pytest.mark.parametrize("treat", TELLING.values(), ids=TELLING.keys())
def test_no_secret_is_logged_or_told(
    serve: Serve, wire: HttpWire, treat: object, level: int, caplog: pytest.LogCaptureFixture
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
    server: Server, wire: HttpWire, caplog: pytest.LogCaptureFixture
) -> None:
    """httpx, which logs URLs, does not know the query: where somebody sets its level anew, no secret is logged."""
    with caplog.at_level(logging.DEBUG, logger="httpx"):
        get(wire, server.url)

    assert f"GET http://127.0.0.1:{server.port}/token " in caplog.text
    assert CANARY not in caplog.text


UNSENT = [
    *(f"http://{CANARY}:x/", f"ftp://{CANARY}/", f"http://a..example/{CANARY}", f"http://127.0.0.1:1/{CANARY}\x00"),
    *(f"http://{CANARY}/{'a' * 70_000}", f"http://[{CANARY}/"),
]


@pytest.mark.parametrize("url", UNSENT)
def test_no_url_is_told_that_was_not_sent(wire: HttpWire, url: str, caplog: pytest.LogCaptureFixture) -> None:
    """An unusable URL is not repeated by its error, and not by the error's traceback."""
    with caplog.at_level(logging.DEBUG):
        told = not_sent(wire, url)

    assert CANARY not in told + caplog.text


def test_every_error_of_the_libraries_is_translated() -> None:
    """A new kind of error in httpx or httpcore fails here before it escapes untranslated there."""
    exported = {getattr(library, name) for library in (httpx, httpcore) for name in library.__all__}
    errors = {kind for kind in exported if isinstance(kind, type) and issubclass(kind, BaseException)}

    assert errors
    assert {kind for kind in errors if not issubclass(kind, FOREIGN_ERRORS)} == set()
    assert issubclass(NotSent, TokensyncError)
