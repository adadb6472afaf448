"""The table of differences between the services, cell by cell, seen in what is sent and read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from documented import SAMPLES
from rows import FIVE, column, row
from samples import CODE, GRANT, NOW, REDIRECT, REFRESH_TOKEN, STATE, failure, issued, varied

from tokensync.domain.messages import FailureClass
from tokensync.oauth.provider import RefreshReuse
from tokensync.oauth.token_request import authorize_url, client_credentials_request, code_request, refresh_request

if TYPE_CHECKING:
    from tokensync.domain.messages import Request


def parameters(request: Request) -> dict[str, Any]:
    """Return what a token request carries."""
    text = urlsplit(request.url).query if request.method == "GET" else request.body.decode("ascii")
    read: dict[str, Any] = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
    return read


def exchange(name: str) -> dict[str, Any]:
    """Return what an exchange carries."""
    return parameters(code_request(SAMPLES[name].provider, SAMPLES[name].app, CODE, redirect_uri=REDIRECT))


def refresh(name: str) -> dict[str, Any]:
    """Return what a refresh carries."""
    return parameters(refresh_request(SAMPLES[name].provider, SAMPLES[name].app, REFRESH_TOKEN))


def named(carried: dict[str, Any], value: str) -> str:
    """Return under which name a value is carried."""
    return next(key for key, found in carried.items() if found == value)


@row("7 6749 2.2 client_id")
@pytest.mark.parametrize(
    ("name", "told"),
    column(
        "client id field",
        {
            "tiktok_shop": ("app_key", "service_id"),
            "tiktok_login": ("client_key", "client_key"),
            "tiktok_ads": ("app_id", "app_id"),
            "tiktok_accounts": ("client_id", "client_key"),
            "eshopbox": ("client_id", ""),
        },
    ),
)
def test_client_id(name: str, told: tuple[str, str]) -> None:
    """The client id has a name in the token request, and may have another in the link."""
    sample = SAMPLES[name]
    link = ""
    if sample.provider.has_endpoint(sample.app, "authorize"):
        query = dict(parse_qsl(urlsplit(authorize_url(sample.provider, sample.app, state="s", redirect_uri="")).query))
        link = next(iter(query))

    assert (named(refresh(name), "client-1"), link) == told


SECRET_FIELDS = {
    "tiktok_shop": "app_secret",
    "tiktok_login": "client_secret",
    "tiktok_ads": "secret",
    "tiktok_accounts": "client_secret",
    "eshopbox": "client_secret",
}


@pytest.mark.parametrize(("name", "told"), column("client secret field", SECRET_FIELDS))
def test_client_secret(name: str, told: str) -> None:
    """The client secret has the provider's own name."""
    assert named(refresh(name), "canary-secret&=") == told


CODES_GIVEN = {
    "tiktok_shop": ("code",),
    "tiktok_login": ("code",),
    "tiktok_ads": ("auth_code", "code"),
    "tiktok_accounts": ("code",),
    "eshopbox": None,
}


@pytest.mark.parametrize(("name", "told"), column("code in the callback", CODES_GIVEN))
def test_code_in_the_callback(name: str, told: tuple[str, ...] | None) -> None:
    """The callback holds the code under the documented names, the preferred first; Eshopbox has no callback."""
    sample = SAMPLES[name]

    assert (sample.provider.callback.code if sample.provider.has_endpoint(sample.app, "authorize") else None) == told


CODES_SENT = {
    "tiktok_shop": "auth_code",
    "tiktok_login": "code",
    "tiktok_ads": "auth_code",
    "tiktok_accounts": "auth_code",
    "eshopbox": None,
}


@pytest.mark.parametrize(("name", "told"), column("code in the token request", CODES_SENT))
def test_code_in_the_token_request(name: str, told: str | None) -> None:
    """The code has a name of its own in the exchange; Eshopbox has no exchange."""
    if told is None:
        assert SAMPLES[name].exchange is None
        return

    assert named(exchange(name), CODE.reveal()) == told


GRANT_TYPES = {
    "tiktok_shop": ("authorized_code", "refresh_token"),
    "tiktok_login": ("authorization_code", "refresh_token", "client_credentials"),
    "tiktok_ads": (None,),
    "tiktok_accounts": ("authorization_code", "refresh_token"),
    "eshopbox": ("refresh_token",),
}


@pytest.mark.parametrize(("name", "told"), column("grant_type", GRANT_TYPES))
def test_grant_type(name: str, told: tuple[str | None, ...]) -> None:
    """Each call says which grant it presents in the provider's own words; an advertiser's code says nothing."""
    sample = SAMPLES[name]
    sent: list[str | None] = []
    if sample.exchange is not None:
        sent.append(exchange(name).get("grant_type"))
    if sample.refresh is not None:
        sent.append(refresh(name)["grant_type"])
    if sample.minting is not None:
        sent.append(parameters(client_credentials_request(sample.provider, sample.minting))["grant_type"])

    assert tuple(sent) == told


