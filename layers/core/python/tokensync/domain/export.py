"""A copy of a connection's token that an operator gave to another program: which one it was, and no secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.authorization import hashed

if TYPE_CHECKING:
    from tokensync.domain.secret import Secret

_DIGITS = 16


@dataclass(frozen=True)
class Export:
    """One copy. `token` is the token's digest, `form` how it was asked for, `at` (Unix seconds) when."""

    generation: int
    token: str
    form: str
    at: int


def token_digest(token: Secret) -> str:
    """Return what tells a token from another and gives nothing of it away."""
    return hashed(f"export.{token.reveal()}")[:_DIGITS]
