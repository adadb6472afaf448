"""The registered apps in memory."""

from __future__ import annotations

from dataclasses import replace

from fakes.failing import Failing
from fakes.table import Row, Table
from tokensync.domain.app import App, AppState
from tokensync.domain.errors import InvalidApp, UnknownApp

_DIRECTORY = "apps"


class InMemoryApps(Failing):
    """See `tokensync.domain.ports.Apps`; beside it what the command line does: register, update, resume, remove."""

    def __init__(self, *apps: App, table: Table | None = None) -> None:
        super().__init__()
        self.table = table or Table()
        self._secrets: dict[str, App] = {}
        for app in apps:
            self.register(app)

    def names(self) -> list[str]:
        """Return the names of all registered apps."""
        with self._attempt("names"):
            return [row.record.name for row in self.table.in_order(_DIRECTORY, "")]

    def get(self, name: str, *, fresh: bool = False) -> App:
        """Return an app."""
        del fresh
        with self._attempt("get"), self.table.lock:
            if name not in self._secrets:
                raise UnknownApp(f"there is no app {name}")
            return self._secrets[name]

    def state(self, name: str) -> AppState:
        """Return the running state."""
        with self._attempt("state"):
            return self._state(self._row(name))

    def pause(self, name: str, *, why: str, now: int) -> bool:
        """Pause an app; tell whether it ran until now."""
        with self._attempt("pause"), self.table.lock:
            row = self._row(name)
            if self._state(row).paused:
                return False
            row.record = replace(self._state(row), paused=why, paused_at=now)
            return True

    def resume(self, name: str, *, now: int) -> bool:
        """Let an app run again, with a new window for the breaker; tell whether it was paused."""
        with self._attempt("resume"), self.table.lock:
            row = self._row(name)
            if not self._state(row).paused:
                return False
            row.record = replace(
                self._state(row), paused="", paused_at=None, resumed_at=now, window_started=now, tried=0, refused=0
            )
            return True

    def count(self, name: str, *, tried: int, refused: int, now: int, window: int) -> AppState:
        """Add to the breaker's window, or begin a new one."""
        with self._attempt("count"), self.table.lock:
            row = self._row(name)
            state = self._state(row)
            if state.window_started > now - window:
                row.record = replace(state, tried=state.tried + tried, refused=state.refused + refused)
            else:
                row.record = replace(state, window_started=now, tried=tried, refused=refused)
            return self._state(row)

    def register(self, app: App) -> None:
        """Register a new app."""
        with self._attempt("register"), self.table.lock:
            if app.name in self._secrets:
                raise InvalidApp(f"app {app.name} is registered already")
            self._secrets[app.name] = app
            self.table.rows[(_DIRECTORY, app.name)] = Row(AppState(name=app.name, provider=app.provider))

    def update(self, app: App) -> None:
        """Replace the registration of an app."""
        with self._attempt("update"), self.table.lock:
            row = self._row(app.name)
            self._secrets[app.name] = app
            row.record = replace(self._state(row), provider=app.provider)

    def remove(self, name: str) -> None:
        """Remove an app's registration."""
        with self._attempt("remove"), self.table.lock:
            self._row(name)
            del self.table.rows[(_DIRECTORY, name)]
            del self._secrets[name]

    def _row(self, name: str) -> Row:
        row = self.table.row(_DIRECTORY, name)
        if row is None:
            raise UnknownApp(f"there is no app {name}")
        return row

    @staticmethod
    def _state(row: Row) -> AppState:
        state = row.record
        if not isinstance(state, AppState):
            raise TypeError("not an app's row")
        return state
