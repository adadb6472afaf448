"""PROVIDERS' facts about TikTok's Marketing API, from its vendor's pages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from documented import SAMPLES
from rows import row
from samples import CODE, GRANT, NOW, REDIRECT, STATE, answer, issued, varied

from tokensync.domain.messages import AccountReply, Failure
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.token_request import (
    authorize_url,
    code_request,
    refresh_request,
    renewal_request,
    revocation_request,
)
from tokensync.oauth.token_response import read_account
from tokensync.providers import PROVIDERS

SAMPLE = SAMPLES["tiktok_ads"]
PROVIDER = PROVIDERS["tiktok_ads"]
APP = SAMPLE.app
assert PROVIDER.account_call is not None
CALL = PROVIDER.account_call


@row("4.1 authorize")
def test_the_consent_page() -> None:
    """The portal's link holds the app id, the redirect URI and the state, and no scope or response type."""
    assert authorize_url(PROVIDER, APP, state=STATE, redirect_uri=REDIRECT, verifier=Secret("v")) == SAMPLE.authorize


@row("4.1 callback: auth_code before code")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("auth_code=a&code=b&state=s", "a"),
        ("code=b&auth_code=a&state=s", "a"),
        ("code=b&state=s", "b"),
        ("auth_code=&code=b&state=s", "b"),
    ],
)
def test_auth_code_is_preferred(raw: str, code: str) -> None:
    """Both parameters are sent; auth_code is the documented one."""
    assert Query.parse(raw).code(PROVIDER, APP) == Secret(code)


@row("4.1 callback: any error is a denial")
@pytest.mark.parametrize(
    "raw", ["error=x&state=s", "error=access_denied&error_description=y", "auth_code=&code=&error=x"]
)
def test_any_error_is_a_denial(raw: str) -> None:
    """What a denial looks like is documented nowhere: every error is one."""
    assert Query.parse(raw).code(PROVIDER, APP) is None


@row("4.1 token: JSON", "4.1 token: return_advertiser_ids false")
def test_the_exchange_asks_for_no_list() -> None:
    """A JSON object of app id, secret and code; a list of thousands could time out after the code is spent."""
    request = code_request(PROVIDER, APP, CODE, redirect_uri=REDIRECT, verifier=Secret("v"))

    assert json.loads(request.body) == {
        "app_id": "client-1",
        "secret": "canary-secret&=",
        "auth_code": "canary-code*!+/=",
        "return_advertiser_ids": False,
    }


@row("4.1 token: the answer", "4.1 never expires")
def test_a_long_term_token_never_expires() -> None:
    """Neither an end nor a refresh token: nothing renews it, so nothing is scheduled to."""
    read = issued(SAMPLE, SAMPLE.success)

    assert (read.access_expires_at, read.life, read.refresh_token, read.oddities) == (None, None, None, ())
    assert renewal_request(PROVIDER, APP, replace(GRANT, refresh_token=None)) is None
    assert not PROVIDER.renews(replace(GRANT, refresh_token=None))


@row("4.1 expires_in honoured")
def test_an_end_that_appears_is_honoured() -> None:
    """Should the vendor ever state an end, it is the token's end."""
    assert issued(SAMPLE, varied(SAMPLE, expires_in=86_400)).access_expires_at == NOW + 86_400


@row("4.1 refresh_token honoured")
def test_a_refresh_token_that_appears_is_honoured() -> None:
    """Should the vendor ever give a refresh token, it is kept, and presented where codes are."""
    read = issued(SAMPLE, varied(SAMPLE, refresh_token="r"))

    assert (read.refresh_token, read.life) == (Secret("r"), 3600)
    request = refresh_request(PROVIDER, APP, Secret("r"))
    assert request.url == PROVIDER.endpoints["token"]
    assert json.loads(request.body) == {
        "app_id": "client-1",
        "secret": "canary-secret&=",
        "refresh_token": "r",
        "grant_type": "refresh_token",
    }


@row("4.1 advertiser_ids taken where they come", "4.1 ids are strings", "8 17 ids beyond 2^53")
@pytest.mark.parametrize(
    ("given_ids", "kept"),
    [
        (["9007199254740993", "9007199254740992"], ["9007199254740992", "9007199254740993"]),
        (["10", "9"], ["9", "10"]),
        (["7", "7"], ["7"]),
        (["7", 8, None, ""], ["7"]),
    ],
)
def test_advertiser_ids_are_text(given_ids: list[Any], kept: list[str]) -> None:
    """Ids keep every digit beyond 2^53; a number may have lost some and is none."""
    assert issued(SAMPLE, varied(SAMPLE, advertiser_ids=given_ids)).account == AccountReply(
        id="", facts={"advertiser_ids": kept}
    )


