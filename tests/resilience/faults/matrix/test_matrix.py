"""A representative part of the crash matrix; `make faults` runs it whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fault_rows import fault
from faults.matrix.cases import Case, Mishap, representative
from faults.matrix.running import run, world

if TYPE_CHECKING:
    from faults.matrix.judging import Verdict
    from stack import Stack

_SIDE_BY_SIDE = 5  # other tests may run beside them


@pytest.fixture(scope="module")
def verdicts(stack: Stack) -> dict[Case, Verdict]:
    """What became of each case; they are played side by side."""
    with world(stack) as shared:
        return dict(run(shared, representative(), side_by_side=_SIDE_BY_SIDE))


@fault("F1", "F2", "F3", "F4", "F13", "F17")
@pytest.mark.parametrize("case", representative(), ids=str)
def test_whatever_happens_to_a_worker_the_promise_holds(verdicts: dict[Case, Verdict], case: Case) -> None:
    """Judged by the provider's ledger and the store: nothing stored is lost, nothing presented twice, no one asked."""
    assert [] == verdicts[case].broken


def test_an_answer_is_lost_at_one_place_alone(verdicts: dict[Case, Verdict]) -> None:
    """Single use, spent, and killed before any store had the answer: only a refusal then asks the seller."""
    ends = {(case.reuse, verdict.held, verdict.status, verdict.reason) for case, verdict in _lost(verdicts)}

    assert {("single_use", True, "reauthorize", "refused")} == ends
    ended = {("answered", Mishap.KILL), ("answered", Mishap.HANG)}
    assert ended == {(case.place, case.mishap) for case, _ in _lost(verdicts)}


def _lost(verdicts: dict[Case, Verdict]) -> list[tuple[Case, Verdict]]:
    return [(case, verdict) for case, verdict in verdicts.items() if verdict.spent]
