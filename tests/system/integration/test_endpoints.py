"""Somebody writes an app's secret in Secrets Manager: what arrives at another server of this machine is counted."""

from __future__ import annotations

import json
import secrets
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from fault_rows import fault
from tokensync.domain.app import App
from tokensync.domain.connection import Reason, Status
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stack import Sandbox, Stack

ENDPOINTS = ("authorize", "token", "verify", "revoke")


class Server:
    """An authorization server that gives everybody a pair with its own `word`, and remembers what it was sent."""

    def __init__(self, url: str, word: str) -> None:
        self.url = url
        self.word = word
        self.asked: list[str] = []

    @property
    def endpoints(self) -> dict[str, str]:
        """Return its endpoints as an app names them."""
        return {key: f"{self.url}/{key}" for key in ENDPOINTS}

    def answer(self, path: str, sent: str) -> dict[str, Any]:
        """Answer one request."""
        self.asked.append(f"{path} {sent}")
        if path.startswith("/verify"):
            return {"sub": "acme"}
        pair = {f"{kind}_token": f"{self.word}-{kind}-{len(self.asked)}" for kind in ("access", "refresh")}
        return {**pair, "token_type": "Bearer", "expires_in": 3600}


@contextmanager
def listening(word: str) -> Iterator[Server]:
    """Serve on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            raw = json.dumps(served.answer(self.path, f"{self.headers.as_string()} {body}")).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Server(f"http://localhost:{server.server_port}", word)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    """The server that gave the tokens, and somebody else's."""
    with ExitStack() as both:
        yield both.enter_context(listening("CANARY")), both.enter_context(listening("theirs"))


def written(stack: Stack, app: str, **fields: Any) -> None:
    """Write an app's secret by hand, and let no warm function know the one before."""
    name = f"{stack.outputs.secret_prefix}/apps/{app}"
    value = json.loads(stack.secrets.get_secret_value(SecretId=name)["SecretString"])
    stack.secrets.put_secret_value(SecretId=name, SecretString=json.dumps({**value, **fields}))
    stack.start_anew(stack.outputs.rotation_function, stack.outputs.callback_function)


def everything(stack: Stack, name: ConnectionName) -> None:
    """Let the schedule come by, and ask for all that sends something."""
    with stack.clock_ahead(3000):
        stack.tick()
        for command in ("refresh", "verify", "revoke"):
            stack.ask(command, name, force=True)


@fault("C10")
def test_nothing_of_a_standing_connection_arrives_elsewhere(stack: Stack, servers: tuple[Server, Server]) -> None:
    """Endpoints swapped in Secrets Manager: the other server is sent nothing, and put back it goes on by itself."""
    home, other = servers
    app = f"swapped-{secrets.token_hex(4)}"
    stack.apps.register(
        App(
            name=app,
            provider="oauth2",
            client_id="client-1",
            client_secret=Secret("CANARY-client-secret"),
            endpoints=home.endpoints,
        )
    )
    imported = stack.ask("import", app=app, account="acme", refresh_token="CANARY-refresh-0")
    assert imported["ok"], imported
    name = ConnectionName(app, "acme")

    written(stack, app, endpoints=other.endpoints)
    everything(stack, name)
    assert [] == other.asked
    assert (Status.HELD, Reason.ENDPOINT_CHANGED) == (stack.stored(name).status, stack.stored(name).reason)
    assert "held" == stack.document(name)["status"]

    # An operator brings somebody else's token over it: what stood before is not taken along.
    stack.ask("import", app=app, account="other", refresh_token="theirs")
    stack.ask("import", app=app, account="acme", access_token="theirs", expires_at=4_000_000_000, replace=True)
    assert [] != other.asked
    assert [] == [asked for asked in other.asked if "CANARY-" in asked]


@fault("C10")
def test_what_is_put_back_goes_on_by_itself(stack: Stack, servers: tuple[Server, Server]) -> None:
    """A connection from the sandbox: another server of this machine gets nothing of it, and the schedule goes on."""
    _, other = servers
    app = f"moved-{secrets.token_hex(4)}"
    sandbox: Sandbox = stack.add_app(app, access_token_seconds=3600)
    name = stack.connect(app, sandbox, sandbox.sellers(1)[0])
    before = stack.apps.get(app, fresh=True).endpoints

    written(stack, app, endpoints={key: f"{other.url}/{key}" for key in before})
    everything(stack, name)
    assert [] == other.asked
    assert Reason.ENDPOINT_CHANGED == stack.stored(name).reason

    written(stack, app, endpoints=before)
    stack.soon(lambda: stack.stored(name).status is Status.ACTIVE, ahead=3000)
    assert [] == sandbox.doubles()
    stack.soon(lambda: stack.document(name)["generation"] == 2, ahead=3000)
