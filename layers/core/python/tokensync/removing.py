"""`remove` and `publish`: takes a connection and its secret away, and gives an orphaned one its secret back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync import schedule, transitions
from tokensync.connection import Status
from tokensync.errors import FenceLost, PublishError, PublishUnavailable, SecretGone, SecretNotOurs
from tokensync.outcome import Outcome, Result
from tokensync.session import Session
from tokensync.work import Work

if TYPE_CHECKING:
    from tokensync.concluding import Concluder
    from tokensync.connection import Connection
    from tokensync.grant import Grant
    from tokensync.names import ConnectionName
    from tokensync.operating import Operating
    from tokensync.session import Budget

# Secrets Manager's recovery window, https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
SHORTEST_RECOVERY, LONGEST_RECOVERY = 7, 30  # days
_AT_REST = {
    Status.REAUTHORIZE: Result.REAUTHORIZE,
    Status.DISCONNECTED: Result.REAUTHORIZE,
    Status.QUARANTINED: Result.HELD,
}


@dataclass(frozen=True, kw_only=True)
class Remover:
    """Removes connections and restores secrets on demand. Thread-safe: it holds no state."""

    operating: Operating
    concluder: Concluder

    def remove(self, name: ConnectionName, budget: Budget, *, days: int = LONGEST_RECOVERY) -> Outcome:
        """Schedule the secret's deletion, then leave of the record what a return needs. May be repeated.

        A secret that is not ours is left alone. Nothing is asked of the provider.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was done, or the same call finishes it.
        """
        operating = self.operating
        operating.standing(name)
        session = Session(name.app, apps=operating.apps, sealer=operating.sealer)

        def act(record: Connection, grant: Grant, session: Session) -> Outcome:
            del grant, session
            return self._removed(record, days)

        return operating.under_lease(name, session, budget, act)

    def _removed(self, record: Connection, days: int) -> Outcome:
        connections, now, published = self.operating.connections, self.operating.clock.now(), record.published
        # The mark first: a secret that we delete must never look like one that somebody else deleted.
        marked = replace(
            transitions.disconnected(record, reason=transitions.REASON_REMOVED, now=now),
            published=None if published is None else replace(published, removed=True),
            compare_at=None,
            lease_until=record.lease_until,
        )
        marked = connections.write(record, replace(marked, refresh_at=None, next_at=None))
        if published is not None:
            try:
                self.concluder.publisher.delete(published.arn, days=days)
            except SecretGone:
                pass
            except SecretNotOurs:
                after = transitions.removed(replace(marked, published=None), now=now)
                return Outcome(Result.REMOVED, connections.write(marked, after))
            except PublishUnavailable as error:
                self.concluder.log.warning("removing.postponed", connection=str(record.name), error=str(error))
                return Outcome(Result.POSTPONED, connections.write(marked, transitions.released(record)))
        self.concluder.failpoints.reached("deleted")
        try:
            return Outcome(Result.REMOVED, connections.write(marked, transitions.removed(marked, now=now)))
        except FenceLost:
            # The account authorized again meanwhile: its new token has to be readable.
            self._given_back(marked)
            raise

    def _given_back(self, marked: Connection) -> None:
        if marked.published is None:
            return
        try:
            self.concluder.publisher.restore(marked.published.arn)
        except PublishError as error:
            self.concluder.log.warning("restoring.failed", connection=str(marked.name), error=str(error))
        self.concluder.queue.send([Work(connection=marked.name, compare=True)])

    def publish(self, name: ConnectionName, budget: Budget) -> Outcome:
        """Make the secret equal to the grant, by an operator's word: one that is gone is restored or made anew.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was done.
        """
        operating = self.operating
        seen = operating.standing(name)
        if seen.status in _AT_REST:
            return Outcome(_AT_REST[seen.status], seen)
        session = Session(name.app, apps=operating.apps, sealer=operating.sealer)
        return operating.under_lease(name, session, budget, self._published)

    def _published(self, record: Connection, grant: Grant, session: Session) -> Outcome:
        if record.obtained_at is None:  # imported with a refresh token alone: there is no access token yet
            after = transitions.released(record)
            return Outcome(Result.NOTHING_DUE, self.operating.connections.write(record, after))
        now = self.operating.clock.now()
        after = transitions.released(record)
        if record.status is Status.ORPHANED:
            cadence = self.concluder.cadence.for_app(session.app)
            after = transitions.republished(
                record,
                grant,
                provider=session.provider,
                now=now,
                verifies_at=schedule.verify_at(record.name, now=now, cadence=cadence),
            )
        if after.published is not None:
            # As if we had deleted it: this operator says that it may come back.
            after = replace(after, published=replace(after.published, removed=True))
        return self.concluder.publish(record, after, grant, Result.PUBLISHED)
