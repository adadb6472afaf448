"""The mark before a presentation, where the table's answer to it is lost."""

from __future__ import annotations

import pytest

from fakes.world import World
from tokensync.domain.connection import Phase, Status
from tokensync.domain.errors import StoreUnavailable
from tokensync.refresh.result import Result


def test_a_mark_that_nobody_acknowledged_is_taken_back() -> None:
    """Nothing was presented under it, so the next worker refreshes, and holds nothing."""
    world = World()
    world.connected()
    world.connections.fail_next("write", StoreUnavailable, after_commit=True)
    with pytest.raises(StoreUnavailable):
        world.run()
    assert [] == world.shop.ledger
    assert (Phase.IDLE, None, None) == (world.stored().phase, world.stored().attempt, world.stored().lease_until)

    assert Result.REFRESHED == world.run().result
    assert ["R0"] == world.shop.ledger


def test_a_mark_that_cannot_be_taken_back_stands() -> None:
    """The table down for longer leaves the mark, and nobody but its process knew that nothing was presented."""
    world = World()
    world.connected()
    world.connections.fail_next("write", StoreUnavailable, after_commit=True)
    world.connections.fail_next("write", StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        world.run()
    world.after_lease()
    world.run()

    assert (Status.HELD, "ambiguous") == (world.stored().status, world.stored().reason)
    assert [] == world.shop.ledger
