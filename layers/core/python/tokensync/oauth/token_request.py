"""Builds the requests of an authorization from a provider's data: consent, code, refresh, minting, revocation."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus, urlencode
from uuid import UUID

from tokensync.domain.messages import Request
from tokensync.oauth.client_assertion import ASSERTION_TYPE, client_assertion
from tokensync.oauth.provider import GrantType
from tokensync.oauth.renewal import Credentials
from tokensync.oauth.shapes import ClientAuthentication, Encoding, Pkce

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant
    from tokensync.domain.runtime import Moment
    from tokensync.domain.secret import Secret
    from tokensync.oauth.provider import Provider


def authorize_url(
    provider: Provider,
    app: App,
    *,
    state: str,
    redirect_uri: str,
    verifier: Secret | None = None,
    moment: Moment | None = None,
) -> str:
    """Return the URL of the provider's consent page, RFC 6749 §4.1.1 and RFC 7636 §4.3."""
    shape = provider.authorize
    query = {shape.client_id: app.service_id if shape.identified_by == "service_id" else app.client_id}
    if shape.response_type is not None:
        query[shape.name("response_type")] = shape.response_type
    if shape.redirect_uri:
        query[shape.name("redirect_uri")] = shape.registered_redirect or redirect_uri
    if shape.scope_separator is not None and app.scopes:
        query[shape.name("scope")] = shape.scope_separator.join(app.scopes)
    query[shape.name("state")] = state
    if shape.pkce is not None and verifier is not None:
        query[shape.name("code_challenge")] = code_challenge(shape.pkce, verifier)
        query[shape.name("code_challenge_method")] = "S256"
    unique = _unique(state)
    parameters = {name: value.replace("{random}", unique) for name, value in shape.parameters.items()}
    endpoint = provider.endpoint(app, "authorize")
    url = f"{endpoint}#{shape.fragment}" if shape.fragment else endpoint
    sent: Mapping[str, Any] = {**provider.filled(app, parameters), **query}
    return with_query(url, sent if shape.sign is None else shape.sign(app, url, sent, _needed(moment)))


