"""The tick: what it queues and claims, and what it leaves to the next one."""

from __future__ import annotations

from typing import Any

from fakes.world import APP, NAME, World
from tokensync.domain.work import DueKey, Work


def test_the_tick_queues_what_is_due_and_claims_it(world: World) -> None:
    """What is due is queued once; a second tick within the claim period finds nothing."""
    first = world.ticker.tick(world.budget())
    second = world.ticker.tick(world.budget())

    assert ((1, 1), (0, 0)) == ((first.due, first.queued), (second.due, second.queued))
    assert [Work(connection=NAME)] == world.queue.works
    assert world.clock.now() + 720 == world.stored().due.next_at


def test_a_lost_message_heals_itself(world: World) -> None:
    """A message that vanished is queued again when its claim has passed."""
    world.ticker.tick(world.budget())
    world.queue.drain()
    world.clock.advance(721)

    assert 1 == world.ticker.tick(world.budget()).queued


def test_a_message_that_the_queue_refuses_comes_with_a_later_tick(world: World) -> None:
    """What was claimed and not accepted is not lost."""
    world.queue.refuse = lambda _work: True
    assert 0 == world.ticker.tick(world.budget()).queued
    world.queue.refuse = lambda _work: False
    world.clock.advance(721)

    assert 1 == world.ticker.tick(world.budget()).queued


def test_the_tick_stops_before_its_function_ends() -> None:
    """A tick that has little life left queues what it claimed and leaves the rest to the next."""
    world = World(seconds=4)
    world.fleet(3)

    assert [1, 1, 1, 0] == [world.ticker.tick(world.budget()).due for _ in range(4)]


def test_a_slow_table_leaves_nothing_claimed_that_is_not_queued() -> None:
    """Claims of a second each, 250 due, a life of a minute: all that it claims by then is queued, the rest is due."""
    world = World(seconds=60)
    world.fleet(250)
    claim = world.connections.claim

    def slowly(key: DueKey, **how: Any) -> bool:
        world.clock.advance(1)
        return claim(key, **how)

    world.connections.claim = slowly  # type: ignore[method-assign]
    ticked = world.ticker.tick(world.budget())

    assert (56, 56, 56) == (ticked.due, ticked.queued, len(world.queue.works))
    world.connections.claim = claim  # type: ignore[method-assign]
    assert 194 == world.ticker.tick(world.budget()).due


def test_a_due_record_of_a_later_version_is_left_alone(world: World) -> None:
    """A kind of record that this version does not know is logged and neither claimed nor queued."""
    keys = [DueKey(f"app#{APP}", "verification#x", 0)]
    world.connections.due = lambda *, now: iter(keys if now else [])  # type: ignore[method-assign]

    assert 0 == world.ticker.tick(world.budget()).queued
    assert "work.unknown" in world.log.events()
