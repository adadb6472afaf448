"""From a durable response to what becomes of its connection, for every class of response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Phase, Reason, Status
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.sealing import grant_binding
from tokensync.oauth.token_response import read_token_response
from tokensync.providers import CONSUMERS
from tokensync.refresh import breaker, decisions, parked, schedule, transitions
from tokensync.refresh.result import Conclusion, LeaseEnded, Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import Issued
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.refresh.attempt import Received
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.end import End
    from tokensync.refresh.kept_answers import KeptAnswers
    from tokensync.refresh.session import Session


@dataclass(frozen=True)
class Concluder:
    """Concludes attempts."""

    ports: Ports
    committer: Committer
    kept_answers: KeptAnswers
    end: End

    def conclude(self, received: Received, session: Session) -> Conclusion:
        """Read a response that is durable, and return what is to be published and committed of it.

        Raises:
            LeaseEnded: it holds no tokens, and that is committed.
            FenceLost: the connection was taken over before anything was published.
        """
        record, response, grant = received.record, received.response, received.grant
        known = (grant.refresh_token, grant.access_token, *session.client_secrets)
        read = read_token_response(session.provider, response, secrets=[secret for secret in known if secret])
        if isinstance(read, Failure):
            if read.kind in (FailureClass.AMBIGUOUS, FailureClass.UNKNOWN):
                self.kept_answers.set_aside(record, "unparsed")
            raise LeaseEnded(self.settle(record, read, grant, session, previous=None))
        if not _is_trial(record):  # which proves the new secret, and not the one that the app has
            session.tally.success(record.name.account, at=response.received_at)
        if read.oddities:
            self.alert_odd(record.name, read)
        if read.account is not None and read.account.id not in ("", grant.account_id):
            return self._other_account(record, grant)
        if read.access_token is None:
            return self._unusable(record, read, grant, session)
        # Everything counts from the response's arrival: it may have waited sealed for a long time.
        now = response.received_at
        new = transitions.merged(grant, read, now=now)
        sealed = session.key.seal(new.to_bytes(), binding=grant_binding(record.name))
        after = transitions.renewed(
            record,
            new,
            read,
            provider=session.provider,
            sealed=sealed,
            now=now,
            cadence=self.ports.cadence.for_app(session.app),
        )
        if session.app.push:
            after = schedule.scheduled(after.with_due(push_at=self.ports.clock.now()))
        if record.consumer.handed_over_at is not None:
            self._alert_taken_back(record.name, session)
        self._alert_short_life(record, new, session)
        return Conclusion(before=record, after=after, grant=new, result=Result.REFRESHED)

    def settle(
        self, record: Connection, failure: Failure, grant: Grant, session: Session, *, previous: Connection | None
    ) -> WorkResult:
        """COMMIT a failure by its class, and publish where the status changed.

        `previous` is the record before its attempt was marked as sent; None where another process made the attempt.

        Raises:
            FenceLost: the connection was taken over; the failure of an old attempt marks nothing.
        """
        if _is_trial(record) and failure.kind in (FailureClass.CONFIGURATION, FailureClass.REFUSED):
            return self._not_proven(record, failure, session)
        if record.status is Status.QUARANTINED:
            return self._not_accepted(record, failure, session, previous=previous)
        now = self.ports.clock.now()
        fraction = self.ports.randomness.fraction()
        after = transitions.failed(
            record,
            failure,
            previous=previous,
            provider=session.provider,
            now=now,
            fraction=fraction,
            cadence=self.ports.cadence.for_app(session.app),
            app_is_paused=failure.kind is FailureClass.CONFIGURATION and bool(session.state.paused),
        )
        self.ports.log.warning(
            "refresh.failed",
            connection=str(record.name),
            failure=failure.kind,
            code=failure.code,
            trace_id=failure.trace_id,
        )
        if failure.kind is FailureClass.CONFIGURATION:
            self.note_fault(record, failure, session)
        if failure.kind is FailureClass.REFUSED and parked.counts_at_once(record, session, self.ports):
            return self.committer.reauthorize(record, after, grant)
        if failure.kind is FailureClass.UNKNOWN and after.status is not Status.HELD and not _is_known(record, failure):
            self.ports.alerts.tell(
                "refresh.unexplained",
                str(record.name),
                detail=f"the provider answered with {failure.code}, which nothing explains; it is tried "
                "again until its access token ends",
                next_command=f"tokensync show {record.name}",
            )
        if self.end.has_come(after) or schedule.has_ended(after):
            return self.end.commit(record, after, grant, session)
        if after.reason == Reason.LAST_ATTEMPT_AMBIGUOUS:
            self.ports.alerts.tell(
                "connection.held",
                str(record.name),
                detail="its last attempt brought no token either; nothing more is tried by itself, and its access "
                "token ends soon",
                next_command=f"tokensync refresh {record.name} --force",
            )
        if after.reason == Reason.CONFIGURATION != record.reason and not record.authorized.unproved:
            self.ports.alerts.tell(
                "connection.held",
                str(record.name),
                detail=f"the provider refuses the app's credentials for this connection ({breaker.in_words(failure)}), "
                "and not for the app's others: its token may belong to another client. It is asked again by itself",
                next_command=f"tokensync show {record.name}",
            )
        result = Result.HELD if after.status is Status.HELD else Result.POSTPONED
        if after.publishing_is_due():
            return self.committer.publish_and_commit(record, after, grant, result)
        return WorkResult(result, self.ports.connections.write(record, after))

    def _not_proven(self, record: Connection, failure: Failure, session: Session) -> WorkResult:
        """COMMIT that a new client secret was presented and refused: that says nothing of the connection."""
        # A worker that resumes a killed trial was not asked about the secret.
        is_the_secret = failure.kind is FailureClass.CONFIGURATION and session.trial is not None
        written = self.ports.connections.write(
            record, transitions.not_proven(record, failure, now=self.ports.clock.now())
        )
        return WorkResult(Result.SECRET_REFUSED if is_the_secret else Result.POSTPONED, written, failure=failure)

    def _not_accepted(
        self, record: Connection, failure: Failure, session: Session, *, previous: Connection | None
    ) -> WorkResult:
        """COMMIT that a quarantined connection, asked for by an operator, gave no new token: it and its secret stay."""
        if failure.kind is FailureClass.CONFIGURATION:
            self.note_fault(record, failure, session)
        refused = failure.kind is FailureClass.REFUSED
        after = decisions.unaccepted(
            record,
            failure,
            previous=previous,
            provider=session.provider,
            now=self.ports.clock.now(),
            fraction=self.ports.randomness.fraction(),
        )
        written = self.ports.connections.write(record, after)
        return WorkResult(Result.REAUTHORIZE if refused else Result.POSTPONED, written, failure=failure)

    def _unusable(self, record: Connection, issued: Issued, grant: Grant, session: Session) -> Conclusion:
        """Keep a response whose access token nobody may publish; a well-formed new refresh token becomes the grant's.

        Raises:
            LeaseEnded: it holds no new refresh token, or the connection is quarantined.
        """
        self.kept_answers.set_aside(record, "unusable")
        odd = Failure(kind=FailureClass.UNKNOWN, code="unusable_answer", trace_id=issued.trace_id)
        if issued.refresh_token is None:
            # The provider answered with success: it may have spent the token.
            silent = replace(odd, kind=FailureClass.AMBIGUOUS)
            raise LeaseEnded(self.settle(record, silent, grant, session, previous=None))
        new = replace(grant, refresh_token=issued.refresh_token)
        sealed = session.key.seal(new.to_bytes(), binding=grant_binding(record.name))
        again = self.committer.retry_at(record, record.failures)
        after = transitions.unusable(record, odd, sealed=sealed, again=again, now=self.ports.clock.now())
        if record.status is Status.QUARANTINED:
            written = self.ports.connections.write(record, after)
            raise LeaseEnded(WorkResult(Result.POSTPONED, written, failure=odd))
        # A version of its own, with the old access token: in a restored table it shows that the old pair is spent.
        return Conclusion(before=record, after=after, grant=new, result=Result.POSTPONED)

    def _other_account(self, record: Connection, grant: Grant) -> Conclusion:
        """Hold a connection whose response names another account: its tokens must reach no workload.

        Raises:
            LeaseEnded: the connection is quarantined, and stays so.
        """
        self.kept_answers.set_aside(record, "other_account")
        self.ports.alerts.tell(
            "answer.other_account",
            str(record.name),
            detail="the provider's answer names another account; it is kept sealed and was not published",
            next_command=f"tokensync show {record.name}",
        )
        if record.status is Status.QUARANTINED:
            raise LeaseEnded(self.committer.end_lease(record, record, Result.HELD))
        after = transitions.other_account(record, now=self.ports.clock.now())
        return Conclusion(before=record, after=after, grant=grant, result=Result.HELD)

    def note_fault(self, record: Connection, failure: Failure, session: Session) -> None:
        """Note that the provider says that the app is at fault: one voice among those of its connections.

        What was never proved has none, nor what said so before and was contradicted by another's success.
        """
        account, since = record.name.account, record.faulted_at
        if record.authorized.unproved:
            return
        if since is None or not session.succeeded_beside(account, since=since):
            session.tally.fault(account, breaker.in_words(failure))

    def _alert_short_life(self, record: Connection, new: Grant, session: Session) -> None:
        """Alert where a life is so short that one loss may end a token: at the first refresh that shows it."""
        cadence = self.ports.cadence.for_app(session.app)
        life = None if new.access_expires_at is None else new.access_expires_at - new.obtained_at
        if session.app.is_sandboxed or schedule.outlives_a_loss(life, cadence):
            return
        is_first = not any(entry.event == "token.refreshed" for entry in record.history)
        ended, began = record.access_expires_at, record.obtained_at
        before = None if ended is None or began is None else ended - began
        if is_first or schedule.outlives_a_loss(before, cadence):
            self.ports.alerts.tell(
                "token.short_lived",
                str(record.name),
                detail=f"its access token lives for {life} seconds, and its secret is written every "
                f"{schedule.floor_of(life or 0, cadence)} seconds at most: one message that is lost ends a token",
                next_command=f"tokensync show {record.name}",
            )

    def _alert_taken_back(self, name: ConnectionName, session: Session) -> None:
        """Alert that a consumer holds a spent token: ours was answered after the pair was given away."""
        takers = (to for to, consumer in CONSUMERS.items() if session.app.provider in consumer.providers)
        self.ports.alerts.tell(
            "push.overtaken",
            str(name),
            detail="an answer came after the pair was handed over, so the consumer's token is spent; the new pair is "
            "refreshed here until it is handed over",
            next_command=f"tokensync push {name} --to {session.app.push or next(takers, '')}",
        )

    def alert_odd(self, name: ConnectionName, issued: Issued) -> None:
        """Alert that a response was not as documented; what was usable of it is used."""
        oddities = ", ".join(issued.oddities)
        self.ports.log.warning("answer.odd", connection=str(name), oddities=oddities)
        self.ports.alerts.tell(
            "answer.odd",
            str(name),
            detail=f"the provider's answer was not as documented: {oddities}",
            next_command=f"tokensync history {name}",
        )


def _is_known(record: Connection, failure: Failure) -> bool:
    """Return whether the connection's last refresh failed for this very cause, so that its alert was sent."""
    error = record.last_error
    return error is not None and (error.failure, error.code) == (failure.kind, failure.code)


def _is_trial(record: Connection) -> bool:
    """Return whether what is being concluded went under a client secret that is not proven."""
    # A concluded attempt stays on the record, and a later verification has nothing to do with it.
    return record.phase is not Phase.IDLE and record.attempt is not None and record.attempt.trial
