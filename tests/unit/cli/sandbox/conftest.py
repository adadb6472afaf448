"""A sandbox without sockets, and its providers as the core speaks to them."""

import asyncio
import hashlib
import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from documented import SAMPLES
from samples import REDIRECT, STATE, VERIFIER, app_of

from tokensync.domain.grant import Grant
from tokensync.domain.messages import Failure, Issued, ProviderResponse, Request
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.token_request import (
    authorize_url,
    client_credentials_request,
    code_request,
    refresh_request,
    revocation_request,
)
from tokensync.oauth.token_response import read_account, read_revocation, read_token_response
from tokensync.providers import PROVIDERS as CORE
from tokensync_cli.sandbox.app import build
from tokensync_cli.sandbox.clock import Clock
from tokensync_cli.sandbox.control.saver import Saver, load
from tokensync_cli.sandbox.control.webhooks import Delivery
from tokensync_cli.sandbox.registry import PROVIDERS
from tokensync_cli.sandbox.state import Sandbox, Saved

NOW = 1_660_000_000
BASE = "http://localhost:4001"


@dataclass
class Box:
    """A sandbox whose clock is fixed, whose waits are recorded, and which posts nothing."""

    path: Path
    saved: Saved | None = None
    waits: list[float] = field(default_factory=list)
    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    now: int = NOW

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(PROVIDERS, saved=self.saved, clock=Clock(lambda: float(NOW)), sleep=self._wait)
        self.app = build(self.sandbox, Saver(self.sandbox, self.path), self._post)

    async def _post(self, url: str, headers: dict[str, str], content: bytes) -> Delivery:
        self.posted.append((url, headers, content))
        return Delivery(status=202, seconds=0.25)

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def client(self) -> httpx.AsyncClient:
        """Return a client whose requests never leave the process."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE, trust_env=False)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request and return its response."""

        async def send() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send one GET."""
        return self.request("GET", path, **options)

    def control(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        """Use the control plane, which must accept it."""
        response = self.request(method, f"/_sandbox/{path}", **({} if body is None else {"json": body}))
        assert response.status_code == 200, response.text
        return response.json()

    def refused(self, path: str, body: Any, status: int = 400) -> str:
        """Use the control plane, which must refuse it; return why."""
        response = self.request("POST", f"/_sandbox/{path}", json=body)
        assert status == response.status_code
        return str(response.json()["error"])

    def ledger(self, **query: str) -> Any:
        """Read the ledger."""
        return self.get("/_sandbox/ledger", params=query).json()

    def restarted(self) -> "Box":
        """Return a sandbox that begins with what this one has saved."""
        self.control("save")
        return Box(self.path, saved=load(self.path))


class Party:
    """One app with one provider of the sandbox, spoken to by the core's requests and read by the core's parser."""

    def __init__(self, box: Box, name: str, **settings: Any) -> None:
        self.box, self.name, self.sample = box, name, SAMPLES[name]
        self.account = next(iter(box.sandbox.providers[name].seeds)).account
        paths = {key: f"/{name}{urlsplit(url).path}" for key, url in CORE[name].endpoints.items()}
        if name == "oauth2":
            paths = {"authorize": "/oauth2/authorize", "token": "/oauth2/token", "revoke": "/oauth2/revoke"}
            paths["verify"] = "/oauth2/userinfo"
        self.endpoints = {key: f"{BASE}{path}" for key, path in paths.items()}
        self.app = app_of(name, endpoints=self.endpoints)
        self.register(**settings)
        self.app = replace(self.app, scopes=self.box.sandbox.apps.find(name, "client-1").settings.scopes)

    @property
    def provider(self) -> Any:
        """Return the provider as the app has configured it."""
        return CORE[self.name].for_app(self.app)

    def register(self, **settings: Any) -> None:
        """Register the app, or change its settings."""
        self.put(redirect_uri=REDIRECT, settings=settings)

    def put(self, **change: Any) -> None:
        """Register the app with these fields."""
        told = {"provider": self.name, "app_key": self.app.client_id, "app_secret": self.app.client_secret.reveal()}
        service = {"service_id": self.app.service_id} if self.name == "tiktok_shop" else {}
        self.box.control("apps", {**told, **service, **change})

    def fault(self, endpoint: str, fault: str, **options: Any) -> None:
        """Script a fault."""
        self.box.control("faults", {"provider": self.name, "endpoint": endpoint, "fault": fault, **options})

    @property
    def named(self) -> dict[str, str]:
        """Return how the control plane names the account."""
        return {"provider": self.name, "app": self.app.client_id, "account": self.account}

    def other(self, **change: Any) -> "Party":
        """Return this party under another registration."""
        made = Party(self.box, self.name)
        made.app = replace(self.app, **{"client_id": "other", "service_id": "2", **change})
        made.put(redirect_uri=REDIRECT)
        return made

    def send(self, request: Request | None, **change: Any) -> httpx.Response:
        """Send a request of the core's; `change` replaces parameters, None leaves one out."""
        assert request is not None
        headers, url, body = dict(request.headers), request.url, request.body
        if change:
            kind = headers.get("content-type")
            read = parse_qsl(urlsplit(url).query if request.method == "GET" else body.decode(), keep_blank_values=True)
            told: dict[str, Any] = json.loads(body) if body.startswith(b"{") else dict(read)
            told = {name: value for name, value in {**told, **change}.items() if value is not None}
            if request.method == "GET":
                url = f"{url.partition('?')[0]}?{urlencode(told)}"
            else:
                body = json.dumps(told).encode() if kind == "application/json" else urlencode(told, doseq=True).encode()
        return self.box.request(request.method, url, headers=headers, content=body)

    def received(self, response: httpx.Response) -> ProviderResponse:
        """Return a response as the core receives it."""
        now = int(self.box.sandbox.clock.now())
        headers = dict(response.headers)
        return ProviderResponse(status=response.status_code, headers=headers, body=response.content, received_at=now)

    def read(self, response: httpx.Response) -> Any:
        """Return what the core reads in a token response."""
        return read_token_response(self.provider, self.received(response))

    def link(self, **change: str | None) -> str:
        """Return the link to the consent page, with parameters changed or left out."""
        url = authorize_url(self.provider, self.app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)
        told = {**dict(parse_qsl(urlsplit(url).query)), **change}
        query = urlencode({name: value for name, value in told.items() if value is not None})
        return f"{url.partition('?')[0]}?{query}"

    def submit(self, decision: str = "approve", *, link: dict[str, str | None] | None = None, **form: Any) -> Any:
        """Open the page and send its form as a browser would; `form` replaces fields."""
        url = self.link(**(link or {}))
        text = self.box.get(url).text
        hidden = {n: html.unescape(v) for n, v in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', text)}
        ticked = re.findall(r'name="scope" id="scope-\d+" value="([^"]+)" checked', text)
        sent = {**hidden, "scope": ticked, "account": self.account, "decision": decision, **form}
        path = url.partition("?")[0]
        return self.box.request("POST", path, data={name: value for name, value in sent.items() if value is not None})

    def callback(self, *arguments: Any, **options: Any) -> Query:
        """Return what the core is called back with."""
        response = self.submit(*arguments, **options)
        assert response.status_code == 302, response.text
        assert response.headers["location"].startswith(f"{REDIRECT}?")
        return Query.parse(urlsplit(response.headers["location"]).query)

    def code(self, **options: Any) -> Secret:
        """Let the account approve and return the code."""
        code: Secret | None = self.callback(**options).code(self.provider, self.app)
        assert code is not None
        return code

    def ask_exchange(self, code: Secret, /, **change: Any) -> httpx.Response:
        """Exchange a code; return the raw response."""
        request = code_request(self.provider, self.app, code, redirect_uri=REDIRECT, verifier=VERIFIER)
        return self.send(request, **change)

    def ask_refresh(self, token: Secret, /, **change: Any) -> httpx.Response:
        """Present a refresh token; return the raw response."""
        return self.send(refresh_request(self.provider, self.app, token), **change)

    def exchange(self, code: Secret, /, **change: Any) -> Any:
        """Exchange a code."""
        return self.read(self.ask_exchange(code, **change))

    def refresh(self, token: Secret | None, /, **change: Any) -> Any:
        """Present a refresh token."""
        assert token is not None
        return self.read(self.ask_refresh(token, **change))

    def mint(self, **change: Any) -> Any:
        """Ask for the app's own token."""
        return self.read(self.send(client_credentials_request(self.provider, self.app), **change))

    def grant(self, **options: Any) -> Grant:
        """Return the tokens of a new authorization: by consent where there is one, else by hand."""
        if self.sample.authorize is None:
            pair = self.box.control("credentials", self.named)
            access, refresh = Secret(pair["access_token"]), Secret(pair["refresh_token"])
        else:
            issued = self.exchange(self.code(**options))
            assert isinstance(issued, Issued), issued
            access, refresh = issued.access_token, issued.refresh_token
        return Grant(
            account_id="a",
            label="",
            access_token=access,
            refresh_token=refresh,
            token_type="Bearer",
            scopes=(),
            obtained_at=NOW,
        )

    def revoke(self, grant: Grant, **change: Any) -> Failure | None:
        """End an authorization."""
        request = revocation_request(self.provider, self.app, grant)
        return read_revocation(self.provider, self.received(self.send(request, **change)))

    def ask_account(self, grant: Grant, **change: Any) -> httpx.Response:
        """Verify an access token; return the raw response."""
        call = self.provider.account_call
        url = self.provider.endpoint(self.app, call.endpoint)
        return self.send(call.request(self.app, url, grant, int(self.box.sandbox.clock.now())), **change)

    def verify(self, grant: Grant, **change: Any) -> Any:
        """Return the account's facts, or the failure."""
        response = self.received(self.ask_account(grant, **change))
        return read_account(self.provider, self.provider.account_call, response)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Return a new sandbox."""
    return Box(tmp_path / "state.json")


@pytest.fixture
def party(box: Box) -> Callable[..., Party]:
    """Return how an app of a provider is registered in the sandbox."""
    return lambda name, **settings: Party(box, name, **settings)


@pytest.fixture
def shop(party: Callable[..., Party]) -> Party:
    """Return an app of TikTok Shop."""
    return party("tiktok_shop")


@pytest.fixture
def sha256() -> Callable[[str], str]:
    """Return how the control plane names a credential."""
    return lambda credential: hashlib.sha256(credential.encode()).hexdigest()
