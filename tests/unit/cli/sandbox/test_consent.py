"""The consent pages: what they offer, what their form gives, and where nobody is sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from samples import REDIRECT, STATE, VERIFIER

from tokensync.domain.messages import Issued
from tokensync_cli.sandbox.pages import duration, message

if TYPE_CHECKING:
    from collections.abc import Callable

CONSENTING = ["oauth2", "tiktok_accounts", "tiktok_ads", "tiktok_login", "tiktok_shop"]
# What names the client in each link.
CLIENT = {
    "oauth2": "client_id",
    "tiktok_accounts": "client_key",
    "tiktok_ads": "app_id",
    "tiktok_login": "client_key",
    "tiktok_shop": "service_id",
}


@pytest.mark.parametrize("name", CONSENTING)
def test_the_page_offers_accounts_scopes_and_durations(party: Callable[..., Any], name: str) -> None:
    """It offers the provider's own accounts and what the link asks for; a seller of TikTok Shop chooses a duration."""
    one = party(name)
    response = one.box.get(one.link())
    text = response.text
    mine = [a.account for a in one.box.sandbox.accounts if a.provider == name and a.user_type in ("seller", "user")]
    assert mine == re.findall(r'id="account-([^"]+)"', text)
    assert list(one.app.scopes) == re.findall(r'name="scope" id="scope-\d" value="([^"]+)" checked', text)
    assert (["1 year"] if name == "tiktok_shop" else []) == re.findall(r"<option[^>]*selected>([^<]+)", text)
    assert ["approve", "deny"] == re.findall(r'<button[^>]*id="(\w+)"', text)
    assert set(re.findall(r'<label[^>]* for="([^"]+)"', text)) <= set(re.findall(r' id="([^"]+)"', text))
    policy = response.headers["content-security-policy"]
    assert ("form-action 'self' https://a.example;" in policy, "script-src" in policy) == (True, False)
    assert "no-store" == response.headers["cache-control"] == one.submit().headers["cache-control"]


PARAMETERS = {
    "oauth2": ["code", "state", "iss"],
    "tiktok_accounts": ["code", "state"],
    "tiktok_ads": ["auth_code", "code", "state"],
    "tiktok_login": ["code", "scopes", "state"],
    "tiktok_shop": ["code", "state", "app_key", "locale", "shop_region"],
}
DENIALS = {
    "oauth2": {"error": "access_denied", "iss": "http://localhost:4001/oauth2"},
    "tiktok_accounts": {"error": "access_denied", "error_description": "The user denied the request."},
    "tiktok_login": {"error": "access_denied", "error_description": "The user denied the request."},
    "tiktok_shop": {"code": "null", "error": "auth_denied"},
}


@pytest.mark.parametrize("name", CONSENTING)
def test_the_callback_has_the_vendors_parameters(party: Callable[..., Any], name: str) -> None:
    """Approval and denial return what the vendor documents, the state as it was, and none where none went in."""
    one = party(name)
    odd = {"state": "s t&a=te"}
    approved, denied = dict(one.callback(link=odd).parameters), dict(one.callback("deny", link=odd).parameters)
    assert PARAMETERS[name] == list(approved)
    assert "s t&a=te" == approved["state"] == denied.pop("state")
    if name == "tiktok_ads":  # the word of a denial is documented nowhere
        assert denied["error"] != dict(one.callback("deny").parameters)["error"]
    else:
        assert DENIALS[name] == denied
    if name == "tiktok_login":
        assert "%2A0%216310" in one.submit().headers["location"]
    if name == "tiktok_shop":
        assert ("client-1", "ID") == (approved["app_key"], approved["shop_region"])
    if name != "oauth2":
        assert "state" not in dict(one.callback(link={"state": None}).parameters)


@pytest.mark.parametrize(
    ("name", "scopes"), [(name, scopes) for name in CONSENTING for scopes in ([], ["never.asked"])]
)
def test_nothing_is_granted_that_was_not_ticked(party: Callable[..., Any], name: str, scopes: list[str]) -> None:
    """Somebody may take every permission away, and can grant none that was not asked for."""
    one = party(name)
    assert not one.exchange(one.code(scope=scopes)).scopes


