"""A proxy on loopback that compresses every answer, whatever the client asked for, as some gateways do."""

from __future__ import annotations

import gzip
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import httpx

PATIENCE = 30  # seconds for an answer of the server behind it
_HOP = frozenset(
    {"connection", "content-length", "content-encoding", "transfer-encoding", "keep-alive", "date", "server"}
)
_CODINGS = {"gzip": gzip.compress, "deflate": zlib.compress}


class CompressingProxy:
    """Answers for one server. `answered` counts the answers that it compressed, by their coding in turn."""

    def __init__(self, origin: str) -> None:
        self.answered: dict[str, int] = dict.fromkeys(_CODINGS, 0)
        self._lock = threading.Lock()
        self._client = httpx.Client(base_url=origin, timeout=PATIENCE)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def _coding(self) -> str:
        with self._lock:
            coding = min(self.answered, key=lambda name: self.answered[name])
            self.answered[coding] += 1
        return coding

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._forward(b"")

            def do_POST(self) -> None:
                self._forward(self.rfile.read(int(self.headers.get("content-length", "0"))))

            def _forward(self, body: bytes) -> None:
                # The server behind it makes its addresses of the Host that it sees.
                asked = {name: value for name, value in self.headers.items() if name.lower() not in {"host", *_HOP}}
                answer = proxy._client.request(self.command, self.path, headers=asked, content=body)
                coding = proxy._coding()
                packed = _CODINGS[coding](answer.content)
                self.send_response(answer.status_code)
                for name, value in answer.headers.multi_items():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("content-encoding", coding)
                self.send_header("content-length", str(len(packed)))
                self.end_headers()
                self.wfile.write(packed)

            def log_message(self, *_: object) -> None:
                """Say nothing: a request's line may hold a token."""

        return Handler
