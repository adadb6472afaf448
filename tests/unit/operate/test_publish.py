"""`publish` on demand: which secrets it writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
    assert "A1" == world.published()
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
    ("change", "code"),
    [
        ({"status": Status.REAUTHORIZE}, 4),
        ({"status": Status.DISCONNECTED}, 4),
        ({"status": Status.QUARANTINED}, 1),
        ({"obtained_at": None}, 5),
    ],
)
def test_publish_helps_nothing_else(world: World, change: dict[str, Any], code: int) -> None:
    """What needs its seller, is set apart, or waits for its first access token is not published."""
    world.change(**change)

    assert code == ask(world, "publish", NAME)["exit"]


def test_publish_schedules_what_is_only_verified(world: World) -> None:
    """A token that never expires is verified again, and not refreshed."""
    grant = replace(world.grant(), refresh_token=None, access_expires_at=None)
    sealed = world.sealer.new_key(APP).seal(grant.to_bytes(), binding=grant_binding(NAME))
    world.change(status=Status.ORPHANED, sealed_grant=sealed, renew_at=None)
    ask(world, "publish", NAME)

    assert world.stored().due.renew_at is None
    assert world.stored().due.verify_at is not None


def test_publish_leaves_to_its_consumer_what_is_theirs(world: World) -> None:
    """A connection that was handed over gets its secret back, and is not refreshed here."""
    world.change(status=Status.ORPHANED, handed_over_at=1, renew_at=None)
    ask(world, "publish", NAME)
    world.settle(ticks=3)

    assert ("active", []) == (world.document()["status"], world.shop.ledger)