@pytest.mark.parametrize("name", ["oauth2", "tiktok_login"])
def test_a_link_asks_for_its_own_scopes(party: Callable[..., Any], name: str) -> None:
    """Fewer than the registration's, or all of those where it names none."""
    one = party(name)
    first = one.app.scopes[0]
    assert one.exchange(one.code(link={"scope": first})).scopes == (first,)
    assert one.exchange(one.code(link={"scope": None})).scopes == one.app.scopes


@pytest.mark.parametrize("name", CONSENTING)
def test_nobody_is_sent_to_an_unknown_place(party: Callable[..., Any], name: str) -> None:
    """Without a known client and exactly its redirect URI there is a page and no redirect, approve and deny alike."""
    one = party(name)
    form = {"scope": ["read"], "account": one.account}
    changes: list[dict[str, Any]] = [{CLIENT[name]: "unknown"}, {CLIENT[name]: None}]
    if name != "tiktok_shop":
        uris = (None, f"{REDIRECT}/", f"{REDIRECT}?x=1", "https://evil.example/", [REDIRECT, "https://evil.example/"])
        changes += [{"redirect_uri": uri} for uri in (uris if name == "oauth2" else uris[:-1])]
    for change in changes:
        link = {name: value for name, value in change.items() if not isinstance(value, list)}
        extra = "&redirect_uri=https%3A%2F%2Fevil.example%2F" if change != link else ""
        response = one.box.get(one.link(**link) + extra)
        assert response.status_code in (400, 404)
        assert "location" not in response.headers
        for decision in ("approve", "deny"):
            sent = {**form, "decision": decision, **{key: value for key, value in change.items() if value is not None}}
            posted = one.box.request("POST", one.link().partition("?")[0], data=sent)
            assert posted.status_code in (400, 404)


MISTAKES: list[tuple[str, dict[str, str | None], str]] = [
    ("oauth2", {"response_type": "token"}, "unsupported_response_type"),
    ("oauth2", {"response_type": None}, "invalid_request"),
    ("oauth2", {"code_challenge": None}, "invalid_request"),
    ("oauth2", {"code_challenge_method": None}, "invalid_request"),
    ("oauth2", {"code_challenge_method": "plain"}, "invalid_request"),
    (
        "oauth2",
        {"code_challenge": "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"},
        "invalid_request",
    ),
    ("oauth2", {"scope": "read,write"}, "invalid_scope"),
    ("tiktok_login", {"response_type": "token"}, "unsupported_response_type"),
    ("tiktok_login", {"response_type": None}, "unsupported_response_type"),
    ("tiktok_login", {"scope": "user.info.basic video.list"}, "invalid_scope"),
    ("tiktok_login", {"scope": ""}, "invalid_scope"),
    ("tiktok_login", {"code_challenge": "c"}, "invalid_request"),
    ("tiktok_login", {"code_challenge": "c", "code_challenge_method": "plain"}, "invalid_request"),
]


@pytest.mark.parametrize(("name", "link", "word"), MISTAKES)
def test_a_mistaken_link_is_told_to_the_app(
    party: Callable[..., Any], name: str, link: dict[str, str | None], word: str
) -> None:
    """What the app got wrong leads back with an error and the state, before anybody is asked."""
    one = party(name)
    response = one.box.get(one.link(**link))
    assert (302, True) == (response.status_code, response.headers["location"].startswith(f"{REDIRECT}?error={word}&"))
    assert f"state={STATE}" in response.headers["location"]
    repeated = one.box.get(f"{one.link()}&state=b")
    assert (name == "oauth2") == ("error=invalid_request" in repeated.headers.get("location", ""))


def test_pkce_of_the_login_kit_is_hex(party: Callable[..., Any]) -> None:
    """The vendor's challenge demands its verifier and spends nothing without; the RFC's challenge never fits."""
    one = party("tiktok_login")
    hexadecimal = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
    code = one.code(link={"code_challenge": hexadecimal, "code_challenge_method": "S256"})
    for verifier in (None, "", VERIFIER.reveal()[:-1], hexadecimal):
        assert one.exchange(code, code_verifier=verifier).code == "invalid_grant"
    assert isinstance(one.exchange(code, code_verifier=VERIFIER.reveal()), Issued)
    rfc = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    assert one.exchange(one.code(link=rfc), code_verifier=VERIFIER.reveal()).code == "invalid_grant"


