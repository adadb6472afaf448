"""Reads authorization server metadata, RFC 8414 and OpenID Connect Discovery 1.0, once, when an app is registered.

What is found becomes the app's own endpoints and settings. A document that changes later changes nothing here.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tokensync.domain.command_line import quoted
from tokensync.domain.destinations import Destinations
from tokensync.domain.errors import BadMetadata, EndpointRefused, NoAnswer, NotSent
from tokensync.domain.messages import Request
from tokensync.domain.text import one_line
from tokensync.oauth.body import Unreadable, read_object
from tokensync.oauth.shapes import ClientAuthentication

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
_LONGEST_SHOWN = 200
# The document's name within its URL, by RFC 8414 §3 before the issuer's path, by OpenID Connect Discovery §4 after it.
_WELL_KNOWN = re.compile(r"/\.well-known/(?:oauth-authorization-server|openid-configuration)(?=/|$)")
_STRICT = Destinations()
_AT_THE_ROOT = 2  # slashes in the document's path where the issuer has none


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """A server's metadata as the endpoints and settings of an app of the provider `oauth2`."""

    endpoints: Mapping[str, str]
    settings: Mapping[str, str]


@dataclass(frozen=True)
class _Asked:
    """Who is asked for documents."""

    wire: Wire
    destinations: Destinations

    def for_(self, url: str) -> Mapping[str, Any] | None:
        """Return the document at a URL, None where there is none.

        Raises:
            BadMetadata: it cannot be reached, or may not be asked.
        """
        try:
            request = self.destinations.cleared_without_credential(Request(method="GET", url=url))
            response = self.wire.send(request, seconds=_SECONDS)
        except EndpointRefused:
            raise BadMetadata(f"{url} is no https URL that may be asked") from None
        except NotSent:
            raise BadMetadata(f"{url} cannot be reached from the stack, or its address is not a public one") from None
        except NoAnswer:
            raise BadMetadata(f"{url} gave no whole answer in time") from None
        if response.status != 200:  # noqa: PLR2004 - RFC 8414 §3.2
            return None
        try:
            return read_object(response)
        except Unreadable:
            return None


def discover(issuer: str, wire: Wire, destinations: Destinations = _STRICT) -> Metadata:
    """Fetch and check a server's metadata. `issuer` may be the whole URL of the document.

    An endpoint may be on another host than the issuer, but none on this machine is taken from elsewhere.

    Raises:
        BadMetadata: there is none, it names another issuer, or it cannot be used; the message says which.
    """
    given = _url(issuer, "the issuer", query=False)
    issuer = _WELL_KNOWN.sub("", given)
    oauth, openid = _places(issuer)
    asked = _Asked(wire, destinations)
    places = [oauth, openid, *([f"{oauth}/"] if urlsplit(oauth).path.count("/") > _AT_THE_ROOT else [])]
    if issuer != given:
        places.insert(0, given)
    for place in dict.fromkeys(places):
        found = asked.for_(place)
        if found is not None:
            named = _named(found, issuer)
            has_all = place == openid or _ENDPOINTS["verify"] in found
            return _checked(found if has_all else {**_beside(openid, asked, issuer), **found}, named, destinations)
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


def _beside(openid: str, asked: _Asked, issuer: str) -> Mapping[str, Any]:
    """Return OpenID's document, empty without one: RFC 8414's need not name OpenID's endpoints."""
    with contextlib.suppress(BadMetadata):
        other = asked.for_(openid)
        if other is not None and _is_issuer(other.get("issuer"), issuer):
            return other
    return {}


def _is_issuer(named: object, issuer: str) -> bool:
    """Return whether a document names this issuer; people leave out or add its last slash."""
    return isinstance(named, str) and named.removesuffix("/") == issuer.removesuffix("/")


def _named(found: Mapping[str, Any], issuer: str) -> str:
    """Return the issuer as its document spells it: what the server says of itself later is compared letter by letter.

    Raises:
        BadMetadata: it names another, so it is the document of another server, RFC 8414 §3.3.
    """
    named = found.get("issuer")
    if isinstance(named, str) and _is_issuer(named, issuer):
        return named
    if not isinstance(named, str) or not named:
        raise BadMetadata(f"the metadata of {issuer} names another issuer: it names none")
    shown = one_line(named, length=_LONGEST_SHOWN)
    raise BadMetadata(
        f"the metadata of {issuer} names another issuer, {shown}; if that is the server that you mean, give its own "
        f"name: --discover {quoted(shown)}"
    )


def _checked(found: Mapping[str, Any], issuer: str, destinations: Destinations) -> Metadata:
    endpoints = {key: _url(found[name], name) for key, name in _ENDPOINTS.items() if isinstance(found.get(name), str)}
    for key, url in endpoints.items():
        try:
            destinations.check_named(url, by=issuer)
        except EndpointRefused:
            raise BadMetadata(
                f"the metadata of {issuer} names no https URL that may be asked: its {key} endpoint"
            ) from None
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


def _url(text: str, what: str, *, query: bool = True) -> str:
    """Return a URL if an endpoint may have it: no fragment, no password; RFC 6749 §3.1 and §3.2 allow a query.

    Without `query` it has none either, as an issuer, RFC 8414 §2.

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
        or ("?" in text and not query)
        or len(text) > _LONGEST_URL
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        raise BadMetadata(f"{what} is no https URL without {'fragment' if query else 'query and fragment'}")
    return text
