"""An authorization: one seller on the way through a provider's consent, from /connect to the result page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokensync.domain.bound import Bound
    from tokensync.domain.connection import LastError

# Why an authorization was given up whose answer may yet become a connection.
NO_ACCOUNT = "no_account"
LIFETIME = 3600  # seconds: a seller logs in, chooses a duration and confirms


class AuthorizationState(StrEnum):
    """How an authorization ended, as the result page shows it."""

    WAITING = "waiting"
    WORKING = "working"
    CONNECTED = "connected"
    CANCELLED = "cancelled"
    FAILED = "failed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class AuthorizationKey:
    """The key of an authorization's record. It holds browser and nonce as hashes only."""

    app: str
    browser: str
    nonce: str

    @property
    def sort_key(self) -> str:
        """Return the sort key in the table: all of one browser's authorizations lie side by side."""
        return f"pending#{self.browser}#{self.nonce}"

    @classmethod
    def parse(cls, app: str, sort_key: str) -> AuthorizationKey:
        """Read a sort key as the due index gives it.

        Raises:
            ValueError: it is of another kind.
        """
        kind, browser, nonce = sort_key.split("#")
        if kind != "pending":
            raise ValueError("this is no pending authorization's key")
        return cls(app, browser, nonce)


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """One authorization under way. All times are Unix seconds.

    It is bound to app, provider, token endpoint, redirect URI, invite and browser. `for_account` is set if an
    invite re-authorizes one connection. `sealed_answer` is what the token endpoint answered, before it was parsed.
    `missing_scopes` were asked for and not granted. `table` is the id of the restored table in which it was begun, None
    in a table that was never restored. `params` lead to the account's own host, as the invite names them; the token
    endpoint is the app's, filled with these. `callback` holds the parameters of the callback that name the account, or
    lead to its host. `last_error` is why the provider gave no token, where it says so. `bound` is what its grant will
    be bound to, None where an earlier version began it.
    """

    key: AuthorizationKey
    provider: str
    token_endpoint: str
    redirect_uri: str
    invite_id: str
    invite_expires_at: int = 0
    created_at: int
    expires_at: int
    label: str = ""
    for_account: str = ""
    fence: int = 0
    consumed_at: int | None = None
    lease_until: int | None = None
    sealed_answer: bytes | None = None
    received_at: int | None = None
    state: AuthorizationState = AuthorizationState.WAITING
    detail: str = ""
    connection: str = ""
    missing_scopes: tuple[str, ...] = ()
    table: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    callback: dict[str, str] = field(default_factory=dict)
    last_error: LastError | None = None
    bound: Bound | None = None


def hashed(text: str) -> str:
    """Return the hash by which the table names a nonce, a browser's cookie, a code or an invite."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]
