from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from field_rows import field
from tokensync.domain.connection import Attempt, Exemption, HistoryEntry, LastError, Phase, Reason, Status
from tokensync.domain.messages import AccountReply, Failure, FailureClass, Issued
from tokensync.domain.runtime import DAY, Cadence
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import RefreshReuse
from tokensync.providers import PROVIDERS
from tokensync.refresh.decisions import reauthorization_needed, unaccepted, unpublishable
from tokensync.refresh.merging import last_life, refreshed
from tokensync.refresh.schedule import jitter
from tokensync.refresh.transitions import failed, released, renewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.oauth.provider import Provider


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
def fails(record: Connection, provider: Provider, now: int) -> Callable[..., Connection]:
    """Return a function that fails the record's attempt in some way; every argument has its usual value."""

    def fails(
        kind: FailureClass,
        *,
        reuse: RefreshReuse = RefreshReuse.SINGLE_USE,
        grace: int = 0,
        exemption: Exemption | None = None,
        previous: Connection | None = None,
        retry_after: int | None = None,
        app_is_paused: bool = False,
        **changes: Any,
    ) -> Connection:
        assert record.attempt is not None
        return failed(
            replace(record, attempt=replace(record.attempt, exemption=exemption), **changes),
            Failure(kind=kind, code="code-1", message="message-1", trace_id="trace-1", retry_after=retry_after),
            previous=previous,
            provider=replace(provider, refresh_reuse=reuse, grace_seconds=grace),
            now=now,
            fraction=0.5,
            app_is_paused=app_is_paused,
        )

    return fails


def test_released_ends_the_attempt(record: Connection) -> None:
    """A released record is idle, unleased, holds no raw answer, and is due as its times say."""
    free = released(record.with_due(renew_at=9))

    assert (free.phase, free.lease_until, free.sealed_answer, free.due.next_at) == (Phase.IDLE, None, None, 9)


def test_a_refresh_brings_a_new_grant(grant: Grant, issued: Issued, now: int) -> None:
    """What the answer brings replaces all but an operator's label."""
    assert refreshed(grant, issued, now=now) == replace(
        grant,
        access_token=Secret("access-2"),
        refresh_token=Secret("refresh-2"),
        scopes=("read",),
        obtained_at=now,
        access_expires_at=now + 10_000,
        refresh_expires_at=now + 80 * DAY,
        account={"region": "GB", "seller_name": "Acme Ltd"},
    )
    assert refreshed(replace(grant, label=""), issued, now=now).label == "Acme Ltd"


IMPORTED = HistoryEntry(at=1, event="connection.imported", generation=0, detail="")
REFRESHED = HistoryEntry(at=2, event="token.refreshed", generation=1, detail="")


@field("A9")
@pytest.mark.parametrize(
    ("changes", "grants", "life"),
    [
        ({}, {}, 3600),
        ({"history": (IMPORTED, REFRESHED)}, {}, 3600),
        ({"history": (REFRESHED, IMPORTED)}, {}, None),
        ({"obtained_at": None}, {}, None),
        ({"access_expires_at": None}, {}, None),
        ({}, {"refresh_token": None}, None),
    ],
)
def test_the_life_that_the_last_token_was_given(
    record: Connection, grant: Grant, changes: dict[str, Any], grants: dict[str, Any], life: int | None
) -> None:
    """An imported one had run for a while, and what no refresh token brought may be another kind of token."""
    given = replace(record, **{"obtained_at": 1000, "access_expires_at": 4600, **changes})

    assert life == last_life(given, replace(grant, **{"refresh_token": Secret("refresh-1"), **grants}))


def test_a_silent_answer_keeps_what_was(grant: Grant, issued: Issued, now: int) -> None:
    """Where the answer has no refresh token, scopes, account or refresh expiry, the stored ones stay."""
    silent = replace(issued, refresh_token=None, scopes=None, refresh_expires_at=None, account=None)

    assert refreshed(grant, silent, now=now) == replace(
        grant, access_token=Secret("access-2"), obtained_at=now, access_expires_at=now + 10_000
    )


