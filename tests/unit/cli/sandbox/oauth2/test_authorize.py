import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

LINK = "/oauth2/authorize"
ISSUER = "http://localhost:4001/oauth2"


def link(client: Any, **change: Any) -> dict[str, Any]:
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": "openid read",
        "state": "s t&a=te",
        "code_challenge": client.challenge,
        "code_challenge_method": "S256",
        **change,
    }
    return {name: value for name, value in query.items() if value is not None}


def submit(client: Any, decision: str = "approve", scope: tuple[str, ...] = ("openid", "read"), **change: Any) -> Any:
    carried = {"link_scope" if name == "scope" else name: value for name, value in link(client, **change).items()}
    fields = {**carried, "account": client.jane, "scope": list(scope), "decision": decision}
    return client.box.request("POST", LINK, data=fields)


def callback(client: Any, answer: Any) -> dict[str, str]:
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{client.redirect_uri}?")
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query, keep_blank_values=True))


def test_the_page_offers_what_the_link_asks_for(client: Any) -> None:
    """The page lists the scopes of the link, the people, and no duration."""
    text = client.box.get(LINK, params=link(client)).text
    assert re.findall(r'name="scope" id="scope-\d" value="([^"]+)"', text) == ["openid", "read"]
    assert re.findall(r'id="account-(\d+)"', text) == [client.jane, "248289761002"]
    assert 'name="duration"' not in text


def test_approval_returns_code_state_and_issuer(client: Any) -> None:
    """The callback carries code, state and iss, and the code gives what was ticked of what was asked."""
    query = callback(client, submit(client, scope=("read", "write")))
    assert list(query) == ["code", "state", "iss"]
    assert (query["state"], query["iss"]) == ("s t&a=te", ISSUER)
    assert client.exchange(query["code"]).json()["scope"] == "read"


def test_denial_is_access_denied(client: Any) -> None:
    """A denial carries the RFC's word, state and iss, and no code."""
    assert callback(client, submit(client, "deny")) == {
        "error": "access_denied",
        "state": "s t&a=te",
        "iss": ISSUER,
    }


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        # TikTok's form of the challenge: hex.
        (
            {"code_challenge": "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"},
            "invalid_request",
        ),
        ({"scope": "openid read,write"}, "invalid_scope"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"state": ["a", "b"]}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_told_to_the_client(client: Any, change: dict[str, Any], word: str) -> None:
    """A link that cannot be served leads back with the RFC's word and the issuer, before anybody is asked."""
    query = callback(client, client.box.get(LINK, params=link(client, **change)))
    assert (query["error"], query["iss"]) == (word, ISSUER)
    assert "code" not in query


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "unknown"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "http://localhost:4000/callback/oauth2/"},
        {"redirect_uri": "http://localhost:4000/callback/oauth2?x=1"},
        {"redirect_uri": "https://evil.example/"},
    ],
)
def test_nobody_is_sent_to_an_unknown_place(client: Any, change: dict[str, Any]) -> None:
    """Without a known client and exactly its redirect URI there is a page and no redirect, deny and approve alike."""
    assert client.box.get(LINK, params=link(client, **change)).status_code == 400
    assert submit(client, **change).status_code == 400
    assert submit(client, "deny", **change).status_code == 400


def test_a_repeated_redirect_uri_is_refused(client: Any) -> None:
    """Where two redirect URIs are named, neither is used."""
    two = [client.redirect_uri, "https://evil.example/"]
    assert client.box.get(LINK, params=link(client, redirect_uri=two)).status_code == 400


def test_a_link_without_scope_asks_for_all(client: Any) -> None:
    """No scope means the client's registered ones."""
    text = client.box.get(LINK, params=link(client, scope=None)).text
    assert len(re.findall(r'name="scope"', text)) == 5


@pytest.mark.parametrize(("setting", "told"), [("https://evil.example", "https://evil.example"), ("", None)])
def test_the_issuer_of_the_callback_can_lie(client: Any, setting: str, told: str | None) -> None:
    """The callback, approved or denied, tells another issuer or none where the app is set so."""
    client.app(issuer=setting)
    assert callback(client, submit(client)).get("iss") == told
    assert callback(client, submit(client, "deny")).get("iss") == told
    assert client.callback().get("iss") == told


def test_a_consent_without_browser_needs_a_challenge(client: Any) -> None:
    """PKCE holds over the control plane too."""
    asked = {"provider": "oauth2", "app": client.client_id, "account": client.jane}
    answer = client.box.request("POST", "/_sandbox/authorize", json=asked)
    assert answer.status_code == 400
    assert "code_challenge" in answer.json()["error"]


def test_another_site_cannot_submit_the_form(client: Any) -> None:
    """A form sent by a page from elsewhere is refused."""
    fields = {**link(client), "decision": "approve", "account": client.jane}
    answer = client.box.request("POST", LINK, data=fields, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
