"""The names of the registered apps, in hand: garbage requests are answered without a call to anyone."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from tokensync.errors import StoreUnavailable

if TYPE_CHECKING:
    from tokensync.ports import Apps, Clock

# A flood of made-up names causes at most one look-up in this time.
_LOOK_AGAIN_SECONDS = 30.0


class KnownNames:
    """Reads the names at the first question, and again for an unknown one when half a minute has passed.

    `learn` adds a name that a valid invite or state led to, so an app that was just added is known at once.
    """

    def __init__(self, apps: Apps, clock: Clock) -> None:
        self._apps = apps
        self._clock = clock
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._read_at: float | None = None

    def learn(self, name: str) -> None:
        """Remember a name whose app was read."""
        with self._lock:
            self._names.add(name)

    def __contains__(self, name: str) -> bool:
        with self._lock:
            if name not in self._names:
                self._look()
            return name in self._names

    def _look(self) -> None:
        now = self._clock.monotonic()
        if self._read_at is not None and now - self._read_at < _LOOK_AGAIN_SECONDS:
            return
        self._read_at = now
        with contextlib.suppress(StoreUnavailable):
            self._names |= set(self._apps.names())
