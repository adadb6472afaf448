"""What anybody may send to the door, ten thousand times: it costs no call to AWS, and none to a provider."""

from __future__ import annotations

import base64
import random
import string
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from fault_rows import fault
from faults.proxy import FaultProxy
from integration import test_handlers
from tokensync.domain.app import App
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from stack import Stack

APP = "garbage-shop"
COOKIE = "__Host-tokensync"
REQUESTS = 10_000
REFUSALS = {400, 401, 403, 404, 413}
LOOK_AGAIN = 30  # seconds: however many unknown apps there are, their names are looked for once in this time
NO_ROUTE = [
    ("POST", "/connect/{}"),
    ("HEAD", "/connect/{}"),
    ("OPTIONS", "/callback/{}"),
    ("PUT", "/webhooks/{}"),
    ("GET", "/webhooks/{}"),
    ("DELETE", "/connect/{}/result"),
    ("GET", "/"),
    ("GET", "/connect"),
    ("GET", "/connect/{}/result/more"),
    ("GET", "/callback/../admin"),
    ("GET", "/callback/%2e%2e%2fadmin"),
    ("GET", "/.env"),
    ("PROPFIND", "/callback/{}"),
]

load = test_handlers.load


@dataclass
class Provider:
    """A provider of our own that counts who asks it anything."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider whose every address is on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def _note(self) -> None:
            provider.asked.append(self.path)
            self.send_error(500)

        do_GET = do_POST = _note  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield provider
    server.shutdown()
    server.server_close()


@pytest.fixture
def aws(stack: Stack) -> Iterator[FaultProxy]:
    """What the function takes for AWS: it passes every request on, and keeps a list."""
    with FaultProxy(stack.outputs.endpoint) as proxy:
        yield proxy


@pytest.fixture
def callback(
    load: Callable[[str, str], ModuleType],
    stack: Stack,
    aws: FaultProxy,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> ModuleType:
    """The callback function's module, with one app; AWS is behind the proxy."""
    hosts = {name: f"{provider.url}/{name}" for name in ("authorize", "token", "refresh", "api")}
    stack.apps.register(
        App(
            name=APP,
            provider="tiktok_shop",
            client_id="client",
            client_secret=Secret("a client secret"),
            service_id="1",
            endpoints=hosts,
        )
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.open("callback"))
    return load("callback", stack.outputs.callback_function)


