"""The tick, the batch, an operator's request and the commands: what the rotation function does around the protocol."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakes.world import ACCOUNT, APP, NAME, World
from fault_rows import fault
from tokensync.domain.connection import Status
from tokensync.domain.errors import PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import DueKey, Work
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokensync.entry.queue import BatchResult


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


def fleet(world: World, size: int) -> list[ConnectionName]:
    """Connect a fleet."""
    names = [ConnectionName(APP, f"seller-{index:04}") for index in range(size)]
    for index, name in enumerate(names):
        world.connected(name, refresh_token=f"F{index}")
    return names


def bodies(*names: ConnectionName) -> Mapping[str, str]:
    """Return messages by id."""
    return {f"m{index}": Work(connection=name).to_json() for index, name in enumerate(names)}


def run(world: World, messages: Mapping[str, str]) -> BatchResult:
    """Run one batch."""
    return world.batches.run(messages, world.budget())


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
    fleet(world, 3)

    assert [1, 1, 1, 0] == [world.ticker.tick(world.budget()).due for _ in range(4)]


def test_a_slow_table_leaves_nothing_claimed_that_is_not_queued() -> None:
    """Claims of a second each, 250 due, a life of a minute: all that it claims by then is queued, the rest is due."""
    world = World(seconds=60)
    fleet(world, 250)
    claim = world.connections.claim

    def slowly(key: DueKey, *, until: int) -> bool:
        world.clock.advance(1)
        return claim(key, until=until)

    world.connections.claim = slowly  # type: ignore[method-assign]
    ticked = world.ticker.tick(world.budget())

    assert (56, 56, 56) == (ticked.due, ticked.queued, len(world.queue.works))
    world.connections.claim = claim  # type: ignore[method-assign]
    assert 194 == world.ticker.tick(world.budget()).due


def test_a_due_record_of_a_later_version_is_left_alone(world: World) -> None:
    """A kind of record that this version does not know is told and neither claimed nor queued."""
    keys = [DueKey(f"app#{APP}", "verification#x", 0)]
    world.connections.due = lambda *, now: iter(keys if now else [])  # type: ignore[method-assign]

    assert 0 == world.ticker.tick(world.budget()).queued
    assert "work.unknown" in world.log.events()


@fault("F9")
def test_1000_due_connections_make_exactly_1000_calls(world: World) -> None:
    """Every message delivered twice, five workers at once: each token is presented once."""
    names = fleet(world, 1000)
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

    assert (1000, []) == (len(world.shop.ledger), world.shop.doubles)
    assert {2} == {world.stored(name).generation for name in names}


@fault("F11")
def test_one_poison_connection_stops_nobody(world: World) -> None:
    """A record that breaks its worker comes back alone; the others are refreshed."""
    names = fleet(world, 9)
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
    names = fleet(world, 10)
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
    names = fleet(world, 3)

    assert {"m0", "m1", "m2"} == set(run(world, bodies(*names)).again)
    assert [] == world.shop.ledger


def test_the_app_and_its_key_are_fetched_once_per_batch(world: World) -> None:
    """Ten connections of one app cost one read of the app and one data key."""
    names = fleet(world, 9)
    world.apps.calls.clear()
    world.keys.calls.clear()
    run(world, bodies(NAME, *names))

    assert (1, 1, 1) == (world.apps.calls["get"], world.apps.calls["state"], world.keys.calls["generate"])
    assert 1 == world.apps.calls["count"]


def test_an_unknown_app_postpones_its_connections(world: World) -> None:
    """A connection whose app was removed is postponed, not lost and not dead."""
    world.apps.remove(APP)

    assert 1 == run(world, bodies(NAME)).results[Result.POSTPONED]
    assert Status.ACTIVE == world.stored().status


def test_an_operator_refreshes_now(world: World) -> None:
    """`refresh` makes the connection due and refreshes it, due or not."""
    world.run()
    outcome = world.on_demand.refresh(NAME, world.budget())

    assert Result.REFRESHED == outcome.result
    assert outcome.record is not None
    assert 3 == outcome.record.generation


@fault("F10")
def test_rotation_and_two_operators_make_one_call(world: World) -> None:
    """All at once: one provider call, and everybody gets the current token."""
    generations: list[int] = []

    def operator() -> None:
        outcome = world.on_demand.refresh(NAME, world.budget(), generation=1)
        assert outcome.record is not None
        generations.append(outcome.record.generation)

    world.failpoints.run_at("published", operator)
    world.failpoints.run_at("committed", operator)
    world.clock.sleep = world.clock.advance  # type: ignore[method-assign]
    world.run()
    operator()

    assert ["R0"] == world.shop.ledger
    assert [2, 2] == generations[-2:]


def test_an_operator_who_saw_an_older_generation_gets_the_newer(world: World) -> None:
    """A request for a token that was refreshed meanwhile makes no call."""
    world.run()
    outcome = world.on_demand.refresh(NAME, world.budget(), generation=1)

    assert Result.REFRESHED == outcome.result
    assert ["R0"] == world.shop.ledger


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (Status.REAUTHORIZE, Result.REAUTHORIZE),
        (Status.DISCONNECTED, Result.REAUTHORIZE),
        (Status.QUARANTINED, Result.HELD),
        (Status.ORPHANED, Result.ORPHANED),
    ],
)
def test_a_connection_that_no_refresh_helps_is_told_and_not_touched(
    world: World, status: Status, result: Result
) -> None:
    """Without --force nothing is presented for it and its record stays as it is."""
    record = world.connections.seed(
        replace(world.stored().with_due(renew_at=None, refresh_at=None, next_at=None), status=status)
    )

    assert result == world.on_demand.refresh(NAME, world.budget()).result
    assert record == world.stored()


def test_refusals_on_demand_count_for_the_breaker(world: World) -> None:
    """An operator's refresh counts like the schedule's."""
    world.shop.alive.clear()
    world.on_demand.refresh(NAME, world.budget())

    assert (1, 1) == (world.apps.state(APP).tried, world.apps.state(APP).refused)


def rotation(world: World, **event: object) -> dict[str, Any]:
    """Invoke the rotation function as the command line does."""
    return world.commands.answer(event, world.budget())


def test_the_refresh_command_answers_with_the_connection(world: World) -> None:
    """The answer is what `show` prints, and holds no secret."""
    answer = rotation(world, tokensync="refresh", connection=str(NAME))

    assert (True, "refreshed", 2) == (answer["ok"], answer["result"], answer["connection"]["generation"])
    assert f"tokensync/tokens/{APP}/{ACCOUNT}" == answer["connection"]["secret"]
    assert "A1" not in repr(answer)
    assert "R1" not in repr(answer)


def test_the_tick_command_tells_what_it_queued(world: World) -> None:
    """`tick` is the schedule's work on demand."""
    assert {"ok": True, "due": 1, "queued": 1} == rotation(world, tokensync="tick")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"tokensync": "refresh", "connection": f"{APP}/nobody"}, 3),
        ({"tokensync": "refresh", "connection": "nonsense"}, 2),
        ({"tokensync": "dance"}, 1),
        ({}, 1),
    ],
)
def test_a_command_that_cannot_be_done_names_the_next(world: World, event: dict[str, Any], code: int) -> None:
    """Every refusal has an exit code, a message and the next command."""
    answer = rotation(world, **event)

    assert (False, code) == (answer["ok"], answer["exit"])
    assert answer["error"]["message"]
    assert answer["error"]["next"]


