"""The state machine: what becomes of a connection after each kind of response. `decisions` holds what people decide.

Pure functions from record to record; nothing is stored here. Each returns a record that is ready to be committed (phase
idle, lease released, due times set) unless it says otherwise. No other module gives a record a status or a reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import Exemption, LastError, Phase, Reason, Status, noted
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.runtime import Cadence
from tokensync.oauth.provider import RefreshReuse
from tokensync.refresh import schedule
from tokensync.refresh.merging import REFRESHED, life_of
from tokensync.refresh.parked import is_refused

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import Issued
    from tokensync.oauth.provider import Provider

GRACE_RETRY = 1  # seconds
_USUAL = Cadence()


def released(record: Connection) -> Connection:
    """Return the record without lease and answer, due as its times say."""
    return schedule.scheduled(replace(record, phase=Phase.IDLE, lease_until=None, sealed_answer=None))


def unscheduled(record: Connection) -> Connection:
    """Return the record of a connection that nothing is done for by itself; a comparison that is due stays due."""
    return record.with_due(renew_at=None, warn_at=None, verify_at=None, push_at=None)


def received(record: Connection, sealed: bytes) -> Connection:
    """Return the leased record that holds a sealed response, under the next generation's number."""
    return replace(record, phase=Phase.RECEIVED, sealed_answer=sealed, allocated=record.allocated + 1)


def with_failure(record: Connection, failure: Failure, *, now: int) -> Connection:
    """Return the leased record with one more failure in a row, as operators see it."""
    return replace(record, last_error=LastError.of(failure, at=now), failures=record.failures + 1)


def back(record: Connection) -> Connection:
    """Return the leased record of a connection that was held as its endpoint had changed, and may be sent again."""
    is_back = record.status is Status.HELD and record.reason == Reason.ENDPOINT_CHANGED
    return replace(record, status=Status.ACTIVE, reason="") if is_back else record


def active(record: Connection) -> Connection:
    """Return the leased record of an active connection, without a trace of failures or of an attempt."""
    well = replace(record, status=Status.ACTIVE, reason="", attempt=None, exemption=None, failures=0, last_error=None)
    return well.with_due(not_before=None)


def renewed(
    record: Connection, grant: Grant, issued: Issued, *, provider: Provider, sealed: bytes, now: int, cadence: Cadence
) -> Connection:
    """Return the record that holds a new token pair under the number allocated with its response."""
    accepts = record.status is Status.QUARANTINED  # nothing but an operator's acceptance presents its token
    # The first access token that is published: nobody asked for the account's facts before.
    is_first = record.obtained_at is None or (accepts and record.verified_at is None)
    after = replace(
        active(record)
        .with_due(
            renew_at=schedule.renew_at(
                record.name,
                now=now,
                life=life_of(grant, issued),
                cadence=cadence,
                opens_at=provider.renewal.opens_at(obtained_at=now, ends_at=grant.access_expires_at),
            ),
            warn_at=schedule.warn_at(now=now, refresh_expires_at=grant.refresh_expires_at),
            compare_at=still_to_come(record.due.compare_at, now),
            verify_at=now if is_first and provider.account_call is not None else record.due.verify_at,
        )
        .with_consumer(handed_over_at=None)
        .with_authorized(unproved=None),
        generation=record.allocated,
        sealed_grant=sealed,
        label=grant.label,
        obtained_at=grant.obtained_at,
        access_expires_at=grant.access_expires_at,
        refresh_expires_at=grant.refresh_expires_at,
        parked_at=None,
        faulted_at=None,
    )
    if not provider.renews(grant):
        after = after.with_due(renew_at=None)
    if not provider.renews(grant) and provider.renewal.presents_access_token:
        daily = schedule.verify_at(record.name, now=now, cadence=cadence)
        ends = grant.access_expires_at if provider.account_call is None else daily
        after = after.with_due(verify_at=ends)
    after = noted(after, REFRESHED, now=now, detail=issued.trace_id)
    return released(noted(after, "connection.accepted", now=now) if accepts else after)


