import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

LINK = "/tiktok_shop/open/authorize"
CREATOR_LINK = "/tiktok_shop/alliance/creator/auth"


def submit(box: Any, decision: str | None = "approve", link: str = LINK, **change: Any) -> Any:
    fields = {
        "service_id": "7770001",
        "state": "s t&a=te",
        "account": box.seller,
        "duration": "7776000",
        "scope": ["seller.authorization.info", "seller.order.info"],
        "decision": decision,
        **change,
    }
    return box.request("POST", link, data={k: v for k, v in fields.items() if v is not None})


def callback(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 302
    parts = urlsplit(answer.headers["location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "http://localhost:4000/callback/demo"
    return parse_qsl(parts.query, keep_blank_values=True)


def test_the_page_offers_sellers_scopes_and_durations(box: Any) -> None:
    """The seller's page names the app and offers the sellers, what is asked for, and how long."""
    answer = box.get(LINK, params={"service_id": "7770001", "state": "x"})
    assert answer.status_code == 200
    text = answer.text
    assert "29a39d asks for access" in text
    assert re.findall(r'id="account-(\d+)"', text) == [box.seller, "7201846620391507713", "7108533420916884225"]
    assert re.findall(r'name="scope" id="scope-\d" value="([^"]+)" checked', text)[0] == "seller.authorization.info"
    assert re.findall(r"<option[^>]*selected>([^<]+)", text) == ["1 year"]
    assert re.findall(r'<button[^>]*id="(\w+)"', text) == ["approve", "deny"]
    assert set(re.findall(r'<label[^>]* for="([^"]+)"', text)) <= set(re.findall(r' id="([^"]+)"', text))


def test_the_policy_lets_the_form_lead_to_the_app(box: Any) -> None:
    """The page's policy allows the redirect that answers its form, and no script."""
    policy = box.get(LINK, params={"service_id": "7770001"}).headers["content-security-policy"]
    assert "form-action 'self' http://localhost:4000;" in policy
    assert "script-src" not in policy


def test_the_apps_own_duration_is_preselected(box: Any) -> None:
    """A duration that is not among the usual ones is offered and chosen."""
    box.settings(refresh_token_seconds=120)
    text = box.get(LINK, params={"service_id": "7770001"}).text
    assert re.findall(r"<option[^>]*selected>([^<]+)", text) == ["2 minutes"]


def test_hostile_names_are_escaped(box: Any) -> None:
    """Names of accounts, shops and apps, and the state, are text and never markup."""
    evil = '"><script>alert(1)</script>'
    shops = [{"name": evil}]
    box.control("accounts", {"provider": "tiktok_shop", "region": "US", "seller_name": evil, "shops": shops})
    box.control("apps", {"provider": "tiktok_shop", "app_key": "29a39d", "name": evil})
    assert "<script>" not in box.get(LINK, params={"service_id": "7770001", "state": evil}).text


def test_approval_returns_as_documented(box: Any) -> None:
    """The callback carries code, state, app_key, locale and shop_region, and the code gives what was chosen."""
    answer = submit(box)
    query = dict(callback(answer))
    assert list(query) == ["code", "state", "app_key", "locale", "shop_region"]
    assert (query["state"], query["app_key"], query["shop_region"]) == ("s t&a=te", "29a39d", "ID")
    assert answer.headers["cache-control"] == "no-store"
    data = box.exchange(query["code"]).json()["data"]
    assert data["granted_scopes"] == ["seller.authorization.info", "seller.order.info"]
    assert data["refresh_token_expire_in"] == box.now + 7_776_000


def test_denial_returns_the_text_null(box: Any) -> None:
    """A denial carries the literal null, the vendor's error and the state."""
    assert callback(submit(box, "deny", account=None, scope=None)) == [
        ("code", "null"),
        ("error", "auth_denied"),
        ("state", "s t&a=te"),
    ]


@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_an_install_without_state_stays_without(box: Any, decision: str) -> None:
    """As from the App Store: no state goes in, none comes out."""
    assert "state" not in dict(callback(submit(box, decision, state=None)))
    assert 'name="state"' not in box.get(LINK, params={"service_id": "7770001"}).text


def test_no_scope_may_be_granted(box: Any) -> None:
    """A seller may take every permission away, and can grant none that was not asked for."""
    code = dict(callback(submit(box, scope=["seller.finance.info"])))["code"]
    assert box.exchange(code).json()["data"]["granted_scopes"] == []


@pytest.mark.parametrize("service_id", ["29a39d", "", None])
def test_a_wrong_service_id_leads_nowhere(box: Any, service_id: str | None) -> None:
    """The app key in place of the service id shows the vendor's page, and no callback comes."""
    query = {} if service_id is None else {"service_id": service_id}
    answer = box.get(LINK, params={**query, "state": "x"})
    assert answer.status_code == 404
    assert "This service does not exist" in answer.text
    assert submit(box, service_id=service_id).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"decision": None},
        {"decision": "maybe"},
        {"account": None},
        {"account": "7316620945501274118"},
        {"duration": "-1"},
        {"duration": "9" * 5000},
        {"duration": "٣"},
    ],
)
def test_an_incomplete_form_leads_nowhere(box: Any, change: dict[str, Any]) -> None:
    """A form without a decision, with an account not offered or an impossible duration gives no code."""
    assert submit(box, **change).status_code == 400
    assert box.sandbox.snapshot().grants.codes == ()


