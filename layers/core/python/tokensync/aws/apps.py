"""The registered apps in Secrets Manager and DynamoDB, see `tokensync.domain.ports.Apps`."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

from tokensync.aws.dynamodb import Change, ConditionFailed, DynamoTable
from tokensync.domain.app import App, AppState
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import InvalidApp, StoreUnavailable, UnknownApp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensync.aws.app_secrets import AppSecrets
    from tokensync.aws.dynamodb import Item
    from tokensync.domain.runtime import Clock

# A registration is read again after so long: a batch costs one read, and a new client secret is seen soon.
CACHE_SECONDS = 60.0
_DIRECTORY = "apps"
_WINDOW_TRIES = 3


class AwsApps:
    """The apps of one stack: registrations are secrets, the directory and the running state are items.

    The errors are those that the port names. `register`, `update` and `remove` are the command line's: they raise
    StoreUnavailable if AWS did not acknowledge, and can be repeated.
    """

    def __init__(self, secrets_of_apps: AppSecrets, table: DynamoTable, clock: Clock) -> None:
        self._secrets = secrets_of_apps
        self._table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._read: dict[str, tuple[App, float]] = {}

    def names(self) -> Iterator[str]:
        for item in self._table.in_order(_DIRECTORY):
            yield item["sk"]

    def get(self, name: str, *, fresh: bool = False) -> App:
        """Return an app with its client secret, read now if `fresh`, else at most CACHE_SECONDS ago."""
        now = self._clock.monotonic()
        with self._lock:
            app, until = self._read.get(name, (None, 0.0))
        if app is not None and now < until and not fresh:
            return app
        app = App.from_json(name, self._secrets.read(name))
        with self._lock:
            self._read[name] = (app, now + CACHE_SECONDS)
        return app

    def state(self, name: str) -> AppState:
        return _state(name, self._table.get(_key(name)))

    def pause(self, name: str, *, why: str, now: int) -> bool:
        # boto3 repeats a request whose response was lost; by this mark the repetition knows that the first one paused.
        mark = secrets.token_hex(8)
        change = Change(
            condition="attribute_exists(#pk) AND attribute_not_exists(#paused)",
            set={"paused": why, "paused_at": now, "pause_mark": mark},
        )
        try:
            self._table.update(_key(name), change)
        except ConditionFailed as failed:
            _state(name, failed.item)
            return failed.item is not None and failed.item.get("pause_mark") == mark
        return True

    def resume(self, name: str, *, now: int) -> bool:
        change = Change(
            condition="attribute_exists(#pk) AND attribute_exists(#paused)",
            set={"resumed_at": now, "window_started": now, "tried": 0, "refused": 0},
            remove=("paused", "paused_at", "pause_mark"),
        )
        try:
            self._table.update(_key(name), change)
        except ConditionFailed as failed:
            _state(name, failed.item)
            return False
        return True

    def count(self, name: str, *, tried: int, refused: int, now: int, window: int) -> AppState:
        within = Change(
            condition="attribute_exists(#pk) AND #window_started > :over",
            compute={"tried": "#tried + :tried", "refused": "#refused + :refused"},
            values={"over": now - window, "tried": tried, "refused": refused},
        )
        anew = Change(
            condition="attribute_exists(#pk) AND #window_started <= :over",
            set={"window_started": now, "tried": tried, "refused": refused},
            values={"over": now - window},
        )
        # Another worker may begin the window between the two: then the first condition is true.
        for change in (within, anew) * _WINDOW_TRIES:
            try:
                return _state(name, self._table.update(_key(name), change))
            except ConditionFailed as failed:
                _state(name, failed.item)
        raise StoreUnavailable(f"the counters of app {name} could not be agreed on")

    def register(self, app: App) -> None:
        """Register a new app: its secret first, so that every app that the directory names can be read.

        A registration that ended half-way is completed, one that was removed is brought back with the new values.

        Raises:
            InvalidApp: it is registered already, or a secret of that name is not this stack's.
        """
        if self._table.get(_key(app.name)) is not None:
            raise InvalidApp(f"app {app.name} is registered already")
        self._secrets.create(app)
        state = {"schema": SCHEMA, "provider": app.provider, "window_started": 0, "tried": 0, "refused": 0}
        try:
            self._table.put(_key(app.name), state, only_new=True)
        except ConditionFailed:
            raise InvalidApp(f"app {app.name} was registered by somebody else just now") from None
        self._forget(app.name)

    def update(self, app: App) -> None:
        """Replace an app's registration; its running state stays.

        Raises:
            UnknownApp: not registered.
        """
        change = Change(condition="attribute_exists(#pk)", set={"provider": app.provider})
        self.state(app.name)
        self._secrets.write(app)
        try:
            self._table.update(_key(app.name), change)
        except ConditionFailed:
            raise UnknownApp(f"app {app.name} is not registered") from None
        self._forget(app.name)

    def remove(self, name: str) -> None:
        """Remove an app: from the directory first, so that it never names what cannot be read.

        The secret is scheduled for deletion with AWS's recovery window.

        Raises:
            UnknownApp: not registered.
        """
        try:
            self.state(name)
        except UnknownApp:
            # A removal that ended half-way left the secret alone.
            self._secrets.delete(name)
            raise
        self._table.delete(_key(name))
        self._secrets.delete(name)
        self._forget(name)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._read.pop(name, None)


def _key(name: str) -> tuple[str, str]:
    return _DIRECTORY, name


def _state(name: str, item: Item | None) -> AppState:
    if item is None:
        raise UnknownApp(f"app {name} is not registered")
    known = ("provider", "paused", "paused_at", "resumed_at", "window_started", "tried", "refused")
    return AppState(name=name, **{key: item[key] for key in known if key in item})
