"""What stands is published before anything new is presented, however long Secrets Manager takes no version."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fakes.world import APP, NAME, WEEK, World
from fault_rows import fault
from tokensync.domain.connection import QUOTA, UNAVAILABLE, Status
from tokensync.domain.errors import PublishUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.runtime import DAY
from tokensync.refresh.result import Result
from tokensync.refresh.schedule import QUOTA_RECHECK

HOUR = 3600


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


def fill(world: World) -> None:
    """Let the connection's secret take no further version."""
    secret = world.secrets.secret(NAME)
    secret.most = len(secret.versions)


def free(world: World) -> None:
    """Let the secret take versions again, as AWS does when old ones are a day old."""
    world.secrets.secret(NAME).most = None


def alerts(world: World) -> list[str]:
    """Return the kinds of the alerts told so far."""
    return [alert.kind for alert in world.alerts.told]


@fault("F22")
def test_a_full_secret_keeps_the_grant_and_alarms_once(world: World) -> None:
    """The version quota is reached: the new pair is stored, one alarm names the command, the batch goes on."""
    fill(world)
    outcome = world.run()
    world.settle(ticks=30, every=HOUR)

    assert (Result.REFRESHED, False) == (outcome.result, outcome.backpressure)
    assert "R1" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]
    assert (QUOTA, Status.ACTIVE) == (world.stored().unpublished, world.stored().status)
    assert ["publishing.quota_reached"] == alerts(world)
    assert f"tokensync publish {NAME}" == world.alerts.told[0].next_command
    assert ["publishing.quota_reached"] == [
        entry.event for entry in world.stored().history if entry.event.startswith("publishing")
    ]


@fault("F22")
def test_a_full_secret_means_no_call_to_the_provider(world: World) -> None:
    """However overdue the refresh is, the provider is not asked before the standing pair was published."""
    fill(world)
    world.run()
    world.settle(ticks=14, every=DAY)
    assert ["R0"] == world.shop.ledger
    free(world)
    world.settle(ticks=2, every=HOUR + 1)

    assert ["R0", "R1"] == world.shop.ledger
    assert ("", "A2", 3) == (
        world.stored().unpublished,
        world.document()["access_token"],
        world.document()["generation"],
    )


@fault("F22")
def test_a_full_secret_is_tried_again_every_hour(world: World) -> None:
    """Its back-off is its own: one write an hour, although its refresh is due all the time."""
    fill(world)
    world.run()
    world.clock.advance(WEEK)
    world.settle(ticks=1)
    world.secrets.calls.clear()
    world.settle(ticks=60, every=60)

    assert 1 == world.secrets.calls["put"]
    assert world.stored().due.refresh_at == world.stored().due.compare_at == world.stored().due.next_at


@fault("F22")
def test_a_full_secret_stops_no_batch(world: World) -> None:
    """The others of its batch are refreshed."""
    others = [ConnectionName(APP, f"seller-{index}") for index in range(5)]
    for index, name in enumerate(others):
        world.connected(name, refresh_token=f"F{index}")
    fill(world)
    world.settle(ticks=1)

    assert {2} == {world.stored(name).generation for name in (NAME, *others)}
    assert {"", QUOTA} == {world.stored(name).unpublished for name in (NAME, *others)}


@fault("F22")
def test_an_operators_refresh_of_a_full_secret_presents_nothing(world: World) -> None:
    """By force or not: it tries the secret once more, and says that it has to wait."""
    fill(world)
    world.run()
    for force in (False, True):
        assert Result.POSTPONED == world.on_demand.refresh(NAME, world.budget(), force=force).result

    assert ["R0"] == world.shop.ledger
    assert world.stored().due.next_at == world.clock.now() + QUOTA_RECHECK
    assert ["publishing.quota_reached"] == alerts(world)


def test_an_operators_refresh_publishes_what_stands_and_goes_on(world: World) -> None:
    """The secret takes versions again: the standing pair is published, then the refresh asked for is made."""
    fill(world)
    world.run()
    free(world)
    outcome = world.on_demand.refresh(NAME, world.budget())

    assert (Result.REFRESHED, ["R0", "R1"]) == (outcome.result, world.shop.ledger)
    tokens = [json.loads(text)["access_token"] for text in world.secrets.secret(NAME).versions.values()]
    assert ["A0", "A1", "A2"] == tokens


def test_a_full_secret_is_published_on_demand(world: World) -> None:
    """`publish` says that the secret is full, and publishes once it is not."""
    fill(world)
    world.run()
    asked = {"tokensync": "publish", "connection": str(NAME)}
    told = world.commands.answer(asked, world.budget())
    free(world)

    assert (False, 5, f"tokensync show {NAME}") == (told["ok"], told["exit"], told["error"]["next"])
    assert "version" in told["error"]["message"]
    assert world.commands.answer(asked, world.budget())["ok"] is True
    assert "A1" == world.document()["access_token"]


def test_a_verification_that_is_due_waits_as_well(world: World) -> None:
    """Nothing at all is asked of the provider while the standing pair is not published."""
    fill(world)
    world.run()
    world.connections.seed(world.stored().with_due(verify_at=world.clock.now()))
    world.settle(ticks=3, every=HOUR)

    assert ["R0"] == world.shop.ledger
    assert world.stored().verified_at is None


@fault("F5")
def test_twenty_failures_of_secrets_manager_cost_one_call(world: World) -> None:
    """The new pair stays sealed, the secret is written when it can be, and nothing else is presented meanwhile."""
    world.secrets.fail_next("put", PublishUnavailable, times=20)
    world.run()
    assert UNAVAILABLE == world.stored().unpublished
    world.settle(ticks=24, every=HOUR)

    assert 21 <= world.secrets.calls["put"]
    assert ["R0"] == world.shop.ledger
    assert ("A1", "") == (world.document()["access_token"], world.stored().unpublished)


@fault("F5")
def test_an_outage_over_the_next_refresh_presents_nothing(world: World) -> None:
    """Secrets Manager is down until long after the next refresh was due: the standing pair is published first."""
    world.secrets.fail_next("put", PublishUnavailable, times=10_000)
    world.run()
    world.settle(ticks=14, every=DAY)
    assert ["R0"] == world.shop.ledger
    world.secrets._failures.clear()
    world.settle(ticks=3, every=HOUR + 1)

    assert ["R0", "R1"] == world.shop.ledger
    assert "A2" == world.document()["access_token"]


def test_a_status_that_is_not_published_yet_holds_nothing_up(world: World) -> None:
    """Only the token itself has to be published first: the last attempt of a held connection is made in time."""
    world.connections.seed(replace(world.stored(), status=Status.HELD, reason="ambiguous", attempt=None))

    assert world.stored().publishing_is_due()
    assert not world.stored().waits_for_publishing()


def test_a_new_authorization_has_its_own_chance(world: World) -> None:
    """What could not be published of an old grant says nothing of a new one."""
    fill(world)
    world.run()
    free(world)
    record, _ = world.connections.take_over(
        replace(world.stored().with_authorized(authorized_at=world.clock.now(), authorized_by="again"), unpublished=""),
        until=0,
    )

    assert "" == record.unpublished
