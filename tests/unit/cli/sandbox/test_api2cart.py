"""API2Cart: the core's requests push to it, its return codes, and its own refresh."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from samples import GRANT

from tokensync.domain.messages import FailureClass
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.oauth.token_response import read_consumer
from tokensync.providers import CONSUMERS

CART = CONSUMERS["api2cart"]
NAME = ConnectionName("shop", "account-1")
BASE = "http://localhost:4001/api2cart/v1.1"
KNOWN = {"2", "5", "7", "112"}


class Cart:
    """The consumer as the core speaks to it, for an app of the shop's."""

    def __init__(self, shop: Any) -> None:
        self.shop, self.box = shop, shop.box
        self.app = replace(shop.app, api2cart_key=Secret(self.control()["api_key"]))
        self.grant = shop.grant()

    def control(self, **change: Any) -> Any:
        """Read, or change, its settings and stores."""
        return self.box.control("api2cart", change)

    @property
    def stores(self) -> Any:
        """Return the stores that it knows."""
        return self.control()["stores"]

    def read(self, response: Any) -> Any:
        """Return what the core reads."""
        return read_consumer(CART, self.shop.received(response))

    def add(self, **change: Any) -> Any:
        """Add the shop."""
        return self.read(self.shop.send(CART.add(self.app, BASE, self.grant, NAME), **change))

    def update(self, key: str, grant: Any = None) -> Any:
        """Replace the pair of a store."""
        return self.read(self.shop.send(CART.update(self.app, BASE, grant or self.grant, key)))

    def get(self, call: str, key: str = "") -> Any:
        """Make a call that the core has no use for."""
        headers = {"x-api-key": self.app.api2cart_key.reveal(), "x-store-key": key}
        return self.read(self.box.get(f"{BASE}/{call}.json", headers=headers))

    def fault(self, endpoint: str, fault: str, **options: Any) -> None:
        """Script a fault."""
        self.box.control("faults", {"provider": "api2cart", "endpoint": endpoint, "fault": fault, **options})


@pytest.fixture
def cart(shop: Any) -> Cart:
    """Return API2Cart beside a shop that has a pair."""
    return Cart(shop)


def test_a_store_is_added_and_updated_with_its_pair(cart: Cart, sha256: Any) -> None:
    """The core's requests are accepted and answer a key; the control plane shows hashes of the pair and no secret."""
    key = CART.read_key(cart.add())
    (store,) = cart.stores
    hashes = [sha256(secret.reveal()) for secret in (cart.grant.access_token, cart.grant.refresh_token)]
    assert (key, "client-1", "shop/account-1") == (store["store_key"], store["app_key"], store["custom_label"])
    assert [*hashes, 0] == [store["access_token"], store["refresh_token"], store["updates"]]
    new = replace(cart.grant, access_token=Secret("new access+/="), refresh_token=Secret("new&refresh"))
    assert cart.update(key, new)["result"] == {"updated_items": 4}
    (store,) = cart.stores
    expected = [sha256("new access+/="), sha256("new&refresh"), 1, 0]
    assert expected == [store[name] for name in ("access_token", "refresh_token", "updates", "refreshes")]
    assert "canary" not in cart.box.get("/_sandbox/api2cart").text
    assert CART.read_key(cart.add()) != key
    assert len(cart.stores) == 2


def test_a_store_is_validated_with_its_token(cart: Cart) -> None:
    """The core's request is accepted; once the shop has ended the token, the answer is no documented number."""
    key = CART.read_key(cart.add(store_url="https://shop.example/acme"))
    ask = lambda: cart.read(cart.shop.send(CART.validate(cart.app, BASE, key)))  # noqa: E731 - one closure
    assert (0, "https://shop.example/acme") == (ask()["return_code"], cart.stores[0]["store_url"])
    cart.box.control("revoke", cart.shop.named)
    refused = ask()
    assert (FailureClass.UNKNOWN, False) == (refused.kind, refused.code in KNOWN)
    untried = replace(cart.app, settings={"push": "api2cart", "api2cart_verify": "false"})
    assert CART.read_key(cart.read(cart.shop.send(CART.add(untried, BASE, cart.grant, NAME))))
    assert (FailureClass.UNKNOWN, 2) == (cart.add().kind, len(cart.stores))


def test_parameters_in_a_body_update_nothing(cart: Cart) -> None:
    """An update takes its query string alone."""
    key = CART.read_key(cart.add())
    headers = {"x-api-key": cart.app.api2cart_key.reveal(), "x-store-key": key}
    body = {"tiktokshop_refresh_token": "new"}
    read = cart.read(cart.box.request("PUT", f"{BASE}/account.config.update.json", headers=headers, json=body))
    assert ({"updated_items": 0}, 0) == (read["result"], cart.stores[0]["updates"])


def test_each_refusal_has_its_return_code(cart: Cart) -> None:
    """Unknown stores, a wrong key and a restricted account are reported by number, on the status that is set."""
    key = CART.read_key(cart.add())
    assert {"112"} == {cart.update(wrong).code for wrong in ("unknown", "")} | {cart.get("cart.validate").code}
    assert cart.get("account.cart.list")["result"] == {}
    real, cart.app = cart.app, replace(cart.app, api2cart_key=Secret("wrong"))
    calls = [cart.add(), cart.update(key), cart.get("account.cart.list"), cart.get("cart.validate", key)]
    assert {("2", FailureClass.CONFIGURATION)} == {(call.code, call.kind) for call in calls}
    cart.app = real
    assert (1, 0) == (len(cart.stores), cart.stores[0]["updates"])
    cart.control(restricted=True, error_status=403)
    assert cart.get("account.cart.list").code == "5"
    assert cart.box.get(f"{BASE}/account.cart.list.json").status_code == 403
    assert cart.control(restricted=False)["error_status"] == 403
    assert cart.box.get(f"{BASE}/account.cart.add.json").status_code == 405


