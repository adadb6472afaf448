"""Faults of a refresh from their beginning to the last connection that is well again, asserted from the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from fakes.troubles import alerts, answers, ask, at_its_time, fleet, refresh_token, refuse_answers, state
from fakes.world import APP, NAME, World
from fault_rows import fault
from field_rows import field
from tokensync.domain.connection import Exemption, Status
from tokensync.domain.errors import NewerSchema, PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import Work
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable


HOUR = 3600


def run_in_tens(world: World, works: list[Work]) -> Counter[str]:
    """Work through messages as SQS hands them out; return which came back how often until dropped after five tries."""
    tries: Counter[str] = Counter()
    waiting = [work.to_json() for work in works]
    while waiting:
        batch, waiting = waiting[:10], waiting[10:]
        report = world.batches.run({str(index): body for index, body in enumerate(batch)}, world.budget())
        for message in report.again:
            body = batch[int(message)]
            tries[body] += 1
            if tries[body] < 5:
                waiting.append(body)
            else:
                world.dead_letters.bury(body)
    return tries


@fault("F5")
def test_a_whole_fleet_is_published_after_an_outage() -> None:
    """Twenty failures under thirty due: each token is presented once, and every secret is equal to its grant."""
    world = World()
    names = fleet(world, 30)
    world.secrets.fail_next("put", PublishUnavailable, times=20)
    world.settle(ticks=60)

    assert (30, []) == (len(world.shop.ledger), world.shop.doubles)
    for name in names:
        assert (2, "") == (world.document(name)["generation"], world.stored(name).unpublished)


@fault("F6")
def test_a_key_that_is_disabled_for_hours_loses_nobody() -> None:
    """Before the request nothing is presented, and when the key is enabled again everybody is refreshed once."""
    world = World()
    names = fleet(world, 20)
    world.keys.enabled = False
    world.settle(ticks=180)
    assert [] == world.shop.ledger
    world.keys.enabled = True
    world.settle(ticks=90)

    assert (20, []) == (len(world.shop.ledger), world.shop.doubles)
    assert {Status.ACTIVE} == {world.stored(name).status for name in names}


@fault("F7")
@pytest.mark.parametrize("gone", ["schedule_deletion", "destroy"])
def test_a_secret_that_is_gone_stays_gone_until_an_operator_says_so(world: World, gone: str) -> None:
    """Orphaned at the next refresh: the new pair is kept, one alarm, and no schedule brings the secret back."""
    getattr(world.secrets, gone)(world.secrets.secret(NAME).arn)
    world.settle(ticks=100, every=3600)

    assert (Status.ORPHANED, None) == (world.stored().status, world.secrets.document(NAME))
    assert (["connection.orphaned"], ["R0"], "R1") == (alerts(world), world.shop.ledger, refresh_token(world))
    assert (None, None) == (world.stored().due.refresh_at, world.stored().due.next_at)


@fault("F8")
def test_a_table_that_is_down_for_minutes_at_the_lease_spends_nothing() -> None:
    """Messages come back; when the table answers again each connection is refreshed once."""
    world = World()
    names = fleet(world, 20)
    world.connections.fail_next("lease", StoreUnavailable, times=15)
    run_in_tens(world, [Work(connection=name) for name in names])
    assert [] == world.shop.ledger
    world.settle(ticks=120)

    assert (20, []) == (len(world.shop.ledger), world.shop.doubles)


@fault("F8")
def test_a_table_that_is_down_for_the_answers_costs_no_second_call() -> None:
    """Down between SENT and RECEIVED for ten: sealed messages keep the bytes, and the next workers bring them back."""
    world = World()
    names = fleet(world, 10)
    one_by_one = replace(world.batches, threads=1)
    for name in names:
        refuse_answers(world)
        one_by_one.run({"m": Work(connection=name).to_json()}, world.budget())
    assert 10 == len(world.queue.works)
    world.settle(ticks=40)

    assert (10, []) == (len(world.shop.ledger), world.shop.doubles)
    assert {(Status.ACTIVE, 2)} == {(world.stored(name).status, world.document(name)["generation"]) for name in names}


@fault("F11")
def test_one_poison_among_500(world: World) -> None:
    """499 are refreshed by their first message, the poison's name alone is a dead letter; mended, it is recovered."""
    names = fleet(world, 499)
    poison = ConnectionName(APP, "poison")
    world.connected(poison, refresh_token="P0")
    honest = world.connections.lease

    def lease(name: ConnectionName, **times: Any) -> Any:
        if name == poison:
            raise ZeroDivisionError("unforeseen")
        return honest(name, **times)

    world.connections.lease = lease  # type: ignore[method-assign]
    order = [*names[:250], poison, *names[250:]]
    tries = run_in_tens(world, [Work(connection=name) for name in order])

    assert {Work(connection=poison).to_json(): 5} == tries
    assert [Work(connection=poison).to_json()] == world.dead_letters.bodies
    assert {2} == {world.stored(name).generation for name in names}
    assert (499, []) == (len(world.shop.ledger), world.shop.doubles)
    world.connections.lease = honest  # type: ignore[method-assign]
    world.commands.answer({"tokensync": "recover"}, world.budget())
    world.drain()
    assert (2, []) == (world.stored(poison).generation, world.dead_letters.bodies)


@fault("F12")
def test_a_function_near_its_end_returns_what_it_did_not_start() -> None:
    """With 8 seconds left none of ten is leased, presented or claimed, and all ten come again."""
    world = World(seconds=8)
    names = fleet(world, 10)
    before = [world.stored(name) for name in names]
    messages = {name.account: Work(connection=name).to_json() for name in names}
    report = world.batches.run(messages, world.budget())

    assert set(messages) == set(report.again)
    assert ([], before) == (world.shop.ledger, [world.stored(name) for name in names])


