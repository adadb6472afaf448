"""TikTok Shop's token answers, from its vendor's pages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rows import row

from tokensync.domain.app import App
from tokensync.domain.messages import AccountReply, Failure, FailureClass, Issued, ProviderResponse
from tokensync.domain.secret import Secret
from tokensync.oauth.token_response import read_token_response
from tokensync.providers.tiktok_shop import PROVIDER
from tokensync.refresh.account import missing_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping

# The vendor's sample answer was given at this time.
NOW = 1_659_951_983
SAMPLE: Mapping[str, Any] = {
    "access_token": "TTP_access",
    "access_token_expire_in": 1_660_556_783,
    "refresh_token": "TTP_refresh",
    "refresh_token_expire_in": 1_691_487_031,
    "open_id": "7010736057180325637",
    "seller_name": "Jjj test shop",
    "seller_base_region": "ID",
    "user_type": 0,
    "granted_scopes": ["seller.affiliate_collaboration.read", "seller.affiliate_collaboration.write"],
}
APP = App(
    name="shop",
    provider="tiktok_shop",
    client_id="29a39d",
    client_secret=Secret("e59af819cc"),
    service_id="7172553411213117190",
    scopes=("seller.authorization.info",),
)


def answer(body: object, status: int = 200, **headers: str) -> ProviderResponse:
    """Return an answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ProviderResponse(status=status, headers=headers, body=raw, received_at=NOW)


def success(**changes: object) -> ProviderResponse:
    """Return the vendor's sample with some fields changed; `...` leaves one out."""
    data = {key: value for key, value in {**SAMPLE, **changes}.items() if value is not ...}
    body = {"code": 0, "message": "success", "data": data, "request_id": "2022080809462301024509910319695C45"}
    return answer(body)


def issued(given_answer: ProviderResponse) -> Issued:
    """Return what was issued, where something was."""
    read = read_token_response(PROVIDER, given_answer)
    assert isinstance(read, Issued)
    return read


def failure(given_answer: ProviderResponse) -> Failure:
    """Return the failure, where it is one."""
    read = read_token_response(PROVIDER, given_answer)
    assert isinstance(read, Failure)
    return read


@row("2 success: the vendor's sample", "2 expiries: absolute epoch seconds")
def test_the_vendors_sample_is_read() -> None:
    """Both expiries are absolute epochs, scopes an array, the account the open_id, the trace the request_id."""
    assert issued(success()) == Issued(
        access_token=Secret("TTP_access"),
        refresh_token=Secret("TTP_refresh"),
        token_type="Bearer",
        scopes=("seller.affiliate_collaboration.read", "seller.affiliate_collaboration.write"),
        access_expires_at=1_660_556_783,
        refresh_expires_at=1_691_487_031,
        life=604_800,
        account=AccountReply(
            id="7010736057180325637",
            label="Jjj test shop",
            kind="seller",
            facts={"seller_name": "Jjj test shop", "region": "ID"},
        ),
        trace_id="2022080809462301024509910319695C45",
    )


def test_an_expiry_is_never_read_as_a_duration() -> None:
    """Read as a duration the epoch would put the expiry around the year 2080, and nothing would be refreshed."""
    read = issued(success())

    assert read.life is not None
    assert read.life < 8 * 86_400


@row("2 expiries: magnitude")
@pytest.mark.parametrize(
    ("written", "expires_at"),
    [
        (1_660_556_783_000, 1_660_556_783),
        (604_800, NOW + 604_800),
        ("1660556783", 1_660_556_783),
    ],
)
def test_expiries_are_told_apart_by_magnitude(written: object, expires_at: int) -> None:
    """Milliseconds, epoch seconds and durations are each taken for what they are."""
    assert issued(success(access_token_expire_in=written)).access_expires_at == expires_at


def test_a_missing_expiry_is_a_cautious_day() -> None:
    """Without an expiry the pair is kept and refreshed within a day."""
    read = issued(success(access_token_expire_in=..., refresh_token_expire_in=...))

    assert (read.life, read.refresh_expires_at) == (86_400, None)


@pytest.mark.parametrize("name", [None, ..., 5, ""])
def test_a_seller_may_have_no_name(name: object) -> None:
    """seller_name may be null or absent: then there is no label."""
    account = issued(success(seller_name=name)).account

    assert account is not None
    assert (account.id, account.label) == ("7010736057180325637", "")


@row("2 seller_name null, region and scopes absent")
def test_a_creator_has_neither_region_nor_scopes() -> None:
    """seller_base_region and granted_scopes may be absent."""
    read = issued(success(seller_base_region=..., granted_scopes=..., seller_name=None, user_type=1))

    assert read.scopes is None
    assert read.account == AccountReply(id="7010736057180325637", label="", kind="creator", facts={})


@row("2 user_type 0 1 3")
@pytest.mark.parametrize(
    ("user_type", "kind"), [(0, "seller"), (1, "creator"), (3, "partner"), (2, "2"), (99, "99"), (..., ""), (None, "")]
)
def test_the_kind_of_account_is_told(user_type: object, kind: str) -> None:
    """0 is a seller, 1 a creator, 3 a partner; an unknown number stays a number, which no app expects."""
    account = issued(success(user_type=user_type)).account

    assert account is not None
    assert account.kind == kind


