"""A proxy between a function's process and the embedded AWS that carries out scripted faults.

    from faults.proxy import FaultProxy
    from faults.script import Effect, Fault

    with FaultProxy(stack.outputs.endpoint) as proxy:
        endpoint = proxy.open("worker-1")             # AWS_ENDPOINT_URL of that worker: one port for each name
        fault = proxy.add(Fault("secretsmanager", "PutSecretValue", Effect.THROTTLE, times=20))
        proxy.add(Fault("dynamodb", effect=Effect.DOWN, seconds=30))                  # for 30 seconds from now
        proxy.add(Fault("dynamodb", "UpdateItem", Effect.AFTER_RESET, times=1, body="sealed_answer", worker="worker-1"))
        ...
        proxy.clear()                                 # everything is healthy again
        proxy.seen(service="kms", action="Decrypt")   # what came by, the first to end first

Requests pass with every header as it came, Host and Authorization among them, so that signatures hold. Of several
faults that match, the one that was added first is carried out. A service's name is the one that it is signed for:
`dynamodb`, `kms`, `secretsmanager`, `sns`, `sqs`, `sts`; an action's is the API's, such as `UpdateItem`.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from select import select
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from faults.aws_errors import QUOTA, UNAVAILABLE, error_answer, throttled
from faults.script import Effect, Request, Script

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from faults.aws_errors import ErrorAnswer
    from faults.script import Fault

ProviderResponse = tuple[int, list[tuple[str, str]], bytes]  # status, headers, body

_SCOPE = re.compile(r"Credential=[^/,\s]+/\d+/[^/]*/([a-z0-9-]+)/aws4_request")
# RFC 9110 §7.6.1: these speak of one connection alone; a length is written anew.
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_RESET = struct.pack("ii", 1, 0)  # lingering for zero seconds makes close() send a RST
_UPSTREAM_SECONDS = 60.0
_HANG = 60.0


_FORWARDED_FIRST = frozenset({Effect.AFTER_ERROR, Effect.AFTER_RESET, Effect.HANG_AFTER})


@dataclass(frozen=True)
class Seen:
    """A request that came by. `outcome` is `forwarded` or the effect's name; times are of the monotonic clock."""

    worker: str
    service: str
    action: str
    outcome: str
    status: int | None  # what the client got; None where it got no answer
    at: float
    seconds: float


class FaultProxy:
    """Listens on a loopback port for each worker. A context manager: its end closes every port."""

    def __init__(self, upstream: str, *, seed: int = 0) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.script = Script(seed=seed)
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._then: tuple[int, Callable[[], None]] | None = None
        self._servers: dict[str, _Server] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def open(self, worker: str = "worker") -> str:
        """Return the endpoint for a worker of this name; the same name gets the same one."""
        server = self._servers.get(worker)
        if server is None:
            server = self._servers[worker] = _Server(self, worker)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    def close(self) -> None:
        """Close every port; requests that hang end without an answer."""
        self.ended.set()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()
        self._servers.clear()

    def add(self, fault: Fault) -> Fault:
        """Script a fault and return it."""
        return self.script.add(fault)

    def remove(self, fault: Fault) -> None:
        """Take one fault back."""
        self.script.remove(fault)

    def clear(self) -> None:
        """Take every fault back, and what was to be done: all is healthy from now on."""
        with self._lock:
            self._then = None
        self.script.clear()

    def note(self, seen: Seen) -> None:
        """Keep what came by."""
        with self._lock:
            self._seen.append(seen)
            if self._then is not None and len(self._seen) >= self._then[0]:
                _, act = self._then
                self._then = None
                act()

    def after(self, more: int, act: Callable[[], None]) -> None:
        """Do something when so many more requests came by, before the last one of them is answered."""
        with self._lock:
            self._then = (len(self._seen) + more, act)

    def seen(self, **wanted: object) -> list[Seen]:
        """Return what came by, the first to end first; keywords are fields that must be equal."""
        return [seen for seen in tuple(self._seen) if all(getattr(seen, name) == wanted[name] for name in wanted)]

    def counts(self) -> Counter[tuple[str, str, str]]:
        """Return how often each (service, action, outcome) came by."""
        return Counter((seen.service, seen.action, seen.outcome) for seen in tuple(self._seen))


