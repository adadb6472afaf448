import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

LINKS = ("/tiktok_login/v2/auth/authorize", "/tiktok_login/v2/auth/authorize/")
CHALLENGE = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def link(login: Any, **change: str | None) -> dict[str, str]:
    query = {
        "client_key": "awkey",
        "scope": "user.info.basic,video.list",
        "response_type": "code",
        "redirect_uri": login.uri,
        "state": "s t&a=te",
        **change,
    }
    return {name: value for name, value in query.items() if value is not None}


def approve(login: Any, query: dict[str, str], **change: Any) -> Any:
    """Send the form as a browser would: with the hidden fields that the page holds."""
    text = login.box.get(LINKS[1], params=query).text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text))
    hidden = {name: value.replace("&amp;", "&") for name, value in hidden.items()}
    ticked = re.findall(r'name="scope" id="scope-\d+" value="([^"]+)" checked', text)
    form = {**hidden, "scope": ticked, "account": login.user, "decision": "approve", **change}
    return login.box.request("POST", LINKS[1], data=form)


def callback(login: Any, answer: Any) -> dict[str, str]:
    assert 302 == answer.status_code, answer.text
    parts = urlsplit(answer.headers["location"])
    assert login.uri == f"{parts.scheme}://{parts.netloc}{parts.path}"
    return dict(parse_qsl(parts.query, keep_blank_values=True))


@pytest.mark.parametrize("path", LINKS)
def test_the_page_offers_users_and_the_links_scopes(login: Any, path: str) -> None:
    """With or without the final slash the page offers the users, what the link asks for, and no duration."""
    answer = login.box.get(path, params=link(login))
    assert 200 == answer.status_code
    assert [login.user, login.odd] == re.findall(r'id="account-([^"]+)"', answer.text)
    assert ["user.info.basic", "video.list"] == re.findall(
        r'name="scope" id="scope-\d" value="([^"]+)" checked', answer.text
    )
    assert 'name="duration"' not in answer.text


def test_hostile_names_are_escaped(login: Any) -> None:
    """A user's name with markup is text on the page."""
    text = login.box.get(LINKS[0], params=link(login)).text
    assert "<b>" not in text
    assert "&lt;b&gt;" in text


def test_approval_returns_code_scopes_and_state(login: Any) -> None:
    """The callback carries code, scopes and state; the code's odd characters arrive percent-encoded."""
    answer = approve(login, link(login))
    got = callback(login, answer)
    assert ["code", "scopes", "state"] == list(got)
    assert ("user.info.basic,video.list", "s t&a=te") == (got["scopes"], got["state"])
    assert {"*", "!"} <= set(got["code"])
    assert "%2A0%216310" in answer.headers["location"]
    assert "no-store" == answer.headers["cache-control"]
    assert "user.info.basic,video.list" == login.exchange(got["code"]).json()["scope"]


@pytest.mark.parametrize("ticked", [["video.list"], ["video.list", "video.upload"]])
def test_a_user_may_grant_fewer_scopes(login: Any, ticked: list[str]) -> None:
    """What is not ticked is not granted, and what the link did not ask for cannot be."""
    got = callback(login, approve(login, link(login), scope=ticked))
    assert "video.list" == got["scopes"]
    assert "video.list" == login.exchange(got["code"]).json()["scope"]


def test_a_single_scope_can_be_refused(login: Any) -> None:
    """A link's only scope may be taken away although the form carries the link along."""
    assert "" == callback(login, approve(login, link(login, scope="video.list"), scope=[]))["scopes"]


def test_a_link_without_scopes_asks_for_all(login: Any) -> None:
    """Where the link names no scope the registration's are offered."""
    login.settings(scopes=["video.list", "video.upload"])
    assert "video.list,video.upload" == callback(login, approve(login, link(login, scope=None)))["scopes"]


def test_denial_returns_error_and_description(login: Any) -> None:
    """A denial carries no code."""
    got = callback(login, approve(login, link(login), decision="deny"))
    assert ["error", "error_description", "state"] == list(got)
    assert ("access_denied", "s t&a=te") == (got["error"], got["state"])


@pytest.mark.parametrize(
    "change",
    [
        {"client_key": "other"},
        {"client_key": None},
        {"redirect_uri": None},
        {"redirect_uri": "http://localhost:4000/callback/login/"},
        {"redirect_uri": "http://localhost:4000/callback/login?x=1"},
        {"redirect_uri": "https://evil.example/"},
    ],
)
def test_a_wrong_client_or_address_keeps_the_browser_here(login: Any, change: dict[str, str | None]) -> None:
    """A client or redirect URI that is not the registered one, to the last slash, leads to no redirect."""
    answer = login.box.get(LINKS[1], params=link(login, **change))
    assert 400 == answer.status_code
    assert "location" not in answer.headers


def test_a_redirect_uri_with_a_query_is_refused(login: Any) -> None:
    """A redirect URI is static: one that was registered with a query does not work."""
    uri = "http://localhost:4000/callback/login?x=1"
    login.register(redirect_uri=uri)
    assert 400 == login.box.get(LINKS[1], params=link(login, redirect_uri=uri)).status_code


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": "user.info.basic video.list"}, "invalid_scope"),
        ({"scope": "user.info.basic,unheard.of"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_a_mistaken_request_is_told_to_the_app(login: Any, change: dict[str, str | None], error: str) -> None:
    """What the app got wrong comes back as an error with the state."""
    got = callback(login, login.box.get(LINKS[1], params=link(login, **change)))
    assert (error, "s t&a=te") == (got["error"], got["state"])


def pkce(login: Any, challenge: str = CHALLENGE) -> str:
    query = link(login, code_challenge=challenge, code_challenge_method="S256")
    return callback(login, approve(login, query))["code"]


def test_the_hex_challenge_of_the_vendor_is_met(login: Any) -> None:
    """The vendor's verifier fits the hex SHA-256 that the link carried."""
    assert "access_token" in login.exchange(pkce(login), code_verifier=VERIFIER).json()


@pytest.mark.parametrize("verifier", [None, "", VERIFIER[:-1], CHALLENGE])
def test_a_challenge_demands_its_verifier(login: Any, verifier: str | None) -> None:
    """Without the right verifier the code gives nothing, and is not spent."""
    code = pkce(login)
    assert "invalid_grant" == login.exchange(code, code_verifier=verifier).json()["error"]
    assert "access_token" in login.exchange(code, code_verifier=VERIFIER).json()


def test_a_base64url_challenge_never_fits(login: Any) -> None:
    """The challenge of RFC 7636 is not the vendor's."""
    code = pkce(login, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    assert "invalid_grant" == login.exchange(code, code_verifier=VERIFIER).json()["error"]
