import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

LINK = "/tiktok_ads/portal/auth"


def link(ads: Any, **change: Any) -> dict[str, str]:
    query = {"app_id": ads.app_id, "redirect_uri": ads.redirect_uri, "state": "s t&a=te", **change}
    return {name: value for name, value in query.items() if value is not None}


def submit(ads: Any, decision: str = "approve", **change: Any) -> Any:
    fields = {"account": ads.user, "scope": ["4"], "decision": decision}
    return ads.box.request("POST", LINK, data={**fields, **link(ads, **change)})


def callback(ads: Any, answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{ads.redirect_uri}?")
    return parse_qsl(urlsplit(answer.headers["location"]).query, keep_blank_values=True)


def test_the_page_offers_users(ads: Any) -> None:
    """The page offers the provider's users alone, and no duration."""
    text = ads.box.get(LINK, params=link(ads)).text
    assert re.findall(r'id="account-(\d+)"', text) == [ads.user, "7261904415560728578"]
    assert "Northwind Media" in text
    assert 'name="duration"' not in text


def test_the_callback_carries_the_code_under_two_names(ads: Any) -> None:
    """Approval sends auth_code and code, equal, and the state; the code gives a token."""
    query = callback(ads, submit(ads))
    assert [name for name, _ in query] == ["auth_code", "code", "state"]
    told = dict(query)
    assert told["auth_code"] == told["code"]
    assert told["state"] == "s t&a=te"
    assert ads.exchange(told["auth_code"]).json()["data"]["scope"] == [4]


def test_a_denial_is_some_error(ads: Any) -> None:
    """A denial carries an error whose word varies, the state and no code."""
    told = [dict(callback(ads, submit(ads, "deny"))) for _ in range(2)]
    assert [set(query) for query in told] == [{"error", "state"}] * 2
    assert told[0]["error"] != told[1]["error"]


@pytest.mark.parametrize(
    "change",
    [{"app_id": "unknown"}, {"app_id": None}, {"redirect_uri": None}, {"redirect_uri": "http://localhost:4000/x"}],
)
def test_a_wrong_link_leads_nowhere(ads: Any, change: dict[str, Any]) -> None:
    """An unknown app, or another place to return to, shows a page, and nothing is sent anywhere."""
    assert ads.box.get(LINK, params=link(ads, **change)).status_code == 400
    assert submit(ads, **change).status_code == 400


def test_a_link_without_state_stays_without(ads: Any) -> None:
    """No state goes in, none comes out."""
    assert "state" not in dict(callback(ads, submit(ads, state=None)))
