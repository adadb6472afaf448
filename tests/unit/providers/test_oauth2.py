"""The generic provider, held to the RFCs by their letter."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import pytest
from documented import SAMPLES
from rows import row
from samples import CODE, GRANT, REDIRECT, REFRESH_TOKEN, STATE, VERIFIER, answer, failure, issued, varied

from tokensync.domain.errors import BadRequest
from tokensync.domain.messages import FailureClass
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.provider import GrantType, Provider, RefreshReuse
from tokensync.oauth.token_request import (
    authorize_url,
    client_credentials_request,
    code_request,
    refresh_request,
    revocation_request,
)
from tokensync.oauth.token_response import read_revocation
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from samples import Sample

    from tokensync.domain.app import App
    from tokensync.domain.messages import Request

OAUTH2 = PROVIDERS["oauth2"]
SAMPLE = SAMPLES["oauth2"]


def app(**app_settings: str) -> App:
    """Return a registration with these settings; two underscores stand for the dot in a setting's name."""
    return replace(SAMPLE.app, settings={name.replace("__", "."): value for name, value in app_settings.items()})


def provider(**app_settings: str) -> Provider:
    """Return the provider as such an app configures it."""
    return OAUTH2.for_app(app(**app_settings))


def sample(**app_settings: str) -> Sample:
    """Return the sample of such an app."""
    return replace(SAMPLE, app=app(**app_settings))


def link(**app_settings: str) -> dict[str, str]:
    """Return the parameters of the consent page."""
    configured = app(**app_settings)
    url = authorize_url(OAUTH2.for_app(configured), configured, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


def exchange(**app_settings: str) -> Request:
    """Return the exchange of a code."""
    configured = app(**app_settings)
    return code_request(OAUTH2.for_app(configured), configured, CODE, redirect_uri=REDIRECT, verifier=VERIFIER)


def form(request: Request | None) -> dict[str, str]:
    """Return the fields of a form."""
    assert request is not None
    return dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True))


def id_token(**claims: object) -> str:
    """Return an ID token with these claims beside its own; `...` leaves one out."""
    whole = {"iss": "https://id.example", "sub": "user-1", "aud": "client-1", "exp": 1, **claims}
    text = json.dumps({name: value for name, value in whole.items() if value is not ...})
    part = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{part}.c2lnbmF0dXJl"


@row("7 oauth2 PKCE S256 base64url")
def test_the_challenge_is_the_rfcs() -> None:
    """The verifier of RFC 7636 appendix B gives its challenge, and goes along with the code."""
    assert link()["code_challenge"] == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert link()["code_challenge_method"] == "S256"
    assert form(exchange())["code_verifier"] == VERIFIER.reveal()


def test_pkce_may_be_switched_off() -> None:
    """A server that refuses unknown parameters gets neither challenge nor verifier."""
    assert not {"code_challenge", "code_challenge_method"} & link(pkce="none").keys()
    assert "code_verifier" not in form(exchange(pkce="none"))


@row("7 oauth2 client_secret_basic")
@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("client-1", "plain"), ("a:b", "c:d"), ("a b", "c+d&e=f/g%h"), ("ü", "店"), ("~.-_*", "!'()")],
)
def test_basic_credentials_are_form_encoded_first(client_id: str, secret: str) -> None:
    """RFC 6749 §2.3.1: both parts are form-encoded before they are joined, so a colon in them parts nothing."""
    configured = replace(SAMPLE.app, client_id=client_id, client_secret=Secret(secret))
    request = refresh_request(provider(), configured, REFRESH_TOKEN)

    scheme, _, encoded = request.headers["authorization"].partition(" ")
    name, _, password = base64.b64decode(encoded).decode("ascii").partition(":")
    assert (scheme, unquote_plus(name), unquote_plus(password)) == ("Basic", client_id, secret)
    assert form(request) == {"refresh_token": REFRESH_TOKEN.reveal(), "grant_type": "refresh_token"}


@row("7 oauth2 client_secret_post")
def test_credentials_may_stand_in_the_body() -> None:
    """RFC 6749 §2.3.1: a server may take them as fields, and then there is no header."""
    request = exchange(client_auth="client_secret_post")

    assert "authorization" not in request.headers
    assert (form(request)["client_id"], form(request)["client_secret"]) == ("client-1", "canary-secret&=")


def test_both_ways_of_authentication_serve_every_call() -> None:
    """Exchange, refresh, minting and revocation prove the client alike."""
    for way, header in (("client_secret_basic", True), ("client_secret_post", False)):
        configured = app(client_auth=way)
        shaped = OAUTH2.for_app(configured)
        for request in (
            exchange(client_auth=way),
            refresh_request(shaped, configured, REFRESH_TOKEN),
            client_credentials_request(shaped, configured),
            revocation_request(shaped, configured, GRANT),
        ):
            assert ("client_secret" in form(request)) is not header
            assert request is not None
            assert ("authorization" in request.headers) is header