class Garbage:
    """Makes requests that are worth nothing, the same ones each time. `ours` are texts that we signed, out of place."""

    def __init__(self, ours: dict[str, str]) -> None:
        self.random = random.Random(16)  # noqa: S311 - the same garbage each time
        self.ours = ours
        self.kinds = (self.bad_invite, self.bad_state, self.bad_cookie, self.bad_result, self.bad_webhook)

    def made(self) -> dict[str, Any]:
        """Return one request."""
        return self.random.choice(self.kinds)()

    def text(self, length: int = 0) -> str:
        """Return letters, digits and what stands in signed texts."""
        letters = string.ascii_letters + string.digits + "-_."
        return "".join(self.random.choices(letters, k=length or self.random.choice((1, 16, 22, 43, 200))))

    def app(self) -> str:
        """Return our app's name, or one that nobody has."""
        names = (APP, APP, f"nobody-{self.random.randrange(10**6)}", "UPPER", "..", "%2e%2e", "a" * 300, "\u00fc", "")
        return self.random.choice(names)

    def junk(self) -> str:
        """Return what stands where something that we signed is expected."""
        forged = f"{self.text(80)}.{self.text(43)}"
        return self.random.choice(
            ("", ".", forged, self.text(), "%C3%A9", "%ff", "%zz", "%00", "x" * 5000, "y" * 9000, *self._damaged())
        )

    def _damaged(self) -> list[str]:
        text = self.random.choice(list(self.ours.values()))
        at = self.random.randrange(len(text))
        return [text[:at], text[at + 1 :], text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]]

    def request(self, route: str, query: str = "", **more: Any) -> dict[str, Any]:
        """Return an event of API Gateway."""
        sample = "webhook" if route.startswith("POST") else "callback"
        event = {**test_handlers.event(sample), "routeKey": route, "rawQueryString": query, "cookies": [], **more}
        return {"pathParameters": {"app": self.app()}, **{k: v for k, v in event.items() if k != "pathParameters"}}

    def bad_invite(self) -> dict[str, Any]:
        """An invite that is none, forged, of another purpose, or that has expired."""
        wrong = self.random.choice((self.junk(), self.ours["state"], self.ours["expired"], self.ours["other app"]))
        query = self.random.choice((f"invite={wrong}", f"invite={wrong}&invite={wrong}", f"x={wrong}", wrong))
        return self.request("GET /connect/{app}", query, cookies=[self.cookie()])

    def bad_state(self) -> dict[str, Any]:
        """A callback whose state is none of ours, whatever else it brings."""
        wrong = self.random.choice((self.junk(), self.ours["invite"]))
        rest = self.random.choice(("code=c", f"code={'c' * 5000}", "error=access_denied", "code=c&error=e", "code=%00"))
        query = self.random.choice((f"{rest}&state={wrong}", rest, f"state={wrong}&state={wrong}", wrong))
        return self.request("GET /callback/{app}", query, cookies=[self.cookie()])

    def bad_cookie(self) -> dict[str, Any]:
        """A callback with a state of ours, which another browser began."""
        query = f"code={self.text(20)}&state={quote(self.ours['state'])}"
        return self.request("GET /callback/{app}", query, cookies=[self.cookie()])

    def bad_result(self) -> dict[str, Any]:
        """Somebody asks how it ended who never began."""
        return self.request("GET /connect/{app}/result", cookies=[self.cookie()])

    def bad_webhook(self) -> dict[str, Any]:
        """A webhook that nobody signed: no signature, a wrong one, of another scheme, too large, not decodable."""
        headers = self.random.choice(
            (
                {},
                {"authorization": self.text(64)},
                {"authorization": "0" * 64},
                {"tiktok-signature": f"t={int(time.time())},s={'0' * 64}"},
                {"x-hub-signature-256": f"sha256={'0' * 64}"},
                {"authorization": "\u00e4" * 64},
            )
        )
        body = self.random.choice(("", "{}", "{" * 1000, "\ud800", "x" * 70_000, '{"type": 6}', "not base64!"))
        encoded = self.random.random() < 0.5
        if encoded and self.random.random() < 0.5:
            body = base64.b64encode(body.encode("utf-8", "surrogatepass")).decode("ascii")
        return self.request("POST /webhooks/{app}", headers=headers, body=body, isBase64Encoded=encoded)

    def cookie(self) -> str:
        """Return a cookie that we did not sign."""
        value = self.random.choice((self.junk(), "a" * 32, f"{self.text(22)}.{self.text(43)}", f"{'a' * 22}."))
        return self.random.choice((f"{COOKIE}={value}", f"other={value}", COOKIE, "", f"{COOKIE}=={value}"))


@fault("C1", "C2", "C15", "C16", "C17")
def test_garbage_costs_no_call_to_anyone(
    callback: ModuleType, stack: Stack, aws: FaultProxy, provider: Provider
) -> None:
    """Ten thousand requests over all routes, counted where AWS and the provider are: no call once it is warm.

    Each is refused, and by no server error. What is kept, the apps' names, is read again once in half a minute.
    """
    began = time.monotonic()
    good = stack.invite(APP).partition("invite=")[2]
    begun = callback.handler(
        {**test_handlers.filled("connect", invite=good), "pathParameters": {"app": APP}}, _context()
    )
    ours = {
        "invite": good,
        "state": parse_qs(urlsplit(begun["headers"]["location"]).query)["state"][0],
        "cookie": begun["cookies"][0].partition(";")[0].partition("=")[2],
        "expired": stack.invite(APP, expires_in=-1).partition("invite=")[2],
        "other app": stack.invite("other-shop").partition("invite=")[2],
    }
    garbage = Garbage(ours)
    for _ in range(200):
        callback.handler(garbage.made(), _context())
    before = len(aws.seen())
    statuses = Counter(callback.handler(garbage.made(), _context())["statusCode"] for _ in range(REQUESTS))
    looks = int((time.monotonic() - began) / LOOK_AGAIN)

    assert before > 0
    assert REFUSALS >= statuses.keys()
    assert REQUESTS == statuses.total()
    asked = Counter((seen.service, seen.action) for seen in aws.seen()[before:])
    assert asked <= Counter({("dynamodb", "Query"): looks})
    assert [] == provider.asked


@fault("C9", "C16")
@pytest.mark.parametrize(("method", "path"), NO_ROUTE)
def test_what_is_no_route_reaches_no_function(stack: Stack, method: str, path: str) -> None:
    """The API itself answers other methods and other paths."""
    base = stack.outputs.connect_url.removesuffix("/connect")
    answer = httpx.request(method, f"{base}{path.format(APP)}", timeout=60)

    assert answer.status_code in (404, 405)
    assert "strict-transport-security" not in answer.headers  # which each answer of ours has


def _context() -> test_handlers.Context:
    return test_handlers.Context()
