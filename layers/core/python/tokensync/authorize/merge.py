"""Gives a connection that exists a new grant that is silent about something: the old one's part of it stays.

This happens under the connection's lease, after an unfinished attempt was concluded: a refresh in flight may be
spending the very refresh token that is carried over. Only the rotation function can, as it alone opens the old grant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.bound import Credential
from tokensync.domain.errors import UnknownConnection
from tokensync.domain.work import Work
from tokensync.oauth.issued import ASSUMED_LIFE
from tokensync.oauth.params import is_same_place
from tokensync.refresh import decisions, merging, transitions
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.authorize.establish import Establisher
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.refresh.decisions import GrantSource
    from tokensync.refresh.session import Session
    from tokensync.refresh.worker import Worker

    # Alerts of what is new in a merged grant, and returns the marks of the record that gets it.
    Marks = Callable[[Grant, Connection], tuple[str, ...]]

_POLL = 0.5  # seconds between looks at a connection that another worker holds
_POLLS = 12
_RESUMPTIONS = 2  # unfinished attempts that are concluded before this is left for later


@dataclass(frozen=True, kw_only=True)
class Merged:
    """How it ended. `grant` is the one that the connection has now, None where a later authorization has it.

    `later` says that nothing was done: the connection is held by another worker, or cannot be opened now. `absent`
    says that there is none to merge with.
    """

    grant: Grant | None = None
    has_it: bool = False
    later: bool = False
    absent: bool = False


@dataclass(frozen=True)
class Merger:
    """Merges new grants into connections."""

    ports: Ports
    establisher: Establisher
    worker: Worker

    def merge(
        self,
        name: ConnectionName,
        grant: Grant,
        source: GrantSource,
        session: Session,
        budget: Budget,
        *,
        marks: Marks,
    ) -> Merged:
        """Give the connection the grant, then PUBLISH and COMMIT.

        Raises:
            NewerSchema, StoreUnavailable: the same call goes on with it later.
        """
        done: list[Merged] = []

        def act(record: Connection, old: Grant, session: Session) -> WorkResult:
            if not _comes_later(record, source) or self.establisher.is_overtaken(record, grant):
                done.append(Merged(has_it=record.authorized.authorized_by == source.by))
                written = self.ports.connections.write(record, transitions.released(record))
                return WorkResult(Result.NOTHING_DUE, written)
            carried = grant.refresh_token is None and merging.carries_over(record, session.provider)
            if not self.is_from_there(old, grant, session):
                old, carried = replace(old, params={}), False
            new = _merged(old, grant, carried=carried)
            # What is carried over stays bound as it was: nobody takes it along to another rule by a grant of his own.
            new = session.rebound(old if carried else new, new)
            own = session.of(new)
            life = ASSUMED_LIFE if source.life is None and new.access_expires_at is not None else source.life
            holder = self.establisher.holder(
                name,
                new,
                replace(source, life=life),
                own,
                until=record.lease_until or self.ports.clock.now(),
                alerted=marks(new, record),
            )
            # Before it is published: a process that dies in between leaves the new grant, which the next one publishes.
            after = decisions.reauthorized(record, holder, carried=carried and new.refresh_token is not None)
            written = self.ports.connections.write(record, after)
            done.append(Merged(grant=new, has_it=True))
            self.ports.failpoints.reached("exchange.merged")
            still = transitions.still_to_come(written.due.compare_at, self.ports.clock.now())
            return self.establisher.conclude(written, written.with_due(compare_at=still), new)

        # The unfinished attempt that is concluded first reads its answer as one to a refresh, not as one to a code.
        return self._under_lease(name, session.whole, budget, act, done)

    def is_from_there(
        self, old: Grant, new: Grant, session: Session, credential: Credential = Credential.TOKEN
    ) -> bool:
        """Return whether the old grant's credential came from where the new one's may be sent, and under its client.

        Else it is of no use there, and none of that server's business.
        """
        if (old.client_id, old.client_secret) != (new.client_id, new.client_secret):
            return False
        before, after = session.bound(old), session.bound(new)
        if not self.ports.destinations.is_from_there(before, after, session.provider, credential):
            return False
        return is_same_place(session.provider.params, old.params, new.params)

    def _under_lease(
        self,
        name: ConnectionName,
        session: Session,
        budget: Budget,
        act: Callable[[Connection, Grant, Session], WorkResult],
        done: list[Merged],
    ) -> Merged:
        """Do `act` after the connection's present holder and after an unfinished attempt."""
        polls = resumed = 0
        while not done and polls < _POLLS and resumed <= _RESUMPTIONS:
            if not budget.allows(self.ports.limits.presentation):
                break
            try:
                result = self.worker.run(Work(connection=name), session, budget, act=act)
            except UnknownConnection:
                return Merged(absent=True)
            if result.result is Result.REMOVED:
                return Merged(absent=True)
            if result.result is Result.LEASED_ELSEWHERE:
                polls += 1
                self.ports.clock.sleep(_POLL)
            else:
                resumed += 1
        return done[-1] if done else Merged(later=True)


def _comes_later(record: Connection, source: GrantSource) -> bool:
    """Return whether a grant of this source replaces the record's, as `Connections.take_over` decides it."""
    before = record.authorized
    return before.authorized_at is None or (before.authorized_at <= source.at and before.authorized_by != source.by)


def _merged(old: Grant, new: Grant, *, carried: bool) -> Grant:
    if not carried:
        # What is over, or has a successor, ends together with its own end.
        old = replace(old, refresh_token=None, refresh_expires_at=None)
    # A link that asks for no scopes, and a response that names none, leave those that were.
    return merging.merged(old, new, says_scopes=bool(new.scopes))