def test_a_server_may_want_parameters_of_its_own() -> None:
    """What an app sets for the consent page or the token endpoint is sent there beside the protocol's own."""
    extra = {"authorize__access_type": "offline", "authorize__prompt": "consent", "token__audience": "https://api"}
    configured = app(**extra)

    assert link(**extra) == {**link(), "access_type": "offline", "prompt": "consent"}
    assert form(exchange(**extra)) == {**form(exchange()), "audience": "https://api"}
    for request in (
        refresh_request(OAUTH2.for_app(configured), configured, REFRESH_TOKEN),
        client_credentials_request(OAUTH2.for_app(configured), configured),
    ):
        assert form(request)["audience"] == "https://api"


def test_a_servers_own_parameters_replace_none_of_the_protocols() -> None:
    """A setting changes neither state, client, redirect URI, code nor grant type."""
    extra = {"authorize__state": "x", "authorize__client_id": "x", "authorize__redirect_uri": "https://evil.example"}
    more = {"token__grant_type": "x", "token__code": "x", "token__redirect_uri": "x", "token__code_verifier": "x"}

    assert link(**extra) == link()
    assert exchange(**more).body == exchange().body


@pytest.mark.parametrize(("name", "separator"), [("space", " "), ("comma", ",")])
def test_scopes_have_the_apps_separator(name: str, separator: str) -> None:
    """RFC 6749 §3.3 parts scopes by spaces; a server that parts them by commas is sent and read so."""
    assert link(scope_separator=name)["scope"] == f"read{separator}write"
    assert issued(sample(scope_separator=name), varied(SAMPLE, scope=f"a{separator}b")).scopes == ("a", "b")


def test_without_scopes_none_are_asked_for() -> None:
    """RFC 6749 §3.3: the scope may be left out; the server then has a default."""
    bare = replace(SAMPLE.app, scopes=())

    assert "scope" not in authorize_url(provider(), bare, state="s", redirect_uri=REDIRECT)
    assert form(client_credentials_request(provider(), bare)) == {"grant_type": "client_credentials"}


ISSUER = "https://id.example"


@row("7 oauth2 iss")
@pytest.mark.parametrize(
    ("raw", "told", "stands"),
    [
        ("code=a&iss=https%3A%2F%2Fid.example", {"issuer": ISSUER, "iss": "required"}, True),
        ("code=a&iss=https%3A%2F%2Fid.example", {"issuer": ISSUER}, True),
        ("code=a", {"issuer": ISSUER}, True),
        ("code=a", {}, True),
        ("code=a&iss=https%3A%2F%2Fanybody.example", {}, True),
        ("code=a", {"issuer": ISSUER, "iss": "required"}, False),
        ("code=a&iss=", {"issuer": ISSUER, "iss": "required"}, False),
        ("code=a&iss=https%3A%2F%2Fid.example%2F", {"issuer": ISSUER}, False),
        ("code=a&iss=https%3A%2F%2FID.example", {"issuer": ISSUER}, False),
        ("code=a&iss=https%3A%2F%2Fevil.example", {"issuer": ISSUER}, False),
        ("error=access_denied&iss=https%3A%2F%2Fevil.example", {"issuer": ISSUER}, False),
        ("error=access_denied", {"issuer": ISSUER, "iss": "required"}, False),
    ],
)
def test_the_issuer_is_compared(raw: str, told: dict[str, str], stands: object) -> None:
    """RFC 9207 §2.4: `iss` is the app's issuer to the letter, with errors as well, and is there if announced."""
    query = Query.parse(raw)
    if stands:
        assert query.code(provider(**told), app(**told)) == Secret("a")
        return

    with pytest.raises(BadRequest, match="another issuer"):
        query.code(provider(**told), app(**told))


def test_an_app_may_act_for_itself() -> None:
    """RFC 6749 §4.4: nobody is asked or named, there is no refresh token, and minting again does no harm."""
    minting = sample(grant="client_credentials")

    read = issued(minting, {"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": id_token()})

    assert (read.refresh_token, read.account, read.life) == (None, None, 600)
    assert minting.provider.grant_type is GrantType.CLIENT_CREDENTIALS
    assert minting.provider.refresh_reuse is RefreshReuse.SAFE
    assert minting.provider.renews(replace(GRANT, refresh_token=None))


def test_a_minted_token_without_a_life_is_minted_again() -> None:
    """Nobody says that it lives for ever, and a new one costs nothing."""
    assert issued(sample(grant="client_credentials"), {"access_token": "a"}).life == 3600


def test_a_token_that_only_the_account_gives_has_no_assumed_end() -> None:
    """Without a stated life and without a refresh token, nothing could renew it before an assumed one."""
    assert issued(SAMPLE, varied(SAMPLE, expires_in=..., refresh_token=...)).life is None


def test_refresh_tokens_may_be_given_by_hand() -> None:
    """An app may take imported connections alone."""
    assert provider(grant="refresh_token").grant_type is GrantType.REFRESH_TOKEN