def test_one_request_above_the_limit_is_refused(cart: Cart) -> None:
    """While one request is worked on, one above the limit is answered 7; afterwards none is."""
    cart.control(concurrent_requests=1)
    cart.fault("list", "hang", seconds=1)

    async def two() -> list[int]:
        async with cart.box.client() as client:
            headers = {"x-api-key": cart.app.api2cart_key.reveal()}
            calls = (client.get(f"{BASE}/account.cart.list.json", headers=headers) for _ in range(2))
            return sorted(response.json()["return_code"] for response in await asyncio.gather(*calls))

    assert [0, 7] == asyncio.run(two())
    assert cart.get("account.cart.list")["return_code"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"cart_id": "Shopify"},
        {"tiktokshop_refresh_token": ""},
        {"tiktokshop_app_key": 7},
        {"tiktokshop_access_token": "the shop knows no such token"},
    ],
)
def test_what_cannot_be_added_is_refused_by_no_known_number(cart: Cart, change: dict[str, Any]) -> None:
    """Another cart, a missing parameter or a token that fails verification is an error, and nothing is added."""
    refused = cart.add(**change)
    assert (FailureClass.UNKNOWN, False, []) == (refused.kind, refused.code in KNOWN, cart.stores)
    headers = {"x-api-key": cart.app.api2cart_key.reveal()}
    for content in (b"", b"{", b"[]", b"[" * 100_000):
        response = cart.box.request("POST", f"{BASE}/account.cart.add.json", headers=headers, content=content)
        assert response.json()["return_code"] > 112


def test_validation_follows_the_shop(cart: Cart) -> None:
    """A store is valid while the shop accepts its access token."""
    key = CART.read_key(cart.add())
    assert cart.get("cart.validate", key)["return_code"] == 0
    cart.box.control("revoke", cart.shop.named)
    assert cart.get("cart.validate", key).code not in KNOWN


@pytest.mark.parametrize("endpoint", ["add", "update", "list", "validate"])
def test_every_call_can_fail_on_command_and_is_counted(cart: Cart, endpoint: str) -> None:
    """Faults meet each call, in its own envelope; none is a presentation."""
    key = CART.read_key(cart.add())
    ask = {
        "add": cart.add,
        "update": lambda: cart.update(key),
        "list": lambda: cart.get("account.cart.list"),
        "validate": lambda: cart.get("cart.validate", key),
    }[endpoint]
    before = cart.box.ledger()["requests"].get(f"api2cart/{endpoint}", 0)
    cart.fault(endpoint, "error", code=7, message="busy")
    cart.fault(endpoint, "throttle", headers={"Retry-After": "5"})
    cart.fault(endpoint, "status", status=502, committed=True, body="")
    kinds = [(failure.kind, failure.retry_after) for failure in (ask(), ask(), ask())]
    assert [(FailureClass.BUSY, None), (FailureClass.BUSY, 5), (FailureClass.AMBIGUOUS, None)] == kinds
    assert cart.box.ledger()["requests"][f"api2cart/{endpoint}"] == before + 3
    assert [entry["kind"] for entry in cart.box.ledger()["entries"]] == ["code"]
    assert (2 if endpoint == "add" else 1, endpoint == "update") == (len(cart.stores), cart.stores[0]["updates"] == 1)


def test_its_own_refresh_takes_the_pair_from_the_other_owner(cart: Cart, sha256: Any) -> None:
    """The refresh token that somebody else still holds is dead then; refreshed elsewhere, it cannot refresh itself."""
    key = CART.read_key(cart.add())
    assert cart.box.control("api2cart/refresh", {"store_key": key}) == {"code": 0, "message": "success"}
    (store,) = cart.stores
    held = cart.grant.refresh_token
    assert (False, 1, 0) == (store["refresh_token"] == sha256(held.reveal()), store["refreshes"], store["updates"])
    assert cart.shop.refresh(held).kind is FailureClass.REFUSED
    (double,) = cart.box.ledger()["doubles"]
    assert (2, 1, sha256(held.reveal())) == (double["count"], double["committed"], double["presented"])
    cart.update(key, replace(GRANT, refresh_token=held))
    assert cart.box.control("api2cart/refresh", {"store_key": key})["code"] == 36004005
    assert cart.stores[0]["refreshes"] == 1


def test_its_refresh_meets_the_shops_faults(cart: Cart) -> None:
    """A spoiled answer of the shop leaves it with the pair that it had."""
    key = CART.read_key(cart.add())
    before = cart.stores
    cart.shop.fault("refresh", "mangle", how="html")
    assert cart.box.control("api2cart/refresh", {"store_key": key}) == {"code": None, "message": None}
    assert before == cart.stores


def test_an_api_key_is_there_from_the_start(cart: Cart) -> None:
    """Unset, the key is random and can be read; a setting stays when another changes."""
    first = cart.control()["api_key"]
    assert (32, first) == (len(first), cart.control(restricted=True)["api_key"])
    assert cart.control(api_key="chosen")["restricted"]
