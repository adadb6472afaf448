from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokensync.domain.app import App
from tokensync.domain.grant import Grant
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import GrantType, Provider
from tokensync.oauth.shapes import AuthorizeShape, ClientAuthentication, Encoding, Pkce, RevocationShape, TokenShape
from tokensync.oauth.token_request import (
    authorize_url,
    client_credentials_request,
    code_challenge,
    code_request,
    refresh_request,
    renewal_request,
    revocation_request,
)

if TYPE_CHECKING:
    from tokensync.domain.messages import Request

GRANT = Grant(
    account_id="a",
    label="",
    access_token=Secret("canary-access"),
    refresh_token=Secret("canary-refresh"),
    token_type="Bearer",
    scopes=(),
    obtained_at=0,
)
REDIRECT = "https://a.example/callback/shop"
VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")


def test_the_authorize_url_is_the_rfcs(provider: Provider, app: App) -> None:
    """A provider without departures gets the parameters of RFC 6749 §4.1.1 and RFC 7636 §4.3."""
    url = authorize_url(provider, app, state="s", redirect_uri=REDIRECT, verifier=VERIFIER)

    assert url.startswith("https://provider.example/authorize?")
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "client_id": "client-1",
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "read write",
        "state": "s",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }


def test_departures_are_named_fields(provider: Provider, app: App) -> None:
    """Another client id, no response type, no redirect URI, no scope and no PKCE are each a field of data."""
    shape = AuthorizeShape(
        client_id="service_id",
        identified_by="service_id",
        response_type=None,
        redirect_uri=False,
        scope_separator=None,
        pkce=None,
    )

    url = authorize_url(
        replace(provider, authorize=shape),
        replace(app, service_id="7"),
        state="s",
        redirect_uri=REDIRECT,
        verifier=VERIFIER,
    )

    assert url == "https://provider.example/authorize?service_id=7&state=s"


def test_scopes_are_joined_as_the_provider_wants(provider: Provider, app: App) -> None:
    """Scopes stand with the provider's separator, and not at all where the app asks for none."""
    commas = replace(provider, authorize=AuthorizeShape(scope_separator=",", pkce=None))

    with_scopes = authorize_url(commas, app, state="s", redirect_uri=REDIRECT)
    without = authorize_url(commas, replace(app, scopes=()), state="s", redirect_uri=REDIRECT)

    assert dict(parse_qsl(urlsplit(with_scopes).query))["scope"] == "read,write"
    assert "scope" not in urlsplit(without).query


def test_a_query_of_the_endpoint_stands(provider: Provider, app: App) -> None:
    """An authorize endpoint with a query of its own keeps it, RFC 6749 §3.1."""
    own = replace(app, endpoints={"authorize": "https://provider.example/authorize?tenant=a"})

    url = authorize_url(provider, own, state="s", redirect_uri=REDIRECT)

    assert url.startswith("https://provider.example/authorize?tenant=a&client_id=")


