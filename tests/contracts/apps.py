"""The contract of `tokensync.domain.apps.Apps`, and of what the command line does to apps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.world import NOW, THREADS, at_once, refused
from tokensync.domain.app import App, AppState
from tokensync.domain.errors import InvalidApp, UnknownApp
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from contracts.world import World

WINDOW = 600


class AppsContract:
    """What every implementation does."""

    @pytest.fixture
    def app(self, world: World) -> App:
        """Return a registered app."""
        app = App(
            name=world.app,
            provider="tiktok_shop",
            client_id="id-1",
            client_secret=Secret("planted-client-secret"),
            service_id="s1",
            region="ROW",
            scopes=("seller.order.info", "seller.product.basic"),
            endpoints={"token": "http://localhost:1/token"},
            settings={"refresh_reuse": "grace"},
        )
        world.apps.register(app)
        return app

    def test_a_registered_app(self, world: World, app: App) -> None:
        """A registered app comes back whole, is in the directory, and runs."""
        assert app == world.apps.get(app.name)
        assert app.name in list(world.apps.names())
        assert AppState(name=app.name, provider="tiktok_shop") == world.apps.state(app.name)

    def test_an_app_that_is_not_registered(self, world: World) -> None:
        """Nothing can be read, paused, counted, resumed, updated or removed of an app that is not registered."""
        missing = App(name=f"{world.app}-x", provider="p", client_id="i", client_secret=Secret("s"))
        assert missing.name not in list(world.apps.names())
        for action in (
            lambda: world.apps.get(missing.name),
            lambda: world.apps.state(missing.name),
            lambda: world.apps.pause(missing.name, why="x", now=NOW),
            lambda: world.apps.resume(missing.name, now=NOW),
            lambda: world.apps.count(missing.name, tried=1, refused=1, now=NOW, window=WINDOW),
            lambda: world.apps.update(missing),
            lambda: world.apps.remove(missing.name),
        ):
            refused(UnknownApp, action)
        assert missing.name not in list(world.apps.names())

    def test_registering_twice(self, world: World, app: App) -> None:
        """A registered app is not registered again, and stays as it was."""
        refused(InvalidApp, world.apps.register, replace(app, client_id="id-2"))
        assert app == world.apps.get(app.name)

    def test_updating(self, world: World, app: App) -> None:
        """An update replaces the registration and leaves the running state."""
        world.apps.pause(app.name, why="invalid_client", now=NOW)
        changed = replace(app, provider="generic", client_secret=Secret("planted-second"))
        world.apps.update(changed)
        assert changed == world.apps.get(app.name)
        assert ("generic", "invalid_client") == (world.apps.state(app.name).provider, world.apps.state(app.name).paused)

    def test_reading_past_a_copy(self, world: World, app: App) -> None:
        """Asked for freshly, the registration is the present one."""
        world.apps.get(app.name)
        changed = replace(app, new_client_secret=Secret("planted-new"), api2cart_key=Secret("planted-key"))
        world.apps.update(changed)
        assert changed == world.apps.get(app.name, fresh=True)

    def test_removing_and_registering_again(self, world: World, app: App) -> None:
        """A removed app is gone; registered again it has the new values and a new running state."""
        world.apps.pause(app.name, why="invalid_client", now=NOW)
        world.apps.remove(app.name)
        refused(UnknownApp, world.apps.get, app.name)
        assert app.name not in list(world.apps.names())
        again = replace(app, client_id="id-2")
        world.apps.register(again)
        assert again == world.apps.get(app.name)
        assert world.apps.state(app.name).paused == ""

    def test_pausing_tells_once(self, world: World, app: App) -> None:
        """Of many that pause an app at once, one learns that it ran, and its reason is kept."""
        results = at_once(lambda number: world.apps.pause(app.name, why=f"reason {number}", now=NOW))
        assert [True] == [ran for ran in results if ran]
        state = world.apps.state(app.name)
        assert (f"reason {results.index(True)}", NOW) == (state.paused, state.paused_at)
        assert not world.apps.pause(app.name, why="later", now=NOW + 1)

    def test_resuming(self, world: World, app: App) -> None:
        """A resumed app runs with empty counters; one that runs already is left alone."""
        world.apps.count(app.name, tried=30, refused=20, now=NOW, window=WINDOW)
        assert not world.apps.resume(app.name, now=NOW)
        world.apps.pause(app.name, why="breaker", now=NOW)
        assert world.apps.resume(app.name, now=NOW + 5)
        assert AppState(
            name=app.name, provider=app.provider, window_started=NOW + 5, resumed_at=NOW + 5
        ) == world.apps.state(app.name)
        assert world.apps.pause(app.name, why="again", now=NOW + 6)

    def test_counting_within_a_window(self, world: World, app: App) -> None:
        """Counts add up within a window, and a new window begins with the first count after its end."""
        first = world.apps.count(app.name, tried=10, refused=1, now=NOW, window=WINDOW)
        assert (NOW, 10, 1) == (first.window_started, first.tried, first.refused)
        last = world.apps.count(app.name, tried=5, refused=4, now=NOW + WINDOW - 1, window=WINDOW)
        assert (NOW, 15, 5) == (last.window_started, last.tried, last.refused)
        anew = world.apps.count(app.name, tried=2, refused=1, now=NOW + WINDOW, window=WINDOW)
        assert (NOW + WINDOW, 2, 1) == (anew.window_started, anew.tried, anew.refused)
        assert anew == world.apps.state(app.name)

    def test_counting_at_once(self, world: World, app: App) -> None:
        """Many workers that count at once, at the begin of a window, lose no count."""
        at_once(lambda _: world.apps.count(app.name, tried=3, refused=1, now=NOW, window=WINDOW))
        state = world.apps.state(app.name)
        assert (3 * THREADS, THREADS) == (state.tried, state.refused)
