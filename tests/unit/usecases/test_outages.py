"""While AWS withholds something, a connection waits for minutes; while its own app is at fault, for ever longer."""

from __future__ import annotations

import pytest

from tokensync.errors import UnknownApp
from world import World


def failing(world: World, *, times: int) -> int:
    """Look after the connection so many times in vain, each when it is due; return the last wait in seconds."""
    wait = 0
    for _ in range(times):
        world.look_after()
        due = world.stored().next_at
        assert due is not None
        wait = due - world.clock.now()
        world.clock.advance(wait)
    return wait


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


def test_a_key_service_that_fails_for_hours_is_asked_every_few_minutes(world: World) -> None:
    """However long it lasted, the connection is looked after within five minutes of its end."""
    world.keys.enabled = False

    assert 180 <= failing(world, times=12) <= 300
    assert [] == world.shop.ledger


def test_an_app_that_is_gone_is_asked_for_ever_more_rarely(world: World) -> None:
    """Nobody but an operator ends that: the wait grows to an hour."""

    def gone(name: str, **_how: bool) -> None:
        raise UnknownApp(name)

    world.apps.get = gone  # type: ignore[method-assign, assignment]

    assert 2700 <= failing(world, times=12) <= 4500