def failed(
    record: Connection,
    failure: Failure,
    *,
    previous: Connection | None,
    provider: Provider,
    now: int,
    fraction: float,
    cadence: Cadence = _USUAL,
    app_is_paused: bool = False,
) -> Connection:
    """Return the record after a failure, by the failure's class alone.

    `previous` is the record before its attempt was marked as sent, None where another process made the attempt.
    A refusal is parked; `decisions.reauthorization_needed` follows when it counts. Answered that its app is at fault, a
    connection stays as it is until that is said again, and what is said in a paused app is the app's alone.
    """
    record = with_failure(record, failure, now=now)
    again = schedule.retry_at(
        now=now,
        failures=record.failures - 1,
        retry_after=failure.retry_after,
        fraction=fraction,
        ends_at=record.access_expires_at,
    )
    match failure.kind:
        case FailureClass.NOT_SENT:
            # The mark is taken back: without that the next holder would see an ambiguity where there is none.
            before = record if previous is None else previous
            after = replace(record.with_due(renew_at=again), attempt=before.attempt, exemption=before.exemption)
            after = _kept_back(after) if failure.code == Reason.ENDPOINT_CHANGED else after
            event = "refresh.not_sent"
        case FailureClass.BUSY:
            # What was not processed used nothing up: the next attempt may go under the same exemption.
            waits = record.with_due(renew_at=again, not_before=again)
            after = replace(waits, exemption=not_processed(record))
            event = "refresh.postponed"
        case FailureClass.CONFIGURATION:
            after = _misconfigured(record, now=now, again=max(again, now + cadence.fault), app_is_paused=app_is_paused)
            event = "refresh.stopped"
        case FailureClass.REFUSED:
            after = replace(
                record.with_due(renew_at=now + cadence.look, verify_at=None),
                status=Status.HELD,
                reason=Reason.REFUSED,
                parked_at=record.parked_at if is_refused(record) and record.parked_at is not None else now,
                exemption=None,
            )
            event = "refresh.refused"
        case FailureClass.UNKNOWN if not _may_be_spent(record):
            after = _unexplained(record, provider=provider, again=again)
            event = "refresh.unknown"
        case FailureClass.AMBIGUOUS | FailureClass.UNKNOWN:
            after = _ambiguous(record, provider=provider, now=now, again=again)
            event = f"refresh.{failure.kind}"
    return released(noted(after, event, now=now, detail=failure.code))


def unusable(record: Connection, failure: Failure, *, sealed: bytes, again: int, now: int) -> Connection:
    """Return the record after a response that brought a new refresh token, and no access token that can be published.

    A quarantined connection stays so, and nothing is scheduled for it. One whose access token has ended says so still,
    as it has no other.
    """
    well = not schedule.has_ended(record)
    after = replace(
        with_failure(record.with_due(renew_at=again), failure, now=now),
        sealed_grant=sealed,
        status=Status.ACTIVE if well else record.status,
        reason="" if well else record.reason,
        attempt=None,
        exemption=None,
        parked_at=None,  # its token was taken
    )
    if record.status is Status.QUARANTINED:
        after = replace(after.with_due(renew_at=None), status=record.status, reason=record.reason)
    return released(noted(after, "refresh.unusable", now=now, detail=failure.trace_id))


def other_account(record: Connection, *, now: int) -> Connection:
    """Return the record after a response that names another account: held, and nothing more is tried by itself."""
    after = replace(record.with_due(renew_at=None), status=Status.HELD, reason=Reason.OTHER_ACCOUNT)
    return released(noted(after, "refresh.other_account", now=now))


def not_proven(record: Connection, failure: Failure, *, now: int) -> Connection:
    """Return the record after a refusal under a client secret that is not proven: due as it was, nothing spent."""
    after = replace(record, exemption=Exemption.NOT_PROCESSED)
    return released(noted(after, "secret.not_proven", now=now, detail=failure.code))


def _misconfigured(record: Connection, *, now: int, again: int, app_is_paused: bool) -> Connection:
    """Set a connection apart that was answered a second time, and not by the way, that its app is at fault."""
    # An explicit error issued nothing, RFC 6749 §5.2: the token may be presented again, under the exemption it had.
    after = replace(
        record.with_due(renew_at=again),
        exemption=not_processed(record),
        faulted_at=now if record.faulted_at is None else record.faulted_at,
    )
    if record.faulted_at is None or record.status is not Status.ACTIVE or app_is_paused:
        return after
    return replace(after.with_due(verify_at=None), status=Status.HELD, reason=Reason.CONFIGURATION)


def _kept_back(record: Connection) -> Connection:
    """Hold a connection of which nothing may be sent where its app points: where its app points is looked at again.

    One that is held for another reason, or has ended, says that.
    """
    if record.status is not Status.ACTIVE:
        return record
    return replace(record.with_due(verify_at=None), status=Status.HELD, reason=Reason.ENDPOINT_CHANGED)


def _unexplained(record: Connection, *, provider: Provider, again: int) -> Connection:
    """Try a token again while its access token lives: an error that nobody explains issued nothing (RFC 6749 §5.2)."""
    is_safe = provider.refresh_reuse is RefreshReuse.SAFE
    lives = record.access_expires_at is None or again < record.access_expires_at
    return replace(
        record.with_due(renew_at=again if lives else None),
        exemption=Exemption.SAFE if is_safe else Exemption.NOT_PROCESSED,
    )


def _may_be_spent(record: Connection) -> bool:
    """Return whether an earlier presentation of the token got no answer: what is said to a later one says little."""
    exemption = record.attempt.exemption if record.attempt is not None else None
    return exemption in (Exemption.GRACE, Exemption.LAST_ATTEMPT) or _was_last(record)


