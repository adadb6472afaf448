"""A sandbox without sockets: its clock stands, its randomness is seeded and its waits are recorded."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tokensync_cli.sandbox.app import build
from tokensync_cli.sandbox.clock import Clock
from tokensync_cli.sandbox.control.saver import Saver
from tokensync_cli.sandbox.control.webhooks import Delivery
from tokensync_cli.sandbox.registry import PROVIDERS
from tokensync_cli.sandbox.state import Sandbox, Saved

NOW = 1_660_000_000
KEY = "29a39d"
SECRET = "e59af819cc"
REGISTRATION = {
    "provider": "tiktok_shop",
    "app_key": KEY,
    "app_secret": SECRET,
    "service_id": "7770001",
    "redirect_uri": "http://localhost:4000/callback/demo",
}


@dataclass
class Box:
    """A sandbox, a client to it, and the vendor's calls in short."""

    path: Path
    saved: Saved | None = None
    waits: list[float] = field(default_factory=list)
    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    now: int = NOW
    seller: str = "7010736057180325637"
    creator: str = "7316620945501274118"

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(
            PROVIDERS,
            saved=self.saved,
            clock=Clock(lambda: float(NOW)),
            sleep=self._wait,
        )
        self.saver = Saver(self.sandbox, self.path)
        self.app = build(self.sandbox, self.saver, self._post)

    async def _post(self, url: str, headers: dict[str, str], content: bytes) -> Delivery:
        self.posted.append((url, headers, content))
        return Delivery(status=202, seconds=0.25)

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def client(self) -> httpx.AsyncClient:
        """Return a client whose requests never leave the process."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://localhost:4001", trust_env=False
        )

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request and return its answer."""

        async def send() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send one GET."""
        return self.request("GET", path, **options)

    def control(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        """Use the control plane, which must accept it."""
        answer = self.request(method, f"/_sandbox/{path}", **({} if body is None else {"json": body}))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def settings(self, **settings: Any) -> None:
        """Change the app's settings."""
        self.control("apps", {"provider": "tiktok_shop", "app_key": KEY, "settings": settings})

    def fault(self, endpoint: str, fault: str, **options: Any) -> None:
        """Script a fault."""
        self.control("faults", {"provider": "tiktok_shop", "endpoint": endpoint, "fault": fault, **options})

    def code(self, account: str | None = None, **options: Any) -> str:
        """Let an account approve and return the code."""
        asked = {"provider": "tiktok_shop", "app": KEY, "account": account or self.seller, **options}
        return dict(parse_qsl(urlsplit(self.control("authorize", asked)["location"]).query))["code"]

    def exchange(self, code: str, **change: str) -> httpx.Response:
        """Exchange a code; `change` replaces parameters."""
        query = {"app_key": KEY, "app_secret": SECRET, "auth_code": code, "grant_type": "authorized_code", **change}
        return self.get("/tiktok_shop/api/v2/token/get", params=query)

    def refresh(self, refresh_token: str, **change: str) -> httpx.Response:
        """Refresh; `change` replaces parameters."""
        query = {"app_key": KEY, "app_secret": SECRET, "refresh_token": refresh_token, "grant_type": "refresh_token"}
        return self.get("/tiktok_shop/api/v2/token/refresh", params={**query, **change})

    def pair(self, account: str | None = None, **options: Any) -> dict[str, Any]:
        """Return the data of a first exchange."""
        data: dict[str, Any] = self.exchange(self.code(account, **options)).json()["data"]
        return data

    def call(
        self,
        token: str | None,
        path: str = "/authorization/202309/shops",
        *,
        timestamp: str | None = None,
        sign: str | None = None,
        **query: str,
    ) -> Any:
        """Make a signed API call and return its envelope."""
        now = int(self.sandbox.clock.now())
        sent = {"app_key": KEY, "timestamp": str(now) if timestamp is None else timestamp, **query}
        text = SECRET + path + "".join(name + sent[name] for name in sorted(sent)) + SECRET
        sent["sign"] = sign or hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers = {} if token is None else {"x-tts-access-token": token}
        return self.get(f"/tiktok_shop{path}", params=sent, headers=headers).json()

    def ledger(self, **query: str) -> Any:
        """Read the ledger."""
        return self.get("/_sandbox/ledger", params=query).json()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Return a sandbox with one registered app."""
    made = Box(tmp_path / "state.json")
    made.control("apps", REGISTRATION)
    return made


@pytest.fixture
def sha256() -> Callable[[str], str]:
    """Return how the control plane tells a credential."""
    return lambda credential: hashlib.sha256(credential.encode()).hexdigest()
