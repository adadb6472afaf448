"""Every documented error, of every call, and what it asks of us."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from documented import SAMPLES
from rows import case, row
from samples import answer, failure

from field_rows import field
from tokensync.domain.messages import Failure, FailureClass
from tokensync.oauth.token_response import read_account, read_revocation

if TYPE_CHECKING:
    from samples import Sample

REFUSED, CONFIGURATION = FailureClass.REFUSED, FailureClass.CONFIGURATION
BUSY, AMBIGUOUS, UNKNOWN = FailureClass.BUSY, FailureClass.AMBIGUOUS, FailureClass.UNKNOWN
IP_TEXT = "Access denied. Your IP address is not in the IP allow list configured for this app"
NO_PERMISSION = "No permission to operate advertiser 123456789"

SHOP = [
    case("2 36004004", 36004004, "invalid auth code", REFUSED),
    case("2 36004005", 36004005, "can not find related auth record", REFUSED),
    case("2 36004001", 36004001, "rt has expired", REFUSED),
    case("2 36009033", 36009033, "", CONFIGURATION),
    case("2 IP allow list by its text", 36009004, IP_TEXT, CONFIGURATION),
    case("2 98001004", 98001004, "parameters invalid", UNKNOWN),
    case("2 98001005", 98001005, "code already used", REFUSED),
    case("2 98001006", 98001006, "refresh token invalid", REFUSED),
    case("2 wrong key: invalid client_key", 36004999, "invalid client_key", CONFIGURATION),
    case("2 wrong key: invalid app_key", 36004998, "Invalid app_key or app_secret", CONFIGURATION),
    case("8 12 ten meanings of 36009004", 36009004, "invalid refresh token", UNKNOWN),
]
BUSINESS = [
    case("4.3 40100", 40100, "App reaches the QPS limit.", BUSY),
    case("4.3 Too many requests", 40999, "Too many requests", BUSY),
    case("4.3 40001", 40001, NO_PERMISSION, UNKNOWN),
    case("4.3 40001 auth_code expired or invalid", 40001, "auth_code expired or invalid", REFUSED),
    case("4.3 40002", 40002, "auth_code: missing", UNKNOWN),
    case("4.3 40101", 40101, "app id and secret do not match", CONFIGURATION),
    case("4.3 40102", 40102, "access token expired", UNKNOWN),
    case("4.3 40104", 40104, "access token missing", UNKNOWN),
    case("4.3 40105", 40105, "Access token is incorrect or has been revoked.", REFUSED),
    case("4.3 40110", 40110, "invalid auth_code", REFUSED),
    case("4.3 40200", 40200, "", AMBIGUOUS),
    case("4.3 40201", 40201, "", AMBIGUOUS),
    case("4.3 40202", 40202, "", AMBIGUOUS),
    case("4.3 40700", 40700, "", AMBIGUOUS),
    case("4.3 50000", 50000, "", AMBIGUOUS),
    case("4.3 50002", 50002, "", AMBIGUOUS),
    case("4.3 an unknown number", 40106, "Access token is incorrect or has been revoked.", UNKNOWN),
]
LOGIN = [
    case("3 access_denied", "access_denied", UNKNOWN),
    case("3 invalid_client", "invalid_client", CONFIGURATION),
    case("3 invalid_grant", "invalid_grant", REFUSED),
    case("3 invalid_request", "invalid_request", UNKNOWN),
    case("3 invalid_scope", "invalid_scope", UNKNOWN),
    case("3 unauthorized_client", "unauthorized_client", CONFIGURATION),
    case("3 unsupported_grant_type", "unsupported_grant_type", CONFIGURATION),
    case("3 unsupported_response_type", "unsupported_response_type", UNKNOWN),
    case("3 server_error", "server_error", AMBIGUOUS),
    case("3 temporarily_unavailable", "temporarily_unavailable", BUSY),
]
ON_ANY_STATUS = [case("3 error on 200", 200), case("3 error on 400", 400), case("3 error on 401", 401)]


@pytest.mark.parametrize("data", [..., None, {}, []], ids=["missing", "null", "object", "array"])
@pytest.mark.parametrize(("code", "message", "kind"), SHOP)
@row("2 data missing, null, {} or [] on error", "7 6749 5.2 errors in a 200", "8 1 a 200 with a non-zero code")
def test_tiktok_shops_errors(code: int, message: str, kind: FailureClass, data: object) -> None:
    """TikTok Shop's errors come inside an HTTP 200 with a number, data missing, null or empty."""
    body = {"code": code, "message": message, "request_id": "r-1"}

    read = failure(SAMPLES["tiktok_shop"], body if data is ... else {**body, "data": data})

    assert read == Failure(kind=kind, code=str(code), message=message, trace_id="r-1")


