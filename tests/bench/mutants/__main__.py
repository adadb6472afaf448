"""Puts a bounded sample of small faults into a copy of the project, one at a time, and counts which the tests notice.

    make mutants
    make mutants SAMPLE=300 SEED=7 ROOMS="oauth operate" JSON=report.json
    make mutants AGAIN=report.json

A mutant is killed when a test fails, or when the tests take much longer than without it. Its room's unit tests run
first; what survives them meets the tests of the rooms above, the quick lives of the model, and, for an adapter, the
contracts over the embedded AWS. The sample is the same for the same seed and source. Mutants that are no other program
in effect are listed with the reason in `reviewed.json`, by the text of their line. Nothing is written to the project.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coverage import CoverageData

from bench.mutants.operators import Mutant, is_a_program, mutants_of

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]
CORE = Path("layers/core/python/tokensync")
REVIEWED = Path(__file__).with_name("reviewed.json")
ROOMS = ("refresh", "authorize", "aws")  # the protocol; the rooms below and above it are taken on request
WANTED = 95  # per cent of those that are another program
PATIENCE = 3  # times as long as without a mutant, and half a minute over it
# For each room the tests that its mutants meet, in this order, until one fails. Of unit tests only those that run a
# mutant's line are taken.
LINES: dict[str, tuple[tuple[str, ...], ...]] = {
    "refresh": (("refresh",), ("authorize", "operate", "entry"), ("model",)),
    "authorize": (("authorize",), ("refresh", "operate", "entry"), ("model",)),
    "operate": (("operate",), ("entry", "refresh", "cli/commands"), ("model",)),
    "oauth": (("oauth",), ("providers", "authorize", "refresh", "operate", "entry")),
    "aws": (("aws",), ("contracts",)),
}
WHOLE = {"model": "tests/resilience/model/test_machine.py", "contracts": "tests/system/integration/contracts"}
MANY = 300  # tests by name; more are run by their folders
_UNIT = "tests/unit/{}"
_SOURCES = ("layers/core/python", "cli")
_one_at_a_time = threading.Lock()  # the contracts start an AWS on ports of their own


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: killed, timed out, survived, or equivalent for the reason in `why`."""

    mutant: Mutant
    result: str
    why: str = ""


@dataclass(frozen=True)
class Line:
    """Some folders of tests: how long they take without a mutant, and by file and line which of them run it."""

    places: tuple[str, ...]
    seconds: float
    running: dict[str, dict[int, list[str]]]

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests to run for a mutant, none where no test here runs its line."""
        if set(self.places) & set(WHOLE.values()):
            return list(self.places)
        lines = self.running.get(mutant.file, {})
        span = range(mutant.statement, mutant.number + mutant.old.count("\n") + 1)
        contexts = {context for number in span for context in lines.get(number, ())}
        if "" in contexts or len(contexts) > MANY:
            return list(self.places)  # run at import, or by very many
        # `|run` and its kin say in which phase of the test it was.
        return sorted({context.partition("|")[0] for context in contexts})


class Copy:
    """A copy of the project that one thread changes and tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = ""  # the end of what the last run printed
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.check_output(command, cwd=ROOT, text=True)
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes((ROOT / name).read_bytes())
        (folder / ".venv").symlink_to(ROOT / ".venv")  # the embedded AWS has its environment there
        # A mutant is often as long as the text before it, and made in the same second: its bytecode goes by its hash.
        compiling = ["-m", "compileall", "-q", "--invalidation-mode", "checked-hash", *_SOURCES]
        subprocess.run([sys.executable, *compiling], cwd=folder, check=True)

    def fails(self, tests: Sequence[str], seconds: float | None, *options: str) -> str:
        """Run tests; return "killed" or "timed out", empty where they pass.

        Raises:
            RuntimeError: they could not be run.
        """
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(self.folder / path) for path in _SOURCES)}
        try:
            done = subprocess.run(
                [*command, *options, *tests],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "timed out"
        self.said = done.stdout[-2000:]
        if done.returncode not in (0, 1, 2, 4):  # 2 and 4: a module of the product cannot be imported
            raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return "killed" if done.returncode else ""

    def measured(self, places: tuple[str, ...]) -> Line:
        """Run tests without a mutant, and see which of them run which line."""
        data = self.folder / "measured"
        configuration = self.folder / "measured.ini"
        configuration.write_text(f"[run]\nsource = {_SOURCES[0]}\ndata_file = {data}\nrelative_files = true\n")
        options = ("--cov", f"--cov-config={configuration}", "--cov-context=test", "--cov-report=")
        began = time.monotonic()
        if self.fails(places, None, *(() if set(places) & set(WHOLE.values()) else options)):
            raise SystemExit(f"these tests fail without any mutant: {' '.join(places)}\n{self.said}")
        seconds = time.monotonic() - began
        running: dict[str, dict[int, list[str]]] = {}
        if data.exists():
            found = CoverageData(str(data))
            found.read()
            running = {str(Path(file)): found.contexts_by_lineno(file) for file in found.measured_files()}
            data.unlink()
        return Line(places, seconds, running)

    def judge(self, mutant: Mutant, lines: dict[tuple[str, ...], Line]) -> Verdict:
        """Put a mutant into the copy, run its room's tests, and take it out again."""
        path = self.folder / mutant.file
        text = path.read_text()
        path.write_text(mutant.apply(text))
        try:
            for line in (lines[places] for places in lines_of(mutant.file)):
                tests, seconds = line.tests_of(mutant), PATIENCE * line.seconds + 30
                with _one_at_a_time if WHOLE["contracts"] in tests else contextlib.nullcontext():
                    result = self.fails(tests, seconds) if tests else ""
                if result:
                    return Verdict(mutant, result)
        finally:
            path.write_text(text)
        return Verdict(mutant, "survived")


def lines_of(file: str) -> list[tuple[str, ...]]:
    """Return the folders of tests that a file's mutants meet, line by line."""
    room = Path(file).relative_to(CORE).parts[0]
    return [tuple(WHOLE.get(name, _UNIT.format(name)) for name in line) for line in LINES[room]]


def reviewed(mutant: Mutant, entries: Sequence[dict[str, str]]) -> str:
    """Return why a mutant is no other program in effect, empty where nobody said so."""
    key = {"file": mutant.file, "line": mutant.line, "old": mutant.old, "new": mutant.new}
    return next((entry["why"] for entry in entries if key.items() <= entry.items()), "")


def sample(rooms: Sequence[str], size: int, seed: int) -> tuple[list[Mutant], int]:
    """Return a sample of the mutants of these rooms, in the order of the source, and how many there are."""
    files = [path for room in rooms for path in sorted((ROOT / CORE / room).glob("*.py"))]
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in files}
    found = [mutant for file, text in texts.items() for mutant in mutants_of(file, text)]
    shuffled = random.Random(seed).sample(found, len(found))  # noqa: S311 -- a sample is to be repeatable
    programs = (mutant for mutant in shuffled if is_a_program(mutant.apply(texts[mutant.file])))
    return sorted(itertools.islice(programs, size), key=lambda one: (one.file, one.start)), len(found)


