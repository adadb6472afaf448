"""Takes secrets out of what a provider says before anybody reads it, however it spells them."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from tokensync.secret import MASK
from tokensync.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokensync.secret import Secret

_SHORTEST = 2  # characters
_SHORTEST_ENCODED = 6  # characters: a shorter piece of base64 stands in any word


def masked(text: str, secrets: Sequence[Secret]) -> str:
    """Return the text as printable characters, without the secrets.

    Each is found plain, with any of its characters percent-encoded or escaped as in JSON, in base64 at each alignment
    (so also within a Basic header), and in hex. Invisible characters go first: they could stand between its letters.
    """
    text = printable(text)
    for secret in secrets:
        plain = secret.reveal()
        # What is so short stands in any word, and is nobody's secret.
        for pattern in _patterns(plain) if len(plain) >= _SHORTEST else ():
            text = pattern.sub(MASK, text)
    return text


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
