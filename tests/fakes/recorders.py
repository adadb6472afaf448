"""What operators and tests are told: alerts, log lines and failpoints, recorded."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fakes.failing import Failing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.command_line import Next
    from tokensync.domain.visible import Line


@dataclass(frozen=True)
class Alert:
    """One alert as it was told."""

    kind: str
    subject: str
    detail: str
    next_command: str
    link: str = ""


class RecordingAlerts(Failing):
    """See `tokensync.domain.runtime.Alerts`."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Alert] = []

    def tell(self, kind: str, subject: str, *, detail: Line, next_command: Next, link: str = "") -> None:
        """Record an alert."""
        with self._attempt("tell"):
            self.told.append(Alert(kind, subject, str(detail), str(next_command), link))


@dataclass(frozen=True)
class LogLine:
    """One log line as it was told."""

    level: str
    event: str
    fields: dict[str, object] = field(default_factory=dict)


class RecordingLog:
    """See `tokensync.domain.runtime.Log`."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    def info(self, event: str, **fields: object) -> None:
        """Record what happened."""
        self.lines.append(LogLine("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        """Record what needs a look."""
        self.lines.append(LogLine("warning", event, fields))

    def failure(self, event: str, error: BaseException) -> None:
        """Record an error nobody foresaw, by its type alone."""
        self.lines.append(LogLine("error", event, {"kind": type(error).__name__}))

    def events(self) -> list[str]:
        """Return the events told so far, in order."""
        return [line.event for line in self.lines]


class ScriptedFailpoints:
    """See `tokensync.domain.runtime.Failpoints`. `seen` lists every name reached, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script: dict[str, list[BaseException | Callable[[], object]]] = {}
        self.seen: list[str] = []

    def raise_at(self, name: str, error: BaseException, *, times: int = 1) -> None:
        """Raise when `name` is reached the next `times` times."""
        with self._lock:
            self._script.setdefault(name, []).extend([error] * times)

    def run_at(self, name: str, action: Callable[[], object]) -> None:
        """Run `action` once when `name` is reached next: what the rest of the world does at that moment."""
        with self._lock:
            self._script.setdefault(name, []).append(action)

    def reached(self, name: str) -> None:
        """Record the name, and do what the script says."""
        with self._lock:
            self.seen.append(name)
            steps = self._script.get(name)
            step = steps.pop(0) if steps else None
        if isinstance(step, BaseException):
            raise step
        if step is not None:
            step()
