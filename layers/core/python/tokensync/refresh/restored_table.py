"""A table that was restored from a backup: each connection in it is held against its secret before anything is done.

The grants in such a table may be older than what was published since, and their refresh tokens spent. The secret tells:
where its current version is the one that the record published last, nothing newer came. Anything else is quarantined:
the secret stays as it is, with the newer token in it.

Items that somebody copied back into their own table bear no mark of that. A comparison finds them out all the same,
where the secret's version is one of ours that only a later holder can have written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Reason, Status
from tokensync.domain.errors import PublishUnavailable, SecretGone, SecretNotOurs
from tokensync.refresh import decisions
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.authorization import Authorization
    from tokensync.domain.connection import Connection
    from tokensync.domain.ports import Ports
    from tokensync.refresh.commit import Committer

    Answered = Callable[[Connection], bool]


@dataclass(frozen=True)
class RestoredTable:
    """Judges what a restored table holds. Thread-safe: it holds ports and no state."""

    ports: Ports
    committer: Committer

    def id(self) -> str | None:
        """Return the table's id if it was restored from a backup, else None. Operators are told once.

        Raises:
            StoreUnavailable: it cannot be told now, so nothing may be presented or published.
        """
        table = self.ports.origin.restored()
        if table is not None and self.ports.origin.webhook_event(table, now=self.ports.clock.now()):
            self.ports.alerts.tell(
                "table.restored",
                "table",
                detail="the table was restored from a backup: each connection is held against its secret before it is "
                "refreshed, and one whose refresh token may be spent is quarantined, with its secret as it is",
                next_command="tokensync recover",
            )
        return table

    def is_unchecked(self, record: Connection | Authorization) -> bool:
        """Return whether a record may be older than what was done since its backup.

        Raises:
            StoreUnavailable: it cannot be told now.
        """
        table = self.id()
        return table is not None and record.table != table

    def checked(self, record: Connection, table: str | None, answered: Answered) -> Connection | WorkResult:
        """Return a leased connection that may be gone on with, or how it ended; `table` is what `id` returned.

        `answered` tells whether an answer is kept that the connection's attempt, or one before it, waits for.

        Raises:
            FenceLost, StoreUnavailable: nothing was presented, published or quarantined.
            SealingUnavailable, UnknownApp, InvalidApp: nothing was written either.
        """
        if table is None or record.table == table or record.removed_at is not None:
            return record
        # How an attempt ended is known by its answer, which was never published while it waits: it is the newest.
        is_known = record.attempt is None or record.is_half_removed or answered(record)
        record = self._raised(record)
        try:
            is_newest = is_known and (self._is_untouched(record) or self._is_current(record))
        except PublishUnavailable as error:
            return self.committer.postponed(record, "checking.postponed", str(error), compare=True, backpressure=True)
        if is_newest:
            return self.ports.connections.write(record, replace(record, table=table))
        return self._set_apart(record, table)

    def overtaken(self, record: Connection) -> WorkResult | None:
        """Return how a leased connection ended whose secret a later holder wrote than any that this table knows.

        Raises:
            PublishUnavailable, SecretGone, SecretNotOurs: as `TokenSecrets.current_version`.
            FenceLost, StoreUnavailable: nothing was quarantined.
        """
        if not self.committer.publisher.is_overtaken(record):
            return None
        return self._set_apart(self._raised(record), record.table)

    def _raised(self, record: Connection) -> Connection:
        """Raise a holder's numbers above any that was used: they went on after the backup.

        A write of its own: it names the old fence, so that a repetition of it fails, and the next holder begins anew.
        """
        floor = self.ports.clock.now()
        raised = replace(record, fence=max(record.fence, floor), allocated=max(record.allocated, floor))
        return self.ports.connections.write(record, raised)

    def _is_untouched(self, record: Connection) -> bool:
        """Return whether an account that nobody invited still waits for a decision: the backup made nothing old.

        Was it accepted since, its secret stands.

        Raises:
            PublishUnavailable: later it can be told.
        """
        is_strange = record.status is Status.QUARANTINED and record.reason == Reason.NOT_INVITED
        if not is_strange or record.attempt is not None or record.published is not None:
            return False
        return not self.committer.publisher.has_secret(record.name)

    def _is_current(self, record: Connection) -> bool:
        """Return whether the secret tells that nothing newer came.

        Raises:
            PublishUnavailable: later it can be told.
        """
        try:
            return self.committer.publisher.is_current(record)
        except (SecretGone, SecretNotOurs):
            return record.is_half_removed  # its deletion is what was begun

    def _set_apart(self, record: Connection, table: str | None) -> WorkResult:
        # Under a reason that is final: nobody resumes from it.
        self.committer.kept_answers.set_aside(record, Reason.RESTORED_TABLE)
        after = replace(decisions.set_apart(record, now=self.ports.clock.now()), table=table)
        stands = self.ports.connections.write(record, after)
        self.ports.alerts.tell(
            "connection.quarantined",
            str(record.name),
            detail="its record comes from a backup, and its refresh token may have been spent since; nothing was "
            "presented, and its secret stays as it was",
            next_command=f"tokensync invite {record.name.app} --for {record.name}",
        )
        return WorkResult(Result.HELD, stands)
