"""The whole crash matrix on an embedded stack of its own: `python -m faults.matrix [WORD…]`, see `make faults`.

Words choose the cases whose names hold all of them. The exit code is 1 where an invariant is broken. An interrupt
leaves nothing running.
"""

from __future__ import annotations

import secrets
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from embedded import alone
from faults.matrix import cases
from faults.matrix.guards import without_each
from faults.matrix.reporting import report, report_window
from faults.matrix.running import run, world
from faults.matrix.window import measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faults.matrix.cases import Case
    from faults.matrix.guards import Finding
    from faults.matrix.judging import Verdict
    from stack import Stack

_TIMES = 10  # refreshes of each account, alone and again in batches
_TOLD = 50  # cases between two lines of a log


def main(words: Sequence[str]) -> int:
    """Run, print, and return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    chosen = [case for case in cases.whole() if all(word in str(case) for word in words)]
    if not chosen:
        console.print(f"no case is named by {' '.join(words)}")
        return 2
    return alone(console, lambda stack: _run(console, stack, chosen, window=not words))


def _run(console: Console, stack: Stack, chosen: Sequence[Case], *, window: bool) -> int:
    began = time.monotonic()
    results: list[tuple[Case, Verdict]] = []
    with world(stack) as shared:
        if window:
            console.print("Measuring the window …")
            windows = measured(shared, f"window-{secrets.token_hex(3)}", times=_TIMES)
        with _progress(console) as progress:
            task = progress.add_task("cases", total=len(chosen), broken=0)
            for case, verdict in run(shared, chosen):
                results.append((case, verdict))
                for wrong in verdict.broken:
                    console.print(f"{case}: {wrong}", markup=False, style="bold red")
                broken = sum(bool(one.broken) for _, one in results)
                progress.update(task, advance=1, broken=broken)
                if not console.is_terminal and len(results) % _TOLD == 0:
                    console.print(f"{len(results)} of {len(chosen)} cases, {broken} broken")
    findings = _without_guards(console, stack) if window else []
    report(console, sorted(results, key=lambda result: str(result[0])))
    if window:
        report_window(console, *windows)
    console.print(f"{len(results)} cases in {time.monotonic() - began:.0f} s")
    return int(any(verdict.broken for _, verdict in results) or not all(finding.is_red for finding in findings))


def _without_guards(console: Console, stack: Stack) -> list[Finding]:
    """Take out each guard in turn, and tell whether the judge saw it."""
    findings = []
    for finding in without_each(stack):
        findings.append(finding)
        told = sorted(set(finding.broken))
        if finding.is_red:
            console.print(f"without {finding.guard.name}: red, as it must be: {'; '.join(told)}", markup=False)
        else:
            console.print(f"BROKEN without {finding.guard.name}: not seen: {told}", markup=False, style="bold red")
    return findings


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("{task.fields[broken]} broken"), console=console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
