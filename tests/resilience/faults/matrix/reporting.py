"""The matrix as a table by class, and what an operator of this project has to know of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.table import Table

from faults.matrix.cases import Subject
from faults.matrix.window import Window, percentile
from tokensync.domain.connection import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from faults.matrix.cases import Case
    from faults.matrix.judging import Verdict

_COLUMNS: tuple[tuple[str, Callable[[Verdict], bool]], ...] = (
    ("lost", lambda verdict: verdict.lost),
    ("spent, no answer", lambda verdict: verdict.spent),
    ("presented twice", lambda verdict: verdict.twice > 0),
    ("again, exempt", lambda verdict: verdict.again > 0),
    ("held meanwhile", lambda verdict: verdict.held),
    ("recovered", lambda verdict: verdict.status == Status.ACTIVE),
    ("… without a call", lambda verdict: verdict.status == Status.ACTIVE and verdict.without_call),
    ("seller asked again", lambda verdict: verdict.status != Status.ACTIVE),
    ("older for a moment", lambda verdict: verdict.older > 0),
    ("broken", lambda verdict: bool(verdict.broken)),
)


def report(console: Console, results: Sequence[tuple[Case, Verdict]]) -> None:
    """Print the table, what was spent without an answer and how that ended, and what is broken."""
    table = Table(title="The crash matrix, by class", title_justify="left")
    table.add_column("class")
    table.add_column("cases", justify="right")
    for title, _ in _COLUMNS:
        table.add_column(title, justify="right")
    counts: dict[str, Counter[str]] = {}
    for case, verdict in results:
        for row in (_row(case), "all"):
            counted = counts.setdefault(row, Counter())
            counted["cases"] += 1
            counted.update(title for title, holds in _COLUMNS if holds(verdict))
    for row in sorted(counts, key=lambda row: (row == "all", row)):
        cells = [str(counts[row][title]) for title, _ in _COLUMNS]
        table.add_row(row, str(counts[row]["cases"]), *cells, end_section=row != "all")
    console.print(table)
    ends = Counter(
        (_row(case), case.place, verdict.status, verdict.reason) for case, verdict in results if verdict.spent
    )
    for (row, place, status, reason), count in sorted(ends.items()):
        console.print(f"spent without an answer: {row}, at {place}: {count} {status} ({reason or 'no reason'})")
    for _, verdict in results:
        for broken in verdict.broken:
            console.print(f"BROKEN {verdict.case}: {broken}", markup=False, style="bold red")


def report_window(console: Console, alone: Window, together: Window) -> None:
    """Print the window."""
    table = Table(title="From the provider's answer in hand to the first durable byte", title_justify="left")
    for title in ("", "refreshes", "p50", "p99", "worst", "SENT to durable: p50", "p99"):
        table.add_column(title, justify="right")
    for title, window in (("alone", alone), ("in a batch of ten", together)):
        figures = [percentile(window.answered, share) for share in (0.5, 0.99, 1)]
        figures += [percentile(window.sent, share) for share in (0.5, 0.99)]
        table.add_row(title, str(window.refreshes), *(f"{figure * 1000:.1f} ms" for figure in figures))
    console.print(table)


def _row(case: Case) -> str:
    return str(case.reuse) if case.subject is Subject.REFRESH else str(case.subject)
