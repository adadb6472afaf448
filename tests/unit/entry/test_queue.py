"""One batch of the refresh queue: each failure stays with its own message."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from fakes.world import APP, NAME, World
from fault_rows import fault
from tokensync.domain.connection import Status
from tokensync.domain.errors import PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import Work
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokensync.entry.queue import BatchResult


def bodies(*names: ConnectionName) -> Mapping[str, str]:
    """Return messages by id."""
    return {f"m{index}": Work(connection=name).to_json() for index, name in enumerate(names)}


def run(world: World, messages: Mapping[str, str]) -> BatchResult:
    """Run one batch."""
    return world.batches.run(messages, world.budget())


@fault("F9")
def test_each_due_connection_makes_one_call(world: World, hundred: int) -> None:
    """Every message delivered twice, five workers at once: each token is presented once."""
    names = world.fleet(hundred)
    world.shop.ledger.clear()
    messages = [Work(connection=name).to_json() for name in names] * 2
    chunks = [messages[index : index + 10] for index in range(0, len(messages), 10)]
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not chunks:
                    return
                chunk = chunks.pop()
            run(world, {str(index): body for index, body in enumerate(chunk)})

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (hundred, []) == (len(world.shop.ledger), world.shop.doubles)
    assert {2} == {world.stored(name).generation for name in names}


@fault("F11")
def test_one_poison_connection_stops_nobody(world: World) -> None:
    """A record that breaks its worker comes back alone; the others are refreshed."""
    names = world.fleet(9)
    world.connections.seed(replace(world.stored(), sealed_grant=b"\x01nonsense", provider="gone"))
    broken = world.connections.lease

    def lease(name: ConnectionName, **times: Any) -> Any:
        if name == NAME:
            raise ZeroDivisionError("a secret stands here")
        return broken(name, **times)

    world.connections.lease = lease  # type: ignore[method-assign]
    report = run(world, bodies(NAME, *names))

    assert ("m0",) == report.again
    assert 9 == report.results[Result.REFRESHED]
    assert "work.broken" in world.log.events()
    assert "a secret stands here" not in repr(world.log.lines)


def test_a_message_that_is_not_ours_is_dropped(world: World) -> None:
    """Garbage and removed connections never come back."""
    report = run(world, {"a": "{}", "b": "nonsense", "c": Work(connection=ConnectionName(APP, "gone")).to_json()})

    assert () == report.again


@fault("F5")
def test_throttling_stops_the_batch_from_taking_new_work() -> None:
    """When Secrets Manager throttles, what was not started yet comes back untouched."""
    world = World()
    names = world.fleet(10)
    world.shop.ledger.clear()
    world.secrets.fail_next("put", PublishUnavailable, times=20)
    report = replace(world.batches, threads=1).run(bodies(*names), world.budget())

    assert (["F0"], 9) == (world.shop.ledger, len(report.again))
    assert 2 == world.stored(names[0]).generation


@fault("F8")
def test_a_table_that_is_down_makes_the_message_come_again(world: World) -> None:
    """DynamoDB down at LEASE: nothing is spent and the message comes back."""
    world.connections.fail_next("lease", StoreUnavailable)
    report = run(world, bodies(NAME))

    assert ("m0",) == report.again
    assert [] == world.shop.ledger


@fault("F15")
def test_a_newer_schema_makes_the_message_come_again(world: World) -> None:
    """Old code that meets a new record leaves it to the new code."""
    world.connections.seed(replace(world.stored(), schema=2))

    assert ("m0",) == run(world, bodies(NAME)).again


@fault("F12")
def test_little_life_left_returns_everything() -> None:
    """With 8 seconds left nothing is started, and all messages are returned as failures."""
    world = World(seconds=8)
    names = world.fleet(3)

    assert {"m0", "m1", "m2"} == set(run(world, bodies(*names)).again)
    assert [] == world.shop.ledger


def test_the_app_and_its_key_are_fetched_once_per_batch(world: World) -> None:
    """Ten connections of one app cost one read of the app and one data key."""
    names = world.fleet(9)
    world.apps.calls.clear()
    world.keys.calls.clear()
    run(world, bodies(NAME, *names))

    assert (1, 1, 1) == (world.apps.calls["get"], world.apps.calls["state"], world.keys.calls["generate"])
    assert 1 == world.apps.calls["note"]


def test_an_unknown_app_postpones_its_connections(world: World) -> None:
    """A connection whose app was removed is postponed, not lost and not dead."""
    world.apps.remove(APP)

    assert 1 == run(world, bodies(NAME)).results[Result.POSTPONED]
    assert Status.ACTIVE == world.stored().status
