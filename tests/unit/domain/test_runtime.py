"""The time that is left of a function's life, judged in one place."""

from __future__ import annotations

import pytest

from fakes import FakeClock
from tokensync.domain.runtime import Budget, Limits

LIMITS = Limits(provider=10, storing=5, lease_margin=7)


@pytest.mark.parametrize(("seconds", "allowed"), [(15, True), (14.9, False), (0, False), (-1, False)])
@pytest.mark.parametrize("passed", [0, 2])
def test_a_request_and_the_storing_of_its_response_must_fit(seconds: float, passed: int, *, allowed: bool) -> None:
    """Exactly enough of what is left is enough."""
    clock = FakeClock()
    budget = Budget(clock, seconds + passed)
    clock.advance(passed)

    assert budget.allows(LIMITS.presentation) is allowed


@pytest.mark.parametrize(("seconds", "lasts"), [(60, 67), (59.2, 67), (0, 7)])
def test_a_lease_outlives_its_process(seconds: float, lasts: int) -> None:
    """It runs for what is left, rounded up, and the margin."""
    clock = FakeClock()

    assert clock.now() + lasts == Budget(clock, seconds).lease_until(LIMITS)


def test_time_that_is_left_is_judged_by_the_budget_alone() -> None:
    """A number of seconds would let each caller set a limit of its own."""
    assert {name for name in vars(Budget) if not name.startswith("_")} == {"allows", "lease_until"}