WAYS = {
    "tiktok_shop": ("GET", None),
    "tiktok_login": ("POST", "application/x-www-form-urlencoded"),
    "tiktok_ads": ("POST", "application/json"),
    "tiktok_accounts": ("POST", "application/json"),
    "eshopbox": ("POST", "application/json"),
}


@row("7 6749 3.2 GET")
@pytest.mark.parametrize(("name", "told"), column("request", WAYS))
def test_request(name: str, told: tuple[str, str | None]) -> None:
    """Token requests go by the provider's method and encoding, TikTok Shop's wholly in the query."""
    request = refresh_request(SAMPLES[name].provider, SAMPLES[name].app, REFRESH_TOKEN)

    assert (request.method, request.headers.get("content-type")) == told


TOKENS = {"access_token": "a", "refresh_token": "r", "access_token_expire_in": NOW + 9000, "expires_in": 9000}
SUCCESSES = {
    "tiktok_shop": ({"code": 0, "data": TOKENS}, {"code": 1, "data": TOKENS}),
    "tiktok_login": (TOKENS, {**TOKENS, "error": "x"}),
    "tiktok_ads": ({"code": 0, "data": TOKENS}, {"code": 1, "data": TOKENS}),
    "tiktok_accounts": ({"code": 0, "data": TOKENS}, {"code": 1, "data": TOKENS}),
    "eshopbox": (TOKENS, {"message": "ok"}),
}