def _was_last(record: Connection) -> bool:
    """Return whether the attempt was the last of a connection that nobody knows the token of.

    An operator who forced a held connection, or one whose access token has ended, had it. One who resumed an app did
    not, and what was parked when it was is held for a refusal.
    """
    exemption = record.attempt.exemption if record.attempt is not None else None
    is_forced = exemption is Exemption.OPERATOR and record.status in (Status.HELD, Status.REAUTHORIZE)
    is_parked = record.reason == Reason.REFUSED or record.parked_at is not None
    return exemption is Exemption.LAST_ATTEMPT or (is_forced and not is_parked)


def _ambiguous(record: Connection, *, provider: Provider, now: int, again: int) -> Connection:
    """Follow the provider's declared `refresh_reuse`: the token may be spent, and the response lost."""
    attempt = record.attempt
    exemption = attempt.exemption if attempt is not None else None
    if provider.refresh_reuse is RefreshReuse.SAFE:
        return replace(record.with_due(renew_at=again), exemption=Exemption.SAFE)
    in_grace = attempt is not None and now + GRACE_RETRY <= attempt.at + provider.grace_seconds
    if provider.refresh_reuse is RefreshReuse.GRACE and in_grace and exemption is not Exemption.GRACE:
        return replace(record.with_due(renew_at=now + GRACE_RETRY), exemption=Exemption.GRACE)
    was_last = _was_last(record)
    record = replace(record.with_due(verify_at=None), parked_at=None)  # nothing is asked of a held one
    if was_last:
        return replace(
            record.with_due(renew_at=None), status=Status.HELD, reason=Reason.LAST_ATTEMPT_AMBIGUOUS, exemption=None
        )
    last = schedule.last_attempt_at(
        now=again, access_expires_at=record.access_expires_at, obtained_at=record.obtained_at
    )
    return replace(
        record.with_due(renew_at=last), status=Status.HELD, reason=Reason.AMBIGUOUS, exemption=Exemption.LAST_ATTEMPT
    )


def verified(record: Connection, *, provider: Provider, grant: Grant, now: int, cadence: Cadence) -> Connection:
    """Return the record after its access token was seen to work; one that was parked is active again."""
    # A token that is refreshed proves itself by that; only one that never is has to be verified for itself.
    again = None if provider.renews(grant) else schedule.verify_at(record.name, now=now, cadence=cadence)
    after = replace(record.with_due(verify_at=again), verified_at=now, failures=0, last_error=None)
    if not provider.renews(grant):
        after = replace(after.with_due(renew_at=None), status=Status.ACTIVE, reason="", attempt=None)
        after = replace(after, parked_at=None, faulted_at=None)
    return after


def unverified(record: Connection, failure: Failure, *, renews: bool, now: int, fraction: float) -> Connection:
    """Return the record after a verification that said nothing about the token: it is tried again later.

    `renews` says that the token can be refreshed, so that its next refresh stays due in any case.
    """
    again = schedule.retry_at(now=now, failures=record.failures, retry_after=failure.retry_after, fraction=fraction)
    after = with_failure(record, failure, now=now)
    if failure.kind is FailureClass.BUSY:
        after = after.with_due(ask_not_before=again)
    if record.status is Status.HELD and not renews:
        after = after.with_due(renew_at=again)  # parked, and asked once more since its app was resumed
    elif not renews:
        # A refresh that was asked for means this verification: it is due at one time alone.
        after = after.with_due(renew_at=None, verify_at=again)
    elif record.due.verify_at is not None:
        # It was for the account's facts alone: a provider that refuses them is not asked without end.
        is_final = failure.kind in (FailureClass.REFUSED, FailureClass.UNKNOWN)
        after = after.with_due(verify_at=None if is_final else again)
    return released(noted(after, f"verification.{failure.kind}", now=now, detail=failure.code))


def reconciled(record: Connection, *, now: int) -> Connection:
    """Return the record after its secret was held against its grant: only what its status allows stays due.

    The refresh token is presented of active and held connections, and of one whose access token has ended while it may
    still be renewed, by us alone; only an active one is verified.
    """
    presents = record.consumer.handed_over_at is None and schedule.is_renewed(record)
    return released(
        record.with_due(
            compare_at=still_to_come(record.due.compare_at, now),
            renew_at=record.due.renew_at if presents else None,
            verify_at=record.due.verify_at if record.status is Status.ACTIVE else None,
        )
    )


def undisturbed(record: Connection) -> Connection:
    """Return the record without the failures that were AWS's alone: those left no error."""
    return replace(record, failures=0 if record.last_error is None else record.failures)


def not_processed(record: Connection) -> Exemption:
    """Return the exemption of a token whose presentation used nothing up: the one that it was presented under."""
    under = record.attempt.exemption if record.attempt is not None else None
    return under or Exemption.NOT_PROCESSED


def still_to_come(at: int | None, now: int) -> int | None:
    """Return a due time that has not come, else None."""
    return None if schedule.is_due(at, now) else at