@row("2 open_id is opaque")
@pytest.mark.parametrize("open_id", [None, ..., "", 7010736057180325637, ["x"]])
def test_without_an_open_id_there_is_no_account(open_id: object) -> None:
    """The id is opaque text; a number could have lost digits on its way and is none."""
    read = issued(success(open_id=open_id))

    assert read.account is None
    assert read.refresh_token == Secret("TTP_refresh")


@row("2 refresh end counts from the authorization")
def test_the_authorizations_end_is_the_providers() -> None:
    """The refresh token's end is an epoch that counts from the authorization: the day of a refresh changes nothing."""
    later = replace(success(), received_at=NOW + 100 * 86_400)

    assert issued(later).refresh_expires_at == issued(success()).refresh_expires_at == 1_691_487_031


@row("2 a creator authorization has no end")
@pytest.mark.parametrize("end", [4_102_444_800, 253_402_300_799, 10**12, 9_223_372_036_854_775_807, None, ...])
def test_a_creators_authorization_has_no_end(end: object) -> None:
    """A far end of the authorization is how the vendor says that there is none; the access token's life stands."""
    read = issued(success(refresh_token_expire_in=end))

    assert (read.refresh_expires_at, read.life) == (None, 604_800)


@row("2 a creator may grant part of the scopes")
def test_a_creator_may_grant_part_of_the_scopes() -> None:
    """What was asked for and not granted is told; where no scopes are told, nobody knows of any that lack."""
    app = replace(APP, scopes=("a.read", "b.write"))

    assert missing_scopes(app, issued(success(user_type=1, granted_scopes=["a.read"]))) == ("b.write",)
    assert missing_scopes(app, issued(success(user_type=1, granted_scopes=...))) == ()


@row("8 17 ids beyond 2^53")
def test_a_long_id_keeps_its_digits() -> None:
    """The open_id exceeds 2^53 and stays the text that it is."""
    account = issued(success(open_id="9007199254740993")).account

    assert account is not None
    assert account.id == "9007199254740993"


def test_an_answer_without_refresh_token_is_read() -> None:
    """A missing refresh token leaves the stored one standing."""
    assert issued(success(refresh_token=...)).refresh_token is None


@pytest.mark.parametrize("scopes", [["a", 5], "a,5", "a 5"])
def test_scopes_may_come_otherwise(scopes: object) -> None:
    """An array is documented; a text is taken as well."""
    assert issued(success(granted_scopes=scopes)).scopes == ("a", "5")


@pytest.mark.parametrize("code", [0, 1, 36004005, 36009004, 98001004, None, "x"])
@pytest.mark.parametrize(
    "message",
    [
        "Access denied. Your IP address is not in the IP allow list configured for this app",
        "your ip is not in the IP ALLOW LIST",
        "invalid client_key",
        "Invalid app_key or app_secret",
    ],
)
def test_configuration_is_known_by_its_text(code: object, message: str) -> None:
    """The IP allow list and a wrong key have no code of their own: under any number their text is the operator's."""
    body = {"code": code, "message": message}
    if code == 0:
        assert failure(answer(body)).kind is FailureClass.AMBIGUOUS
        return

    assert failure(answer(body)).kind is FailureClass.CONFIGURATION


@row("2 code is compared, never message")
def test_a_message_is_never_compared_with_success() -> None:
    """The code decides: "success" beside another number is an error, and any message beside 0 is a success."""
    assert failure(answer({"code": 36004005, "message": "success", "data": dict(SAMPLE)})).kind is FailureClass.REFUSED
    assert issued(answer({"code": 0, "message": "error", "data": dict(SAMPLE)})).access_token


@pytest.mark.parametrize("code", [..., None, "0", "", True, False, 0.0, [0], {}])
def test_only_the_number_zero_is_success(code: object) -> None:
    """Anything else for a code is an error that nobody documents, and the tokens beside it are not taken."""
    body = {"message": "success", "data": dict(SAMPLE)}

    assert failure(answer(body if code is ... else {**body, "code": code})).kind is FailureClass.UNKNOWN


@pytest.mark.parametrize("data", [..., None, {}, [], "x", 5])
def test_success_without_data_is_ambiguous(data: object) -> None:
    """A 0 without tokens may have committed."""
    body = {"code": 0, "message": "success"}

    assert failure(answer(body if data is ... else {**body, "data": data})).kind is FailureClass.AMBIGUOUS


def test_a_post_would_be_answered_not_found() -> None:
    """`404 page not found` is text that marks no connection dead."""
    assert failure(answer(b"404 page not found", 404)).kind is FailureClass.UNKNOWN


def test_a_rate_limit_may_say_how_long() -> None:
    """Retry-After is honoured with the number as with the status."""
    limited = answer({"code": 36009002, "message": "rate limit"}, **{"retry-after": "5"})

    assert failure(limited).retry_after == 5
    assert failure(answer(b"", 429, **{"retry-after": "5"})).retry_after == 5
