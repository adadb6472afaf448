"""The connections' records in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fakes.failing import Failing
from fakes.records import changed, flat
from fakes.table import Row, Table
from tokensync.domain.connection import HISTORY_LENGTH, SCHEMA, UNPLACED, Connection, Phase, Status
from tokensync.domain.errors import FenceLost, NewerSchema, NotLeased, UnknownConnection
from tokensync.domain.messages import FailureClass
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import AnswerAside, DueKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokensync.domain.export import Export

ASIDE_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class Aside:
    """An answer that has no place on its record."""

    sealed: bytes
    why: str
    at: int


class InMemoryConnections(Failing):
    """See `tokensync.domain.ports.Connections`. `seed` and `stored` go past the port, for tests."""

    def __init__(self, table: Table | None = None) -> None:
        super().__init__()
        self.table = table or Table()

    def get(self, name: ConnectionName) -> Connection | None:
        """Return the record, or None."""
        with self._attempt("get"):
            row = self.table.row(*_key(name))
            return None if row is None else _record(row)

    def list(self, app: str) -> Iterator[Connection]:
        """Yield an app's connections in order of account."""
        with self._attempt("list"):
            rows = self.table.in_order(f"app#{app}", "connection#")
        yield from map(_record, rows)

    def lease(self, name: ConnectionName, *, now: int, until: int, even_if_not_due: bool = False) -> Connection:
        """Take the lease where the record is due and no lease stands."""
        with self._attempt("lease"), self.table.lock:
            row = self._known(name)
            record = _record(row)
            if record.lease_until is not None and record.lease_until >= now:
                raise NotLeased("leased by another", record.lease_until)
            if not even_if_not_due and (record.due.refresh_at is None or record.due.refresh_at > now):
                raise NotLeased("not due")
            row.record = replace(record, fence=record.fence + 1, lease_until=until)
            return _record(row)

    def write(self, before: Connection, after: Connection) -> Connection:
        """Write what differs, on condition of the fence."""
        with self._attempt("write"), self.table.lock:
            row = self.table.row(*_key(before.name))
            if row is None or _record(row).fence != before.fence:
                raise FenceLost("another holder took over")
            if _record(row).schema > SCHEMA:
                raise NewerSchema("written by a newer version")
            before = flat(before)
            changes = {name: value for name, value in flat(after).items() if before[name] != value}
            if "history" in changes or len(after.history) > HISTORY_LENGTH:
                changes["history"] = after.history[-HISTORY_LENGTH:]
            if after.due.next_at is None:
                changes["next_at"] = None  # even where it was None before: a request in between may have set it
            row.record = changed(_record(row), **changes)
            row.next_at = _record(row).due.next_at
            return _record(row)

    def take_over(
        self, grant_holder: Connection, *, until: int, over: int | None = None, floor: int = 0
    ) -> tuple[Connection, Connection | None]:
        """Give an account a new grant, whoever holds it."""
        with self._attempt("take_over"), self.table.lock:
            key = _key(grant_holder.name)
            row = self.table.row(*key)
            before = None if row is None else _record(row)
            if before is not None:
                _check_authorization(before, grant_holder)
            if over is not None and over != (0 if before is None else before.fence):
                raise FenceLost("another record stands than the one that may give way")
            if row is None:
                row = self.table.rows[key] = Row(Connection(name=grant_holder.name, provider=grant_holder.provider))
            current = _record(row)
            if current.schema > SCHEMA:
                raise NewerSchema("written by a newer version")
            fence, number = current.fence + 1, current.allocated + 1
            if max(current.fence, current.allocated) < floor:
                fence = number = floor
            row.record = replace(
                grant_holder.with_consumer(
                    sealed_consumer=current.consumer.sealed_consumer, exported=current.consumer.exported
                ).with_due(
                    compare_at=(current.lease_until or 0) + 1,
                    not_before=current.due.not_before,
                    ask_not_before=current.due.ask_not_before,
                ),
                schema=SCHEMA,
                phase=Phase.IDLE,
                fence=fence,
                allocated=number,
                generation=number,
                lease_until=until,
                attempt=None,
                exemption=None,
                sealed_answer=None,
                published=current.published,
                failures=0,
                last_error=None,
                history=(*current.history, *grant_holder.history),
            )
            row.next_at = grant_holder.due.next_at
            return _record(row), before

    def replace_consumer(self, name: ConnectionName, *, seen: bytes, sealed: bytes | None) -> bool:
        """Replace what a consumer knows the connection by where it still is `seen`."""
        with self._attempt("replace_consumer"), self.table.lock:
            row = self.table.row(*_key(name))
            if row is None:
                return False
            if _record(row).schema > SCHEMA:
                raise NewerSchema("written by a newer version")
            if _record(row).consumer.sealed_consumer != seen:
                return _record(row).consumer.sealed_consumer == sealed
            row.record = _record(row).with_consumer(sealed_consumer=sealed)
            return True

    def note_exported(self, name: ConnectionName, exported: Export) -> bool:
        """Note a copy of the token if the generation is still the copy's."""
        with self._attempt("note_exported"), self.table.lock:
            row = self._known(name)
            if _record(row).generation != exported.generation:
                return False
            row.record = _record(row).with_consumer(exported=exported)
            return True

    def request_refresh(self, name: ConnectionName, *, generation: int, now: int) -> bool:
        """Make the refresh due now if the generation is still this one."""
        with self._attempt("request_refresh"), self.table.lock:
            row = self._known(name)
            if _record(row).generation != generation or (_record(row).due.not_before or 0) > now:
                return False
            row.record = _record(row).with_due(refresh_at=now, renew_at=now, next_at=now)
            row.next_at = now
            return True

    def note_deauthorized(self, name: ConnectionName, *, at: int, now: int) -> bool:
        """Mark that the account ended its authorization, unless the grant is newer or the connection disconnected."""
        with self._attempt("note_deauthorized"), self.table.lock:
            row = self._known(name)
            record = _record(row)
            if record.status is Status.DISCONNECTED:
                return False
            if record.authorized.authorized_at is not None and record.authorized.authorized_at >= at:
                return False
            row.record = record.with_authorized(deauthorized_at=at).with_due(refresh_at=now, next_at=now)
            row.next_at = now
            return True

    def set_aside(self, name: ConnectionName, *, fence: int, why: str, sealed: bytes, now: int) -> None:
        """Keep an answer that has no place on the record."""
        with self._attempt("set_aside"), self.table.lock:
            self.table.rows[_aside_key(name, fence)] = Row(Aside(sealed, why, now), ttl=now + ASIDE_SECONDS)

    def aside(self, name: ConnectionName, *, fence: int) -> bytes | None:
        """Return what was set aside under this fence, or None."""
        with self._attempt("aside"):
            row = self.table.row(*_aside_key(name, fence))
            return None if row is None or row.record.why not in UNPLACED else row.record.sealed

    def list_aside(self, app: str, *, account: str | None = None) -> Iterator[AnswerAside]:
        """Yield what was set aside for an app, or for one of its accounts."""
        with self._attempt("list_aside"), self.table.lock:
            keys = [(row_key[1], row) for row_key, row in self.table.rows.items() if row_key[0] == f"app#{app}"]
        asides = [(key, row.record) for key, row in keys if isinstance(row.record, Aside)]
        for key, aside in sorted(asides, key=lambda pair: pair[0].encode("utf-8", "surrogatepass")):
            of, _, fence = key.removeprefix("aside#").rpartition("#")
            if account in (None, of):
                yield AnswerAside(ConnectionName(app, of), int(fence), aside.why, aside.at, aside.sealed)

    def index(self, name: ConnectionName, keys: Iterable[str]) -> None:
        """Note by what else the provider's notices name this account."""
        with self._attempt("index"), self.table.lock:
            for key in keys:
                self.table.rows[f"app#{name.app}", f"lookup#{key}"] = Row(name)

    def find(self, app: str, key: str) -> ConnectionName | None:
        """Return the connection that was noted under a key, or None."""
        with self._attempt("find"):
            row = self.table.row(f"app#{app}", f"lookup#{key}")
            return None if row is None else row.record

    def fewer_than(self, app: str, count: int, *, since: int) -> bool:
        """Return whether an app presents tokens of fewer connections than that."""
        with self._attempt("fewer_than"):
            rows = self.table.in_order(f"app#{app}", "connection#")
            return sum(_is_presented(_record(row), since) for row in rows) < count

    def due(self, *, now: int) -> Iterator[DueKey]:
        """Yield the due keys, oldest first, as the index before when the first was asked for."""
        with self._attempt("due"), self.table.lock:
            keys = [
                DueKey(key[0], key[1], row.next_at)
                for key, row in self.table.rows.items()
                if row.next_at is not None and row.next_at <= now
            ]
        yield from sorted(keys, key=lambda key: key.next_at)

    def claim(self, key: DueKey, *, now: int, seconds: int, own: bool = True) -> bool:
        """Move a due key on if it is still what it was."""
        with self._attempt("claim"), self.table.lock:
            row = self.table.row(key.partition_key, key.sort_key)
            if row is None or row.next_at != key.next_at:
                return False
            is_own = own and isinstance(row.record, Connection) and row.record.due.claim is not None
            row.next_at = now + (row.record.due.claim if is_own else seconds)
            if isinstance(row.record, Connection):
                row.record = row.record.with_due(next_at=row.next_at)
            return True

    def kept(self, name: ConnectionName, *, fence: int) -> str | None:
        """Return why an answer was set aside under this fence, None where none was."""
        row = self.table.row(*_aside_key(name, fence))
        return None if row is None else row.record.why

    def seed(self, record: Connection) -> Connection:
        """Put a record as it stands, past every condition."""
        with self.table.lock:
            self.table.rows[_key(record.name)] = Row(record, next_at=record.due.next_at)
        return record

    def stored(self, name: ConnectionName) -> Connection:
        """Return the record as it stands, uncounted and never failing."""
        row = self.table.row(*_key(name))
        if row is None:
            raise KeyError(str(name))
        return _record(row)

    def _known(self, name: ConnectionName) -> Row:
        row = self.table.row(*_key(name))
        if row is None:
            raise UnknownConnection(f"there is no connection {name}")
        if _record(row).schema > SCHEMA:
            raise NewerSchema("written by a newer version")
        return row


