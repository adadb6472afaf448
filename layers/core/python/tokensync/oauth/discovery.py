"""Reads authorization server metadata, RFC 8414 and OpenID Connect Discovery 1.0, once, when an app is registered.

What is found becomes the app's own endpoints and settings. A document that changes later changes nothing here.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tokensync.domain.errors import BadMetadata, NoAnswer, NotSent
from tokensync.domain.messages import Request
from tokensync.oauth.shapes import ClientAuthentication
from tokensync.oauth.strict_json import NotStrictJson, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.ports import Wire

_LONGEST_URL = 2048
# Endpoint keys of an app, and what the metadata calls them; the UserInfo endpoint is OpenID's.
_ENDPOINTS = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "revoke": "revocation_endpoint",
    "verify": "userinfo_endpoint",
}
_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """A server's metadata as the endpoints and settings of an app of the provider `oauth2`."""

    endpoints: Mapping[str, str]
    settings: Mapping[str, str]


def discover(issuer: str, wire: Wire) -> Metadata:
    """Fetch and check a server's metadata.

    Raises:
        BadMetadata: there is none, it names another issuer, or it cannot be used; the message says which.
    """
    issuer = _url(issuer, "the issuer")
    oauth, openid = _places(issuer)
    found = _fetched(oauth, wire)
    if found is None:
        found = _fetched(openid, wire)
    elif found.get("issuer") == issuer and _ENDPOINTS["verify"] not in found:
        found = {**_beside(openid, wire, issuer), **found}
    if found is not None:
        return _checked(found, issuer)
    raise BadMetadata(
        f"{issuer} has no metadata, neither OAuth's (RFC 8414) nor OpenID's: give its endpoints one by one"
    )


def _places(issuer: str) -> tuple[str, str]:
    """Return the document's possible URLs: RFC 8414 §3.1 puts its name before the issuer's path, OpenID after it."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    oauth = urlunsplit((parts.scheme, parts.netloc, f"/.well-known/oauth-authorization-server{path}", "", ""))
    openid = urlunsplit((parts.scheme, parts.netloc, f"{path}/.well-known/openid-configuration", "", ""))
    return oauth, openid


def _beside(openid: str, wire: Wire, issuer: str) -> Mapping[str, Any]:
    """Return OpenID's document, empty without one: RFC 8414's need not name OpenID's endpoints."""
    with contextlib.suppress(BadMetadata):
        other = _fetched(openid, wire)
        if other is not None and other.get("issuer") == issuer:
            return other
    return {}


def _fetched(url: str, wire: Wire) -> Mapping[str, Any] | None:
    try:
        response = wire.send(Request(method="GET", url=url), seconds=_SECONDS)
    except NotSent:
        raise BadMetadata(f"{url} cannot be reached from the stack, or its address is not a public one") from None
    except NoAnswer:
        raise BadMetadata(f"{url} gave no whole answer in time") from None
    if response.status != 200 or not response.complete:  # noqa: PLR2004 - RFC 8414 §3.2
        return None
    try:
        return parse_object(response.body)
    except NotStrictJson:
        return None


def _checked(found: Mapping[str, Any], issuer: str) -> Metadata:
    # RFC 8414 §3.3: the two must be identical, or this is the document of another server.
    if found.get("issuer") != issuer:
        raise BadMetadata(f"the metadata of {issuer} names another issuer")
    endpoints = {key: _url(found[name], name) for key, name in _ENDPOINTS.items() if isinstance(found.get(name), str)}
    if "token" not in endpoints:
        raise BadMetadata(f"the metadata of {issuer} names no token endpoint")
    settings = {"issuer": issuer, "client_auth": _authentication(found, issuer)}
    if found.get("authorization_response_iss_parameter_supported") is True:
        settings["iss"] = "required"  # RFC 9207 §2.4
    methods = found.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        settings["pkce"] = "none"
    return Metadata(endpoints=endpoints, settings=settings)


def _authentication(found: Mapping[str, Any], issuer: str) -> str:
    """Return how a client authenticates; Basic where the document does not say, RFC 8414 §2."""
    methods = found.get("token_endpoint_auth_methods_supported", [ClientAuthentication.BASIC.value])
    usable = [each.value for each in ClientAuthentication if isinstance(methods, list) and each.value in methods]
    if not usable:
        known = ", ".join(each.value for each in ClientAuthentication)
        raise BadMetadata(f"{issuer} takes no client authentication of these: {known}")
    return ClientAuthentication.BASIC.value if ClientAuthentication.BASIC.value in usable else usable[0]


def _url(text: str, what: str) -> str:
    """Return a URL if an endpoint or an issuer may have it, RFC 8414 §2: no query, no fragment, no password.

    Raises:
        BadMetadata: it may not; the message begins with `what`.
    """
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and not (parts.username or parts.password)
        _ = parts.port
    except ValueError:
        usable = False
    if (
        not usable
        or "#" in text
        or "?" in text
        or len(text) > _LONGEST_URL
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        raise BadMetadata(f"{what} is no https URL without query and fragment")
    return text
