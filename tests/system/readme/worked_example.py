"""The provider that docs/providers.md adds as an example, from the invite to the revocation.

Its server is played as its documentation describes it. Runs where that provider is registered: `test_providers.py`
starts it in a copy of the core.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.visitors import Browser
from fakes.world import World
from tokensync.domain.app import App
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse, Request

NAME = ConnectionName("acme", "M-2041")
CLIENT = {"client_key": "key-1", "client_secret": "secret-1"}
HOURS = 3600


class Acme:
    """The marketplace: it takes each code and each refresh token once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alive = {"code-1"}
        self.issued = 0
        self.ended: list[str] = []
        self.refuses = False

    def __call__(self, request: Request) -> ProviderResponse:
        """Answer one request to its API."""
        path = urlsplit(request.url).path
        if path == "/v1/merchant":
            assert request.headers["authorization"] == f"Bearer A{self.issued}"
            return self.told({"merchant_id": "M-2041", "name": "Batik House", "country": "ID"})
        fields = json.loads(request.body)
        assert {name: fields.pop(name) for name in CLIENT} == CLIENT
        if self.refuses:
            return self.world.shop.answer({"code": 29999, "message": "no", "trace": "t-0"})
        if path == "/oauth/revoke":
            self.ended.append(fields["access_token"])
            return self.told({})
        assert path == "/oauth/token"
        return self.token(fields)

    def token(self, fields: dict[str, str]) -> ProviderResponse:
        """Give a pair for a code or a refresh token."""
        by_code = fields["grant_type"] == "authorization_code"
        presented = fields["code"] if by_code else fields["refresh_token"]
        if presented not in self.alive:
            return self.world.shop.answer({"code": 20102 if by_code else 20101, "message": "no", "trace": "t-0"})
        self.issued += 1
        self.alive = {f"R{self.issued}"}
        now = self.world.clock.now()
        return self.told(
            {
                "access_token": f"A{self.issued}",
                "access_token_expires_at": now + 4 * HOURS,
                "refresh_token": f"R{self.issued}",
                "refresh_token_expires_at": now + 90 * 24 * HOURS,
                "scope": "orders.read,stock.write",
            }
        )

    def told(self, result: dict[str, Any]) -> ProviderResponse:
        """Return a success."""
        return self.world.shop.answer({"code": 0, "message": "ok", "trace": f"t-{self.issued}", "result": result})


@pytest.fixture
def world() -> World:
    """A stack whose app is registered with the example's provider."""
    return World(
        app=App(
            name=NAME.app,
            provider="acme_marketplace",
            client_id=CLIENT["client_key"],
            client_secret=Secret(CLIENT["client_secret"]),
            scopes=("orders.read", "stock.write"),
        )
    )


@pytest.fixture
def acme(world: World) -> Acme:
    """The marketplace, connected once."""
    acme = Acme(world)
    world.shop.others["api.acme.example"] = acme
    browser = Browser(world)
    page = browser.connect()
    sent = parse_qs(urlsplit(page.headers["location"]).query)
    assert (sent["client_key"], sent["scope"]) == (["key-1"], ["orders.read,stock.write"])
    browser.back("code=code-1")
    assert "is connected" in browser.result().body
    return acme


def revoke(world: World) -> dict[str, Any]:
    """Revoke as an operator's command does."""
    return world.commands.answer({"tokensync": "revoke", "connection": str(NAME)}, world.budget())


@pytest.mark.usefixtures("acme")
def test_a_merchant_connects(world: World) -> None:
    """The userinfo call names the account, and the published secret holds token, end, scopes and facts."""
    told = world.document(NAME)

    assert (told["access_token"], told["label"], told["scopes"]) == (
        "A1",
        "Batik House",
        ["orders.read", "stock.write"],
    )
    assert told["expires_at"] == told["obtained_at"] + 4 * HOURS
    assert told["account"] == {"merchant_id": "M-2041", "name": "Batik House", "country": "ID"}


def test_the_schedule_refreshes(world: World, acme: Acme) -> None:
    """Before four hours are over the pair is renewed, and each refresh token was presented once."""
    world.clock.advance(4 * HOURS * 7 // 10)
    world.settle(ticks=3)

    assert (world.document(NAME)["access_token"], acme.alive) == ("A2", {"R2"})


def test_a_spent_refresh_token_asks_the_merchant(world: World, acme: Acme) -> None:
    """The documented refusal is one: with no other merchant beside it, the token is presented once more before."""
    acme.alive.clear()
    world.clock.advance(4 * HOURS * 7 // 10)
    world.settle(ticks=20)

    assert world.stored(NAME).status is Status.REAUTHORIZE


def test_a_revocation_presents_the_access_token(world: World, acme: Acme) -> None:
    """The authorization ends at the provider and here."""
    answer = revoke(world)

    assert (answer["ok"], acme.ended, world.stored(NAME).status) == (True, ["A1"], Status.DISCONNECTED)


def test_a_refused_revocation_ends_nothing(world: World, acme: Acme) -> None:
    """An error inside the HTTP 200 is one: the connection stays as it was."""
    acme.refuses = True
    answer = revoke(world)

    assert (answer["ok"], world.stored(NAME).status) == (False, Status.ACTIVE)
