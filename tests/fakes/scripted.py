"""An authorization server of any kind that says what a test tells it to say, and remembers what it was asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from fakes.visitors import Browser
from fakes.world import World
from tokensync.domain.app import App
from tokensync.domain.messages import ProviderResponse
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from fakes import FakeClock
    from tokensync.domain.messages import Request
    from tokensync.entry.pages import Page

# A JSON body in an HTTP 200, a bare status, a whole answer, an error of the wire, or what makes one from a request.
Word = Mapping[str, Any] | int | ProviderResponse | Exception | Callable[["Request"], "Word"]


@dataclass
class ScriptedServer:
    """Answers each path with its next word, and with its last one for ever after; a path without words is a 404."""

    clock: FakeClock
    words: dict[str, list[Word]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def says(self, path: str, *words: Word) -> None:
        """Set what a path answers from now on."""
        self.words[path] = list(words)

    def __call__(self, request: Request) -> ProviderResponse:
        """Answer one request."""
        self.asked.append(request)
        path = urlsplit(request.url).path
        standing = self.words.get(path, [404])
        return self._answer(standing.pop(0) if len(standing) > 1 else standing[0], request)

    def send(self, request: Request, *, seconds: float) -> ProviderResponse:
        """Answer one request: the server as a whole wire."""
        del seconds
        return self(request)

    def times(self, path: str) -> int:
        """Return how often a path was asked."""
        return len(self.of(path))

    def of(self, path: str) -> list[Request]:
        """Return the requests to a path, in order."""
        return [request for request in self.asked if urlsplit(request.url).path == path]

    def forms(self, path: str) -> list[dict[str, str]]:
        """Return the forms that a path was sent, in order."""
        return [
            {name: values[0] for name, values in parse_qs(request.body.decode()).items()} for request in self.of(path)
        ]

    def answer(self, body: Mapping[str, Any] | bytes, *, status: int = 200, **headers: str) -> ProviderResponse:
        """Return an HTTP answer."""
        return ProviderResponse(
            status=status,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            received_at=self.clock.now(),
        )

    def _answer(self, word: Word, request: Request) -> ProviderResponse:
        if isinstance(word, Exception):
            raise word
        if isinstance(word, ProviderResponse):
            return word
        if isinstance(word, int):
            return self.answer({}, status=word)
        if isinstance(word, Mapping):
            return self.answer(word)
        return self._answer(word(request), request)


def id_token(**claims: Any) -> str:
    """Return an ID token with these claims, its signature made up: nobody checks it on this way."""
    parts = ({"alg": "RS256"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join((*encoded, "c2ln"))


ISSUER = "https://id.example"
ADS = App(name="ads", provider="tiktok_ads", client_id="7001", client_secret=Secret("canary-ads-secret"))
ADS_TOKEN, ADS_LIST = "/open_api/v1.3/oauth2/access_token/", "/open_api/v1.3/oauth2/advertiser/get/"
ADS_HOST = "business-api.tiktok.com"
OIDC = App(
    name="oidc",
    provider="oauth2",
    client_id="client-1",
    client_secret=Secret("canary-oidc-secret"),
    endpoints={
        "authorize": f"{ISSUER}/authorize",
        "token": f"{ISSUER}/token",
        "verify": f"{ISSUER}/userinfo",
    },
    settings={"issuer": ISSUER},
)


def ads_token(**data: Any) -> dict[str, Any]:
    """Return what TikTok Ads answers to a code."""
    return {
        "message": "OK",
        "code": 0,
        "data": {"access_token": "AA", "scope": [4], **data},
        "request_id": "trace-1",
    }


def advertisers(*ids: str) -> dict[str, Any]:
    """Return what TikTok Ads answers to the question whose accounts a token reaches."""
    entries = [{"advertiser_id": one, "advertiser_name": f"Name of {one}"} for one in ids]
    return {"code": 0, "message": "OK", "data": {"list": entries}, "request_id": "trace-2"}


def oidc_token(**fields: Any) -> dict[str, Any]:
    """Return what an OAuth 2.0 server answers to a code or a refresh token."""
    return {"access_token": "OA", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "OR", **fields}


@dataclass(frozen=True)
class Staged:
    """A world with one app, the server that answers it, and a seller's browser."""

    world: World
    server: ScriptedServer
    browser: Browser

    @classmethod
    def of(cls, app: App) -> Staged:
        """Return one whose app speaks to a scripted server on whatever host its token endpoint has."""
        world = World(app=app, is_embedded=app.is_sandboxed)
        server = ScriptedServer(world.clock)
        token = world.session().provider.endpoint(app, "token")
        world.shop.others[urlsplit(token).netloc] = server
        return cls(world, server, Browser(world))

    def connect(self, *, code: str = "code-1", **invite: Any) -> Page:
        """Let a seller consent, and show the result page."""
        self.browser.connect(self.world.invite(id=f"invite-{code}", **invite))
        self.browser.back(f"code={code}")
        return self.browser.result()

    def command(self, command: str, **asked: Any) -> dict[str, Any]:
        """Ask the callback function for something about the app, as the command line does."""
        world = self.world
        return world.callback_commands.answer({"tokensync": command, "app": world.app.name, **asked}, world.budget())

    def name(self, account: str) -> ConnectionName:
        """Return a connection of the app."""
        return ConnectionName(self.world.app.name, account)

    def alerts(self) -> list[str]:
        """Return the kinds of the alerts told so far."""
        return [alert.kind for alert in self.world.alerts.told]

    def events(self, account: str) -> list[str]:
        """Return what a connection's history tells."""
        return [entry.event for entry in self.world.stored(self.name(account)).history]
