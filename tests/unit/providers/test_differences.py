"""The table of differences between the services, cell by cell, seen in what is sent and read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from documented import SAMPLES
from rows import FIVE, row
from samples import CODE, GRANT, NOW, REDIRECT, REFRESH_TOKEN, failure, issued, varied

from tokensync.domain.messages import FailureClass
from tokensync.oauth.provider import RefreshReuse
from tokensync.oauth.token_request import authorize_url, client_credentials_request, code_request, refresh_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples import Sample

    from tokensync.domain.messages import Request

SINGLE, SAFE = RefreshReuse.SINGLE_USE, RefreshReuse.SAFE
TOKENS = {"access_token": "a", "refresh_token": "r", "access_token_expire_in": NOW + 9000, "expires_in": 9000}


def carried(request: Request) -> dict[str, Any]:
    """Return what a token request carries."""
    text = urlsplit(request.url).query if request.method == "GET" else request.body.decode("ascii")
    read: dict[str, Any] = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
    return read


def exchange(one: Sample) -> dict[str, Any]:
    """Return what an exchange carries."""
    return carried(code_request(one.provider, one.app, CODE, redirect_uri=REDIRECT))


def refresh(one: Sample) -> Request:
    """Return a refresh."""
    return refresh_request(one.provider, one.app, REFRESH_TOKEN)


def named(told: dict[str, Any], value: str) -> str:
    """Return under which name a value is carried."""
    return next(key for key, found in told.items() if found == value)


def client_id(one: Sample) -> tuple[str, str | None]:
    """Return the client id's name in a token request, and in the link."""
    link = None
    if one.authorize is not None:
        url = authorize_url(one.provider, one.app, state="s", redirect_uri="")
        link = next(iter(dict(parse_qsl(urlsplit(url).query))))
    return named(carried(refresh(one)), "client-1"), link


def grant_types(one: Sample) -> tuple[str | None, ...]:
    """Return which grant each documented call says that it presents."""
    sent = [] if one.exchange is None else [exchange(one).get("grant_type")]
    sent += [] if one.refresh is None else [carried(refresh(one)).get("grant_type")]
    if one.minting is not None:
        sent.append(carried(client_credentials_request(one.provider, one.minting))["grant_type"])
    return tuple(sent)


def successes(one: Sample) -> tuple[bool, ...]:
    """Return whether tokens are taken flat, flat beside an error, in data beside code 0, and in data beside code 1."""
    taken = []
    for body in (TOKENS, {**TOKENS, "error": "x"}, {"code": 0, "data": TOKENS}, {"code": 1, "data": TOKENS}):
        try:
            taken.append(issued(one, body).access_token is not None)
        except AssertionError:
            assert failure(one, body).kind in (FailureClass.UNKNOWN, FailureClass.AMBIGUOUS)
            taken.append(False)
    return tuple(taken)


def error(one: Sample) -> tuple[str, str, str]:
    """Return code, words and trace of an error that has something in every place."""
    body = {"code": 7, "message": "m", "request_id": "r", "error": "e", "error_description": "d", "log_id": "l"}
    read = failure(one, {**body, "data": {}}, 422)
    return read.code, read.message, read.trace_id


def lives(one: Sample) -> int | None:
    """Return the life of the documented access token."""
    return issued(one, one.success).life


def refresh_lives(one: Sample) -> int | None:
    """Return the life of the documented refresh token."""
    ends = issued(one, one.success).refresh_expires_at
    return ends and ends - NOW


def rotation(one: Sample) -> tuple[bool, RefreshReuse]:
    """Return whether the documented answer brings a refresh token, and whether one may be presented twice."""
    return issued(one, one.success).refresh_token is not None, one.provider.refresh_reuse


def trace(one: Sample) -> str:
    """Return the field that is kept for the vendor's support, of success and error alike."""
    fields = {field: field for field in ("request_id", "log_id")}
    by_success = issued(one, {**one.success, **fields}).trace_id
    assert by_success == failure(one, {**one.unknown, **fields}, 400).trace_id
    return by_success


def call_header(one: Sample) -> tuple[str, str] | None:
    """Return the header that carries an access token in the account call."""
    call = one.provider.account_call
    if call is None:
        return None
    request = call.request(one.app, one.provider.endpoint(one.app, call.endpoint), GRANT, NOW)
    return next((name, value) for name, value in request.headers.items() if "canary-access" in value)


