"""A short memory of the registered apps: garbage requests are answered without a call to anyone."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from tokensync.domain.errors import InvalidApp, StoreUnavailable, UnknownApp

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.apps import Apps
    from tokensync.domain.errors import TokensyncError
    from tokensync.domain.runtime import Clock

# A flood of made-up names causes at most one look-up in this time.
_LOOK_AGAIN_SECONDS = 30.0
# So does a browser that opened an invite of ours once, however many names it makes up.
_LOOK_AGAIN_FOR_BROWSER_SECONDS = 2.0
# An app that cannot be read is not read again for so long, whatever comes.
_TRY_AGAIN_SECONDS = 5.0
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
        return self._is_known(name, _LOOK_AGAIN_SECONDS)

    def for_browser(self, name: str) -> bool:
        """Return whether an app of that name is known, for a browser whose cookie we signed.

        It may come from an app that was just added, and from a function that learned its name where this one did not.
        """
        return self._is_known(name, _LOOK_AGAIN_FOR_BROWSER_SECONDS)

    def _is_known(self, name: str, look_again: float) -> bool:
        with self._lock:
            if name not in self._names:
                self._look(look_again)
            return name in self._names

    def _look(self, look_again: float) -> None:
        now = self._clock.monotonic()
        if self._read_at is not None and now - self._read_at < look_again:
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
        self._failed: dict[str, tuple[float, TokensyncError]] = {}

    def get(self, name: str) -> App:
        """Return an app.

        Raises:
            UnknownApp: no app of that name is known.
            InvalidApp, StoreUnavailable: as `Apps.get`, for some seconds after it failed as well.
        """
        if name not in self._names:
            raise UnknownApp(f"there is no app {name!r}")
        with self._lock:
            now = self._clock.monotonic()
            read_at, app = self._read.get(name, (0.0, None))
            if app is not None and now - read_at <= _READ_AGAIN_SECONDS:
                return app
            failed_at, error = self._failed.get(name, (0.0, None))
            if error is not None and now - failed_at < _TRY_AGAIN_SECONDS:
                raise type(error)(str(error)) from None
            return self._read_now(name, now)

    def _read_now(self, name: str, now: float) -> App:
        try:
            app = self._apps.get(name)
        except (InvalidApp, UnknownApp, StoreUnavailable) as error:
            self._failed[name] = now, error
            raise
        self._failed.pop(name, None)
        self._read[name] = now, app
        return app
