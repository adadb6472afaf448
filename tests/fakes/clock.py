"""A clock that only tests move."""

from __future__ import annotations

import threading


class FakeClock:
    """Time that stands still until `advance` or `sleep` moves it. `slept` lists every sleep."""

    def __init__(self, now: int = 1_700_000_000) -> None:
        self._lock = threading.Lock()
        self._now = float(now)
        self._monotonic = 1000.0
        self.slept: list[float] = []

    def now(self) -> int:
        """Return the current time in whole Unix seconds."""
        with self._lock:
            return int(self._now)

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        with self._lock:
            return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Return at once, with the time moved on."""
        with self._lock:
            self.slept.append(seconds)
            self._now += seconds
            self._monotonic += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds
            self._monotonic += seconds

    def set_wall_clock(self, now: int) -> None:
        """Set the wall clock alone, as an administrator or NTP does; deadlines do not move."""
        with self._lock:
            self._now = float(now)
