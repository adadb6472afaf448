"""Every way in which AWS degrades, as a table, on an embedded stack of its own: `python -m faults.outages [WORD…]`.

Forty connections fall due in each, and a thousand in the last, where only the writing of secrets fails. Words choose
the scenarios whose names hold all of them. The exit code is 1 where a promise is broken. An interrupt
leaves nothing running.
"""

from __future__ import annotations

import itertools
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console

from embedded import alone
from faults.degraded import HEADER, Outcome, Scenario, play
from faults.polling import at_rest
from faults.proxy import FaultProxy
from faults.warm import Pool
from faults.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stack import Stack

SERVICES = ("secretsmanager", "kms", "dynamodb")
MODES = ("throttled", "slow", "down")
CONCURRENCY = 5  # the template's MaximumConcurrency
_DUE, _MANY = 40, 1000
_SHOWN = 160  # columns

_TOGETHER = tuple(itertools.combinations(SERVICES, 2))
SCENARIOS = (
    *(Scenario(services=(service,), mode=mode, due=_DUE) for service in SERVICES for mode in MODES),
    *(Scenario(services=pair, mode=mode, due=_DUE) for pair in _TOGETHER for mode in MODES),
    # What is read once is kept by a warm worker: here the secrets alone cannot be written.
    Scenario(services=("secretsmanager",), mode="down", due=_MANY, action="PutSecretValue"),
)


@contextmanager
def degradable(stack: Stack) -> Iterator[tuple[Pool, FaultProxy]]:
    """Give warm workers behind a fault proxy, the deployed function at rest meanwhile."""
    with ExitStack() as opened:
        home = Path(opened.enter_context(TemporaryDirectory(prefix="tokensync-outages-")))
        opened.enter_context(at_rest(stack))
        workers = opened.enter_context(Workers(stack, home))
        proxy = opened.enter_context(FaultProxy(stack.outputs.endpoint))
        endpoints = [proxy.open(f"worker-{number}") for number in range(CONCURRENCY)]
        yield opened.enter_context(Pool(workers, endpoints)), proxy


def main(words: Sequence[str]) -> int:
    """Run, print, and return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else _SHOWN)
    chosen = [scenario for scenario in SCENARIOS if all(word in scenario.name for word in words)]
    if not chosen:
        console.print(f"no scenario is named by {' '.join(words)}")
        return 2
    return alone(console, lambda stack: _run(console, stack, chosen))


def _run(console: Console, stack: Stack, chosen: Sequence[Scenario]) -> int:
    began = time.monotonic()
    outcomes: list[Outcome] = []
    with degradable(stack) as (pool, proxy):
        console.print(HEADER, highlight=False)
        for scenario in chosen:
            outcomes.append(play(stack, scenario, pool, proxy))
            console.print(outcomes[-1].row(), highlight=False)
    console.print(f"{len(outcomes)} scenarios in {time.monotonic() - began:.0f} s")
    broken = [told for outcome in outcomes for told in outcome.broken()]
    for told in broken:
        console.print(f"BROKEN {told}", markup=False, style="bold red")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
