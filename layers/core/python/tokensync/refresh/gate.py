"""GATE: what has to hold before a refresh token is presented. What does not pass is released, and nothing was spent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from tokensync.domain.bound import Credential
from tokensync.domain.connection import Exemption, Status
from tokensync.domain.destinations import kept_back
from tokensync.domain.errors import EndpointRefused, ParamRefused
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.runtime import Moment
from tokensync.oauth.params import not_made
from tokensync.oauth.provider import GrantType
from tokensync.oauth.token_request import renewal_request
from tokensync.refresh import breaker
from tokensync.refresh.bind import bound_first
from tokensync.refresh.parked import is_parked
from tokensync.refresh.result import LeaseEnded, Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import ClearedRequest
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.domain.sealing import Unsealer
    from tokensync.refresh.account import Verifier
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.end import End
    from tokensync.refresh.job import Job
    from tokensync.refresh.session import Session

# RFC 6749 §4.4: what is minted is the app's own.
_NOT_THE_ACCOUNTS = Failure(
    kind=FailureClass.NOT_SENT,
    code="minted_for_the_app",
    message="the app mints tokens for itself, and this account's came from its consent: remove the app (its "
    "connections are kept), and add it again under its name with the grant that it had",
)
_CLAIMS = 3  # another worker may claim the probe, and the app run again
_PRESENTED_BEFORE = Failure(kind=FailureClass.AMBIGUOUS, code="presented_before")


@dataclass(frozen=True)
class Ready:
    """A refresh token that may be presented now, under this exemption where it was presented before."""

    record: Connection
    grant: Grant
    request: ClearedRequest
    exemption: Exemption | None


@dataclass(frozen=True)
class Gate:
    """Decides whether a leased connection may ask its provider for anything now."""

    ports: Ports
    unsealer: Unsealer
    verifier: Verifier
    concluder: Concluder
    committer: Committer
    end: End

    def passed(self, record: Connection, job: Job) -> Ready:
        """Return what is to be presented: time, a running app, a free provider, an unspent token, a data key.

        A connection that nothing can renew is verified instead. An app whose tokens are minted gets them for itself:
        the connection of an account that consented is postponed.

        Raises:
            LeaseEnded: it does not pass.
            FenceLost, SealingUnavailable, StoreUnavailable: nothing was spent.
        """
        session = job.session
        if not job.force and not self._may_ask(record, session) and not self.is_unconcerned(record, session):
            self._rest(record, session)
        self.time_is_left(record, session, job.budget)
        grant = self._of_its_provider(record, session)
        if not session.provider.renews(grant):
            if not job.force and not self.app_answers(record, session):
                self._rest(record, session)
            raise LeaseEnded(self.verifier.verify_or_wait(record, grant, session))
        self._provider_is_free(record)
        self._in_its_time(record, grant, session)
        if _is_anothers(grant, session):
            raise LeaseEnded(self.concluder.settle(record, _NOT_THE_ACCOUNTS, grant, session, previous=None))
        record, grant = bound_first(record, grant, session, self.ports)
        request = self._request(record, grant, session)
        exemption = self._exemption(record, session, force=job.force)
        if record.attempt is not None and exemption is None:
            raise LeaseEnded(self.concluder.settle(record, _PRESENTED_BEFORE, grant, session, previous=None))
        _ = session.key  # in hand now: sealing the response needs no call later
        # Last of all: a probe that is claimed and not made keeps every other connection waiting.
        if not job.force and not self.app_answers(record, session):
            self._rest(record, session)
        return Ready(record, grant, request, exemption)

    def _of_its_provider(self, record: Connection, session: Session) -> Grant:
        """Return the grant, where the app's provider is the one that gave it.

        Raises:
            LeaseEnded: it is another one by now.
        """
        grant = self.unsealer.grant(record)
        try:
            session.check_provider(grant)
        except EndpointRefused as error:
            raise LeaseEnded(self.concluder.settle(record, kept_back(error), grant, session, previous=None)) from error
        return grant

    def _request(self, record: Connection, grant: Grant, session: Session) -> ClearedRequest:
        """Return the request that renews a grant, cleared to be sent.

        Raises:
            LeaseEnded: nothing may be sent where it would go.
        """
        moment = Moment.of(self.ports.clock, self.ports.randomness)
        try:
            request = renewal_request(session.provider, session.app, grant, moment)
            if request is None:
                raise ValueError("this grant cannot be renewed")
            return session.cleared(request, grant, Credential.TOKEN)
        except ParamRefused as error:
            failure = not_made(error)
        except EndpointRefused as error:
            failure = kept_back(error)
        raise LeaseEnded(self.concluder.settle(record, failure, grant, session, previous=None))

    def time_is_left(self, record: Connection, session: Session, budget: Budget) -> None:
        """Pass a connection for which a request, and the storing of its response, still fit into the time left.

        Raises:
            LeaseEnded: too little is left, or AWS throttles or fails under this batch.
        """
        if session.closed or not budget.allows(self.ports.limits.presentation):
            self.committer.release(record, Result.NO_TIME, renew_at=record.due.renew_at)
            raise LeaseEnded(WorkResult(Result.NO_TIME, again=True))

    def _in_its_time(self, record: Connection, grant: Grant, session: Session) -> None:
        """Pass a token that its provider renews now: not too soon after the last time, and not after its end.

        Raises:
            LeaseEnded: it is too early, and due later; or the token has ended, and nothing but a consent helps.
        """
        renewal, now, ends_at = session.provider.renewal, self.ports.clock.now(), grant.access_expires_at
        if renewal.presents_access_token and ends_at is not None and ends_at <= now:
            if record.status is Status.QUARANTINED:
                raise LeaseEnded(self.committer.end_lease(record, record, Result.REAUTHORIZE))
            rests = record.with_due(renew_at=None, verify_at=None)
            raise LeaseEnded(self.end.commit(record, rests, grant, session))
        if not grant.access_token or grant.to_be_upgraded:
            return
        if now < renewal.not_before(obtained_at=grant.obtained_at, ends_at=ends_at):
            later = renewal.opens_at(obtained_at=grant.obtained_at, ends_at=ends_at)
            raise LeaseEnded(self.committer.release(record, Result.TOO_EARLY, renew_at=later))

    def app_answers(self, record: Connection, session: Session) -> bool:
        """Return whether the app runs, or this connection is the one that probes a paused one now.

        One that presents nothing of the app's own client goes on while that is refused, and probes nothing by it.
        """
        now = self.ports.clock.now()
        if self.is_unconcerned(record, session):
            return True
        for _ in range(_CLAIMS):
            if not session.state.paused:
                return True
            if not self._may_ask(record, session):
                return False
            if session.claim_probe(now=now):
                return True
        return False

    def is_unconcerned(self, record: Connection, session: Session) -> bool:
        """Return whether the app is paused for its own credentials, and this connection's next call has none of them.

        It has a client of its own, or nothing renews it, and it is verified by its access token alone.

        Raises:
            SealingUnavailable: this cannot be known now.
        """
        if not session.state.is_misconfigured:
            return False
        grant = self.unsealer.grant(record)
        provider = session.of(grant).provider
        if grant.has_own_client or provider.renews(grant):
            return grant.has_own_client
        return provider.account_call is None or not provider.account_call.carries_secret

    def _may_ask(self, record: Connection, session: Session) -> bool:
        """Return whether the app runs, or this connection may claim the next probe of a paused one."""
        state = session.state
        return not state.paused or breaker.may_probe(record, state, self.ports.clock.now())

    def _rest(self, record: Connection, session: Session) -> NoReturn:
        again = breaker.rests_until(record, session.state, self.ports.clock.now())
        raise LeaseEnded(self.committer.release(record, Result.PAUSED, renew_at=again))

    def _provider_is_free(self, record: Connection) -> None:
        """Pass a connection whose provider did not say that it is busy, whoever asks, and however much."""
        due = record.due
        if due.not_before is not None and due.not_before > self.ports.clock.now():
            later = None if due.renew_at is None else max(due.renew_at, due.not_before)
            released = self.committer.release(record, Result.BUSY, renew_at=later)
            raise LeaseEnded(replace(released, until=due.not_before))

    def _exemption(self, record: Connection, session: Session, *, force: bool) -> Exemption | None:
        """Return why a token that may be spent is presented again; None where nothing allows it."""
        exemption, attempt = record.exemption, record.attempt
        if attempt is None:
            return exemption
        if force:
            return Exemption.OPERATOR
        if is_parked(record):
            return Exemption.PROBE  # it is asked once more
        grace_is_over = attempt.at + session.provider.grace_seconds < self.ports.clock.now()
        return None if exemption is Exemption.GRACE and grace_is_over else exemption


def _is_anothers(grant: Grant, session: Session) -> bool:
    """Return whether an app that mints tokens for itself would mint one for an account that consented."""
    mints = session.provider.grant_type is GrantType.CLIENT_CREDENTIALS
    return mints and not grant.has_own_client and grant.account_id != session.app.client_id