def run(chosen: Sequence[Mutant], entries: Sequence[dict[str, str]], jobs: int, folder: Path) -> list[Verdict]:
    """Judge each mutant, `jobs` at once; say on stderr how far it is."""
    copies = [Copy(folder / str(number)) for number in range(jobs)]
    needed = {places: None for mutant in chosen for places in lines_of(mutant.file)}
    free = list(copies)
    counted = itertools.count(1)

    def measured(places: tuple[str, ...]) -> Line:
        mine = free.pop()
        try:
            return mine.measured(places)
        finally:
            free.append(mine)

    sys.stderr.write("the tests without any mutant\n")
    with ThreadPoolExecutor(jobs) as pool:
        lines = dict(zip(needed, pool.map(measured, needed), strict=True))

    def judged(mutant: Mutant) -> Verdict:
        why = reviewed(mutant, entries)
        if why:
            return Verdict(mutant, "equivalent", why)
        mine = free.pop()
        try:
            verdict = mine.judge(mutant, lines)
        finally:
            free.append(mine)
        sys.stderr.write(f"{next(counted):4}  {verdict.result:10} {mutant}\n")
        return verdict

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(judged, chosen))


def report(verdicts: Sequence[Verdict], of: int, arguments: argparse.Namespace) -> bool:
    """Print how many of each there are and every survivor; return whether enough of them died."""
    counts = Counter(verdict.result for verdict in verdicts)
    died, real = counts["killed"] + counts["timed out"], len(verdicts) - counts["equivalent"]
    score = 100 * died / real if real else 100.0
    for result in ("equivalent", "survived"):
        for verdict in verdicts:
            if verdict.result == result:
                print(f"{result:10} {verdict.mutant}" + f"  ({verdict.why})" * bool(verdict.why))  # noqa: T201
    print(  # noqa: T201
        f"{len(verdicts)} of {of} mutants of {', '.join(arguments.rooms)}, seed {arguments.seed}: {counts['killed']} "
        f"killed, {counts['timed out']} timed out, {counts['survived']} survived, {counts['equivalent']} equivalent; "
        f"{score:.1f} % of those that are another program died"
    )
    if arguments.json is not None:
        listed = [{**asdict(verdict.mutant), "result": verdict.result, "why": verdict.why} for verdict in verdicts]
        arguments.json.write_text(json.dumps({"score": round(score, 1), **counts, "mutants": listed}, indent=1))
    return score >= WANTED


def _text_of(mutant: dict[str, Any]) -> tuple[str, ...]:
    return tuple(mutant[part] for part in ("file", "line", "old", "new"))


def main() -> None:
    """Draw, judge and report; the exit code says whether enough of them died."""
    parser = argparse.ArgumentParser(prog="bench.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rooms", nargs="+", choices=LINES, default=list(ROOMS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="those of the sample whose printed line holds this text")
    parser.add_argument("--again", type=Path, help="those alone that survived in this report, if they are still there")
    parser.add_argument("--json", type=Path, help="a file for the whole report")
    arguments = parser.parse_args()
    chosen, of = sample(arguments.rooms, arguments.sample, arguments.seed)
    chosen = [mutant for mutant in chosen if arguments.only in str(mutant)]
    if arguments.again is not None:
        earlier = json.loads(arguments.again.read_text())["mutants"]
        survivors = {_text_of(one) for one in earlier if one["result"] == "survived"}
        everything, _ = sample(arguments.rooms, sys.maxsize, arguments.seed)
        chosen = [mutant for mutant in everything if _text_of(asdict(mutant)) in survivors]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        verdicts = run(chosen, json.loads(REVIEWED.read_text()), arguments.jobs, Path(folder))
    sys.exit(not report(verdicts, of, arguments))


if __name__ == "__main__":
    main()
