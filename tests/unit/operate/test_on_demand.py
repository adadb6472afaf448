"""Work on demand: the holder of the lease, an unfinished attempt and a refresh that others ask for too."""

from __future__ import annotations

import pytest

from fakes.login_kit import LOGIN, Login, ask
from fakes.world import APP, NAME, World
from fault_rows import fault
from tokensync.domain.app_state import voice
from tokensync.domain.connection import Phase, Status
from tokensync.domain.errors import SealingUnavailable
from tokensync.refresh.result import Result


@pytest.mark.usefixtures("login")
def test_an_operator_waits_for_the_holder(world: World) -> None:
    """A lease that is held elsewhere is waited for, and never broken."""
    held = world.connections.lease(LOGIN, now=world.clock.now(), until=world.clock.now() + 10, even_if_not_due=True)
    answer = ask(world, "revoke")

    assert (True, held.fence + 1) == (answer["ok"], world.stored(LOGIN).fence)
    assert sum(world.clock.slept) > 10


def test_a_holder_that_outlives_the_command(world: World, login: Login) -> None:
    """Then the answer is: later."""
    world.connections.lease(LOGIN, now=world.clock.now(), until=world.clock.now() + 999, even_if_not_due=True)
    answer = ask(world, "revoke")

    assert (5, "leased_elsewhere", []) == (answer["exit"], answer["result"], login.asked)


def test_too_little_time_presents_nothing(world: World, login: Login) -> None:
    """A function near its end asks nobody, and lets the connection go."""
    world.seconds = 12
    answer = ask(world, "revoke")

    assert (5, "no_time", [], None) == (answer["exit"], answer["result"], login.asked, world.stored(LOGIN).lease_until)


def test_an_unfinished_attempt_comes_first(world: World, login: Login) -> None:
    """A stored answer is concluded before the connection is revoked, so that the token revoked is the newest."""
    with world.dies_at("received"):
        ask(world, "refresh")
    world.after_lease()
    answer = ask(world, "revoke")

    assert (True, Phase.IDLE, 2) == (answer["ok"], world.stored(LOGIN).phase, world.stored(LOGIN).generation)
    assert ("/v2/oauth/revoke/", "L1") == login.asked[-1]


def test_a_key_that_cannot_be_had_is_not_asked_for_without_end(world: World, login: Login) -> None:
    """KMS opens nothing: after a few tries the answer is later."""
    for _ in range(3):
        world.sealer.fail_next("open", SealingUnavailable("disabled"))
    answer = ask(world, "revoke")

    assert (5, []) == (answer["exit"], login.asked)


@pytest.mark.parametrize(("seen", "generation", "shown"), [(None, 3, ["R0", "R1"]), (1, 2, ["R0"])])
def test_an_operator_refreshes_now(world: World, seen: int | None, generation: int, shown: list[str]) -> None:
    """`refresh` refreshes what is not due, unless a newer generation than the one seen is there already."""
    world.run()
    done = world.on_demand.refresh(NAME, world.budget(), **({} if seen is None else {"generation": seen}))

    assert (Result.REFRESHED, shown) == (done.result, world.shop.ledger)
    assert done.record is not None
    assert generation == done.record.generation


@fault("F10")
def test_rotation_and_two_operators_make_one_call(world: World) -> None:
    """All at once: one provider call, and everybody gets the current token."""
    generations: list[int] = []

    def operator() -> None:
        result = world.on_demand.refresh(NAME, world.budget(), generation=1)
        assert result.record is not None
        generations.append(result.record.generation)

    world.failpoints.run_at("published", operator)
    world.failpoints.run_at("committed", operator)
    world.clock.sleep = world.clock.advance  # type: ignore[method-assign]
    world.run()
    operator()

    assert ["R0"] == world.shop.ledger
    assert [2, 2] == generations[-2:]


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (Status.REAUTHORIZE, Result.REAUTHORIZE),
        (Status.DISCONNECTED, Result.REAUTHORIZE),
        (Status.QUARANTINED, Result.HELD),
        (Status.ORPHANED, Result.ORPHANED),
    ],
)
def test_a_connection_that_no_refresh_helps_is_not_touched(world: World, status: Status, result: Result) -> None:
    """Without --force nothing is presented for it and its record stays as it is."""
    record = world.change(status=status, renew_at=None, refresh_at=None, next_at=None)

    assert result == world.on_demand.refresh(NAME, world.budget()).result
    assert record == world.stored()


def test_refusals_on_demand_are_weighed_too(world: World) -> None:
    """An operator's refresh is noted like the schedule's."""
    world.shop.alive.clear()
    world.on_demand.refresh(NAME, world.budget())

    assert {voice(NAME.account)} == world.apps.state(APP).refused
