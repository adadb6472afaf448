"""`remove` on demand: what it leaves behind, and what a crash or a rival does to it."""

from __future__ import annotations

import pytest

from fakes.login_kit import ask
from fakes.visitors import Browser
from fakes.world import NAME, World, killed
from tokensync.domain.connection import Status
from tokensync.domain.errors import PublishUnavailable, StoreUnavailable
from tokensync.refresh.result import Result


def test_remove_takes_the_secret_and_leaves_a_tombstone(world: World) -> None:
    """The grant is dropped; the name, its history and what a consumer knows it by wait for the account's return."""
    world.change(handed_over_at=1, sealed_consumer=b"sealed")
    answer = ask(world, "remove", NAME, recovery_days=7)
    record = world.stored()

    assert (True, "removed") == (answer["ok"], answer["result"])
    assert (True, 7) == (world.secrets.secret(NAME).deleted, world.secrets.secret(NAME).recovery_days)
    assert (Status.DISCONNECTED, "removed", None) == (record.status, record.reason, record.due.next_at)
    assert (None, None, None) == (record.sealed_grant, record.sealed_answer, record.consumer.handed_over_at)
    assert b"sealed" == record.consumer.sealed_consumer
    assert (world.clock.now(), world.clock.now() + 90 * 86_400) == (record.removed_at, record.ttl)
    assert "connection.removed" == record.history[-1].event
    assert [] == world.shop.ledger


@pytest.mark.parametrize("command", ["refresh", "verify", "revoke", "remove", "publish"])
def test_a_removed_connection_is_not_there(world: World, command: str) -> None:
    """Whatever is asked of it, the answer is: not found."""
    ask(world, "remove", NAME)
    answer = ask(world, command, NAME)

    assert (3, "UnknownConnection") == (answer["exit"], answer["error"]["class"])


def test_a_removed_connection_leaves_the_schedule_alone(world: World) -> None:
    """A message that was on its way, or a comparison, does nothing to it."""
    ask(world, "remove", NAME)
    world.run(compare=True)
    world.settle(ticks=20)

    assert (None, None, True) == (
        world.stored().lease_until, world.stored().due.next_at, world.secrets.secret(NAME).deleted
    )  # fmt: skip


@pytest.mark.parametrize("days", [6, 31, "7", None])
def test_a_recovery_window_that_aws_does_not_have(world: World, days: object) -> None:
    """Seven to thirty days; else nothing is done."""
    assert 2 == ask(world, "remove", NAME, recovery_days=days)["exit"]
    assert Status.ACTIVE is world.stored().status


@pytest.mark.parametrize("secret", ["never published", "gone", "somebody else's"])
def test_a_secret_that_is_not_ours_is_no_hindrance(world: World, secret: str) -> None:
    """The connection is removed all the same, and a secret that is not ours is left alone."""
    if secret == "never published":
        world.change(published=None)
    elif secret == "gone":
        world.secrets.destroy(world.secrets.secret(NAME).arn)
    else:
        world.secrets.secret(NAME).tags.clear()

    assert "removed" == ask(world, "remove", NAME)["result"]
    assert secret == "gone" or not world.secrets.secret(NAME).deleted


def test_a_removal_that_aws_throttles(world: World) -> None:
    """Nothing was removed: the connection goes on, and the same command again removes it."""
    before = world.stored()
    world.secrets.fail_next("delete", PublishUnavailable("throttled"))
    assert 5 == ask(world, "remove", NAME)["exit"]
    record = world.stored()

    assert (before.status, before.history, before.due.renew_at) == (record.status, record.history, record.due.renew_at)
    assert "removed" == ask(world, "remove", NAME)["result"]


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.REAUTHORIZE])
def test_a_removal_whose_answer_got_lost(world: World, status: Status) -> None:
    """The secret may be on its way out: the connection that was not removed gets it back by itself."""
    world.change(status=status, renew_at=None)
    world.secrets.fail_next("delete", PublishUnavailable("lost"), after_commit=True)
    assert 5 == ask(world, "remove", NAME)["exit"]
    world.settle(ticks=2)

    assert (status, status.value) == (world.stored().status, world.document()["status"])
    assert [] == world.alerts.told


@pytest.mark.parametrize("place", ["before", "deleted"])
def test_the_next_worker_finishes_a_removal_that_died(world: World, place: str) -> None:
    """The account's own event arrives beside it: its secret does not come back, whatever was asked for."""
    if place == "before":
        world.secrets.fail_next("delete", killed())
    else:
        world.failpoints.raise_at("deleted", killed())
    world.connections.before_next(
        "write", lambda: world.connections.note_deauthorized(NAME, at=world.clock.now(), now=world.clock.now())
    )
    with pytest.raises(KeyboardInterrupt):
        ask(world, "remove", NAME)
    world.after_lease()

    assert not world.stored().publishing_is_due()
    assert Result.REMOVED is world.run(compare=True).result
    assert (None, True) == (world.published(), world.secrets.secret(NAME).deleted)
    assert (None, None) == (world.stored().due.next_at, world.stored().authorized.deauthorized_at)
    assert world.stored().removed_at is not None


