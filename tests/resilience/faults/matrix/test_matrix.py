"""A representative part of the crash matrix; `make faults` runs it whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from canary import hears_alerts, leaked
from fault_rows import fault
from faults.matrix.cases import Case, Mishap, representative
from faults.matrix.registering import CANARY
from faults.matrix.running import run, world

if TYPE_CHECKING:
    from faults.matrix.judging import Verdict
    from stack import Stack

_SIDE_BY_SIDE = 5  # other tests may run beside them


@dataclass(frozen=True)
class Played:
    """What became of each case, and which spellings of a secret left anywhere meanwhile."""

    verdicts: dict[Case, Verdict]
    leaked: list[str]
    written: str


@pytest.fixture(scope="module")
def played(stack: Stack) -> Played:
    """All cases, played side by side."""
    hears_alerts(stack)
    with world(stack) as shared:
        verdicts = dict(run(shared, representative(), side_by_side=_SIDE_BY_SIDE))
        written = shared.workers.written()
        return Played(verdicts, leaked(stack, [CANARY], written, *shared.mail.bodies), written)


@pytest.fixture(scope="module")
def verdicts(played: Played) -> dict[Case, Verdict]:
    """What became of each case."""
    return played.verdicts


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


@fault("D canaries")
def test_no_fault_lets_a_secret_out(played: Played) -> None:
    """At DEBUG and in development mode, whatever befell a worker: logs, tracebacks, messages, mails, table, files."""
    assert '"level":"WARNING"' in played.written
    assert [] == played.leaked


def _lost(verdicts: dict[Case, Verdict]) -> list[tuple[Case, Verdict]]:
    return [(case, verdict) for case, verdict in verdicts.items() if verdict.spent]
