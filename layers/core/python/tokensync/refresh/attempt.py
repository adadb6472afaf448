"""SENT and RECEIVED: a presentation is marked before it leaves, and its response durable before anything reads it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Attempt, Exemption, Phase
from tokensync.domain.errors import FenceLost, NewerSchema, StoreError, StoreUnavailable
from tokensync.domain.messages import Failure
from tokensync.domain.sealing import answer_binding
from tokensync.domain.work import Work
from tokensync.oauth.http import present
from tokensync.refresh import schedule, transitions
from tokensync.refresh.result import LeaseEnded, Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import ProviderResponse
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.gate import Ready
    from tokensync.refresh.kept_answers import KeptAnswers
    from tokensync.refresh.session import Session

_EARLIER = 3  # presentations of one token whose answers are still looked for


@dataclass(frozen=True)
class Sent:
    """The record under its mark, and the response that the presentation brought: not stored anywhere yet."""

    record: Connection
    response: ProviderResponse
    grant: Grant


class Received(Sent):
    """The record that holds the sealed response, and the response itself: only this is ever read."""


@dataclass(frozen=True)
class Attempts:
    """Presents refresh tokens."""

    ports: Ports
    concluder: Concluder
    kept_answers: KeptAnswers

    def send(self, ready: Ready, session: Session) -> Sent:
        """SENT: mark the record, then present the refresh token once.

        Raises:
            LeaseEnded: no response came, and that is concluded.
            FenceLost, NewerSchema, StoreUnavailable: nothing was presented.
        """
        record, exemption = ready.record, ready.exemption
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
        response = present(ready.request, self.ports)
        if isinstance(response, Failure):
            raise LeaseEnded(self.concluder.settle(sent, response, ready.grant, session, previous=record))
        return Sent(sent, response, ready.grant)

    def _marked(self, record: Connection, marked: Connection) -> Connection:
        """Return the record under its mark, due when its lease ends at the latest.

        Raises:
            FenceLost, NewerSchema, StoreUnavailable: nothing was presented.
        """
        marked = schedule.due_after_lease(marked)
        marked = transitions.back(marked)  # its endpoint was looked at
        try:
            return self.ports.connections.write(record, marked)
        except StoreUnavailable:
            # The mark may be stored and its acknowledgement lost: the next holder would see an ambiguity that is none.
            with suppress(StoreError):
                self.ports.connections.write(marked, transitions.released(record))
            raise

    def receive(self, sent: Sent, session: Session, budget: Budget) -> Received:
        """RECEIVED: make the raw bytes durable before they are read, and allocate the next generation's number.

        Raises:
            LeaseEnded: the record did not take them, and they are kept in another place.
        """
        record = sent.record
        sealed = session.key.seal(sent.response.to_bytes(), binding=answer_binding(record.name))
        try:
            received = self.ports.connections.write(record, transitions.received(record, sealed))
        except FenceLost:
            # A new grant cleared our attempt, and this is history; without one, the next holder resumes from it.
            self.kept_answers.keep(record, sealed, budget, why="superseded")
            self.ports.queue.send([Work(connection=record.name, compare=True)])
            raise LeaseEnded(WorkResult(Result.TAKEN_OVER)) from None
        except (StoreUnavailable, NewerSchema):
            self.kept_answers.keep(record, sealed, budget)
            raise LeaseEnded(WorkResult(Result.KEPT, record, again=True, backpressure=True)) from None
        self.ports.failpoints.reached("received")
        return Received(received, sent.response, sent.grant)


def _unanswered(attempt: Attempt | None, exemption: Exemption | None) -> tuple[int, ...]:
    """Return the fences under which a response may still turn up that matters once its token is presented again."""
    if attempt is None:
        return ()
    if exemption in (
        Exemption.NOT_PROCESSED,
        Exemption.SAFE,
        Exemption.PROBE,
    ):  # it was answered, or nothing can be lost
        return attempt.earlier
    fences = (attempt.fence, *attempt.earlier)
    # The first is never forgotten: of a token that can be used once, no other presentation can have brought a pair.
    return fences if len(fences) <= _EARLIER else (*fences[: _EARLIER - 1], fences[-1])
