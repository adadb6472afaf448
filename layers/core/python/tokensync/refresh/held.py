"""The rules for a held connection whose time has come: it gets one last attempt, and a parked refusal one question.

`transitions` grants the one exemption, `schedule` says when it may be used, and `parked` when a refusal counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.refresh import breaker, decisions, parked, schedule
from tokensync.refresh.result import LeaseEnded, Result

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.ports import Ports
    from tokensync.domain.sealing import Unsealer
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.session import Session


@dataclass(frozen=True)
class HeldRules:
    """Decides whether a held connection may present its refresh token."""

    ports: Ports
    unsealer: Unsealer
    committer: Committer

    def may_attempt(self, record: Connection, session: Session, now: int) -> None:
        """Pass a held connection that may present its token now.

        Raises:
            LeaseEnded: it stays held, or its seller has to authorize again.
        """
        if record.reason == Reason.ENDPOINT_CHANGED:
            return  # the gate looks where it would go
        if record.exemption is Exemption.LAST_ATTEMPT:
            self._one_last_attempt(record, now)
        elif parked.is_parked(record):
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

    def back_to_active(self, record: Connection, session: Session, now: int) -> None:
        """Give a connection its state back that was held as if it alone were at fault: its app is paused for that.

        Raises:
            LeaseEnded: that is committed.
        """
        is_held = record.status is Status.HELD and record.reason == Reason.CONFIGURATION
        if is_held and session.state.is_misconfigured:
            again = breaker.rests_until(record, session.state, now)
            after = decisions.acquitted(record, again=again, now=now)
            grant = self.unsealer.grant(record)
            if grant.has_own_client:
                return
            raise LeaseEnded(self.committer.publish_and_commit(record, after, grant, Result.PAUSED))

    def _parked_refusal(self, record: Connection, session: Session, now: int) -> None:
        """Pass it where it is to be asked once more; the gate decides whether it may probe an app that is paused."""
        if session.state.paused:
            return
        step = parked.next_step(record, session, self.ports, now)
        if step.counts:
            raise LeaseEnded(self.committer.reauthorize(record, record, self.unsealer.grant(record)))
        if not step.is_asked:
            self._rest(record, until=step.until)

    def _rest(self, record: Connection, *, until: int | None) -> NoReturn:
        raise LeaseEnded(self.committer.release(record, Result.HELD, renew_at=until))
