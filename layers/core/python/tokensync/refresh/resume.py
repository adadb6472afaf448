"""Recovery: what is left of an attempt whose worker died, or whose response turned up late."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Phase
from tokensync.domain.messages import Failure, FailureClass
from tokensync.oauth.token_response import read_token_response
from tokensync.refresh import transitions
from tokensync.refresh.attempt import Received
from tokensync.refresh.kept_answers import kept_answer
from tokensync.refresh.result import LeaseEnded

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.ports import Ports
    from tokensync.domain.sealing import Unsealer
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.session import Session

_NO_ANSWER = Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message="the attempt's process ended")


@dataclass(frozen=True)
class Resumer:
    """Finds the response to an attempt that was not concluded, in whatever place it was kept."""

    ports: Ports
    unsealer: Unsealer
    concluder: Concluder

    def unfinished(self, record: Connection, session: Session) -> Received | None:
        """Return the response that the connection's attempt waits for; None where there is no attempt to resume.

        Raises:
            LeaseEnded: an attempt was sent and has no response: it is concluded as ambiguous.
            FenceLost, SealingUnavailable, StoreUnavailable: the response stays where it is.
        """
        if record.phase is Phase.RECEIVED and record.sealed_answer is not None:
            response = self.unsealer.answer(record.sealed_answer, record)
            return Received(record, response, self.unsealer.grant(record))
        if record.attempt is None:
            return None
        kept = self._kept(record, session)
        if kept is None and record.phase is not Phase.SENT:
            return None
        grant = self.unsealer.grant(record)
        if kept is None:
            raise LeaseEnded(self.concluder.settle(record, _NO_ANSWER, grant, session, previous=None))
        fence, sealed = kept
        # It has its place now: found aside again, it would be concluded for ever.
        attempt = record.attempt.placed(fence, under=record.fence)
        placed = replace(transitions.received(record, sealed), attempt=attempt)
        received = self.ports.connections.write(record, placed)
        return Received(received, self.unsealer.answer(sealed, record), grant)

    def is_answered(self, record: Connection, session: Session) -> bool:
        """Return whether a response is kept that `unfinished` would return.

        Raises:
            SealingUnavailable, StoreUnavailable: this cannot be known now.
        """
        return self._kept(record, session) is not None

    def _kept(self, record: Connection, session: Session) -> tuple[int, bytes] | None:
        """Return the kept response that counts, and its fence.

        Of an earlier presentation only new tokens count: a later one has overtaken whatever else was said to it.
        """

        def holds_tokens(sealed: bytes) -> bool:
            response = self.unsealer.answer(sealed, record)
            own = session.of(self.unsealer.grant(record))
            read = read_token_response(own.provider, response, secrets=session.client_secrets)
            return not isinstance(read, Failure)

        return kept_answer(record, self.ports.connections, earlier=holds_tokens)
