"""The invites' uses in memory."""

from __future__ import annotations

from fakes.failing import Failing
from fakes.table import Row, Table
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import FenceLost, NewerSchema
from tokensync.domain.invite_use import InviteUse

DAYS = 31 * 86_400


class InMemoryInvites(Failing):
    """See `tokensync.domain.ports.Invites`. It takes the authorizations' table: both are written in one transaction."""

    def __init__(self, table: Table | None = None) -> None:
        super().__init__()
        self.table = table or Table()

    def get(self, app: str, invite_id: str) -> InviteUse | None:
        """Return it, or None."""
        with self._attempt("get"):
            return use_in(self.table, app, invite_id)

    def write(self, before: InviteUse | None, after: InviteUse) -> None:
        """Write it, on condition of the fence."""
        with self._attempt("write"), self.table.lock:
            store_use(self.table, before, after)

    def seed(self, use: InviteUse) -> None:
        """Put a record as it stands, past every condition."""
        with self.table.lock:
            self.table.rows[_key(use.app, use.id)] = Row(use, ttl=max(use.at, use.expires_at) + DAYS)

    def all(self) -> list[InviteUse]:
        """Return every record."""
        with self.table.lock:
            return [row.record for row in self.table.rows.values() if isinstance(row.record, InviteUse)]


def use_in(table: Table, app: str, invite_id: str) -> InviteUse | None:
    """Return what a table knows of an invite."""
    row = table.row(*_key(app, invite_id))
    if row is None:
        return None
    if row.extra.get("schema", SCHEMA) > SCHEMA:
        raise NewerSchema("written by a newer version")
    if not isinstance(row.record, InviteUse):
        raise TypeError("not an invite's row")
    return row.record


def store_use(table: Table, before: InviteUse | None, after: InviteUse) -> None:
    """Store an invite's use, unless another stands there than `before`. Hold the table's lock."""
    current = use_in(table, after.app, after.id)
    if (None if current is None else current.fence) != (None if before is None else before.fence):
        raise FenceLost("another request changed the invite")
    row = table.rows.setdefault(_key(after.app, after.id), Row(after))
    row.record, row.ttl = after, max(after.at, after.expires_at) + DAYS


def _key(app: str, invite_id: str) -> tuple[str, str]:
    return f"app#{app}", f"invite#{invite_id}"
