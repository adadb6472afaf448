from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tokensync.domain.connection import Attempt, Exemption, HistoryEntry, LastError, Phase, Reason, Status
from tokensync.domain.messages import AccountReply, Failure, FailureClass, Issued
from tokensync.domain.runtime import DAY, Cadence
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import RefreshReuse
from tokensync.providers import PROVIDERS
from tokensync.refresh import breaker
from tokensync.refresh.breaker import BREAKER_WINDOW
from tokensync.refresh.decisions import reauthorization_needed, unpublishable
from tokensync.refresh.schedule import PAUSED_RECHECK, jitter
from tokensync.refresh.transitions import failed, merged, released, renewed

if TYPE_CHECKING:
    from typing import Any

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.oauth.provider import Provider

UNSURE = [FailureClass.AMBIGUOUS, FailureClass.UNKNOWN]


@pytest.fixture
def issued(now: int) -> Issued:
    """Return an answer that brings all there can be."""
    return Issued(
        access_token=Secret("access-2"),
        refresh_token=Secret("refresh-2"),
        token_type="Bearer",
        scopes=("read",),
        access_expires_at=now + 10_000,
        refresh_expires_at=now + 80 * DAY,
        life=10_000,
        account=AccountReply(id="account-1", label="Acme Ltd", facts={"seller_name": "Acme Ltd"}),
        trace_id="trace-1",
    )


@pytest.fixture
def tried(record: Connection, provider: Provider, now: int) -> Trial:
    """Return a function that fails the record in some way."""
    return Trial(record, provider, now)


class Trial:
    """Fails one attempt; every argument has the usual value as its default."""

    def __init__(self, record: Connection, provider: Provider, now: int) -> None:
        self.record = record
        self.provider = provider
        self.now = now

    def fails(
        self,
        kind: FailureClass,
        *,
        reuse: RefreshReuse = RefreshReuse.SINGLE_USE,
        grace: int = 0,
        exemption: Exemption | None = None,
        previous: Connection | None = None,
        retry_after: int | None = None,
    ) -> Connection:
        """Return the record after a failure."""
        attempt = self.record.attempt
        assert attempt is not None
        return failed(
            replace(self.record, attempt=replace(attempt, exemption=exemption)),
            Failure(kind=kind, code="code-1", message="message-1", trace_id="trace-1", retry_after=retry_after),
            previous=previous,
            provider=replace(self.provider, refresh_reuse=reuse, grace_seconds=grace),
            now=self.now,
            fraction=0.5,
        )


def test_released_ends_the_attempt(record: Connection) -> None:
    """A released record is idle, unleased, holds no raw answer, and is due as its times say."""
    free = released(record.with_due(renew_at=9))

    assert (free.phase, free.lease_until, free.sealed_answer, free.due.next_at) == (Phase.IDLE, None, None, 9)


def test_a_refresh_brings_a_new_grant(grant: Grant, issued: Issued, now: int) -> None:
    """What the answer brings replaces what stood."""
    new = merged(grant, issued, now=now)

    assert new.access_token == Secret("access-2")
    assert new.refresh_token == Secret("refresh-2")
    assert new.scopes == ("read",)
    assert (new.obtained_at, new.access_expires_at, new.refresh_expires_at) == (now, now + 10_000, now + 80 * DAY)
    assert new.account == {"region": "GB", "seller_name": "Acme Ltd"}


def test_a_silent_answer_keeps_what_stood(grant: Grant, issued: Issued, now: int) -> None:
    """Where the answer has no refresh token, scopes, account or refresh expiry, the stored ones stand."""
    silent = replace(issued, refresh_token=None, scopes=None, refresh_expires_at=None, account=None)

    new = merged(grant, silent, now=now)

    assert new.refresh_token == grant.refresh_token
    assert new.scopes == grant.scopes
    assert new.refresh_expires_at == grant.refresh_expires_at
    assert new.account == grant.account
    assert new.label == grant.label


def test_an_operators_label_stands(grant: Grant, issued: Issued, now: int) -> None:
    """The label of the invite is not replaced by the provider's name for the account."""
    assert merged(grant, issued, now=now).label == "Acme GmbH"
    assert merged(replace(grant, label=""), issued, now=now).label == "Acme Ltd"


def test_no_scopes_granted_is_an_answer(grant: Grant, issued: Issued, now: int) -> None:
    """An empty list of scopes replaces what stood: it was told, and not left out."""
    assert merged(grant, replace(issued, scopes=()), now=now).scopes == ()


def test_an_unusable_access_token_is_never_merged(grant: Grant, issued: Issued, now: int) -> None:
    """Merging an answer without an access token is a mistake of the program."""
    with pytest.raises(ValueError, match="never merged"):
        merged(grant, replace(issued, access_token=None), now=now)


