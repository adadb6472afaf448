from typing import Any

import pytest

SHOP = {"cart_id": "TikTokShop", "tiktokshop_app_key": "29a39d", "tiktokshop_app_secret": "e59af819cc"}


def add(box: Any, pair: dict[str, Any]) -> str:
    api_key = box.control("api2cart", {})["api_key"]
    told = {**SHOP, **{f"tiktokshop_{name}": pair[name] for name in ("access_token", "refresh_token")}}
    answer = box.request(
        "POST", "/api2cart/v1.1/account.cart.add.json", headers={"x-api-key": api_key}, json=told
    ).json()
    return str(answer["result"]["store_key"])


def test_an_api_key_is_there_from_the_start(box: Any) -> None:
    """Unset, the key is random and can be read; a setting stays when another changes."""
    first = box.get("/_sandbox/api2cart").json()
    assert len(first["api_key"]) == 32
    assert box.control("api2cart", {"restricted": True})["api_key"] == first["api_key"]


@pytest.mark.parametrize("body", [[], {"api_key": ""}, {"api_key": 1}, {"unknown": 1}])
def test_settings_are_checked(box: Any, body: Any) -> None:
    """A setting that does not fit changes nothing and is told."""
    before = box.get("/_sandbox/api2cart").json()
    assert box.request("POST", "/_sandbox/api2cart", json=body).status_code == 400
    assert box.get("/_sandbox/api2cart").json() == before


def test_web_pages_are_kept_out(box: Any) -> None:
    """A request with an Origin is refused, as everywhere on the control plane."""
    assert box.get("/_sandbox/api2cart", headers={"origin": "http://localhost:4001"}).status_code == 403


def test_its_own_refresh_takes_the_pair_from_the_other_owner(box: Any, sha256: Any) -> None:
    """Where it refreshes by itself, the refresh token that somebody else still holds is dead."""
    pair = box.pair()
    key = add(box, pair)
    assert box.control("api2cart/refresh", {"store_key": key}) == {"code": 0, "message": "success"}
    (store,) = box.get("/_sandbox/api2cart").json()["stores"]
    assert store["refresh_token"] != sha256(pair["refresh_token"])
    assert store["refreshes"] == 1
    assert box.refresh(pair["refresh_token"]).json()["code"] == 36004005
    (double,) = box.ledger()["doubles"]
    assert (double["count"], double["committed"], double["presented"]) == (2, 1, sha256(pair["refresh_token"]))


def test_a_refresh_of_the_other_owner_breaks_its_own(box: Any) -> None:
    """A pair that was refreshed elsewhere and not pushed cannot be refreshed here."""
    pair = box.pair()
    key = add(box, pair)
    box.refresh(pair["refresh_token"])
    assert box.control("api2cart/refresh", {"store_key": key})["code"] == 36004005
    assert box.get("/_sandbox/api2cart").json()["stores"][0]["refreshes"] == 0


def test_its_refresh_meets_the_shops_faults(box: Any) -> None:
    """A spoiled answer of the shop leaves it with the pair that it had."""
    key = add(box, box.pair())
    before = box.get("/_sandbox/api2cart").json()["stores"]
    box.fault("refresh", "mangle", how="html")
    assert box.control("api2cart/refresh", {"store_key": key}) == {"code": None, "message": None}
    assert box.get("/_sandbox/api2cart").json()["stores"] == before


def test_an_unknown_store_cannot_refresh(box: Any) -> None:
    """There is no store of that key."""
    assert box.request("POST", "/_sandbox/api2cart/refresh", json={"store_key": "x"}).status_code == 404
