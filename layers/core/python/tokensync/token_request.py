"""Builds the requests of the authorization code and refresh token grants from a provider's data."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tokensync.providers.contract import Encoding, Pkce
from tokensync.request import Request

if TYPE_CHECKING:
    from tokensync.app import App
    from tokensync.providers.contract import Provider
    from tokensync.secret import Secret


def authorize_url(
    provider: Provider, app: App, *, state: str, redirect_uri: str, verifier: Secret | None = None
) -> str:
    """Return the URL of the provider's consent page, RFC 6749 §4.1.1 and RFC 7636 §4.3."""
    shape = provider.authorize
    query = {shape.client_id: app.service_id if shape.identified_by == "service_id" else app.client_id}
    if shape.response_type is not None:
        query["response_type"] = shape.response_type
    if shape.redirect_uri:
        query["redirect_uri"] = redirect_uri
    if shape.scope_separator is not None and app.scopes:
        query["scope"] = shape.scope_separator.join(app.scopes)
    query["state"] = state
    if shape.pkce is not None and verifier is not None:
        query["code_challenge"] = code_challenge(shape.pkce, verifier)
        query["code_challenge_method"] = "S256"
    endpoint = provider.endpoint(app, "authorize")
    return _with_query(endpoint, query)


def _with_query(url: str, query: dict[str, str]) -> str:
    """Return the URL with these parameters after those that it has, RFC 6749 §3.1."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def code_challenge(method: Pkce, verifier: Secret) -> str:
    """Return the code challenge for a verifier, RFC 7636 §4.2."""
    digest = hashlib.sha256(verifier.reveal().encode("ascii"))
    if method is Pkce.S256_HEX:
        return digest.hexdigest()
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")


def code_request(
    provider: Provider, app: App, code: Secret, *, redirect_uri: str, verifier: Secret | None = None
) -> Request:
    """Return the request that exchanges an authorization code, RFC 6749 §4.1.3."""
    shape = provider.token
    fields = {shape.code: code.reveal(), "grant_type": shape.authorization_code}
    if shape.redirect_uri:
        fields["redirect_uri"] = redirect_uri
    if verifier is not None and provider.authorize.pkce is not None:
        fields["code_verifier"] = verifier.reveal()
    return _request(provider, app, "token", fields)


def refresh_request(provider: Provider, app: App, refresh_token: Secret) -> Request:
    """Return the request that presents a refresh token, RFC 6749 §6."""
    shape = provider.token
    return _request(
        provider, app, "refresh", {shape.refresh_token: refresh_token.reveal(), "grant_type": "refresh_token"}
    )


def _request(provider: Provider, app: App, endpoint: str, fields: dict[str, str]) -> Request:
    shape = provider.token
    parameters = {shape.client_id: app.client_id, shape.client_secret: app.client_secret.reveal(), **fields}
    url = provider.endpoint(app, endpoint)
    match shape.encoding:
        case Encoding.QUERY:
            return Request(method=shape.method, url=_with_query(url, parameters))
        case Encoding.JSON:
            return Request(
                method=shape.method,
                url=url,
                headers={"content-type": "application/json"},
                body=json.dumps(parameters).encode("ascii"),
            )
        case Encoding.FORM:
            return Request(
                method=shape.method,
                url=url,
                headers={"content-type": "application/x-www-form-urlencoded"},
                body=urlencode(parameters).encode("ascii"),
            )
