"""When work is due. Pure arithmetic over Unix seconds; jitter comes from the connection's own name."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tokensync.domain.connection import Reason, Status
from tokensync.domain.runtime import DAY, FLOOR, FLOOR_OF_SHORT_LIVES, Cadence

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.names import ConnectionName

# Days before the refresh token's own end at which an operator is warned.
WARNING_DAYS = (30, 14, 7, 1)
# A full secret takes no version before an older one is a day old.
QUOTA_RECHECK = 3600
# Seconds between looks at an app that is paused.
PAUSED_RECHECK = 600
RETRY_FIRST = 30
RETRY_LONGEST = 3600
# For so long a message that was queued is waited for. A worker that dies keeps its lease for its function's 60 seconds
# and 5 more: before that nobody could go on. The longest is the production stack's own claim period.
CLAIM_SHORTEST, CLAIM_LONGEST = 65, 720
# The way of a message: the queue, a cold start, the provider's ten seconds, and storing.
PRESENTATION = 30
# Its last attempt leaves room for two messages that are lost in a row: each costs a claim of a third of it.
LAST_ATTEMPT_LEAD = 1800


def is_due(at: int | None, now: int) -> bool:
    """Return whether a due time has come; None means never."""
    return at is not None and at <= now


def jitter(name: ConnectionName) -> float:
    """Return a number from 0 up to but not including 1 that is always the same for one connection."""
    digest = hashlib.sha256(str(name).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def reserve(cadence: Cadence) -> int:
    """Return the seconds in which a refresh that became due is made although its first message was lost.

    A tick finds it, its message is lost or its worker dies, the claim passes, the next tick finds it again, and it is
    presented.
    """
    return 2 * cadence.tick + CLAIM_SHORTEST + PRESENTATION


def floor_of(life: int, cadence: Cadence) -> int:
    """Return the seconds that pass at least before a token with such a life is refreshed."""
    is_short = life - FLOOR < reserve(cadence)
    return min(cadence.floor, FLOOR_OF_SHORT_LIVES) if is_short else cadence.floor


def outlives_a_loss(life: int | None, cadence: Cadence) -> bool:
    """Return whether a token with such a life is refreshed in time although one message is lost or one worker dies."""
    return life is None or life - floor_of(life, cadence) >= reserve(cadence)


def renew_at(name: ConnectionName, *, now: int, life: int | None, cadence: Cadence, opens_at: int = 0) -> int | None:
    """Return when to refresh a token that has `life` seconds left: at 60 to 70 % of it, early enough for one loss.

    Never sooner than the cadence's floor, nor than `opens_at`, before which the provider takes no renewal, even where
    the token ends before. None where the token never expires.
    """
    if life is None:
        return None
    share = int(life * (0.6 + 0.1 * jitter(name)))
    # Half of a life of minutes passes at least: refreshing at once would never end.
    early = life - min(reserve(cadence), life // 2)
    return max(now + max(min(share, early), floor_of(life, cadence), 1), opens_at)


def verify_at(name: ConnectionName, *, now: int, cadence: Cadence) -> int:
    """Return when to verify a token that never expires: daily, spread over the last tenth of the day."""
    return now + int(cadence.verify * (0.9 + 0.1 * jitter(name)))


def retry_at(*, now: int, failures: int, retry_after: int | None, fraction: float, ends_at: int | None = None) -> int:
    """Return when to try again after `failures` in a row: doubling from half a minute to an hour, with jitter.

    A wait takes at most half of what an access token that ends at `ends_at` has left, so that the last tries come
    shortly before its end. What the provider asked for is kept in any case.
    """
    wait = min(RETRY_FIRST * 2 ** min(failures, 10), RETRY_LONGEST)
    wait = int(wait * (0.75 + 0.5 * fraction))
    if ends_at is not None and ends_at > now:
        wait = min(wait, max((ends_at - now) // 2, RETRY_FIRST))
    return now + max(wait, retry_after or 0)


def last_attempt_at(*, now: int, access_expires_at: int | None, obtained_at: int | None) -> int:
    """Return when a held connection makes its one last attempt: shortly before its access token ends."""
    if access_expires_at is None:
        return now
    life = access_expires_at - (obtained_at if obtained_at is not None else now)
    lead = max(life // 4, min(reserve(Cadence()), life // 2), 1)
    return max(now, access_expires_at - min(LAST_ATTEMPT_LEAD, lead))


def warn_at(*, now: int, refresh_expires_at: int | None) -> int | None:
    """Return when the next warning about the refresh token's end is due, None when none is left."""
    if refresh_expires_at is None:
        return None
    times = (refresh_expires_at - days * DAY for days in WARNING_DAYS)
    return min((at for at in times if at > now), default=None)


