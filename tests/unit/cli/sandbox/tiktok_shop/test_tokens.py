from typing import Any

import pytest

SUCCESS_FIELDS = {
    "access_token",
    "access_token_expire_in",
    "refresh_token",
    "refresh_token_expire_in",
    "open_id",
    "seller_name",
    "seller_base_region",
    "user_type",
    "granted_scopes",
}


def error(answer: Any) -> tuple[int, str]:
    assert answer.status_code == 200
    body = answer.json()
    assert body["request_id"]
    assert not body.get("data")
    return body["code"], body["message"]


def test_success_has_the_fields_of_the_vendors_sample(box: Any) -> None:
    """An exchange answers the sample's fields, with absolute epochs and string ids."""
    body = box.exchange(box.code()).json()
    assert (body["code"], body["message"], set(body)) == (0, "success", {"code", "message", "data", "request_id"})
    data = body["data"]
    assert set(data) == SUCCESS_FIELDS
    assert data["access_token_expire_in"] == box.now + 604_800
    assert data["refresh_token_expire_in"] == box.now + 31_536_000
    assert (data["open_id"], data["user_type"], data["seller_base_region"]) == (box.seller, 0, "ID")
    assert data["seller_name"] == "Jakarta Batik House"
    assert "seller.authorization.info" in data["granted_scopes"]
    assert data["access_token"].startswith("ROW_")


@pytest.mark.parametrize(("account", "prefix"), [("7201846620391507713", "TTP_"), ("7108533420916884225", "GCP_")])
def test_prefixes_follow_the_region(box: Any, account: str, prefix: str) -> None:
    """Code and both tokens begin as the seller's region does."""
    code = box.code(account)
    data = box.exchange(code).json()["data"]
    assert {value[:4] for value in (code, data["access_token"], data["refresh_token"])} == {prefix}


def test_a_creator_has_no_region_and_no_end(box: Any) -> None:
    """A creator's answer lacks the region, has a null name, and tells a far end."""
    data = box.pair(box.creator, scopes=["seller.order.info"])
    assert set(data) == SUCCESS_FIELDS - {"seller_base_region"}
    assert (data["user_type"], data["seller_name"], data["granted_scopes"]) == (1, None, ["seller.order.info"])
    assert data["refresh_token_expire_in"] == 4_102_444_800


def test_refresh_gives_a_pair_and_keeps_the_end(box: Any) -> None:
    """A refresh later gives two new tokens, a later access expiry and the same refresh expiry."""
    first = box.pair()
    box.control("clock", {"offset": 1000})
    second = box.refresh(first["refresh_token"]).json()["data"]
    assert set(second) == SUCCESS_FIELDS
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token_expire_in"] == first["access_token_expire_in"] + 1000
    assert second["refresh_token_expire_in"] == first["refresh_token_expire_in"]


def test_a_safe_refresh_still_gives_a_pair(box: Any) -> None:
    """Where tokens do not rotate, the refresh token comes back, equal."""
    box.settings(refresh_reuse="safe")
    first = box.pair()
    second = box.refresh(first["refresh_token"]).json()["data"]
    assert second["refresh_token"] == first["refresh_token"]
    assert second["access_token"] != first["access_token"]


def test_the_old_refresh_token_is_refused(box: Any) -> None:
    """A replaced refresh token finds no record, an unknown one neither."""
    token = box.pair()["refresh_token"]
    box.refresh(token)
    assert error(box.refresh(token)) == (36004005, "can not find related auth record")
    assert error(box.refresh("unknown")) == (36004005, "can not find related auth record")


def test_reuse_detection_kills_the_new_token_too(box: Any) -> None:
    """With detection the successor dies with the reuse."""
    box.settings(reuse_detection=True)
    first = box.pair()
    second = box.refresh(first["refresh_token"]).json()["data"]
    box.refresh(first["refresh_token"])
    assert error(box.refresh(second["refresh_token"]))[0] == 36004005


def test_an_expired_refresh_token_says_so(box: Any) -> None:
    """Past the end that the seller chose the refresh token has expired."""
    token = box.pair(seconds=100)["refresh_token"]
    box.control("clock", {"offset": 100})
    assert error(box.refresh(token)) == (36004001, "rt has expired")


@pytest.mark.parametrize("offset", [1800, 10_000])
def test_a_code_lives_thirty_minutes(box: Any, offset: int) -> None:
    """An expired code is an invalid one."""
    code = box.code()
    box.control("clock", {"offset": offset})
    assert error(box.exchange(code)) == (36004004, "invalid auth code")


def test_used_and_wrong_codes_are_invalid(box: Any) -> None:
    """A used code, an unknown one and the literal null get the same number."""
    code = box.code()
    box.exchange(code)
    for wrong in (code, "ROW_x", "null"):
        assert error(box.exchange(wrong)) == (36004004, "invalid auth code")


