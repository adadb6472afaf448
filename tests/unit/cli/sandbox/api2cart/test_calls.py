import asyncio
from typing import Any

import pytest

API_KEY = "a2c-key"
PAIR = {"tiktokshop_access_token": "old-access", "tiktokshop_refresh_token": "old-refresh"}
SHOP = {
    "cart_id": "TikTokShop",
    "tiktokshop_app_key": "29a39d",
    "tiktokshop_app_secret": "e59af819cc",
    "store_url": "https://shop.example",
    "custom_label": "Acme",
}


@pytest.fixture
def box(box: Any) -> Any:
    """Return a sandbox whose API key is known."""
    box.control("api2cart", {"api_key": API_KEY})
    return box


def call(box: Any, method: str, name: str, store_key: str | None = None, **options: Any) -> Any:
    headers = {"x-api-key": options.pop("api_key", API_KEY)}
    if store_key is not None:
        headers["x-store-key"] = store_key
    return box.request(method, f"/api2cart/v1.1/{name}.json", headers=headers, **options)


def add(box: Any, **change: Any) -> str:
    answer = call(box, "POST", "account.cart.add", json={**SHOP, **PAIR, **change}).json()
    assert answer["return_code"] == 0
    return str(answer["result"]["store_key"])


def code(answer: Any) -> int:
    assert answer.status_code == 200
    assert set(answer.json()) == {"return_code", "return_message", "result"}
    return int(answer.json()["return_code"])


def stores(box: Any) -> Any:
    return box.get("/_sandbox/api2cart").json()["stores"]


def test_a_store_is_added_with_its_pair(box: Any, sha256: Any) -> None:
    """Adding answers a store key, and the control plane tells the hashes of the pair and no secret."""
    key = add(box)
    (store,) = stores(box)
    assert (store["store_key"], store["app_key"], store["custom_label"]) == (key, "29a39d", "Acme")
    assert (store["access_token"], store["refresh_token"]) == (sha256("old-access"), sha256("old-refresh"))
    assert "e59af819cc" not in box.get("/_sandbox/api2cart").text


def test_an_update_takes_the_query_string(box: Any, sha256: Any) -> None:
    """With both headers the parameters of the query replace what the store holds."""
    key = add(box)
    new = {"tiktokshop_access_token": "new access+/=", "tiktokshop_refresh_token": "new&refresh"}
    answer = call(box, "PUT", "account.config.update", key, params=new)
    assert answer.json()["result"] == {"updated_items": 2}
    (store,) = stores(box)
    assert (store["access_token"], store["refresh_token"]) == (sha256("new access+/="), sha256("new&refresh"))
    assert store["updates"] == 1


def test_an_update_in_the_body_changes_nothing(box: Any, sha256: Any) -> None:
    """Parameters in a body are not read: nothing is updated."""
    key = add(box)
    answer = call(box, "PUT", "account.config.update", key, json={"tiktokshop_refresh_token": "new"})
    assert answer.json()["result"] == {"updated_items": 0}
    assert stores(box)[0]["refresh_token"] == sha256("old-refresh")


@pytest.mark.parametrize("key", [None, "", "unknown"])
def test_store_calls_need_a_known_store(box: Any, key: str | None) -> None:
    """Update and validation of a store that is not named, or not there, answer 112."""
    add(box)
    assert code(call(box, "PUT", "account.config.update", key, params=PAIR)) == 112
    assert code(call(box, "GET", "cart.validate", key)) == 112


@pytest.mark.parametrize("api_key", ["", "wrong", "schlüssel".encode()])
def test_a_wrong_api_key_is_refused_everywhere(box: Any, api_key: Any) -> None:
    """Every call answers 2 to a wrong key, and none does its work."""
    key = add(box)
    assert code(call(box, "POST", "account.cart.add", api_key=api_key, json={**SHOP, **PAIR})) == 2
    assert code(call(box, "PUT", "account.config.update", key, api_key=api_key, params={"store_url": "x"})) == 2
    assert code(call(box, "GET", "account.cart.list", api_key=api_key)) == 2
    assert code(call(box, "GET", "cart.validate", key, api_key=api_key)) == 2
    assert [s["updates"] for s in stores(box)] == [0]


def test_a_restricted_account_is_told(box: Any) -> None:
    """A restricted account is answered 5, and again served when it is not."""
    box.control("api2cart", {"restricted": True})
    assert code(call(box, "GET", "account.cart.list")) == 5
    box.control("api2cart", {"restricted": False})
    assert code(call(box, "GET", "account.cart.list")) == 0


