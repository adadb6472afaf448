"""When work is due. Pure arithmetic over Unix seconds; jitter comes from the connection's own name."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tokensync.domain.runtime import DAY

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.runtime import Cadence

# Days before the refresh token's own end at which an operator is warned.
WARNING_DAYS = (30, 14, 7, 1)
# A full secret takes no version before an older one is a day old.
QUOTA_RECHECK = 3600
# Seconds between looks at an app that is paused.
PAUSED_RECHECK = 600
# Three tries of a minute each must fit before the access token's end.
TRIES = 3
RETRY_FIRST = 30
RETRY_LONGEST = 3600
# A message that is lost comes again after a claim of 12 minutes, one that failed after 6: both must fit, and once more.
LAST_ATTEMPT_LEAD = 1800


def is_due(at: int | None, now: int) -> bool:
    """Return whether a due time has come; None means never."""
    return at is not None and at <= now


def jitter(name: ConnectionName) -> float:
    """Return a number from 0 up to but not including 1 that is always the same for one connection."""
    digest = hashlib.sha256(str(name).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def renew_at(name: ConnectionName, *, now: int, life: int | None, cadence: Cadence, opens_at: int = 0) -> int | None:
    """Return when to refresh a token that has `life` seconds left: at 60 to 70 % of it, early enough for three tries.

    Never sooner than the cadence's floor, nor than `opens_at`, before which the provider takes no renewal, even where
    the token ends before. None where the token never expires.
    """
    if life is None:
        return None
    share = int(life * (0.6 + 0.1 * jitter(name)))
    early = life - TRIES * cadence.tick
    # A tenth of the life is kept even where three tries do not fit: refreshing at once would never end.
    wait = max(min(share, early), life // 10, 1)
    return max(now + max(wait, cadence.floor), opens_at)


def verify_at(name: ConnectionName, *, now: int, cadence: Cadence) -> int:
    """Return when to verify a token that never expires: daily, spread over the last tenth of the day."""
    return now + int(cadence.verify * (0.9 + 0.1 * jitter(name)))


def retry_at(*, now: int, failures: int, retry_after: int | None, fraction: float) -> int:
    """Return when to try again after `failures` in a row: doubling from half a minute to an hour, with jitter."""
    wait = min(RETRY_FIRST * 2 ** min(failures, 10), RETRY_LONGEST)
    wait = int(wait * (0.75 + 0.5 * fraction))
    return now + max(wait, retry_after or 0)


def last_attempt_at(*, now: int, access_expires_at: int | None, obtained_at: int | None) -> int:
    """Return when a held connection makes its one last attempt: shortly before its access token ends."""
    if access_expires_at is None:
        return now
    life = access_expires_at - (obtained_at if obtained_at is not None else now)
    return max(now, access_expires_at - min(LAST_ATTEMPT_LEAD, max(life // 4, 1)))


def warn_at(*, now: int, refresh_expires_at: int | None) -> int | None:
    """Return when the next warning about the refresh token's end is due, None when none is left."""
    if refresh_expires_at is None:
        return None
    times = (refresh_expires_at - days * DAY for days in WARNING_DAYS)
    return min((at for at in times if at > now), default=None)


def due_after_lease(record: Connection) -> Connection:
    """Return a leased record due when its lease ends, where it is not due before.

    An operator's lease needs nothing due: without that nobody would go on with what a dead holder left.
    """
    if record.lease_until is None:
        return record
    at = record.lease_until + 1
    if record.due.refresh_at is not None and record.due.refresh_at <= at:
        return record
    return record.with_due(refresh_at=at, next_at=at if record.due.next_at is None else min(record.due.next_at, at))


def scheduled(record: Connection) -> Connection:
    """Return the record with `refresh_at` and `next_at` at the earliest time at which anything is to be done.

    While its secret could not be written, nothing is due that would present a token to the provider.
    """
    waits = record.unpublished and record.due.compare_at is not None
    presents = () if waits else (record.due.renew_at, record.due.verify_at)
    times = (
        *presents,
        record.due.warn_at,
        record.due.compare_at,
        record.due.push_at,
        record.authorized.deauthorized_at,
    )
    earliest = min((at for at in times if at is not None), default=None)
    return record.with_due(refresh_at=earliest, next_at=earliest)
