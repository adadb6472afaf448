"""Consents, codes and tokens as records, and what a client gets of them. Only digests of credentials are kept."""

from dataclasses import dataclass, field
from typing import Literal

from tokensync_cli.sandbox.ledger import Issued
from tokensync_cli.sandbox.mint import digest

Reason = Literal["unknown", "used", "expired", "revoked", "mismatch"]


class RefusedError(Exception):
    """A credential was not accepted; `reason` says why and the provider says it in its own words."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """One consent: the family of every token that came from it. Times are Unix seconds."""

    id: int
    provider: str
    app: str
    account: str
    prefix: str
    scopes: tuple[str, ...]
    at: float
    refresh_expires_at: int | None
    """None has no end."""
    revoked: bool = False


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What the authorization request ties a code to: RFC 6749 section 4.1.3 and RFC 7636. Empty where it sent none."""

    redirect_uri: str = ""
    challenge: str = ""
    method: str = ""
    nonce: str = ""
    """What the ID token repeats: OpenID Connect Core section 3.1.2.1."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """An authorization code, under its digest."""

    digest: str
    authorization: int
    expires_at: float
    spent: bool = False
    binding: Binding = field(default_factory=Binding)


@dataclass(frozen=True, kw_only=True)
class RefreshToken:
    """A refresh token, under its digest; `replaced_at` is when a refresh put another in its place."""

    digest: str
    authorization: int
    replaced_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """An access token, under its digest; one without `expires_at` never expires."""

    digest: str
    authorization: int
    expires_at: int | None
    ended: bool = False


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What a client is given. The expiry is in absolute Unix seconds, None for never."""

    authorization: Authorization
    access_token: str = field(repr=False)
    access_expires_at: int | None
    refresh_token: str | None = field(repr=False)

    @property
    def issued(self) -> Issued:
        """Return what the ledger keeps of it."""
        refresh_token = None if self.refresh_token is None else digest(self.refresh_token)
        return Issued(access_token=digest(self.access_token), refresh_token=refresh_token)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """All records, as they are saved."""

    authorizations: tuple[Authorization, ...] = ()
    codes: tuple[Code, ...] = ()
    refresh_tokens: tuple[RefreshToken, ...] = ()
    access_tokens: tuple[AccessToken, ...] = ()


def end_of(now: float, seconds: int | None) -> int | None:
    """Return when a life of so many seconds ends, in Unix seconds; None never ends."""
    return None if seconds is None else int(now) + seconds


def is_over(expires_at: int | None, now: float) -> bool:
    """Return whether a life has ended."""
    return expires_at is not None and expires_at <= now