def test_likely_numbers_where_set(box: Any) -> None:
    """The less certain numbers stand for the same refusals, where the app is set to them."""
    box.settings(likely_codes=True)
    code = box.code()
    token = box.exchange(code).json()["data"]["refresh_token"]
    box.refresh(token)
    assert error(box.exchange(code)) == (98001005, "code already used")
    assert error(box.refresh(token)) == (98001006, "refresh token invalid")


@pytest.mark.parametrize("change", [{"grant_type": "authorization_code"}, {"grant_type": ""}, {"auth_code": ""}])
def test_parameters_are_checked_and_spend_nothing(box: Any, change: dict[str, str]) -> None:
    """The RFC's grant type and missing parameters are invalid, and the code stays good."""
    code = box.code()
    assert error(box.exchange(code, **change)) == (98001004, "parameters invalid")
    assert box.exchange(code).json()["code"] == 0


def test_a_request_without_a_credential_presents_nothing(box: Any) -> None:
    """A request without a code is counted, and no line of the ledger."""
    box.exchange("")
    assert box.ledger()["entries"] == []
    assert box.ledger()["requests"] == {"tiktok_shop/token": 1}


def test_refresh_needs_its_own_grant_type(box: Any) -> None:
    """A refresh under the exchange's grant type is invalid and spends nothing."""
    token = box.pair()["refresh_token"]
    assert error(box.refresh(token, grant_type="authorized_code")) == (98001004, "parameters invalid")
    assert box.refresh(token).json()["code"] == 0


def test_a_wrong_client_has_a_known_text_and_no_known_number(box: Any) -> None:
    """Wrong key or secret is told by text; the number differs from time to time, and nothing is spent."""
    token = box.pair()["refresh_token"]
    by_key = [error(box.refresh(token, app_key="7770001")) for _ in range(20)]
    by_secret = [error(box.refresh(token, app_secret="wrong")) for _ in range(20)]
    assert all("invalid app_key" in text for _, text in by_key)
    assert all("invalid client_key" in text for _, text in by_secret)
    assert len({code for code, _ in by_key + by_secret}) > 1
    assert box.refresh(token).json()["code"] == 0


def test_a_credential_of_another_app_is_refused(box: Any) -> None:
    """A code is bound to its app."""
    other = {"provider": "tiktok_shop", "app_key": "other", "app_secret": "s", "service_id": "2"}
    box.control("apps", other)
    code = box.code()
    assert error(box.exchange(code, app_key="other", app_secret="s"))[0] == 36004004
    assert box.exchange(code).json()["code"] == 0


@pytest.mark.parametrize("setting", ["code", "text"])
def test_the_ip_allow_list_guards_the_token_calls(box: Any, setting: str) -> None:
    """A refused address is told with its number or by text alone, and spends nothing."""
    token = box.pair()["refresh_token"]
    box.settings(ip_denied=setting)
    code, text = error(box.refresh(token))
    assert (code == 36009033) == (setting == "code")
    assert text == "Access denied. Your IP address is not in the IP allow list configured for this app"
    box.settings(ip_denied="no")
    assert box.refresh(token).json()["code"] == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("endpoint", ["get", "refresh"])
def test_only_get_exists(box: Any, method: str, endpoint: str) -> None:
    """Any other method is answered as an unknown path, and spends nothing."""
    code = box.code()
    query = {"app_key": "29a39d", "app_secret": "e59af819cc", "auth_code": code, "grant_type": "authorized_code"}
    answer = box.request(method, f"/tiktok_shop/api/v2/token/{endpoint}", params=query)
    assert answer.status_code == 404
    assert answer.text == ("" if method == "HEAD" else "404 page not found")
    assert box.exchange(code).json()["code"] == 0


@pytest.mark.parametrize(("form", "data"), [("missing", ...), ("null", None), ("object", {}), ("array", [])])
def test_data_of_an_error_takes_every_documented_form(box: Any, form: str, data: Any) -> None:
    """Under `data` of an error stands what the app is set to."""
    box.settings(error_data=form)
    assert box.exchange("x").json().get("data", ...) == data


def test_data_of_an_error_varies_by_itself(box: Any) -> None:
    """Unset, the four forms take turns."""
    assert [box.exchange("x").json().get("data", ...) for _ in range(4)] == [None, {}, [], ...]


def test_credentials_carry_the_apps_marker(box: Any) -> None:
    """A marker stands in every code and token, so that a leak can be searched for."""
    box.settings(token_marker="CANARY7")
    code = box.code()
    data = box.exchange(code).json()["data"]
    assert all("CANARY7" in value for value in (code, data["access_token"], data["refresh_token"]))
