from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import HISTORY_LENGTH, HistoryEntry, noted

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection


def test_an_event_is_appended_with_its_generation(record: Connection) -> None:
    """An event is the last one, under the generation that the record has, and nothing else changes."""
    after = noted(noted(record, "first", now=1), "second", now=2, detail="why")

    assert () == record.history
    assert after == replace(
        record,
        history=(
            HistoryEntry(at=1, event="first", generation=3),
            HistoryEntry(at=2, event="second", generation=3, detail="why"),
        ),
    )


def test_the_last_fifty_events_are_kept(record: Connection) -> None:
    """Beyond fifty events the oldest go."""
    for at in range(HISTORY_LENGTH + 5):
        record = noted(record, "event", now=at)

    assert [entry.at for entry in record.history] == list(range(5, HISTORY_LENGTH + 5))
