"""`publish` on demand: which secrets it writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.login_kit import ask
from fakes.world import APP, NAME, World
from fault_rows import fault
from tokensync.domain.connection import Status
from tokensync.domain.errors import PublishUnavailable
from tokensync.domain.sealing import grant_binding


@fault("F7")
@pytest.mark.parametrize("gone", ["schedule_deletion", "destroy"])
def test_publish_gives_an_orphan_its_secret_back(world: World, gone: str) -> None:
    """By an operator's word the secret is restored or made anew, and the connection is active and scheduled."""
    getattr(world.secrets, gone)(world.secrets.secret(NAME).arn)
    assert "orphaned" == ask(world, "refresh", NAME)["result"]
    answer = ask(world, "publish", NAME)

    assert (True, "published", "active") == (answer["ok"], answer["result"], answer["connection"]["status"])
    assert "A1" == world.document()["access_token"]
    assert "connection.republished" == world.stored().history[-1].event
    world.settle(ticks=2)
    assert (2 + 1, "active") == (world.document()["generation"], world.document()["status"])


def test_publish_what_nobody_made(world: World) -> None:
    """A name that somebody else's secret has stays theirs."""
    world.secrets.destroy(world.secrets.secret(NAME).arn)
    world.secrets.plant(NAME, "theirs")

    assert (1, "orphaned") == (ask(world, "publish", NAME)["exit"], world.stored().status.value)


def test_publish_while_aws_throttles(world: World) -> None:
    """It is published later by itself: the operator's word holds."""
    world.secrets.schedule_deletion(world.secrets.secret(NAME).arn)
    ask(world, "refresh", NAME)
    world.secrets.fail_next("restore", PublishUnavailable("throttled"))
    answer = ask(world, "publish", NAME)
    world.settle(ticks=5)

    assert (5, "active") == (answer["exit"], world.document()["status"])


@pytest.mark.parametrize(
    ("status", "code"), [(Status.REAUTHORIZE, 4), (Status.DISCONNECTED, 4), (Status.QUARANTINED, 1)]
)
def test_publish_helps_no_other_status(world: World, status: Status, code: int) -> None:
    """What needs its seller, or is set apart, is not published."""
    world.connections.seed(replace(world.stored(), status=status))

    assert code == ask(world, "publish", NAME)["exit"]


def test_publish_before_there_is_a_token(world: World) -> None:
    """A connection that waits for its first access token has nothing to publish."""
    world.connections.seed(replace(world.stored(), obtained_at=None))

    assert 5 == ask(world, "publish", NAME)["exit"]


def test_publish_schedules_what_is_only_verified(world: World) -> None:
    """A token that never expires is verified again, and not refreshed."""
    record = world.stored()
    grant = replace(world.grant(), refresh_token=None, access_expires_at=None)
    sealed = world.sealer.new_key(APP).seal(grant.to_bytes(), binding=grant_binding(NAME))
    world.connections.seed(replace(record.with_due(renew_at=None), status=Status.ORPHANED, sealed_grant=sealed))
    ask(world, "publish", NAME)

    assert world.stored().due.renew_at is None
    assert world.stored().due.verify_at is not None


def test_publish_leaves_to_its_consumer_what_is_theirs(world: World) -> None:
    """A connection that was handed over gets its secret back, and is not refreshed here."""
    record = replace(world.stored().with_consumer(handed_over_at=1).with_due(renew_at=None), status=Status.ORPHANED)
    world.connections.seed(record)
    ask(world, "publish", NAME)
    world.settle(ticks=3)

    assert ("active", []) == (world.document()["status"], world.shop.ledger)