@row("4.1 verify: the call")
def test_a_token_is_verified_by_its_advertisers() -> None:
    """The list of advertisers takes app id and secret in the query and the token in a header of its own."""
    request = CALL.request(APP, PROVIDER.endpoint(APP, CALL.endpoint), GRANT, NOW)

    assert request.url == (
        "https://business-api.tiktok.com/open_api/v1.3/oauth2/advertiser/get/"
        "?app_id=client-1&secret=canary-secret%26%3D"
    )
    assert (request.method, request.headers) == ("GET", {"access-token": "canary-access"})


LIST = [{"advertiser_id": "12", "advertiser_name": "Acme"}, {"advertiser_id": "9", "advertiser_name": "Zenith"}]


@row("4.1 verify: names and ids")
def test_advertisers_are_read() -> None:
    """Every advertiser is told with its name, lowest id first."""
    facts = read_account(PROVIDER, CALL, answer({"code": 0, "message": "OK", "data": {"list": LIST}}))

    assert facts == {
        "advertiser_ids": ["9", "12"],
        "advertisers": [{"id": "9", "name": "Zenith"}, {"id": "12", "name": "Acme"}],
    }


def test_no_advertisers_are_a_list() -> None:
    """An account without advertisers is no error, and names nobody."""
    facts = read_account(PROVIDER, CALL, answer({"code": 0, "data": {"list": []}}))

    assert facts == {"advertiser_ids": [], "advertisers": []}
    assert CALL.account(facts, "9") is None


def test_odd_advertisers_are_left_out() -> None:
    """What is no advertiser with an id in text is left out; a name that is no text is none."""
    odd = [None, 5, {}, {"advertiser_id": 7}, {"advertiser_id": ""}, {"advertiser_id": "1", "advertiser_name": 5}]

    facts = read_account(PROVIDER, CALL, answer({"code": 0, "data": {"list": odd}}))

    assert facts == {"advertiser_ids": ["1"], "advertisers": [{"id": "1", "name": ""}]}


@pytest.mark.parametrize("data", [None, {}, [], {"list": None}, {"list": {}}, "x"])
def test_a_success_without_a_list_tells_nothing(data: object) -> None:
    """A missing list is not an empty one: what was known stays."""
    assert isinstance(read_account(PROVIDER, CALL, answer({"code": 0, "data": data})), Failure)


@pytest.mark.parametrize(("wanted", "named"), [("", "9"), ("12", "12"), ("9", "9"), ("500", "9")])
def test_an_authorization_goes_by_one_advertiser(wanted: str, named: str) -> None:
    """Nobody tells who authorized: it goes by the lowest id, or by the wanted one where that is among them."""
    facts = {
        "advertiser_ids": ["9", "12"],
        "advertisers": [{"id": "9", "name": "Zenith"}, {"id": "12", "name": "Acme"}],
    }

    assert CALL.account(facts, wanted) == AccountReply(id=named, label={"9": "Zenith", "12": "Acme"}[named])
    assert CALL.account({"advertiser_ids": ["9", "12"]}, wanted) == AccountReply(id=named)


@row("4.1 revoke")
def test_the_access_token_is_revoked() -> None:
    """The token stands in a header and in a JSON object beside app id and secret."""
    request = revocation_request(PROVIDER, APP, GRANT)

    assert request is not None
    assert request.url == "https://business-api.tiktok.com/open_api/v1.3/oauth2/revoke_token/"
    assert request.headers == {"access-token": "canary-access", "content-type": "application/json"}
    assert json.loads(request.body) == {
        "app_id": "client-1",
        "secret": "canary-secret&=",
        "access_token": "canary-access",
    }


@row("4.1 sandbox host")
def test_the_sandbox_is_for_explicit_configuration() -> None:
    """The vendor's sandbox may be named by an app and is nobody's default."""
    assert PROVIDER.hosts == {"business-api.tiktok.com", "sandbox-ads.tiktok.com"}
    assert not any("sandbox" in url for url in PROVIDER.endpoints.values())
