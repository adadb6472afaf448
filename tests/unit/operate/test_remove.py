"""`remove` on demand: what it leaves behind, and what a crash or a rival does to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.login_kit import ask
from fakes.world import APP, NAME, World, killed
from tokensync.domain.connection import Status
from tokensync.domain.errors import PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.refresh.result import Result


def test_remove_takes_the_secret_and_leaves_a_tombstone(world: World) -> None:
    """The secret's deletion is scheduled, the grant is dropped, and the name, its numbers and its history stay."""
    answer = ask(world, "remove", NAME, recovery_days=7)
    record = world.stored()

    assert (True, "removed") == (answer["ok"], answer["result"])
    assert (True, 7) == (world.secrets.secret(NAME).deleted, world.secrets.secret(NAME).recovery_days)
    assert (Status.DISCONNECTED, "removed", None, None) == (
        record.status, record.reason, record.sealed_grant, record.due.next_at
    )  # fmt: skip
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


def test_a_connection_that_was_never_published_is_removed(world: World) -> None:
    """There is no secret to delete."""
    world.connections.seed(replace(world.stored(), published=None))

    assert "removed" == ask(world, "remove", NAME)["result"]
    assert not world.secrets.secret(NAME).deleted


def test_a_secret_that_is_gone_is_no_hindrance(world: World) -> None:
    """Somebody deleted it for good: the connection is removed all the same."""
    published = world.stored().published
    assert published is not None
    world.secrets.destroy(published.arn)

    assert "removed" == ask(world, "remove", NAME)["result"]


def test_a_secret_of_somebody_else_is_left_alone(world: World) -> None:
    """A secret that lost our tag is not deleted; the connection is removed."""
    world.secrets.secret(NAME).tags.clear()

    assert "removed" == ask(world, "remove", NAME)["result"]
    assert not world.secrets.secret(NAME).deleted


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
    world.connections.seed(replace(world.stored().with_due(renew_at=None), status=status))
    world.secrets.fail_next("delete", PublishUnavailable("lost"), after_commit=True)
    assert 5 == ask(world, "remove", NAME)["exit"]
    world.settle(ticks=2)

    assert (status, status.value) == (world.stored().status, world.document()["status"])
    assert [] == world.alerts.told


@pytest.mark.parametrize("place", ["before", "deleted"])
def test_whoever_comes_after_a_removal_that_died_finishes_it(world: World, place: str) -> None:
    """The account's own notice arrives beside it: its secret does not come back, whatever was asked for."""
    if place == "before":
        world.secrets.before_next("delete", _die)
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
    assert (None, True) == (world.secrets.document(NAME), world.secrets.secret(NAME).deleted)
    assert (None, None) == (world.stored().due.next_at, world.stored().authorized.deauthorized_at)
    assert world.stored().removed_at is not None


def _die() -> None:
    raise killed()


def test_a_removal_that_cannot_be_finished_now_is_finished_later(world: World) -> None:
    """Secrets Manager throttles whoever finishes it: the schedule tries again."""
    world.failpoints.raise_at("deleted", killed())
    with pytest.raises(KeyboardInterrupt):
        ask(world, "remove", NAME)
    world.after_lease()
    world.secrets.fail_next("delete", PublishUnavailable("throttled"))
    assert Result.POSTPONED is world.run(compare=True).result
    world.settle(ticks=3)

    assert world.stored().removed_at is not None
    assert world.secrets.secret(NAME).deleted


def test_removed_connections_do_not_feed_the_breaker(world: World) -> None:
    """One connection is left of a large fleet: its refusal is its own, and waits for no other's."""
    for index in range(25):
        name = ConnectionName(APP, f"s{index}")
        world.connected(name, refresh_token=f"F{index}")
        ask(world, "remove", name)
    world.shop.alive.discard("R0")

    assert Result.REAUTHORIZE is world.run().result


