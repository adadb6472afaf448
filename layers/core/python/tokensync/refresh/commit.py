"""PUBLISH and COMMIT: how a lease ends, whatever it was taken for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.connection import QUOTA, UNAVAILABLE, Reason, Status, noted
from tokensync.domain.errors import (
    FenceLost,
    PublishError,
    PublishUnavailable,
    QuotaReached,
    SecretGone,
    SecretNotOurs,
    StoreError,
)
from tokensync.domain.visible import Line
from tokensync.domain.work import Work
from tokensync.refresh import decisions, schedule, stale_export, transitions
from tokensync.refresh.result import Conclusion, LeaseEnded, Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.ports import Ports
    from tokensync.refresh.kept_answers import KeptAnswers
    from tokensync.refresh.publish import Publisher


# Secrets Manager's recovery window, https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
SHORTEST_RECOVERY, LONGEST_RECOVERY = 7, 30  # days
_WITHHELD = 3  # failures, which make a wait of 3 to 5 minutes


@dataclass(frozen=True)
class Committer:
    """Ends leases. A method that writes raises FenceLost if the connection was taken over, unless it says otherwise."""

    ports: Ports
    publisher: Publisher
    kept_answers: KeptAnswers

    def publish_and_commit(self, before: Connection, after: Connection, grant: Grant, result: Result) -> WorkResult:
        """PUBLISH `after`, then COMMIT it."""
        try:
            return self.commit(self.publish(Conclusion(before=before, after=after, grant=grant, result=result)))
        except LeaseEnded as ended:
            return ended.result

    def publish(self, conclusion: Conclusion) -> Conclusion:
        """PUBLISH: make the secret equal to the grant. If that cannot be done now, it is done later from the record.

        Raises:
            LeaseEnded: there is nothing to publish, or no secret to publish it to, and that is committed.
        """
        before, after, grant = conclusion.before, conclusion.after, conclusion.grant
        if not grant.access_token:  # imported with a refresh token alone
            raise LeaseEnded(WorkResult(conclusion.result, self.ports.connections.write(before, after)))
        try:
            published = replace(conclusion, after=self._published(after, grant))
        except (SecretGone, SecretNotOurs) as error:
            try:
                orphaned = self.orphaned(before, str(error), after)
            except FenceLost:
                orphaned = WorkResult(Result.TAKEN_OVER)
            raise LeaseEnded(orphaned) from error
        except PublishError as error:
            self.ports.log.warning("publishing.postponed", connection=str(before.name), error=str(error))
            published = replace(
                conclusion,
                after=self._unpublished(after, error),
                result=Result.POSTPONED if conclusion.result is Result.PUBLISHED else conclusion.result,
                # A full secret is that connection's own matter: the others' batch goes on.
                backpressure=not isinstance(error, QuotaReached),
            )
        self.ports.failpoints.reached("published")
        return published

    def commit(self, published: Conclusion) -> WorkResult:
        """COMMIT: write the record on condition of the fence, and with it release the lease. FenceLost is a result."""
        before, after, result = published.before, published.after, published.result
        stale = after.consumer.exported if stale_export.is_stale(after, published.grant) else None
        if stale is not None:
            after = stale_export.forgotten(after, now=self.ports.clock.now())
        try:
            written = self.ports.connections.write(before, after)
        except FenceLost:
            # Our late publication may have overwritten a newer one: the next holder compares.
            self.kept_answers.set_aside(before, "superseded")
            self.ports.queue.send([Work(connection=before.name, compare=True)])
            return WorkResult(Result.TAKEN_OVER)
        self.ports.failpoints.reached("committed")
        self.ports.log.info(
            "connection.committed", connection=str(written.name), result=result, generation=written.generation
        )
        if stale is not None:
            stale_export.alert(written, stale, self.ports)
        elif stale_export.is_stale(written, published.grant):
            # It was exported while this token was on its way.
            written = self._without_export(written)
        if written.unpublished == QUOTA != before.unpublished:
            self.ports.alerts.tell(
                "publishing.quota_reached",
                str(written.name),
                detail=Line(
                    "its secret takes no further version today; the grant is kept, the secret is tried again every "
                    "hour, and the provider is not asked for anything until then"
                ),
                next_command=typed("tokensync publish {name}", name=written.name),
            )
        if schedule.is_due(written.due.push_at, self.ports.clock.now()):
            self.ports.queue.send([Work(connection=written.name)])
        return WorkResult(result, written, backpressure=published.backpressure)

    def _without_export(self, record: Connection) -> Connection:
        exported = record.consumer.exported
        try:
            after = self.ports.connections.write(record, stale_export.forgotten(record, now=self.ports.clock.now()))
        except StoreError:  # the next COMMIT finds it
            return record
        if exported is not None:
            stale_export.alert(record, exported, self.ports)
        return after

    def _published(self, after: Connection, grant: Grant) -> Connection:
        """Write the secret, and return the record that says so; what had to wait for it is due again."""
        published = replace(after, published=self.publisher.publish(after, grant), unpublished="")
        return transitions.undisturbed(schedule.scheduled(published) if after.unpublished else published)

    def _unpublished(self, after: Connection, error: PublishError) -> Connection:
        """Return the record of a connection whose secret could not be written, due when that is tried again."""
        if isinstance(error, QuotaReached):
            again = self.ports.clock.now() + schedule.QUOTA_RECHECK
            if after.unpublished != QUOTA:
                after = noted(after, "publishing.quota_reached", now=self.ports.clock.now())
            return schedule.scheduled(replace(after.with_due(compare_at=again), unpublished=QUOTA))
        # The write may have been made and only its acknowledgement lost: the next holder writes it all the same.
        again = max(self.retry_at(after, after.failures), after.due.compare_at or 0)
        return schedule.scheduled(replace(after.with_due(compare_at=again), unpublished=UNAVAILABLE))

    def release(self, record: Connection, result: Result, *, renew_at: int | None) -> WorkResult:
        """Release a connection that nothing was done for, its refresh due at `renew_at`."""
        return self.end_lease(record, record.with_due(renew_at=renew_at), result)

    def end_lease(self, before: Connection, after: Connection, result: Result) -> WorkResult:
        """COMMIT `after`, released; nothing is published."""
        return WorkResult(result, self.ports.connections.write(before, transitions.released(after)))

    def postponed(
        self,
        record: Connection,
        event: str,
        detail: str,
        *,
        compare: bool = False,
        backpressure: bool = False,
        withheld: bool = True,
    ) -> WorkResult:
        """Release a connection that could not be worked on, in whatever phase it is, for a later try.

        `withheld` says that AWS is the cause, whose end is the same for all: the wait grows to minutes and no further.
        """
        self.ports.log.warning(event, connection=str(record.name), detail=detail)
        at = self.retry_at(record, min(record.failures, _WITHHELD) if withheld else record.failures)
        # The message that asked for it is gone: the record has to ask now.
        refresh_at = min(at, record.due.refresh_at or at)
        due = schedule.due_at(record, at).with_due(refresh_at=refresh_at)
        after = replace(due, lease_until=None, failures=record.failures + 1)
        if compare:
            after = after.with_due(compare_at=at)
        written = self.ports.connections.write(record, after)
        return WorkResult(Result.POSTPONED, written, backpressure=backpressure, withheld=detail)

    def unreachable(self, record: Connection, event: str, error: PublishUnavailable) -> WorkResult:
        """Release a connection whose secret cannot be reached now: later it is compared again."""
        return self.postponed(record, event, str(error), compare=True, backpressure=True)

    def secret_differs(self, record: Connection) -> bool:
        """Return whether the secret holds another version than the one that the record published last.

        Raises:
            PublishUnavailable: this cannot be known now.
            LeaseEnded: the secret is gone or not ours, and that is committed.
        """
        try:
            return record.published is not None and not self.publisher.is_current(record)
        except (SecretGone, SecretNotOurs) as gone:
            raise LeaseEnded(self.orphaned(record, str(gone))) from gone

    def reauthorize(self, before: Connection, after: Connection, grant: Grant) -> WorkResult:
        """COMMIT that the provider's refusal counts: the seller has to authorize again. Alert the operator."""
        after = decisions.reauthorization_needed(after, now=self.ports.clock.now())
        result = self.publish_and_commit(before, after, grant, Result.REAUTHORIZE)
        if result.result is Result.REAUTHORIZE:
            self.ports.alerts.tell(
                "connection.reauthorize",
                str(before.name),
                detail=Line("the provider refused its token: the seller has to authorize again"),
                next_command=typed("tokensync invite {app} --for {name}", app=before.name.app, name=before.name),
            )
        return result

    def deauthorized(self, record: Connection, grant: Grant) -> WorkResult:
        """COMMIT that the account ended its authorization, as the provider's webhook says, and alert the operator."""
        result = self.ended(record, grant, reason=Reason.DEAUTHORIZED, result=Result.DISCONNECTED)
        if result.result is Result.DISCONNECTED:
            self.ports.alerts.tell(
                "connection.disconnected",
                str(record.name),
                detail=Line("the account ended its authorization, says the provider; nothing is refreshed any more"),
                next_command=typed("tokensync invite {app} --for {name}", app=record.name.app, name=record.name),
            )
        return result

    def ended(self, record: Connection, grant: Grant, *, reason: str, result: Result) -> WorkResult:
        """COMMIT that the authorization is over, and publish it where anything was published."""
        after = decisions.disconnected(record, reason=reason, now=self.ports.clock.now())
        if record.status is Status.QUARANTINED:
            # Its number is no older than any that was published, should its secret be written some day.
            return WorkResult(result, self.ports.connections.write(record, replace(after, generation=record.allocated)))
        if not after.publishing_is_due():
            return WorkResult(result, self.ports.connections.write(record, after))
        committed = self.publish_and_commit(record, after, grant, result)
        return replace(committed, result=result) if committed.result is Result.ORPHANED else committed

    def orphaned(self, before: Connection, reason: str, after: Connection | None = None) -> WorkResult:
        """COMMIT that the secret is gone or not ours: the grant is kept, nothing is restored in silence."""
        gone = decisions.unpublishable(after or before, reason=reason, now=self.ports.clock.now())
        result = WorkResult(Result.ORPHANED, self.ports.connections.write(before, gone))
        if gone.status is Status.DISCONNECTED:  # nobody is to bring it back
            return result
        self.ports.alerts.tell(
            "connection.orphaned",
            str(before.name),
            detail=Line("its secret cannot be written: {reason}; the grant is kept", reason=reason),
            next_command=typed("tokensync publish {name}", name=before.name),
        )
        return result

    def retry_at(self, record: Connection, failures: int) -> int:
        """Return when to try again after so many failures in a row."""
        return schedule.retry_at(
            now=self.ports.clock.now(),
            failures=failures,
            retry_after=None,
            fraction=self.ports.randomness.fraction(),
            ends_at=record.access_expires_at,
        )

    def finish_begun_removal(self, record: Connection) -> None:
        """Pass a connection that nobody removes; end a removal whose process died, so that nothing else is done.

        Raises:
            LeaseEnded: the connection is removed, or its secret cannot be deleted now.
        """
        if record.removed_at is not None:
            after = decisions.removed(record, now=record.removed_at)
            raise LeaseEnded(WorkResult(Result.REMOVED, self.ports.connections.write(record, after)))
        if not record.is_half_removed:
            return
        try:
            raise LeaseEnded(self.finish_removal(record))
        except PublishUnavailable as error:
            raise LeaseEnded(self.unreachable(record, "removing.postponed", error)) from error

    def finish_removal(self, marked: Connection, *, days: int = LONGEST_RECOVERY) -> WorkResult:
        """Delete the secret of a leased connection that is marked as removed, then COMMIT what is left of it.

        Raises:
            PublishUnavailable: the secret may or may not be deleted, and the lease is still the caller's.
            FenceLost: the account authorized again meanwhile, and its secret was given back.
        """
        connections, now = self.ports.connections, self.ports.clock.now()
        if marked.published is not None:
            try:
                self.ports.secrets.delete(marked.published.arn, days=days)
            except SecretGone:
                pass
            except SecretNotOurs:
                after = decisions.removed(replace(marked, published=None), now=now)
                return WorkResult(Result.REMOVED, connections.write(marked, after))
        self.ports.failpoints.reached("deleted")
        try:
            return WorkResult(Result.REMOVED, connections.write(marked, decisions.removed(marked, now=now)))
        except FenceLost:
            # Its new token has to be readable.
            self._give_secret_back(marked)
            raise

    def _give_secret_back(self, marked: Connection) -> None:
        if marked.published is None:
            return
        try:
            self.ports.secrets.restore(marked.published.arn)
        except PublishError as error:
            self.ports.log.warning("restoring.failed", connection=str(marked.name), error=str(error))
        self.ports.queue.send([Work(connection=marked.name, compare=True)])