def _unique(state: str) -> str:
    """Return text that no other link has and nobody can guess: the state is signed, and made for one link alone."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"random.{state}".encode()).digest()[:16]).decode("ascii")[:22]


def with_query(url: str, query: Mapping[str, Any]) -> str:
    """Return the URL with these parameters after its own, RFC 6749 §3.1; none of them is there twice."""
    front, sharp, last = url.rpartition("#")
    path, _, own = last.partition("?")
    kept = [part for part in own.split("&") if part and unquote_plus(part.partition("=")[0]) not in query]
    return f"{front}{sharp}{path}?{'&'.join([*kept, urlencode(query)])}"


def code_challenge(method: Pkce, verifier: Secret) -> str:
    """Return the code challenge for a verifier, RFC 7636 §4.2."""
    digest = hashlib.sha256(verifier.reveal().encode("ascii"))
    if method is Pkce.S256_HEX:
        return digest.hexdigest()
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")


def code_request(
    provider: Provider,
    app: App,
    code: Secret,
    *,
    redirect_uri: str,
    verifier: Secret | None = None,
    moment: Moment | None = None,
) -> Request:
    """Return the request that exchanges an authorization code, RFC 6749 §4.1.3."""
    shape = provider.token
    fields: dict[str, Any] = {shape.code: code.reveal()}
    if shape.authorization_code is not None:
        fields[shape.name("grant_type")] = shape.authorization_code
    if shape.redirect_uri:
        fields[shape.name("redirect_uri")] = provider.authorize.registered_redirect or redirect_uri
    if verifier is not None and provider.authorize.pkce is not None:
        fields[shape.name("code_verifier")] = verifier.reveal()
    return _token_request(provider, app, "token", {**fields, **provider.filled(app, shape.code_parameters)}, moment)


def renewal_request(provider: Provider, app: App, grant: Grant, moment: Moment | None = None) -> Request | None:
    """Return the request for the next access token; None where that needs a new consent.

    Raises:
        ParamRefused: the account's parameters lead to no URL that may be used.
    """
    app = app.of(grant)
    if provider.grant_type is GrantType.CLIENT_CREDENTIALS:
        return client_credentials_request(provider, app, moment)
    if provider.renewal.presents_access_token:
        return _extension_request(provider, app, grant, moment) if provider.renews(grant) else None
    return None if grant.refresh_token is None else refresh_request(provider, app, grant.refresh_token, moment)


def _extension_request(provider: Provider, app: App, grant: Grant, moment: Moment | None) -> Request:
    """Return the request that presents an access token for the next one, or for one that lasts."""
    shape, renewal = provider.token, provider.renewal
    upgrade = renewal.upgrade if grant.to_be_upgraded else None
    grant_type, own = shape.refresh_grant, shape.refresh_parameters
    if upgrade is not None:
        grant_type, own = upgrade.grant_type, upgrade.parameters
    fields: dict[str, Any] = {shape.refresh_token: grant.access_token.reveal()}
    if grant_type is not None:
        fields[shape.name("grant_type")] = grant_type
    if renewal.by_get:
        provider = replace(provider, token=replace(shape, method="GET", encoding=Encoding.QUERY))
    return _token_request(
        provider,
        app,
        "refresh" if upgrade is None else "upgrade",
        {**fields, **provider.filled(app, own)},
        moment,
        credentials=(upgrade or renewal).credentials,
    )


def refresh_request(provider: Provider, app: App, refresh_token: Secret, moment: Moment | None = None) -> Request:
    """Return the request that presents a refresh token, RFC 6749 §6."""
    shape = provider.token
    fields: dict[str, Any] = {shape.refresh_token: refresh_token.reveal()}
    if shape.refresh_grant is not None:
        fields[shape.name("grant_type")] = shape.refresh_grant
    own = provider.filled(app, shape.refresh_parameters)
    return _token_request(provider, app, "refresh", {**fields, **own}, moment)


def client_credentials_request(provider: Provider, app: App, moment: Moment | None = None) -> Request:
    """Return the request that mints a token for the app itself, RFC 6749 §4.4.2."""
    shape = provider.authorize
    fields = {provider.token.name("grant_type"): "client_credentials"}
    if shape.scope_separator is not None and app.scopes:
        fields[provider.token.name("scope")] = shape.scope_separator.join(app.scopes)
    return _token_request(provider, app, "token", fields, moment)


def revocation_request(provider: Provider, app: App, grant: Grant, moment: Moment | None = None) -> Request | None:
    """Return the request that ends an authorization, RFC 7009 §2.1; None where the provider has no such call.

    Raises:
        ParamRefused: as `renewal_request`.
    """
    shape, app = provider.revocation, app.of(grant)
    if shape is None or not provider.has_endpoint(app, "revoke"):
        return None
    refresh_token = None if shape.access_token else grant.refresh_token
    fields = {shape.token: (refresh_token or grant.access_token).reveal()}
    if shape.hint:
        fields["token_type_hint"] = "refresh_token" if refresh_token else "access_token"
    headers = {} if shape.header is None else {shape.header: grant.access_token.reveal()}
    return _request(provider, app, "revoke", fields, moment, headers=headers)


def _token_request(
    provider: Provider,
    app: App,
    endpoint: str,
    fields: dict[str, Any],
    moment: Moment | None,
    *,
    credentials: Credentials = Credentials.SAME,
) -> Request:
    # An app's own parameters come after the protocol's and replace none of them, the client's among them.
    taken = {*fields, provider.token.client_id, provider.token.client_secret}
    own = {name: value for name, value in provider.token.parameters.items() if name not in taken}
    return _request(provider, app, endpoint, {**fields, **provider.filled(app, own)}, moment, credentials=credentials)


def _request(
    provider: Provider,
    app: App,
    endpoint: str,
    fields: dict[str, Any],
    moment: Moment | None,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    credentials: Credentials = Credentials.SAME,
) -> Request:
    """Return the request as the client authenticates it. `moment` is needed where something in it is new each time."""
    shape = provider.token
    match credentials:
        case Credentials.SAME:
            client, proof = _client(provider, app, moment)
        case Credentials.SECRET:
            client, proof = {shape.client_secret: app.client_secret.reveal()}, {}
        case Credentials.NONE:
            client, proof = {}, {}
    parameters = {**client, **fields}
    headers = {**_own_headers(provider.filled(app, shape.headers), moment), **headers, **proof}
    url = provider.endpoint(app, endpoint)
    if shape.sign is not None:
        signed = shape.sign(app, url, parameters, _needed(moment))
        url, parameters = with_query(url, signed.query) if signed.query else url, dict(signed.fields)
    match shape.encoding:
        case Encoding.QUERY:
            return Request(method=shape.method, url=with_query(url, parameters), headers=headers)
        case Encoding.JSON:
            headers = {**headers, "content-type": "application/json"}
            body = json.dumps(parameters).encode("ascii")
        case Encoding.FORM:
            headers = {**headers, "content-type": "application/x-www-form-urlencoded"}
            body = urlencode(parameters).encode("ascii")
    return Request(method=shape.method, url=url, headers=headers, body=body)


def _client(provider: Provider, app: App, moment: Moment | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parameters and the headers by which the client authenticates, RFC 6749 §2.3."""
    shape = provider.token
    named = {shape.client_id: app.client_id}
    match shape.authentication:
        case ClientAuthentication.BASIC:
            return (named if shape.sends_client_id else {}), {"authorization": _basic(app, is_raw=shape.raw_basic)}
        case ClientAuthentication.POST:
            return {**named, shape.client_secret: app.client_secret.reveal()}, {}
        case ClientAuthentication.NONE | ClientAuthentication.SIGNATURE:
            # RFC 6749 §3.2.1: the client id alone says whose code this is. A signature comes when all is together.
            return named, {}
        case ClientAuthentication.PRIVATE_KEY_JWT:
            # RFC 7523 §3(3): the token endpoint names the provider, whichever of its endpoints is asked.
            assertion = client_assertion(
                app, shape.assertion, audience=provider.endpoint(app, "token"), moment=_needed(moment)
            )
            return {**named, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}, {}


def _own_headers(headers: Mapping[str, str], moment: Moment | None) -> dict[str, str]:
    """Return a provider's own headers, each `{uuid}` one that no other request has, RFC 9562 §5.4."""
    if not any("{uuid}" in value for value in headers.values()):
        return dict(headers)
    made = UUID(bytes=hashlib.sha256(_needed(moment).unique.encode()).digest()[:16], version=4)
    return {name: value.replace("{uuid}", str(made)) for name, value in headers.items()}


def _needed(moment: Moment | None) -> Moment:
    if moment is None:
        raise ValueError("this provider's requests are each made for a moment")
    return moment


def _basic(app: App, *, is_raw: bool) -> str:
    """Return the Authorization header of client_secret_basic.

    Both parts are form-encoded first, RFC 6749 §2.3.1, unless the provider takes them as they are, RFC 7617 §2.
    """
    client_id, secret = app.client_id, app.client_secret.reveal()
    pair = f"{client_id}:{secret}" if is_raw else f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode('utf-8')).decode('ascii')}"
