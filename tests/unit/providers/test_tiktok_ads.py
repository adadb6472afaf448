"""Facts about TikTok's Marketing API that no other provider shares, from its vendor's pages."""

from __future__ import annotations

from typing import Any

import pytest
from documented import SAMPLES
from rows import row
from samples import NOW, answer, issued, varied

from tokensync.domain.messages import AccountReply, Failure
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.token_response import read_account
from tokensync.providers import PROVIDERS

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
def test_what_appears_is_honoured() -> None:
    """If the vendor ever states an end, or gives a refresh token, it is kept; its request is a documented sample."""
    assert issued(SAMPLE, varied(SAMPLE, expires_in=86_400)).access_expires_at == NOW + 86_400
    read = issued(SAMPLE, varied(SAMPLE, refresh_token="r"))
    assert (Secret("r"), 3600) == (read.refresh_token, read.life)


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
