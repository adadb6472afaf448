"""Facts about TikTok's Marketing API that no other provider shares, from its vendor's pages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from documented import SAMPLES
from rows import row
from samples import GRANT, NOW, answer, issued, varied

from fakes.scripted import ADS, ADS_LIST, ADS_TOKEN, Staged, ads_token, advertisers
from field_rows import field
from tokensync.domain.messages import AccountReply, Failure
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.token_response import read_account
from tokensync.providers import PROVIDERS

REFRESH = "/open_api/v1.3/oauth2/refresh_token/"
SAMPLE = SAMPLES["tiktok_ads"]
PROVIDER = PROVIDERS["tiktok_ads"]
assert PROVIDER.account_call is not None
CALL = PROVIDER.account_call


@row("4.1 callback: auth_code before code", "4.1 callback: any error is a denial")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("auth_code=a&code=b&state=s", "a"),
        ("code=b&auth_code=a&state=s", "a"),
        ("code=b&state=s", "b"),
        ("auth_code=&code=b&state=s", "b"),
        ("error=x&state=s", None),
        ("error=access_denied&error_description=y", None),
        ("auth_code=&code=&error=x", None),
    ],
)
def test_auth_code_is_preferred(raw: str, code: str | None) -> None:
    """Both parameters are sent, auth_code is the documented one; what a denial is named is documented nowhere."""
    found = Query.parse(raw).code(PROVIDER, SAMPLE.app)
    assert code == (found and found.reveal())


@row("4.1 expires_in honoured", "4.1 refresh_token honoured")
@field("A13")
def test_what_appears_is_honoured() -> None:
    """If the vendor ever states an end, or gives a refresh token, it is kept; its request is a documented sample."""
    assert issued(SAMPLE, varied(SAMPLE, expires_in=86_400)).access_expires_at == NOW + 86_400
    read = issued(SAMPLE, varied(SAMPLE, refresh_token="r"))
    assert (Secret("r"), 3600, None) == (read.refresh_token, read.life, read.refresh_expires_at)
    read = issued(SAMPLE, varied(SAMPLE, refresh_token="r", expires_in=86_400, refresh_token_expires_in=2_592_000))
    assert (86_400, NOW + 2_592_000) == (read.life, read.refresh_expires_at)


@field("A13")
@pytest.mark.parametrize(
    ("pair", "token", "end"),
    [
        ({"refresh_token": "r-2", "refresh_token_expires_in": 900_000}, "r-2", 900_000),
        ({"refresh_token": "r-2"}, "r-2", 2_592_000),
        ({}, "r-1", 2_592_000),
    ],
    ids=["both", "no end", "silence"],
)
def test_a_refresh_token_goes_to_its_own_endpoint(pair: dict[str, Any], token: str, end: int) -> None:
    """A connection whose answer had a refresh token is refreshed there, once; what the answer leaves out stays."""
    stage = Staged.of(ADS)
    first = {"refresh_token": "r-1", "expires_in": 86_400, "refresh_token_expires_in": 2_592_000}
    stage.server.says(ADS_TOKEN, ads_token(**first))
    stage.server.says(REFRESH, ads_token(access_token="AB", expires_in=86_400, **pair))
    stage.server.says(ADS_LIST, advertisers("7000000000000000001"))
    stage.connect()
    began, name = stage.world.clock.now(), stage.name("7000000000000000001")
    stage.world.clock.advance(100)
    assert stage.world.ask("refresh", connection=str(name))["ok"]

    asked = [json.loads(request.body) for request in stage.server.of(REFRESH)]
    assert [{"app_id": "7001", "secret": "canary-ads-secret", "refresh_token": "r-1"}] == asked
    assert 1 == stage.server.times(ADS_TOKEN)
    grant, record = stage.world.grant(name), stage.world.stored(name)
    ends = stage.world.clock.now() + end if "refresh_token_expires_in" in pair else began + end
    assert (Secret("AB"), Secret(token), ends) == (grant.access_token, grant.refresh_token, grant.refresh_expires_at)
    assert (ends, ends) == (record.refresh_expires_at, stage.world.document(name)["refresh_token_expires_at"])
    assert ["7000000000000000001"] == grant.account["advertiser_ids"]


def test_without_a_refresh_token_nothing_is_presented() -> None:
    """The documented token never expires: it is verified, and nothing ever goes to the refresh endpoint."""
    bare = replace(GRANT, refresh_token=None)
    assert (False, None) == (PROVIDER.renews(bare), issued(SAMPLE, SAMPLE.success).refresh_expires_at)
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, advertisers("7000000000000000001"))
    stage.connect()
    stage.world.clock.advance(2 * 86_400)
    stage.world.settle(ticks=3)

    record = stage.world.stored(stage.name("7000000000000000001"))
    assert (None, None) == (record.access_expires_at, record.due.renew_at)
    assert (0, 2) == (stage.server.times(REFRESH), stage.server.times(ADS_LIST))


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
    account = issued(SAMPLE, varied(SAMPLE, advertiser_ids=given_ids)).account
    assert AccountReply(id="", facts={"advertiser_ids": kept}) == account


LIST = [{"advertiser_id": "12", "advertiser_name": "Acme"}, {"advertiser_id": "9", "advertiser_name": "Zenith"}]
ODD = [None, 5, {}, {"advertiser_id": 7}, {"advertiser_id": ""}, {"advertiser_id": "1", "advertiser_name": 5}]
FACTS = {
    "advertiser_ids": ["9", "12"],
    "advertisers": [{"id": "9", "name": "Zenith"}, {"id": "12", "name": "Acme"}],
}


@row("4.1 verify: names and ids")
@pytest.mark.parametrize(
    ("entries", "facts"),
    [
        (LIST, FACTS),
        ([], {"advertiser_ids": [], "advertisers": []}),
        (ODD, {"advertiser_ids": ["1"], "advertisers": [{"id": "1", "name": ""}]}),
    ],
    ids=["some", "none", "odd"],
)
def test_advertisers_are_read(entries: list[Any], facts: dict[str, Any]) -> None:
    """Every advertiser has its name, lowest id first; none is no error; what has no id in text is left out."""
    read = read_account(PROVIDER, CALL, answer({"code": 0, "message": "OK", "data": {"list": entries}}))
    assert facts == read


@pytest.mark.parametrize("data", [None, {}, [], {"list": None}, {"list": {}}, "x"])
def test_a_success_without_a_list_says_nothing(data: object) -> None:
    """A missing list is not an empty one: what was known stays."""
    assert isinstance(read_account(PROVIDER, CALL, answer({"code": 0, "data": data})), Failure)


@pytest.mark.parametrize(("wanted", "named"), [("", "9"), ("12", "12"), ("9", "9"), ("500", "9")])
def test_an_authorization_goes_by_one_advertiser(wanted: str, named: str) -> None:
    """Nobody tells who authorized: it goes by the lowest id, or by the wanted one where that is among them."""
    assert AccountReply(id=named, label={"9": "Zenith", "12": "Acme"}[named]) == CALL.account(FACTS, wanted)
    assert AccountReply(id=named) == CALL.account({"advertiser_ids": ["9", "12"]}, wanted)
    assert CALL.account({"advertiser_ids": [], "advertisers": []}, wanted) is None
