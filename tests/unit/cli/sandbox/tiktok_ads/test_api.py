from typing import Any

import pytest


def code(answer: Any) -> int:
    assert answer.status_code == 200
    return int(answer.json()["code"])


def test_advertisers_are_listed_with_their_names(ads: Any) -> None:
    """The list tells each advertiser's id as a string, and its name."""
    assert ads.advertisers(ads.token(return_advertiser_ids=False)).json()["data"] == {
        "list": [
            {"advertiser_id": "7255118762340519937", "advertiser_name": "Northwind Spring"},
            {"advertiser_id": "7255118762340519938", "advertiser_name": "Northwind Brand"},
        ]
    }


def test_user_info_needs_no_secret(ads: Any) -> None:
    """The token alone is enough to be told that it works, and the data promise nothing."""
    body = ads.user_info(ads.token()).json()
    assert (body["code"], body["data"]) == (0, {})


@pytest.mark.parametrize("change", [{"secret": None}, {"app_id": None}])
def test_the_list_needs_app_and_secret(ads: Any, change: dict[str, Any]) -> None:
    """Without the app's credentials in the query its parameters are incomplete."""
    assert code(ads.advertisers(ads.token(), **change)) == 40002


def test_a_wrong_secret_is_told(ads: Any) -> None:
    """A secret that does not match is a wrong client, and not a dead token."""
    assert code(ads.advertisers(ads.token(), secret="wrong")) not in (0, 40002, 40105)


def test_a_token_is_bound_to_its_app(ads: Any) -> None:
    """Another app's credentials do not fit the token."""
    ads.box.control("apps", {"provider": "tiktok_ads", "app_key": "other", "app_secret": "s"})
    assert code(ads.advertisers(ads.token(), app_id="other", secret="s")) == 40105


@pytest.mark.parametrize("token", [None, "", "unknown"])
def test_a_token_that_is_none_is_incorrect(ads: Any, token: str | None) -> None:
    """No token and an unknown one are 40105."""
    assert code(ads.user_info(token)) == 40105
    assert code(ads.advertisers(token)) == 40105


def test_another_providers_token_is_incorrect(ads: Any) -> None:
    """A token of another provider is none here."""
    assert code(ads.user_info(ads.box.pair()["access_token"])) == 40105


def test_likely_numbers_where_set(ads: Any) -> None:
    """A missing and an expired token have numbers of their own, where the app is set to them."""
    ads.app(likely_codes=True, access_token_seconds=100)
    token = ads.token()
    assert code(ads.advertisers(None)) == 40104
    ads.box.control("clock", {"offset": 100})
    assert code(ads.user_info(token)) == 40102
    ads.app(likely_codes=False)
    assert code(ads.user_info(token)) == 40105


@pytest.mark.parametrize("endpoint", ["advertisers", "user_info"])
def test_calls_can_fail_on_command_and_are_counted(ads: Any, endpoint: str) -> None:
    """Each call can be scripted to fail in the vendor's envelope, and is no presentation."""
    token = ads.token()
    call = ads.advertisers if endpoint == "advertisers" else ads.user_info
    ads.fault(endpoint, "error", code=40001, message="No permission to operate advertiser", app=ads.app_id)
    assert code(call(token)) == 40001
    ads.fault(endpoint, "throttle")
    assert call(token).status_code == 429
    assert code(call(token)) == 0
    assert ads.box.ledger()["requests"][f"tiktok_ads/{endpoint}"] == 3
    assert len(ads.box.ledger()["entries"]) == 1
