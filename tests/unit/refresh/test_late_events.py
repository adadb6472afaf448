"""Things that arrive late: answers, comparisons, authorizations, resumptions. Each once ended in a lost seller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.troubles import (
    alerts,
    answers,
    at_its_time,
    fleet,
    kill,
    parked,
    patched,
    refresh_token,
    spoil,
    state,
    vanished,
)
from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, WEEK, World
from fault_rows import fault
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Exemption, Status
from tokensync.domain.errors import FenceLost, PublishUnavailable, StoreUnavailable
from tokensync.domain.work import Work
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.work import DueKey

REFRESHED = (Status.ACTIVE, "A1", ["R0"])


@pytest.fixture
def empty() -> World:
    """A stack without a connection."""
    return World()


def authorize(world: World, code: str = "code-1", invite: str = "one") -> int:
    """Let a seller come back with a code; return the callback's status."""
    browser = Browser(world)
    browser.connect(world.invite(id=invite, for_account=ACCOUNT))
    return browser.back(f"code={code}").status


def refuse_the_end(world: World, place: str, *, times: int = 1) -> None:
    """Let the table not take what is written of an authorization at a place."""
    world.failpoints.run_at(place, lambda: world.authorizations.fail_next("write", StoreUnavailable, times=times))


# --- authorizations


def test_an_authorization_finished_twice_does_not_bring_back_its_old_grant(empty: World) -> None:
    """The connection was made but the end not written: its link opens nothing, and the newer token stays."""
    refuse_the_end(empty, "committed")
    assert 503 == authorize(empty)
    assert 403 == Browser(empty).connect(empty.invite(id="one", for_account=ACCOUNT)).status
    empty.on_demand.refresh(NAME, empty.budget())
    empty.clock.advance(120)
    empty.settle(ticks=15)

    assert ("A2", 2, "R2") == (empty.document()["access_token"], empty.document()["generation"], refresh_token(empty))
    assert [] == empty.shop.doubles


def test_a_callback_whose_authorization_another_took_up_shows_how_that_ended(empty: World) -> None:
    """The callback did nothing past its lease, and the schedule finished for it: the browser is sent to the result."""
    empty.failpoints.run_at("exchange.received", lambda: (empty.clock.advance(120), empty.settle(ticks=3)))

    assert 303 == authorize(empty)
    assert (Status.ACTIVE, "A1", ["code-1"]) == state(empty)


def test_an_older_authorization_finished_late_does_not_replace_a_newer(empty: World) -> None:
    """A callback died after its answer was stored; the seller connected again; the schedule finishes the first."""
    at = empty.clock.now()
    kill(empty, "exchange.received", lambda: authorize(empty))
    empty.clock.set_wall_clock(at + 5)
    assert 303 == authorize(empty, "code-2", "two")
    empty.clock.advance(120)
    empty.settle(ticks=15)

    assert "A2" == empty.document()["access_token"] == empty.grant().access_token.reveal()
    assert empty.stored().generation == empty.document()["generation"]


def test_two_authorizations_in_one_second_both_count(empty: World) -> None:
    """One account consents in two windows at once: the one that is finished last is published and refreshed."""
    at = empty.clock.now()
    assert 303 == authorize(empty)
    empty.clock.set_wall_clock(at)
    assert 303 == authorize(empty, "code-2", "two")
    empty.on_demand.refresh(NAME, empty.budget())

    assert (Status.ACTIVE, "A3", ["code-1", "code-2", "R2"]) == state(empty)
    told = [(entry.event, entry.generation) for entry in empty.stored().history]
    assert [("connection.authorized", 1), ("connection.authorized", 2), ("token.refreshed", 3)] == told


@pytest.mark.parametrize(
    ("times", "status", "told"), [(3, 303, []), (10_000, 503, ["answer.lost"])], ids=["a while", "for good"]
)
def test_an_answered_code_is_kept_trying_until_the_function_ends(
    empty: World, times: int, status: int, told: list[str]
) -> None:
    """Table and queue fail: the answer becomes durable when one of them comes back, or an alert says that none did."""
    refuse_the_end(empty, "answered", times=times)
    empty.queue.refuse = lambda _work: True

    assert (status, told) == (authorize(empty), alerts(empty))
    assert (status == 303) is (empty.secrets.document(NAME) is not None)


