"""What an app's state becomes by its outcomes: pure arithmetic, which the stores write down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tokensync.domain.app_state import MANY, PROBE_LONGEST, AppState, Outcomes, PauseKind, Success, voice

STATE = AppState(name="demo", provider="p")


def paused(kind: PauseKind, *, at: int = 100) -> AppState:
    """Return the state of an app that is paused."""
    return replace(STATE, paused="why", paused_kind=kind, paused_at=at, probe_at=at + 60, refused=frozenset("ab"))


@pytest.mark.parametrize(
    ("refused", "succeeded", "is_mass"),
    [(MANY, 0, True), (MANY, MANY - 1, True), (MANY, MANY, False), (MANY - 1, 0, False), (6, 4, True), (2, 1, False)],
)
def test_a_mass_of_refusals(refused: int, succeeded: int, *, is_mass: bool) -> None:
    """Five or more, and more than succeed."""
    outcomes = Outcomes(
        refused=frozenset(f"r{number}" for number in range(refused)),
        succeeded={f"s{number}": 1 for number in range(succeeded)},
    )
    assert is_mass is outcomes.is_mass_refusal


@pytest.mark.parametrize(
    ("kind", "at", "runs"),
    [
        (PauseKind.REFUSED, 100, True),
        (PauseKind.REFUSED, 99, False),
        (PauseKind.CONFIGURATION, 101, True),
        (PauseKind.OPERATOR, 101, False),
    ],
)
def test_a_success_lets_a_probed_app_run_again(kind: PauseKind, at: int, *, runs: bool) -> None:
    """One that came since it was paused, and not where an operator paused it."""
    after = paused(kind).after(Outcomes(succeeded={"c": at}), now=120)

    assert runs is (after.paused == "")
    assert (120 if runs else None, frozenset()) == (after.resumed_at, after.refused)


def test_another_connections_success() -> None:
    """One's own says nothing of oneself, nor does what was before."""
    state = replace(STATE, successes=(Success(voice("a"), 20), Success(voice("b"), 10)))

    assert [True, False, True, True, False] == [
        state.succeeded_beside(account, since=since)
        for account, since in (("a", 10), ("a", 11), ("b", 20), ("c", 20), ("c", 21))
    ]


@pytest.mark.parametrize(
    ("kind", "probes", "takes_sellers"),
    [(PauseKind.OPERATOR, False, False), (PauseKind.CONFIGURATION, True, False), (PauseKind.REFUSED, True, True)],
)
def test_what_each_pause_means(kind: PauseKind, *, probes: bool, takes_sellers: bool) -> None:
    """Who is probed, and who lets sellers in meanwhile."""
    state = paused(kind)

    assert (probes, takes_sellers) == (state.probes_itself, state.takes_sellers)
    assert (False, True) == (STATE.probes_itself, STATE.takes_sellers)


def test_probes_come_at_growing_intervals() -> None:
    """Each twice as much later than the one before, and no more than an hour."""
    state, waits = paused(PauseKind.REFUSED), []
    for _ in range(9):
        state = state.probed(now=1000)
        waits.append((state.probe_at or 0) - 1000)

    assert [120, 240, 480, 960, 1920, *([PROBE_LONGEST] * 4)] == waits


def test_a_voice_is_no_name() -> None:
    """Of one length, and the same for one account, whatever it is called."""
    accounts = ("", "a" * 600, "\ud800", "Acme GmbH")

    assert {32} == {len(voice(account)) for account in accounts}
    assert len(accounts) == len({voice(account) for account in accounts})