@pytest.mark.parametrize("name", ["tiktok_ads", "tiktok_accounts"])
@pytest.mark.parametrize(("code", "message", "kind"), BUSINESS)
def test_tiktok_for_business_return_codes(name: str, code: int, message: str, kind: FailureClass) -> None:
    """The return codes come inside an HTTP 200; a number that no page explains never marks a connection dead."""
    read = failure(SAMPLES[name], {"code": code, "message": message, "request_id": "r-1", "data": {}})

    assert read == Failure(kind=kind, code=str(code), message=message, trace_id="r-1")


@field("A14")
@pytest.mark.parametrize("value", [{"a": [1]}, [7], None], ids=str)
@pytest.mark.parametrize("name", ["tiktok_shop", "tiktok_ads", "tiktok_login", "eshopbox", "oauth2"])
def test_no_object_is_shown_to_anybody(name: str, value: object) -> None:
    """Where a text or a number belongs, another value is none."""
    body = {"code": value or [7], "error": value or [[]], "message": value, "error_description": value}
    read = failure(SAMPLES[name], body, 400)
    call = SAMPLES[name].provider.account_call
    told = None if call is None else read_account(SAMPLES[name].provider, call, answer({"error": body}, 400))

    assert not set("[{") & set(read.code + read.message)
    assert told is None or (isinstance(told, Failure) and not set("[{") & set(told.code + told.message))


@row("4.3 0")
@pytest.mark.parametrize("name", ["tiktok_ads", "tiktok_accounts"])
def test_zero_without_tokens_may_have_committed(name: str) -> None:
    """A 0 is a success: without tokens in it, nobody knows what was committed."""
    assert failure(SAMPLES[name], {"code": 0, "message": "OK", "data": {}}).kind is AMBIGUOUS


@pytest.mark.parametrize("status", ON_ANY_STATUS)
@pytest.mark.parametrize(("code", "kind"), LOGIN)
@row("8 11 invalid_client marks sellers dead")
def test_login_kits_errors(code: str, kind: FailureClass, status: int) -> None:
    """The Login Kit's errors are told by `error` in the body, whatever the status."""
    body = {"error": code, "error_description": "Because.", "log_id": "l-1"}

    read = failure(SAMPLES["tiktok_login"], body, status)

    assert read == Failure(kind=kind, code=code, message="Because.", trace_id="l-1")


