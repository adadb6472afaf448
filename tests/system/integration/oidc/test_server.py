"""The foreign server enforces what the tests of the generic provider rely on."""

from __future__ import annotations

import base64
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import httpx
import pytest

from integration.oidc.server import Client, fingerprint

if TYPE_CHECKING:
    from integration.oidc.server import OidcServer

CALLBACK = "http://127.0.0.1:9/callback/generic"
SPENT = 400


@dataclass(frozen=True)
class Caller:
    """A client of the server, written with httpx alone."""

    oidc: OidcServer
    client: Client
    endpoints: dict[str, Any]

    def begin(self, verifier: str, **more: str) -> str:
        """Return an authorization request."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": self.client.client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid offline_access orders.read",
            "prompt": "consent",
            "state": "any",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.endpoints['authorization_endpoint']}?{urlencode(asked | more)}"

    def callback(self, verifier: str, account: str = "acme") -> dict[str, str]:
        """Return the parameters of the callback."""
        url = self.oidc.authorize(self.begin(verifier), account)
        assert url.startswith(f"{CALLBACK}?")
        return dict(parse_qsl(urlsplit(url).query))

    def token(self, **form: str) -> httpx.Response:
        """Ask the token endpoint, its credentials form-encoded (RFC 6749 section 2.3.1)."""
        pair = (quote_plus(self.client.client_id), quote_plus(self.client.client_secret))
        return httpx.post(self.endpoints["token_endpoint"], data=form, auth=pair, timeout=30)

    def exchange(self, account: str = "acme") -> dict[str, Any]:
        """Return the first tokens of an account."""
        verifier = secrets.token_urlsafe(32)
        code = self.callback(verifier, account)["code"]
        tokens: dict[str, Any] = self.redeem(code, verifier).raise_for_status().json()
        return tokens

    def redeem(self, code: str, verifier: str) -> httpx.Response:
        """Exchange a code."""
        return self.token(grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=verifier)

    def refresh(self, token: str) -> httpx.Response:
        """Present a refresh token."""
        return self.token(grant_type="refresh_token", refresh_token=token)


@pytest.fixture
def caller(oidc: OidcServer) -> Caller:
    """A freshly registered client."""
    return Caller(oidc, oidc.register(CALLBACK, "client_secret_basic"), oidc.metadata())


def test_a_spent_refresh_token_kills_its_family(caller: Caller) -> None:
    """A refresh rotates; the old token again is invalid_grant, and from then on the new one is too."""
    first = caller.exchange()
    second = caller.refresh(first["refresh_token"]).raise_for_status().json()
    again = caller.refresh(first["refresh_token"])
    after = caller.refresh(second["refresh_token"])

    assert first["refresh_token"] != second["refresh_token"]
    assert 200 == second["expires_in"]
    assert [(SPENT, "invalid_grant")] * 2 == [(answer.status_code, answer.json()["error"]) for answer in (again, after)]

    old, new = fingerprint(first["refresh_token"]), fingerprint(second["refresh_token"])
    assert {old: 2, new: 1} == caller.oidc.presentations(caller.client)
    answers = [
        (event["presented"], event["issued"], event["detail"])
        for event in caller.oidc.log(client=caller.client.client_id, grant_type="refresh_token")
    ]
    assert [
        (old, new, None),
        (old, None, "refresh token already used"),
        (new, None, "refresh token not found"),
    ] == answers
    granted = caller.oidc.log(event="grant.success", client=caller.client.client_id)
    assert {event["grant"] for event in granted} == caller.oidc.revoked(caller.client)


def test_of_simultaneous_presentations_one_is_answered(caller: Caller) -> None:
    """Eight at once with one refresh token: one new pair, seven refusals, and the family is dead."""
    first = caller.exchange()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(caller.refresh, [first["refresh_token"]] * 8))

    assert [200] + [SPENT] * 7 == sorted(answer.status_code for answer in answers)
    won = next(answer.json() for answer in answers if answer.is_success)
    assert SPENT == caller.refresh(won["refresh_token"]).status_code
    assert 8 == caller.oidc.presentations(caller.client)[fingerprint(first["refresh_token"])]


def test_a_code_is_good_once_and_with_its_verifier(caller: Caller) -> None:
    """Another verifier is refused; the same code again is refused and revokes what it had brought."""
    wrong = caller.redeem(caller.callback(secrets.token_urlsafe(32))["code"], secrets.token_urlsafe(32))
    verifier = secrets.token_urlsafe(32)
    code = caller.callback(verifier)["code"]
    tokens = caller.redeem(code, verifier).raise_for_status().json()
    twice = caller.redeem(code, verifier)

    assert [(SPENT, "invalid_grant")] * 2 == [(answer.status_code, answer.json()["error"]) for answer in (wrong, twice)]
    assert SPENT == caller.refresh(tokens["refresh_token"]).status_code


def test_a_request_without_pkce_is_refused(caller: Caller) -> None:
    """There is no code without a challenge, and so none without its verifier."""
    without = caller.oidc.authorize(caller.begin("verifier", code_challenge="", code_challenge_method=""), "acme")

    assert "invalid_request" == dict(parse_qsl(urlsplit(without).query))["error"]


def test_credentials_are_form_encoded(oidc: OidcServer) -> None:
    """Basic credentials that skip the form encoding are refused (RFC 6749 section 2.3.1)."""
    client = oidc.register(CALLBACK, "client_secret_basic")
    unencoded = httpx.post(
        oidc.metadata()["token_endpoint"],
        data={"grant_type": "client_credentials"},
        auth=(client.client_id, client.client_secret),
        timeout=30,
    )

    assert (401, "invalid_client") == (unencoded.status_code, unencoded.json()["error"])