FORM, JSON = "application/x-www-form-urlencoded", "application/json"
FLAT, ENVELOPED = (True, False, False, False), (False, False, True, False)
# What each column says of the five services, in the order of `FIVE`, and the rows of other pages that it holds.
TABLE: list[tuple[str, Callable[[Sample], Any], tuple[Any, ...], tuple[str, ...]]] = [
    (
        "client id field",
        client_id,
        (
            ("app_key", "service_id"),
            ("client_key",) * 2,
            ("app_id",) * 2,
            ("client_id", "client_key"),
            ("client_id", None),
        ),
        ("7 6749 2.2 client_id",),
    ),
    (
        "client secret field",
        lambda one: named(carried(refresh(one)), "canary-secret&="),
        ("app_secret", "client_secret", "secret", "client_secret", "client_secret"),
        (),
    ),
    (
        "code in the callback",
        lambda one: one.provider.callback.code if one.authorize else None,
        (("code",), ("code",), ("auth_code", "code"), ("code",), None),
        (),
    ),
    (
        "code in the token request",
        lambda one: named(exchange(one), CODE.reveal()) if one.exchange else None,
        ("auth_code", "code", "auth_code", "auth_code", None),
        (),
    ),
    (
        "grant_type",
        grant_types,
        (
            ("authorized_code", "refresh_token"),
            ("authorization_code", "refresh_token", "client_credentials"),
            (None, None),
            ("authorization_code", "refresh_token"),
            ("refresh_token",),
        ),
        (),
    ),
    (
        "request",
        lambda one: (refresh(one).method, refresh(one).headers.get("content-type")),
        (("GET", None), ("POST", FORM), ("POST", JSON), ("POST", JSON), ("POST", JSON)),
        ("7 6749 3.2 GET",),
    ),
    ("success", successes, (ENVELOPED, FLAT, ENVELOPED, ENVELOPED, (True, True, False, False)), ()),
    (
        "error shape",
        error,
        (("7", "m", "r"), ("e", "d", "l"), ("7", "m", "r"), ("7", "m", "r"), ("http_422", "m", "")),
        (),
    ),
    ("access token lives", lives, (604_800, 7200, None, 86_400, 86_400), ("8 7 a hard-coded 24 h",)),
    ("refresh token lives", refresh_lives, (31_536_000, 15_552_000, None, 31_536_000, None), ()),
    (
        "refresh token rotates",
        rotation,
        ((True, SINGLE), (True, SINGLE), (False, SINGLE), (True, SINGLE), (False, SAFE)),
        (),
    ),
    ("trace id", trace, ("request_id", "log_id", "request_id", "request_id", ""), ()),
    (
        "API call header",
        call_header,
        (
            ("x-tts-access-token", "canary-access"),
            ("authorization", "Bearer canary-access"),
            ("access-token", "canary-access"),
            None,
            None,
        ),
        (),
    ),
]
CELLS = [
    pytest.param(name, seen, cell, id=f"{column}: {name}", marks=row(f"1 {column}: {name}", *others))
    for column, seen, cells, others in TABLE
    for name, cell in zip(FIVE, cells, strict=True)
]


@pytest.mark.parametrize(("name", "seen", "told"), CELLS)
def test_the_table_of_differences(name: str, seen: Callable[[Sample], Any], told: object) -> None:
    """Each cell is what is sent to the service, or read of its answers."""
    assert told == seen(SAMPLES[name])


SCOPES = {
    "tiktok_shop": ("granted_scopes", ["a.b", "c"], ("a.b", "c")),
    "tiktok_login": ("scope", "a.b,c", ("a.b", "c")),
    "tiktok_ads": ("scope", [4, 5], ("4", "5")),
    "tiktok_accounts": ("scope", "a.b,c", ("a.b", "c")),
    "eshopbox": ("scope", "a.b c", ("a.b", "c")),
}
EXPIRIES = {
    "tiktok_shop": ("access_token_expire_in", NOW + 50_000, "refresh_token_expire_in", NOW + 900_000),
    "tiktok_login": ("expires_in", 50_000, "refresh_expires_in", 900_000),
    "tiktok_ads": ("expires_in", ..., "refresh_expires_in", ...),
    "tiktok_accounts": ("expires_in", 50_000, "refresh_token_expires_in", 900_000),
    "eshopbox": ("expires_in", 50_000, "", ...),
}


@row("7 6749 3.3 scopes", "7 6749 5.1 expires_in", "8 6 epochs read as durations")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=row(f"1 scopes come as: {n}", f"1 expiry fields: {n}")) for n in FIVE]
)
def test_scopes_and_expiries_come_from_the_answer(name: str) -> None:
    """Under the provider's names and in its form: no table here states them."""
    one = SAMPLES[name]
    field, value, scopes = SCOPES[name]
    access, access_value, refresh_name, refresh_value = EXPIRIES[name]
    read = issued(one, varied(one, **{field: value, access: access_value, refresh_name: refresh_value}))

    assert scopes == read.scopes
    assert (None if access_value is ... else NOW + 50_000) == read.access_expires_at
    assert (None if refresh_value is ... else NOW + 900_000) == read.refresh_expires_at
    assert read.oddities == ()


@pytest.mark.parametrize("name", ["tiktok_shop", "tiktok_login", "tiktok_accounts"])
def test_an_equal_pair_is_stored_as_well(name: str) -> None:
    """A refresh token that comes back is taken, even when it is the one that was presented."""
    assert (
        issued(SAMPLES[name], varied(SAMPLES[name], refresh_token=REFRESH_TOKEN.reveal())).refresh_token
        == REFRESH_TOKEN
    )
