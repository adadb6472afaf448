"""A part of the long run: the whole of it is `python -m faults.soak`."""

from __future__ import annotations

import pytest

from faults.soak import soak
from faults.soaking.report import histories


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_shown_twice_or_stale(seed: int) -> None:
    """With one step in a hundred going wrong, all is well but for what no client can recover from, left out here."""
    fleet = soak(connections=30, weeks=1, seed=seed, rate=0.01, losses=False)

    assert [] == histories(fleet)
    assert not fleet.server.ledger.losses
    assert fleet.timeline.deaths > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_every_loss_ends_with_its_reason(seed: int) -> None:
    """An answer that reached no store holds its connection; refused, the seller is asked, and nobody else is."""
    fleet = soak(connections=30, weeks=1, seed=seed, rate=0.02, losses=True)

    assert [] == histories(fleet)
    assert fleet.server.ledger.losses


def test_the_same_seed_repeats_the_run() -> None:
    """What is found once is found again."""
    runs = [soak(connections=5, weeks=0.5, seed=3, rate=0.02, losses=True) for _ in range(2)]

    assert runs[0].chance.injected == runs[1].chance.injected
    assert runs[0].chance.steps == runs[1].chance.steps
