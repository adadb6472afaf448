"""The in-memory records with a due index that costs what is due, as DynamoDB's does, and not what there is."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from fakes import InMemoryAuthorizations, InMemoryConnections, Table
from tokensync.domain.work import DueKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensync.domain.authorization import Authorization
    from tokensync.domain.connection import Connection
    from tokensync.domain.names import ConnectionName

Key = tuple[str, str]


class DueIndex:
    """The keys of a table by when they are due. What it holds too much is found out when it is looked at."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._heap: list[tuple[int, Key]] = []

    def note(self, partition_key: str, sort_key: str) -> None:
        """Note that a row may be due at another time from now on."""
        row = self.table.rows.get((partition_key, sort_key))
        if row is not None and row.next_at is not None:
            heapq.heappush(self._heap, (row.next_at, (partition_key, sort_key)))

    def due(self, now: int) -> list[DueKey]:
        """Return what is due, the oldest first."""
        found: dict[Key, int] = {}
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            row = self.table.rows.get(key)
            if row is not None and row.next_at == at:
                found[key] = at
        for key, at in found.items():
            heapq.heappush(self._heap, (at, key))
        return [DueKey(*key, at) for key, at in found.items()]


class IndexedConnections(InMemoryConnections):
    """See `ports.InMemoryConnections`."""

    def __init__(self, index: DueIndex) -> None:
        super().__init__(index.table)
        self._index = index

    def write(self, before: Connection, after: Connection) -> Connection:
        """Write what differs, on condition of the fence."""
        stands = super().write(before, after)
        self._note(before.name)
        return stands

    def take_over(self, grant_holder: Connection, **named: Any) -> tuple[Connection, Connection | None]:
        """Give an account a new grant, whoever holds it."""
        stands = super().take_over(grant_holder, **named)
        self._note(grant_holder.name)
        return stands

    def request_refresh(self, name: ConnectionName, **named: Any) -> bool:
        """Make the refresh due now if the generation is still this one."""
        is_due = super().request_refresh(name, **named)
        self._note(name)
        return is_due

    def claim(self, key: DueKey, **named: Any) -> bool:
        """Move a due key on if it is still what it was."""
        is_claimed = super().claim(key, **named)
        self._index.note(key.partition_key, key.sort_key)
        return is_claimed

    def seed(self, record: Connection) -> Connection:
        """Put a record as it stands, past every condition."""
        seeded = super().seed(record)
        self._note(record.name)
        return seeded

    def due(self, *, now: int) -> Iterator[DueKey]:
        """Yield the due keys, oldest first, as the index stood when the first was asked for."""
        with self._attempt("due"):
            found = self._index.due(now)
        yield from found

    def _note(self, name: ConnectionName) -> None:
        self._index.note(f"app#{name.app}", f"connection#{name.account}")


class IndexedAuthorizations(InMemoryAuthorizations):
    """See `ports.InMemoryAuthorizations`."""

    def __init__(self, index: DueIndex) -> None:
        super().__init__(index.table)
        self._index = index

    def write(self, before: Authorization, after: Authorization, *, next_at: int | None) -> Authorization:
        """Write what differs, on condition of the fence."""
        stands = super().write(before, after, next_at=next_at)
        self._index.note(f"app#{before.key.app}", before.key.sort_key)
        return stands
