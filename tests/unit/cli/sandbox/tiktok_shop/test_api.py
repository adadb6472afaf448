from typing import Any

import pytest


def test_shops_are_listed_as_documented(box: Any) -> None:
    """A signed call lists every shop of the authorization with the documented fields."""
    body = box.call(box.pair("7108533420916884225")["access_token"])
    assert (body["code"], body["message"]) == (0, "Success")
    assert body["data"]["shops"][0] == {
        "id": "7000714532876273420",
        "name": "Maomao beauty shop",
        "region": "GB",
        "seller_type": "CROSS_BORDER",
        "cipher": "GCP_XF90igAAAABh00qsWgtvOiGFNqyubMt3",
        "code": "CNGBCBA4LLU8",
    }
    assert len(body["data"]["shops"]) == 2


def test_a_wrong_signature_is_told(box: Any) -> None:
    """A bad sign has its own number, and comes before any word about the token."""
    assert box.call(box.pair()["access_token"], sign="0" * 64)["code"] == 106001
    assert box.call("unknown", sign="0" * 64)["code"] == 106001


@pytest.mark.parametrize(("age", "code"), [(0, 0), (300, 0), (301, 36009004), (-30, 0), (-31, 36009004)])
def test_the_timestamp_has_a_window(box: Any, age: int, code: int) -> None:
    """A call may be five minutes old and thirty seconds ahead."""
    token = box.pair()["access_token"]
    assert box.call(token, timestamp=str(box.now - age))["code"] == code


@pytest.mark.parametrize("timestamp", ["", "soon", "1660000000000", "166000000.", "٣" * 10])
def test_the_timestamp_is_ten_digits(box: Any, timestamp: str) -> None:
    """Anything but ten digits is refused."""
    assert box.call(box.pair()["access_token"], timestamp=timestamp)["code"] == 36009004


def test_header_and_app_key_are_needed(box: Any) -> None:
    """A missing token header and an unknown app key share the ambiguous number."""
    token = box.pair()["access_token"]
    assert box.call(None)["code"] == 36009004
    assert box.call(token, app_key="7770001")["code"] == 36009004


def test_the_token_is_judged(box: Any) -> None:
    """Expired, unknown and revoked tokens have their numbers."""
    token = box.pair()["access_token"]
    assert box.call("unknown")["code"] == 105001
    box.control("clock", {"offset": 604_800})
    assert box.call(token)["code"] == 105002
    box.control("revoke", {"provider": "tiktok_shop", "app": "29a39d", "account": box.seller})
    assert box.call(token)["code"] == 105001


def test_a_token_of_another_app_does_not_fit(box: Any) -> None:
    """A token under another app's key and signature is a mismatch."""
    registration = {"provider": "tiktok_shop", "app_key": "other", "app_secret": "e59af819cc", "service_id": "2"}
    box.control("apps", registration)
    assert box.call(box.pair()["access_token"], app_key="other")["code"] == 101000


def test_a_creator_has_no_shops(box: Any) -> None:
    """The wrong user type has its number."""
    assert box.call(box.pair(box.creator)["access_token"])["code"] == 101000


def test_a_missing_scope_is_told(box: Any) -> None:
    """Without the scope the call is refused, and not as a problem of the token."""
    assert box.call(box.pair(scopes=["seller.order.info"])["access_token"])["code"] == 105005


def test_the_list_takes_no_cipher(box: Any) -> None:
    """An unexpected cipher has the ambiguous number."""
    assert box.call(box.pair()["access_token"], shop_cipher="x")["code"] == 36009004


def test_other_calls_need_the_sellers_own_cipher(box: Any) -> None:
    """A shop's call names its cipher; a missing one and another seller's are refused."""
    token = box.pair()["access_token"]
    path = "/order/202309/orders/search"
    assert box.call(token, path)["code"] == 106013
    assert box.call(token, path, shop_cipher="TTP_bN4uKQAAAAD93rPzEo7VtYw1dSg6hXjL")["code"] == 101000
    assert box.call(token, path, shop_cipher="ROW_m1hTnQAAAABvT2cQ0y9pWk3sLr8uXe5a")["code"] == 0


def test_the_ip_allow_list_guards_api_calls(box: Any) -> None:
    """A refused address is told with the number of the allow list."""
    token = box.pair()["access_token"]
    box.settings(ip_denied="code")
    assert box.call(token)["code"] == 36009033


def test_the_status_of_an_error_is_a_setting(box: Any) -> None:
    """The vendor does not document it, so both must be borne."""
    box.settings(api_error_status=401)
    answer = box.get("/tiktok_shop/authorization/202309/shops", params={"app_key": "29a39d"})
    assert (answer.status_code, answer.json()["code"]) == (401, 36009004)


def test_a_refresh_leaves_the_old_access_token_or_not(box: Any) -> None:
    """Whether the old access token lives on is unknown, so both can be set."""
    for dies, code in ((False, 0), (True, 105002)):
        box.settings(old_access_token_dies=dies)
        pair = box.pair()
        box.refresh(pair["refresh_token"])
        assert box.call(pair["access_token"])["code"] == code
