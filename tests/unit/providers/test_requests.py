"""Every request that is made for a provider, byte for byte, and what its callback brings."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from documented import SAMPLES, each
from rows import row
from samples import CODE, GRANT, NOW, REDIRECT, REFRESH_TOKEN, STATE, VERIFIER, Sample, answer, issued, varied

from tokensync.domain.errors import BadRequest
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.shapes import ClientAuthentication, Encoding
from tokensync.oauth.token_request import (
    authorize_url,
    client_credentials_request,
    code_request,
    refresh_request,
    renewal_request,
    revocation_request,
)

if TYPE_CHECKING:
    from tokensync.domain.messages import Request


def sent(request: Request | None) -> tuple[str, str, dict[str, str], bytes] | None:
    """Return all that goes on the wire, of a request that prints as its address alone and is never pickled."""
    if request is None:
        return None
    assert not any(word in repr(request) for word in ("canary", VERIFIER.reveal()))
    with pytest.raises(TypeError):
        pickle.dumps(request)
    return request.method, request.url, request.headers, request.body


def parameters(request: Request) -> dict[str, str]:
    """Return what a token request carries."""
    if request.method == "GET":
        return dict(parse_qsl(urlsplit(request.url).query, strict_parsing=True))
    if request.headers["content-type"] == "application/json":
        read: dict[str, str] = json.loads(request.body)
        return read
    return dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True))


@each(
    tiktok_shop=(
        "2 seller link: service_id and state alone",
        "2 service_id is not app_key",
        "8 5 service_id for app_key",
        "7 9700 2.1 neither PKCE nor redirect_uri",
    ),
    tiktok_login=("3 authorize",),
    tiktok_ads=("4.1 authorize",),
    tiktok_accounts=("4.2 authorize",),
    oauth2=("7 oauth2 PKCE S256 base64url",),
    eshopbox=("5 no authorize URL and no callback",),
)
def test_the_consent_page(sample: Sample) -> None:
    """The link is exactly the documented one; the browser takes any state along in every region, and no secret."""
    if sample.authorize is None:
        assert not sample.provider.has_endpoint(sample.app, "authorize")
        return
    url = authorize_url(sample.provider, sample.app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)
    assert sample.authorize == url
    for region in ("", *sample.provider.regions):
        app = replace(sample.app, region=region)
        url = authorize_url(sample.provider, app, state="a.b-_=&", redirect_uri=REDIRECT, verifier=VERIFIER)
        assert dict(parse_qsl(urlsplit(url).query, strict_parsing=True))["state"] == "a.b-_=&"
        assert "canary" not in url
        assert sample.provider.hosts is None or urlsplit(url).hostname in sample.provider.hosts


@each(
    tiktok_shop=("2 token calls: authorized_code",),
    tiktok_login=("3 token: the form",),
    tiktok_ads=("4.1 token: JSON", "4.1 token: return_advertiser_ids false"),
    tiktok_accounts=("4.2 token",),
    oauth2=("7 oauth2 client_secret_basic",),
)
def test_the_exchange_of_a_code(sample: Sample) -> None:
    """Method, URL, headers and body of the exchange are exactly the documented ones."""
    request = code_request(sample.provider, sample.app, CODE, redirect_uri=REDIRECT, verifier=VERIFIER)

    assert sample.exchange is None or sent(sample.exchange) == sent(request)


@each(tiktok_login=("3 refresh: the form",), tiktok_accounts=("4.2 refresh",), eshopbox=("5 token: JSON",))
def test_the_refresh(sample: Sample) -> None:
    """Method, URL, headers and body are exactly the documented ones; without a refresh token nothing renews."""
    for request in (refresh_request(sample.provider, sample.app, REFRESH_TOKEN), renewal(sample)):
        assert sample.refresh is None or sent(sample.refresh) == sent(request)
    bare = replace(GRANT, refresh_token=None)
    assert (None, False) == (renewal_request(sample.provider, sample.app, bare), sample.provider.renews(bare))
    assert sample.provider.renews(GRANT)


def renewal(sample: Sample) -> Request | None:
    """Return the request that brings the next access token."""
    return renewal_request(sample.provider, sample.app, GRANT)


@each(tiktok_login=("3 client credentials",))
def test_the_apps_own_token(sample: Sample) -> None:
    """Where a provider mints tokens for the app itself, the request is exactly the documented one, at every renewal."""
    if sample.minting is None:
        assert "client_credentials" not in sample.provider.settings.get("grant", ())
        return
    minting = replace(sample, app=sample.minting)
    for request in (client_credentials_request(minting.provider, minting.app), renewal(minting)):
        assert sent(sample.client_credentials) == sent(request)


@each(
    tiktok_login=("3 revoke: the form",),
    tiktok_ads=("4.1 revoke",),
    tiktok_accounts=("4.2 revoke",),
    oauth2=("7 oauth2 7009 revocation",),
)
def test_the_revocation(sample: Sample) -> None:
    """Method, URL, headers and body of a revocation are exactly the documented ones, or there is none."""
    assert sent(sample.revocation) == sent(revocation_request(sample.provider, sample.app, GRANT))


@row("7 7009 access token alone, JSON")
@pytest.mark.parametrize("name", ["tiktok_login", "tiktok_ads", "tiktok_accounts"])
def test_the_services_revoke_by_the_access_token(name: str) -> None:
    """Where a service can end an authorization it takes the access token alone, and never a hint."""
    shape = SAMPLES[name].provider.revocation

    assert shape is not None
    assert (shape.access_token, shape.hint) == (True, False)


@each(tiktok_shop=("2 shops: the call",), tiktok_login=("3 verify: the call",), tiktok_ads=("4.1 verify: the call",))
def test_the_account_call(sample: Sample) -> None:
    """Method, URL and headers of the call that verifies a token are exactly the documented ones, or there is none."""
    call = sample.provider.account_call
    endpoint = "" if call is None else sample.provider.endpoint(sample.app, call.endpoint)
    request = None if call is None else call.request(sample.app, endpoint, GRANT, NOW)

    assert sent(sample.account) == sent(request)
    assert request is None or "canary-access" not in request.url


@row("8 13 percent-encoded codes", "7 6749 2.3.1 credentials in the URI, no Basic", "3 token: no Basic")
def test_credentials_are_encoded_exactly_once(sample: Sample) -> None:
    """They arrive as they are, under the provider's names; only the generic one has Basic, only one its URL."""
    shape = sample.provider.token
    in_query = shape.encoding is Encoding.QUERY
    for credential in ("plain", "a b&c=d+e/f%2F", "TTP_*!~.-_", "ü店"):
        by_code = code_request(sample.provider, sample.app, Secret(credential), redirect_uri=REDIRECT)
        by_refresh = refresh_request(sample.provider, sample.app, Secret(credential))
        assert credential == parameters(by_code)[shape.code] == parameters(by_refresh)[shape.refresh_token]
        for request in (by_code, by_refresh):
            assert (in_query, in_query) == ("canary" in request.url, not request.body)
            assert (sample.app.provider == "oauth2") == ("authorization" in request.headers)
            if shape.authentication is ClientAuthentication.POST:
                client = [parameters(request)[name] for name in (shape.client_id, shape.client_secret)]
                assert ["client-1", "canary-secret&="] == client


