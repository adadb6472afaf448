"""The last events of a connection: what an operator reads on a bad day."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.connection import HISTORY_LENGTH, HistoryEntry

if TYPE_CHECKING:
    from tokensync.connection import Connection


def noted(record: Connection, event: str, *, now: int, detail: str = "") -> Connection:
    """Return the record with one more event, the oldest dropped beyond the last fifty."""
    entry = HistoryEntry(at=now, event=event, generation=record.generation, detail=detail)
    return replace(record, history=(*record.history, entry)[-HISTORY_LENGTH:])