def test_a_renewed_record_holds_the_new_pair(record: Connection, grant: Grant, issued: Issued, now: int) -> None:
    """The record takes the allocated number, the sealed grant and its times, and forgets attempt and failures."""
    held = replace(record, status=Status.HELD, reason=Reason.AMBIGUOUS, failures=4, exemption=Exemption.LAST_ATTEMPT)
    new = merged(grant, issued, now=now)

    after = renewed(
        held, new, issued, provider=PROVIDERS["tiktok_shop"], sealed=b"new grant", now=now, cadence=Cadence()
    )

    assert (after.status, after.reason, after.generation, after.sealed_grant) == (Status.ACTIVE, "", 4, b"new grant")
    assert (after.attempt, after.exemption, after.failures, after.last_error) == (None, None, 0, None)
    assert (after.access_expires_at, after.refresh_expires_at) == (now + 10_000, now + 80 * DAY)
    assert after.due.renew_at == now + int(10_000 * (0.6 + 0.1 * jitter(record.name)))
    assert after.due.warn_at == now + 50 * DAY
    assert after.due.next_at == after.due.refresh_at == after.due.renew_at
    assert (after.phase, after.lease_until, after.sealed_answer) == (Phase.IDLE, None, None)
    assert after.history[-1] == HistoryEntry(at=now, event="token.refreshed", generation=4, detail="trace-1")


def test_what_cannot_be_refreshed_is_not_scheduled(record: Connection, grant: Grant, issued: Issued, now: int) -> None:
    """Without a refresh token nothing is due but the warnings."""
    after = renewed(
        record,
        replace(grant, refresh_token=None),
        issued,
        provider=PROVIDERS["tiktok_shop"],
        sealed=b"new grant",
        now=now,
        cadence=Cadence(),
    )

    assert after.due.renew_at is None
    assert after.due.next_at == after.due.warn_at


@pytest.mark.parametrize("kind", FailureClass)
def test_every_failure_is_told_and_counted(tried: Trial, now: int, kind: FailureClass) -> None:
    """Every class of failure leaves its error, its count and its event on a released record of the same pair."""
    after = tried.fails(kind)

    assert after.last_error == LastError(failure=kind, code="code-1", message="message-1", trace_id="trace-1", at=now)
    assert after.failures == 1
    assert (after.phase, after.lease_until, after.sealed_answer) == (Phase.IDLE, None, None)
    assert (after.generation, after.sealed_grant) == (3, b"sealed grant")
    assert (after.history[-1].at, after.history[-1].detail) == (now, "code-1")
    assert after.history[-1].event.startswith("refresh.")
    assert after.status in (Status.ACTIVE, Status.HELD)


def test_not_sent_takes_the_mark_back(tried: Trial, record: Connection, now: int) -> None:
    """Where no byte left, the attempt is as if it had not been, and comes again in half a minute."""
    before = replace(record, attempt=None, exemption=Exemption.GRACE)

    after = tried.fails(FailureClass.NOT_SENT, previous=before)

    assert (after.attempt, after.exemption, after.status) == (None, Exemption.GRACE, Status.ACTIVE)
    assert after.due.renew_at == after.due.next_at == now + 30


def test_not_sent_takes_back_only_its_own_mark(tried: Trial, record: Connection) -> None:
    """An earlier presentation of the same token stays on the record."""
    earlier = Attempt(id="attempt-0", fence=6, at=1)

    assert tried.fails(FailureClass.NOT_SENT, previous=replace(record, attempt=earlier)).attempt == earlier


def test_busy_waits_as_asked(tried: Trial, now: int) -> None:
    """After a 429 or 503 the same token may be presented again, no sooner than asked for."""
    after = tried.fails(FailureClass.BUSY, retry_after=600)

    assert (after.status, after.exemption, after.due.renew_at) == (Status.ACTIVE, Exemption.NOT_PROCESSED, now + 600)


def test_configuration_changes_no_status(tried: Trial, now: int) -> None:
    """The app is at fault: the connection stays active and is looked at again later."""
    after = tried.fails(FailureClass.CONFIGURATION)

    assert (after.status, after.exemption, after.due.renew_at) == (
        Status.ACTIVE,
        Exemption.OPERATOR,
        now + PAUSED_RECHECK,
    )


def test_a_refusal_parks(tried: Trial, now: int) -> None:
    """A refused connection is held until the breaker's window is over, and may not present its token."""
    after = tried.fails(FailureClass.REFUSED)

    assert (after.status, after.reason, after.exemption) == (Status.HELD, Reason.REFUSED, None)
    assert after.due.renew_at == now + BREAKER_WINDOW + 1