@fault("F15")
def test_a_deployment_while_the_provider_answers(world: World) -> None:
    """A newer version rewrote the record meanwhile: old code keeps the answer aside, the newer code uses it."""
    world.failpoints.run_at("answered", lambda: world.connections.seed(replace(world.stored(), schema=2)))
    assert Result.KEPT == world.run().result
    world.after_lease()
    with pytest.raises(NewerSchema):
        world.run()
    # From here on this is the newer version.
    world.connections.seed(replace(world.stored(), schema=1))

    assert Result.REFRESHED == world.run().result
    assert (Status.ACTIVE, "A1", ["R0"]) == state(world)


@fault("F15")
def test_a_newer_record_is_refused_by_every_command(world: World) -> None:
    """No command presents anything, and the operator learns to deploy."""
    record = world.connections.seed(replace(world.stored(), schema=2))
    for command, more in (("refresh", {"force": True}), ("verify", {}), ("publish", {}), ("remove", {})):
        answer = ask(world, command, **more)
        assert (False, "tokensync deploy") == (answer["ok"], answer["error"]["next"]), command
    assert ([], record) == (world.shop.ledger, world.stored())


@fault("F18")
def test_60_percent_of_a_fleet_refused_within_a_minute() -> None:
    """Parked, none marked, the app paused, one alarm; resumed, each parked one is asked once and then it counts."""
    world = World()
    names = fleet(world, 50)
    refused = [f"F{index}" for index in range(30)]
    world.shop.alive -= set(refused)
    world.settle(ticks=30)

    assert "refused" == world.apps.state(APP).paused_kind
    assert {"active": 20, "held": 30} == Counter(world.stored(name).status.value for name in names)
    assert ["app.breaker_tripped"] == alerts(world)
    probes = len(world.shop.ledger) - 50
    assert 3 <= probes <= 5
    world.shop.alive |= set(refused[:25])
    world.apps.resume(APP, now=world.clock.now())
    world.settle(ticks=90)

    assert sorted(refused) == world.shop.doubles
    assert 50 + probes + 30 == len(world.shop.ledger)
    assert {"active": 45, "reauthorize": 5} == Counter(world.stored(name).status.value for name in names)


NOT_PROCESSED = [
    (429, {}, True),
    (503, {}, False),
    (503, {"code": 36009002, "message": "rate limit"}, True),
    (503, {"code": 36004005, "message": "can not find related auth record"}, True),
    (503, {"message": "Service Unavailable"}, False),
    (503, b"upstream connect error or disconnect/reset before headers", False),
]


@fault("F20")
@field("A17")
@pytest.mark.parametrize(("status", "body", "says_so"), NOT_PROCESSED, ids=lambda value: ascii(value)[:30])
def test_what_a_bare_busy_answer_leaves(world: World, status: int, body: Any, *, says_so: bool) -> None:
    """A gateway's 503 may hide a commit: the token is presented once more, and last. A provider's own is a wait."""
    world.shop.script.append(answers(world, body, status=status))
    world.run()
    record = world.stored()

    expected = (Status.ACTIVE, Exemption.NOT_PROCESSED) if says_so else (Status.HELD, Exemption.LAST_ATTEMPT)
    assert expected == (record.status, record.exemption)
    assert world.document()["access_token"] == "A0"
    at_its_time(world)
    assert Result.REFRESHED == world.run().result


@fault("F20")
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        (lambda _now: "5", 22, 38),
        (lambda _now: "soon", 22, 38),
        (lambda now: formatdate(now + 600, usegmt=True), 600, 600),
        (lambda now: formatdate(now - 600, usegmt=True), 22, 38),
        (lambda now: formatdate(now + 10**8, usegmt=True), HOUR, HOUR),
        (lambda _now: str(10**9), HOUR, HOUR),
        (lambda _now: "-1", 22, 38),
    ],
    ids=["5", "soon", "a date", "a past date", "a far date", "10^9", "-1"],
)
def test_a_busy_provider_is_asked_when_it_says(
    world: World, status: int, retry_after: Callable[[int], str], least: int, most: int
) -> None:
    """Any Retry-After is honoured and capped at an hour; no status changes, and the token may be presented again."""
    stated = retry_after(world.clock.now())
    world.shop.script.append(answers(world, {}, status=status, retry_after=stated))

    assert Result.POSTPONED == world.run().result
    record = world.stored()
    assert (Status.ACTIVE, Exemption.NOT_PROCESSED) == (record.status, record.exemption)
    assert least <= (record.due.renew_at or 0) - world.clock.now() <= most
    assert record.due.next_at == record.due.renew_at
    at_its_time(world)
    assert Result.REFRESHED == world.run().result


@fault("F20")
@pytest.mark.parametrize("retry_after", ["0", "5", "soon", "1000000000"])
def test_a_provider_that_stays_busy_is_not_asked_in_a_loop(world: World, retry_after: str) -> None:
    """A day of 503: the tries grow apart to one an hour, and the day after the connection is well."""
    world.shop.script += [answers(world, {}, status=503, retry_after=retry_after)] * 1000
    world.settle(ticks=24 * 60)

    assert 20 <= 1000 - len(world.shop.script) <= 40
    assert [] == world.shop.ledger
    world.shop.script.clear()
    world.settle(ticks=100)
    assert (Status.ACTIVE, "A1", ["R0"]) == state(world)