@row("7 oauth2 strict rotation")
@pytest.mark.parametrize(
    ("told", "reuse", "seconds"),
    [
        ({}, RefreshReuse.SINGLE_USE, 0),
        ({"refresh_reuse": "single_use"}, RefreshReuse.SINGLE_USE, 0),
        ({"refresh_reuse": "safe"}, RefreshReuse.SAFE, 0),
        ({"refresh_reuse": "grace", "grace_seconds": "60"}, RefreshReuse.GRACE, 60),
        ({"refresh_reuse": "grace", "grace_seconds": "-1"}, RefreshReuse.GRACE, 0),
        ({"refresh_reuse": "grace", "grace_seconds": "soon"}, RefreshReuse.GRACE, 0),
        ({"refresh_reuse": "grace", "grace_seconds": "9999999"}, RefreshReuse.GRACE, 0),
        ({"refresh_reuse": "grace", "grace_seconds": "\N{ARABIC-INDIC DIGIT FIVE}"}, RefreshReuse.GRACE, 0),
    ],
)
def test_reuse_is_what_the_app_declares(told: dict[str, str], reuse: RefreshReuse, seconds: int) -> None:
    """RFC 9700 §4.14: a refresh token is presented once, unless the operator knows better of this server."""
    assert (provider(**told).refresh_reuse, provider(**told).grace_seconds) == (reuse, seconds)


@row("7 oauth2 7009 revocation")
def test_the_refresh_token_is_revoked() -> None:
    """RFC 7009 §2.1: the refresh token, with a hint, ends the whole authorization; without one, the access token."""
    whole = revocation_request(provider(), SAMPLE.app, GRANT)
    without = revocation_request(provider(), SAMPLE.app, replace(GRANT, refresh_token=None))

    assert form(whole) == {"token": REFRESH_TOKEN.reveal(), "token_type_hint": "refresh_token"}
    assert form(without) == {"token": "canary-access", "token_type_hint": "access_token"}


def test_without_an_endpoint_nothing_is_revoked() -> None:
    """A server without RFC 7009 has no such call."""
    endpoints = {key: url for key, url in SAMPLE.app.endpoints.items() if key != "revoke"}

    assert revocation_request(provider(), replace(SAMPLE.app, endpoints=endpoints), GRANT) is None


@pytest.mark.parametrize("body", [b"", b"{}", b"OK", b"<html>", b'{"error":"invalid_token"}', b"\xff"])
def test_the_status_alone_tells_of_a_revocation(body: bytes) -> None:
    """RFC 7009 §2.2: a 200 says that the token is dead, also where it was unknown; its body says nothing."""
    assert read_revocation(provider(), answer(body)) is None


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"error": "unsupported_token_type"}, 400, FailureClass.UNKNOWN),
        ({"error": "invalid_client"}, 401, FailureClass.CONFIGURATION),
        (b"", 503, FailureClass.BUSY),
        (b"", 500, FailureClass.AMBIGUOUS),
        (b"", 404, FailureClass.UNKNOWN),
        (b"", 302, FailureClass.UNKNOWN),
    ],
)
def test_a_revocation_that_failed_is_told(body: object, status: int, kind: FailureClass) -> None:
    """RFC 7009 §2.2.1: errors are those of RFC 6749 §5.2, and a 503 asks for another time."""
    read = read_revocation(provider(), answer(body, status))

    assert read is not None
    assert read.kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("invalid_grant", FailureClass.REFUSED),
        ("invalid_client", FailureClass.CONFIGURATION),
        ("unauthorized_client", FailureClass.CONFIGURATION),
        ("unsupported_grant_type", FailureClass.CONFIGURATION),
        ("invalid_request", FailureClass.UNKNOWN),
        ("invalid_scope", FailureClass.UNKNOWN),
    ],
)
@pytest.mark.parametrize("status", [400, 401])
def test_the_errors_of_the_token_endpoint(error: str, kind: FailureClass, status: int) -> None:
    """RFC 6749 §5.2 names six errors, with 400 or 401."""
    assert failure(SAMPLE, {"error": error}, status).kind is kind


@pytest.mark.parametrize("endpoint", ["https://id.example/authorize?tenant=a", "https://id.example/authorize"])
def test_the_endpoints_own_query_stands(endpoint: str) -> None:
    """RFC 6749 §3.1: an authorization endpoint may have a query, which is kept."""
    own = replace(SAMPLE.app, endpoints={**SAMPLE.app.endpoints, "authorize": endpoint})

    url = authorize_url(provider(), own, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)

    assert url.startswith(f"{endpoint}{'&' if '?' in endpoint else '?'}client_id=client-1&")


def test_any_host_over_https_is_allowed() -> None:
    """Whoever configures the generic provider says where it leads: it has neither endpoints nor hosts of its own."""
    assert (OAUTH2.endpoints, OAUTH2.hosts) == ({}, None)
