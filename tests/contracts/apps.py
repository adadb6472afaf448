"""The contract of `tokensync.domain.apps.Apps`, and of what the command line does to apps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.world import NOW, at_once, refused
from tokensync.domain.app import App
from tokensync.domain.app_state import PROBE_FIRST, AppState, Outcomes, PauseKind, Success, voice
from tokensync.domain.errors import InvalidApp, UnknownApp
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from contracts.world import World

CONFIGURATION, OPERATOR, REFUSED = PauseKind.CONFIGURATION, PauseKind.OPERATOR, PauseKind.REFUSED


def said(refused: str = "", misconfigured: str = "", succeeded: dict[str, int] | None = None) -> Outcomes:
    """Return the outcomes of a batch; voices are given as words."""
    return Outcomes(
        succeeded=succeeded or {}, refused=frozenset(refused.split()), misconfigured=frozenset(misconfigured.split())
    )


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
        """Nothing can be read, paused, noted, probed, resumed, updated or removed of an app that is not registered."""
        missing = App(name=f"{world.app}-x", provider="p", client_id="i", client_secret=Secret("s"))
        unseen = AppState(name=missing.name, provider="p", paused="x", paused_kind=REFUSED, paused_at=NOW)
        assert missing.name not in list(world.apps.names())
        for action in (
            lambda: world.apps.get(missing.name),
            lambda: world.apps.state(missing.name),
            lambda: world.apps.pause(missing.name, kind=OPERATOR, why="x", now=NOW),
            lambda: world.apps.resume(missing.name, now=NOW),
            lambda: world.apps.note(missing.name, said(refused="a"), seen=unseen, now=NOW),
            lambda: world.apps.note(missing.name, said(succeeded={"a": NOW}), seen=unseen, now=NOW),
            lambda: world.apps.note_credentials_refused(missing.name, cause="invalid_client"),
            lambda: world.apps.note_consent_refused(missing.name, cause="access_denied"),
            lambda: world.apps.note_consent_refused(missing.name, cause=""),
            lambda: world.apps.claim_probe(missing.name, seen=unseen, now=NOW),
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
        world.apps.pause(app.name, kind=CONFIGURATION, why="invalid_client", now=NOW)
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
        world.apps.pause(app.name, kind=CONFIGURATION, why="invalid_client", now=NOW)
        world.apps.remove(app.name)
        refused(UnknownApp, world.apps.get, app.name)
        assert app.name not in list(world.apps.names())
        again = replace(app, client_id="id-2")
        world.apps.register(again)
        assert again == world.apps.get(app.name)
        assert world.apps.state(app.name).paused == ""

    def test_pausing_tells_once(self, world: World, app: App) -> None:
        """Of many that pause an app at once, one learns that it ran, and its reason is kept."""
        results = at_once(
            lambda number: world.apps.pause(app.name, kind=CONFIGURATION, why=f"reason {number}", now=NOW)
        )
        assert [True] == [ran for ran in results if ran]
        state = world.apps.state(app.name)
        assert (f"reason {results.index(True)}", CONFIGURATION, NOW, NOW + PROBE_FIRST) == (
            state.paused, state.paused_kind, state.paused_at, state.probe_at
        )  # fmt: skip
        assert not world.apps.pause(app.name, kind=REFUSED, why="later", now=NOW + 1)
        assert state == world.apps.state(app.name)

    def test_an_operators_pause_takes_the_place_of_another(self, world: World, app: App) -> None:
        """It ends by no probe; and nothing takes its place."""
        world.apps.pause(app.name, kind=REFUSED, why="refused", now=NOW)
        assert not world.apps.pause(app.name, kind=OPERATOR, why="paused by an operator", now=NOW + 1)
        state = world.apps.state(app.name)
        assert (OPERATOR, NOW + 1, None) == (state.paused_kind, state.paused_at, state.probe_at)
        for kind in (OPERATOR, REFUSED):
            assert not world.apps.pause(app.name, kind=kind, why="again", now=NOW + 2)
        assert world.apps.claim_probe(app.name, seen=state, now=NOW + 900) is None
        noted, runs_again = world.apps.note(app.name, said(succeeded={"a": NOW + 5}), seen=state, now=NOW + 5)
        assert ("paused by an operator", False) == (noted.paused, runs_again)

    def test_resuming(self, world: World, app: App) -> None:
        """A resumed app runs, and nothing of what was said counts; one that runs already is left alone."""
        seen = world.apps.state(app.name)
        world.apps.note(app.name, said(refused="a b", misconfigured="c"), seen=seen, now=NOW)
        assert not world.apps.resume(app.name, now=NOW)
        world.apps.pause(app.name, kind=REFUSED, why="refused", now=NOW)
        assert world.apps.resume(app.name, now=NOW + 5)
        assert AppState(name=app.name, provider=app.provider, resumed_at=NOW + 5) == world.apps.state(app.name)
        assert world.apps.pause(app.name, kind=OPERATOR, why="again", now=NOW + 6)

    def test_what_is_said_adds_up_until_a_success(self, world: World, app: App) -> None:
        """Voices are sets, whatever the state was seen as; a success of anyone clears them."""
        seen = world.apps.state(app.name)
        for outcomes in (said(refused="a"), said(refused="a b", misconfigured="c"), said(misconfigured="c d")):
            state, _ = world.apps.note(app.name, outcomes, seen=seen, now=NOW)
        assert (frozenset("ab"), frozenset("cd")) == (state.refused, state.misconfigured)
        assert state == world.apps.state(app.name)
        state, runs_again = world.apps.note(
            app.name, said(succeeded={"e": NOW + 1}, refused="a", misconfigured="c"), seen=seen, now=NOW + 1
        )
        assert (frozenset(), frozenset(), (Success("e", NOW + 1),), False) == (
            state.refused, state.misconfigured, state.successes, runs_again
        )  # fmt: skip
        assert state == world.apps.state(app.name)

    def test_a_success_without_the_apps_client(self, world: World, app: App) -> None:
        """It clears refusals, and ends a pause for these; of the app's credentials it says nothing."""
        world.apps.note(app.name, said(refused="a", misconfigured="c"), seen=world.apps.state(app.name), now=NOW)
        beside = voice("own", of_client=False)
        for kind, runs in ((CONFIGURATION, False), (REFUSED, True)):
            seen = world.apps.state(app.name)
            state, _ = world.apps.note(app.name, said(succeeded={beside: NOW}, misconfigured="d"), seen=seen, now=NOW)
            assert (frozenset(), "d" in state.misconfigured) == (state.refused, True)
            world.apps.pause(app.name, kind=kind, why="x", now=NOW + 1)
            seen = world.apps.state(app.name)
            state, runs_again = world.apps.note(app.name, said(succeeded={beside: NOW + 2}), seen=seen, now=NOW + 2)
            assert (runs, not runs) == (runs_again, bool(state.misconfigured))
            assert state == world.apps.state(app.name)
            world.apps.resume(app.name, now=NOW + 3)

    def test_a_mass_of_refusals_is_not_cleared_by_the_few(self, world: World, app: App) -> None:
        """Six refusals of ten stay, although four succeeded with them."""
        outcomes = said(succeeded=dict.fromkeys("abcd", NOW), refused="e f g h i j")
        state, _ = world.apps.note(app.name, outcomes, seen=world.apps.state(app.name), now=NOW)
        assert (6, 2) == (len(state.refused), len(state.successes))

    def test_voices_are_bounded(self, world: World, app: App) -> None:
        """Of a large fleet no more are kept than can decide anything."""
        for first in (0, 15):
            crowd = " ".join(f"v{number}" for number in range(first, first + 15))
            world.apps.note(app.name, said(refused=crowd), seen=world.apps.state(app.name), now=NOW)
        state = world.apps.state(app.name)
        assert 20 == len(state.refused)
        again, _ = world.apps.note(app.name, said(refused="another"), seen=state, now=NOW)
        assert state == again

    def test_the_last_successes_of_two(self, world: World, app: App) -> None:
        """Each connection can tell another's success from its own, whatever the state was seen as."""
        unseen = world.apps.state(app.name)
        for at, by in enumerate("aabaacc"):
            state, _ = world.apps.note(app.name, said(succeeded={by: NOW + at}), seen=unseen, now=NOW + at)
        assert (Success("c", NOW + 6), Success("a", NOW + 4)) == state.successes
        both = said(succeeded={"d": NOW + 7, "e": NOW + 8})
        state, _ = world.apps.note(app.name, both, seen=unseen, now=NOW + 8)
        assert (Success("e", NOW + 8), Success("d", NOW + 7)) == state.successes
        assert state == world.apps.state(app.name)

    def test_noting_at_once(self, world: World, app: App) -> None:
        """Many workers lose no voice, and of the successes two remain."""
        seen = world.apps.state(app.name)
        at_once(lambda number: world.apps.note(app.name, said(refused=f"v{number % 15}"), seen=seen, now=NOW))
        assert 15 == len(world.apps.state(app.name).refused)
        at_once(lambda number: world.apps.note(app.name, said(succeeded={f"w{number % 3}": NOW}), seen=seen, now=NOW))
        state = world.apps.state(app.name)
        assert (2, frozenset()) == (len({success.by for success in state.successes}), state.refused)

    def test_a_probe_is_claimed_once(self, world: World, app: App) -> None:
        """Of many that saw the same state one may probe, and the next one waits twice as long as the first."""
        world.apps.pause(app.name, kind=REFUSED, why="refused", now=NOW)
        seen = world.apps.state(app.name)
        claims = at_once(lambda _: world.apps.claim_probe(app.name, seen=seen, now=NOW + 60))
        (state,) = (claim for claim in claims if claim is not None)
        assert isinstance(state, AppState)
        assert (NOW + 60, NOW + 180, 1, 120) == (state.probed_at, state.probe_at, state.probes, state.probe_every)
        assert state == world.apps.state(app.name)
        again = world.apps.claim_probe(app.name, seen=state, now=NOW + 180)
        assert again is not None
        assert (NOW + 180 + 240, 2) == (again.probe_at, again.probes)

    def test_a_sandbox_is_probed_sooner(self, world: World, app: App) -> None:
        """The first interval is the caller's; the others grow from it."""
        world.apps.pause(app.name, kind=REFUSED, why="refused", now=NOW, probe_every=5)
        seen = world.apps.state(app.name)
        claimed = world.apps.claim_probe(app.name, seen=seen, now=NOW + 5)
        assert claimed is not None
        assert (NOW + 5, NOW + 15) == (seen.probe_at, claimed.probe_at)
        world.apps.pause(app.name, kind=OPERATOR, why="paused by an operator", now=NOW)
        assert PROBE_FIRST == world.apps.state(app.name).probe_every

    def test_nobody_probes_an_app_that_runs(self, world: World, app: App) -> None:
        """Whatever it was seen as."""
        assert world.apps.claim_probe(app.name, seen=world.apps.state(app.name), now=NOW) is None
        world.apps.pause(app.name, kind=REFUSED, why="refused", now=NOW)
        seen = world.apps.state(app.name)
        world.apps.resume(app.name, now=NOW + 1)
        assert world.apps.claim_probe(app.name, seen=seen, now=NOW + 60) is None

    def test_a_probe_that_passes_lets_the_app_run_again(self, world: World, app: App) -> None:
        """One worker learns that; a success of before the pause is none."""
        world.apps.pause(app.name, kind=CONFIGURATION, why="invalid_client", now=NOW)
        seen = world.apps.state(app.name)
        state, runs_again = world.apps.note(app.name, said(succeeded={"a": NOW - 1}), seen=seen, now=NOW + 1)
        assert ("invalid_client", False) == (state.paused, runs_again)
        results = at_once(
            lambda number: world.apps.note(app.name, said(succeeded={f"w{number}": NOW + 61}), seen=seen, now=NOW + 61)
        )
        assert 1 == sum(isinstance(result, tuple) and result[1] for result in results)
        state = world.apps.state(app.name)
        assert ("", None, None, NOW + 61, None, 0) == (
            state.paused, state.paused_kind, state.paused_at, state.resumed_at, state.probe_at, state.probes
        )  # fmt: skip

    def test_a_cause_is_news_once(self, world: World, app: App) -> None:
        """Until a success each other cause is, and after it the same one again."""
        causes = ("invalid_client", "invalid_client", "unauthorized_client")
        news = [world.apps.note_credentials_refused(app.name, cause=cause) for cause in causes]
        assert [True, False, True] == news
        world.apps.note(app.name, said(succeeded={"a": NOW}), seen=world.apps.state(app.name), now=NOW)
        assert world.apps.note_credentials_refused(app.name, cause="unauthorized_client")

    def test_a_consent_that_comes_to_nothing_is_news_once(self, world: World, app: App) -> None:
        """Whatever refreshes succeed, until a consent comes to something or the registration is another one."""
        causes = ("invalid_scope", "invalid_scope", "unauthorized_client", "", "", "unauthorized_client")
        news = [world.apps.note_consent_refused(app.name, cause=cause) for cause in causes]
        assert [True, False, True, True, False, True] == news
        world.apps.note(app.name, said(succeeded={"a": NOW}), seen=world.apps.state(app.name), now=NOW)
        assert "unauthorized_client" == world.apps.state(app.name).consent_refused
        world.apps.update(app)
        assert "" == world.apps.state(app.name).consent_refused
