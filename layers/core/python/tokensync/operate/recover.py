"""`recover`: brings back everything that is out of its place. It may be repeated, and stopped anywhere.

A kept response is concluded here, which asks no provider; everything else is queued, and goes its ordinary way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from tokensync.authorize.invites import ended_invite
from tokensync.domain.authorization import NO_ACCOUNT, AuthorizationState
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Status
from tokensync.domain.errors import FenceLost, StoreUnavailable, TokensyncError
from tokensync.domain.work import Work
from tokensync.operate.dead_letters import RecoveryFinding
from tokensync.operate.summary import condition
from tokensync.refresh.breaker import note_outcomes
from tokensync.refresh.kept_answers import kept_answer
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.session import Session
from tokensync.refresh.transitions import released

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensync.domain.authorization import Authorization
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.operate.dead_letters import Redriver
    from tokensync.operate.on_demand import OnDemand
    from tokensync.refresh.worker import Worker

_AT_ONCE = 100
_AGAIN = typed("tokensync recover")
_NOTHING = "dropped"  # the response to an earlier presentation held no token
# A comparison would alert the operators once more, or must not touch these.
_LEFT_ALONE = (Status.ORPHANED, Status.QUARANTINED)


@dataclass
class RecoveryResult:
    """What one run found. `compared` connections were queued for a comparison. `more`: the rest begins at `cursor`."""

    found: list[RecoveryFinding] = field(default_factory=list)
    compared: int = 0
    more: bool = False
    cursor: str = ""


@dataclass(frozen=True)
class Recoverer:
    """Recovers what is out of its place."""

    ports: Ports
    on_demand: OnDemand
    worker: Worker
    redriver: Redriver

    def recover(self, budget: Budget, *, only: ConnectionName | None = None, cursor: str = "") -> RecoveryResult:
        """Bring back what is found within the budget, of one connection or of all; go on at `cursor`.

        Raises:
            UnknownConnection: `only` does not exist.
            QueueUnavailable, StoreUnavailable: what was found until then is safe, and the same call finds the rest.
        """
        done = RecoveryResult(cursor=cursor)
        if not cursor:
            done.found += self.redriver.redrive(budget, self.concluded, only=only)
            if only is None:
                done.found += self._authorizations(budget)
            if not budget.allows(self.ports.limits.conclusion):
                done.more = True
                return done
        records = self._behind(cursor) if only is None else iter((self.on_demand.existing(only),))
        self._walk(records, budget, done)
        return done

    def _walk(self, records: Iterator[Connection], budget: Budget, done: RecoveryResult) -> None:
        """Conclude the responses that are kept, and queue every other connection for a comparison."""
        works: list[Work] = []
        for record in records:
            if not budget.allows(self.ports.limits.conclusion):
                done.more = True
                break
            if record.removed_at is None:
                works += self._one(record, budget, done)
            if len(works) >= _AT_ONCE:
                self._compare(works, done)
                works = []
            done.cursor = str(record.name)
        self._compare(works, done)

    def _one(self, record: Connection, budget: Budget, done: RecoveryResult) -> list[Work]:
        """Conclude a connection's response, or return the work that compares its secret."""
        compares = [Work(connection=record.name, compare=True)]
        if self._may_be_answered(record):
            found = self.concluded(record.name, budget)
            if found.result != _NOTHING:
                done.found.append(found)
                return [] if found.result == "brought_back" else compares
        needs = condition(record)
        if needs is not None and (record.is_half_removed or record.status in _LEFT_ALONE):
            done.found.append(
                RecoveryFinding("connection", str(record.name), "stays", needs.why, needs.command(record.name))
            )
            return []
        return compares

    def _may_be_answered(self, record: Connection) -> bool:
        """Return whether a response is kept that may count: to the last presentation, or to one before it."""
        return kept_answer(record, self.ports.connections, earlier=lambda _: True) is not None

    def concluded(self, name: ConnectionName, budget: Budget) -> RecoveryFinding:
        """Conclude the response that a connection waits for: no provider is asked. Never raises."""
        again = typed("tokensync recover {name}", name=name)
        session = Session(name.app, self.ports)

        def rests(record: Connection, grant: Grant, session: Session) -> WorkResult:
            del grant, session
            return WorkResult(Result.NOTHING_DUE, self.ports.connections.write(record, released(record)))

        try:
            result = self.worker.run(Work(connection=name), session, budget, act=rests)
            after = result.record
            waits = result.result is Result.POSTPONED and after is not None and self._may_be_answered(after)
        except TokensyncError as error:
            return RecoveryFinding("answer", str(name), "stays", str(error), again, later=True)
        note_outcomes(session, self.ports)
        if waits:
            why = "its answer is kept, and could not be brought back now"
            return RecoveryFinding("answer", str(name), "stays", why, again, later=True)
        return _finding(name, result)

    def _authorizations(self, budget: Budget) -> list[RecoveryFinding]:
        """Let the provider be asked once more whose account an answered authorization is, where that was given up."""
        found: list[RecoveryFinding] = []
        others: Counter[tuple[str, str]] = Counter()
        for app in sorted(self.ports.apps.names()):
            for authorization in self.ports.authorizations.given_up(app):
                if not budget.allows(self.ports.limits.conclusion):
                    return found
                ended = ended_invite(authorization, self.ports)
                if ended is not None:
                    others[app, f"its invite is {ended} since"] += 1
                elif authorization.detail == NO_ACCOUNT:
                    found.append(self._reopened(authorization))
                else:
                    others[app, authorization.detail] += 1
        for (app, detail), count in others.items():
            why = f"{count} answered, kept sealed, and no connection can come of it: {detail}"
            found.append(RecoveryFinding("authorization", app, "stays", why, typed("tokensync invite {app}", app=app)))
        return found

    def _reopened(self, authorization: Authorization) -> RecoveryFinding:
        """Make an authorization due again, for another day: its tokens are real, and only a name is missing."""
        app, now = authorization.key.app, self.ports.clock.now()
        after = replace(authorization, state=AuthorizationState.WORKING, detail="", received_at=now, lease_until=None)
        try:
            self.ports.authorizations.write(authorization, after, next_at=now)
        except FenceLost:
            return RecoveryFinding("authorization", app, "queued", "another worker is at it")
        except StoreUnavailable as error:
            return RecoveryFinding("authorization", app, "stays", str(error), _AGAIN, later=True)
        # If the queue refuses it, the due index still has it.
        self.ports.queue.send([Work(authorization=authorization.key)])
        return RecoveryFinding("authorization", app, "queued", "whose account it is is asked again, for a day")

    def _compare(self, works: list[Work], done: RecoveryResult) -> None:
        """Queue comparisons, and note those that the queue does not accept."""
        refused = self.ports.queue.send(works) if works else []
        done.compared += len(works) - len(refused)
        for work in refused:
            why = "the queue did not accept it"
            done.found.append(RecoveryFinding("connection", str(work.connection), "stays", why, _AGAIN, later=True))

    def _behind(self, cursor: str) -> Iterator[Connection]:
        """Yield all connections in one order, without those up to `cursor`."""
        apps = sorted(self.ports.apps.names())
        records = chain.from_iterable(self.ports.connections.list(app) for app in apps)
        reached = place_of(cursor)
        return (record for record in records if place_of(str(record.name)) > reached)


def place_of(cursor: str) -> tuple[str, bytes]:
    """Return a place in the order of a walk, which is the table's: apps, and in each the rest of the key."""
    app, _, rest = cursor.partition("/")
    return app, rest.encode("utf-8", "surrogatepass")


def _finding(name: ConnectionName, result: WorkResult) -> RecoveryFinding:
    """Return what became of a connection whose kept response was concluded."""
    if result.result is Result.REFRESHED:
        record = result.record
        needs = None if record is None or not record.unpublished else condition(record)
        if needs is None:
            return RecoveryFinding("answer", str(name), "brought_back", "its token is published")
        return RecoveryFinding("answer", str(name), "brought_back", needs.why, needs.command(name))
    if result.result in (Result.LEASED_ELSEWHERE, Result.TAKEN_OVER):
        return RecoveryFinding("answer", str(name), "queued", "another worker is at this connection")
    needs = None if result.record is None else condition(result.record)
    if needs is None or result.result is Result.NOTHING_DUE:
        return RecoveryFinding("answer", str(name), _NOTHING, "its answer held nothing new")
    later = result.result is Result.POSTPONED
    return RecoveryFinding("answer", str(name), "stays", needs.why, needs.command(name), later=later)
