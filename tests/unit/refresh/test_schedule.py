from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakes.records import changed
from field_rows import field
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName
from tokensync.domain.runtime import DAY, FLOOR, FLOOR_OF_SHORT_LIVES, Cadence
from tokensync.refresh.schedule import (
    LAST_ATTEMPT_LEAD,
    RETRY_FIRST,
    RETRY_LONGEST,
    due_after_lease,
    due_at,
    floor_of,
    jitter,
    last_attempt_at,
    outlives_a_loss,
    renew_at,
    reserve,
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
    """A renewal lies at 60 to 70 % of the life, or earlier for one loss, never before half of it or the floor."""
    name = ConnectionName("shop", account)

    due = renew_at(name, now=now, life=life, cadence=Cadence(tick=60, floor=FLOOR))
    quick = renew_at(name, now=now, life=life, cadence=QUICK)

    assert due is not None
    assert quick is not None
    floor = floor_of(life, Cadence())
    assert floor in (FLOOR, FLOOR_OF_SHORT_LIVES)
    assert due == max(quick, now + floor)
    assert now + max(life // 2, 1) <= quick <= now + max(int(0.7 * life), 1)
    if life >= 2 * reserve(QUICK):
        assert now + life - quick >= reserve(QUICK)
    if outlives_a_loss(life, Cadence()):
        assert now + life - due >= reserve(QUICK)


@pytest.mark.parametrize(("life", "due"), [(600, 1385), (300, 1150), (180, 1090), (5, 1003), (1, 1001)])
def test_a_short_life_keeps_in_reserve_what_a_lost_message_takes(life: int, due: int) -> None:
    """Three and a half minutes, and of a life of minutes the half: refreshing at once would never end."""
    assert due == renew_at(NAME, now=1000, life=life, cadence=QUICK)


@field("A18")
@pytest.mark.parametrize(
    ("life", "floor", "outlives"),
    [(300, 600, False), (814, 600, False), (815, 600, True), (900, 600, True), (1114, 600, True), (1115, 900, True)],
)
def test_a_token_of_fifteen_minutes_may_be_written_every_ten(life: int, floor: int, *, outlives: bool) -> None:
    """The floor gives way where a lost message would end the token otherwise, as far as AWS advises, and no further."""
    assert (floor, outlives) == (floor_of(life, Cadence()), outlives_a_loss(life, Cadence()))
    assert 0 == floor_of(life, QUICK)


@field("A18")
@pytest.mark.parametrize(
    ("ends", "at", "claim"),
    [(7200, 5040, None), (3600, 2520, 360), (2400, 1680, 240), (900, 600, 100), (900, 800, 65), (900, 900, 65)],
)
def test_what_is_due_is_claimed_for_a_third_of_what_is_left(
    record: Connection, ends: int, at: int, claim: int | None
) -> None:
    """Never for less than a dead worker's lease, nor for longer than the tick's own period."""
    alive = replace(record, obtained_at=0, access_expires_at=ends)

    assert claim == due_at(alive, at).due.claim
    assert None is due_at(replace(alive, access_expires_at=None), at).due.claim
    assert None is due_at(replace(alive, status=Status.REAUTHORIZE), at).due.claim


@field("A6", "A18")
@pytest.mark.parametrize(
    ("change", "due"),
    [
        ({}, 5000),
        ({"status": Status.HELD}, 5000),
        ({"renew_at": 4000}, 4000),
        ({"renew_at": 6000}, 5000),
        ({"unpublished": "unavailable", "compare_at": 9000}, 5000),
        ({"status": Status.REAUTHORIZE, "reason": "ended"}, None),
        ({"status": Status.REAUTHORIZE, "reason": "ended", "renew_at": 6000}, 6000),
        ({"status": Status.ORPHANED}, None),
        ({"status": Status.QUARANTINED}, None),
        ({"status": Status.DISCONNECTED}, None),
        ({"handed_over_at": 1}, None),
        ({"obtained_at": None}, None),
        ({"access_expires_at": None}, None),
        ({"access_expires_at": 500, "renew_at": 600}, 600),
        ({"access_expires_at": 500, "renew_at": 600, "failures": 1}, 500),
        ({"access_expires_at": 500, "renew_at": 700}, 500),
    ],
)
def test_the_end_of_an_access_token_is_a_due_time(record: Connection, change: dict[str, Any], due: int | None) -> None:
    """Where workloads have to learn it from us, and the floor is not what the schedule waits for."""
    alive = replace(record, obtained_at=0, access_expires_at=5000)

    assert due == scheduled(changed(alive, **change)).due.refresh_at


@field("A6", "A18")
@pytest.mark.parametrize(
    ("left", "retry_after", "wait"),
    [(7200, None, 3600), (1800, None, 900), (100, None, 50), (10, None, 30), (100, 600, 600)],
)
def test_the_last_retries_come_shortly_before_the_end(left: int, retry_after: int | None, wait: int) -> None:
    """A wait takes half of what is left at most, unless the provider asked for more."""
    at = retry_at(now=1000, failures=9, retry_after=retry_after, fraction=0.5, ends_at=1000 + left)

    assert 1000 + wait == at
    assert 1000 + 3600 == retry_at(now=1000, failures=9, retry_after=None, fraction=0.5, ends_at=999)


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
        (2_400, 2_000, 2_200),
        (2_900, 2_000, 2_675),
        (6_000, 2_000, 5_000),
        (2_001, 2_000, 2_000),
        (1_999, 0, 2_000),
        (None, 0, 2_000),
        (12_000, None, 12_000 - LAST_ATTEMPT_LEAD),
    ],
)
def test_the_last_attempt_comes_shortly_before_the_end(
    expires_at: int | None, obtained_at: int | None, expected: int
) -> None:
    """It lies half an hour, a quarter of a shorter life, or what a lost message takes before the access token's end."""
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
    due = scheduled(
        replace(record, access_expires_at=None).with_due(
            renew_at=renew, warn_at=warn, compare_at=compare, refresh_at=5, next_at=5
        )
    )

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
