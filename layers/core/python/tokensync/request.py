"""One request to a provider. Its URL, headers and body may hold secrets, so it prints as its address alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tokensync.secret import NeverPickled

# A token of 64 KB has to come in whole, so that the one beside it can be kept.
MAX_BODY = 131_072


@dataclass(frozen=True, kw_only=True, repr=False)
class Request(NeverPickled):
    """The exact bytes that go on the wire, but for the headers that every request has.

    Of an answer with more than `largest` bytes only so many are read, and it is told to be incomplete.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    largest: int = MAX_BODY

    def __repr__(self) -> str:
        parts = urlsplit(self.url)
        return f"Request({self.method} {parts.hostname}{parts.path})"
