"""The rows that the in-memory connections, pending authorizations and apps share, as they share one table on AWS."""

from __future__ import annotations

import itertools
import threading
from copy import copy
from dataclasses import dataclass, field
from typing import Any

Rows = dict[tuple[str, str], "Row"]

_NUMBERS = itertools.count(1)


def _new_id() -> str:
    return f"table-{next(_NUMBERS)}"


@dataclass
class Row:
    """One record, and beside it what only the table knows: attributes of a newer version, TTL, due time."""

    record: Any
    extra: dict[str, Any] = field(default_factory=dict)
    ttl: int | None = None
    next_at: int | None = None


class Table:
    """Rows by partition and sort key. Hold `lock` for every condition with its write. TTL deletes nothing here."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.rows: Rows = {}
        self.id = _new_id()

    def backup(self) -> Rows:
        """Return the rows as they stand."""
        with self.lock:
            return {key: copy(row) for key, row in self.rows.items()}

    def restore(self, backup: Rows) -> None:
        """Put a backup's rows in the place of all that stands, in a table of another id, as a restore on AWS does."""
        with self.lock:
            self.rows = {key: copy(row) for key, row in backup.items()}
            self.id = _new_id()

    def row(self, partition_key: str, sort_key: str) -> Row | None:
        """Return one row, or None."""
        with self.lock:
            return self.rows.get((partition_key, sort_key))

    def in_order(self, partition_key: str, prefix: str) -> list[Row]:
        """Return a partition's rows whose sort key starts with `prefix`, in the order of their UTF-8 bytes."""
        with self.lock:
            keys = [key for key in self.rows if key[0] == partition_key and key[1].startswith(prefix)]
            return [self.rows[key] for key in sorted(keys, key=lambda key: key[1].encode("utf-8", "surrogatepass"))]