@pytest.mark.parametrize(
    ("method", "challenge"),
    [
        (Pkce.S256, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        (Pkce.S256_HEX, "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"),
    ],
)
def test_challenges_are_the_published_vectors(method: Pkce, challenge: str) -> None:
    """The verifier of RFC 7636 appendix B gives its challenge, and TikTok's in hex."""
    assert code_challenge(method, VERIFIER) == challenge


def test_a_code_goes_as_a_form(provider: Provider, app: App) -> None:
    """RFC 6749 §4.1.3: a POST whose form holds the code, the redirect URI, the client and the verifier."""
    request = code_request(provider, app, Secret("c&d=ü"), redirect_uri=REDIRECT, verifier=Secret("v"))

    assert (request.method, request.url) == ("POST", "https://provider.example/token")
    assert request.headers == {"content-type": "application/x-www-form-urlencoded"}
    assert request.body == (
        b"client_id=client-1&client_secret=canary-client-secret&code=c%26d%3D%C3%BC&grant_type=authorization_code"
        b"&redirect_uri=https%3A%2F%2Fa.example%2Fcallback%2Fshop&code_verifier=v"
    )


def test_a_refresh_token_goes_to_the_token_endpoint(provider: Provider, app: App) -> None:
    """RFC 6749 §6: without an endpoint of its own a refresh is a POST to the token endpoint."""
    request = refresh_request(provider, app, Secret("r"))

    assert (request.method, request.url) == ("POST", "https://provider.example/token")
    assert request.body == (
        b"client_id=client-1&client_secret=canary-client-secret&refresh_token=r&grant_type=refresh_token"
    )


def test_json_is_a_way_to_travel(provider: Provider, app: App) -> None:
    """A provider that takes JSON gets an object of the same fields."""
    shaped = replace(
        provider,
        token=TokenShape(encoding=Encoding.JSON, client_id="app_id", client_secret="secret", code="auth_code"),
        authorize=AuthorizeShape(pkce=None),
    )

    request = code_request(shaped, app, Secret("ü\ud800"), redirect_uri=REDIRECT, verifier=VERIFIER)

    assert request.headers == {"content-type": "application/json"}
    assert json.loads(request.body) == {
        "app_id": "client-1",
        "secret": "canary-client-secret",
        "auth_code": "ü\ud800",
        "grant_type": "authorization_code",
        "redirect_uri": REDIRECT,
    }


def test_a_header_is_a_way_to_authenticate(provider: Provider, app: App) -> None:
    """RFC 6749 §2.3.1: with Basic the credentials stand in the header, each form-encoded, and in nothing else."""
    shaped = replace(provider, token=TokenShape(authentication=ClientAuthentication.BASIC))
    colons = replace(app, client_id="a:b", client_secret=Secret("c d"))

    request = refresh_request(shaped, colons, Secret("r"))

    assert request.headers["authorization"] == f"Basic {base64.b64encode(b'a%3Ab:c+d').decode()}"
    assert request.body == b"refresh_token=r&grant_type=refresh_token"


def test_parameters_of_an_app_replace_none_of_the_protocols(provider: Provider, app: App) -> None:
    """What is sent beside the protocol's parameters comes after them, and never instead of them."""
    extra = {"resource": "x", "grant_type": "x", "refresh_token": "x", "client_id": "x", "client_secret": "x"}
    shaped = replace(provider, token=TokenShape(parameters=extra))

    assert refresh_request(shaped, app, Secret("r")).body == (
        b"client_id=client-1&client_secret=canary-client-secret&refresh_token=r&grant_type=refresh_token&resource=x"
    )


def test_an_apps_own_token_is_minted(provider: Provider, app: App) -> None:
    """RFC 6749 §4.4.2: the grant type and the scope, with the credentials, and a renewal is the same request."""
    minting = replace(provider, grant_type=GrantType.CLIENT_CREDENTIALS)

    request = client_credentials_request(provider, app)

    assert request.body == (
        b"client_id=client-1&client_secret=canary-client-secret&grant_type=client_credentials&scope=read+write"
    )
    assert "scope" not in fields_of(client_credentials_request(provider, replace(app, scopes=())))
    assert renewal_request(minting, app, GRANT) == request


def test_a_renewal_needs_a_refresh_token(provider: Provider, app: App) -> None:
    """With a refresh token it is presented; without one only the account can give another access token."""
    assert renewal_request(provider, app, GRANT) == refresh_request(provider, app, Secret("canary-refresh"))
    assert renewal_request(provider, app, replace(GRANT, refresh_token=None)) is None


@pytest.mark.parametrize(
    ("shape", "body", "header"),
    [
        (RevocationShape(), b"token=canary-refresh&token_type_hint=refresh_token", None),
        (RevocationShape(hint=False), b"token=canary-refresh", None),
        (RevocationShape(access_token=True), b"token=canary-access&token_type_hint=access_token", None),
        (RevocationShape(access_token=True, hint=False, token="access_token"), b"access_token=canary-access", None),
        (
            RevocationShape(access_token=True, hint=False, header="access-token"),
            b"token=canary-access",
            "canary-access",
        ),
    ],
)
def test_a_revocation_presents_one_token(
    provider: Provider, app: App, shape: RevocationShape, body: bytes, header: str | None
) -> None:
    """RFC 7009 §2.1: the refresh token, which ends everything, or the access token, even in a header as well."""
    endpoints = {**provider.endpoints, "revoke": "https://p.example/revoke"}

    request = revocation_request(replace(provider, revocation=shape, endpoints=endpoints), app, GRANT)

    assert request is not None
    assert (request.method, request.url) == ("POST", "https://p.example/revoke")
    assert request.body == b"client_id=client-1&client_secret=canary-client-secret&" + body
    assert request.headers.get("access-token") == header


def test_without_shape_or_endpoint_nothing_is_revoked(provider: Provider, app: App) -> None:
    """A provider without such a call, or an app without its endpoint, has no request for it."""
    assert revocation_request(provider, app, GRANT) is None
    assert revocation_request(replace(provider, revocation=RevocationShape()), app, GRANT) is None


def fields_of(request: Request) -> dict[str, str]:
    """Return what a form, a query or an object carries."""
    if request.method == "GET":
        return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=True))
    if request.headers["content-type"] == "application/json":
        fields: dict[str, str] = json.loads(request.body)
        return fields
    return dict(parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([("POST", Encoding.FORM), ("POST", Encoding.JSON), ("GET", Encoding.QUERY)]),
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.text(st.characters(codec="utf-8"), max_size=30),
)
def test_credentials_arrive_as_they_are(way: tuple[str, Encoding], secret: str, token: str) -> None:
    """Whatever characters a credential holds, the provider decodes exactly it, by every encoding."""
    provider = Provider(
        name="p",
        title="P",
        docs="https://p.example",
        endpoints={"token": "https://p.example/token", "refresh": "https://p.example/refresh"},
        hosts=frozenset({"p.example"}),
        token=TokenShape(method=way[0], encoding=way[1]),
    )
    app = App(name="shop", provider="p", client_id="id & co", client_secret=Secret(secret))

    request = refresh_request(provider, app, Secret(token))

    assert request.url.startswith("https://p.example/refresh")
    assert fields_of(request) == {
        "client_id": "id & co",
        "client_secret": secret,
        "refresh_token": token,
        "grant_type": "refresh_token",
    }


def test_an_apps_own_endpoint_comes_first(provider: Provider, app: App) -> None:
    """The app's endpoint wins over the region's, and that over the provider's."""
    regional = replace(provider, regions={"us": {"token": "https://us.example/token"}})

    assert regional.endpoint(app, "token") == "https://provider.example/token"
    assert regional.endpoint(replace(app, region="us"), "token") == "https://us.example/token"
    own = replace(app, region="us", endpoints={"token": "https://own.example/token"})
    assert regional.endpoint(own, "token") == regional.endpoint(own, "refresh") == "https://own.example/token"


def test_an_endpoint_that_no_provider_has_is_an_error(provider: Provider, app: App) -> None:
    """Asking for an endpoint that does not exist names it."""
    with pytest.raises(KeyError, match="revoke"):
        provider.endpoint(app, "revoke")


def test_a_setting_has_its_first_value_by_default(provider: Provider, app: App) -> None:
    """An app that sets nothing gets the provider's first allowed value."""
    shaped = replace(provider, settings={"kind": ("a", "b")})

    assert shaped.setting(app, "kind") == "a"
    assert shaped.setting(replace(app, settings={"kind": "b"}), "kind") == "b"
