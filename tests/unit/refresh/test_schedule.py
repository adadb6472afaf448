from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokensync.domain.names import ConnectionName
from tokensync.domain.runtime import DAY, FLOOR, Cadence
from tokensync.refresh.schedule import (
    LAST_ATTEMPT_LEAD,
    RETRY_FIRST,
    RETRY_LONGEST,
    due_after_lease,
    jitter,
    last_attempt_at,
    renew_at,
    retry_at,
    scheduled,
    warn_at,
)

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection

NAME = ConnectionName("shop", "account-1")
QUICK = Cadence(tick=60, floor=0)


def test_jitter_is_always_the_same_for_one_connection() -> None:
    """A connection keeps its place in the crowd, so that a fleet does not gather at one second."""
    crowd = [jitter(ConnectionName("shop", str(number))) for number in range(500)]

    assert jitter(NAME) == jitter(ConnectionName("shop", "account-1"))
    assert all(0 <= fraction < 1 for fraction in crowd)
    assert 0.45 < sum(crowd) / len(crowd) < 0.55


def test_a_token_that_never_expires_is_not_renewed() -> None:
    """Without a life there is no time of renewal."""
    assert renew_at(NAME, now=1000, life=None, cadence=Cadence()) is None


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**9), st.integers(0, 2**31), st.text("abc123", min_size=1, max_size=5))
@example(1, 0, "a")
@example(900, 0, "a")
@example(7 * DAY, 1_700_000_000, "a")
def test_renewal_comes_between_the_bounds(life: int, now: int, account: str) -> None:
    """A renewal lies at 60 to 70 % of the life, or earlier for three tries, never before a tenth or the floor."""
    name = ConnectionName("shop", account)

    due = renew_at(name, now=now, life=life, cadence=Cadence(tick=60, floor=FLOOR))
    quick = renew_at(name, now=now, life=life, cadence=QUICK)

    assert due is not None
    assert quick is not None
    assert due >= now + FLOOR
    assert due == max(quick, now + FLOOR)
    assert now + max(life // 10, 1) <= quick <= now + max(int(0.7 * life), 1)
    if life >= 600:
        assert quick >= now + int(0.6 * life)
        assert now + life - quick >= 3 * 60


@pytest.mark.parametrize(("life", "due"), [(300, 1120), (200, 1020), (180, 1018), (60, 1006), (5, 1001), (1, 1001)])
def test_short_lives_leave_room_for_three_tries(life: int, due: int) -> None:
    """Of a life of minutes, three ticks are kept for tries, but a tenth of the life always passes first."""
    assert due == renew_at(NAME, now=1000, life=life, cadence=QUICK)


@pytest.mark.parametrize(("fraction", "share"), [(0.0, 0.75), (0.5, 1.0), (0.999, 1.2495)])
def test_retries_double_from_half_a_minute(fraction: float, share: float) -> None:
    """The first wait is half a minute, give or take a quarter, and each further one is twice as long."""
    waits = [retry_at(now=0, failures=failures, retry_after=None, fraction=fraction) for failures in range(4)]

    assert waits == [int(RETRY_FIRST * 2**failures * share) for failures in range(4)]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.one_of(st.none(), st.integers(0, 3600)), st.floats(0, 1, exclude_max=True))
def test_a_retry_is_neither_hot_nor_beyond_an_hour_and_a_quarter(
    failures: int, retry_after: int | None, fraction: float
) -> None:
    """However often it failed, a retry waits at least 22 seconds and what was asked for, and at most 75 minutes."""
    at = retry_at(now=1000, failures=failures, retry_after=retry_after, fraction=fraction)

    assert 1000 + max(22, retry_after or 0) <= at <= 1000 + RETRY_LONGEST * 5 // 4


@pytest.mark.parametrize(
    ("expires_at", "obtained_at", "expected"),
    [
        (11_000, 1_000, 11_000 - LAST_ATTEMPT_LEAD),
        (2_400, 2_000, 2_300),
        (2_001, 2_000, 2_000),
        (1_999, 0, 2_000),
        (None, 0, 2_000),
        (12_000, None, 12_000 - LAST_ATTEMPT_LEAD),
    ],
)
def test_the_last_attempt_comes_shortly_before_the_end(
    expires_at: int | None, obtained_at: int | None, expected: int
) -> None:
    """It lies half an hour, or a quarter of a shorter life, before the access token's end, and never in the past."""
    assert last_attempt_at(now=2_000, access_expires_at=expires_at, obtained_at=obtained_at) == expected


@pytest.mark.parametrize(
    ("days_left", "warned_before"),
    [(365, 30), (30.5, 30), (30, 14), (14.1, 14), (14, 7), (7, 1), (1.5, 1), (1, None), (0.5, None), (-3, None)],
)
def test_warnings_come_thirty_fourteen_seven_and_one_days_before(days_left: float, warned_before: int | None) -> None:
    """The next warning is the earliest one that is still ahead; after the last there is none, nor without an end."""
    assert warn_at(now=1000, refresh_expires_at=None) is None
    ends = 10**9 + int(days_left * DAY)

    expected = None if warned_before is None else ends - warned_before * DAY
    assert warn_at(now=10**9, refresh_expires_at=ends) == expected


@pytest.mark.parametrize(
    ("renew", "warn", "compare", "earliest"),
    [(30, 20, 10, 10), (30, 20, None, 20), (30, None, None, 30), (None, None, None, None), (0, 1, None, 0)],
)
def test_a_record_is_due_at_its_earliest_time(
    record: Connection, renew: int | None, warn: int | None, compare: int | None, earliest: int | None
) -> None:
    """Both due times are the earliest of renewal, warning and comparison; with none of them it leaves the index."""
    due = scheduled(record.with_due(renew_at=renew, warn_at=warn, compare_at=compare, refresh_at=5, next_at=5))

    assert (due.due.refresh_at, due.due.next_at) == (earliest, earliest)


@pytest.mark.parametrize(
    ("lease_until", "refresh_at", "next_at", "due"),
    [
        (60, None, None, (61, 61)),
        (60, 500, 500, (61, 61)),
        (60, 5, 720, (5, 720)),  # the schedule's own: the tick has claimed it
        (60, None, 30, (61, 30)),
        (None, 500, 500, (500, 500)),
    ],
)
def test_what_a_dead_holder_leaves_is_due_when_its_lease_ends(
    record: Connection,
    lease_until: int | None,
    refresh_at: int | None,
    next_at: int | None,
    due: tuple[int | None, int | None],
) -> None:
    """An operator's lease needs nothing due; what is due anyway stays as it was."""
    held = due_after_lease(replace(record.with_due(refresh_at=refresh_at, next_at=next_at), lease_until=lease_until))

    assert due == (held.due.refresh_at, held.due.next_at)
