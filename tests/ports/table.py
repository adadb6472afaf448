"""The rows that the in-memory connections, pending authorizations and apps share, as they share one table on AWS."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any


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
        self.rows: dict[tuple[str, str], Row] = {}

    def row(self, partition_key: str, sort_key: str) -> Row | None:
        """Return one row, or None."""
        with self.lock:
            return self.rows.get((partition_key, sort_key))

    def in_order(self, partition_key: str, prefix: str) -> list[Row]:
        """Return a partition's rows whose sort key starts with `prefix`, in the order of their UTF-8 bytes."""
        with self.lock:
            keys = [key for key in self.rows if key[0] == partition_key and key[1].startswith(prefix)]
            return [self.rows[key] for key in sorted(keys, key=lambda key: key[1].encode("utf-8", "surrogatepass"))]
