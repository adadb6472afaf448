"""A proxy on loopback that compresses whatever comes back, although nobody asks for it."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CODINGS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}
NOT_PASSED = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "date"})
PATIENCE = 20  # seconds


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # a batch of workers connects at once


class Compressing:
    """Passes requests on to one origin, and its answers back in one coding after the other. `packed` counts them."""

    def __init__(self, origin: str) -> None:
        self.packed: Counter[str] = Counter()
        codings: Iterator[str] = cycle(CODINGS)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                answer = httpx.request(
                    self.command, f"{origin}{self.path}", headers=dict(self.headers), content=body, timeout=PATIENCE
                )
                with outer._lock:
                    coding = next(codings)
                    outer.packed[coding] += 1
                packed = CODINGS[coding](answer.content)
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in NOT_PASSED:
                        self.send_header(name, value)
                self.send_header("content-encoding", coding)
                self.send_header("content-length", str(len(packed)))
                self.end_headers()
                self.wfile.write(packed)

            do_GET = do_POST = _pass  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                """Say nothing: a path may hold a token."""

        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
