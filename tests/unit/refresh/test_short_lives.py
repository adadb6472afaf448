"""One dead worker, or one lost message, at the worst moment: no token ends, whatever its life from 15 minutes up."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from dataclasses import field as made
from typing import TYPE_CHECKING

import pytest

from fakes.troubles import aged
from fakes.world import World
from field_rows import field
from tokensync.refresh.schedule import renew_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.names import ConnectionName
    from tokensync.domain.work import Work

LIVES = (900, 1200, 1800, 2400, 3600, 7200)
TICK, VISIBILITY, WAY, BATCH, STEP = (
    60,
    360,
    15,
    10,
    5,
)  # seconds; `WAY` is what queue, cold start and provider take together


@dataclass
class Stack:
    """A stack as it lives: a tick each minute, a queue that delivers again what nobody deleted, workers side by side.

    `spoils` says of the messages that a tick queued what becomes of them: they are lost, their worker dies at a place
    of the protocol, or nothing happens.
    """

    world: World
    phase: int
    spoils: Callable[[int], str]
    events: list[tuple[int, int, tuple[Work, ...], str]] = made(default_factory=list)
    ended: list[str] = made(default_factory=list)
    hurt: int = 0

    def live(self, names: list[ConnectionName], *, seconds: int) -> None:
        """Let time pass in small steps, and look at what a workload reads after each of them."""
        for second in range(0, seconds, STEP):
            if (second + self.phase) % TICK == 0:
                self._tick(second)
            while self.events and self.events[0][0] <= second:
                self._deliver(second, *heapq.heappop(self.events)[2:])
            for name in names:
                read = self.world.document(name)
                if read["expires_at"] <= self.world.clock.now():
                    self.ended.append(f"{name} at {second}: {read['status']}")
            self.world.clock.advance(STEP)

    def _tick(self, second: int) -> None:
        self.world.ticker.tick(self.world.budget())
        works = self.world.queue.drain()
        fate = self.spoils(self.hurt) if works else ""
        self.hurt += bool(works)
        if fate == "lost":
            return
        for start in range(0, len(works), BATCH):
            self._put(second + WAY, tuple(works[start : start + BATCH]), fate)

    def _put(self, second: int, works: tuple[Work, ...], fate: str) -> None:
        heapq.heappush(self.events, (second, len(self.events) + 1000 * second, works, fate))

    def _deliver(self, second: int, works: tuple[Work, ...], fate: str) -> None:
        if fate:
            for work in works:  # all that it holds are at the same place when it dies
                with self.world.dies_at(fate):
                    self.world.worker.run(work, self.world.session(), self.world.budget())
            self._put(second + VISIBILITY, works, "")
            return
        self.world.batches.run({str(n): work.to_json() for n, work in enumerate(works)}, self.world.budget())


def opened(life: int, *, size: int) -> tuple[World, list[ConnectionName]]:
    """Return a world whose connections were all just given a token of this life."""
    world = World()
    world.shop.life = life
    names = world.fleet(size)
    now = world.clock.now()
    for name in names:
        due = renew_at(name, now=now, life=life, cadence=world.ports.cadence)
        aged(world, name, obtained_at=now, ends=now + life, renew_at=due)
    return world, names


@field("A18")
@pytest.mark.parametrize("phase", [0, 30, 55])
@pytest.mark.parametrize("fate", ["leased", "sent", "received", "lost"])
@pytest.mark.parametrize("life", LIVES)
def test_one_loss_ends_no_token(life: int, fate: str, phase: int) -> None:
    """Whichever queued batch it is that suffers, each connection is refreshed in time by the due index alone."""
    for batch in range(3):
        world, names = opened(life, size=4)
        stack = Stack(world, phase, lambda hurt, batch=batch: fate if hurt == batch else "")  # type: ignore[misc]
        stack.live(names, seconds=2 * life)

        assert [] == stack.ended
        assert [] == world.shop.doubles
        assert set() == {alert.kind for alert in world.alerts.told}


@field("A18")
def test_what_a_life_of_fifteen_minutes_costs() -> None:
    """Its secret is written no more often than every ten minutes, which AWS advises."""
    world, names = opened(900, size=4)
    Stack(world, 0, lambda _hurt: "").live(names, seconds=6 * 3600)

    for name in names:
        assert len(world.secrets.secret(name).versions) - 2 <= 6 * 3600 // 600


@field("A18")
@pytest.mark.parametrize(("life", "told"), [(700, 1), (900, 0)])
def test_a_life_that_no_schedule_serves_is_alerted_once(life: int, told: int) -> None:
    """At the first refresh that shows it, with the figures; what is served is no news."""
    world, _ = opened(3600, size=1)
    world.shop.life = life
    world.settle(ticks=120)

    assert [f"its access token lives for {life} seconds"] * told == [
        alert.detail.split(",")[0] for alert in world.alerts.told if alert.kind == "token.short_lived"
    ]


@field("A18")
def test_a_sandboxs_life_is_no_news() -> None:
    """It lives for minutes on purpose, and no floor holds its refreshes back."""
    world, (name,) = opened(3600, size=1)
    world.is_embedded, world.shop.life = True, 200
    world.deploy(trusted="127.0.0.1:9")
    at_home = {key: f"http://127.0.0.1:9/api/v2/token/{key}" for key in ("token", "refresh")}
    world.apps.update(replace(world.app, endpoints=at_home))
    world.change(name, renew_at=world.clock.now(), refresh_at=world.clock.now())
    world.run(name)

    assert ("A1", []) == (world.published(name), world.alerts.told)


@field("A18")
def test_a_life_that_became_short_is_alerted_where_the_last_token_had_no_end() -> None:
    """Nothing can be said of the life before it: the first token that ends is the news."""
    world, (name,) = opened(3600, size=1)
    world.shop.life = 700
    world.change(name, access_expires_at=None, renew_at=world.clock.now(), refresh_at=world.clock.now())
    world.run(name)

    assert ["token.short_lived"] == [alert.kind for alert in world.alerts.told]


@field("A18")
def test_the_floor_makes_no_news_of_every_end() -> None:
    """A token that lives for less than the floor ends before each refresh: that is alerted once, and costs no write."""
    world, (name,) = opened(300, size=1)
    world.shop.life = 300
    world.settle(ticks=120)

    assert ["token.short_lived"] == [alert.kind for alert in world.alerts.told]
    assert len(world.secrets.secret(name).versions) <= 2 + 120 * 60 // 600
