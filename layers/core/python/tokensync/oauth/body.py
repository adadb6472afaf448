"""Reads the object in a response's body: unpacked within a bound, then as JSON, or as a form where it is one.

RFC 9110 §8.4 (Content-Encoding), RFC 1952 (gzip), RFC 1950 and RFC 1951 (deflate, with zlib's frame and without).
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from tokensync.domain.messages import MAX_BODY
from tokensync.oauth.strict_json import AS_LATIN_1, NotStrictJson, each_once, parse_object, text_of

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse

_GZIP = b"\x1f\x8b"
_GZIP_FRAME, _ZLIB_FRAME, _NO_FRAME = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_MOST_LAYERS = 3
_FORM_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
# What tells a form from other text.
_FORM_FIELDS = frozenset({"access_token", "refresh_token", "error"})


class Unreadable(ValueError):
    """The body holds no object that can be read whole."""


class FormReply(dict[str, Any]):
    """The fields of a form-encoded body. All of them are text, numbers as well."""


def read_object(response: ProviderResponse, *, largest: int = MAX_BODY) -> dict[str, Any]:
    """Return the object in a body of at most `largest` bytes.

    Raises:
        Unreadable: it is longer, torn, or neither a JSON object nor a form with a token or an error.
    """
    if not response.complete:
        raise Unreadable("the body is longer than what is read")
    data = unpacked(response, largest=largest)
    try:
        return parse_object(data)
    except NotStrictJson:
        return _form(data)


def unpacked(response: ProviderResponse, *, largest: int = MAX_BODY) -> bytes:
    """Return the body without its content codings: servers compress although only `identity` is asked for.

    What is not packed as its header says is returned as it is, and packed bytes that no header announces are unpacked.

    Raises:
        Unreadable: it is torn, damaged, or becomes larger than `largest` bytes.
    """
    data = response.body
    codings = [coding.strip().lower() for coding in response.headers.get("content-encoding", "").split(",")]
    for coding in reversed(codings[:_MOST_LAYERS]):  # RFC 9110 §8.4: in the order in which they were applied
        if coding == "deflate":
            data = _inflated(data, largest)
        elif data.startswith(_GZIP):
            data = _gunzipped(data, largest)
    for _ in range(_MOST_LAYERS):
        if not data.startswith(_GZIP):
            break
        data = _gunzipped(data, largest)
    return data


def _gunzipped(data: bytes, largest: int) -> bytes:
    """Return what gzip holds; RFC 1952 §2.2: there may be members one after the other."""
    plain = bytearray()
    while data.startswith(_GZIP):
        member, data = _unpacked(data, _GZIP_FRAME, largest - len(plain))
        plain += member
    return bytes(plain)


def _inflated(data: bytes, largest: int) -> bytes:
    """Return what deflate holds. Many servers leave out zlib's frame, which RFC 9110 §8.4.1.2 asks for."""
    for frame in (_ZLIB_FRAME, _NO_FRAME):
        try:
            plain, rest = _unpacked(data, frame, largest)
        except Unreadable:
            continue
        if not rest:
            return plain
    return data


def _unpacked(data: bytes, frame: int, room: int) -> tuple[bytes, bytes]:
    """Return what one whole packed stream holds, and what comes after it. No more than `room` bytes are made of it."""
    unpacker = zlib.decompressobj(frame)
    try:
        plain = unpacker.decompress(data, room + 1)
    except zlib.error:
        raise Unreadable("the packed body is damaged") from None
    if len(plain) > room or not unpacker.eof:
        raise Unreadable("the packed body is torn or too large")
    return plain, unpacker.unused_data


def _form(data: bytes) -> FormReply:
    """Return the fields of a form, whatever its content type says: such servers write text/plain and text/html."""
    text = text_of(data).strip()
    pairs = [(name, value, sign) for name, sign, value in (part.partition("=") for part in text.split("&"))]
    if "<" in text or not text.isprintable() or not all(sign and _FORM_NAME.fullmatch(name) for name, _, sign in pairs):
        raise Unreadable("the body is neither a JSON object nor a form")
    try:
        fields = each_once([(name, unquote_plus(value, errors=AS_LATIN_1)) for name, value, _ in pairs])
    except NotStrictJson:
        raise Unreadable("a field has two values") from None
    if not _FORM_FIELDS & fields.keys():
        raise Unreadable("the form holds neither a token nor an error")
    return FormReply(fields)
