"""Reads the query of a callback or of a pasted redirect URL, strictly, as all of it comes from outside."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from tokensync.domain.errors import BadRequest
from tokensync.domain.secret import NeverPickled, Secret
from tokensync.domain.text import one_line, printable

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider
    from tokensync.oauth.shapes import CallbackShape

_LONGEST_QUERY = 8192
_LONGEST_CODE = 4096
_LONGEST_NAME = 256  # characters of an account's name in a callback
# The errors of an authorization server that refuses the request or cannot serve it; any other error is a denial.
_REQUEST_ERRORS = frozenset(
    {
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
    }
)
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Query(NeverPickled):
    """The parameters of a callback, each at most once."""

    parameters: dict[str, str] = field(repr=False)

    @classmethod
    def parse(cls, raw: str) -> Query:
        """Read a raw query string, decoding exactly once.

        Raises:
            BadRequest: it is too long, not percent-encoded UTF-8, holds control characters, or repeats a parameter.
        """
        if len(raw) > _LONGEST_QUERY:
            raise BadRequest("the query is too long")
        parameters: dict[str, str] = {}
        for part in filter(None, raw.split("&")):
            name, _, value = part.partition("=")
            name, value = _decoded(name), _decoded(value)
            if name in parameters:
                raise BadRequest("a parameter stands twice")
            parameters[name] = value
        return cls(parameters)

    @classmethod
    def of_url(cls, url: str) -> Query:
        """Read the query of a whole redirect URL.

        Raises:
            BadRequest: it is no URL, or `parse` refuses its query.
        """
        try:
            query = urlsplit(url.strip()).query
        except ValueError:
            # from None: the error's text repeats a part of the URL.
            raise BadRequest("this is no URL") from None
        return cls.parse(query)

    @property
    def state(self) -> str:
        """Return `state`, empty where there is none."""
        return self.parameters.get("state", "")

    @property
    def denied(self) -> str:
        """Return the provider's error code, one clean line of at most 60 characters; empty where there is none."""
        return one_line(self.parameters.get("error", ""), length=60)

    @property
    def is_our_mistake(self) -> bool:
        """Return whether the error is about our request and no denial by the account, RFC 6749 §4.1.2.1."""
        return self.denied in _REQUEST_ERRORS

    def code(self, provider: Provider, app: App) -> Secret | None:
        """Return the authorization code, or None where the seller or the provider declined.

        Raises:
            BadRequest: it holds both a code and an error, a code that no provider gives, or one for another client or
                from another issuer.
        """
        shape = provider.callback
        named = self.parameters.get(shape.client_id, app.client_id) if shape.client_id is not None else app.client_id
        if named != app.client_id:
            raise BadRequest("this authorization is for another client")
        if not self._is_from(shape):
            # RFC 9207 §2.4, before the code or an error is looked at: either may come from another server.
            raise BadRequest("this authorization comes from another issuer")
        values = (self.parameters.get(name, "") for name in shape.code)
        text = next((value for value in values if value not in shape.no_code), None)
        if text is None:
            return None
        if "error" in self.parameters:
            raise BadRequest("a code and an error at once")
        return checked_code(text)

    def named(self, provider: Provider) -> dict[str, str]:
        """Return the parameters that the account's name or facts are taken from.

        Raises:
            BadRequest: one of them is too long, or holds what is not seen.
        """
        names = () if provider.naming is None else provider.naming.callback_names
        named = {name: self.parameters[name] for name in names if self.parameters.get(name)}
        if any(len(value) > _LONGEST_NAME or printable(value) != value for value in named.values()):
            raise BadRequest("a parameter that names the account is not clean")
        return named

    def _is_from(self, shape: CallbackShape) -> bool:
        """Return whether `iss` names the app's own authorization server, where it is known or announced."""
        issuer = self.parameters.get("iss")
        if issuer is None:
            return not shape.issuer_announced
        return not shape.issuer or issuer == shape.issuer


def checked_code(text: str) -> Secret:
    """Return an authorization code if it is one that RFC 6749 §A.11 allows: visible ASCII, not too long.

    Raises:
        BadRequest: it is not.
    """
    if not 0 < len(text) <= _LONGEST_CODE or not text.isascii() or not text.isprintable():
        raise BadRequest("this is no authorization code")
    return Secret(text)


def _decoded(part: str) -> str:
    if _PERCENT.search(part):
        raise BadRequest("the query is not percent-encoded")
    try:
        text = unquote_to_bytes(part.replace("+", " ")).decode("utf-8")
    except UnicodeError:
        raise BadRequest("the query is not UTF-8") from None
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):  # noqa: PLR2004 - ASCII control characters
        raise BadRequest("the query holds control characters")
    return text