def test_another_site_cannot_submit_the_form(box: Any) -> None:
    """A form sent by a page from elsewhere is refused."""
    answer = box.request("POST", LINK, data={"service_id": "7770001"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_an_app_without_redirect_url_is_told(box: Any) -> None:
    """Without a registered redirect URL the page says so and nothing is given."""
    box.control("apps", {"provider": "tiktok_shop", "app_key": "29a39d", "redirect_uri": ""})
    assert "no redirect URL" in box.get(LINK, params={"service_id": "7770001"}).text
    assert submit(box).status_code == 400
    assert submit(box, "deny").status_code == 400


def test_a_redirect_url_with_a_query_keeps_it(box: Any) -> None:
    """The callback's parameters come after the app's own."""
    registered = "http://localhost:4000/callback/demo?x=1"
    box.control("apps", {"provider": "tiktok_shop", "app_key": "29a39d", "redirect_uri": registered})
    assert submit(box).headers["location"].startswith(f"{registered}&code=ROW_")


def test_creators_have_their_own_link(box: Any) -> None:
    """The creator's link takes app_key and state, offers creators alone and no duration."""
    query = {"app_key": "29a39d", "state": "x"}
    text = box.get(CREATOR_LINK, params=query).text
    assert re.findall(r'id="account-(\d+)"', text) == [box.creator]
    assert 'name="duration"' not in text
    answer = submit(box, link=CREATOR_LINK, app_key="29a39d", account=box.creator, duration=None)
    got = dict(callback(answer))
    assert "shop_region" not in got
    assert box.exchange(got["code"]).json()["data"]["user_type"] == 1


@pytest.mark.parametrize("query", [{"app_key": "29a39d"}, {"app_key": "x", "state": "x"}, {"state": "x"}])
def test_a_creators_link_needs_key_and_state(box: Any, query: dict[str, str]) -> None:
    """Without a state or with an unknown key the creator's link does not work."""
    assert box.get(CREATOR_LINK, params=query).status_code == 404


def test_who_is_offered_is_a_setting(box: Any) -> None:
    """A creator may be let onto the seller's page, to see an unexpected user type come back."""
    box.settings(user_types=["creator"])
    assert callback(submit(box, account=box.creator))


@pytest.mark.parametrize("path", ["/tiktok_shop/", "/tiktok_shop/api/v2/token", "/tiktok_shop/open/authorize/x"])
def test_other_paths_do_not_exist(box: Any, path: str) -> None:
    """An unknown path is answered as the vendor's router does."""
    assert (box.get(path).status_code, box.get(path).text) == (404, "404 page not found")
