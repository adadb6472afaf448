"""The rules for a held connection whose time has come: it gets one last attempt, and a parked refusal one question.

`transitions` grants the one exemption and `schedule` says when it may be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.refresh import breaker, schedule
from tokensync.refresh.result import LeaseEnded, Result

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.sealing import Unsealer
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.session import Session


def is_parked(record: Connection) -> bool:
    """Return whether a refusal is still weighed, even after the end of the access token."""
    is_refused = record.reason == Reason.REFUSED and record.status is Status.HELD
    still = record.reason == Reason.ENDED and record.parked_at is not None
    return record.exemption is None and (is_refused or still)


@dataclass(frozen=True)
class HeldRules:
    """Decides whether a held connection may present its refresh token."""

    unsealer: Unsealer
    committer: Committer

    def may_attempt(self, record: Connection, session: Session, now: int) -> None:
        """Pass a held connection that may present its token now.

        Raises:
            LeaseEnded: it stays held, or its seller has to authorize again.
        """
        if record.exemption is Exemption.LAST_ATTEMPT:
            self._one_last_attempt(record, now)
        elif is_parked(record):
            self._parked_refusal(record, session, now)
        elif record.exemption is None:
            # A last attempt without an answer is an operator's to repeat.
            self._rest(record, until=None)

    def _one_last_attempt(self, record: Connection, now: int) -> None:
        """Pass it shortly before its access token ends: until then the token works, and nothing is risked."""
        last = schedule.last_attempt_at(
            now=now, access_expires_at=record.access_expires_at, obtained_at=record.obtained_at
        )
        if last > now:
            self._rest(record, until=last)

    def _parked_refusal(self, record: Connection, session: Session, now: int) -> None:
        """Pass it once after an operator resumed its app; else the refusal counts when the breaker's window ends."""
        parked_at, state = record.parked_at or 0, session.state
        if state.paused:
            self._rest(record, until=now + schedule.PAUSED_RECHECK)
        if state.resumed_at is not None and state.resumed_at >= parked_at:
            return
        decides_at = breaker.decides_at(parked_at)
        if now < decides_at:
            self._rest(record, until=decides_at)
        raise LeaseEnded(self.committer.reauthorize(record, record, self.unsealer.grant(record)))

    def _rest(self, record: Connection, *, until: int | None) -> NoReturn:
        raise LeaseEnded(self.committer.release(record, Result.HELD, renew_at=until))