@pytest.mark.parametrize(
    "form",
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
def test_an_incomplete_form_leads_nowhere(shop: Any, form: dict[str, Any]) -> None:
    """Without a decision, with an account not offered or an impossible duration there is no code."""
    assert shop.submit(**form).status_code == 400
    assert shop.box.sandbox.snapshot().grants.codes == ()


def test_a_seller_chooses_the_duration(shop: Any) -> None:
    """What is chosen is the end of the authorization; the app's own duration is offered first."""
    issued = shop.exchange(shop.code(duration="7776000"))
    assert issued.refresh_expires_at == shop.box.now + 7_776_000
    shop.register(refresh_token_seconds=120)
    assert re.findall(r"<option[^>]*selected>([^<]+)", shop.box.get(shop.link()).text) == ["2 minutes"]


def test_another_site_cannot_submit_the_form(shop: Any, party: Callable[..., Any]) -> None:
    """A form sent by a page from elsewhere is refused."""
    for one in (shop, party("oauth2")):
        fields = {**dict(pair.split("=") for pair in one.link().partition("?")[2].split("&")), "decision": "deny"}
        fields["redirect_uri"] = REDIRECT
        path = one.link().partition("?")[0]
        response = one.box.request("POST", path, data=fields, headers={"sec-fetch-site": "cross-site"})
        assert response.status_code == 403


def test_an_app_without_redirect_url_is_told(shop: Any) -> None:
    """The page says so, nothing is given; a redirect URL with a query keeps it."""
    shop.put(redirect_uri="")
    assert "no redirect URL" in shop.box.get(shop.link()).text
    assert {400} == {shop.submit(decision, service_id="service-1").status_code for decision in ("approve", "deny")}
    shop.put(redirect_uri=f"{REDIRECT}?x=1")
    assert shop.submit().headers["location"].startswith(f"{REDIRECT}?x=1&code=ROW_")


def test_hostile_names_are_escaped(shop: Any) -> None:
    """Names of accounts, shops and apps, and the state, are text and never markup."""
    evil = '"><script>alert(1)</script>'
    told = {"provider": "tiktok_shop", "region": "US", "seller_name": evil, "shops": [{"name": evil}]}
    shop.box.control("accounts", told)
    shop.put(name=evil)
    assert "<script>" not in shop.box.get(shop.link(state=evil)).text
    response = message("<script>alert(1)</script>", "x & y", status=404)
    assert (404, False, True) == (response.status_code, b"<script>" in response.body, b"x &amp; y" in response.body)
    assert response.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert response.headers["referrer-policy"] == "no-referrer"


def test_creators_have_their_own_link(shop: Any) -> None:
    """It takes app_key and state, offers creators alone and no duration."""
    path = "/tiktok_shop/alliance/creator/auth"
    text = shop.box.get(path, params={"app_key": "client-1", "state": "x"}).text
    assert (["7316620945501274118"], False) == (re.findall(r'id="account-(\d+)"', text), 'name="duration"' in text)
    form = {"app_key": "client-1", "state": "x", "account": "7316620945501274118", "decision": "approve"}
    location = shop.box.request("POST", path, data=form).headers["location"]
    assert ("shop_region" in location, "&state=x&" in location) == (False, True)
    for query in ({"app_key": "client-1"}, {"app_key": "x", "state": "x"}, {"state": "x"}):
        assert shop.box.get(path, params=query).status_code == 404
    assert "This service does not exist" in shop.box.get(shop.link(service_id="client-1")).text


@pytest.mark.parametrize(("setting", "told"), [("https://evil.example", "https://evil.example"), ("", None)])
def test_the_issuer_of_the_callback_can_lie(party: Callable[..., Any], setting: str, told: str | None) -> None:
    """The callback, approved or denied, names another issuer or none if the app is set so."""
    one = party("oauth2", issuer=setting)
    for decision in ("approve", "deny"):
        assert told == dict(one.callback(decision).parameters).get("iss")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (31_536_000, "1 year"),
        (7_776_000, "90 days"),
        (3_600, "1 hour"),
        (120, "2 minutes"),
        (90, "90 seconds"),
        (0, "0 seconds"),
    ],
)
def test_durations_read_naturally(seconds: int, words: str) -> None:
    """A duration has the largest unit that divides it."""
    assert words == duration(seconds)