def test_only_a_token_that_can_be_refreshed_is_given_an_end(grant: Grant, issued: Issued, now: int) -> None:
    """Where an answer states none, an hour is assumed, so that it is refreshed; nothing else would end the other."""
    endless = replace(issued, refresh_token=None, access_expires_at=None)

    assert now + 3600 == refreshed(grant, endless, now=now).access_expires_at
    assert refreshed(replace(grant, refresh_token=None), endless, now=now).access_expires_at is None


@pytest.mark.parametrize(
    ("kind", "reuse", "exemption"),
    [
        (FailureClass.AMBIGUOUS, RefreshReuse.SAFE, Exemption.SAFE),
        (FailureClass.UNKNOWN, RefreshReuse.SAFE, Exemption.SAFE),
        (FailureClass.AMBIGUOUS, RefreshReuse.SINGLE_USE, None),
        (FailureClass.UNKNOWN, RefreshReuse.GRACE, None),
        (FailureClass.BUSY, RefreshReuse.SINGLE_USE, Exemption.NOT_PROCESSED),
        (FailureClass.CONFIGURATION, RefreshReuse.SINGLE_USE, Exemption.OPERATOR),
        (FailureClass.REFUSED, RefreshReuse.SAFE, None),
    ],
)
def test_what_the_next_acceptance_may_present(
    record: Connection, provider: Provider, *, kind: FailureClass, reuse: RefreshReuse, exemption: Exemption | None
) -> None:
    """A quarantined connection whose acceptance failed stays so; its exemption says what may be presented again."""
    quarantined = replace(record, status=Status.QUARANTINED, reason=Reason.NOT_INVITED)
    after = unaccepted(
        quarantined,
        Failure(kind=kind, code="code-1"),
        previous=None,
        provider=replace(provider, refresh_reuse=reuse, grace_seconds=60),
        now=NOW,
        fraction=0.5,
    )

    assert (Status.QUARANTINED, exemption, None) == (after.status, after.exemption, after.due.renew_at)


def test_no_scopes_granted_is_an_answer(grant: Grant, issued: Issued, now: int) -> None:
    """An empty list of scopes replaces the stored one: it was said, and not left out."""
    assert refreshed(grant, replace(issued, scopes=()), now=now).scopes == ()


def test_an_unusable_access_token_is_never_merged(grant: Grant, issued: Issued, now: int) -> None:
    """Merging an answer without an access token is a mistake of the program."""
    with pytest.raises(ValueError, match="never merged"):
        refreshed(grant, replace(issued, access_token=None), now=now)


def renew(record: Connection, grant: Grant, issued: Issued, now: int) -> Connection:
    """Return the record with a new grant of TikTok Shop."""
    shop = PROVIDERS["tiktok_shop"]
    return renewed(record, grant, issued, provider=shop, sealed=b"new grant", now=now, cadence=Cadence())


def test_a_renewed_record_holds_the_new_pair(record: Connection, grant: Grant, issued: Issued, now: int) -> None:
    """The record takes the allocated number, the sealed grant and its times, and forgets attempt and failures."""
    held = replace(record, status=Status.HELD, reason=Reason.AMBIGUOUS, failures=4, exemption=Exemption.LAST_ATTEMPT)
    after = renew(held, refreshed(grant, issued, now=now), issued, now)

    assert (after.status, after.reason, after.generation, after.sealed_grant) == (Status.ACTIVE, "", 4, b"new grant")
    assert (after.attempt, after.exemption, after.failures, after.last_error) == (None, None, 0, None)
    assert (after.access_expires_at, after.refresh_expires_at) == (now + 10_000, now + 80 * DAY)
    assert after.due.renew_at == now + int(10_000 * (0.6 + 0.1 * jitter(record.name)))
    assert after.due.warn_at == now + 50 * DAY
    assert after.due.next_at == after.due.refresh_at == after.due.renew_at
    assert (after.phase, after.lease_until, after.sealed_answer) == (Phase.IDLE, None, None)
    assert after.history[-1] == HistoryEntry(at=now, event="token.refreshed", generation=4, detail="trace-1")


def test_what_cannot_be_refreshed_is_not_scheduled(record: Connection, grant: Grant, issued: Issued, now: int) -> None:
    """Without a refresh token nothing is due but the warnings and the access token's end."""
    due = renew(record, replace(grant, refresh_token=None), issued, now).due

    assert (None, now + 7200) == (due.renew_at, due.next_at)


