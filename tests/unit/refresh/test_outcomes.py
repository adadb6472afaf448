"""Stories of whole apps: what their connections' outcomes say together decides, over hours and days of the schedule."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from fakes.troubles import alerts
from fakes.visitors import Browser
from fakes.world import APP, World
from fault_rows import fault
from field_rows import field
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Exemption, Status
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse

MINUTE, HOUR, DAY = 60, 3600, 86_400
REFUSED = {"code": 36004005, "message": "refresh token invalid"}
WRONG_CLIENT = {"code": 36009999, "message": "invalid app_key"}


class Moody:
    """Lets a world's provider answer each account as it is told; every presentation is noted with its time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.says: Callable[[str], dict[str, Any] | None] = lambda _account: None
        self.asked: list[tuple[str, int]] = []
        self._honest = world.shop.token
        world.shop.token = self.token  # type: ignore[method-assign]

    def token(self, presented: str) -> ProviderResponse:
        """Answer one presentation."""
        account = self.world.shop.owners.get(presented, "")
        self.asked.append((account, self.world.clock.now()))
        body = self.says(account)
        return self._honest(presented) if body is None else self.world.shop.answer(body)

    def times(self, *accounts: str) -> int:
        """Return how often tokens of these accounts were presented, of all without any."""
        return sum(not accounts or account in accounts for account, _ in self.asked)


@pytest.fixture
def world() -> World:
    """Return a world with no connection yet."""
    return World()


@pytest.fixture
def provider(world: World) -> Moody:
    """Return its provider."""
    return Moody(world)


def due_each(world: World, names: list[ConnectionName], seconds: int) -> None:
    """Let one connection after the other fall due, so many seconds apart."""
    for index, name in enumerate(names):
        at = world.clock.now() + index * seconds
        world.change(name, renew_at=at, refresh_at=at, next_at=at)


