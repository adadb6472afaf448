"""The other half of the state machine: what becomes of a connection by a decision, or by its access token's end.

Operators and accounts decide; the end of an access token decides for them.
Pure functions, as in `transitions`: each returns a record that is ready to be committed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import AuthorizedBy, Connection, Exemption, Reason, Status, noted
from tokensync.domain.due_times import DueTimes
from tokensync.domain.messages import FailureClass
from tokensync.domain.runtime import DAY
from tokensync.oauth.provider import RefreshReuse
from tokensync.refresh import schedule
from tokensync.refresh.transitions import active, not_processed, released, still_to_come, unscheduled, with_failure

if TYPE_CHECKING:
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import Failure
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.runtime import Cadence
    from tokensync.oauth.provider import Provider

TOMBSTONE = 90 * DAY


@dataclass(frozen=True, kw_only=True)
class GrantSource:
    """Where a new grant comes from. `at` (Unix seconds) and `by` decide between two: only a later one replaces another.

    `life` is the seconds that the access token has left, None where it has no stated end. `event` and `detail` go into
    the history. `unproved` asks for a refresh at once, although there is an access token. What is `imported` says
    nothing of its app until a refresh succeeded.
    """

    at: int
    by: str
    life: int | None
    status: Status = Status.ACTIVE
    verified: bool = False
    imported: bool = False
    unproved: bool = False
    missing_scopes: tuple[str, ...] = ()
    event: str = "connection.authorized"
    detail: str = ""


def established(
    name: ConnectionName,
    grant: Grant,
    source: GrantSource,
    *,
    provider: Provider,
    sealed: bytes,
    pushes: bool,
    now: int,
    until: int,
    cadence: Cadence,
    table: str | None,
    alerted: tuple[str, ...] = (),
) -> Connection:
    """Return the record that a new grant brings, due as soon as the lease of its take-over ends, at `until`."""
    has_token = bool(grant.access_token.reveal())
    renew_at = verify_at = None
    if source.unproved or not has_token:
        renew_at = now
    elif provider.renews(grant):
        renew_at = _renew_at(name, grant, source.life, provider, cadence)
        if provider.account_call is not None and not source.verified:
            # The account's facts are still missing, and the keys by which webhook events name it.
            verify_at = schedule.retry_at(now=now, failures=0, retry_after=None, fraction=schedule.jitter(name))
    elif provider.account_call is not None:
        verify_at = schedule.verify_at(name, now=now, cadence=cadence)
    record = Connection(
        name=name,
        provider=provider.name,
        status=source.status,
        reason=Reason.NOT_INVITED if source.status is Status.QUARANTINED else "",
        label=grant.label,
        sealed_grant=sealed,
        obtained_at=grant.obtained_at if has_token else None,
        access_expires_at=grant.access_expires_at,
        refresh_expires_at=grant.refresh_expires_at,
        verified_at=now if source.verified else None,
        due=DueTimes(
            renew_at=renew_at,
            verify_at=verify_at,
            push_at=now if has_token and pushes else None,
            warn_at=schedule.warn_at(now=now, refresh_expires_at=grant.refresh_expires_at),
        ),
        authorized=AuthorizedBy(
            missing_scopes=source.missing_scopes,
            authorized_at=source.at,
            authorized_by=source.by,
            unproved=True if source.imported else None,
        ),
        table=table,
        alerted=alerted,
        brought=True if grant.brought else None,
    )
    return noted(schedule.due_at(record, until + 1), source.event, now=now, detail=source.detail)


def reauthorized(record: Connection, new: Connection, *, carried: bool) -> Connection:
    """Return the leased record of a connection whose new grant came under its lease, under the next number.

    `new` is what `established` returned for it. A refresh token that was `carried` over was presented as often as
    before: its attempt stays, and what may be spent waits again until shortly before the access token's end: a last
    attempt that was still to come comes before the new end. What the provider asked to wait for stays as well. One that
    a consumer owns is still presented by that alone.
    """
    number = record.allocated + 1
    entry = replace(new.history[-1], generation=number)
    owned = carried and record.consumer.handed_over_at is not None
    attempt, exemption = record.attempt, record.exemption
    if exemption is Exemption.LAST_ATTEMPT:
        attempt, exemption = attempt and replace(attempt, exemption=None), None
    due = replace(new.due, compare_at=record.due.compare_at)
    if carried:
        due = replace(due, not_before=record.due.not_before, ask_not_before=record.due.ask_not_before)
    after = replace(
        record,
        provider=new.provider,
        status=new.status,
        reason=Reason.OWNED_BY_CONSUMER if owned else new.reason,
        phase=new.phase,
        attempt=attempt if carried else None,
        exemption=exemption if carried else None,
        generation=number,
        allocated=number,
        sealed_grant=new.sealed_grant,
        unpublished="",
        label=new.label,
        due=due,
        authorized=new.authorized,
        obtained_at=new.obtained_at,
        access_expires_at=new.access_expires_at,
        refresh_expires_at=new.refresh_expires_at,
        parked_at=None,
        faulted_at=None,
        verified_at=new.verified_at or record.verified_at,
        table=new.table,
        failures=0,
        last_error=None,
        alerted=new.alerted,
        brought=new.brought,
        history=(*record.history, entry),
    )
    if owned:
        return after.with_due(renew_at=None, verify_at=None, push_at=None)
    return after.with_consumer(push_failures=0, handed_over_at=None)


def reauthorization_needed(record: Connection, *, now: int) -> Connection:
    """Return the record of a connection whose seller has to authorize again, as the provider refused its token."""
    after = replace(unscheduled(record), status=Status.REAUTHORIZE, reason=Reason.REFUSED, exemption=None)
    return released(noted(after, "connection.reauthorization_needed", now=now))


def acquitted(record: Connection, *, again: int, now: int) -> Connection:
    """Return the record, active again and due at `again`, of a connection whose fault was its app's."""
    after = replace(record.with_due(renew_at=again), status=Status.ACTIVE, reason="")
    return released(noted(after, "refresh.acquitted", now=now))


