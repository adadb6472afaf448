"""A short memory of the registered apps: garbage requests are answered without a call to anyone."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from tokensync.domain.errors import StoreUnavailable, UnknownApp

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.apps import Apps
    from tokensync.domain.runtime import Clock

# A flood of made-up names causes at most one look-up in this time.
_LOOK_AGAIN_SECONDS = 30.0
# A change to an app is noticed here after this time at the latest.
_READ_AGAIN_SECONDS = 120.0


class KnownNames:
    """The apps' names, read at first use, and again for an unknown name when half a minute has passed.

    `learn` adds a name that a valid invite or state led to, so that an app that was just added is known at once.
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


class KnownApps:
    """Registrations as they were read up to two minutes ago, for requests that may come from anybody."""

    def __init__(self, apps: Apps, names: KnownNames, clock: Clock) -> None:
        self._apps = apps
        self._clock = clock
        self._names = names
        self._lock = threading.Lock()
        self._read: dict[str, tuple[float, App]] = {}

    def get(self, name: str) -> App:
        """Return an app.

        Raises:
            UnknownApp: no app of that name is known.
            InvalidApp, StoreUnavailable: as `Apps.get`.
        """
        if name not in self._names:
            raise UnknownApp(f"there is no app {name!r}")
        with self._lock:
            now = self._clock.monotonic()
            read_at, app = self._read.get(name, (0.0, None))
            if app is None or now - read_at > _READ_AGAIN_SECONDS:
                app = self._apps.get(name)
                self._read[name] = (now, app)
            return app
