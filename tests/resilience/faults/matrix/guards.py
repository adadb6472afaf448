"""Takes one guard out of the core, and plays the cases that it guards: the matrix must see that it is gone.

Each guard is a text that stands exactly once in one file of the layer. It is replaced in a copy of the built layer, on
which workers then run; the deployed functions keep theirs.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from faults.matrix.cases import Case, Company, Mishap, Subject
from faults.matrix.running import run, world
from faults.workers import built_layer
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from faults.matrix.judging import Verdict
    from stack import Stack


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One guard. `text` is what stands in `file` of the package, `without` what stands there where it is gone.

    `finds` begins what the judge must say of one of the `cases` then.
    """

    name: str
    file: str
    text: str
    without: str
    finds: tuple[str, ...]
    cases: Sequence[Case]

    def taken_out(self, layer: Path) -> None:
        """Take it out of a copy of the layer.

        Raises:
            AssertionError: the text does not stand there exactly once.
        """
        file = layer / "tokensync" / self.file
        source = file.read_text()
        if source.count(self.text) != 1:
            raise AssertionError(f"{self.name}: its text stands {source.count(self.text)} times in {self.file}")
        file.write_text(source.replace(self.text, self.without))


@dataclass(frozen=True)
class Finding:
    """What the judge said of the cases without a guard."""

    guard: Guard
    broken: Sequence[str]

    @property
    def is_red(self) -> bool:
        """Return whether it was found that the guard is gone, and by what it guards."""
        return any(told.startswith(self.guard.finds) for told in self.broken)


def _refresh(place: str, mishap: Mishap, company: Company = Company.ALONE) -> Case:
    return Case(Subject.REFRESH, place, mishap, RefreshReuse.SINGLE_USE, company)


GUARDS = (
    Guard(
        name="SENT mark",
        file="refresh/attempt.py",
        text="return self.ports.connections.write(record, marked)",
        without="return marked",
        finds=("I2:",),
        cases=[_refresh("answered", Mishap.KILL), _refresh("answered", Mishap.EXCEPTION)],
    ),
    Guard(
        name="raw first",
        file="refresh/attempt.py",
        text="received = self.ports.connections.write(record, transitions.received(record, sealed))",
        without="received = transitions.received(record, sealed)",
        finds=("I1:", "an answer got lost"),
        cases=[_refresh("received", Mishap.KILL), _refresh("received", Mishap.EXCEPTION)],
    ),
    Guard(
        name="fence",
        file="aws/connections.py",
        text='condition="#fence = :fence AND #schema <= :ours"',
        without='condition=":fence = :fence AND #schema <= :ours"',
        finds=("I1:", "the secret", "an answer got lost"),
        cases=[
            _refresh("answered", Mishap.SLOW, Company.REAUTHORIZATION),
            _refresh("received", Mishap.SLOW, Company.REAUTHORIZATION),
            _refresh("received", Mishap.STOP),
        ],
    ),
    Guard(
        name="lease",
        file="aws/connections.py",
        text='lease_is_free = "(attribute_not_exists(#lease_until) OR #lease_until < :now)"',
        without='lease_is_free = "(attribute_not_exists(#lease_until) OR :now = :now)"',
        finds=("a second worker took",),
        cases=[_refresh("sent", Mishap.SLOW, Company.WORKER), _refresh("answered", Mishap.SLOW, Company.WORKER)],
    ),
)


def without_each(stack: Stack) -> Iterator[Finding]:
    """Play the cases of each guard without it; yield what the judge said."""
    for guard in GUARDS:
        with _layer_without(stack, guard) as layer, world(stack, layer=layer) as shared:
            verdicts: list[Verdict] = [verdict for _, verdict in run(shared, guard.cases)]
        yield Finding(guard, [told for verdict in verdicts for told in verdict.broken])


@contextmanager
def _layer_without(stack: Stack, guard: Guard) -> Iterator[Path]:
    with TemporaryDirectory(prefix="tokensync-guards-") as home:
        layer = Path(home) / "python"
        shutil.copytree(built_layer(stack), layer, ignore=shutil.ignore_patterns("__pycache__"))
        guard.taken_out(layer)
        yield layer
