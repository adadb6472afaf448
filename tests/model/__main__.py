# ruff: noqa: T201 - it tells who started it what it found
"""`python -m model`, with tests/ on the path: every state of the model, then lives of three connections."""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from model.lives import LIVES, play
from model.machine import SETTINGS, Refreshing
from model.protocol import CLASSES, Protocol
from model.search import explore


def main() -> int:
    """Print what was explored; return 1 where a promise was broken, which is shown with the way there."""
    parser = argparse.ArgumentParser(prog="python -m model", description=__doc__)
    parser.add_argument("--lives", type=int, default=1500, help="lives that are made up")
    parser.add_argument("--steps", type=int, default=40, help="things that happen in each life, at most")
    parser.add_argument("--random", action="store_true", help="other lives than the last time")
    asked = parser.parse_args()
    began = time.monotonic()
    for reuse in CLASSES:
        explored = explore(Protocol(reuse))
        print(
            f"{reuse}: {explored.states} states, {len(explored.settled)} of them at rest", *explored.trace, sep="\n  "
        )
        if explored.wrong:
            print(explored.wrong)
            return 1
    print(f"the model: {time.monotonic() - began:.1f} s", flush=True)
    for life in LIVES:
        print(f"lived: {life}", flush=True)
        play(life)
    if not asked.lives:
        return 0
    chosen = settings(
        SETTINGS,
        max_examples=asked.lives,
        stateful_step_count=asked.steps,
        derandomize=not asked.random,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(Refreshing, settings=chosen)
    print(f"{asked.lives} lives: {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
