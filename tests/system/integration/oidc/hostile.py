"""An authorization server in an attacker's hands: real behind, but it leads browsers on, and keeps what it is sent."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

if TYPE_CHECKING:
    from integration.oidc.server import Client

PATIENCE = 20  # seconds
NOT_PASSED = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "date"})


class Hostile:
    """Stands before an honest server. Once told to, it sends browsers on to another one, as another's client.

    It is the attacker of RFC 9700 section 4.4: it runs an authorization server that somebody registered an app with.
    """

    def __init__(self, behind: str, endpoint: str) -> None:
        self.sent: list[bytes] = []
        self.token_requests = 0
        self._path = urlsplit(endpoint).path
        self._leads_to: tuple[str, dict[str, str]] | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.sent.append(f"{self.path}\n{self.headers}".encode() + body)
                outer.token_requests += self.path.endswith("/token")
                if outer._leads_to and urlsplit(self.path).path == outer._path:
                    self._lead_on(*outer._leads_to)
                    return
                answer = httpx.request(
                    self.command, f"{behind}{self.path}", headers=dict(self.headers), content=body, timeout=PATIENCE
                )
                self.send_response(answer.status_code)
                for name, value in answer.headers.multi_items():
                    if name.lower() not in NOT_PASSED:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def _lead_on(self, endpoint: str, changed: dict[str, str]) -> None:
                asked = {**dict(parse_qsl(urlsplit(self.path).query)), **changed}
                self.send_response(303)
                self.send_header("location", f"{endpoint}?{urlencode(asked)}")
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST = _pass  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                """Say nothing: a path may hold a code."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def lead_on(self, endpoint: str, client: Client, redirect_uri: str) -> None:
        """From now on send each browser to this authorization endpoint, as this client, with that way back."""
        self._leads_to = endpoint, {"client_id": client.client_id, "redirect_uri": redirect_uri}
