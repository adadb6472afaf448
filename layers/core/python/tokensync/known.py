"""The names of the registered apps, in hand: garbage requests are answered without a call to anyone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tokensync.errors import StoreUnavailable

if TYPE_CHECKING:
    from tokensync.ports import Apps, Clock

_KEPT_SECONDS = 300.0


class KnownNames:
    """Reads the names at the first question and again after five minutes; an app added since shows up then.

    An app that is not known yet works all the same: a valid invite or state leads to its registration itself.
    """

    def __init__(self, apps: Apps, clock: Clock) -> None:
        self._apps = apps
        self._clock = clock
        self._lock = threading.Lock()
        self._names: frozenset[str] | None = None
        self._read_at = 0.0

    def __contains__(self, name: str) -> bool:
        with self._lock:
            now = self._clock.monotonic()
            if self._names is None or now - self._read_at > _KEPT_SECONDS:
                try:
                    self._names = frozenset(self._apps.names())
                except StoreUnavailable:
                    self._names = self._names or frozenset()
                self._read_at = now
            return name in self._names