def test_a_message_that_brings_a_code_is_taken_up_when_the_callbacks_lease_ends(empty: World) -> None:
    """Not a claim period later: before its end nobody could take it up, and the claim would pass in vain."""
    refuse_the_end(empty, "answered")
    authorize(empty)
    empty.drain()
    ((row, authorization),) = [
        (row, row.record) for key, row in empty.table.rows.items() if key[1].startswith("pending#")
    ]
    assert authorization.lease_until + 1 == row.next_at
    empty.after_lease()
    empty.settle(ticks=2)

    assert "A1" == empty.document()["access_token"]


def test_a_deleted_secret_beside_a_lost_fence_breaks_no_callback(world: World) -> None:
    """The secret is gone and the connection taken over at once: that is no failure of the callback."""
    world.secrets.schedule_deletion(world.secrets.secret(NAME).arn)
    world.connections.before_next("write", lambda: world.connections.fail_next("write", FenceLost))

    assert 303 == authorize(world)


# --- answers


@pytest.mark.parametrize("table", ["up", "down"])
def test_an_answer_of_a_lost_fence_is_used_all_the_same(world: World, table: str) -> None:
    """A second worker came too early and held the connection: the table keeps the first one's answer, or the queue."""

    def early() -> None:
        world.clock.advance(600)  # a clock that is wrong
        assert Result.HELD == world.run().result
        world.clock.advance(-600)
        if table == "down":
            world.connections.fail_next("set_aside", StoreUnavailable)

    world.failpoints.run_at("answered", early)
    assert Result.TAKEN_OVER == world.run().result
    world.drain()

    assert REFRESHED == state(world)


