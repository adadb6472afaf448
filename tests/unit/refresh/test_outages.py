"""While AWS withholds something, a connection waits for minutes; while its own app is at fault, for ever longer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.cart import HOST, KEY, ScriptedCart
from fakes.world import APP, NAME, World
from fault_rows import fault
from tokensync.domain.connection import Connection, Status
from tokensync.domain.errors import PublishUnavailable, SealingUnavailable, StoreUnavailable, UnknownApp
from tokensync.domain.secret import Secret
from tokensync.domain.work import Work
from tokensync.operate.summary import condition
from tokensync.refresh.result import Result


def failing(world: World, *, times: int) -> int:
    """Look after the connection so many times in vain, each when it is due; return the last wait in seconds."""
    wait = 0
    for _ in range(times):
        world.run()
        due = world.stored().due.next_at
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


def ask(world: World, command: str, **more: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    return world.commands.answer({"tokensync": command, "connection": str(NAME), **more}, world.budget())


def word(record: Connection) -> str | None:
    """Return why a connection is not simply active, in a word."""
    told = condition(record)
    return None if told is None else told.word


def overdue(world: World) -> Work:
    """Let a connection's seller be asked to come back while its answer waits in a message; return that."""

    def down() -> None:
        world.connections.fail_next("write", StoreUnavailable)
        world.connections.fail_next("set_aside", StoreUnavailable)

    world.failpoints.run_at("answered", down)
    world.run()
    (message,) = world.queue.drain()
    world.after_lease()
    world.run()
    world.clock.advance((world.stored().due.next_at or 0) - world.clock.now() + 1)
    world.run()
    return message


@fault("F6", "F8")
def test_an_answer_whose_message_came_in_an_outage_is_published_after_it(world: World) -> None:
    """Nothing is due of its connection, and its message is gone: the record asks for it."""
    message = overdue(world)
    assert (Status.REAUTHORIZE, None) == (world.stored().status, world.stored().due.next_at)
    world.keys.enabled = False
    world.batches.run({"1": message.to_json()}, world.budget())
    world.settle(ticks=30)
    world.keys.enabled = True
    world.settle(ticks=10)

    assert (Status.ACTIVE, "active", "A1") == (
        world.stored().status, world.document()["status"], world.document()["access_token"]
    )  # fmt: skip


def test_a_command_in_an_outage_leaves_nothing_that_is_queued_for_ever(world: World) -> None:
    """Nothing is due of the connection: it is looked at once more, and then it rests as before."""
    world.shop.alive.discard("R0")
    world.run()
    world.sealer.fail_next("open", SealingUnavailable, times=3)
    assert "postponed" == ask(world, "revoke", local=True)["error"]["class"]
    world.settle(ticks=60)

    assert (Status.REAUTHORIZE, None) == (world.stored().status, world.stored().due.next_at)
    sent = world.connections.calls["claim"]
    world.settle(ticks=60)
    assert sent == world.connections.calls["claim"]


def test_a_push_that_was_asked_for_in_an_outage_is_asked_for_again(world: World) -> None:
    """The record does not say that its pair has to be handed over once more: the message comes again."""
    cart = ScriptedCart(world.clock)
    world.shop.others[HOST] = cart
    app = replace(world.apps.get(APP), settings={"push": "api2cart"}, api2cart_key=Secret(KEY))
    world.apps.update(app)
    world.settle(ticks=3)
    message = Work(connection=NAME, push=True).to_json()
    world.sealer.fail_next("open", SealingUnavailable)

    assert ("1",) == world.batches.run({"1": message}, world.budget()).again
    assert () == world.batches.run({"1": message}, world.budget()).again
    assert ["A1", "A1"] == cart.handed


def test_a_command_that_aws_kept_from_being_done_says_so(world: World) -> None:
    """The provider is not blamed, nor its last refusal told; the command leads to itself."""
    world.shop.alive.discard("R0")
    world.run()
    world.sealer.fail_next("open", SealingUnavailable("KMS is down"), times=3)
    error = ask(world, "revoke", local=True)["error"]

    assert f"tokensync revoke --local {NAME}" == error["next"]
    assert error["message"].endswith("AWS or the app's own secret withheld what it needs now (KMS is down)")


def test_a_refresh_that_aws_kept_from_being_made_says_so(world: World) -> None:
    """It is due, and so tried again by itself."""
    world.keys.enabled = False
    error = ask(world, "refresh")["error"]

    assert ("postponed", f"tokensync show {NAME}") == (error["class"], error["next"])
    assert "AWS or the app's own secret withheld" in error["message"]
    assert [] == world.shop.ledger


def test_aws_is_not_told_as_the_providers_failure(world: World) -> None:
    """`list` says what a connection waits for, and nothing once that is over."""
    world.keys.enabled = False
    world.run()
    assert "postponed" == word(world.stored())
    world.keys.enabled = True
    world.settle(ticks=10)

    assert (None, "A1") == (word(world.stored()), world.document()["access_token"])


def test_the_providers_failure_is_told_as_such(world: World) -> None:
    """A 503 is the provider's, whatever AWS withholds beside it."""
    world.shop.script.append(lambda _honest: world.shop.answer(b"busy", status=503))
    failing(world, times=1)
    world.keys.enabled = False
    world.run()

    assert "retried" == word(world.stored())


def test_a_comparison_that_succeeds_after_an_outage_ends_what_is_told(world: World) -> None:
    """Nothing but AWS was in the way, and nothing is due for days: it is simply active again."""
    world.run()
    world.secrets.fail_next("current_version", PublishUnavailable)
    assert Result.POSTPONED == world.run(compare=True).result
    assert "postponed" == word(world.stored())
    world.settle(ticks=5)

    assert (None, 0) == (word(world.stored()), world.stored().failures)
