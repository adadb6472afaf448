"""Reads the query of a callback or of a pasted redirect URL, as all of it comes from outside.

RFC 6749 §4.1.2: parameters that are not known are ignored, whatever they hold. What is read is there once, and clean.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes, urlsplit

from tokensync.domain.errors import BadRequest
from tokensync.domain.secret import NeverPickled, Secret
from tokensync.domain.text import LABEL_LENGTH, MESSAGE_LENGTH, masked, one_line, printable
from tokensync.oauth.params import CALLBACK

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """The parameters of a callback, each name decoded and each value as it came: it is judged when it is read."""

    pairs: tuple[tuple[str, str], ...] = field(repr=False)

    @classmethod
    def parse(cls, raw: str) -> Query:
        """Take a raw query string.

        Raises:
            BadRequest: it is too long.
        """
        if len(raw) > _LONGEST_QUERY:
            raise BadRequest("the query is too long")
        pairs = []
        for part in filter(None, raw.split("&")):
            name, _, value = part.partition("=")
            # A name that cannot be decoded is none that anybody reads.
            with contextlib.suppress(BadRequest):
                pairs.append((_decoded(name), value))
        return cls(tuple(pairs))

    @classmethod
    def of_code(cls, text: str) -> Query:
        """Return the query of a callback that brings this code and nothing else.

        Raises:
            BadRequest: it is no code.
        """
        return cls((("code", quote(checked_code(text).reveal(), safe="")),))

    @classmethod
    def of_url(cls, url: str) -> Query:
        """Read the query of a whole redirect URL.

        Raises:
            BadRequest: it is no URL, or its query is too long.
        """
        try:
            query = urlsplit(url.strip()).query
        except ValueError:
            # from None: the error's text repeats a part of the URL.
            raise BadRequest("this is no URL") from None
        return cls.parse(query)

    def read_as(self, shape: CallbackShape) -> Query:
        """Return the query with our state under the RFC's name, where the provider has another one for it."""
        if shape.state == "state":
            return self
        others = ((name, value) for name, value in self.pairs if name != "state")
        return Query(tuple(("state" if name == shape.state else name, value) for name, value in others))

    def value(self, name: str) -> str | None:
        """Return a parameter, decoded exactly once; None where it is absent.

        Raises:
            BadRequest: it is there twice, is not percent-encoded UTF-8, or holds control characters.
        """
        values = [value for known, value in self.pairs if known == name]
        if len(values) > 1:
            raise BadRequest("a parameter stands twice")
        return _decoded(values[0]) if values else None

    @property
    def parameters(self) -> dict[str, str]:
        """Return all parameters that are there once and clean: of the others, one that is read is refused."""
        times = Counter(name for name, _ in self.pairs)
        clean: dict[str, str] = {}
        for name, value in self.pairs:
            with contextlib.suppress(BadRequest):
                if times[name] == 1:
                    clean[name] = _decoded(value)
        return clean

    @property
    def state(self) -> str:
        """Return `state`, empty where there is none.

        Raises:
            BadRequest: as `value`.
        """
        return self.value("state") or ""

    @property
    def denied(self) -> str:
        """Return the provider's error code, one clean line of at most 60 characters; empty where there is none.

        Raises:
            BadRequest: as `value`.
        """
        return one_line(self.value("error") or "", length=60)

    def description(self, secrets: Sequence[Secret] = ()) -> str:
        """Return `error_description` for operators: one clean line without the secrets, whatever came."""
        described = next((value for name, value in self.pairs if name == "error_description"), "")
        text = unquote_to_bytes(described.replace("+", " ")).decode("utf-8", "replace")
        return one_line(masked(text, secrets), length=MESSAGE_LENGTH)

    @property
    def is_our_mistake(self) -> bool:
        """Return whether the error is about our request and no denial by the account, RFC 6749 §4.1.2.1.

        Raises:
            BadRequest: as `value`.
        """
        return self.denied in _REQUEST_ERRORS

    def code(self, provider: Provider, app: App) -> Secret | None:
        """Return the authorization code, or None where the seller or the provider declined.

        Raises:
            BadRequest: a parameter that this provider's callbacks are read for is there twice or unclean; it holds both
                a code and an error, a code that no provider gives, or one for another client or from another issuer.
        """
        shape = provider.callback
        read = {name: value for name in shape.names if (value := self.value(name)) is not None}
        if shape.client_id is not None and read.get(shape.client_id, app.client_id) != app.client_id:
            raise BadRequest("this authorization is for another client")
        if not _is_from(shape, read.get("iss")):
            # RFC 9207 §2.4, before the code or an error is looked at: either may come from another server.
            said = one_line(read.get("iss", ""), length=LABEL_LENGTH)
            raise BadRequest(
                f"this authorization comes from another issuer, {said or '(none)'}, and the app says {shape.issuer}",
                other_issuer=said,
            )
        values = (read.get(name, "") for name in shape.code)
        text = next((value for value in values if value not in shape.no_code), None)
        if text is None:
            return None
        if "error" in read:
            raise BadRequest("a code and an error at once")
        return checked_code(text)

    def named(self, provider: Provider) -> dict[str, str]:
        """Return the parameters that the account's name or facts are taken from, or that lead to its host.

        Raises:
            BadRequest: one of them is there twice, is too long, or holds what is not seen.
        """
        names = [] if provider.naming is None else list(provider.naming.callback_names)
        names += [name for param in provider.params.values() for name in param.named_by(CALLBACK)]
        named = {name: value for name in names if (value := self.value(name))}
        if any(len(value) > _LONGEST_NAME or printable(value) != value for value in named.values()):
            raise BadRequest("a parameter that names the account is not clean")
        return named


def _is_from(shape: CallbackShape, issuer: str | None) -> bool:
    """Return whether `iss` names the app's own authorization server, where it is known or announced."""
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