def ends_at(record: Connection) -> int | None:
    """Return when a connection's access token ends, where something is to be said of that; else None.

    Nothing is where workloads know it already, where a consumer refreshes it, or where there is no token yet. Where the
    schedule itself comes later than the end, the floor forbids more writes, and nothing went wrong, unless the whole
    authorization is over by then: nothing follows.
    """
    if record.status not in (Status.ACTIVE, Status.HELD) or record.consumer.handed_over_at is not None:
        return None
    if record.obtained_at is None:  # imported, and its refresh token never brought one: nothing is left to wait for
        return 0 if record.status is Status.HELD and record.due.renew_at is None else None
    if record.access_expires_at is None or record.removed_at is not None:
        return None
    by_floor = record.obtained_at + FLOOR_OF_SHORT_LIVES
    follows = record.refresh_expires_at is None or record.refresh_expires_at > record.access_expires_at
    if record.due.renew_at == by_floor > record.access_expires_at and follows and not record.failures:
        return None
    return record.access_expires_at


def has_ended(record: Connection) -> bool:
    """Return whether workloads know that the access token ended before it was renewed."""
    return record.status is Status.REAUTHORIZE and record.reason == Reason.ENDED


def is_renewed(record: Connection) -> bool:
    """Return whether a connection's refresh token is presented by itself, where anything is due of it."""
    return record.status in (Status.ACTIVE, Status.HELD) or has_ended(record)


def due_after_lease(record: Connection) -> Connection:
    """Return a leased record due when its lease ends, where it is not due before.

    An operator's lease needs nothing due: without that nobody would go on with what a dead holder left.
    """
    if record.lease_until is None:
        return record
    at = record.lease_until + 1
    if record.due.refresh_at is not None and record.due.refresh_at <= at:
        return record
    return due_at(record, at, next_at=at if record.due.next_at is None else min(record.due.next_at, at))


def due_at(record: Connection, at: int | None, *, next_at: int | None = None) -> Connection:
    """Return the record due at this time, with the claim that it can afford then; queued at `next_at` if that is given.

    A third of what is left of the access token: the claim may pass once in vain, and a tick before and after it.
    """
    ends, claim = ends_at(record), None
    if at is not None and ends is not None:
        claim = max(CLAIM_SHORTEST, min((ends - at) // 3, CLAIM_LONGEST))
    return record.with_due(
        refresh_at=at, next_at=at if next_at is None else next_at, claim=None if claim == CLAIM_LONGEST else claim
    )


def scheduled(record: Connection) -> Connection:
    """Return the record with `refresh_at` and `next_at` at the earliest time at which anything is to be done.

    While its secret could not be written, nothing is due that would present a token to the provider.
    """
    waits = record.unpublished and record.due.compare_at is not None
    presents = () if waits else (record.due.renew_at, record.due.verify_at)
    times = (
        *presents,
        ends_at(record),
        record.due.warn_at,
        record.due.compare_at,
        record.due.push_at,
        record.authorized.deauthorized_at,
    )
    return due_at(record, min((at for at in times if at is not None), default=None))
