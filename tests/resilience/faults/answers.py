"""One spoiled answer through the real rotation function: what was asked, what stands afterwards, what it cost.

A batch of two goes to a fresh process: the connection whose answer is spoiled, and a neighbour whose answer is not.
"""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faults.polling import batch, scheduled
from tokensync.domain.sealing import Unsealer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from faults.fleet import Fleet
    from faults.workers import Worker, Workers
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import ProviderResponse
    from tokensync.domain.names import ConnectionName

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Afterwards:
    """What stands after a worker ended."""

    fleet: Fleet
    name: ConnectionName
    neighbour: ConnectionName
    begun: int  # Unix seconds, when the worker was started
    worker: Worker
    report: Mapping[str, Any] | None
    previous: Grant = field(repr=False)

    @property
    def record(self) -> Connection:
        """Return the connection's record."""
        return self.fleet.stack.stored(self.name)

    @property
    def grant(self) -> Grant:
        """Return the grant that it holds."""
        return self.fleet.grant(self.record)

    @property
    def document(self) -> dict[str, Any]:
        """Return what workloads read."""
        return self.fleet.stack.document(self.name)

    @property
    def issued(self) -> Mapping[str, str]:
        """Return the digests of the pair that the provider gave."""
        return self.fleet.issued()[self.name]

    @property
    def presented(self) -> int:
        """Return how often this connection's token was presented."""
        return sum(entry["account"] == self.name.account for entry in self.fleet.presentations())

    def kept(self) -> list[ProviderResponse]:
        """Return the answers that were set aside for it."""
        sealed = self.fleet.kept().get(self.name.account, [])
        return [Unsealer(self.fleet.sealer).answer(answer, self.record) for answer in sealed]

    def alarms(self) -> set[str]:
        """Return the kinds of alarm that were raised about it."""
        told = [json.loads(line) for line in self.worker.log().splitlines() if '"alert.raised"' in line]
        return {alarm["kind"] for alarm in told if alarm["subject"] == str(self.name)}

    def neighbour_proceeded(self) -> bool:
        """Return whether the neighbour has its new token, published."""
        return bool(self.fleet.stack.document(self.neighbour)["generation"] == 2)


class Batches:
    """Runs batches of a fleet, and never uses a connection twice."""

    def __init__(self, fleet: Fleet, workers: Workers) -> None:
        self.fleet = fleet
        self._workers = workers
        self._unused: Iterator[ConnectionName] = iter(fleet.names)

    def take(self, count: int) -> tuple[ConnectionName, ...]:
        """Return connections that nobody used yet."""
        return tuple(itertools.islice(self._unused, count))

    def run(self, names: Sequence[ConnectionName], *, clock: int = 0) -> tuple[Worker, dict[str, Any] | None]:
        """Let one process work on these connections; return it and its report."""
        letters = [scheduled(connection=str(name)) for name in names]
        worker = self._workers.start("rotation", batch(letters), clock=clock)
        return worker, worker.finish()

    def spoiled(self, fault: str, **more: Any) -> Afterwards:
        """Refresh a connection whose answer is spoiled, beside one whose answer is not."""
        name, neighbour = self.take(2)
        previous = self.fleet.grant(self.fleet.stack.stored(name))
        self.fleet.fault(name, fault, **more)
        begun = int(time.time())
        worker, report = self.run([name, neighbour])
        return Afterwards(
            fleet=self.fleet,
            name=name,
            neighbour=neighbour,
            begun=begun,
            worker=worker,
            report=report,
            previous=previous,
        )