@pytest.mark.parametrize("kind", FailureClass)
def test_every_failure_is_kept_and_counted(fails: Callable[..., Connection], now: int, kind: FailureClass) -> None:
    """Every class of failure leaves its error, its count and its event on a released record of the same pair."""
    after = fails(kind)

    assert after.last_error == LastError(failure=kind, code="code-1", message="message-1", trace_id="trace-1", at=now)
    assert (after.failures, after.generation, after.sealed_grant) == (1, 3, b"sealed grant")
    assert (after.phase, after.lease_until, after.sealed_answer) == (Phase.IDLE, None, None)
    assert (after.history[-1].at, after.history[-1].detail) == (now, "code-1")
    assert after.history[-1].event.startswith("refresh.")


@pytest.mark.parametrize("attempt", [None, Attempt(id="attempt-0", fence=6, at=1)], ids=["none", "an earlier one"])
def test_not_sent_takes_its_own_mark_back(
    fails: Callable[..., Connection], record: Connection, now: int, attempt: Attempt | None
) -> None:
    """Where no byte left, all is as before the attempt, an earlier one included; it comes again in half a minute."""
    after = fails(FailureClass.NOT_SENT, previous=replace(record, attempt=attempt, exemption=Exemption.GRACE))

    assert (after.attempt, after.exemption, after.status) == (attempt, Exemption.GRACE, Status.ACTIVE)
    assert after.due.renew_at == after.due.next_at == now + 30


BUSY, CONFIGURATION, REFUSED, AMBIGUOUS, UNKNOWN = (
    FailureClass.BUSY,
    FailureClass.CONFIGURATION,
    FailureClass.REFUSED,
    FailureClass.AMBIGUOUS,
    FailureClass.UNKNOWN,
)
NOW = 1_700_000_000  # of the fixtures
SAFE, GRACE, SINGLE_USE = RefreshReuse.SAFE, RefreshReuse.GRACE, RefreshReuse.SINGLE_USE
SAID_BEFORE: dict[str, Any] = {"faulted_at": 1}
PARKED: dict[str, Any] = {"status": Status.HELD, "reason": Reason.REFUSED, "exemption": None}
LAST = (Status.HELD, Reason.AMBIGUOUS, Exemption.LAST_ATTEMPT, 7200 - 1800)
RESTS = (Status.HELD, Reason.LAST_ATTEMPT_AMBIGUOUS, None, None)
AGAIN = (Status.ACTIVE, "", Exemption.NOT_PROCESSED, 30)


