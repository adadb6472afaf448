"""The time that is left of a function's life, judged in one place."""

from __future__ import annotations

import pytest

from fakes import FakeClock
from tokensync.domain.runtime import Budget, Limits

LIMITS = Limits(provider=10, storing=5, lease_margin=7)


@pytest.mark.parametrize(("seconds", "allowed"), [(15, True), (14.9, False), (0, False), (-1, False)])
def test_a_request_and_the_storing_of_its_response_must_fit(seconds: float, *, allowed: bool) -> None:
    """Exactly enough is enough."""
    assert Budget(FakeClock(), seconds).allows(LIMITS) is allowed


def test_time_passes() -> None:
    """What fitted a moment ago may not fit now."""
    clock = FakeClock()
    budget = Budget(clock, 16)
    clock.advance(2)

    assert not budget.allows(LIMITS)


@pytest.mark.parametrize(("seconds", "lasts"), [(60, 67), (59.2, 67), (0, 7)])
def test_a_lease_outlives_its_process(seconds: float, lasts: int) -> None:
    """It runs for what is left, rounded up, and the margin."""
    clock = FakeClock()

    assert clock.now() + lasts == Budget(clock, seconds).lease_until(LIMITS)
