"""Builds the requests of an authorization from a provider's data: consent, code, refresh, minting, revocation."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

from tokensync.domain.messages import Request
from tokensync.oauth.provider import GrantType
from tokensync.oauth.shapes import ClientAuthentication, Encoding, Pkce

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant
    from tokensync.domain.secret import Secret
    from tokensync.oauth.provider import Provider


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
    return _with_query(provider.endpoint(app, "authorize"), {**shape.parameters, **query})


def _with_query(url: str, query: dict[str, str]) -> str:
    """Return the URL with these parameters after its own, RFC 6749 §3.1."""
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
    fields: dict[str, Any] = {shape.code: code.reveal()}
    if shape.authorization_code is not None:
        fields["grant_type"] = shape.authorization_code
    if shape.redirect_uri:
        fields["redirect_uri"] = redirect_uri
    if verifier is not None and provider.authorize.pkce is not None:
        fields["code_verifier"] = verifier.reveal()
    return _token_request(provider, app, "token", {**fields, **shape.code_parameters})


def renewal_request(provider: Provider, app: App, grant: Grant) -> Request | None:
    """Return the request for the next access token; None where that needs a new consent."""
    if provider.grant_type is GrantType.CLIENT_CREDENTIALS:
        return client_credentials_request(provider, app)
    return None if grant.refresh_token is None else refresh_request(provider, app, grant.refresh_token)


def refresh_request(provider: Provider, app: App, refresh_token: Secret) -> Request:
    """Return the request that presents a refresh token, RFC 6749 §6."""
    fields = {provider.token.refresh_token: refresh_token.reveal()}
    if provider.token.refresh_grant is not None:
        fields["grant_type"] = provider.token.refresh_grant
    return _token_request(provider, app, "refresh", fields)


def client_credentials_request(provider: Provider, app: App) -> Request:
    """Return the request that mints a token for the app itself, RFC 6749 §4.4.2."""
    shape = provider.authorize
    fields = {"grant_type": "client_credentials"}
    if shape.scope_separator is not None and app.scopes:
        fields["scope"] = shape.scope_separator.join(app.scopes)
    return _token_request(provider, app, "token", fields)


def revocation_request(provider: Provider, app: App, grant: Grant) -> Request | None:
    """Return the request that ends an authorization, RFC 7009 §2.1; None where the provider has no such call."""
    shape = provider.revocation
    if shape is None or not provider.has_endpoint(app, "revoke"):
        return None
    refresh_token = None if shape.access_token else grant.refresh_token
    fields = {shape.token: (refresh_token or grant.access_token).reveal()}
    if shape.hint:
        fields["token_type_hint"] = "refresh_token" if refresh_token else "access_token"
    headers = {} if shape.header is None else {shape.header: grant.access_token.reveal()}
    return _request(provider, app, "revoke", fields, headers)


def _token_request(provider: Provider, app: App, endpoint: str, fields: dict[str, Any]) -> Request:
    # An app's own parameters come after the protocol's and replace none of them, the client's among them.
    taken = {*fields, provider.token.client_id, provider.token.client_secret}
    own = {name: value for name, value in provider.token.parameters.items() if name not in taken}
    return _request(provider, app, endpoint, {**fields, **own}, {})


def _request(provider: Provider, app: App, endpoint: str, fields: dict[str, Any], headers: dict[str, str]) -> Request:
    shape = provider.token
    if shape.authentication is ClientAuthentication.BASIC:
        headers = {**headers, "authorization": _basic(app)}
        parameters = fields
    else:
        parameters = {shape.client_id: app.client_id, shape.client_secret: app.client_secret.reveal(), **fields}
    url = provider.endpoint(app, endpoint)
    match shape.encoding:
        case Encoding.QUERY:
            return Request(method=shape.method, url=_with_query(url, parameters), headers=headers)
        case Encoding.JSON:
            headers = {**headers, "content-type": "application/json"}
            body = json.dumps(parameters).encode("ascii")
        case Encoding.FORM:
            headers = {**headers, "content-type": "application/x-www-form-urlencoded"}
            body = urlencode(parameters).encode("ascii")
    return Request(method=shape.method, url=url, headers=headers, body=body)


def _basic(app: App) -> str:
    """Return the Authorization header of client_secret_basic: both parts form-encoded first, RFC 6749 §2.3.1."""
    pair = f"{quote_plus(app.client_id)}:{quote_plus(app.client_secret.reveal())}"
    return f"Basic {base64.b64encode(pair.encode('ascii')).decode('ascii')}"