@pytest.mark.parametrize(
    ("kinds", "circumstances", "expected"),
    [
        ([BUSY], {"retry_after": 600}, (Status.ACTIVE, "", Exemption.NOT_PROCESSED, 600)),
        ([CONFIGURATION], {}, (Status.ACTIVE, "", Exemption.NOT_PROCESSED, 120)),
        (
            [CONFIGURATION],
            SAID_BEFORE,
            (Status.HELD, Reason.CONFIGURATION, Exemption.NOT_PROCESSED, 120),
        ),
        (
            [CONFIGURATION],
            {**SAID_BEFORE, "exemption": Exemption.PROBE},
            (Status.HELD, Reason.CONFIGURATION, Exemption.PROBE, 120),
        ),
        (
            [CONFIGURATION],
            {**SAID_BEFORE, "app_is_paused": True},
            (Status.ACTIVE, "", Exemption.NOT_PROCESSED, 120),
        ),
        (
            [CONFIGURATION],
            {**SAID_BEFORE, **PARKED},
            (Status.HELD, Reason.REFUSED, Exemption.NOT_PROCESSED, 120),
        ),
        ([REFUSED], {}, (Status.HELD, Reason.REFUSED, None, 90)),
        ([AMBIGUOUS, UNKNOWN], {"reuse": SAFE}, (Status.ACTIVE, "", Exemption.SAFE, 30)),
        ([AMBIGUOUS], {"reuse": GRACE, "grace": 60}, (Status.ACTIVE, "", Exemption.GRACE, 1)),
        ([AMBIGUOUS], {"reuse": SINGLE_USE}, LAST),
        ([AMBIGUOUS], {"reuse": SINGLE_USE, "exemption": Exemption.NOT_PROCESSED}, LAST),
        ([AMBIGUOUS], {"reuse": GRACE, "grace": 5}, LAST),
        ([AMBIGUOUS], {"reuse": SINGLE_USE, "grace": 60}, LAST),
        ([UNKNOWN], {"reuse": GRACE, "grace": 60}, AGAIN),
        ([UNKNOWN], {"reuse": SINGLE_USE}, AGAIN),
        ([UNKNOWN], {"reuse": SINGLE_USE, "exemption": Exemption.NOT_PROCESSED}, AGAIN),
        ([UNKNOWN], {"failures": 20}, (Status.ACTIVE, "", Exemption.NOT_PROCESSED, 3600)),
        (
            [UNKNOWN],
            {"failures": 20, "access_expires_at": NOW + 300},
            (Status.ACTIVE, "", Exemption.NOT_PROCESSED, 150),
        ),
        ([UNKNOWN], {"access_expires_at": NOW + 30}, (Status.ACTIVE, "", Exemption.NOT_PROCESSED, None)),
        ([UNKNOWN], {"obtained_at": None, "access_expires_at": None}, AGAIN),
        ([AMBIGUOUS, UNKNOWN], {"reuse": GRACE, "grace": 60, "exemption": Exemption.GRACE}, LAST),
        ([AMBIGUOUS], {"access_expires_at": 1}, (Status.HELD, Reason.AMBIGUOUS, Exemption.LAST_ATTEMPT, 30)),
        ([AMBIGUOUS, UNKNOWN], {"exemption": Exemption.LAST_ATTEMPT, "status": Status.HELD}, RESTS),
        ([AMBIGUOUS, UNKNOWN], {"exemption": Exemption.OPERATOR, "status": Status.HELD}, RESTS),
    ],
    ids=[
        "busy waits as asked",
        "the app may be at fault: the connection stays as it is until that is said again",
        "said again, the connection is held for it",
        "said again, under the exemption that it had",
        "said in a paused app, it is the app's",
        "said to a parked one, which stays so",
        "a refusal parks until the app's others have spoken",
        "tokens do not rotate: any holder may ask again",
        "within the grace: once more, at once",
        "single use: one last attempt before the access token's end",
        "not processed before",
        "the grace is over",
        "seconds of a grace that nobody declared",
        "an explicit error issued nothing, within a grace either",
        "nor where a token works once",
        "nor the second time",
        "its retries become rare",
        "its last retries come shortly before the end",
        "after the end there is none",
        "before the first token it is tried without end",
        "the grace is used up",
        "the access token has ended: never sooner than a retry",
        "the last attempt got no answer: nothing more is tried",
        "an operator's attempt got no answer",
    ],
)
def test_what_becomes_of_a_failed_attempt(
    fails: Callable[..., Connection],
    now: int,
    kinds: list[FailureClass],
    circumstances: dict[str, Any],
    expected: tuple[Status, str, Exemption | None, int | None],
) -> None:
    """Status, reason, what the token may be presented again for, and the wait until then."""
    status, reason, exemption, wait = expected
    for kind in kinds:
        after = fails(kind, **circumstances)
        assert (status, reason, exemption) == (after.status, after.reason, after.exemption), kind
        assert (None if wait is None else now + wait) == after.due.renew_at, kind
        assert after.due.next_at == min(at for at in (after.due.renew_at, after.access_expires_at) if at is not None)


def test_a_standing_refusal_asks_the_seller(record: Connection, now: int) -> None:
    """Only a final refusal makes a connection wait for its seller, with nothing left to be done."""
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


def test_a_refusal_is_parked_from_the_first_on(fails: Callable[..., Connection], now: int) -> None:
    """Asked again and refused again, it counts from its first refusal; a fault of its app is none."""
    assert now == fails(REFUSED).parked_at
    assert 7 == fails(REFUSED, parked_at=7, **PARKED).parked_at
    assert now == fails(REFUSED, parked_at=7).parked_at
