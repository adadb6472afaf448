"""The refresh protocol: GATE, SENT, RECEIVED. `worker` takes the LEASE, `concluding` does PUBLISH and COMMIT.

A token that the provider gave us is durable before anyone uses it, and a refresh token is presented once but for the
named exemptions. Recovery is the same worker finding `sent` or `received` under an expired lease.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Attempt, Exemption, Phase, Reason
from tokensync.domain.errors import FenceLost, NewerSchema, StoreError, StoreUnavailable
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.sealing import answer_binding
from tokensync.domain.work import Work
from tokensync.oauth.http import present
from tokensync.oauth.provider import GrantType
from tokensync.oauth.token_request import renewal_request
from tokensync.oauth.token_response import read_token_response
from tokensync.refresh import schedule, transitions
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import ProviderResponse
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.domain.sealing import Unsealer
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.kept_answers import KeptAnswers
    from tokensync.refresh.session import Session

_EARLIER = 3  # presentations of one token whose answers are still looked for
# RFC 6749 §4.4: what is minted is the app's own.
_NOT_THE_ACCOUNTS = Failure(
    kind=FailureClass.NOT_SENT,
    code="minted_for_the_app",
    message="the app mints tokens for itself, and this account's came from its consent: remove the app (its "
    "connections are kept), and add it again under its name with the grant that it had",
)


@dataclass(frozen=True)
class Refresher:
    """Presents refresh tokens, and goes on with attempts. Thread-safe: it holds ports and no state."""

    ports: Ports
    unsealer: Unsealer
    concluder: Concluder
    committer: Committer
    kept_answers: KeptAnswers

    def gate(self, record: Connection, session: Session, budget: Budget, *, force: bool = False) -> WorkResult | None:
        """GATE: release a connection whose app is paused, or for which too little time is left; None lets it pass.

        `force` passes by the pause.
        """
        if not force and session.state.paused:
            again = self.ports.clock.now() + transitions.PAUSED_RECHECK
            return self.committer.release(record, Result.PAUSED, renew_at=again)
        if session.closed or not budget.allows(self.ports.limits):
            self.committer.release(record, Result.NO_TIME, renew_at=record.due.renew_at)
            return WorkResult(Result.NO_TIME, again=True)
        return None

    def refresh(
        self, record: Connection, grant: Grant, session: Session, budget: Budget, *, force: bool = False
    ) -> WorkResult:
        """Ask for the next access token of a leased connection that passed the gate.

        `force` is an operator's: it presents a token that may be spent.

        An app whose tokens are minted gets them for itself: the connection of an account that consented is postponed.

        Raises:
            ValueError: nothing can renew this grant.
            FenceLost, SealingUnavailable, StoreUnavailable: nothing was spent.
        """
        if session.provider.grant_type is GrantType.CLIENT_CREDENTIALS and grant.account_id != session.app.client_id:
            return self.concluder.settle(record, _NOT_THE_ACCOUNTS, grant, session, previous=None)
        request = renewal_request(session.provider, session.app, grant)
        if request is None:
            raise ValueError("this grant cannot be renewed")
        exemption = record.exemption
        if record.attempt is not None:
            if force or (record.reason == Reason.REFUSED and exemption is None):
                # Forced by an operator, or parked in an app that an operator resumed.
                exemption = Exemption.OPERATOR
            over = record.attempt.at + session.provider.grace_seconds < self.ports.clock.now()
            if exemption is None or (exemption is Exemption.GRACE and over):
                lost = Failure(kind=FailureClass.AMBIGUOUS, code="presented_before")
                return self.concluder.settle(record, lost, grant, session, previous=None)
        _ = session.key  # in hand now: sealing the answer needs no call later
        attempt = Attempt(
            id=self.ports.randomness.token(),
            fence=record.fence,
            # The grace counts from the presentation that may have spent the token, and that is the first.
            at=record.attempt.at if record.attempt and exemption is Exemption.GRACE else self.ports.clock.now(),
            exemption=exemption,
            trial=session.trial is not None,
            earlier=_unanswered(record.attempt, exemption),
        )
        sent = self._marked(record, replace(record, phase=Phase.SENT, attempt=attempt, exemption=None))
        self.ports.failpoints.reached("sent")
        answer = present(
            request,
            wire=self.ports.wire,
            clock=self.ports.clock,
            seconds=self.ports.limits.provider,
            failpoints=self.ports.failpoints,
        )
        if isinstance(answer, Failure):
            return self.concluder.settle(sent, answer, grant, session, previous=record)
        return self._receive(sent, answer, grant, session, budget)

    def _marked(self, record: Connection, marked: Connection) -> Connection:
        """SENT: return the record under its mark, due when its lease ends at the latest.

        Raises:
            FenceLost, NewerSchema, StoreUnavailable: nothing was presented.
        """
        marked = schedule.due_after_lease(marked)
        try:
            return self.ports.connections.write(record, marked)
        except StoreUnavailable:
            # The mark may stand and its answer be lost: the next holder would see an ambiguity where there is none.
            with suppress(StoreError):
                self.ports.connections.write(marked, transitions.released(record))
            raise

    def _receive(
        self, sent: Connection, answer: ProviderResponse, grant: Grant, session: Session, budget: Budget
    ) -> WorkResult:
        """RECEIVED: the raw bytes become durable before they are parsed, and the generation's number is allocated."""
        sealed = session.key.seal(answer.to_bytes(), binding=answer_binding(sent.name))
        try:
            received = self.ports.connections.write(
                sent,
                replace(sent, phase=Phase.RECEIVED, sealed_answer=sealed, allocated=sent.allocated + 1),
            )
        except FenceLost:
            # A new grant cleared our attempt, and this is history; without one, whoever leases next resumes from it.
            self.kept_answers.keep(sent, sealed, budget, why="superseded")
            self.ports.queue.send([Work(connection=sent.name, compare=True)])
            return WorkResult(Result.TAKEN_OVER)
        except (StoreUnavailable, NewerSchema):
            self.kept_answers.keep(sent, sealed, budget)
            return WorkResult(Result.KEPT, sent, again=True, backpressure=True)
        self.ports.failpoints.reached("received")
        return self.concluder.conclude(received, answer, grant, session)

    def is_answered(self, record: Connection, session: Session) -> bool:
        """Return whether an answer is kept that `resume` would conclude.

        Raises:
            SealingUnavailable, StoreUnavailable: it cannot be told now.
        """
        if record.phase is Phase.RECEIVED and record.sealed_answer is not None:
            return True
        return record.attempt is not None and self._kept(record, record.attempt, session) is not None

    def resume(self, record: Connection, session: Session) -> WorkResult | None:
        """Go on with an attempt that stands: with its answer if that was kept anywhere, whenever it turns up.

        Without one, an attempt that was never concluded is ambiguous; None means that nothing is to be resumed.
        """
        if record.phase is Phase.RECEIVED and record.sealed_answer is not None:
            answer = self.unsealer.answer(record.sealed_answer, record)
            return self.concluder.conclude(record, answer, self.unsealer.grant(record), session)
        if record.attempt is None:
            return None
        kept = self._kept(record, record.attempt, session)
        if kept is None and record.phase is not Phase.SENT:
            return None
        grant = self.unsealer.grant(record)
        if kept is None:
            lost = Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message="the attempt's process ended")
            return self.concluder.settle(record, lost, grant, session, previous=None)
        fence, sealed = kept
        received = self.ports.connections.write(
            record,
            replace(
                record,
                phase=Phase.RECEIVED,
                sealed_answer=sealed,
                allocated=record.allocated + 1,
                # It has its place now: found aside again, it would be concluded for ever.
                attempt=record.attempt.placed(fence, under=record.fence),
            ),
        )
        return self.concluder.conclude(received, self.unsealer.answer(sealed, record), grant, session)

    def _kept(self, record: Connection, attempt: Attempt, session: Session) -> tuple[int, bytes] | None:
        """Return the answer that stands aside, and the fence that it came under; None where there is none.

        Of an earlier presentation only new tokens count: what else was said to it a later one has overtaken.
        """
        sealed = self.ports.connections.aside(record.name, fence=attempt.fence)
        if sealed is not None:
            return attempt.fence, sealed
        for fence in attempt.earlier:
            sealed = self.ports.connections.aside(record.name, fence=fence)
            if sealed is None:
                continue
            read = read_token_response(
                session.provider, self.unsealer.answer(sealed, record), secrets=session.client_secrets
            )
            if not isinstance(read, Failure):
                return fence, sealed
        return None


def _unanswered(attempt: Attempt | None, exemption: Exemption | None) -> tuple[int, ...]:
    """Return the fences under which an answer that matters may still turn up, now that its token is presented again."""
    if attempt is None:
        return ()
    if exemption in (Exemption.NOT_PROCESSED, Exemption.SAFE):  # it was answered, or nothing can be lost
        return attempt.earlier
    return (attempt.fence, *attempt.earlier)[:_EARLIER]
