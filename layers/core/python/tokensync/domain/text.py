"""Text from outside that people are shown: secrets taken out, however they are spelled, then cleaned and cut."""

from __future__ import annotations

import base64
import re
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from tokensync.domain.secret import MASK
from tokensync.domain.visible import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokensync.domain.secret import Secret


_SHORTEST = 2  # characters
_SHORTEST_ENCODED = 6  # characters: any word may hold a shorter piece of base64

# RFC 7515 §7.1 and RFC 7516 §7.1: its header and its claims are JSON objects, and `eyJ` is `{"` in base64url.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{7,}(?:(?:\.|%2[Ee])[A-Za-z0-9_-]*){0,4}=*")


def masked(text: str, secrets: Sequence[Secret]) -> str:
    """Return the text as printable characters, without the secrets.

    Each is found plain, with any of its characters percent-encoded or escaped as in JSON, in base64 at each alignment
    (so also within a Basic header), and in hex. Invisible characters go first: they could separate its letters. A JWT
    is taken out whoever holds it, whole or cut: a client's assertion, an ID token or a token that nobody listed.
    """
    text = printable(text)
    for secret in secrets:
        plain = secret.reveal()
        # Any word may hold what is so short, and it is nobody's secret.
        for pattern in _patterns(plain) if len(plain) >= _SHORTEST else ():
            text = pattern.sub(MASK, text)
    return _JWT.sub(MASK, text)


def _patterns(plain: str) -> Iterator[re.Pattern[str]]:
    yield re.compile("".join(map(_spelled, plain)))
    encoded = {plain.encode("utf-8", "surrogatepass"), quote_plus(plain, errors="replace").encode("ascii")}
    for raw in encoded:
        yield re.compile(re.escape(raw.hex()), re.IGNORECASE)
        for shift in range(3):
            # The characters at either end depend on the neighbours as well.
            inner = base64.b64encode(b"\0" * shift + raw).decode("ascii").rstrip("=")[(shift * 4 + 2) // 3 : -1]
            if len(inner) >= _SHORTEST_ENCODED:
                yield re.compile(re.escape(inner).replace(r"\+", r"[+\-]").replace("/", "[/_]"))


def _spelled(char: str) -> str:
    """Return a pattern for one character in every spelling."""
    octets = "".join(f"%{octet:02x}" for octet in char.encode("utf-8", "surrogatepass"))
    spellings = [re.escape(char), f"(?i:{octets})", rf"(?i:\\u{ord(char):04x})"]
    if char == " ":
        spellings.append(r"\+")
    if char in '/"\\':
        spellings.append(re.escape(f"\\{char}"))
    return f"(?:{'|'.join(spellings)})"


def utc(at: int) -> str:
    """Return Unix seconds as a date and a time that say that they are UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


LABEL_LENGTH = 100
MESSAGE_LENGTH = 200


def printable(text: str) -> str:
    """Return the text without what is not seen, each break or tab a space."""
    return "".join(" " if char in "\t\n\r" else char for char in text if char in "\t\n\r" or _kept(char))


def one_line(text: str, *, length: int) -> str:
    """Return the text as one printable line of at most `length` characters."""
    cleaned = printable(text[: length * 4]).strip()
    return cleaned if len(cleaned) <= length else f"{cleaned[: length - 1]}…"


def _kept(char: str) -> bool:
    return unicodedata.category(char) not in UNSEEN