@pytest.mark.parametrize("kind", UNSURE)
def test_unsure_with_safe_tokens_asks_again(tried: Trial, now: int, kind: FailureClass) -> None:
    """Where tokens do not rotate, any holder may ask again."""
    after = tried.fails(kind, reuse=RefreshReuse.SAFE)

    assert (after.status, after.exemption, after.due.renew_at) == (Status.ACTIVE, Exemption.SAFE, now + 30)


@pytest.mark.parametrize("kind", UNSURE)
def test_unsure_within_the_grace_asks_once_more(tried: Trial, now: int, kind: FailureClass) -> None:
    """Within the declared seconds of the presentation the same token is presented once more, at once."""
    after = tried.fails(kind, reuse=RefreshReuse.GRACE, grace=60)

    assert (after.status, after.exemption, after.due.renew_at) == (Status.ACTIVE, Exemption.GRACE, now + 1)


@pytest.mark.parametrize("kind", UNSURE)
@pytest.mark.parametrize(
    "circumstances",
    [
        {"reuse": RefreshReuse.SINGLE_USE},
        {"reuse": RefreshReuse.SINGLE_USE, "exemption": Exemption.NOT_PROCESSED},
        {"reuse": RefreshReuse.GRACE, "grace": 5},
        {"reuse": RefreshReuse.GRACE, "grace": 60, "exemption": Exemption.GRACE},
    ],
    ids=["single use", "not processed before", "grace over", "grace used up"],
)
def test_unsure_otherwise_is_held_for_one_last_attempt(
    tried: Trial, now: int, kind: FailureClass, circumstances: dict[str, Any]
) -> None:
    """A token that may be spent is kept while the access token lives, and presented once more before its end."""
    after = tried.fails(kind, **circumstances)

    assert (after.status, after.reason) == (Status.HELD, Reason.AMBIGUOUS)
    assert after.exemption is Exemption.LAST_ATTEMPT
    assert after.due.renew_at == now + 7200 - 1800


def test_the_last_attempt_is_never_sooner_than_a_retry(tried: Trial, now: int) -> None:
    """With an access token that has ended, the last attempt still waits as a retry does."""
    tried.record = replace(tried.record, access_expires_at=now - 1)

    assert tried.fails(FailureClass.AMBIGUOUS).due.renew_at == now + 30


@pytest.mark.parametrize("kind", UNSURE)
@pytest.mark.parametrize("exemption", [Exemption.LAST_ATTEMPT, Exemption.OPERATOR])
def test_unsure_after_the_last_attempt_rests(tried: Trial, kind: FailureClass, exemption: Exemption) -> None:
    """When the last attempt gets no answer either, nothing more is tried by itself, and no seller is asked."""
    tried.record = replace(tried.record, status=Status.HELD)
    after = tried.fails(kind, exemption=exemption)

    assert (after.status, after.reason) == (Status.HELD, Reason.LAST_ATTEMPT_AMBIGUOUS)
    assert (after.exemption, after.due.renew_at, after.due.next_at) == (None, None, None)


def test_a_standing_refusal_asks_the_seller(record: Connection, now: int) -> None:
    """Only a refusal that stands makes a connection wait for its seller, with nothing left to be done."""
    after = reauthorization_needed(replace(record.with_due(renew_at=5, warn_at=6), status=Status.HELD), now=now)

    assert (after.status, after.reason, after.due.next_at) == (Status.REAUTHORIZE, Reason.REFUSED, None)
    assert after.history[-1].event == "connection.reauthorization_needed"
    assert after.sealed_grant == b"sealed grant"


def test_an_unpublishable_connection_keeps_its_grant(record: Connection, now: int) -> None:
    """A connection whose secret is gone keeps its grant and is not scheduled."""
    after = unpublishable(record.with_due(renew_at=5, compare_at=6, warn_at=7), reason="gone", now=now)

    assert (after.status, after.reason, after.due.next_at) == (Status.ORPHANED, "gone", None)
    assert after.sealed_grant == b"sealed grant"
    assert after.history[-1] == HistoryEntry(at=now, event="connection.orphaned", generation=3, detail="gone")


@pytest.mark.parametrize(
    ("tried", "refused", "trips"),
    [(20, 11, True), (20, 10, False), (19, 19, False), (0, 0, False), (1000, 501, True), (1000, 500, False)],
)
def test_the_breaker_trips_when_most_are_refused(tried: int, refused: int, trips: bool) -> None:  # noqa: FBT001 - a parameter of the table above
    """It trips at 20 tried or more of which more than half were refused."""
    assert breaker.trips(tried=tried, refused=refused) is trips
