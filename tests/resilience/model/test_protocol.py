"""The model of the protocol holds with every guard, and without any one of them it shows the way to where it fails."""

from __future__ import annotations

import pytest

from model.protocol import CLASSES, GUARDS, Protocol
from model.search import AMBIGUOUS, explore

# What goes wrong first without each guard, and which steps lie on the way there.
LOSSES = {
    "sent_mark": (
        "I2: presented twice without an exemption",
        ["sends without a mark", "the lease runs out under its holder"],
    ),
    "fence": ("I2: presented twice without an exemption", ["the lease runs out under its holder"]),
    "lease_margin": ("I6: held although nothing went wrong", ["the lease runs out under its holder"]),
    "raw_first": ("I1: lost beyond F2 (killed: read)", ["reads it first", "is killed at read"]),
    "reread": ("I6: sent back to consent without a refusal of this grant", ["the seller authorizes again"]),
    "late_answer": ("I1: lost beyond F2 (paused)", ["the answer is set aside", "is refused"]),
    "late_comparison": ("I3: the secret holds (2, 'active'), the grant is (3, 'active')", ["compares", "A: PUBLISH"]),
}


@pytest.mark.parametrize("reuse", CLASSES)
def test_every_way_ends_right(reuse: str) -> None:
    """Nothing is lost, presented twice or asked back without cause, and every way comes to rest."""
    explored = explore(Protocol(reuse))

    assert ("", []) == (explored.wrong, explored.trace)
    assert explored.states > 5000


@pytest.mark.parametrize("reuse", CLASSES)
def test_only_an_ambiguity_of_a_single_use_token_asks_the_seller_back(reuse: str) -> None:
    """A connection rests active, but where the answer to a single-use token was lost before it was durable."""
    asked = {state.fault for state in explore(Protocol(reuse)).settled if state.record.status != "active"}

    assert (set(AMBIGUOUS) if reuse == "single_use" else set()) == asked


def test_every_guard_is_taken_out() -> None:
    """A guard that is added to the model is added here."""
    assert set(LOSSES) == GUARDS


@pytest.mark.parametrize("guard", LOSSES)
def test_without_a_guard_it_fails(guard: str) -> None:
    """The shortest way to the failure is shown step by step; with -rP it is printed."""
    explored = explore(Protocol("single_use", GUARDS - {guard}))
    print(f"without {guard}: {explored.wrong}", *explored.trace, sep="\n  ")  # noqa: T201 - what the search is for
    wrong, on_the_way = LOSSES[guard]

    assert wrong == explored.wrong
    assert [step for step in on_the_way if not any(step in told for told in explored.trace)] == []
