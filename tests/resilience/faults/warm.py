"""Warm workers: processes of the rotation function that take one event after another, as Lambda's do.

What they read once they keep for as long as the function keeps it. One that does not answer within its life is killed,
and another is started in its place.
"""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from faults.workers import LIFE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Self

    from faults.workers import Worker, Workers

_LOOK = 0.003
_MARGIN = 2.0  # seconds that Lambda, too, may take to end a function whose time is over
_NOTHING: dict[str, Any] = {"Records": []}


@dataclass
class Warm:
    """One warm worker at an endpoint of its own."""

    workers: Workers
    endpoint: str
    clock: int = 0
    killed: int = 0
    _worker: Worker | None = field(default=None, repr=False)

    def ask(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the answer to an event; None where the worker had to be killed."""
        if self._worker is None:
            self._worker = self.workers.start("rotation", _NOTHING, clock=self.clock, endpoint=self.endpoint, warm=True)
            self._answered(self._worker)
        (self._worker.directory / "clock").write_text(str(self.clock))
        part = self._worker.directory / "event.part"
        part.write_text(json.dumps(event))
        part.rename(self._worker.directory / "event.json")
        answer = self._answered(self._worker)
        if answer is None:
            self.killed += 1
            self.close()
        return answer

    def close(self) -> None:
        """Kill the worker."""
        if self._worker is not None:
            self._worker.signal(signal.SIGKILL)
            self._worker.ended.wait(LIFE)
            self._worker = None

    def _answered(self, worker: Worker) -> dict[str, Any] | None:
        file, end = worker.directory / "answer.json", time.monotonic() + LIFE + _MARGIN
        while not file.exists():
            if worker.ended.is_set() or time.monotonic() > end:
                return None
            time.sleep(_LOOK)
        answer: dict[str, Any] = json.loads(file.read_text())
        file.unlink()
        return answer


class Pool:
    """So many warm workers; events are handed to whichever is free."""

    def __init__(self, workers: Workers, endpoints: Iterable[str]) -> None:
        self.workers = workers
        self.warm = [Warm(workers, endpoint) for endpoint in endpoints]
        self._free: SimpleQueue[Warm] = SimpleQueue()
        for worker in self.warm:
            self._free.put(worker)
        self._threads = ThreadPoolExecutor(len(self.warm))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        for worker in self.warm:
            worker.close()

    def set_clock(self, seconds: int) -> None:
        """Set the clock of every worker off by so many seconds, from its next event on."""
        for worker in self.warm:
            worker.clock = seconds

    def ask(self, events: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any] | None]:
        """Return the answers to events, in their order."""
        return self._threads.map(self._ask, events)

    def _ask(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        worker = self._free.get()
        try:
            return worker.ask(event)
        finally:
            self._free.put(worker)
