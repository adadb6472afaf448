"""What a new grant of an account keeps of the one before it: the one rule for refreshes, consents and imports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Reason, Status
from tokensync.domain.grant import Grant
from tokensync.oauth.issued import ASSUMED_LIFE
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.messages import Issued
    from tokensync.oauth.provider import Provider

_SAME_END = 60  # seconds: an end that moved by less is the same, counted from another response
IMPORTED, AUTHORIZED, REFRESHED = "connection.imported", "connection.authorized", "token.refreshed"
_BRING_TOKENS = frozenset({IMPORTED, AUTHORIZED, REFRESHED})


def merged(old: Grant, new: Grant, *, says_scopes: bool) -> Grant:
    """Return a new grant of the same account, with the old one's where the new is silent: the one rule for it.

    A refresh, a second consent and an import all come through here. RFC 6749 §6: a new refresh token may come; where
    none does, the stored one is still the only credential. §5.1: a scope may be left out; with `says_scopes` it was
    said. A response says nothing of the facts that it does not mention.
    """
    refresh_token = new.refresh_token or old.refresh_token
    ends = new.access_expires_at
    if ends is None and refresh_token is not None and new.access_token:
        # One that can be refreshed and states no life gets the assumed one: otherwise it never would be.
        ends = new.obtained_at + ASSUMED_LIFE
    return replace(
        new,
        refresh_token=refresh_token,
        scopes=new.scopes if says_scopes else old.scopes,
        access_expires_at=ends,
        refresh_expires_at=new.refresh_expires_at or old.refresh_expires_at,
        label=new.label or old.label,
        account={**old.account, **new.account},
        params={**old.params, **new.params},
        brought={**old.brought, **new.brought},
        second=new.second or old.second,
    )


def refreshed(old: Grant, issued: Issued, *, now: int) -> Grant:
    """Return the grant after a refresh."""
    if issued.access_token is None:
        raise ValueError("an answer without a usable access token is never merged")
    account = issued.account
    new = Grant(
        account_id=old.account_id,
        # The operator's label from the invite is kept; the provider's own name for the account is among the facts.
        label=old.label or (account.label if account else ""),
        access_token=issued.access_token,
        refresh_token=issued.refresh_token,
        token_type=issued.token_type,
        scopes=issued.scopes or (),
        obtained_at=now,
        access_expires_at=issued.access_expires_at,
        refresh_expires_at=issued.refresh_expires_at,
        account=account.facts if account else {},
        client_id=old.client_id,
        client_secret=old.client_secret,
    )
    return merged(old, new, says_scopes=issued.scopes is not None)


def extended(before: Grant, after: Grant) -> Grant:
    """Return the grant after its access token extended itself.

    Where its end did not move, that is the end of the authorization: no renewal puts it off. Where nothing is said of
    an end, it has the life of the token before it from now on: one that ends is never taken for one that does not. The
    short-lived token of a consent says nothing of the one that it is exchanged for.
    """
    was, ends = before.access_expires_at, after.access_expires_at
    if ends is None and was is not None and not before.to_be_upgraded:
        after = replace(after, access_expires_at=after.obtained_at + was - before.obtained_at)
        ends = after.access_expires_at
    moved = ends is None or was is None or ends > was + _SAME_END
    return replace(after, refresh_expires_at=None if moved else ends)


def life_of(grant: Grant, issued: Issued) -> int | None:
    """Return the access token's life; where the response states none, the one that the grant was given."""
    if issued.life is not None or grant.access_expires_at is None:
        return issued.life
    return grant.access_expires_at - grant.obtained_at


def last_life(record: Connection, grant: Grant) -> int | None:
    """Return the seconds that the present access token was given, None where a new one is not held against it.

    An imported token had run for a while, and one that is no refresh token's may be another kind of token.
    """
    if grant.refresh_token is None or record.obtained_at is None or record.access_expires_at is None:
        return None
    came_by = next((entry.event for entry in reversed(record.history) if entry.event in _BRING_TOKENS), "")
    return None if came_by == IMPORTED else record.access_expires_at - record.obtained_at


def carries_over(record: Connection, provider: Provider) -> bool:
    """Return whether the refresh token of a record's grant may still live, so that a new grant without one keeps it.

    It is over where the account or an operator ended the authorization, where the provider refused it or gave another
    account's tokens for it. One from a backup may be spent, and is presented where that does no harm alone.
    """
    if record.sealed_grant is None or record.removed_at is not None or record.authorized.deauthorized_at is not None:
        return False
    match record.status:
        case Status.DISCONNECTED:
            return False
        case Status.HELD | Status.REAUTHORIZE:
            # One that was refused and whose access token ended while that was weighed says `ended`.
            return record.parked_at is None and record.reason not in (Reason.REFUSED, Reason.OTHER_ACCOUNT)
        case Status.QUARANTINED:
            return record.reason != Reason.RESTORED_TABLE or provider.refresh_reuse is RefreshReuse.SAFE
        case _:
            return True


def is_overtaken(record: Connection, *, obtained_at: int) -> bool:
    """Return whether tokens of `obtained_at` are history: the connection has newer ones, or its account ended it since.

    A connection that waits for its seller has nothing to lose by older ones.
    """
    if record.status is Status.REAUTHORIZE:
        return False
    if record.removed_at is not None:
        return record.removed_at >= obtained_at
    if record.status is Status.DISCONNECTED:
        ends = (entry.at for entry in record.history if entry.event == f"connection.{record.reason}")
        return max(ends, default=obtained_at) >= obtained_at
    return (record.obtained_at or 0) > obtained_at
