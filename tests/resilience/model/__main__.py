# ruff: noqa: T201 - it tells who started it what it found
"""`python -m model`, with tests/ on the path: known lives, every event at every place, and lives that are made up."""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from model.lives import FIRST_LIVES, LIVES, play, play_every_event
from model.machine import SETTINGS, Refreshing


def main() -> int:
    """Print what was lived; a broken promise ends it, and is shown with the way there."""
    parser = argparse.ArgumentParser(prog="python -m model", description=__doc__)
    parser.add_argument("--lives", type=int, default=150, help="lives that are made up")
    parser.add_argument("--steps", type=int, default=25, help="things that happen in each life, at most")
    parser.add_argument("--random", action="store_true", help="other lives than the last time")
    parser.add_argument("--known", action="store_true", help="live the known lives, and nothing else")
    asked = parser.parse_args()
    began = time.monotonic()
    for life in (*LIVES, *FIRST_LIVES):
        print(f"lived: {life}", flush=True)
        play(life)
    if asked.known:
        return 0
    print(f"{play_every_event()} lives with one event: {time.monotonic() - began:.1f} s", flush=True)
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