@row("3 refresh: the loser's invalid_grant", "3 HTTP 429", "3 HTTP 5xx")
@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        # Who lost to a sibling is found by the fence, not by these words, which were seen live.
        ({"error": "invalid_grant", "error_description": "Refresh token is invalid or expired."}, 400, REFUSED),
        (b"", 429, BUSY),
        *((b"", status, AMBIGUOUS) for status in (500, 502, 503)),
    ],
)
def test_login_kits_statuses(body: object, status: int, kind: FailureClass) -> None:
    """The loser of two refreshes is refused; without an error in its body a 429 or 5xx is for another time."""
    assert failure(SAMPLES["tiktok_login"], body, status).kind is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *(pytest.param(status, UNKNOWN, marks=row("5 4xx")) for status in (400, 401, 403, 404, 409, 422, 499)),
        case("5 408", 408, AMBIGUOUS),
        case("5 429", 429, BUSY),
        *(pytest.param(status, AMBIGUOUS, marks=row("5 5xx")) for status in (500, 502, 503, 504, 599)),
    ],
)
def test_eshopbox_is_judged_by_its_status(status: int, kind: FailureClass) -> None:
    """Eshopbox documents no error: no word of a body decides, a 4xx is an operator's, a 408, 429 or 5xx comes again."""
    for body in (b"{}", b'{"error":"invalid_grant","message":"gone"}'):
        assert failure(SAMPLES["eshopbox"], body, status).kind is kind
    for body in (b"", b"<html>"):
        assert failure(SAMPLES["eshopbox"], body, status).kind is (BUSY if status == 429 else AMBIGUOUS)


CALLS = [
    case("2 call 105002", "tiktok_shop", {"code": 105002, "message": "access token expired"}, 200, REFUSED),
    case("2 call 105001", "tiktok_shop", {"code": 105001, "message": "deauthorized"}, 200, REFUSED),
    case("2 call 105005", "tiktok_shop", {"code": 105005, "message": "missing scope"}, 200, UNKNOWN),
    case("2 call 101000", "tiktok_shop", {"code": 101000, "message": "wrong user type"}, 200, UNKNOWN),
    case("2 call 106001", "tiktok_shop", {"code": 106001, "message": "bad sign"}, 200, UNKNOWN),
    case("2 call 106013", "tiktok_shop", {"code": 106013, "message": "shop_cipher missing"}, 200, UNKNOWN),
    case("2 call 36009002", "tiktok_shop", {"code": 36009002, "message": "rate limit"}, 200, BUSY),
    case("2 call HTTP 429", "tiktok_shop", {"code": 105001, "message": "deauthorized"}, 429, BUSY),
    case("2 call 36009007", "tiktok_shop", {"code": 36009007, "message": "timeout"}, 200, AMBIGUOUS),
    case("2 call 36009033", "tiktok_shop", {"code": 36009033, "message": ""}, 200, CONFIGURATION),
    case("2 call 36009004", "tiktok_shop", {"code": 36009004, "message": "token header"}, 401, UNKNOWN),
    case("3 call access_token_invalid", "tiktok_login", "access_token_invalid", 401, REFUSED),
    case("3 call scope_not_authorized", "tiktok_login", "scope_not_authorized", 401, UNKNOWN),
    case("3 call rate_limit_exceeded", "tiktok_login", "rate_limit_exceeded", 200, BUSY),
    case("3 call internal_error", "tiktok_login", "internal_error", 500, AMBIGUOUS),
    pytest.param("tiktok_login", "invalid_params", 400, UNKNOWN, id="login's unknown error"),
    pytest.param("tiktok_ads", {"code": 40105, "message": "revoked"}, 200, REFUSED, id="ads 40105"),
    pytest.param("tiktok_ads", {"code": 40102, "message": "expired"}, 200, REFUSED, id="ads 40102"),
    pytest.param("tiktok_ads", {"code": 40001, "message": NO_PERMISSION}, 200, UNKNOWN, id="ads 40001"),
    pytest.param(
        "tiktok_ads", {"code": 40001, "message": "auth_code expired or invalid"}, 200, UNKNOWN, id="ads 40001 text"
    ),
    pytest.param("tiktok_ads", {"code": 40104, "message": "missing"}, 200, UNKNOWN, id="ads 40104"),
    pytest.param("tiktok_ads", {"code": 40101, "message": "mismatch"}, 200, CONFIGURATION, id="ads 40101"),
    pytest.param("tiktok_ads", {"code": 40100, "message": "QPS"}, 200, BUSY, id="ads 40100"),
    pytest.param("tiktok_ads", {"code": 40106, "message": "revoked"}, 200, UNKNOWN, id="ads unknown"),
    pytest.param("oauth2", {}, 401, UNKNOWN, id="userinfo 401 of any proxy"),
    pytest.param("oauth2", {"error": "insufficient_scope"}, 403, UNKNOWN, id="6750 3.1 403"),
    pytest.param("oauth2", {"error": "server_error"}, 500, AMBIGUOUS, id="userinfo 500"),
]


