"""The real use cases keep every promise, whatever happens to connections in whatever order.

A part of what `python -m model` tries; the same lives each time.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

from model.lives import FIRST_LIVES, LIVES, play
from model.machine import SETTINGS, Refreshing


@pytest.mark.parametrize("life", [*LIVES, *FIRST_LIVES])
def test_a_known_life_ends_well(life: str) -> None:
    """What once went wrong, or would without a guard, goes well in every reuse class."""
    play(life)


TestPromises = Refreshing.TestCase
TestPromises.settings = settings(SETTINGS, max_examples=30, stateful_step_count=20)
