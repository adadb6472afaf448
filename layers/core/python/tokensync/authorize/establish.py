"""Gives an account a new grant, whoever holds its connection, then publishes it: the end of every way in."""

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
    from tokensync.refresh.restored_table import RestoredTable
    from tokensync.refresh.session import Session


@dataclass(frozen=True, kw_only=True)
class Authorized:
    """What a new grant came from. `at` and `by` decide between two: an older one, or the same again, never replaces.

    `life` is the seconds that the access token has left, None where it states none. `event` stands in the history.
    `detail` stands there beside it. `unproved` asks for a refresh at once, although there is an access token.
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
    """Makes connections stand. Thread-safe: it holds ports and no state."""

    ports: Ports
    committer: Committer
    restored: RestoredTable

    def establish(
        self,
        name: ConnectionName,
        grant: Grant,
        authorized: Authorized,
        session: Session,
        budget: Budget,
        *,
        over: int | None = None,
    ) -> bool:
        """Take the connection over from whoever holds it, then PUBLISH and COMMIT.

        A grant without an access token is not published: the first refresh does that. `over` names the one record that
        may give way, see `Connections.take_over`.

        Returns:
            Whether this authorization's grant stands: false where another has taken its place.

        Raises:
            NewerSchema, StoreUnavailable, SealingUnavailable: nothing was written.
        """
        until = budget.lease_until(self.ports.limits)
        table = self.restored.id()
        holder = replace(self._holder(name, grant, authorized, session, until=until), table=table)
        floor = 0 if table is None else self.ports.clock.now()
        try:
            record, stood = self.ports.connections.take_over(holder, until=until, over=over, floor=floor)
        except FenceLost:
            # Finished before, by a process that died after it; or a later authorization stands.
            now_stands = self.ports.connections.get(name)
            if now_stands is None or now_stands.removed_at is not None:
                return False
            return now_stands.authorized.authorized_by == authorized.by
        self.ports.failpoints.reached("exchange.taken_over")
        if stood is not None and stood.sealed_answer is not None:
            self.committer.kept_answers.superseded(stood.name, stood.fence, stood.sealed_answer)
        # The table gives the number, so the event that came with the grant learns it only now.
        history = (*record.history[:-1], replace(record.history[-1], generation=record.generation))
        after = replace(
            record.with_due(compare_at=_compare_at(stood, self.ports.clock.now())), lease_until=None, history=history
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
        self, name: ConnectionName, grant: Grant, authorized: Authorized, session: Session, *, until: int
    ) -> Connection:
        """Return what the account's record becomes, due as soon as the lease of this take-over ends."""
        now, provider, cadence = self.ports.clock.now(), session.provider, self.ports.cadence.for_app(session.app)
        has_token = bool(grant.access_token.reveal())
        renew_at = verify_at = None
        if authorized.unproved or not has_token:
            renew_at = now
        elif provider.renews(grant):
            renew_at = schedule.renew_at(name, now=grant.obtained_at, life=authorized.life, cadence=cadence)
            if provider.account_call is not None and not authorized.verified:
                # The account's facts are still wanted, and the names that notices call it by.
                verify_at = schedule.retry_at(now=now, failures=0, retry_after=None, fraction=schedule.jitter(name))
        elif provider.account_call is not None:
            verify_at = schedule.verify_at(name, now=now, cadence=cadence)
        else:
            verify_at = grant.access_expires_at  # nothing else would tell that it has ended
        holder = Connection(
            name=name,
            provider=provider.name,
            status=authorized.status,
            reason=Reason.NOT_INVITED if authorized.status is Status.QUARANTINED else "",
            label=grant.label,
            sealed_grant=session.key.seal(grant.to_bytes(), binding=grant_binding(name)),
            obtained_at=grant.obtained_at if has_token else None,
            access_expires_at=grant.access_expires_at,
            refresh_expires_at=grant.refresh_expires_at,
            verified_at=now if authorized.verified else None,
            due=DueTimes(
                renew_at=renew_at,
                verify_at=verify_at,
                push_at=now if has_token and session.app.push else None,
                warn_at=schedule.warn_at(now=now, refresh_expires_at=grant.refresh_expires_at),
                refresh_at=until + 1,
                next_at=until + 1,
            ),
            authorized=AuthorizedBy(
                missing_scopes=authorized.missing_scopes, authorized_at=authorized.at, authorized_by=authorized.by
            ),
        )
        return noted(holder, authorized.event, now=now, detail=authorized.detail)


def _compare_at(stood: Connection | None, now: int) -> int | None:
    """Return when to hold the secret against the grant once more: when the lease that was taken over would have ended.

    Whoever held it may publish an older token until then; the same goes for one that was taken over before.
    """
    if stood is None:
        return None
    ends = [(stood.lease_until or 0) + 1, stood.due.compare_at or 0]
    return max(ends) if max(ends) > now else None
