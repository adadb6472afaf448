"""Apps of each provider class at the sandbox, and the account that authorizes them through the real pages."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from stack import Browser, Sandbox, eventually
from tokensync.authorize.links import browser_of
from tokensync.domain.app import App
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stack import Stack
    from tokensync.domain.authorization import Authorization, AuthorizationKey

PROVIDER = "oauth2"
ACCESS_SECONDS = 3600
CANARY = "C4N4RY-of-the-matrix"  # in every code and token that the provider gives
GRACE_SECONDS = 600_000  # recovery moves the clock, and must stay within
_SCOPES = ("openid", "offline_access")
_EVENT = Path(__file__).parents[4] / "events" / "callback.json"
_TIMEOUT = 60
_PATIENCE = 90


@dataclass(frozen=True)
class Callback:
    """A browser on its way back from the consent page: the event that the callback function is given."""

    browser: Browser
    location: str
    app: str

    @property
    def event(self) -> dict[str, Any]:
        """Return API Gateway's event for it."""
        event: dict[str, Any] = json.loads(_EVENT.read_text())
        path = f"/callback/{self.app}"
        event |= {"rawPath": path, "rawQueryString": urlsplit(self.location).query, "cookies": [self.browser.cookie]}
        event["requestContext"]["http"]["path"] = path
        event["pathParameters"] = {"app": self.app}
        return event

    def authorization(self) -> Authorization:
        """Return what stands in the table for it."""
        cookie = Secret(self.browser.cookie.partition("=")[2].partition(".")[0])
        (found,) = self.browser.stack.authorizations.of_browser(self.app, browser_of(cookie))
        return found

    def key(self) -> AuthorizationKey:
        """Return where it stands in the table."""
        return self.authorization().key


@dataclass
class Registration:
    """One app of one provider class, and one account."""

    stack: Stack
    name: str
    sandbox: Sandbox
    account: str
    callbacks: list[Callback] = field(default_factory=list)

    @property
    def connection(self) -> ConnectionName:
        """Return the name of the account's connection."""
        return ConnectionName(self.name, self.account)

    def consented(self, *, again: bool = False) -> Callback:
        """Open an invite and consent; return the way back, which nobody has gone yet."""
        browser = Browser(self.stack, self.name, self.sandbox)
        invite = self.stack.invite(self.name, for_account=self.account if again else "")
        away = _patiently(lambda: browser.connect(invite))
        assert away.status_code == httpx.codes.FOUND, away.text
        link = dict(parse_qsl(urlsplit(away.headers["location"]).query))
        told = self.sandbox.call(
            "POST",
            "authorize",
            provider=PROVIDER,
            app=self.sandbox.app_key,
            account=self.account,
            state=browser.state,
            link=link,
        )
        callback = Callback(browser, told["location"], self.name)
        self.callbacks.append(callback)
        return callback

    def connect(self, *, again: bool = False) -> Callback:
        """Connect the account through the deployed callback function, or authorize it again."""
        callback = self.consented(again=again)
        # A machine that is too busy for the API's answer may still see the function end.
        if callback.browser.get(callback.location).is_server_error:
            eventually(lambda: callback.authorization().state is not AuthorizationState.WORKING, seconds=_PATIENCE)
        assert callback.authorization().state is AuthorizationState.CONNECTED, callback.authorization()
        return callback

    def fault(self, endpoint: str, fault: str, **more: Any) -> None:
        """Let one call of this app go wrong at the provider."""
        self.sandbox.call(
            "POST", "faults", provider=PROVIDER, endpoint=endpoint, fault=fault, app=self.sandbox.app_key, **more
        )


def _patiently(asked: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask until the API has time to answer."""
    end = time.monotonic() + _PATIENCE
    while (answer := asked()).is_server_error and time.monotonic() < end:
        time.sleep(1)
    return answer


def register(stack: Stack, name: str, reuse: RefreshReuse, account: str) -> Registration:
    """Register an app whose provider treats presented refresh tokens in this way, here and at the sandbox."""
    url = stack.outputs.sandbox_url
    sandbox = Sandbox(url, f"key-{secrets.token_hex(6)}", f"{CANARY}-{secrets.token_hex(12)}", "")
    treats: Mapping[str, object] = {"refresh_reuse": str(reuse), "grace_seconds": GRACE_SECONDS}
    sandbox.call(
        "POST",
        "apps",
        provider=PROVIDER,
        app_key=sandbox.app_key,
        app_secret=sandbox.app_secret,
        redirect_uri=f"{stack.outputs.callback_url}/{name}",
        settings={"access_token_seconds": ACCESS_SECONDS, "token_marker": CANARY, **treats},
    )
    stack.apps.register(
        App(
            name=name,
            provider=PROVIDER,
            client_id=sandbox.app_key,
            client_secret=Secret(sandbox.app_secret),
            scopes=_SCOPES,
            endpoints={"authorize": f"{url}/{PROVIDER}/authorize", "token": f"{url}/{PROVIDER}/token"},
            # An app with a grace that its reuse class does not have would be refused.
            settings={
                key: str(value)
                for key, value in treats.items()
                if key != "grace_seconds" or reuse is RefreshReuse.GRACE
            },
        )
    )
    return Registration(stack, name, sandbox, account)


def some_account(stack: Stack) -> str:
    """Return an account of the sandbox's own."""
    known = httpx.get(f"{stack.outputs.sandbox_url}/_sandbox/accounts", timeout=_TIMEOUT).json()["accounts"]
    return next(str(one["account"]) for one in known if one["provider"] == PROVIDER)