@pytest.mark.parametrize(("name", "told"), column("success", SUCCESSES))
def test_success(name: str, told: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """What counts as a success is the provider's own sign of it, and nothing less, whatever stands beside it."""
    good, bad = told

    assert issued(SAMPLES[name], good).access_token
    assert failure(SAMPLES[name], bad).kind in (FailureClass.UNKNOWN, FailureClass.AMBIGUOUS)


NUMBERED = ({"code": 7, "message": "m", "request_id": "t", "data": {}}, 200, ("7", "m", "t"))
ERRORS = {
    "tiktok_shop": ({"code": 7, "message": "m", "request_id": "t"}, 200, ("7", "m", "t")),
    "tiktok_login": ({"error": "e", "error_description": "m", "log_id": "t"}, 200, ("e", "m", "t")),
    "tiktok_ads": NUMBERED,
    "tiktok_accounts": NUMBERED,
    "eshopbox": ({"anything": "else"}, 422, ("http_422", "", "")),
}


@pytest.mark.parametrize(("name", "told"), column("error shape", ERRORS))
def test_error_shape(name: str, told: tuple[dict[str, Any], int, tuple[str, str, str]]) -> None:
    """Code, words and trace are taken from where the provider puts them; Eshopbox documents a status alone."""
    body, status, expected = told
    read = failure(SAMPLES[name], body, status)

    assert (read.code, read.message, read.trace_id) == expected


EXPIRIES = {
    "tiktok_shop": ("access_token_expire_in", NOW + 50_000, "refresh_token_expire_in", NOW + 900_000),
    "tiktok_login": ("expires_in", 50_000, "refresh_expires_in", 900_000),
    "tiktok_ads": ("expires_in", ..., "refresh_expires_in", ...),
    "tiktok_accounts": ("expires_in", 50_000, "refresh_token_expires_in", 900_000),
    "eshopbox": ("expires_in", 50_000, "", ...),
}


@row("7 6749 5.1 expires_in", "8 6 epochs read as durations", "8 7 a hard-coded 24 h")
@pytest.mark.parametrize(("name", "told"), column("expiry fields", EXPIRIES))
def test_expiry_fields(name: str, told: tuple[str, Any, str, Any]) -> None:
    """Both lives come from the answer, under the provider's names and in its form: no table here states them."""
    access, access_value, refresh_name, refresh_value = told
    read = issued(SAMPLES[name], varied(SAMPLES[name], **{access: access_value, refresh_name: refresh_value}))

    assert read.access_expires_at == (None if access_value is ... else NOW + 50_000)
    assert read.refresh_expires_at == (None if refresh_value is ... else NOW + 900_000)
    assert read.oddities == ()


LIVES = {
    "tiktok_shop": 604_800,
    "tiktok_login": 7200,
    "tiktok_ads": None,
    "tiktok_accounts": 86_400,
    "eshopbox": 86_400,
}


@pytest.mark.parametrize(("name", "told"), column("access token lives", LIVES))
def test_access_token_lives(name: str, told: int | None) -> None:
    """The documented answer gives the documented life; a long-term token has no end."""
    assert issued(SAMPLES[name], SAMPLES[name].success).life == told


REFRESH_LIVES = {
    "tiktok_shop": 365 * 86_400,
    "tiktok_login": 180 * 86_400,
    "tiktok_ads": None,
    "tiktok_accounts": 365 * 86_400,
    "eshopbox": None,
}


@pytest.mark.parametrize(("name", "told"), column("refresh token lives", REFRESH_LIVES))
def test_refresh_token_lives(name: str, told: int | None) -> None:
    """The documented answer tells the refresh token's end, or there is none."""
    ends = issued(SAMPLES[name], SAMPLES[name].success).refresh_expires_at

    assert (ends and ends - NOW) == told


ROTATIONS = {
    "tiktok_shop": (True, RefreshReuse.SINGLE_USE),
    "tiktok_login": (True, RefreshReuse.SINGLE_USE),
    "tiktok_ads": (False, RefreshReuse.SINGLE_USE),
    "tiktok_accounts": (True, RefreshReuse.SINGLE_USE),
    "eshopbox": (False, RefreshReuse.SAFE),
}


@pytest.mark.parametrize(("name", "told"), column("refresh token rotates", ROTATIONS))
def test_refresh_token_rotates(name: str, told: tuple[bool, RefreshReuse]) -> None:
    """A pair that comes back is stored, even when equal; only where none comes may a token be presented twice."""
    sample = SAMPLES[name]
    comes, reuse = told
    equal = varied(sample, refresh_token=REFRESH_TOKEN.reveal()) if comes else sample.success

    assert issued(sample, equal).refresh_token == (REFRESH_TOKEN if comes else None)
    assert sample.provider.refresh_reuse is reuse


SCOPES = {
    "tiktok_shop": ("granted_scopes", ["a.b", "c"], ("a.b", "c")),
    "tiktok_login": ("scope", "a.b,c", ("a.b", "c")),
    "tiktok_ads": ("scope", [4, 5], ("4", "5")),
    "tiktok_accounts": ("scope", "a.b,c", ("a.b", "c")),
    "eshopbox": ("scope", "a.b c", ("a.b", "c")),
}


@row("7 6749 3.3 scopes")
@pytest.mark.parametrize(("name", "told"), column("scopes come as", SCOPES))
def test_scopes(name: str, told: tuple[str, object, tuple[str, ...]]) -> None:
    """Scopes come as an array, as numbers, or as a text with commas or spaces."""
    field, value, scopes = told

    assert issued(SAMPLES[name], varied(SAMPLES[name], **{field: value})).scopes == scopes


TRACES = {
    "tiktok_shop": "request_id",
    "tiktok_login": "log_id",
    "tiktok_ads": "request_id",
    "tiktok_accounts": "request_id",
    "eshopbox": None,
}


@pytest.mark.parametrize(("name", "told"), column("trace id", TRACES))
def test_trace_id(name: str, told: str | None) -> None:
    """The vendor's support asks for one field of the answer; it is kept with success and error alike."""
    sample = SAMPLES[name]
    traced = {field: field for field in ("request_id", "log_id")}

    assert issued(sample, {**sample.success, **traced}).trace_id == (told or "")
    assert failure(sample, {**sample.unknown, **traced}, 400).trace_id == (told or "")


HEADERS = {
    "tiktok_shop": ("x-tts-access-token", "canary-access"),
    "tiktok_login": ("authorization", "Bearer canary-access"),
    "tiktok_ads": ("access-token", "canary-access"),
    "tiktok_accounts": None,
    "eshopbox": None,
}


@pytest.mark.parametrize(("name", "told"), column("API call header", HEADERS))
def test_api_call_header(name: str, told: tuple[str, str] | None) -> None:
    """A call with an access token carries it in the provider's own header; two have no call that is made here."""
    sample = SAMPLES[name]
    call = sample.provider.account_call
    if call is None:
        assert told is None
        return
    request = call.request(sample.app, sample.provider.endpoint(sample.app, call.endpoint), GRANT, NOW)

    assert told in request.headers.items()


@row("7 9700 2.1 neither PKCE nor redirect_uri")
def test_only_state_defends_tiktok_shop() -> None:
    """TikTok Shop's link has neither a challenge nor a redirect URI: state is all that binds it."""
    assert SAMPLES["tiktok_shop"].authorize == (
        f"https://services.tiktokshop.com/open/authorize?service_id=service-1&state={STATE}"
    )


@row("7 7009 access token alone, JSON")
def test_the_services_revoke_by_the_access_token() -> None:
    """Where a service can end an authorization it takes the access token alone, and never a hint."""
    for name in FIVE:
        shape = SAMPLES[name].provider.revocation

        assert shape is None or (shape.access_token, shape.hint) == (True, False)
