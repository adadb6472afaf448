"""Answers that were kept aside: each is concluded once, and a token that came late still counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes.world import APP, NAME, World, killed
from tokensync.domain.connection import Status
from tokensync.domain.errors import NoAnswer, StoreUnavailable
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse
    from tokensync.domain.work import Work


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


def kept_aside(world: World) -> None:
    """Let the next answer find no place on its record, and the lease of its attempt end."""
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    world.run()
    world.after_lease()


def kept_in_a_message(world: World) -> Work:
    """Let the next answer find a place in the queue alone, and the lease of its attempt end."""

    def down() -> None:
        world.connections.fail_next("write", StoreUnavailable)
        world.connections.fail_next("set_aside", StoreUnavailable)

    world.failpoints.run_at("answered", down)
    world.run()
    (message,) = world.queue.drain()
    world.after_lease()
    return message


def test_a_throttled_answer_that_was_kept_postpones_once(world: World) -> None:
    """429 beside a table that is down: concluded once, and the token is presented again as it allows."""
    world.shop.script.append(lambda _honest: world.shop.answer({}, status=429))
    kept_aside(world)
    world.settle(ticks=20, every=300)

    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])


def test_an_unreadable_answer_that_was_kept_holds_once(world: World) -> None:
    """It is ambiguous as ever, and the last attempt is made when its time comes."""
    world.shop.script.append(lambda _honest: world.shop.answer(b"<html>"))
    kept_aside(world)
    world.settle(ticks=100, every=3600)

    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])


def test_a_refusal_that_was_kept_is_parked_once(world: World) -> None:
    """In an app large enough for a breaker the refusal counts when the window has closed, and not never."""
    for index in range(20):
        world.connected(ConnectionName(APP, f"seller-{index:02}"), refresh_token=f"F{index}")
    world.shop.alive.discard("R0")
    kept_aside(world)
    world.settle(ticks=20, every=300)

    assert Status.REAUTHORIZE is world.stored().status
    assert 1 == [alert.kind for alert in world.alerts.told].count("connection.reauthorize")


def test_an_answer_that_comes_after_the_last_attempt_still_counts(world: World) -> None:
    """Held, presented again by an operator and refused: then the message with the first answer arrives."""
    message = kept_in_a_message(world)
    world.run()
    world.on_demand.refresh(NAME, world.budget(), force=True)
    assert Status.REAUTHORIZE is world.stored().status
    world.worker.run(message, world.session(), world.budget())

    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])
    assert ["R0", "R0"] == world.shop.ledger
    assert world.stored().attempt is None


def test_an_answer_that_meets_a_holder_who_did_not_see_it_comes_again(world: World) -> None:
    """Its message arrives as another worker, who found none, concludes that there is none: it recovers all the same."""
    message = kept_in_a_message(world)
    met = []

    def arrives() -> None:
        met.append(world.worker.run(message, world.session(), world.budget()))

    aside = world.connections.aside

    def looked_for(name: ConnectionName, *, fence: int) -> bytes | None:
        found = aside(name, fence=fence)
        if not met:
            arrives()
        return found

    world.connections.aside = looked_for  # type: ignore[method-assign]
    world.run()
    assert (Status.HELD, True) == (world.stored().status, met[0].again)
    world.worker.run(message, world.session(), world.budget())

    assert (Status.ACTIVE, "A1", ["R0"]) == (world.stored().status, world.document()["access_token"], world.shop.ledger)


def test_a_late_answer_without_tokens_says_nothing_of_a_later_attempt(world: World) -> None:
    """The first attempt was throttled, the forced one's answer was lost: the late 429 allows no third."""
    world.shop.script.append(lambda _honest: world.shop.answer({}, status=429))
    message = kept_in_a_message(world)
    world.run()

    def dropped(honest: object) -> ProviderResponse:
        honest()  # type: ignore[operator]
        raise NoAnswer("lost")

    world.shop.script.append(dropped)  # type: ignore[arg-type]
    world.on_demand.refresh(NAME, world.budget(), force=True)
    world.worker.run(message, world.session(), world.budget())
    world.settle(ticks=50, every=86_400)

    assert (Status.HELD, "last_attempt_ambiguous") == (world.stored().status, world.stored().reason)
    assert ["R0"] == world.shop.ledger


def test_a_kept_answer_outlives_the_death_of_its_holder(world: World) -> None:
    """Whoever found it aside is killed after it had its place: the next holder publishes it."""
    kept_aside(world)
    world.failpoints.raise_at("published", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()
    world.run()

    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])
    assert ["R0"] == world.shop.ledger
