"""From a stored answer to the end of the lease: PUBLISH and COMMIT, for every class of answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync import schedule, transitions
from tokensync.answers import Failure, FailureClass
from tokensync.connection import QUOTA, UNAVAILABLE, Phase, Status
from tokensync.errors import FenceLost, PublishError, QuotaReached, SecretGone, SecretNotOurs
from tokensync.history import noted
from tokensync.outcome import Outcome, Result
from tokensync.reading import read_answer
from tokensync.unsealing import grant_binding
from tokensync.work import Work

if TYPE_CHECKING:
    from tokensync.answers import Answer, Issued
    from tokensync.connection import Connection
    from tokensync.grant import Grant
    from tokensync.keeping import Keeper
    from tokensync.names import ConnectionName
    from tokensync.ports import Connections, WorkQueue
    from tokensync.publishing import Publisher
    from tokensync.seams import Alerts, Clock, Failpoints, Log, Randomness
    from tokensync.session import Session

_WITHHELD = 3  # failures, which make a wait of 3 to 5 minutes
_WHY = {
    transitions.REASON_REFUSED: "the provider refused its token",
    transitions.REASON_ENDED: "its access token has ended, and nothing can renew it",
}


@dataclass(frozen=True, kw_only=True)
class Concluder:
    """Ends attempts. Thread-safe: it holds ports and no state."""

    connections: Connections
    publisher: Publisher
    keeper: Keeper
    queue: WorkQueue
    alerts: Alerts
    clock: Clock
    randomness: Randomness
    failpoints: Failpoints
    log: Log
    cadence: schedule.Cadence

    def conclude(self, record: Connection, answer: Answer, grant: Grant, session: Session) -> Outcome:
        """Read an answer that is durable, then do what it says.

        Raises:
            FenceLost: the connection was taken over before anything was published.
        """
        known = (grant.refresh_token, grant.access_token, *session.client_secrets)
        read = read_answer(session.provider, answer, secrets=[secret for secret in known if secret])
        if isinstance(read, Failure):
            if read.kind in (FailureClass.AMBIGUOUS, FailureClass.UNKNOWN):
                self.keeper.set_aside(record, "unparsed")
            return self.settle(record, read, grant, session, previous=None)
        session.tally.add(refused=False)
        if read.oddities:
            self.tell_odd(record.name, read)
        if read.account is not None and read.account.id not in ("", grant.account_id):
            return self._other_account(record, grant)
        if read.access_token is None:
            return self._unusable(record, read, grant, session)
        # Everything counts from the answer's arrival: it may have waited sealed for a long time.
        now = answer.received_at
        new = transitions.merged(grant, read, now=now)
        sealed = session.key.seal(new.to_bytes(), binding=grant_binding(record.name))
        after = transitions.renewed(
            record,
            new,
            read,
            provider=session.provider,
            sealed=sealed,
            now=now,
            cadence=self.cadence.for_app(session.app),
        )
        if session.app.push:
            after = schedule.scheduled(replace(after, push_at=self.clock.now()))
        return self.publish(record, after, new, Result.REFRESHED)

    def publish(self, before: Connection, after: Connection, grant: Grant, result: Result) -> Outcome:
        """PUBLISH `after`, then COMMIT it. What cannot be published now is committed, and published from the grant."""
        if not grant.access_token:  # imported with a refresh token alone: there is nothing to publish yet
            return Outcome(result, self.connections.write(before, after))
        backpressure = False
        try:
            after = self._published(after, grant)
        except (SecretGone, SecretNotOurs) as error:
            try:
                return self.orphaned(before, str(error), after)
            except FenceLost:
                return Outcome(Result.TAKEN_OVER)
        except PublishError as error:
            # A full secret is that connection's own matter: the others' batch goes on.
            backpressure = not isinstance(error, QuotaReached)
            result = Result.POSTPONED if result is Result.PUBLISHED else result
            self.log.warning("publishing.postponed", connection=str(before.name), error=str(error))
            after = self._unpublished(after, error)
        self.failpoints.reached("published")
        try:
            stands = self.connections.write(before, after)
        except FenceLost:
            # Our late publication may have overwritten a newer one: whoever leases next compares.
            self.keeper.set_aside(before, "superseded")
            self.queue.send([Work(connection=before.name, compare=True)])
            return Outcome(Result.TAKEN_OVER)
        self.failpoints.reached("committed")
        self.log.info("connection.committed", connection=str(stands.name), result=result, generation=stands.generation)
        if stands.unpublished == QUOTA != before.unpublished:
            self.alerts.tell(
                "publishing.quota_reached",
                str(stands.name),
                detail="its secret takes no further version today; the grant is kept, the secret is tried again every "
                "hour, and the provider is not asked for anything until then",
                next_command=f"tokensync publish {stands.name}",
            )
        if stands.push_at is not None and stands.push_at <= self.clock.now():
            self.queue.send([Work(connection=stands.name)])
        return Outcome(result, stands, backpressure=backpressure)

    def _published(self, after: Connection, grant: Grant) -> Connection:
        """PUBLISH, and return the record that says so; what had to wait for it is due again."""
        published = replace(after, published=self.publisher.publish(after, grant), unpublished="")
        return schedule.scheduled(published) if after.unpublished else published

    def _unpublished(self, after: Connection, error: PublishError) -> Connection:
        """Return the record of a connection whose secret could not be written, due when that is tried again."""
        if isinstance(error, QuotaReached):
            again = self.clock.now() + schedule.QUOTA_RECHECK
            if after.unpublished != QUOTA:
                after = noted(after, "publishing.quota_reached", now=self.clock.now())
            return schedule.scheduled(replace(after, unpublished=QUOTA, compare_at=again))
        # The write may have been made and only its answer lost: the next holder writes it, it does not assume.
        again = max(self._retry_at(after.failures), after.compare_at or 0)
        return schedule.scheduled(replace(after, unpublished=UNAVAILABLE, compare_at=again))

    def settle(
        self, record: Connection, failure: Failure, grant: Grant, session: Session, *, previous: Connection | None
    ) -> Outcome:
        """COMMIT a failure by its class, and publish where the status changed.

        `previous` is the record before its attempt was marked as sent; None where another process made the attempt.

        Raises:
            FenceLost: the connection was taken over; the failure of an old attempt marks nothing.
        """
        if _is_trial(record) and failure.kind in (FailureClass.CONFIGURATION, FailureClass.REFUSED):
            return self._not_proven(record, failure, session)
        if record.status is Status.QUARANTINED:
            return self._not_accepted(record, failure, session)
        now = self.clock.now()
        fraction = self.randomness.fraction()
        after = transitions.failed(
            record, failure, previous=previous, provider=session.provider, now=now, fraction=fraction
        )
        self.log.warning(
            "refresh.failed",
            connection=str(record.name),
            failure=failure.kind,
            code=failure.code,
            trace_id=failure.trace_id,
        )
        if failure.kind is FailureClass.CONFIGURATION:
            self.pause(session, failure)
        if failure.kind is FailureClass.REFUSED:
            session.tally.add(refused=True)
            if self.connections.fewer_than(record.name.app, transitions.BREAKER_TRIED):
                return self.reauthorize(record, after, grant)
        if failure.kind is FailureClass.UNKNOWN and record.failures == 0:
            self.alerts.tell(
                "refresh.unexplained",
                str(record.name),
                detail=f"the provider answered with {failure.code}, which its documentation does not explain",
                next_command=f"tokensync show {record.name}",
            )
        if after.reason == transitions.REASON_LAST_ATTEMPT_AMBIGUOUS:
            self.alerts.tell(
                "connection.held",
                str(record.name),
                detail="its last attempt got no answer either; nothing more is tried by itself",
                next_command=f"tokensync refresh {record.name} --force",
            )
        result = Result.HELD if after.status is Status.HELD else Result.POSTPONED
        if after.publishing_is_due():
            return self.publish(record, after, grant, result)
        return Outcome(result, self.connections.write(record, after))

    def release(self, record: Connection, result: Result, *, renew_at: int | None) -> Outcome:
        """Release a connection that nothing was done for, its refresh due at `renew_at`.

        Raises:
            FenceLost: the connection was taken over.
        """
        after = transitions.released(replace(record, renew_at=renew_at))
        return Outcome(result, self.connections.write(record, after))

    def reauthorize(
        self, before: Connection, after: Connection, grant: Grant, *, reason: str = transitions.REASON_REFUSED
    ) -> Outcome:
        """COMMIT that the seller has to authorize again, and tell the operator."""
        after = transitions.refusal_stands(after, now=self.clock.now(), reason=reason)
        outcome = self.publish(before, after, grant, Result.REAUTHORIZE)
        if outcome.result is Result.REAUTHORIZE:
            self.alerts.tell(
                "connection.reauthorize",
                str(before.name),
                detail=f"{_WHY[reason]}: the seller has to authorize again",
                next_command=f"tokensync invite {before.name.app} --for {before.name}",
            )
        return outcome

    def deauthorized(self, record: Connection, grant: Grant) -> Outcome:
        """COMMIT that the account ended its authorization, as the provider's notice says, and tell the operator."""
        outcome = self.ended(record, grant, reason=transitions.REASON_DEAUTHORIZED, result=Result.DISCONNECTED)
        if outcome.result is Result.DISCONNECTED:
            self.alerts.tell(
                "connection.disconnected",
                str(record.name),
                detail="the provider says that the account ended its authorization; nothing is refreshed any more",
                next_command=f"tokensync invite {record.name.app} --for {record.name}",
            )
        return outcome

    def ended(self, record: Connection, grant: Grant, *, reason: str, result: Result) -> Outcome:
        """COMMIT that the authorization is over, and publish it where anything was published."""
        after = transitions.disconnected(record, reason=reason, now=self.clock.now())
        if record.status is Status.QUARANTINED:
            # Its number is no older than any that was published, should its secret be written some day.
            return Outcome(result, self.connections.write(record, replace(after, generation=record.allocated)))
        if not after.publishing_is_due():
            return Outcome(result, self.connections.write(record, after))
        outcome = self.publish(record, after, grant, result)
        return replace(outcome, result=result) if outcome.result is Result.ORPHANED else outcome

    def orphaned(self, before: Connection, reason: str, after: Connection | None = None) -> Outcome:
        """COMMIT that the secret is gone or not ours: the grant is kept, nothing is restored in silence."""
        gone = transitions.unpublishable(after or before, reason=reason, now=self.clock.now())
        outcome = Outcome(Result.ORPHANED, self.connections.write(before, gone))
        if gone.status is Status.DISCONNECTED:  # nobody is to bring it back
            return outcome
        self.alerts.tell(
            "connection.orphaned",
            str(before.name),
            detail=f"its secret cannot be written: {reason}; the grant is kept",
            next_command=f"tokensync publish {before.name}",
        )
        return outcome

    def postponed(
        self,
        record: Connection,
        event: str,
        detail: str,
        *,
        compare: bool = False,
        backpressure: bool = False,
        withheld: bool = True,
    ) -> Outcome:
        """Release a connection that could not be worked on, in whatever phase it is, for a later try.

        `withheld` tells that AWS is the cause, whose end is the same for all: the wait grows to minutes and no further.

        Raises:
            FenceLost: the connection was taken over.
        """
        self.log.warning(event, connection=str(record.name), detail=detail)
        at = self._retry_at(min(record.failures, _WITHHELD) if withheld else record.failures)
        after = replace(record, lease_until=None, next_at=at, failures=record.failures + 1)
        if compare:
            # The message that asked for it is gone: the record has to ask now.
            after = replace(after, compare_at=at, refresh_at=min(at, record.refresh_at or at))
        return Outcome(Result.POSTPONED, self.connections.write(record, after), backpressure=backpressure)

    def _not_proven(self, record: Connection, failure: Failure, session: Session) -> Outcome:
        """COMMIT that a new client secret was presented and refused: it tells nothing of the connection."""
        # Whoever resumes a trial that was killed asked nothing of the secret.
        is_the_secret = failure.kind is FailureClass.CONFIGURATION and session.trial is not None
        stands = self.connections.write(record, transitions.untold(record, failure, now=self.clock.now()))
        return Outcome(Result.SECRET_REFUSED if is_the_secret else Result.POSTPONED, stands, failure=failure)

    def _not_accepted(self, record: Connection, failure: Failure, session: Session) -> Outcome:
        """COMMIT that a quarantined connection, asked for by an operator, gave no new token: it and its secret stay."""
        if failure.kind is FailureClass.CONFIGURATION:
            self.pause(session, failure)
        refused = failure.kind is FailureClass.REFUSED
        stands = self.connections.write(record, transitions.unaccepted(record, failure, now=self.clock.now()))
        return Outcome(Result.REAUTHORIZE if refused else Result.POSTPONED, stands, failure=failure)

    def _unusable(self, record: Connection, issued: Issued, grant: Grant, session: Session) -> Outcome:
        """Keep an answer whose access token nobody may publish; a well-formed new refresh token becomes the grant's."""
        self.keeper.set_aside(record, "unusable")
        if issued.refresh_token is None:
            odd = Failure(kind=FailureClass.UNKNOWN, code="unusable_answer", trace_id=issued.trace_id)
            return self.settle(record, odd, grant, session, previous=None)
        new = replace(grant, refresh_token=issued.refresh_token)
        after = replace(
            record,
            sealed_grant=session.key.seal(new.to_bytes(), binding=grant_binding(record.name)),
            status=Status.ACTIVE,
            reason="",
            attempt=None,
            exemption=None,
            failures=record.failures + 1,
            renew_at=self._retry_at(record.failures),
        )
        after = noted(after, "refresh.unusable", now=self.clock.now(), detail=issued.trace_id)
        return Outcome(Result.POSTPONED, self.connections.write(record, transitions.released(after)))

    def _other_account(self, record: Connection, grant: Grant) -> Outcome:
        """Hold a connection whose answer names another account: its tokens must reach no workload."""
        self.keeper.set_aside(record, "other_account")
        self.alerts.tell(
            "answer.other_account",
            str(record.name),
            detail="the provider's answer names another account; it is kept sealed and was not published",
            next_command=f"tokensync show {record.name}",
        )
        if record.status is Status.QUARANTINED:
            return Outcome(Result.HELD, self.connections.write(record, transitions.released(record)))
        after = replace(record, status=Status.HELD, reason=transitions.REASON_OTHER_ACCOUNT, renew_at=None)
        after = noted(after, "refresh.other_account", now=self.clock.now())
        return self.publish(record, transitions.released(after), grant, Result.HELD)

    def _retry_at(self, failures: int) -> int:
        return schedule.retry_at(
            now=self.clock.now(), failures=failures, retry_after=None, fraction=self.randomness.fraction()
        )

    def pause(self, session: Session, failure: Failure) -> None:
        """Pause an app whose own credentials the provider refuses, and tell its owner once."""
        why = f"{failure.code} {failure.message}".strip()
        if session.pause(why, now=self.clock.now()):
            self.alerts.tell(
                "app.paused",
                session.name,
                detail=f"the provider refuses the app's own credentials ({why}); no connection was changed",
                next_command=f"tokensync app show {session.name}",
            )

    def tell_odd(self, name: ConnectionName, issued: Issued) -> None:
        """Tell that an answer was not as documented; what was usable of it is used."""
        oddities = ", ".join(issued.oddities)
        self.log.warning("answer.odd", connection=str(name), oddities=oddities)
        self.alerts.tell(
            "answer.odd",
            str(name),
            detail=f"the provider's answer was not as documented: {oddities}",
            next_command=f"tokensync history {name}",
        )


def _is_trial(record: Connection) -> bool:
    """Return whether what is being concluded went under a client secret that is not proven."""
    # An attempt that was concluded stays on the record: a later verification is none of its business.
    return record.phase is not Phase.IDLE and record.attempt is not None and record.attempt.trial
