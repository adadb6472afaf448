"""The refresh queue in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from fakes.failing import Failing
from tokensync.domain.errors import TokensyncError
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable


class InMemoryWorkQueue(Failing):
    """See `tokensync.domain.ports.WorkQueue`. Messages travel as their JSON, as they do on SQS.

    `refuse` names works that the queue does not accept. When told to fail with one of our errors, the whole call is
    refused, as in an outage; with `after_commit` the messages stand in the queue and are called refused all the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._bodies: list[str] = []
        self.refuse: Callable[[Work], bool] = lambda _work: False

    def send(self, works: list[Work]) -> list[Work]:
        """Send and return those that were not accepted."""
        try:
            with self._attempt("send"), self._lock:
                refused = [work for work in works if self.refuse(work)]
                self._bodies.extend(work.to_json() for work in works if work not in refused)
        except TokensyncError:
            return list(works)
        return refused

    @property
    def works(self) -> list[Work]:
        """Return what stands in the queue."""
        with self._lock:
            return [Work.from_json(body) for body in self._bodies]

    def drain(self) -> list[Work]:
        """Take everything out of the queue, in the order of sending."""
        with self._lock:
            bodies, self._bodies = self._bodies, []
        return [Work.from_json(body) for body in bodies]
