"""From a durable response to what becomes of its connection, for every class of response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Phase, Reason, Status
from tokensync.domain.errors import EndpointRefused
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.sealing import grant_binding
from tokensync.domain.visible import Line
from tokensync.oauth.params import renewed
from tokensync.oauth.token_response import read_token_response
from tokensync.providers import CONSUMERS
from tokensync.refresh import breaker, decisions, merging, notices, parked, schedule, transitions
from tokensync.refresh.alerting import Notice, alerted_once
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
        session = session.of(grant)
        shown, last_life = [*grant.secrets, *session.client_secrets], merging.last_life(record, grant)
        read = read_token_response(session.provider, response, secrets=shown, last_life=last_life)
        try:
            session.check_reading(grant)
        except EndpointRefused as error:  # the settings were changed while the response waited
            read = Failure(kind=FailureClass.AMBIGUOUS, code=Reason.ENDPOINT_CHANGED, message=str(error))
        if isinstance(read, Failure):
            if read.kind in (FailureClass.AMBIGUOUS, FailureClass.UNKNOWN):
                self.kept_answers.set_aside(record, "unparsed")
            raise LeaseEnded(self.settle(record, read, grant, session, previous=None))
        if not _is_trial(record):  # which proves the new secret, and not the one that the app has
            session.tally.success(record.name.account, at=response.received_at, of_client=not grant.has_own_client)
        self.note(record.name, read)
        noticed = alerted_once(record, self.odd(record.name, read), kinds=notices.JUDGED, alerts=self.ports.alerts)
        if names_another(read, grant, session):
            return self._other_account(record, grant)
        if read.access_token is None:
            return self._unusable(record, noticed, read, grant, session)
        # Everything counts from the response's arrival: it may have waited sealed for a long time.
        now = response.received_at
        new = merging.refreshed(grant, read, now=now)
        new = replace(new, params=renewed(session.provider.params, grant.params, read.params))
        new = session.rebound(grant, new)
        if session.provider.renewal.presents_access_token:
            new = merging.extended(grant, new)
        cadence = self.ports.cadence.for_app(session.app)
        noticed = alerted_once(
            noticed,
            notices.of_grant(record.name, new, session, cadence),
            kinds=notices.OF_GRANTS,
            alerts=self.ports.alerts,
        )
        sealed = session.key.seal(new.to_bytes(), binding=grant_binding(record.name))
        after = transitions.renewed(
            noticed,
            new,
            read,
            provider=session.provider,
            sealed=sealed,
            now=now,
            cadence=cadence,
        )
        if session.app.push:
            after = schedule.scheduled(after.with_due(push_at=self.ports.clock.now()))
        if record.consumer.handed_over_at is not None:
            self._alert_taken_back(record.name, session)
        return Conclusion(before=record, after=after, grant=new, result=Result.REFRESHED)

    def settle(
        self,
        record: Connection,
        failure: Failure,
        grant: Grant,
        session: Session,
        *,
        previous: Connection | None,
        noticed: Connection | None = None,
    ) -> WorkResult:
        """COMMIT a failure by its class, and publish where the status changed.

        `previous` is the record before its attempt was marked as sent; None where another process made the attempt.
        `noticed` is the record with what was alerted of the same response.

        Raises:
            FenceLost: the connection was taken over; the failure of an old attempt marks nothing.
        """
        if _is_trial(record) and failure.kind in (FailureClass.CONFIGURATION, FailureClass.REFUSED):
            return self._not_proven(record, failure, session)
        if record.status is Status.QUARANTINED:
            return self._not_accepted(record, failure, grant, session, previous=previous)
        settled = self._settled(record, noticed or record, failure, grant, session, previous=previous)
        if settled.result is not Result.TAKEN_OVER:  # what is said to a token that was replaced says nothing of the app
            self._note(record, failure, grant, session, settled.result)
        return settled

    def _note(self, record: Connection, failure: Failure, grant: Grant, session: Session, result: Result) -> None:
        """Note what a failure says of the app, where it does not count against the connection alone."""
        if failure.kind is FailureClass.CONFIGURATION:
            self.note_fault(record, failure, grant, session)
        # What was imported and never worked says nothing of its app, however often it is refused.
        is_its_own = result is Result.REAUTHORIZE or parked.explains_itself(record) or record.authorized.unproved
        if failure.kind is FailureClass.REFUSED and not is_its_own:
            session.tally.refusal(record.name.account)

    def _settled(
        self,
        record: Connection,
        noticed: Connection,
        failure: Failure,
        grant: Grant,
        session: Session,
        *,
        previous: Connection | None,
    ) -> WorkResult:
        """COMMIT a failure of a connection that is presented by itself."""
        now = self.ports.clock.now()
        fraction = self.ports.randomness.fraction()
        after = transitions.failed(
            noticed,
            failure,
            previous=previous,
            provider=session.provider,
            now=now,
            fraction=fraction,
            cadence=self.ports.cadence.for_app(session.app),
            app_is_paused=failure.kind is FailureClass.CONFIGURATION and breaker.stops(session.state, grant),
        )
        self.ports.log.warning(
            "refresh.failed",
            connection=str(record.name),
            failure=failure.kind,
            code=failure.code,
            trace_id=failure.trace_id,
        )
        if failure.kind is FailureClass.REFUSED and parked.counts_at_once(record, session, self.ports):
            return self.committer.reauthorize(record, after, grant)
        after = self._alerted(after, notices.of_failure(after, failure, grant))
        if self.end.has_come(after) or schedule.has_ended(after):
            return self.end.commit(record, after, grant, session)
        after = self._alerted(after, notices.of_holding(record, after, failure, grant))
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
        self, record: Connection, failure: Failure, grant: Grant, session: Session, *, previous: Connection | None
    ) -> WorkResult:
        """COMMIT that a quarantined connection, asked for by an operator, gave no new token: it and its secret stay."""
        if failure.kind is FailureClass.CONFIGURATION:
            self.note_fault(record, failure, grant, session)
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

    def _unusable(
        self, record: Connection, noticed: Connection, issued: Issued, grant: Grant, session: Session
    ) -> Conclusion:
        """Keep a response whose access token nobody may publish; a well-formed new refresh token becomes the grant's.

        Raises:
            LeaseEnded: it holds no new refresh token, the connection is quarantined, or its access token has ended.
        """
        self.kept_answers.set_aside(record, "unusable")
        odd = Failure(kind=FailureClass.UNKNOWN, code="unusable_answer", trace_id=issued.trace_id)
        if issued.refresh_token is None:
            # The provider answered with success: it may have spent the token.
            silent = replace(odd, kind=FailureClass.AMBIGUOUS)
            raise LeaseEnded(self.settle(record, silent, grant, session, previous=None, noticed=noticed))
        new = replace(grant, refresh_token=issued.refresh_token)
        sealed = session.key.seal(new.to_bytes(), binding=grant_binding(record.name))
        again = self.committer.retry_at(record, record.failures)
        after = transitions.unusable(noticed, odd, sealed=sealed, again=again, now=self.ports.clock.now())
        if record.status is Status.QUARANTINED:
            written = self.ports.connections.write(record, after)
            raise LeaseEnded(WorkResult(Result.POSTPONED, written, failure=odd))
        if self.end.has_come(after):
            raise LeaseEnded(self.end.commit(record, after, new, session))
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
            detail=Line("the provider's answer names another account; it is kept sealed and was not published"),
            next_command=typed("tokensync show {name}", name=record.name),
        )
        if record.status is Status.QUARANTINED:
            raise LeaseEnded(self.committer.end_lease(record, record, Result.HELD))
        after = transitions.other_account(record, now=self.ports.clock.now())
        return Conclusion(before=record, after=after, grant=grant, result=Result.HELD)

    def note_fault(self, record: Connection, failure: Failure, grant: Grant, session: Session) -> None:
        """Note that the provider says that the app is at fault: one voice among those of its connections.

        What was never proved has none, nor what has a client of its own, nor what said so before and was contradicted
        by another's success.
        """
        account, since = record.name.account, record.faulted_at
        if record.authorized.unproved or grant.has_own_client:
            return
        if since is None or not session.succeeded_beside(account, since=since, of_client=True):
            session.tally.fault(account, breaker.in_words(failure))

    def _alerted(self, record: Connection, found: list[Notice]) -> Connection:
        """Alert of these, once each until a success, and return the record that remembers it."""
        # One failure does not end the cause of another: two in turn are no news.
        return alerted_once(record, found, kinds=(), alerts=self.ports.alerts)

    def _alert_taken_back(self, name: ConnectionName, session: Session) -> None:
        """Alert that a consumer holds a spent token: ours was answered after the pair was given away."""
        takers = (to for to, consumer in CONSUMERS.items() if session.app.provider in consumer.providers)
        self.ports.alerts.tell(
            "push.overtaken",
            str(name),
            detail=Line(
                "an answer came after the pair was handed over, so the consumer's token is spent; the new pair is "
                "refreshed here until it is handed over"
            ),
            next_command=typed("tokensync push {name} --to {to}", name=name, to=session.app.push or next(takers, "")),
        )

    def note(self, name: ConnectionName, issued: Issued) -> None:
        """Log what was not as documented and does no harm: nobody has to act on it."""
        if issued.notes:
            self.ports.log.info("answer.noted", connection=str(name), notes=", ".join(issued.notes))

    def odd(self, name: ConnectionName, issued: Issued) -> list[Notice]:
        """Log what was not as documented and matters, and return what is to be alerted of it."""
        found = notices.of_response(name, issued)
        if found:
            self.ports.log.warning("answer.odd", connection=str(name), oddities=", ".join(issued.oddities))
        return found


def names_another(issued: Issued, grant: Grant, session: Session) -> bool:
    """Return whether a response to a refresh names another account than the grant's; it may name none."""
    naming, account = session.provider.naming, issued.account
    if account is None:
        return False
    if naming is not None and naming.account is not None:
        return naming.contradicts(account.found, grant.account_id)
    return account.id not in ("", grant.account_id)


def _is_trial(record: Connection) -> bool:
    """Return whether what is being concluded went under a client secret that is not proven."""
    # A concluded attempt stays on the record, and a later verification has nothing to do with it.
    return record.phase is not Phase.IDLE and record.attempt is not None and record.attempt.trial
