"""The registered apps in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fakes.failing import Failing
from fakes.table import Row, Table
from tokensync.domain.app_state import PROBE_FIRST, AppState, Outcomes, PauseKind
from tokensync.domain.errors import InvalidApp, UnknownApp

if TYPE_CHECKING:
    from tokensync.domain.app import App

_DIRECTORY = "apps"


class InMemoryApps(Failing):
    """See `tokensync.domain.apps.Apps`; beside it what the command line does: register, update, resume, remove."""

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

    def pause(self, name: str, *, kind: PauseKind, why: str, now: int, probe_every: int = PROBE_FIRST) -> bool:
        """Pause an app; tell whether it ran until now."""
        with self._attempt("pause"), self.table.lock:
            row = self._row(name)
            state, own = self._state(row), kind is PauseKind.OPERATOR
            if state.paused and (not own or state.paused_kind is PauseKind.OPERATOR):
                return False
            row.record = replace(
                state,
                paused=why,
                paused_kind=kind,
                paused_at=now,
                probe_at=None if own else now + probe_every,
                probe_every=PROBE_FIRST if own else probe_every,
                probed_at=None,
                probes=0,
            )
            return not state.paused

    def resume(self, name: str, *, now: int) -> bool:
        """Let an app run again; tell whether it was paused."""
        with self._attempt("resume"), self.table.lock:
            row = self._row(name)
            if not self._state(row).paused:
                return False
            row.record = self._state(row).resumed(now=now)
            return True

    def note(self, name: str, outcomes: Outcomes, *, seen: AppState, now: int) -> tuple[AppState, bool]:
        """Note what a batch learned; tell whether it let the app run again."""
        del seen
        with self._attempt("note"), self.table.lock:
            row = self._row(name)
            before = self._state(row)
            row.record = after = before.after(outcomes, now=now)
            return after, bool(before.paused) and not after.paused

    def note_credentials_refused(self, name: str, *, cause: str) -> bool:
        """Note why a code could not be exchanged; tell whether that is news."""
        with self._attempt("note_credentials_refused"), self.table.lock:
            row = self._row(name)
            state = self._state(row)
            row.record = replace(state, credentials_refused=cause)
            return state.credentials_refused != cause

    def note_consent_refused(self, name: str, *, cause: str) -> bool:
        """Note why a consent came to nothing; tell whether that is news."""
        with self._attempt("note_consent_refused"), self.table.lock:
            row = self._row(name)
            state = self._state(row)
            row.record = replace(state, consent_refused=cause)
            return state.consent_refused != cause

    def claim_probe(self, name: str, *, seen: AppState, now: int) -> AppState | None:
        """Claim the next probe of a paused app."""
        with self._attempt("claim_probe"), self.table.lock:
            row = self._row(name)
            state = self._state(row)
            same = (state.paused_at, state.probes) == (seen.paused_at, seen.probes)
            if not state.probes_itself or not same:
                return None
            row.record = state.probed(now=now)
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
            row.record = replace(self._state(row), provider=app.provider, consent_refused="")

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
