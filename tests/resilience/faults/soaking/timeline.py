"""Simulated time in which processes run by turns: one at a time, each until it waits, in an order that repeats."""

from __future__ import annotations

import heapq
import threading
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.soaking.ledger import Account
    from tokensync.domain.connection import Attempt
    from tokensync.domain.names import ConnectionName


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the program catches it."""


class Process:
    """One invocation of a function. It is killed at `ends` if it lives so long.

    `subject` is the connection that it leased last, `mark` the attempt that it marked as sent last, `answered` the
    account whose answer came last, `unstored` the one whose answer it holds and nobody could have again.
    """

    def __init__(self, kind: str, ends: float) -> None:
        self.kind = kind
        self.ends = ends
        self.dead = False
        self.subject: ConnectionName | None = None
        self.mark: Attempt | None = None
        self.unstored: Account | None = None
        self.answered: Account | None = None
        self.turn = threading.Lock()
        self.turn.acquire()

    def kill(self) -> None:
        """End the process: this call raises, and so does every later step of its threads."""
        self.dead = True
        raise Killed(self.kind)


class Timeline:
    """A clock (see `tokensync.domain.runtime.Clock`) and everything that happens by it.

    Each process has a thread of its own, and may have one more that works for it while it waits. Only the process whose
    turn it is runs, until it sleeps or ends: the same seed gives the same run.
    """

    def __init__(self, start: int = 1_700_000_000) -> None:
        self.time = float(start)
        self.start = start
        self.current: Process | None = None
        self.deaths = 0
        self.on_end: Callable[[Process], None] = lambda _process: None
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._main = threading.Lock()
        self._main.acquire()
        self._broken: BaseException | None = None

    def now(self) -> int:
        """Return the current time in whole Unix seconds."""
        return int(self.time)

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let the running process wait while others run; one whose time ends meanwhile is killed then."""
        process = self.current
        if process is None:
            raise RuntimeError("only a process sleeps")
        wake = min(self.time + max(seconds, 0.0), process.ends)
        if self._events and self._events[0][0] <= wake:
            self.at(wake, lambda: self._resume(process))
            self._main.release()
            process.turn.acquire()
        else:
            self.time = wake
        self.check(process)

    def check(self, process: Process) -> None:
        """Raise Killed where a process is dead or its time is over."""
        if process.dead or self.time >= process.ends:
            process.kill()

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Do something at a time; what stands at the same time is done in the order of asking."""
        heapq.heappush(self._events, (max(time, self.time), next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something in so many seconds."""
        self.at(self.time + seconds, action)

    def start_process(self, kind: str, life: float, body: Callable[[], None], ended: Callable[[bool], None]) -> None:
        """Let a process run now for at most `life` seconds; `ended` is told whether it lived to its end."""
        process = Process(kind, self.time + life)

        def run() -> None:
            process.turn.acquire()
            lived = False
            try:
                body()
                lived = True
            except Killed:
                self.deaths += 1
            except BaseException as error:  # noqa: BLE001 - it is raised again where it is seen
                self._broken = error
            try:
                self.on_end(process)
                ended(lived)
            except BaseException as error:  # noqa: BLE001 - as above
                self._broken = error
            self._main.release()

        threading.Thread(target=run, daemon=True).start()
        self.at(self.time, lambda: self._resume(process))

    def run(self, until: float) -> None:
        """Let everything happen up to a time."""
        while self._events and self._events[0][0] <= until:
            time, _, action = heapq.heappop(self._events)
            self.time = max(self.time, time)
            action()
            if self._broken is not None:
                raise self._broken
        self.time = max(self.time, until)

    def _resume(self, process: Process) -> None:
        self.current = process
        process.turn.release()
        self._main.acquire()
        self.current = None