def test_the_callback_holds_a_code_or_a_denial(sample: Sample) -> None:
    """The code is found under each of its names, the preferred first, decoded once; any error alone is a denial."""
    names = sample.provider.callback.code

    def code(raw: str) -> Secret | None:
        return Query.parse(raw).code(sample.provider, sample.app)

    assert all(CODE == code(f"state=s&{name}={quote(CODE.reveal())}") for name in names)
    assert Secret(str(len(names) - 1)) == code("&".join(f"{name}={i}" for i, name in enumerate(reversed(names))))
    for denial in ("error=access_denied", "code=", "error=x&error_description=y", "error=x&code=", "state=s"):
        assert code(denial) is None
    assert (code("code=null") is None) == (sample.provider.name == "tiktok_shop")
    # RFC 6749 §A.11: a code is visible ASCII of bounded length.
    for wrong in (
        f"{names[0]}=a&error=x",
        f"{names[0]}=a&error=",
        *(f"code={c}" for c in ("a" * 4097, "%C3%BC", "%E2%80%AE")),
    ):
        with pytest.raises(BadRequest):
            code(wrong)
    # RFC 9207: `iss` is an unknown parameter where the app's issuer is not known.
    assert ("", True) == (sample.provider.callback.issuer, bool(code("code=a&iss=https%3A%2F%2Fid.example")))
    other = "code=a&app_key=other"
    if sample.provider.callback.client_id is None:
        assert code(other) is not None
    else:
        assert code(other.replace("other", "client-1")) is not None
        with pytest.raises(BadRequest, match="another client"):
            code(other)


def test_no_record_prints_its_tokens(sample: Sample) -> None:
    """An app, a grant, a response and what was read from it print without tokens, codes or secrets."""
    body = varied(sample, access_token="canary-access", refresh_token="canary-refresh&=")
    query = Query.parse(f"state={STATE}&code={quote(CODE.reveal())}")

    for thing in (sample.app, GRANT, answer(body), issued(sample, body), query, sample.provider):
        assert "canary" not in f"{thing!r} {thing}"