def _key(name: ConnectionName) -> tuple[str, str]:
    return f"app#{name.app}", f"connection#{name.account}"


def _is_presented(record: Connection, since: int) -> bool:
    """Return whether a token of this connection is presented some day, and its app's fault is not its last answer."""
    if record.removed_at is not None or record.consumer.handed_over_at is not None:
        return False
    if record.status not in (Status.ACTIVE, Status.HELD):
        return False
    if record.due.renew_at is None and record.due.verify_at is None:
        return False
    error = record.last_error
    return error is None or error.failure != FailureClass.CONFIGURATION or error.at < since


def _check_authorization(before: Connection, new: Connection) -> None:
    """Refuse an authorization that is older than the one that stands, or is that one again."""
    if before.schema > SCHEMA:
        raise NewerSchema("written by a newer version")
    at = new.authorized.authorized_at or 0
    if before.authorized.authorized_at is None:
        return
    if before.authorized.authorized_at <= at and before.authorized.authorized_by != new.authorized.authorized_by:
        return
    if before.authorized.authorized_at < at and before.removed_at is not None:
        return
    raise FenceLost("authorized by this authorization or a later one")


def _aside_key(name: ConnectionName, fence: int) -> tuple[str, str]:
    return f"app#{name.app}", f"aside#{name.account}#{fence}"


def _record(row: Row) -> Connection:
    record = row.record
    if not isinstance(record, Connection):
        raise TypeError("not a connection's row")
    return record
