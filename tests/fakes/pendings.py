"""The pending authorizations in memory."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from fakes.failing import Failing
from fakes.table import Row, Table
from tokensync.domain.authorization import Outcome, Pending, PendingKey
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import AlreadyConsumed, FenceLost, NewerSchema, NotLeased

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400
ANSWER_DAYS = 30


class InMemoryPendings(Failing):
    """See `tokensync.domain.ports.Pendings`. Give it the table of the connections: both stand in one due index."""

    def __init__(self, table: Table | None = None) -> None:
        super().__init__()
        self.table = table or Table()

    def put(self, pending: Pending) -> None:
        """Store a new pending authorization, unless one stands under its key."""
        with self._attempt("put"), self.table.lock:
            self.table.rows.setdefault(_key(pending.key), Row(pending, ttl=_ttl(pending)))

    def get(self, key: PendingKey) -> Pending | None:
        """Return it, or None."""
        with self._attempt("get"):
            row = self.table.row(*_key(key))
            return None if row is None else _record(row)

    def of_browser(self, app: str, browser: str) -> list[Pending]:
        """Return all of one browser, the latest consumed or created last."""
        with self._attempt("of_browser"):
            found = map(_record, self.table.in_order(f"app#{app}", f"pending#{browser}#"))
            return sorted(
                found, key=lambda pending: (pending.consumed_at is not None, pending.consumed_at or pending.created_at)
            )

    def consume(
        self, key: PendingKey, *, now: int, lease_until: int | None, code: str, table: str | None = None
    ) -> Pending:
        """Use it up, and mark the code as presented."""
        with self._attempt("consume"), self.table.lock:
            row = self.table.row(*_key(key))
            if row is None:
                raise AlreadyConsumed("no such authorization")
            _check_schema(row)
            pending = _record(row)
            if pending.consumed_at is not None or pending.expires_at <= now:
                raise AlreadyConsumed("used before or expired")
            if table is not None and pending.table != table:
                raise AlreadyConsumed("begun before the table was restored")
            if pending.invite_id and (f"app#{key.app}", f"invite#{pending.invite_id}") in self.table.rows:
                raise AlreadyConsumed("its invite was used")
            code_key = (f"app#{key.app}", f"code#{code}")
            if code and code_key in self.table.rows:
                raise AlreadyConsumed("its code was presented before")
            if code:
                self.table.rows[code_key] = Row(None, ttl=now + DAY)
            row.record = replace(
                pending, consumed_at=now, lease_until=lease_until, outcome=Outcome.WORKING, fence=pending.fence + 1
            )
            return _record(row)

    def write(self, before: Pending, after: Pending, *, next_at: int | None) -> Pending:
        """Write what differs, on condition of the fence."""
        with self._attempt("write"), self.table.lock:
            row = self.table.row(*_key(before.key))
            if row is None or _record(row).fence != before.fence:
                raise FenceLost("another holder took over")
            _check_schema(row)
            changed = {
                field.name: getattr(after, field.name)
                for field in fields(Pending)
                if getattr(before, field.name) != getattr(after, field.name)
            }
            row.record = replace(_record(row), **changed)
            row.ttl = _ttl(_record(row))
            row.next_at = next_at
            return _record(row)

    def lease(self, key: PendingKey, *, now: int, until: int) -> Pending:
        """Take over an answered authorization whose callback died."""
        with self._attempt("lease"), self.table.lock:
            row = self.table.row(*_key(key))
            if row is None:
                raise NotLeased("no such authorization")
            _check_schema(row)
            pending = _record(row)
            if pending.sealed_answer is None or pending.outcome is not Outcome.WORKING:
                raise NotLeased("nothing was answered, or it is finished")
            if pending.lease_until is not None and pending.lease_until >= now:
                raise NotLeased("leased by another", pending.lease_until)
            row.record = replace(pending, fence=pending.fence + 1, lease_until=until)
            return _record(row)

    def given_up(self, app: str) -> Iterator[Pending]:
        """Yield the authorizations that failed and whose answer is kept."""
        with self._attempt("given_up"):
            pendings = list(map(_record, self.table.in_order(f"app#{app}", "pending#")))
        for pending in pendings:
            if pending.outcome is Outcome.FAILED and pending.sealed_answer is not None:
                yield pending

    def invite_is_used(self, app: str, invite_id: str) -> bool:
        """Return whether a connection stands through this invite."""
        with self._attempt("invite_is_used"):
            return self.table.row(f"app#{app}", f"invite#{invite_id}") is not None

    def use_invite(self, app: str, invite_id: str, *, now: int, expires_at: int) -> None:
        """Mark an invite as used up."""
        with self._attempt("use_invite"), self.table.lock:
            ttl = max(now, expires_at) + DAY
            self.table.rows[(f"app#{app}", f"invite#{invite_id}")] = Row(None, ttl=ttl)

    def seed(self, pending: Pending, *, next_at: int | None = None) -> Pending:
        """Put a record as it stands, past every condition."""
        with self.table.lock:
            self.table.rows[_key(pending.key)] = Row(pending, ttl=_ttl(pending), next_at=next_at)
        return pending


def _key(key: PendingKey) -> tuple[str, str]:
    return f"app#{key.app}", key.sort_key


def _ttl(pending: Pending) -> int:
    if pending.sealed_answer is None:
        return pending.expires_at + DAY
    return (pending.received_at or pending.expires_at) + ANSWER_DAYS * DAY


def _check_schema(row: Row) -> None:
    if row.extra.get("schema", SCHEMA) > SCHEMA:
        raise NewerSchema("written by a newer version")


def _record(row: Row) -> Pending:
    record = row.record
    if not isinstance(record, Pending):
        raise TypeError("not a pending authorization's row")
    return record