def test_a_removal_that_died_is_finished(world: World) -> None:
    """Killed between the secret and the record, it is ended by the same command, or by the schedule a minute later."""
    world.failpoints.raise_at("deleted", killed())
    with pytest.raises(KeyboardInterrupt):
        ask(world, "remove", NAME)
    between = world.stored()
    world.after_lease()
    world.settle(ticks=5)
    ended = world.stored()

    assert (Status.DISCONNECTED, None) == (between.status, between.removed_at)
    assert (Status.DISCONNECTED, None) == (ended.status, ended.due.next_at)
    assert ended.removed_at is not None
    assert world.secrets.secret(NAME).deleted


def reconnect(world: World, code: str = "code-1") -> None:
    """Let the seller authorize again."""
    away = world.seller_pages.connect(APP, world.invite(id=code), (), base_url=world.base_url)
    cookie = away.cookies[0].partition(";")[0]
    state = away.headers["location"].partition("state=")[2].partition("&")[0]
    world.seller_pages.callback(APP, f"code={code}&state={state}", (cookie,), world.budget(), base_url=world.base_url)


def test_reconnecting_restores_what_we_removed(world: World) -> None:
    """The seller comes back: the same secret is there again, with the new token, and the connection is active."""
    arn = world.secrets.secret(NAME).arn
    ask(world, "remove", NAME)
    reconnect(world)
    record = world.stored()

    assert (Status.ACTIVE, None, None) == (record.status, record.removed_at, record.ttl)
    assert record.published is not None
    assert (arn, False) == (record.published.arn, record.published.removed)
    assert "A1" == world.document()["access_token"]


def test_reconnecting_after_the_recovery_window(world: World) -> None:
    """The old secret is gone for good: a new one is made."""
    ask(world, "remove", NAME)
    world.secrets.destroy(world.secrets.secret(NAME).arn)
    reconnect(world)

    assert ("A1", Status.ACTIVE) == (world.document()["access_token"], world.stored().status)


def test_a_secret_that_somebody_else_deleted_stays_gone(world: World) -> None:
    """Only what we removed comes back by itself."""
    world.secrets.schedule_deletion(world.secrets.secret(NAME).arn)
    reconnect(world)

    assert (Status.ORPHANED, None) == (world.stored().status, world.secrets.document(NAME))


def test_a_seller_who_comes_back_in_mid_removal(world: World) -> None:
    """The new grant stands, and its secret can be read in the end: the removal gives way."""
    world.failpoints.run_at("deleted", lambda: reconnect(world))
    answer = ask(world, "remove", NAME)
    world.settle(ticks=5)

    assert (5, "taken_over") == (answer["exit"], answer["result"])
    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])


def test_a_removal_that_cannot_be_taken_back_is_told(world: World) -> None:
    """The restoration failed: the comparison that follows finds the secret gone, and an operator is told."""

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
    world.connections.seed(replace(world.stored(), published=None))
    world.failpoints.run_at("deleted", lambda: reconnect(world))

    assert "taken_over" == ask(world, "remove", NAME)["result"]


def test_a_tombstone_holds_no_grant(world: World) -> None:
    """The tokens are dropped; what a consumer knows it by waits for the account's return."""
    world.connections.seed(world.stored().with_consumer(handed_over_at=1, sealed_consumer=b"sealed"))
    ask(world, "remove", NAME)
    record = world.stored()

    assert (None, None, None) == (record.sealed_grant, record.sealed_answer, record.consumer.handed_over_at)
    assert b"sealed" == record.consumer.sealed_consumer


def test_a_removal_whose_mark_got_no_answer_is_finished_by_the_schedule() -> None:
    """The mark stands and its worker heard nothing of it: nobody has to say it twice."""
    world = World()
    world.connected()
    world.failpoints.run_at("leased", lambda: world.connections.fail_next("write", StoreUnavailable, after_commit=True))
    world.commands.answer({"tokensync": "remove", "connection": str(NAME)}, world.budget())
    world.after_lease()
    world.settle(ticks=3)

    assert world.stored().removed_at is not None
    assert world.secrets.secret(NAME).deleted