def test_the_refresh_command_tells_why_there_is_no_token(world: World) -> None:
    """A refused refresh answers with exit code 4, the provider's number and the invite to send."""
    world.shop.alive.clear()
    answer = rotation(world, tokensync="refresh", connection=str(NAME))

    assert 4 == answer["exit"]
    assert "36004005" in answer["error"]["message"]
    assert f"tokensync invite {APP} --for {NAME}" == answer["error"]["next"]


def test_a_table_that_is_down_is_told_as_try_again(world: World) -> None:
    """An outage answers with exit code 5."""
    world.connections.fail_next("get", StoreUnavailable)

    assert 5 == rotation(world, tokensync="refresh", connection=str(NAME))["exit"]


def paste(world: World, text: str, app: str = APP) -> dict[str, Any]:
    """Invoke the callback function as `paste` does."""
    return world.callback_commands.answer({"tokensync": "paste", "app": app, "text": text}, world.budget())


def test_the_paste_command_connects(world: World) -> None:
    """A pasted code answers with the connection that stands."""
    assert {"ok": True, "outcome": "connected", "connection": str(NAME)} == paste(world, "code-1")


@pytest.mark.parametrize(
    ("text", "app", "code"),
    [
        ("code-unknown", APP, 4),
        ("", APP, 2),
        ("code-1", "nobody", 3),
        ("https://x.example/?code=null&error=auth_denied", APP, 4),
        ("https://x.example/?code=code-1&state=forged.state", APP, 2),
    ],
)
def test_a_paste_that_fails_tells_why(world: World, text: str, app: str, code: int) -> None:
    """A wrong code, nothing, an unknown app, a denial, a forged state: each with its exit code."""
    answer = paste(world, text, app)

    assert (False, code) == (answer["ok"], answer["exit"])
