"""Which table the items were written to, in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fakes.failing import Failing
from fakes.table import Row, Table


@dataclass(frozen=True)
class Mark:
    """The table that the items were written to, and the restored one that was noticed last."""

    table: str
    noticed: str = ""


class InMemoryOrigin(Failing):
    """See `tokensync.domain.ports.Origin`."""

    def __init__(self, table: Table | None = None) -> None:
        super().__init__()
        self.table = table or Table()

    def restored(self) -> str | None:
        """Return the table's own id if its items come from another one, else None."""
        with self._attempt("restored"), self.table.lock:
            return None if self._mark().table == self.table.id else self.table.id

    def note_restored(self, table: str, *, now: int) -> bool:
        """Note that a restored table was noticed; tell whether nobody had noted it before."""
        del now
        with self._attempt("notice"), self.table.lock:
            mark = self._mark()
            self.table.rows[_KEY] = Row(replace(mark, noticed=table))
            return mark.noticed != table

    def _mark(self) -> Mark:
        mark = self.table.rows.setdefault(_KEY, Row(Mark(self.table.id))).record
        if not isinstance(mark, Mark):
            raise TypeError("not the mark")
        return mark


_KEY = ("table", "origin")
