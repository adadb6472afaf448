"""Keeps sealed responses that have no place on their record: superseded, unreadable, or while the table is down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Phase
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.visible import Line
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.connection import Connection
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Connections, Ports
    from tokensync.domain.runtime import Budget

_PAUSE = 0.2  # seconds


@dataclass(frozen=True)
class KeptAnswers:
    """Finds a durable place for sealed answers."""

    ports: Ports

    def keep(self, record: Connection, sealed: bytes, budget: Budget, *, why: str = "unplaced") -> None:
        """Store an answer in a record of its own, else in a sealed message, until the function's life ends."""
        message = Work(connection=record.name, answer=sealed, fence=record.fence)
        while True:
            try:
                self._store(record.name, record.fence, sealed, why)
            except StoreUnavailable:
                if not self.ports.queue.send([message]):
                    return
            else:
                return
            if not budget.allows(self.ports.limits.another_try):
                self.ports.alerts.tell(
                    "answer.lost",
                    str(record.name),
                    detail=Line("an answer could be stored nowhere before the function's life ended"),
                    next_command=typed("tokensync show {name}", name=record.name),
                )
                return
            self.ports.clock.sleep(_PAUSE)

    def bring_back(self, name: ConnectionName, fence: int, sealed: bytes) -> None:
        """Give an answer that came as a message a record, where the attempt's next holder finds it.

        Raises:
            StoreUnavailable: the message has to come again.
        """
        self._store(name, fence, sealed, "unplaced")

    def superseded(self, name: ConnectionName, fence: int, sealed: bytes) -> None:
        """Keep the answer of an attempt that lost its fence.

        If there is a new grant, it is history and never published; if not, the next holder resumes from it.
        """
        self._store(name, fence, sealed, "superseded")

    def set_aside(self, record: Connection, why: str) -> None:
        """Keep the answer that is on a record under its attempt's fence, before COMMIT drops it; log if that fails."""
        if record.sealed_answer is None:
            return
        # Its holder may be another than the one that presented: by the attempt it is found again.
        fence = record.fence if record.attempt is None else record.attempt.fence
        try:
            self._store(record.name, fence, record.sealed_answer, why)
        except StoreUnavailable:
            self.ports.log.warning("answer.not_set_aside", connection=str(record.name), why=why)

    def _store(self, name: ConnectionName, fence: int, sealed: bytes, why: str) -> None:
        self.ports.connections.set_aside(name, fence=fence, why=why, sealed=sealed, now=self.ports.clock.now())


def kept_answer(
    record: Connection, connections: Connections, *, earlier: Callable[[bytes], bool] | None = None
) -> tuple[int, bytes] | None:
    """Return the sealed response that an unfinished attempt waits for, and the fence that it came under; None if none.

    `earlier` decides whether a response to an earlier presentation counts; without it none does.

    Raises:
        StoreUnavailable: the table cannot be read now.
    """
    if record.phase is Phase.RECEIVED and record.sealed_answer is not None:
        return record.fence, record.sealed_answer
    attempt = record.attempt
    if attempt is None:
        return None
    sealed = connections.aside(record.name, fence=attempt.fence)
    if sealed is not None or earlier is None:
        return None if sealed is None else (attempt.fence, sealed)
    for fence in attempt.earlier:
        sealed = connections.aside(record.name, fence=fence)
        if sealed is not None and earlier(sealed):
            return fence, sealed
    return None
