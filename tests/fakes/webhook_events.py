"""The notices that had their effect, in memory."""

from __future__ import annotations

from fakes.failing import Failing
from fakes.table import Row, Table

WEEK = 7 * 86_400


class InMemoryWebhookEvents(Failing):
    """See `tokensync.domain.ports.WebhookEvents`."""

    def __init__(self, table: Table | None = None) -> None:
        super().__init__()
        self.table = table or Table()

    def seen(self, app: str, webhook_event: str) -> bool:
        """Return whether this notice was noted."""
        with self._attempt("seen"):
            return self.table.row(*_key(app, webhook_event)) is not None

    def note(self, app: str, webhook_event: str, *, now: int) -> None:
        """Note that a notice had its effect."""
        with self._attempt("note"), self.table.lock:
            self.table.rows[_key(app, webhook_event)] = Row(None, ttl=now + WEEK)


def _key(app: str, webhook_event: str) -> tuple[str, str]:
    return f"app#{app}", f"notice#{webhook_event}"