def ended(record: Connection, *, now: int) -> Connection:
    """Return the record of a connection whose access token has ended before it was renewed.

    What may still be presented by itself stays due, under the exemption that it has: when that succeeds, it is active
    again. Where nothing is due, its seller has to authorize again.
    """
    is_final = record.due.renew_at is None
    event = "connection.reauthorization_needed" if is_final else "access_token.ended"
    after = replace(record.with_due(verify_at=None, push_at=None), status=Status.REAUTHORIZE, reason=Reason.ENDED)
    after = after.with_due(compare_at=still_to_come(record.due.compare_at, now))
    if is_final:
        after = replace(unscheduled(after), exemption=None)
    return released(after if schedule.has_ended(record) and not is_final else noted(after, event, now=now))


def unpublishable(record: Connection, *, reason: str, now: int) -> Connection:
    """Return the record of a connection whose secret is gone or not ours: the grant is kept, nothing is scheduled.

    A disconnected connection stays disconnected: that its authorization is over matters more.
    """
    after = replace(unscheduled(record).with_due(compare_at=None), unpublished="")
    if record.status is not Status.DISCONNECTED:
        after = replace(after, status=Status.ORPHANED, reason=reason)
    return released(noted(after, "connection.orphaned", now=now, detail=reason))


def disconnected(record: Connection, *, reason: str, now: int) -> Connection:
    """Return the record of a connection whose authorization was ended, by its account or by us.

    It has no attempt: a response that still turns up is history.
    """
    after = replace(
        unscheduled(record).with_authorized(deauthorized_at=None),
        status=Status.DISCONNECTED,
        reason=reason,
        attempt=None,
        exemption=None,
        parked_at=None,
        faulted_at=None,
    )
    return released(noted(after, f"connection.{reason}", now=now))


def removed(record: Connection, *, now: int) -> Connection:
    """Return what is left of a connection whose secret was scheduled for deletion: its name, numbers and history.

    It keeps, sealed, what a consumer knows it by: without that, an account that comes back would get a second store.
    """
    return replace(
        released(
            replace(unscheduled(record).with_due(compare_at=None).with_authorized(deauthorized_at=None), unpublished="")
        )
        .with_consumer(push_failures=0, handed_over_at=None)
        .with_authorized(missing_scopes=()),
        removed_at=now,
        ttl=now + TOMBSTONE,
        sealed_grant=None,
        attempt=None,
        obtained_at=None,
        access_expires_at=None,
        refresh_expires_at=None,
        verified_at=None,
        failures=0,
        last_error=None,
    )


