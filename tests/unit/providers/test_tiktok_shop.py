"""PROVIDERS' facts about TikTok Shop, from its vendor's pages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokensync.answers import AccountReply, Answer, Failure, FailureClass, Issued
from tokensync.app import App
from tokensync.callback_query import Query
from tokensync.errors import BadRequest
from tokensync.grant import Grant
from tokensync.providers.contract import RefreshReuse
from tokensync.providers.tiktok_shop import PROVIDER, sign
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
GRANT = Grant(
    account_id="7010736057180325637",
    label="",
    access_token=Secret("TTP_access"),
    token_type="Bearer",
    scopes=(),
    obtained_at=NOW,
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


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("", "services.tiktokshop.com"),
        ("global", "services.tiktokshop.com"),
        ("us", "services.us.tiktokshop.com"),
        ("us-alternative", "services.tiktokshops.us"),
        ("partner", "partner.tiktokshop.com"),
    ],
)
def test_the_authorize_link_of_each_region(region: str, host: str) -> None:
    """A link holds service_id and state and nothing else: the rest is set in Partner Center."""
    url = authorize_url(
        PROVIDER, replace(APP, region=region), state="s.t", redirect_uri="https://a.example/cb", verifier=Secret("v")
    )

    assert url == f"https://{host}/open/authorize?service_id=7172553411213117190&state=s.t"


def test_the_link_names_the_service_and_not_the_app_key() -> None:
    """service_id for app_key shows "This service does not exist": an app must state its service id."""
    assert PROVIDER.required == ("service_id",)
    assert "29a39d" not in authorize_url(PROVIDER, APP, state="s", redirect_uri="")


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


@pytest.mark.parametrize("raw", ["code=x&app_key=another", "code=x&app_key=", "code=null&app_key=another&error=x"])
def test_an_authorization_for_another_app_is_refused(raw: str) -> None:
    """Where app_key is present it is this app's."""
    with pytest.raises(BadRequest, match="another client"):
        Query.parse(raw).code(PROVIDER, APP)


def test_code_and_error_at_once_are_refused() -> None:
    """A code beside an error is no answer to act upon."""
    with pytest.raises(BadRequest):
        Query.parse("code=TTP_x&error=auth_denied").code(PROVIDER, APP)


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


def test_sandbox_hosts_are_for_explicit_configuration() -> None:
    """Production is the default; the old sandbox host is allowed and used only where an app names it."""
    own = {"token": "https://auth-sandbox.tiktok-shops.com/api/v2/token/get"}

    request = code_request(PROVIDER, replace(APP, endpoints=own), Secret("x"), redirect_uri="")

    assert urlsplit(request.url).hostname == "auth-sandbox.tiktok-shops.com"
    assert "auth-sandbox.tiktok-shops.com" in PROVIDER.hosts
    assert not any("sandbox" in url for url in PROVIDER.endpoints.values())


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


def test_whether_the_old_refresh_token_dies_is_not_known() -> None:
    """Where sources disagree a refresh token counts as used up when it was presented."""
    assert PROVIDER.refresh_reuse is RefreshReuse.SINGLE_USE


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


def test_a_creator_has_neither_region_nor_scopes() -> None:
    """seller_base_region and granted_scopes may be absent."""
    read = issued(success(seller_base_region=..., granted_scopes=..., seller_name=None, user_type=1))

    assert read.scopes is None
    assert read.account == AccountReply(id="7010736057180325637", label="", kind="creator", facts={})


@pytest.mark.parametrize(
    ("user_type", "kind"), [(0, "seller"), (1, "creator"), (3, "partner"), (2, "2"), (99, "99"), (..., ""), (None, "")]
)
def test_the_kind_of_account_is_told(user_type: object, kind: str) -> None:
    """0 is a seller, 1 a creator, 3 a partner; an unknown number stays a number, which no app expects."""
    account = issued(success(user_type=user_type)).account

    assert account is not None
    assert account.kind == kind


@pytest.mark.parametrize("open_id", [None, ..., "", 7010736057180325637, ["x"]])
def test_without_an_open_id_there_is_no_account(open_id: object) -> None:
    """The id is opaque text; a number could have lost digits on its way and is none."""
    read = issued(success(open_id=open_id))

    assert read.account is None
    assert read.refresh_token == Secret("TTP_refresh")


def test_an_answer_without_refresh_token_is_read() -> None:
    """A missing refresh token leaves the stored one standing."""
    assert issued(success(refresh_token=...)).refresh_token is None


@pytest.mark.parametrize("scopes", [["a", 5], "a,5", "a 5"])
def test_scopes_may_come_otherwise(scopes: object) -> None:
    """An array is documented; a text is taken as well."""
    assert issued(success(granted_scopes=scopes)).scopes == ("a", "5")


ERRORS = [
    (36004004, "invalid auth code", FailureClass.REFUSED),
    (36004005, "can not find related auth record", FailureClass.REFUSED),
    (36004001, "rt has expired", FailureClass.REFUSED),
    (
        36009033,
        "Access denied. Your IP address is not in the IP allow list configured for this app",
        FailureClass.CONFIGURATION,
    ),
    (98001004, "parameters invalid", FailureClass.UNKNOWN),
    (98001005, "code already used", FailureClass.REFUSED),
    (98001006, "refresh token invalid", FailureClass.REFUSED),
    (36009002, "rate limit", FailureClass.BUSY),
    (36009007, "timeout", FailureClass.AMBIGUOUS),
    (36009004, "ten meanings", FailureClass.UNKNOWN),
    (12345, "invalid refresh token", FailureClass.UNKNOWN),
    (-1, "", FailureClass.UNKNOWN),
]


