"""Gives an account a new grant, whichever worker holds its connection, and publishes it: the end of every way in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Status
from tokensync.domain.errors import FenceLost
from tokensync.domain.runtime import DAY
from tokensync.domain.sealing import grant_binding
from tokensync.refresh import decisions, merging, schedule
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.decisions import GrantSource
    from tokensync.refresh.kept_answers import KeptAnswers
    from tokensync.refresh.restored_table import RestoredTable
    from tokensync.refresh.session import Session

_LATE = DAY  # seconds: until then a consent is the last thing that its seller did, whatever was refreshed meanwhile


@dataclass(frozen=True)
class Establisher:
    """Establishes connections."""

    ports: Ports
    committer: Committer
    kept_answers: KeptAnswers
    restored_table: RestoredTable

    def establish(
        self,
        name: ConnectionName,
        grant: Grant,
        source: GrantSource,
        session: Session,
        budget: Budget,
        *,
        over: int | None = None,
        alerted: tuple[str, ...] = (),
    ) -> bool:
        """Take the connection over from the worker that holds it, then PUBLISH and COMMIT.

        A grant without an access token is not published: the first refresh does that. `over` is the fence of the one
        record that may be replaced, see `Connections.take_over`. `alerted` is what operators know of this grant.

        Returns:
            Whether the connection has this grant: false where a later authorization took its place, or where it waited
            sealed for more than a day and the connection has a newer token, or an end, since.

        Raises:
            NewerSchema, StoreUnavailable, SealingUnavailable: nothing was written.
        """
        if self._is_late(grant):
            current = self.ports.connections.get(name)
            if current is not None and self.is_overtaken(current, grant):
                return current.removed_at is None and current.authorized.authorized_by == source.by
            over = current.fence if current is not None else 0
        until = budget.lease_until(self.ports.limits)
        holder = self.holder(name, grant, source, session, until=until, alerted=alerted)
        floor = 0 if holder.table is None else self.ports.clock.now()
        try:
            record, earlier = self.ports.connections.take_over(holder, until=until, over=over, floor=floor)
        except FenceLost:
            # A process finished this one and died after it; or a later authorization took its place.
            current = self.ports.connections.get(name)
            return current is not None and current.removed_at is None and current.authorized.authorized_by == source.by
        self.ports.failpoints.reached("exchange.taken_over")
        if earlier is not None and earlier.sealed_answer is not None:
            self.kept_answers.superseded(earlier.name, earlier.fence, earlier.sealed_answer)
        # The table gives the generation, so the history's event gets it only now.
        history = (*record.history[:-1], replace(record.history[-1], generation=record.generation))
        after = replace(record, history=history)
        self.conclude(record, after.with_due(compare_at=_compare_at(earlier, self.ports.clock.now())), grant)
        return True

    def is_overtaken(self, record: Connection, grant: Grant) -> bool:
        """Return whether a grant waited sealed for more than a day, and its connection has a newer token or an end."""
        return self._is_late(grant) and merging.is_overtaken(record, obtained_at=grant.obtained_at)

    def _is_late(self, grant: Grant) -> bool:
        return self.ports.clock.now() - grant.obtained_at > _LATE

    def holder(
        self,
        name: ConnectionName,
        grant: Grant,
        source: GrantSource,
        session: Session,
        *,
        until: int,
        alerted: tuple[str, ...] = (),
    ) -> Connection:
        """Return the record that a new grant brings, under a lease until `until`.

        Raises:
            StoreUnavailable, SealingUnavailable: as the ports.
        """
        return decisions.established(
            name,
            grant,
            source,
            provider=session.provider,
            sealed=session.key.seal(grant.to_bytes(), binding=grant_binding(name)),
            pushes=bool(session.app.push),
            now=self.ports.clock.now(),
            until=until,
            cadence=self.ports.cadence.for_app(session.app),
            table=self.restored_table.id(),
            alerted=alerted,
        )

    def conclude(self, record: Connection, after: Connection, grant: Grant) -> WorkResult:
        """PUBLISH and COMMIT a leased record that holds a new grant; its lease ends.

        One that is quarantined is not published, nor one without an access token.
        """
        after = replace(after, lease_until=None)
        if record.status is Status.QUARANTINED:
            after = after.with_due(renew_at=None, warn_at=None, verify_at=None, push_at=None, compare_at=None)
        if record.status is not Status.QUARANTINED and record.obtained_at is not None:
            return self.committer.publish_and_commit(record, schedule.scheduled(after), grant, Result.PUBLISHED)
        try:
            return WorkResult(Result.PUBLISHED, self.ports.connections.write(record, schedule.scheduled(after)))
        except FenceLost:
            return WorkResult(Result.TAKEN_OVER)


def _compare_at(earlier: Connection | None, now: int) -> int | None:
    """Return when to compare the secret with the grant once more: when the lease that was taken over would have ended.

    Its holder may publish an older token until then; so may the holder of a lease that was taken over before.
    """
    if earlier is None:
        return None
    ends = [(earlier.lease_until or 0) + 1, earlier.due.compare_at or 0]
    return max(ends) if max(ends) > now else None
