"""Alerts an operator once of each cause at a connection: its record remembers of what, until that changes or ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.authorization import hashed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tokensync.domain.command_line import Next
    from tokensync.domain.connection import Connection
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.runtime import Alerts
    from tokensync.domain.visible import Line

_DIGITS = 12  # of a cause's hash
_MOST = 40  # marks on one record


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One alert of a connection that may be due again and again. The `cause` is what makes it another one."""

    kind: str
    cause: str
    detail: Line
    next_command: Next

    @property
    def mark(self) -> str:
        """Return what a record remembers of it: the kind, and the cause as a hash, since anybody may have worded it."""
        return f"{self.kind} {hashed(self.cause)[:_DIGITS]}"


def judged(
    alerted: Iterable[str], notices: Sequence[Notice], *, kinds: Collection[str]
) -> tuple[tuple[str, ...], list[Notice]]:
    """Return a record's marks after `kinds` were judged, and the notices that are new.

    What a kind had a mark of and is not among the `notices` any more has ended: it is alerted when it comes back.
    """
    before = tuple(alerted)
    now = {notice.mark: notice for notice in notices}
    lasting = tuple(mark for mark in before if mark.partition(" ")[0] not in kinds)
    return tuple(dict.fromkeys((*lasting, *now)))[-_MOST:], [
        notice for mark, notice in now.items() if mark not in before
    ]


def alerted_once(
    record: Connection, notices: Sequence[Notice], *, kinds: Collection[str], alerts: Alerts
) -> Connection:
    """Alert of what is new among `notices`, and return the record that remembers it; `kinds` were judged."""
    marks, new = judged(record.alerted, notices, kinds=kinds)
    send(new, record.name, alerts)
    return record if marks == record.alerted else replace(record, alerted=marks)


def send(notices: Iterable[Notice], name: ConnectionName, alerts: Alerts) -> None:
    """Alert of these."""
    for notice in notices:
        alerts.tell(notice.kind, str(name), detail=notice.detail, next_command=notice.next_command)
