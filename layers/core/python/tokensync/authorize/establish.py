"""Gives an account a new grant, whichever worker holds its connection, and publishes it: the end of every way in."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import AuthorizedBy, Connection, DueTimes, Reason, Status, noted
from tokensync.domain.errors import FenceLost
from tokensync.domain.sealing import grant_binding
from tokensync.refresh import schedule
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.kept_answers import KeptAnswers
    from tokensync.refresh.restored_table import RestoredTable
    from tokensync.refresh.session import Session


@dataclass(frozen=True, kw_only=True)
class GrantSource:
    """Where a new grant comes from. `at` (Unix seconds) and `by` decide between two: only a later one replaces another.

    `life` is the seconds that the access token has left, None where it has no stated end. `event` and `detail` go into
    the history. `unproved` asks for a refresh at once, although there is an access token.
    """

    at: int
    by: str
    life: int | None
    status: Status = Status.ACTIVE
    verified: bool = False
    unproved: bool = False
    missing_scopes: tuple[str, ...] = ()
    event: str = "connection.authorized"
    detail: str = ""


@dataclass(frozen=True)
class Establisher:
    """Establishes connections."""

    ports: Ports
    committer: Committer
    kept_answers: KeptAnswers
    restored: RestoredTable

    def establish(
        self,
        name: ConnectionName,
        grant: Grant,
        source: GrantSource,
        session: Session,
        budget: Budget,
        *,
        over: int | None = None,
    ) -> bool:
        """Take the connection over from the worker that holds it, then PUBLISH and COMMIT.

        A grant without an access token is not published: the first refresh does that. `over` is the fence of the one
        record that may be replaced, see `Connections.take_over`.

        Returns:
            Whether the connection has this grant: false where a later authorization took its place.

        Raises:
            NewerSchema, StoreUnavailable, SealingUnavailable: nothing was written.
        """
        until = budget.lease_until(self.ports.limits)
        table = self.restored.id()
        holder = replace(self._holder(name, grant, source, session, until=until), table=table)
        floor = 0 if table is None else self.ports.clock.now()
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
        after = replace(
            record.with_due(compare_at=_compare_at(earlier, self.ports.clock.now())), lease_until=None, history=history
        )
        if record.status is Status.QUARANTINED:
            after = after.with_due(renew_at=None, warn_at=None, verify_at=None, push_at=None, compare_at=None)
        if record.status is Status.QUARANTINED or record.obtained_at is None:
            with contextlib.suppress(FenceLost):
                self.ports.connections.write(record, schedule.scheduled(after))
        else:
            self.committer.publish_and_commit(record, schedule.scheduled(after), grant, Result.PUBLISHED)
        return True

    def _holder(
        self, name: ConnectionName, grant: Grant, source: GrantSource, session: Session, *, until: int
    ) -> Connection:
        """Return the record for the account, due as soon as the lease of this take-over ends."""
        now, provider, cadence = self.ports.clock.now(), session.provider, self.ports.cadence.for_app(session.app)
        has_token = bool(grant.access_token.reveal())
        renew_at = verify_at = None
        if source.unproved or not has_token:
            renew_at = now
        elif provider.renews(grant):
            renew_at = schedule.renew_at(name, now=grant.obtained_at, life=source.life, cadence=cadence)
            if provider.account_call is not None and not source.verified:
                # The account's facts are still missing, and the keys by which webhook events name it.
                verify_at = schedule.retry_at(now=now, failures=0, retry_after=None, fraction=schedule.jitter(name))
        elif provider.account_call is not None:
            verify_at = schedule.verify_at(name, now=now, cadence=cadence)
        else:
            verify_at = grant.access_expires_at  # nothing else would show that it has ended
        holder = Connection(
            name=name,
            provider=provider.name,
            status=source.status,
            reason=Reason.NOT_INVITED if source.status is Status.QUARANTINED else "",
            label=grant.label,
            sealed_grant=session.key.seal(grant.to_bytes(), binding=grant_binding(name)),
            obtained_at=grant.obtained_at if has_token else None,
            access_expires_at=grant.access_expires_at,
            refresh_expires_at=grant.refresh_expires_at,
            verified_at=now if source.verified else None,
            due=DueTimes(
                renew_at=renew_at,
                verify_at=verify_at,
                push_at=now if has_token and session.app.push else None,
                warn_at=schedule.warn_at(now=now, refresh_expires_at=grant.refresh_expires_at),
                refresh_at=until + 1,
                next_at=until + 1,
            ),
            authorized=AuthorizedBy(
                missing_scopes=source.missing_scopes, authorized_at=source.at, authorized_by=source.by
            ),
        )
        return noted(holder, source.event, now=now, detail=source.detail)


def _compare_at(earlier: Connection | None, now: int) -> int | None:
    """Return when to compare the secret with the grant once more: when the lease that was taken over would have ended.

    Its holder may publish an older token until then; so may the holder of a lease that was taken over before.
    """
    if earlier is None:
        return None
    ends = [(earlier.lease_until or 0) + 1, earlier.due.compare_at or 0]
    return max(ends) if max(ends) > now else None
