"""PROVIDERS' facts about TikTok Shop, from its vendor's pages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from rows import case, row

from tokensync.answers import AccountReply, Answer, Failure, FailureClass, Issued
from tokensync.app import App
from tokensync.callback_query import Query
from tokensync.errors import BadRequest
from tokensync.providers.contract import RefreshReuse
from tokensync.providers.tiktok_shop import PROVIDER
from tokensync.reading import read_answer
from tokensync.request import Request
from tokensync.secret import Secret
from tokensync.token_request import authorize_url, code_request, refresh_request

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


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    """Return an answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers=headers, body=raw, received_at=NOW)


def success(**changes: object) -> Answer:
    """Return the vendor's sample with some fields changed; `...` leaves one out."""
    data = {key: value for key, value in {**SAMPLE, **changes}.items() if value is not ...}
    body = {"code": 0, "message": "success", "data": data, "request_id": "2022080809462301024509910319695C45"}
    return answer(body)


def issued(given_answer: Answer) -> Issued:
    """Return what was issued, where something was."""
    read = read_answer(PROVIDER, given_answer)
    assert isinstance(read, Issued)
    return read


def failure(given_answer: Answer) -> Failure:
    """Return the failure, where it is one."""
    read = read_answer(PROVIDER, given_answer)
    assert isinstance(read, Failure)
    return read


@row("2 seller link: service_id and state alone")
@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("", "services.tiktokshop.com"),
        case("2 authorize host: global", "global", "services.tiktokshop.com"),
        case("2 authorize host: us", "us", "services.us.tiktokshop.com"),
        case("2 authorize host: us-alternative", "us-alternative", "services.tiktokshops.us"),
        case("2 authorize host: partner", "partner", "partner.tiktokshop.com"),
    ],
)
def test_the_authorize_link_of_each_region(region: str, host: str) -> None:
    """A link holds service_id and state and nothing else: the rest is set in Partner Center."""
    url = authorize_url(
        PROVIDER, replace(APP, region=region), state="s.t", redirect_uri="https://a.example/cb", verifier=Secret("v")
    )

    assert url == f"https://{host}/open/authorize?service_id=7172553411213117190&state=s.t"


@row("2 creator link: app_key, state required")
@pytest.mark.parametrize("region", ["", "global", "us", "us-alternative", "partner"])
def test_the_creators_link_names_the_app_key(region: str) -> None:
    """Creators have one page for every region; it takes app_key and state, and no service id is needed."""
    app = replace(APP, region=region, service_id="", settings={"account_kind": "creator"})
    creators = PROVIDER.for_app(app)

    url = authorize_url(creators, app, state="s.t", redirect_uri="https://a.example/cb", verifier=Secret("v"))

    assert url == "https://shop.tiktok.com/alliance/creator/auth?app_key=29a39d&state=s.t"
    assert creators.required == ()


@pytest.mark.parametrize("kind", ["seller", "partner"])
def test_only_creators_have_another_link(kind: str) -> None:
    """Sellers' and partners' apps have the provider as it is, token calls and all."""
    assert PROVIDER.for_app(replace(APP, settings={"account_kind": kind})) == PROVIDER


def test_creators_tokens_come_from_the_same_host() -> None:
    """The link alone is another: code and refresh token are presented where everybody's are."""
    app = replace(APP, settings={"account_kind": "creator"})
    creators = PROVIDER.for_app(app)

    assert code_request(creators, app, Secret("x"), redirect_uri="") == code_request(
        PROVIDER, APP, Secret("x"), redirect_uri=""
    )
    assert refresh_request(creators, app, Secret("x")) == refresh_request(PROVIDER, APP, Secret("x"))


@row("2 service_id is not app_key", "8 5 service_id for app_key")
def test_the_link_names_the_service_and_not_the_app_key() -> None:
    """service_id for app_key shows "This service does not exist": an app must state its service id."""
    assert PROVIDER.required == ("service_id",)
    assert "29a39d" not in authorize_url(PROVIDER, APP, state="s", redirect_uri="")


