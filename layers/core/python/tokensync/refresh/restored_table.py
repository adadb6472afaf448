"""A table that was restored from a backup: each connection in it is compared with its secret before anything is done.

The grants in such a table may be older than what was published since, and their refresh tokens spent. The secret shows
it: if its current version is the one that the record published last, nothing newer came. Any other connection is
quarantined: its secret stays as it is, with the newer token in it.

Items that somebody copied back into their own table bear no mark of that. A comparison finds them all the same, if the
secret's version is one of ours that only a later holder can have written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Reason, Status
from tokensync.domain.errors import PublishUnavailable, SecretGone, SecretNotOurs
from tokensync.domain.visible import Line
from tokensync.refresh import decisions
from tokensync.refresh.result import LeaseEnded, Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.connection import Connection
    from tokensync.domain.ports import Ports
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.kept_answers import KeptAnswers
    from tokensync.refresh.publish import Publisher
    from tokensync.refresh.resume import Resumer
    from tokensync.refresh.session import Session


@dataclass(frozen=True)
class RestoredTable:
    """Knows whether the table was restored, and which records nobody has compared since."""

    ports: Ports

    def id(self) -> str | None:
        """Return the table's id if it was restored from a backup, else None. Operators are alerted once.

        Raises:
            StoreUnavailable: this cannot be known now, so nothing may be presented or published.
        """
        table = self.ports.origin.restored()
        if table is not None and self.ports.origin.note_restored(table, now=self.ports.clock.now()):
            self.ports.alerts.tell(
                "table.restored",
                "table",
                detail=Line(
                    "the table was restored from a backup: each connection is held against its secret before it is "
                    "refreshed, and one whose refresh token may be spent is quarantined, with its secret as it is"
                ),
                next_command=typed("tokensync recover"),
            )
        return table

    def is_unchecked(self, record: Connection | Authorization) -> bool:
        """Return whether a record may be older than what was done since its backup.

        Raises:
            StoreUnavailable: this cannot be known now.
        """
        table = self.id()
        return table is not None and record.table != table


@dataclass(frozen=True)
class RestoredCheck:
    """Compares leased connections with their secrets, and quarantines those whose secret is newer."""

    ports: Ports
    resumer: Resumer
    publisher: Publisher
    committer: Committer
    kept_answers: KeptAnswers

    def checked(self, record: Connection, table: str | None, session: Session) -> Connection:
        """Return a leased connection that may be worked on; `table` is what `RestoredTable.id` returned.

        Raises:
            LeaseEnded: it is quarantined, or its secret cannot be reached now.
            FenceLost, StoreUnavailable: nothing was presented, published or quarantined.
            SealingUnavailable, UnknownApp, InvalidApp: nothing was written either.
        """
        if table is None or record.table == table or record.removed_at is not None:
            return record
        # A kept response shows how its attempt ended. It is the newest: while it waits, it was never published.
        is_known = record.attempt is None or record.is_half_removed or self.resumer.is_answered(record, session)
        record = self._raised(record)
        try:
            is_newest = is_known and (self._is_untouched(record) or self._is_current(record))
        except PublishUnavailable as error:
            raise LeaseEnded(self.committer.unreachable(record, "checking.postponed", error)) from error
        if not is_newest:
            raise LeaseEnded(self._set_apart(record, table))
        return self.ports.connections.write(record, replace(record, table=table))

    def not_overtaken(self, record: Connection) -> None:
        """Pass a leased connection, unless a later holder than any that this table knows wrote its secret.

        Raises:
            LeaseEnded: one did, and the connection is quarantined.
            PublishUnavailable, SecretGone, SecretNotOurs: as `TokenSecrets.current_version`.
            FenceLost, StoreUnavailable: nothing was quarantined.
        """
        if self.publisher.is_overtaken(record):
            raise LeaseEnded(self._set_apart(self._raised(record), record.table))

    def _raised(self, record: Connection) -> Connection:
        """Raise a holder's numbers above any that was used: they grew on after the backup.

        A write of its own: it names the old fence, so that its repetition fails, and the next holder begins anew.
        """
        floor = self.ports.clock.now()
        raised = replace(record, fence=max(record.fence, floor), allocated=max(record.allocated, floor))
        return self.ports.connections.write(record, raised)

    def _is_untouched(self, record: Connection) -> bool:
        """Return whether an account that nobody invited still waits for a decision: the backup made nothing old.

        If it was accepted since, it has a secret.

        Raises:
            PublishUnavailable: this cannot be known now.
        """
        is_strange = record.status is Status.QUARANTINED and record.reason == Reason.NOT_INVITED
        if not is_strange or record.attempt is not None or record.published is not None:
            return False
        return not self.ports.secrets.exists(record.name)

    def _is_current(self, record: Connection) -> bool:
        """Return whether the secret shows that nothing newer came.

        Raises:
            PublishUnavailable: this cannot be known now.
        """
        try:
            return self.publisher.is_current(record)
        except (SecretGone, SecretNotOurs):
            return record.is_half_removed  # its deletion is what was begun

    def _set_apart(self, record: Connection, table: str | None) -> WorkResult:
        # Under a reason that is final: nobody resumes from it.
        self.kept_answers.set_aside(record, Reason.RESTORED_TABLE)
        after = replace(decisions.set_apart(record, now=self.ports.clock.now()), table=table)
        written = self.ports.connections.write(record, after)
        self.ports.alerts.tell(
            "connection.quarantined",
            str(record.name),
            detail=Line(
                "its record comes from a backup, and its refresh token may have been spent since; nothing was "
                "presented, and its secret stays as it was"
            ),
            next_command=typed("tokensync invite {app} --for {name}", app=record.name.app, name=record.name),
        )
        return WorkResult(Result.HELD, written)
