"""A hand in an app's secret: it writes whatever it likes, and every host answers. What arrives where is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlsplit

from fakes.any_host import AnyHost
from fakes.scripted import ISSUER, OIDC, oidc_token
from tokensync.domain.app import App
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from tokensync.domain.messages import Request
    from tokensync.domain.names import ConnectionName

EVIL = "https://evil.example"
GENERIC = replace(OIDC, endpoints={**OIDC.endpoints, "revoke": f"{ISSUER}/revoke"})
SHOP = App(
    name="tiktok-shop",
    provider="tiktok_shop",
    client_id="29a39d",
    client_secret=Secret("canary-shop-secret"),
    service_id="7172",
)
# Of the standing connection, and of nothing else.
STANDING = ("canary-refresh", "canary-access", "canary-newer")


def standing(app: App = GENERIC, *, trusted: str = "") -> tuple[AnyHost, ConnectionName]:
    """Return a stage with one connection of an app of the generic provider, made by a seller's consent."""
    one = AnyHost.of(app)
    one.world.deploy(trusted=trusted)
    one.server.says("/token", oidc_token(access_token="canary-access", refresh_token="canary-refresh"))
    one.server.says("/userinfo", {"sub": "u"})
    one.connect()
    one.server.says("/token", oidc_token(access_token="canary-access-2", refresh_token="canary-newer"))
    assert "canary-access" == one.world.published(one.name("u"))
    return one, one.name("u")


def tamper(one: AnyHost, **fields: Any) -> None:
    """Write fields of the app's secret by hand; `endpoints` and `settings` are added to those that it has."""
    written = json.loads(one.world.apps.get(one.world.app.name).to_json())
    for key, value in fields.items():
        written[key] = {**written[key], **value} if isinstance(value, dict) else value
    one.world.apps.update(App.from_json(one.world.app.name, json.dumps(written)))


def restore(one: AnyHost) -> None:
    """Put the app's secret back as it was."""
    one.world.apps.update(one.world.app)


def text_of(request: Request) -> str:
    """Return all that a request carries, as text."""
    return unquote_plus(" ".join((request.url, *request.headers.values(), request.body.decode("utf-8", "replace"))))


def leaked(one: AnyHost, *, home: tuple[str, ...] = ("id.example",), since: int = 0) -> list[str]:
    """Return the hosts other than its home that were sent something of the standing connection."""
    return [
        urlsplit(request.url).netloc
        for request in one.server.asked[since:]
        if urlsplit(request.url).netloc not in home and any(canary in text_of(request) for canary in STANDING)
    ]