def lasting(world: World, seconds: int) -> None:
    """Let the schedule run for so long."""
    world.settle(ticks=seconds // MINUTE)


def statuses(world: World, names: list[ConnectionName]) -> Counter[tuple[str, str]]:
    """Return how many connections are in each state."""
    return Counter((world.stored(name).status.value, str(world.stored(name).reason)) for name in names)


WELL = ("active", "")


@fault("F18")
@field("A16")
def test_a_slow_fleet_is_refused_for_half_a_day(world: World, provider: Moody) -> None:
    """59 of 500 fall due within twelve hours: two refusals stop the app, and nobody is asked back."""
    names = world.fleet(500)
    due_each(world, names, 12 * MINUTE)
    provider.says = lambda _account: REFUSED
    lasting(world, 12 * HOUR)

    assert world.apps.state(APP).paused_kind == "refused"
    assert ["app.breaker_tripped"] == alerts(world)
    assert {"active", "held"} == {status for status, _ in statuses(world, names)}
    assert 2 < provider.times() <= 25
    provider.says = lambda _account: None
    lasting(world, 4 * HOUR)

    assert ["app.breaker_tripped", "app.resumed"] == alerts(world)
    assert {WELL: 500} == statuses(world, names)
    assert "" == world.apps.state(APP).paused


@fault("F18")
@field("A16")
@pytest.mark.parametrize("apart", [0, 20, 80], ids=["at once", "within a minute and a half", "over minutes"])
def test_four_of_six_are_refused_while_the_provider_is_ill(world: World, provider: Moody, apart: int) -> None:
    """None is asked to come back, one alert is sent, and each one comes back by itself when the provider is well."""
    names = world.fleet(6)
    due_each(world, names[:4], apart)
    due_each(world, [names[5], names[4]], DAY)
    world.change(names[5], renew_at=world.clock.now() + DAY, refresh_at=None, next_at=world.clock.now() + DAY)
    provider.says = lambda _account: REFUSED
    lasting(world, 3 * HOUR)

    assert ["app.breaker_tripped"] == alerts(world)
    assert not [status for status, _ in statuses(world, names) if status == "reauthorize"]
    provider.says = lambda _account: None
    lasting(world, 3 * HOUR)
    assert {WELL: 6} == statuses(world, names)


@field("A16")
@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("apart", [0, 70])
def test_who_is_refused_beside_successes_is_asked_to_come_back(
    world: World, provider: Moody, size: int, apart: int
) -> None:
    """From two connections on: a success of another decides within minutes, and nothing is presented twice."""
    names = world.fleet(size)
    due_each(world, names, apart)
    provider.says = lambda account: REFUSED if account == "seller-0000" else None
    lasting(world, 15 * MINUTE)

    assert {WELL: size - 1, ("reauthorize", "refused"): 1} == statuses(world, names)
    assert (["connection.reauthorize"], 1) == (alerts(world), provider.times("seller-0000"))


@field("A16")
def test_two_who_left_do_not_stop_the_others(world: World, provider: Moody) -> None:
    """They stop the app for as long as nobody else is due; the first success decides about them."""
    names = world.fleet(4)
    due_each(world, names, 30 * MINUTE)
    gone = ("seller-0000", "seller-0001")
    provider.says = lambda account: REFUSED if account in gone else None
    lasting(world, 3 * HOUR)

    assert {WELL: 2, ("reauthorize", "refused"): 2} == statuses(world, names)
    assert ["app.breaker_tripped", "app.resumed"] == alerts(world)[:2]
    assert "" == world.apps.state(APP).paused


@field("A16")
def test_a_lone_connection_is_asked_once_more(world: World, provider: Moody) -> None:
    """Nobody can speak beside it: ten minutes later its token is presented once more, and then the refusal counts."""
    (name,) = world.fleet(1)
    provider.says = lambda _account: REFUSED
    lasting(world, 9 * MINUTE)
    assert (1, Status.HELD) == (provider.times(), world.stored(name).status)
    lasting(world, 30 * MINUTE)

    assert (2, Status.REAUTHORIZE) == (provider.times(), world.stored(name).status)
    attempt = world.stored(name).attempt
    assert attempt is not None
    assert Exemption.PROBE is attempt.exemption


@field("A16")
def test_a_lone_connection_that_was_refused_by_mistake(world: World, provider: Moody) -> None:
    """The second time it is taken, and nothing was told to anyone."""
    (name,) = world.fleet(1)
    provider.says = lambda _account: REFUSED if provider.times() < 2 else None
    lasting(world, 30 * MINUTE)

    assert (Status.ACTIVE, []) == (world.stored(name).status, alerts(world))


@fault("F19")
@field("A4")
def test_one_poison_among_five_healthy_ones(world: World, provider: Moody) -> None:
    """For two weeks it alone is held, with the reason, and is asked hourly; the app never stops."""
    names = world.fleet(6)
    due_each(world, names, 11 * HOUR)
    world.change(names[0], access_expires_at=world.clock.now() + 30 * DAY)
    provider.says = lambda account: WRONG_CLIENT if account == "seller-0000" else None
    for _ in range(14 * 24):
        lasting(world, HOUR)
        assert "" == world.apps.state(APP).paused

    assert {WELL: 5, ("held", "configuration"): 1} == statuses(world, names)
    assert ["connection.held"] == alerts(world)
    assert 14 * 20 <= provider.times("seller-0000") <= 14 * 30
    error = world.stored(names[0]).last_error
    assert error is not None
    assert ("configuration", "36009999", "invalid app_key") == (error.failure, error.code, error.message)
    provider.says = lambda _account: None
    lasting(world, 3 * HOUR)
    assert {WELL: 6} == statuses(world, names)


@fault("F19")
@field("A4")
@pytest.mark.parametrize("apart", [0, 10, 40 * MINUTE], ids=["at once", "within a minute", "over hours"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_wrong_client_secret_under_all(world: World, provider: Moody, size: int, apart: int) -> None:
    """A quorum pauses the app, no connection stays changed, and it runs again by itself once the secret is mended."""
    names = world.fleet(size)
    due_each(world, names, apart)
    provider.says = lambda _account: WRONG_CLIENT
    lasting(world, 6 * HOUR)

    assert "configuration" == world.apps.state(APP).paused_kind
    assert 1 == alerts(world).count("app.paused")
    if apart < MINUTE:
        assert ["app.paused"] == alerts(world)
    assert {WELL: size} == statuses(world, names)
    provider.says = lambda _account: None
    lasting(world, 4 * HOUR)

    assert {WELL: size} == statuses(world, names)
    assert "app.resumed" == alerts(world)[-1]
    assert {"A0"}.isdisjoint(world.published(name) for name in names)


@fault("F19")
@field("A4")
def test_a_paused_app_is_probed_at_growing_intervals(world: World, provider: Moody) -> None:
    """One presentation at a time, each about twice as much later than the one before, and one an hour at last."""
    names = world.fleet(30)
    provider.says = lambda _account: WRONG_CLIENT
    lasting(world, 12 * HOUR)
    probes = sorted({at for _, at in provider.asked})[1:]

    assert 12 <= len(probes) <= 18
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert gaps == sorted(gaps) or max(gaps) <= HOUR + 5 * MINUTE
    assert len(provider.asked) == 30 + len(probes)
    assert {WELL: 30} == statuses(world, names)


@field("A4")
def test_a_resumed_app_is_not_paused_by_the_poison_again(world: World, provider: Moody) -> None:
    """Whether an operator let it run again or a probe did: the one bad connection is one voice."""
    names = world.fleet(5)
    provider.says = lambda _account: WRONG_CLIENT
    lasting(world, HOUR)
    assert world.apps.state(APP).paused
    provider.says = lambda account: WRONG_CLIENT if account == "seller-0003" else None
    world.apps.resume(APP, now=world.clock.now())
    lasting(world, 6 * HOUR)

    assert {WELL: 4, ("held", "configuration"): 1} == statuses(world, names)
    assert "" == world.apps.state(APP).paused
    assert ["app.paused", "connection.held"] == alerts(world)


@field("A16")
def test_short_lived_tokens_of_a_fleet_that_is_refused_for_hours(world: World, provider: Moody) -> None:
    """Their access tokens end meanwhile, which workloads read; nobody is asked back, and no mail goes out for each."""
    world.shop.life = HOUR
    names = world.fleet(12)
    lasting(world, MINUTE)
    assert {WELL: 12} == statuses(world, names)
    provider.says = lambda _account: REFUSED
    lasting(world, 5 * HOUR)

    assert {("reauthorize", "ended"): 12} == statuses(world, names)
    assert {"reauthorize"} == {world.document(name)["status"] for name in names}
    assert ["app.breaker_tripped"] == alerts(world)
    asked = provider.times()
    assert asked <= 12 + 24  # each refreshed, then once before its end at most, out of turn, and the probes
    provider.says = lambda _account: None
    lasting(world, 3 * HOUR)
    assert {WELL: 12} == statuses(world, names)
    assert ["app.breaker_tripped", "app.resumed"] == alerts(world)


@field("A16")
def test_a_healthy_connection_outlives_two_who_left(world: World, provider: Moody) -> None:
    """Its token would end before the next probe: it is the next probe, whenever the two were asked last."""
    world.shop.life = HOUR
    names = world.fleet(3)
    lasting(world, MINUTE)
    gone = ("seller-0000", "seller-0001")
    provider.says = lambda account: REFUSED if account in gone else None
    healthy = names[2]
    lives = []
    for _ in range(6 * 60):
        lasting(world, MINUTE)
        lives.append((world.stored(healthy).access_expires_at or 0) - world.clock.now())

    assert min(lives) > 0
    assert Status.ACTIVE is world.stored(healthy).status
    assert {Status.REAUTHORIZE} == {world.stored(name).status for name in names[:2]}
    assert "" == world.apps.state(APP).paused


@field("A16")
def test_a_mass_of_refusals_beside_a_few_successes(world: World, provider: Moody) -> None:
    """Six of ten at once are no sellers who left: they come back when the provider is well a little later."""
    names = world.fleet(10)
    ill = {f"seller-{number:04}" for number in range(6)}
    provider.says = lambda account: REFUSED if account in ill else None
    lasting(world, 5 * MINUTE)
    assert {WELL: 4, ("held", "refused"): 6} == statuses(world, names)
    provider.says = lambda _account: None
    lasting(world, 2 * HOUR)

    assert {WELL: 10} == statuses(world, names)
    assert ["app.breaker_tripped", "app.resumed"] == alerts(world)


@field("A4", "A16")
@pytest.mark.parametrize("says", [REFUSED, WRONG_CLIENT], ids=["refused", "configuration"])
def test_an_operators_pause_is_never_probed(world: World, provider: Moody, says: dict[str, Any]) -> None:
    """It takes the place of the app's own, and lasts until the operator ends it."""
    names = world.fleet(4)
    provider.says = lambda _account: says
    lasting(world, 5 * MINUTE)
    world.apps.pause(APP, kind=PauseKind.OPERATOR, why="paused by an operator", now=world.clock.now())
    asked = provider.times()
    provider.says = lambda _account: None
    lasting(world, DAY)
    assert asked == provider.times()
    world.apps.resume(APP, now=world.clock.now())
    lasting(world, HOUR)
    assert {WELL: 4} == statuses(world, names)


@field("A16")
def test_a_prober_that_dies_only_delays(world: World, provider: Moody) -> None:
    """The next one takes its place: nothing but the record says that a probe was claimed."""
    names = world.fleet(4)
    provider.says = lambda _account: REFUSED
    lasting(world, 10 * MINUTE)
    provider.says = lambda _account: None
    probes = world.apps.state(APP).probes
    with world.dies_at("sent"):
        lasting(world, HOUR)
    assert probes < world.apps.state(APP).probes
    world.after_lease()
    lasting(world, 5 * HOUR)

    assert {WELL: 3, ("held", "ambiguous"): 1} == statuses(world, names)
    assert "" == world.apps.state(APP).paused


@field("A16")
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_probe_without_a_verdict_is_none(world: World, provider: Moody, status: int) -> None:
    """A provider that is busy or broken leaves the app paused, and the next probe comes later."""
    world.fleet(5)
    provider.says = lambda _account: REFUSED
    lasting(world, 5 * MINUTE)
    before = provider.times()
    honest = world.shop.token
    world.shop.token = lambda _shown: world.shop.answer({}, status=status)  # type: ignore[method-assign]
    lasting(world, 2 * HOUR)
    world.shop.token = honest  # type: ignore[method-assign]

    state = world.apps.state(APP)
    assert ("refused", before) == (state.paused_kind, provider.times())
    assert state.probes >= 3


@field("A4")
@pytest.mark.parametrize("says", [REFUSED, WRONG_CLIENT], ids=["refused", "configuration"])
def test_imports_that_never_worked_pause_nothing(world: World, provider: Moody, says: dict[str, Any]) -> None:
    """Alone, and as voices beside one that worked: ten tokens of another client are no verdict on the app."""
    provider.says = lambda account: None if account == "seller-0000" else says
    (healthy,) = world.fleet(1)
    for number in range(10):
        world.ask("import", app=APP, account=f"brought-{number}", refresh_token=f"B{number}")
    lasting(world, 6 * HOUR)

    assert "" == world.apps.state(APP).paused
    assert Status.ACTIVE is world.stored(healthy).status
    brought = statuses(world, [ConnectionName(APP, f"brought-{number}") for number in range(10)])
    assert {("reauthorize", "refused") if says is REFUSED else ("held", "configuration"): 10} == brought
    assert not [kind for kind in alerts(world) if kind.startswith("app.")]


@field("A4")
def test_a_client_secret_that_was_replaced_meanwhile_is_not_counted(world: World, provider: Moody) -> None:
    """What a worker heard under the old secret pauses nothing under the new one."""
    names = world.fleet(5)

    def replaced(_account: str) -> dict[str, Any]:
        world.apps.update(replace(world.app, client_secret=Secret("the new one")))
        return WRONG_CLIENT

    provider.says = replaced
    world.settle(ticks=1)

    assert ("", []) == (world.apps.state(APP).paused, alerts(world))
    provider.says = lambda _account: None
    lasting(world, HOUR)
    assert {WELL: 5} == statuses(world, names)


@field("A16")
def test_an_app_whose_sellers_all_left_takes_them_back(world: World, provider: Moody) -> None:
    """A refused app lets sellers authorize: nothing else would ever end its pause."""
    names = world.fleet(3)
    provider.says = lambda _account: REFUSED
    lasting(world, HOUR)
    assert "refused" == world.apps.state(APP).paused_kind
    provider.says = lambda account: REFUSED if account.startswith("seller") else None
    Browser(world).authorize()
    assert Status.ACTIVE is world.stored().status
    at = world.clock.now() + HOUR
    world.change(renew_at=at, refresh_at=at, next_at=at)
    lasting(world, 4 * HOUR)

    assert ("", 2) == (world.apps.state(APP).paused, world.stored().generation)
    assert {("reauthorize", "refused"): 3} == statuses(world, names)


def test_the_outcomes_of_a_batch_cost_one_write(world: World, provider: Moody) -> None:
    """Whatever they are, and however many connections it has."""
    world.fleet(10)
    provider.says = lambda account: REFUSED if account in ("seller-0001", "seller-0002") else None
    world.apps.calls.clear()
    world.ticker.tick(world.budget())
    world.drain()

    assert {"get": 1, "state": 1, "note": 1} == dict(world.apps.calls)


def test_outcomes_that_cannot_be_noted_mark_nobody(world: World, provider: Moody) -> None:
    """They are hints: the table is down as they are written, and the refused wait for others."""
    names = world.fleet(3)
    provider.says = lambda account: REFUSED if account == "seller-0001" else None
    world.apps.fail_next("note", StoreUnavailable)
    lasting(world, HOUR)

    assert {WELL: 2, ("held", "refused"): 1} == statuses(world, names)
    assert "outcomes.not_noted" in world.log.events()