@pytest.mark.parametrize(("name", "error", "status", "kind"), CALLS)
def test_the_errors_of_the_account_call(name: str, error: Any, status: int, kind: FailureClass) -> None:
    """Only what says that this access token works no more refuses it; everything else says nothing about it."""
    provider = SAMPLES[name].provider
    assert provider.account_call is not None
    body = {"data": {}, "error": {"code": error, "message": "", "log_id": "l-1"}} if isinstance(error, str) else error

    read = read_account(provider, provider.account_call, answer(body, status))

    assert isinstance(read, Failure)
    assert read.kind is kind
    assert read.trace_id == ("l-1" if isinstance(error, str) else "")


@pytest.mark.parametrize(
    ("challenge", "kind"),
    [
        ('Bearer realm="x", error="invalid_token", error_description="expired"', REFUSED),
        ('Bearer error="insufficient_scope", scope="openid"', UNKNOWN),
        ("Bearer", UNKNOWN),
        ('Basic realm="invalid_token"', UNKNOWN),
        (f'Bearer error="{"x" * 500}"', UNKNOWN),
    ],
)
def test_a_challenge_tells_the_error(challenge: str, kind: FailureClass) -> None:
    """RFC 6750 §3: where a server answers with a challenge, its `error` decides, and no body or bare 401 does."""
    provider = SAMPLES["oauth2"].provider
    assert provider.account_call is not None
    told = replace(answer({"error": "whatever"}, 401), headers={"www-authenticate": challenge})

    read = read_account(provider, provider.account_call, told)

    assert isinstance(read, Failure)
    assert read.kind is kind


def test_the_documented_refusal_is_one(sample: Sample) -> None:
    """The refusal of a refresh token is authoritative on any status that the provider may use."""
    for status in (200, 400, 401, 500):
        assert sample.refused is None or failure(sample, sample.refused, status).kind is REFUSED


@row("2 token calls: a POST is not found")
def test_nothing_else_is_a_refusal(sample: Sample) -> None:
    """An unknown code marks no connection dead, whatever its message says; a bare status is silence, or busy."""
    for status in (400, 401, 403, 404, 410, 422):
        assert failure(sample, sample.unknown, status).kind is UNKNOWN
    for status in (301, 302, 307, 308, 400, 401, 403, 404, 408, 410, 500, 502, 503, 504):
        assert failure(sample, b"404 page not found", status).kind is AMBIGUOUS
    for status in (429, 503):
        read = failure(sample, sample.refused or sample.unknown, status, retry_after="5")
        assert (BUSY, 5) == (read.kind, read.retry_after)


@row("8 16 empty success bodies", "3 revoke: empty body")
def test_how_a_revocation_ends(sample: Sample) -> None:
    """Success may have an empty body, which is no JSON; an error is told with its class, on a status that is none."""
    assert [None, None] == [read_revocation(sample.provider, answer(body)) for body in (b"", b" \r\n")]
    refused = read_revocation(sample.provider, answer(sample.unknown, 400))
    assert refused is not None
    assert refused.kind is UNKNOWN
    if sample.app.provider in ("tiktok_login", "tiktok_ads", "tiktok_accounts"):
        # Where errors come inside an HTTP 200, only its body tells whether the authorization has ended.
        for body in (sample.refused, b"<html>"):
            assert read_revocation(sample.provider, answer(body)) is not None