def test_a_held_connection_with_a_new_refresh_token_is_active_again(world: World) -> None:
    """Its last attempt gave an unusable access token beside a good refresh token: that one is tried."""
    world.shop.script += [vanished, patched(access_token="with\nnewline")]
    world.run()
    world.clock.advance(WEEK // 2 - 200)
    world.run()
    world.settle(ticks=3)

    assert (Status.ACTIVE, "A2", ["R0", "R1"]) == state(world)


def test_an_unusable_answer_with_a_new_refresh_token_explains_itself(world: World) -> None:
    """The connection is simply active, and its last error says what came."""
    world.shop.script += [vanished, patched(access_token="with\nnewline")]
    world.run()
    world.run(force=True)
    record = world.stored()

    assert (Status.ACTIVE, "") == (record.status, record.reason)
    assert record.last_error is not None
    assert "unusable_answer" == record.last_error.code


def test_a_dead_worker_is_what_its_last_error_says(world: World) -> None:
    """Nobody knows what was answered: operators see why."""
    kill(world, "answered")
    world.run()
    error = world.stored().last_error

    assert error is not None
    assert ("ambiguous", "no_answer", "the attempt's process ended") == (error.failure, error.code, error.message)


def test_an_answer_that_waited_sealed_is_scheduled_from_its_arrival(world: World) -> None:
    """KMS was down for 50 minutes of a 2 hour token: it is refreshed before it ends, not after."""
    world.shop.life = 7200
    kill(world, "received")
    world.clock.advance(3000)
    world.run()
    record = world.stored()

    assert record.due.renew_at is not None
    assert record.access_expires_at is not None
    assert record.due.renew_at < record.access_expires_at


# --- comparisons


def test_a_comparison_that_is_throttled_is_not_forgotten(world: World) -> None:
    """Secrets Manager fails while the secret is compared: the record remembers what the message asked for."""
    world.run()
    spoil(world)
    world.secrets.fail_next("current_version", PublishUnavailable)
    assert Result.POSTPONED == world.run(compare=True).result
    world.settle(ticks=15)

    assert "A1" == world.document()["access_token"]


def test_a_planned_comparison_outlives_the_leases_before_it(world: World) -> None:
    """A comparison is due when an old lease ends; a refresh in between does not clear it."""
    world.failpoints.raise_at("sent", KeyboardInterrupt("killed"))
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert 303 == authorize(world)
    planned = world.stored().due.compare_at
    world.on_demand.refresh(NAME, world.budget())
    assert planned == world.stored().due.compare_at
    spoil(world)
    world.after_lease()
    world.settle(ticks=3)

    assert world.grant().access_token.reveal() == world.document()["access_token"]


def test_a_planned_comparison_outlives_a_secret_that_cannot_be_written(world: World) -> None:
    """The secret is written again when the old lease has ended, and not before: its holder might overwrite that."""
    planned = world.clock.now() + 65
    world.change(compare_at=planned)
    world.secrets.fail_next("put", PublishUnavailable)
    world.run()

    assert ("unavailable", planned) == (world.stored().unpublished, world.stored().due.compare_at)
    world.settle(ticks=4)
    assert REFRESHED == state(world)


def test_a_planned_comparison_outlives_an_earlier_look(world: World) -> None:
    """Somebody asks for a comparison before an old lease ends: what that lease publishes late is found all the same."""
    world.run()
    planned = world.clock.now() + 300
    world.change(compare_at=planned)
    assert Result.NOTHING_DUE is world.run(compare=True).result
    assert planned == world.stored().due.compare_at == world.stored().due.next_at
    spoil(world)
    world.settle(ticks=8)

    assert ("A1", None) == (world.document()["access_token"], world.stored().due.compare_at)


# --- parked refusals, force, and batches


def test_an_operators_refresh_does_not_end_the_parking_early(world: World) -> None:
    """Until the app's others have spoken a refusal stays set apart, even where an operator asks."""
    parked(world)
    world.clock.advance(30)
    world.on_demand.refresh(NAME, world.budget())

    assert (Status.HELD, "refused") == (world.stored().status, world.stored().reason)


def resumed(world: World) -> None:
    """Let a parked connection's app be paused for a while, and resumed; its token is alive."""
    parked(world)
    world.apps.pause(APP, kind=PauseKind.OPERATOR, why="paused by an operator", now=world.clock.now())
    world.clock.advance(610)
    world.run()
    assert world.stored().due.next_at is not None
    world.apps.resume(APP, now=world.clock.now())
    world.shop.alive.add("R0")


@fault("F18")
@pytest.mark.parametrize("lost", [False, True])
def test_a_resumed_app_asks_each_parked_one_once(world: World, *, lost: bool) -> None:
    """After `app resume` each parked token is presented once more; where that has no answer, a last time."""
    resumed(world)
    if lost:
        world.shop.script.append(answers(world, b"bad gateway", status=502))
        at_its_time(world)
        world.run()
        held = world.stored()
        assert (Status.HELD, "ambiguous", Exemption.LAST_ATTEMPT) == (held.status, held.reason, held.exemption)
        world.clock.advance((held.access_expires_at or 0) - world.clock.now() - 1800)
    world.settle(ticks=15)

    assert (Status.ACTIVE, "active") == (world.stored().status, world.document()["status"])
    assert "A0" != world.document()["access_token"]
    # The one that was lost never reached the provider.
    assert 2 == world.shop.ledger.count("R0")


def test_force_accepts_no_quarantined_connection(world: World) -> None:
    """A refresh must not be what publishes an account that was set apart."""
    record = world.connections.seed(replace(world.stored().with_due(renew_at=None), status=Status.QUARANTINED))
    world.on_demand.refresh(NAME, world.budget(), force=True)

    assert (record, []) == (world.stored(), world.shop.ledger)


def test_a_claim_that_fails_delays_nobody_else(world: World) -> None:
    """What was claimed before the table failed is queued all the same."""
    fleet(world, 5)
    honest, claims = world.connections.claim, iter(range(100))

    def claim(key: DueKey, **how: Any) -> bool:
        if next(claims) == 3:
            raise StoreUnavailable("throttled")
        return honest(key, **how)

    world.connections.claim = claim  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        world.ticker.tick(world.budget())

    assert 3 == len(world.queue.works)


def test_a_closed_batch_presents_nothing_new(world: World) -> None:
    """Once AWS throttles under a batch, a worker at its gate gives the connection back."""
    session = world.session()
    session.closed = True
    result = world.worker.run(Work(connection=NAME), session, world.budget())

    assert (Result.NO_TIME, True, []) == (result.result, result.again, world.shop.ledger)