def republished(record: Connection, grant: Grant, *, provider: Provider, now: int, cadence: Cadence) -> Connection:
    """Return the record of an orphaned connection that is to have its secret again: active, and refreshed at once."""
    renew_at = verify_at = None
    if record.consumer.handed_over_at is None and provider.renews(grant):
        renew_at = now
    elif record.consumer.handed_over_at is None and provider.account_call is not None:
        verify_at = schedule.verify_at(record.name, now=now, cadence=cadence)
    warn_at = schedule.warn_at(now=now, refresh_expires_at=grant.refresh_expires_at)
    due = record.with_due(renew_at=renew_at, verify_at=verify_at, warn_at=warn_at)
    after = replace(due, status=Status.ACTIVE, reason="")
    return released(noted(after, "connection.republished", now=now))


def handed_over(record: Connection, *, consumer: str, now: int) -> Connection:
    """Return the leased record of a connection whose consumer alone refreshes the token from now on."""
    after = replace(record, reason=Reason.OWNED_BY_CONSUMER)
    return noted(after, "connection.handed_over", now=now, detail=consumer)


def set_apart(record: Connection, *, now: int) -> Connection:
    """Return the record, from a restored table, of a connection whose refresh token may have been spent since."""
    after = replace(
        unscheduled(record).with_due(compare_at=None),
        status=Status.QUARANTINED,
        reason=Reason.RESTORED_TABLE,
        attempt=None,
        exemption=None,
        parked_at=None,
        faulted_at=None,
        unpublished="",
    )
    return released(noted(after, "connection.quarantined", now=now, detail=Reason.RESTORED_TABLE))


def accepted(record: Connection, grant: Grant, *, provider: Provider, now: int, cadence: Cadence) -> Connection:
    """Return the record of a quarantined connection that an operator accepts: active, and due as its tokens say."""
    renew_at = verify_at = None
    life = None if grant.access_expires_at is None else grant.access_expires_at - grant.obtained_at
    if provider.renews(grant):
        renew_at = _renew_at(record.name, grant, life, provider, cadence)
        verify_at = now if provider.account_call is not None and record.verified_at is None else None
    elif provider.account_call is not None:
        verify_at = schedule.verify_at(record.name, now=now, cadence=cadence)
    warn_at = schedule.warn_at(now=now, refresh_expires_at=grant.refresh_expires_at)
    after = active(record).with_due(renew_at=renew_at, verify_at=verify_at, warn_at=warn_at)
    return released(noted(after, "connection.accepted", now=now))


def unaccepted(
    record: Connection, failure: Failure, *, previous: Connection | None, provider: Provider, now: int, fraction: float
) -> Connection:
    """Return the record of a quarantined connection whose token, presented by an operator's word, gave no new one.

    Its exemption says whether the next acceptance may present the token as well. `previous` is as in
    `transitions.failed`.
    """
    attempt, exemption = record.attempt, None
    match failure.kind:
        case FailureClass.NOT_SENT if previous is not None:
            attempt, exemption = previous.attempt, previous.exemption
        case FailureClass.BUSY:
            exemption = not_processed(record)
            free = schedule.retry_at(
                now=now, failures=record.failures, retry_after=failure.retry_after, fraction=fraction
            )
            record = record.with_due(not_before=free)
        case FailureClass.CONFIGURATION:
            exemption = Exemption.OPERATOR
        case FailureClass.AMBIGUOUS | FailureClass.UNKNOWN if provider.refresh_reuse is RefreshReuse.SAFE:
            exemption = Exemption.SAFE
    after = replace(with_failure(unscheduled(record), failure, now=now), attempt=attempt, exemption=exemption)
    return released(noted(after, "connection.not_accepted", now=now, detail=failure.code))


def _renew_at(name: ConnectionName, grant: Grant, life: int | None, provider: Provider, cadence: Cadence) -> int | None:
    opens_at = provider.renewal.opens_at(obtained_at=grant.obtained_at, ends_at=grant.access_expires_at)
    return schedule.renew_at(name, now=grant.obtained_at, life=life, cadence=cadence, opens_at=opens_at)
