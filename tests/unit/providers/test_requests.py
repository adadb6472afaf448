"""Every request that is made for a provider, byte for byte."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from rows import row
from samples import CODE, GRANT, NOW, REDIRECT, REFRESH_TOKEN, STATE, VERIFIER, Sample

from tokensync.domain.secret import Secret
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
    """Return all that goes on the wire; a request prints as its address alone."""
    return None if request is None else (request.method, request.url, request.headers, request.body)


def parameters(request: Request) -> dict[str, str]:
    """Return what a token request carries."""
    if request.method == "GET":
        return dict(parse_qsl(urlsplit(request.url).query, strict_parsing=True))
    if request.headers["content-type"] == "application/json":
        read: dict[str, str] = json.loads(request.body)
        return read
    return dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True))


def test_the_consent_page(sample: Sample) -> None:
    """The link to the consent page is exactly the documented one."""
    if sample.authorize is None:
        assert not sample.provider.has_endpoint(sample.app, "authorize")
        return
    url = authorize_url(sample.provider, sample.app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)

    assert url == sample.authorize


def test_the_state_arrives_and_no_secret_does(sample: Sample) -> None:
    """The browser takes the state along, whatever is in it, on every region's host, and never the client secret."""
    if sample.authorize is None:
        pytest.skip("it has no consent page")
    for region in ("", *sample.provider.regions):
        url = authorize_url(
            sample.provider,
            replace(sample.app, region=region),
            state="a.b-_=&",
            redirect_uri=REDIRECT,
            verifier=VERIFIER,
        )

        assert dict(parse_qsl(urlsplit(url).query, strict_parsing=True))["state"] == "a.b-_=&"
        assert "canary" not in url
        assert sample.provider.hosts is None or urlsplit(url).hostname in sample.provider.hosts


def test_the_exchange_of_a_code(sample: Sample) -> None:
    """Method, URL, headers and body of the exchange are exactly the documented ones."""
    if sample.exchange is None:
        pytest.skip("it takes no code")
    request = code_request(sample.provider, sample.app, CODE, redirect_uri=REDIRECT, verifier=VERIFIER)

    assert sent(request) == sent(sample.exchange)


def test_the_refresh(sample: Sample) -> None:
    """Method, URL, headers and body of a refresh are exactly the documented ones."""
    if sample.refresh is None:
        pytest.skip("it gives no refresh token")

    assert sent(refresh_request(sample.provider, sample.app, REFRESH_TOKEN)) == sent(sample.refresh)
    assert sent(renewal_request(sample.provider, sample.app, GRANT)) == sent(sample.refresh)


def test_nothing_renews_what_has_no_refresh_token(sample: Sample) -> None:
    """Without a refresh token only the account can give a new access token."""
    assert renewal_request(sample.provider, sample.app, replace(GRANT, refresh_token=None)) is None


def test_the_apps_own_token(sample: Sample) -> None:
    """Where a provider mints tokens for the app itself, the request is exactly the documented one, at every renewal."""
    if sample.minting is None:
        assert "client_credentials" not in sample.provider.settings.get("grant", ())
        return
    minting = replace(sample, app=sample.minting)

    assert sent(client_credentials_request(minting.provider, minting.app)) == sent(sample.client_credentials)
    assert sent(renewal_request(minting.provider, minting.app, GRANT)) == sent(sample.client_credentials)


def test_the_revocation(sample: Sample) -> None:
    """Method, URL, headers and body of a revocation are exactly the documented ones, or there is none."""
    assert sent(revocation_request(sample.provider, sample.app, GRANT)) == sent(sample.revocation)


def test_the_account_call(sample: Sample) -> None:
    """Method, URL and headers of the call that verifies a token are exactly the documented ones, or there is none."""
    call = sample.provider.account_call
    if call is None:
        assert sample.account is None
        return
    request = call.request(sample.app, sample.provider.endpoint(sample.app, call.endpoint), GRANT, NOW)

    assert sent(request) == sent(sample.account)
    assert "canary-access" not in request.url


@row("8 13 percent-encoded codes")
@pytest.mark.parametrize("credential", ["plain", "a b&c=d+e/f%2F", "TTP_*!~.-_", "ü店"])
def test_credentials_are_encoded_exactly_once(sample: Sample, credential: str) -> None:
    """A code and a refresh token arrive as they are, under the provider's names, with the client's credentials."""
    shape = sample.provider.token
    by_code = parameters(code_request(sample.provider, sample.app, Secret(credential), redirect_uri=REDIRECT))
    by_refresh = parameters(refresh_request(sample.provider, sample.app, Secret(credential)))

    assert by_code[shape.code] == by_refresh[shape.refresh_token] == credential
    if shape.authentication is ClientAuthentication.BASIC:
        return
    for carried in (by_code, by_refresh):
        assert (carried[shape.client_id], carried[shape.client_secret]) == ("client-1", "canary-secret&=")


def test_secrets_stay_out_of_urls_unless_declared(sample: Sample) -> None:
    """Only a provider that declares its encoding as a query has its credentials in a token request's URL."""
    requests = [
        code_request(sample.provider, sample.app, CODE, redirect_uri=REDIRECT),
        refresh_request(sample.provider, sample.app, REFRESH_TOKEN),
    ]
    in_query = sample.provider.token.encoding is Encoding.QUERY

    assert (sample.provider.token.method == "GET") == in_query
    for request in requests:
        assert ("canary" in request.url) == in_query
        assert bool(request.body) != in_query


@row("7 6749 2.3.1 credentials in the URI, no Basic", "3 token: no Basic")
def test_basic_is_for_the_generic_provider_alone(sample: Sample) -> None:
    """None of the documented services takes client credentials in an Authorization header."""
    request = refresh_request(sample.provider, sample.app, REFRESH_TOKEN)

    assert ("authorization" in request.headers) == (sample.app.provider == "oauth2")