@pytest.mark.parametrize("throttled", [False, True])
def test_a_removal_that_died_is_finished_by_the_schedule(world: World, *, throttled: bool) -> None:
    """Killed between the secret and the record, it ends a minute later, or when Secrets Manager takes it."""
    with world.dies_at("deleted"):
        ask(world, "remove", NAME)
    between = world.stored()
    world.after_lease()
    if throttled:
        world.secrets.fail_next("delete", PublishUnavailable("throttled"))
        assert Result.POSTPONED is world.run(compare=True).result
    world.settle(ticks=5)
    record = world.stored()

    assert (Status.DISCONNECTED, None) == (between.status, between.removed_at)
    assert (Status.DISCONNECTED, None) == (record.status, record.due.next_at)
    assert record.removed_at is not None
    assert world.secrets.secret(NAME).deleted


def test_removed_connections_say_nothing_of_the_app(world: World) -> None:
    """One connection is left of a fleet: its refusal is its own, and waits for no other's outcome."""
    for name in world.fleet(25):
        ask(world, "remove", name)
    world.shop.alive.discard("R0")

    world.settle(ticks=20)
    assert (Status.REAUTHORIZE, 2) == (world.stored().status, world.shop.ledger.count("R0"))


def reconnect(world: World) -> None:
    """Let the seller authorize again."""
    Browser(world).authorize()


def test_reconnecting_restores_what_we_removed(world: World) -> None:
    """The seller comes back: the same secret is there again, with the new token, and the connection is active."""
    arn = world.secrets.secret(NAME).arn
    ask(world, "remove", NAME)
    reconnect(world)
    record = world.stored()

    assert (Status.ACTIVE, None, None) == (record.status, record.removed_at, record.ttl)
    assert record.published is not None
    assert (arn, False) == (record.published.arn, record.published.removed)
    assert "A1" == world.published()


def test_reconnecting_after_the_recovery_window(world: World) -> None:
    """The old secret is gone for good: a new one is made."""
    ask(world, "remove", NAME)
    world.secrets.destroy(world.secrets.secret(NAME).arn)
    reconnect(world)

    assert ("A1", Status.ACTIVE) == (world.published(), world.stored().status)


def test_a_secret_that_somebody_else_deleted_stays_gone(world: World) -> None:
    """Only what we removed comes back by itself."""
    world.secrets.schedule_deletion(world.secrets.secret(NAME).arn)
    reconnect(world)

    assert (Status.ORPHANED, None) == (world.stored().status, world.published())


def test_a_seller_who_comes_back_in_mid_removal(world: World) -> None:
    """The new grant is kept, and its secret can be read in the end: the removal gives way."""
    world.failpoints.run_at("deleted", lambda: reconnect(world))
    answer = ask(world, "remove", NAME)
    world.settle(ticks=5)

    assert (5, "taken_over") == (answer["exit"], answer["result"])
    assert (Status.ACTIVE, "A1") == (world.stored().status, world.published())


def test_a_removal_that_cannot_be_taken_back(world: World) -> None:
    """The restoration failed: the comparison that follows finds the secret gone, and an operator hears."""

    def come_back() -> None:
        reconnect(world)
        world.secrets.schedule_deletion(world.secrets.secret(NAME).arn)
        world.secrets.fail_next("restore", PublishUnavailable("throttled"))

    world.failpoints.run_at("deleted", come_back)
    ask(world, "remove", NAME)
    world.drain()

    assert Status.ORPHANED is world.stored().status


def test_removing_what_was_never_published_in_mid_return(world: World) -> None:
    """There is no secret to give back."""
    world.change(published=None)
    world.failpoints.run_at("deleted", lambda: reconnect(world))

    assert "taken_over" == ask(world, "remove", NAME)["result"]


def test_a_removal_whose_mark_got_no_answer_is_finished_by_the_schedule(world: World) -> None:
    """The mark is written and its worker heard nothing of it: nobody has to say it twice."""
    world.failpoints.run_at("leased", lambda: world.connections.fail_next("write", StoreUnavailable, after_commit=True))
    ask(world, "remove", NAME)
    world.after_lease()
    world.settle(ticks=3)

    assert world.stored().removed_at is not None
    assert world.secrets.secret(NAME).deleted
