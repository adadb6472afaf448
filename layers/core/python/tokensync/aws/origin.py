"""Whether the table was restored from a backup, see `tokensync.domain.ports.Origin`."""

from __future__ import annotations

import contextlib
import secrets
import threading
from typing import TYPE_CHECKING

from tokensync.aws.dynamodb import Change, ConditionFailed, DynamoTable
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from tokensync.domain.runtime import Clock

_MARK = ("table", "origin")
_BEFORE = "before"  # a restored table whose backup is older than its mark
# A table that is deleted and restored under its own name is noticed after so long; a restore itself takes longer.
_LOOK_AGAIN_SECONDS = 60.0


class DynamoOrigin:
    """A mark among the items names the table that they were written to; it differs from a restored table's own id.

    The mark is read once for each id, and the id once a minute. Safe for threads: a lock guards what was seen.
    """

    def __init__(self, table: DynamoTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._id = ""
        self._origin = ""
        self._looked_at = 0.0
        self._noticed: set[str] = set()

    def restored(self) -> str | None:
        """Return the table's own id if its items come from another one, else None.

        Raises:
            StoreUnavailable: the id was never read. Once it was, it counts until it can be read again.
        """
        with self._lock:
            now = self._clock.monotonic()
            if not self._id or now - self._looked_at >= _LOOK_AGAIN_SECONDS:
                try:
                    self._look()
                except StoreUnavailable:
                    if not self._id:
                        raise
                self._looked_at = now
            return None if self._origin == self._id else self._id

    def note_restored(self, table: str, *, now: int) -> bool:
        with self._lock:
            if table in self._noticed:
                return False
            # boto3 repeats a request whose response was lost; by this mark the repetition knows that it was the first.
            mark = secrets.token_hex(8)
            change = Change(
                condition="attribute_not_exists(#noticed) OR #noticed <> :to_noticed",
                set={"noticed": table, "noticed_at": now, "notice_mark": mark},
            )
            try:
                self._table.update(_MARK, change)
                is_first = True
            except ConditionFailed as failed:
                is_first = failed.item is not None and failed.item.get("notice_mark") == mark
            self._noticed.add(table)
            return is_first

    def _look(self) -> None:
        table, was_restored = self._table.identity()
        if table == self._id:
            return
        # Another table: what was seen of the one before says nothing about it.
        self._id = ""
        item = self._table.get(_MARK)
        if item is None:
            attributes = {"schema": SCHEMA, "table": _BEFORE if was_restored else table}
            with contextlib.suppress(ConditionFailed):
                self._table.put(_MARK, attributes, only_new=True)
            item = self._table.get(_MARK)
        if item is None:
            raise StoreUnavailable("the table's mark was not kept")
        self._id, self._origin = table, item["table"]
