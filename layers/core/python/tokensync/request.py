"""One request to a provider. Its URL, headers and body may hold secrets, so it prints as its address alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tokensync.secret import NeverPickled


@dataclass(frozen=True, kw_only=True, repr=False)
class Request(NeverPickled):
    """The exact bytes that go on the wire, but for the headers that every request has."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        parts = urlsplit(self.url)
        return f"Request({self.method} {parts.hostname}{parts.path})"