def test_too_many_at_once_are_told(box: Any) -> None:
    """While one request is worked on, one above the limit is answered 7."""
    box.control("api2cart", {"concurrent_requests": 1})
    box.control("faults", {"provider": "api2cart", "endpoint": "list", "fault": "hang", "seconds": 1})

    async def two() -> list[int]:
        async with box.client() as client:
            path, headers = "/api2cart/v1.1/account.cart.list.json", {"x-api-key": API_KEY}
            answers = await asyncio.gather(*(client.get(path, headers=headers) for _ in range(2)))
            return sorted(answer.json()["return_code"] for answer in answers)

    assert [0, 7] == asyncio.run(two())
    assert code(call(box, "GET", "account.cart.list")) == 0


def test_the_list_needs_the_api_key_alone(box: Any) -> None:
    """Listing succeeds without a store key and promises no shape; a store added twice stands twice."""
    keys = [add(box), add(box)]
    answer = call(box, "GET", "account.cart.list").json()
    assert (answer["return_code"], answer["result"]) == (0, {})
    assert [store["store_key"] for store in stores(box)] == keys


def test_validation_follows_the_shop(box: Any) -> None:
    """A store is valid while the shop accepts its access token."""
    pair = box.pair()
    key = add(
        box,
        tiktokshop_access_token=pair["access_token"],
        tiktokshop_refresh_token=pair["refresh_token"],
        verify=True,
    )
    assert code(call(box, "GET", "cart.validate", key)) == 0
    box.control("revoke", {"provider": "tiktok_shop", "app": "29a39d", "account": box.seller})
    assert code(call(box, "GET", "cart.validate", key)) not in (0, 2, 5, 7, 112)


@pytest.mark.parametrize(
    "change",
    [{"cart_id": "Shopify"}, {"tiktokshop_refresh_token": ""}, {"tiktokshop_app_key": 7}, {"verify": True}],
)
def test_what_cannot_be_added_is_refused_by_no_known_number(box: Any, change: dict[str, Any]) -> None:
    """Another cart, a missing parameter or a token that fails verification is an error, and nothing is added."""
    assert code(call(box, "POST", "account.cart.add", json={**SHOP, **PAIR, **change})) not in (0, 2, 5, 7, 112)
    assert stores(box) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000])
def test_a_body_that_is_no_object_adds_nothing(box: Any, content: bytes) -> None:
    """Whatever is not a JSON object is an error like another."""
    assert code(call(box, "POST", "account.cart.add", content=content)) > 112


def test_the_status_of_an_error_is_a_setting(box: Any) -> None:
    """Which HTTP status an error has is not documented, so it can be chosen."""
    box.control("api2cart", {"error_status": 403})
    assert call(box, "GET", "account.cart.list", api_key="x").status_code == 403


@pytest.mark.parametrize(
    ("method", "name"), [("GET", "account.cart.add"), ("POST", "account.config.update"), ("POST", "cart.validate")]
)
def test_other_methods_do_not_exist(box: Any, method: str, name: str) -> None:
    """Each call has its one method."""
    assert call(box, method, name).status_code == 405


@pytest.mark.parametrize("endpoint", ["add", "update", "list", "validate"])
def test_every_call_can_fail_on_command_and_is_counted(box: Any, endpoint: str) -> None:
    """Faults and mangling meet each call, in its own envelope, and the ledger counts it."""
    key = add(box)
    ways: dict[str, tuple[str, str, dict[str, Any]]] = {
        "add": ("POST", "account.cart.add", {"json": {**SHOP, **PAIR}}),
        "update": ("PUT", "account.config.update", {"params": {"store_url": "x"}}),
        "list": ("GET", "account.cart.list", {}),
        "validate": ("GET", "cart.validate", {}),
    }
    method, name, options = ways[endpoint]
    fault = {"provider": "api2cart", "endpoint": endpoint}
    before = box.ledger()["requests"].get(f"api2cart/{endpoint}", 0)
    box.control("faults", {**fault, "fault": "error", "code": 7, "message": "busy"})
    assert code(call(box, method, name, key, **options)) == 7
    box.control("faults", {**fault, "fault": "mangle", "how": "html"})
    assert call(box, method, name, key, **options).headers["content-type"] == "text/html"
    box.control("faults", {**fault, "fault": "throttle", "headers": {"Retry-After": "5"}})
    assert call(box, method, name, key, **options).status_code == 429
    assert box.ledger()["requests"][f"api2cart/{endpoint}"] == before + 3
    assert box.ledger()["entries"] == []


def test_an_update_whose_answer_is_lost_was_done(box: Any, sha256: Any) -> None:
    """An update may arrive although its answer goes wrong; pushed again, it stands the same."""
    key = add(box)
    lost = {"provider": "api2cart", "endpoint": "update", "fault": "status", "status": 502, "committed": True}
    box.control("faults", lost)
    new = {"tiktokshop_refresh_token": "new"}
    assert call(box, "PUT", "account.config.update", key, params=new).status_code == 502
    assert stores(box)[0]["refresh_token"] == sha256("new")
    assert code(call(box, "PUT", "account.config.update", key, params=new)) == 0
