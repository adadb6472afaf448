"""A refusal that is set apart until the app's other outcomes have spoken: what becomes of its connection then.

A success of another connection since makes it count. It is asked once more before that where the app was stopped
meanwhile, and where there is no other connection that could speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.connection import Reason, Status
from tokensync.domain.messages import FailureClass

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.ports import Ports
    from tokensync.refresh.session import Session

# Seconds between looks at a parked connection: the others of its batch, and of the next tick, have spoken by then.
LOOK_FIRST, LOOK_LONGEST = 90, 600
_ALONE = 600  # seconds after which a connection that is alone is asked once more


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
    """Note a refusal of this leased connection's token; return whether its seller has to authorize again.

    Raises:
        StoreUnavailable: this cannot be known now.
    """
    account = record.name.account
    if _explains_itself(record):
        return not session.is_troubled(account)
    is_second = is_refused(record) and not session.state.paused
    if is_second and session.succeeded_beside(account, since=record.parked_at or 0):
        return True
    if is_second and _decides_alone(record, session, ports):
        return True
    session.tally.refusal(account)
    return False


def next_step(record: Connection, session: Session, ports: Ports, now: int) -> NextStep:
    """Return what is done with a parked connection of a running app whose time has come.

    Raises:
        StoreUnavailable: this cannot be known now.
    """
    state, parked_at, error = session.state, record.parked_at or 0, record.last_error
    if error is None or error.failure != FailureClass.REFUSED:
        return NextStep(is_asked=True)  # it was asked again, and that brought no verdict
    stopped = state.was_stopped_since(parked_at)
    if stopped and error.at < (state.resumed_at or 0):
        return NextStep(is_asked=True)
    if state.succeeded_beside(record.name.account, since=parked_at):
        return NextStep(counts=True)
    if _decides_alone(record, session, ports):
        if error.at > parked_at:
            return NextStep(counts=True)
        asked_at = parked_at + _patience(record, parked_at)
        return NextStep(is_asked=True) if now >= asked_at else NextStep(until=asked_at)
    return NextStep(until=now + max(LOOK_FIRST, min(now - error.at, LOOK_LONGEST)))


def _decides_alone(record: Connection, session: Session, ports: Ports) -> bool:
    """Return whether nobody else is to be waited for: there is no other connection, or the access token has ended.

    Its end says nothing where the app was stopped: the provider may refuse everybody still.
    """
    ends, was_stopped = record.access_expires_at, session.state.was_stopped_since(record.parked_at or 0)
    if ends is not None and ends <= ports.clock.now() and not was_stopped:
        return True
    return ports.connections.fewer_than(record.name.app, 2, since=session.state.well_at)


def _patience(record: Connection, parked_at: int) -> int:
    """Return for how long a connection waits that is alone: ten minutes, or half of what its access token has left."""
    ends = record.access_expires_at
    return _ALONE if ends is None else max(0, min(_ALONE, (ends - parked_at) // 2))


def _explains_itself(record: Connection) -> bool:
    """Return whether a first refusal of its token needs no cause at the provider, and so says nothing of the app.

    It was imported and never worked, or a presentation without an answer may have spent it.
    """
    if is_refused(record):
        return False
    return record.authorized.unproved or (record.attempt is not None and bool(record.attempt.earlier))