@pytest.mark.parametrize(("code", "message", "kind"), ERRORS, ids=[str(error[0]) for error in ERRORS])
@pytest.mark.parametrize("data", [..., None, {}, []], ids=["missing", "null", "object", "array"])
def test_every_row_of_the_error_table(code: int, message: str, kind: FailureClass, data: object) -> None:
    """Errors come inside an HTTP 200 with a number, and with data missing, null or empty."""
    body = {"code": code, "message": message, "request_id": "r-1"}

    read = failure(answer(body if data is ... else {**body, "data": data}))

    assert read == Failure(kind=kind, code=str(code), message=message, trace_id="r-1")


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


VECTOR = "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8"


def test_the_vendors_signature_vector() -> None:
    """The vendor's own example of a signed call gives its signature."""
    query = {"app_key": "29a39d", "timestamp": "1623812664"}

    assert sign("e59af819cc", "/authorization/202309/shops", query) == VECTOR


def test_a_signature_leaves_itself_and_the_token_out() -> None:
    """`sign` and `access_token` are not signed, and the order in which parameters are given does not matter."""
    query = {"timestamp": "1623812664", "access_token": "t", "sign": "s", "app_key": "29a39d"}

    assert sign("e59af819cc", "/authorization/202309/shops", query) == VECTOR


def test_a_signature_is_over_the_very_bytes_of_the_body() -> None:
    """One space more in the body is another signature."""
    bodies = [b"", b"{}", b"{ }", b'{"a":1}']
    signatures = {sign("secret", "/path", {"app_key": "k"}, body) for body in bodies}

    assert len(signatures) == len(bodies)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.text(st.characters(codec="utf-8"), max_size=5)), st.binary())
def test_a_signature_is_lower_case_hex(query: dict[str, str], body: bytes) -> None:
    """Whatever is signed, the signature is 64 lower-case hex digits, and repeats."""
    signature = sign("sécret", "/path", query, body)

    assert len(bytes.fromhex(signature)) == 32
    assert signature == signature.lower() == sign("sécret", "/path", dict(reversed(query.items())), body)


def test_the_shops_call_is_the_signed_vector() -> None:
    """The facts call is a GET without shop_cipher, signed over what it sends, the token in its header."""
    assert PROVIDER.facts is not None

    request = PROVIDER.facts.request(APP, PROVIDER.endpoint(APP, "api"), GRANT, 1_623_812_664)

    parts = urlsplit(request.url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
        "https://open-api.tiktokglobalshop.com/authorization/202309/shops"
    )
    assert parse_qsl(parts.query) == [("app_key", "29a39d"), ("timestamp", "1623812664"), ("sign", VECTOR)]
    assert request.headers == {"x-tts-access-token": "TTP_access", "content-type": "application/json"}
    assert (request.method, request.body) == ("GET", b"")


def test_a_mounted_api_signs_the_vendors_path() -> None:
    """Below a mount path, as a sandbox has it, the signature is still over the vendor's own path."""
    assert PROVIDER.facts is not None

    request = PROVIDER.facts.request(APP, "http://localhost:9000/tiktok_shop", GRANT, 1_623_812_664)

    assert request.url == (
        "http://localhost:9000/tiktok_shop/authorization/202309/shops"
        f"?app_key=29a39d&timestamp=1623812664&sign={VECTOR}"
    )


SHOP = {
    "id": "7000714532876273420",
    "name": "Maomao beauty shop",
    "region": "GB",
    "seller_type": "CROSS_BORDER",
    "cipher": "GCP_XF90igAAAABh00qsWgtvOiGFNqyubMt3",
    "code": "CNGBCBA4LLU8",
}


def shops(reply: object) -> object:
    """Return the facts read from a reply."""
    assert PROVIDER.facts is not None
    assert isinstance(reply, dict)
    return PROVIDER.facts.read(reply)


def test_the_vendors_shops_are_read() -> None:
    """The vendor's sample gives the shop with id, cipher, name and region."""
    reply = {"code": 0, "data": {"shops": [SHOP]}, "message": "Success", "request_id": "r"}

    assert shops(reply) == {"shops": [SHOP]}


def test_all_shops_are_published() -> None:
    """One authorization can hold several shops: all are told, none is chosen, and none is told as none."""
    several = [{**SHOP, "id": str(number)} for number in range(3)]

    assert shops({"code": 0, "data": {"shops": several}}) == {"shops": several}
    assert shops({"code": 0, "data": {"shops": []}}) == {"shops": []}


def test_odd_shops_are_left_out() -> None:
    """What is no shop with an id is left out, and so is a field that is no text or that nobody documents."""
    odd = [None, 5, {}, {"id": 7}, {"id": "1", "cipher": None, "name": 5, "secret": "x"}]

    assert shops({"code": 0, "data": {"shops": odd}}) == {"shops": [{"id": "1"}]}


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"code": 105005, "message": "missing scope", "data": {"shops": [SHOP]}},
        {"code": 105002, "message": "access token expired"},
        {"code": 36009004, "message": "sign"},
        {"code": 0},
        {"code": 0, "data": None},
        {"code": 0, "data": {}},
        {"code": 0, "data": []},
        {"code": 0, "data": {"shops": None}},
        {"code": 0, "data": {"shops": {"id": "1"}}},
        {"code": "0", "data": {"shops": []}},
    ],
)
def test_any_other_reply_tells_no_shops(reply: Mapping[str, object]) -> None:
    """An error is not an empty list: what was known of the shops stays."""
    assert shops(reply) is None