@row(
    "2 callback: code=null is a denial",
    "2 callback: prefixes mean nothing",
    "2 callback: unknown parameters ignored",
    "8 3 code=null",
)
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("code=TTP_x&state=s", "TTP_x"),
        ("app_key=29a39d&code=ROW_x&locale=en-GB&shop_region=GB&state=s", "ROW_x"),
        ("code=GCP_a%2Bb%2F%3D&state=s", "GCP_a+b/="),
        ("code=plain&state=s&unknown=1", "plain"),
        ("code=null&error=auth_denied&state=s", None),
        ("code=null&state=s", None),
        ("code=&state=s", None),
        ("error=auth_denied&state=s", None),
        ("error=access_denied&code=&state=s", None),
    ],
)
def test_every_form_of_the_callback(raw: str, code: str | None) -> None:
    """Prefixes mean nothing, unknown parameters are ignored, and any error or the text null is a denial."""
    found = Query.parse(raw).code(PROVIDER, APP)

    assert (found.reveal() if found else None) == code


@row("2 callback: app_key checked where present")
@pytest.mark.parametrize("raw", ["code=x&app_key=another", "code=x&app_key=", "code=null&app_key=another&error=x"])
def test_an_authorization_for_another_app_is_refused(raw: str) -> None:
    """Where app_key is present it is this app's."""
    with pytest.raises(BadRequest, match="another client"):
        Query.parse(raw).code(PROVIDER, APP)


def test_code_and_error_at_once_are_refused() -> None:
    """A code beside an error is no answer to act upon."""
    with pytest.raises(BadRequest):
        Query.parse("code=TTP_x&error=auth_denied").code(PROVIDER, APP)


@row("2 token calls: one host for every region", "2 token calls: authorized_code")
@pytest.mark.parametrize("region", ["", "us", "us-alternative", "partner"])
def test_the_exchange_is_a_get_with_everything_in_the_query(region: str) -> None:
    """One host serves every region; there is no body, header, redirect URI or verifier."""
    request = code_request(
        PROVIDER,
        replace(APP, region=region),
        Secret("TTP_a+b/c= d"),
        redirect_uri="https://a.example/cb",
        verifier=Secret("v"),
    )

    assert request == Request(
        method="GET",
        url=(
            "https://auth.tiktok-shops.com/api/v2/token/get?app_key=29a39d&app_secret=e59af819cc"
            "&auth_code=TTP_a%2Bb%2Fc%3D+d&grant_type=authorized_code"
        ),
    )


def test_the_refresh_is_a_get_of_its_own_path() -> None:
    """A refresh has its own path and the RFC's grant type."""
    assert refresh_request(PROVIDER, APP, Secret("TTP_r&=")) == Request(
        method="GET",
        url=(
            "https://auth.tiktok-shops.com/api/v2/token/refresh?app_key=29a39d&app_secret=e59af819cc"
            "&refresh_token=TTP_r%26%3D&grant_type=refresh_token"
        ),
    )


@row("2 token calls: sandbox by configuration")
def test_sandbox_hosts_are_for_explicit_configuration() -> None:
    """Production is the default; the old sandbox host is allowed and used only where an app names it."""
    own = {"token": "https://auth-sandbox.tiktok-shops.com/api/v2/token/get"}

    request = code_request(PROVIDER, replace(APP, endpoints=own), Secret("x"), redirect_uri="")

    assert urlsplit(request.url).hostname == "auth-sandbox.tiktok-shops.com"
    assert "auth-sandbox.tiktok-shops.com" in PROVIDER.hosts
    assert not any("sandbox" in url for url in PROVIDER.endpoints.values())


@row("2 hosts exactly these")
def test_the_hosts_are_exactly_the_vendors() -> None:
    """No other host may be named by an app."""
    assert PROVIDER.hosts == {
        "services.tiktokshop.com",
        "services.us.tiktokshop.com",
        "services.tiktokshops.us",
        "partner.tiktokshop.com",
        "shop.tiktok.com",
        "auth.tiktok-shops.com",
        "auth-sandbox.tiktok-shops.com",
        "open-api.tiktokglobalshop.com",
    }


@row("2 whether the old refresh token dies is unknown")
def test_whether_the_old_refresh_token_dies_is_not_known() -> None:
    """Where sources disagree a refresh token counts as used up when it was presented."""
    assert PROVIDER.refresh_reuse is RefreshReuse.SINGLE_USE


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
