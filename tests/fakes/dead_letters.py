"""The dead-letter queue in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakes.failing import Failing
from tokensync.domain.work import DeadLetter

if TYPE_CHECKING:
    from fakes.clock import FakeClock

_AT_ONCE = 10
_HIDDEN = 120


class InMemoryDeadLetters(Failing):
    """See `tokensync.domain.ports.DeadLetters`. `bury` puts a message there, as SQS does after five tries in vain."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self._bodies: dict[str, str] = {}
        self._hidden: dict[str, float] = {}
        self._buried = 0

    def receive(self) -> list[DeadLetter]:
        """Return up to ten, hidden for two minutes."""
        with self._attempt("receive"):
            now = self._clock.monotonic()
            seen = [handle for handle in self._bodies if self._hidden.get(handle, now) <= now][:_AT_ONCE]
            self._hidden.update(dict.fromkeys(seen, now + _HIDDEN))
            return [DeadLetter(self._bodies[handle], handle) for handle in seen]

    def delete(self, letter: DeadLetter) -> None:
        """Delete one."""
        with self._attempt("delete"):
            self._bodies.pop(letter.handle, None)

    def bury(self, *bodies: str) -> None:
        """Put messages there."""
        for body in bodies:
            self._buried += 1
            self._bodies[f"handle-{self._buried}"] = body

    @property
    def bodies(self) -> list[str]:
        """Return what is left, hidden or not."""
        return list(self._bodies.values())
