"""What the grant holds is published before anything new is presented, however long the secret takes no version."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fakes.troubles import alerts, ask, events, fleet, refresh_token, state
from fakes.world import NAME, WEEK, World
from fault_rows import fault
from tokensync.domain.connection import QUOTA, UNAVAILABLE, Status
from tokensync.domain.errors import PublishUnavailable
from tokensync.domain.runtime import DAY
from tokensync.refresh.result import Result
from tokensync.refresh.schedule import QUOTA_RECHECK

HOUR = 3600


@pytest.fixture
def full(world: World) -> World:
    """A stack whose connection is due, and whose secret takes no further version."""
    secret = world.secrets.secret(NAME)
    secret.most = len(secret.versions)
    return world


def free(world: World) -> None:
    """Let the secret take versions again, as AWS does when old ones are a day old."""
    world.secrets.secret(NAME).most = None


@fault("F22")
def test_a_full_secret_keeps_the_grant_and_alarms_once(full: World) -> None:
    """The version quota is reached: the new pair is stored, one alarm names the command, the batch goes on."""
    others = fleet(full, 5)
    result = full.run()
    full.settle(ticks=30, every=HOUR)

    assert (Result.REFRESHED, False, "R1") == (result.result, result.backpressure, refresh_token(full))
    assert (QUOTA, Status.ACTIVE) == (full.stored().unpublished, full.stored().status)
    assert ["publishing.quota_reached"] == alerts(full)
    assert f"tokensync publish {NAME}" == full.alerts.told[0].next_command
    assert ["publishing.quota_reached"] == [event for event in events(full) if event.startswith("publishing")]
    assert {(2, "")} == {(full.stored(name).generation, full.stored(name).unpublished) for name in others}


@fault("F22")
def test_a_full_secret_means_no_call_to_the_provider(full: World) -> None:
    """However overdue the refresh is, the provider is not asked before the newest pair was published."""
    full.run()
    full.settle(ticks=14, every=DAY)
    assert ["R0"] == full.shop.ledger
    free(full)
    full.settle(ticks=2, every=HOUR + 1)

    assert (Status.ACTIVE, "A2", ["R0", "R1"]) == state(full)
    assert ("", 3) == (full.stored().unpublished, full.document()["generation"])


@fault("F22")
def test_a_full_secret_is_tried_again_every_hour(full: World) -> None:
    """Its back-off is its own: one write an hour, although its refresh is due all the time."""
    full.run()
    full.clock.advance(WEEK)
    full.settle(ticks=1)
    full.secrets.calls.clear()
    full.settle(ticks=60, every=60)

    assert 1 == full.secrets.calls["put"]
    assert full.stored().due.refresh_at == full.stored().due.compare_at == full.stored().due.next_at


@fault("F22")
def test_an_operators_refresh_of_a_full_secret_presents_nothing(full: World) -> None:
    """By force or not: it tries the secret once more, and says that it has to wait."""
    full.run()
    for force in (False, True):
        assert Result.POSTPONED == full.on_demand.refresh(NAME, full.budget(), force=force).result

    assert (["R0"], ["publishing.quota_reached"]) == (full.shop.ledger, alerts(full))
    assert full.stored().due.next_at == full.clock.now() + QUOTA_RECHECK


def test_an_operators_refresh_publishes_the_newest_pair_and_goes_on(full: World) -> None:
    """The secret takes versions again: the newest pair is published, then the refresh asked for is made."""
    full.run()
    free(full)

    assert Result.REFRESHED == full.on_demand.refresh(NAME, full.budget()).result
    assert ["R0", "R1"] == full.shop.ledger
    tokens = [json.loads(text)["access_token"] for text in full.secrets.secret(NAME).versions.values()]
    assert ["A0", "A1", "A2"] == tokens


def test_a_full_secret_is_published_on_demand(full: World) -> None:
    """`publish` says that the secret is full, and publishes once it is not."""
    full.run()
    answer = ask(full, "publish")
    free(full)

    assert (False, 5, f"tokensync show {NAME}") == (answer["ok"], answer["exit"], answer["error"]["next"])
    assert "version" in answer["error"]["message"]
    assert (True, "A1") == (ask(full, "publish")["ok"], full.document()["access_token"])


def test_a_verification_that_is_due_waits_as_well(full: World) -> None:
    """Nothing at all is asked of the provider while the newest pair is not published."""
    full.run()
    full.connections.seed(full.stored().with_due(verify_at=full.clock.now()))
    full.settle(ticks=3, every=HOUR)

    assert (["R0"], None) == (full.shop.ledger, full.stored().verified_at)


@fault("F5")
def test_an_outage_over_the_next_refresh_presents_nothing(world: World) -> None:
    """Secrets Manager is down until long after the next refresh was due: the newest pair is published first."""
    world.secrets.fail_next("put", PublishUnavailable, times=10_000)
    world.run()
    assert UNAVAILABLE == world.stored().unpublished
    world.settle(ticks=14, every=DAY)
    assert ["R0"] == world.shop.ledger
    world.secrets._failures.clear()
    world.settle(ticks=3, every=HOUR + 1)

    assert (Status.ACTIVE, "A2", ["R0", "R1"]) == state(world)


def test_a_status_that_is_not_published_yet_holds_nothing_up(world: World) -> None:
    """Only the token itself has to be published first: the last attempt of a held connection is made in time."""
    world.connections.seed(replace(world.stored(), status=Status.HELD, reason="ambiguous", attempt=None))

    assert (True, False) == (world.stored().publishing_is_due(), world.stored().waits_for_publishing())


def test_a_new_authorization_has_its_own_chance(full: World) -> None:
    """What could not be published of an old grant says nothing of a new one."""
    full.run()
    free(full)
    again = full.stored().with_authorized(authorized_at=full.clock.now(), authorized_by="again")
    record, _ = full.connections.take_over(replace(again, unpublished=""), until=0)

    assert "" == record.unpublished
