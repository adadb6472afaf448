"""Which table the items were written to, see `tokensync.domain.ports.Origin`: a mark among them, and its own id."""

from __future__ import annotations

import contextlib
import secrets
import threading
from typing import TYPE_CHECKING

from tokensync.aws.dynamodb import Change, ConditionFailed, DynamoTable
from tokensync.aws.items import from_attribute
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from tokensync.domain.runtime import Clock

_MARK = ("table", "origin")
_BEFORE = "before"  # a restored table whose backup is older than its mark
# A table that is deleted and restored under its own name is noticed after so long; a restore itself takes longer.
_LOOK_AGAIN_SECONDS = 60.0


class DynamoOrigin:
    """Reads the mark once for each id; looks at the id again after a minute. Thread-safe."""

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
            StoreUnavailable: it was never seen. Once it was, what was seen stands until it can be looked at again.
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
        """Note that a restored table was noticed; tell whether nobody had noted it before.

        Raises:
            StoreUnavailable: as the port says.
        """
        with self._lock:
            if table in self._noticed:
                return False
            # A repeated request whose first answer was lost must still tell the operators: its own mark stands there.
            mark = secrets.token_hex(8)
            change = Change(
                condition="attribute_not_exists(#noticed) OR #noticed <> :to_noticed",
                set={"noticed": table, "noticed_at": now, "notice_mark": mark},
            )
            try:
                self._table.update(_MARK, change)
                is_first = True
            except ConditionFailed as failed:
                is_first = failed.item is not None and failed.item.get("notice_mark") == {"S": mark}
            self._noticed.add(table)
            return is_first

    def _look(self) -> None:
        table, was_restored = self._table.identity()
        if table == self._id:
            return
        # Another table: what was seen of the one before says nothing of it.
        self._id = ""
        item = self._table.get(_MARK)
        if item is None:
            attributes = {"schema": SCHEMA, "table": _BEFORE if was_restored else table}
            with contextlib.suppress(ConditionFailed):
                self._table.put(_MARK, attributes, only_new=True)
            item = self._table.get(_MARK)
        if item is None:
            raise StoreUnavailable("the table's mark was not kept")
        self._id, self._origin = table, from_attribute(item["table"])
