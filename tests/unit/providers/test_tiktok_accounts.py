"""PROVIDERS' facts about TikTok's Accounts API, from its vendor's pages."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from documented import SAMPLES
from rows import row
from samples import CODE, GRANT, NOW, REDIRECT, STATE, answer, failure, issued, varied

from tokensync.domain.messages import FailureClass, Issued
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.provider import RefreshReuse
from tokensync.oauth.token_request import authorize_url, code_request, refresh_request, revocation_request
from tokensync.oauth.token_response import read_token_response
from tokensync.providers import PROVIDERS

SAMPLE = SAMPLES["tiktok_accounts"]
PROVIDER = PROVIDERS["tiktok_accounts"]
APP = SAMPLE.app
BASE = "https://business-api.tiktok.com/open_api/v1.3/tt_user/oauth2"


@row("4.2 authorize")
def test_the_consent_page() -> None:
    """The link is the Login Kit's without its last slash, and calls the app id client_key."""
    url = authorize_url(PROVIDER, APP, state=STATE, redirect_uri=REDIRECT, verifier=Secret("v"))

    assert url.startswith("https://www.tiktok.com/v2/auth/authorize?")
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "client_key": "client-1",
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "read,write",
        "state": STATE,
    }


def test_the_callback_holds_a_code() -> None:
    """The callback calls the code `code`, whatever the exchange calls it."""
    assert Query.parse("code=a&auth_code=b&state=s").code(PROVIDER, APP) == Secret("a")


@row("4.2 token")
def test_the_exchange_is_json() -> None:
    """The client id has its RFC name here, the code another."""
    request = code_request(PROVIDER, APP, CODE, redirect_uri=REDIRECT)

    assert (request.method, request.url) == ("POST", f"{BASE}/token/")
    assert json.loads(request.body) == {
        "client_id": "client-1",
        "client_secret": "canary-secret&=",
        "grant_type": "authorization_code",
        "auth_code": "canary-code*!+/=",
        "redirect_uri": REDIRECT,
    }


@row("4.2 refresh")
def test_the_refresh_has_its_own_path() -> None:
    """A refresh token goes to another path than a code."""
    request = refresh_request(PROVIDER, APP, Secret("r"))

    assert (request.method, request.url) == ("POST", f"{BASE}/refresh_token/")
    assert json.loads(request.body)["refresh_token"] == "r"
    assert PROVIDER.refresh_reuse is RefreshReuse.SINGLE_USE


@row("4.2 revoke")
def test_the_access_token_is_revoked() -> None:
    """The access token is presented beside the credentials, as JSON."""
    request = revocation_request(PROVIDER, APP, GRANT)

    assert request is not None
    assert request.url == f"{BASE}/revoke/"
    assert json.loads(request.body) == {
        "client_id": "client-1",
        "client_secret": "canary-secret&=",
        "access_token": "canary-access",
    }


@row("4.2 the answer")
def test_the_answer_lies_in_data() -> None:
    """The fields lie in an envelope; flat ones are none."""
    assert issued(SAMPLE, SAMPLE.success) == SAMPLE.issued
    assert failure(SAMPLE, {"code": 0, **dict(SAMPLE.success["data"]), "data": {}}).kind is FailureClass.AMBIGUOUS


@row("4.2 the refresh year counts down")
@pytest.mark.parametrize("left", [31_536_000, 31_536_000 - 100 * 86_400, 60])
def test_the_refresh_year_counts_down(left: int) -> None:
    """A refresh does not begin the year anew: what is left of it comes with each answer, and that counts."""
    later = replace(answer(varied(SAMPLE, refresh_token_expires_in=left)), received_at=NOW + 100)
    read = read_token_response(PROVIDER, later)

    assert isinstance(read, Issued)
    assert read.refresh_expires_at == NOW + 100 + left


def test_the_hosts_are_exactly_the_vendors() -> None:
    """No other host may be named by an app."""
    assert PROVIDER.hosts == {"www.tiktok.com", "business-api.tiktok.com"}
