"""A refusal that is set apart until the app's other outcomes have spoken: what becomes of its connection then.

A success of another connection since makes it count. It is asked once more before that where the app was stopped
meanwhile, and where there is no other connection that could speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.domain.messages import FailureClass

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.ports import Ports
    from tokensync.refresh.session import Session

# Seconds between looks at a parked connection, at most.
_LOOK_LONGEST = 600


@dataclass(frozen=True, kw_only=True)
class NextStep:
    """What is done with a parked connection now: its token is presented, its refusal counts, or it rests `until`."""

    is_asked: bool = False
    counts: bool = False
    until: int | None = None


def is_refused(record: Connection) -> bool:
    """Return whether a connection's last verdict was a refusal, which is weighed still, if need be beyond its end."""
    is_held = record.reason == Reason.REFUSED and record.status is Status.HELD
    return is_held or (record.reason == Reason.ENDED and record.parked_at is not None)


def is_parked(record: Connection) -> bool:
    """Return whether a refused connection waits, and nothing else says that its token may be presented again."""
    return record.exemption is None and is_refused(record)


def counts_at_once(record: Connection, session: Session, ports: Ports) -> bool:
    """Return whether the seller has to authorize again, now that this leased connection's token is refused.

    Raises:
        StoreUnavailable: this cannot be known now.
    """
    account = record.name.account
    if explains_itself(record):
        return not session.is_troubled(account)
    is_second = _was_asked_again(record) and not session.state.paused
    if is_second and session.succeeded_beside(account, since=record.parked_at or 0):
        return True
    return is_second and _decides_alone(record, session, ports)


def explains_itself(record: Connection) -> bool:
    """Return whether a first refusal of its token needs no cause at the provider, and so says nothing of the app.

    It was imported and never worked, or a presentation without an answer may have spent it.
    """
    if is_refused(record):
        return False
    return bool(record.authorized.unproved) or (record.attempt is not None and bool(record.attempt.earlier))


def next_step(record: Connection, session: Session, ports: Ports, now: int) -> NextStep:
    """Return what is done with a parked connection of a running app whose time has come.

    Raises:
        StoreUnavailable: this cannot be known now.
    """
    state, parked_at, error = session.state, record.parked_at or 0, record.last_error
    cadence = ports.cadence.for_app(session.app)
    if error is None or error.failure != FailureClass.REFUSED:
        return NextStep(is_asked=True)  # it was asked again, and that brought no verdict
    asked_at = error.at if record.attempt is None else record.attempt.at
    if state.was_stopped_since(parked_at) and asked_at < (state.resumed_at or 0):
        return NextStep(is_asked=True)
    if state.succeeded_beside(record.name.account, since=parked_at):
        return NextStep(counts=True)
    if _decides_alone(record, session, ports):
        if _was_asked_again(record) and error.at > parked_at:
            return NextStep(counts=True)
        patient_until = parked_at + _patience(record, parked_at, cadence.alone)
        return NextStep(is_asked=True) if now >= patient_until else NextStep(until=patient_until)
    return NextStep(until=now + max(cadence.look, min(now - error.at, _LOOK_LONGEST)))


def _was_asked_again(record: Connection) -> bool:
    """Return whether a refused connection was asked once more since: one answer may be read twice, and says it once."""
    if not is_refused(record):
        return False
    attempt, parked_at = record.attempt, record.parked_at or 0
    if attempt is None:  # it is verified, and an answer to that is never kept
        return True
    return attempt.exemption in (Exemption.PROBE, Exemption.OPERATOR) and attempt.at >= parked_at


def _decides_alone(record: Connection, session: Session, ports: Ports) -> bool:
    """Return whether nobody else is to be waited for: there is no other connection, or the access token has ended.

    Its end says nothing where the app was stopped: the provider may refuse everybody still.
    """
    ends, was_stopped = record.access_expires_at, session.state.was_stopped_since(record.parked_at or 0)
    if ends is not None and ends <= ports.clock.now() and not was_stopped:
        return True
    return ports.connections.fewer_than(record.name.app, 2, since=session.state.well_at)


def _patience(record: Connection, parked_at: int, alone: int) -> int:
    """Return for how long a connection waits that is alone, at most half of what its access token has left."""
    ends = record.access_expires_at
    return alone if ends is None else max(0, min(alone, (ends - parked_at) // 2))
