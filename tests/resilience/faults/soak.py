"""The long run: thousands of connections over simulated weeks, where every step may go wrong.

    python -m faults.soak --connections 2000 --weeks 4

`--losses` lets the one thing happen as well that no client can recover from (DESIGN §5, FAULTS F2): an answer that a
single-use provider committed to and that reached no store. The program ends with a status above 0 where the provider's
ledger or the stores show that anything else was lost, shown twice or stale, and prints how to repeat it.
"""

from __future__ import annotations

import argparse
import sys
import time

from faults.soaking.fleet import DAY, Fleet
from faults.soaking.report import figures, histories

WEEK = 7 * DAY
QUIET = 2 * DAY  # at the end nothing goes wrong any more, and everything must have healed


def soak(*, connections: int, weeks: float, seed: int, rate: float, losses: bool, tell: bool = False) -> Fleet:
    """Run a fleet to its quiet end and return it, judged."""
    fleet = Fleet(connections=connections, seed=seed, rate=rate, losses=losses)
    start = fleet.timeline.time
    began = time.monotonic()
    end = start + weeks * WEEK
    while fleet.timeline.time < end + QUIET:
        if fleet.timeline.time >= end and fleet.chance.rate:
            fleet.chance.quiet()
        fleet.timeline.run(min(fleet.timeline.time + DAY, end if fleet.timeline.time < end else end + QUIET))
        if tell:
            ledger, judge = fleet.server.ledger, fleet.judge
            _say(
                f"day {(fleet.timeline.time - start) / DAY:5.1f}: {ledger.presentations:7d} presented, "
                f"{fleet.chance.steps:8d} steps, {sum(fleet.chance.injected.values()):6d} faults, "
                f"{fleet.timeline.deaths:5d} deaths, {len(ledger.losses):4d} losses, "
                f"{len(judge.violations) + len(ledger.violations)} violations, {time.monotonic() - began:6.1f} s"
            )
    return fleet


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--weeks", type=float, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault-rate", type=float, default=0.01)
    parser.add_argument("--losses", action="store_true", help="let single-use answers be lost as well")
    asked = parser.parse_args()
    began = time.monotonic()
    fleet = soak(
        connections=asked.connections,
        weeks=asked.weeks,
        seed=asked.seed,
        rate=asked.fault_rate,
        losses=asked.losses,
        tell=sys.stdout.isatty(),
    )
    for line in figures(fleet, weeks=asked.weeks, seconds=time.monotonic() - began):
        _say(line)
    wrong = histories(fleet)
    if wrong:
        _say(f"VIOLATED, seed {asked.seed}: repeat with the same arguments")
        for line in wrong:
            _say(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
