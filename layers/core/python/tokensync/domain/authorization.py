"""An authorization: one seller on the way through a provider's consent, from /connect to the result page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tokensync.domain.errors import BadRequest

if TYPE_CHECKING:
    from tokensync.domain.bound import Bound
    from tokensync.domain.connection import LastError

# Why an authorization was given up whose answer may yet become a connection.
NO_ACCOUNT = "no_account"
INVITE = "invite_"  # and what has become of the invite that was lost, `InviteState`
LIFETIME = 3600  # seconds: a seller logs in, chooses a duration and confirms
# Whoever has a valid invite may open it as often as he likes, without cookies as one browser after the other. Of one
# invite there are never more authorizations than places in all its groups; a browser always is in the same group.
PLACES = 5  # a seller with as many tabs can finish in each of them
GROUPS = 8  # one who opens the link in vain takes nobody's place but those of his own group


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

    @property
    def group(self) -> int:
        """Return the group of its invite's authorizations to which its browser belongs."""
        return int(hashed(self.browser)[:8], 16) % GROUPS

    @classmethod
    def parse(cls, app: str, sort_key: str) -> AuthorizationKey:
        """Read a sort key as the due index gives it.

        Raises:
            BadRequest: it is of another kind.
        """
        match sort_key.split("#"):
            case ["pending", browser, nonce]:
                return cls(app, browser, nonce)
        raise BadRequest("this is no pending authorization's key")


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """One authorization under way. All times are Unix seconds.

    It is bound to app, provider, token endpoint, redirect URI, invite and browser; `invite_key` names the key that
    signed the invite's link. `for_account` is set if an
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
    invite_key: str = ""
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

    @property
    def may_give_way(self) -> bool:
        """Return whether a later one may take its place: no code of it is under way, and no answer is kept."""
        ended = self.state in (AuthorizationState.CANCELLED, AuthorizationState.FAILED)
        return self.consumed_at is None or (ended and self.sealed_answer is None)


def hashed(text: str) -> str:
    """Return the hash by which the table names a nonce, a browser's cookie, a code or an invite."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]