class _Server(ThreadingHTTPServer):
    """One worker's port."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy, worker: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self.worker = worker

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a worker that was killed leaves its connections as they are."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a worker: a request at a time, each forwarded over one connection to AWS."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    _upstream: HTTPConnection | None = None
    _begun = 0.0
    _noted = False

    def finish(self) -> None:
        """End AWS's connection with the worker's."""
        if self._upstream is not None:
            self._upstream.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Write nothing to stderr."""

    def _do(self) -> None:
        body = self._body()
        request = Request(self.server.worker, *_named(self.path, dict(self.headers.items()), body), body)
        fault = self.server.proxy.script.met(request)
        self._begun = time.monotonic()
        self._noted = False
        try:
            self._carry_out(fault, request)
        except (OSError, HTTPException):  # the worker is gone, or AWS is
            self.close_connection = True
            self._note(fault, request, None)

    def _note(self, fault: Fault | None, request: Request, status: int | None) -> None:
        """Record a request once, before its answer leaves: whoever has the answer finds it recorded."""
        if not self._noted:
            self._noted = True
            outcome = "forwarded" if fault is None else str(fault.effect)
            took = time.monotonic() - self._begun
            seen = Seen(request.worker, request.service, request.action, outcome, status, self._begun, took)
            self.server.proxy.note(seen)

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _do  # noqa: N815 - names of the base class

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return body

    def _carry_out(self, fault: Fault | None, request: Request) -> None:
        """Do what the fault says."""
        answer = self._answered(fault, request)
        self._note(fault, request, answer[0] if answer else None)
        if answer:
            self._send(*answer)
            return
        if fault is not None and fault.effect in (Effect.HANG, Effect.HANG_AFTER):
            self._hang(_HANG if fault.delay is None else fault.delay)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close_connection = True

    def _answered(self, fault: Fault | None, request: Request) -> ProviderResponse | None:
        """Return the answer that goes back, None where none does."""
        if fault is None:
            return self._forwarded(request.body)
        if fault.effect is Effect.SLOW:
            self.server.proxy.ended.wait(0.5 if fault.delay is None else fault.delay)
            return self._forwarded(request.body)
        if fault.effect in _FORWARDED_FIRST:
            self._forwarded(request.body)
        match fault.effect:
            case Effect.BEFORE | Effect.AFTER_ERROR:
                return _error(UNAVAILABLE, request)
            case Effect.THROTTLE:
                return _error(throttled(request.service), request)
            case Effect.QUOTA:
                return _error(QUOTA, request)
        return None

    def _hang(self, seconds: float) -> None:
        """Wait so long, or until the worker goes."""
        end = time.monotonic() + seconds
        self.connection.settimeout(0.2)
        while time.monotonic() < end and not self.server.proxy.ended.is_set():
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return
                time.sleep(0.2)
            except TimeoutError:
                continue

    def _forwarded(self, body: bytes) -> ProviderResponse:
        """Let AWS answer. A kept connection that AWS closed meanwhile is opened anew; nothing is ever sent twice."""
        if self._upstream is not None and select([self._upstream.sock], [], [], 0)[0]:
            self._upstream.close()
            self._upstream = None
        if self._upstream is None:
            self._upstream = HTTPConnection(*self.server.proxy.upstream, timeout=_UPSTREAM_SECONDS)
            self._upstream.connect()
            self._upstream.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = self._exchanged(self._upstream, body)
        if self._upstream.sock is None:  # AWS told that it closes
            self._upstream = None
        return answer

    def _exchanged(self, upstream: HTTPConnection, body: bytes) -> ProviderResponse:
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP | {"expect"}:
                upstream.putheader(name, value)
        if body or self.command in ("POST", "PUT"):
            upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body or None)
        answer = upstream.getresponse()
        return answer.status, answer.getheaders(), answer.read()

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        lines = [f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() not in _HOP_BY_HOP]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self.connection.sendall("\r\n".join(lines).encode("latin-1") + (b"" if self.command == "HEAD" else body))


def _error(error: ErrorAnswer, request: Request) -> ProviderResponse:
    content_type, body = error_answer(error, request.service)
    return error.status, [("Content-Type", content_type), ("x-amzn-RequestId", "fault")], body


def _named(path: str, headers: dict[str, str], body: bytes) -> tuple[str, str]:
    """Return the service that a request is signed for and its action, empty where it tells none."""
    lowered = {name.lower(): value for name, value in headers.items()}
    scope = _SCOPE.search(lowered.get("authorization", ""))
    target = lowered.get("x-amz-target", "")
    if target:
        action = target.rpartition(".")[2]
    else:
        is_form = lowered.get("content-type", "").startswith("application/x-www-form-urlencoded")
        form = body.decode("utf-8", "replace") if is_form else urlsplit(path).query
        action = parse_qs(form).get("Action", [""])[0]
    return scope[1] if scope else "", action
