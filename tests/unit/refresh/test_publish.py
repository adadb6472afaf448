from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakes import FakeClock, InMemoryTokenSecrets
from fakes.records import changed
from fault_rows import fault
from tokensync.domain.connection import Connection, Published, Status
from tokensync.domain.errors import PublishUnavailable, SecretGone, SecretNotOurs
from tokensync.domain.names import ConnectionName
from tokensync.refresh.publish import Publisher, version_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.grant import Grant

NAME = ConnectionName("shop", "account-1")


@pytest.fixture
def secrets() -> InMemoryTokenSecrets:
    """Return an empty Secrets Manager."""
    return InMemoryTokenSecrets()


@pytest.fixture
def publisher(secrets: InMemoryTokenSecrets, now: int) -> Publisher:
    """Return a publisher to it."""
    return Publisher(secrets, FakeClock(now))


def test_every_publication_has_a_version_of_its_own() -> None:
    """Another connection, generation or fence makes another UUID, the same one makes the same."""
    publications = [(NAME, 1, 11), (NAME, 11, 1), (NAME, 1, 1), (ConnectionName("shop", "account-1|1"), 1, 1)]
    publications.append((ConnectionName("shop-2", "account-1"), 1, 1))
    twice = [[version_id(name, generation=g, fence=f) for name, g, f in publications] for _ in range(2)]

    assert twice[0] == twice[1] == [str(uuid.UUID(token)) for token in twice[0]]
    assert len(publications) == len(set(twice[0]))


@fault("F4")
def test_each_publication_is_a_version_of_one_secret(
    record: Connection, grant: Grant, secrets: InMemoryTokenSecrets, publisher: Publisher, now: int
) -> None:
    """The first creates the secret, the same holder's second write changes nothing, a new generation is the current."""
    first = publisher.publish(record, grant)
    stored = secrets.document(NAME)

    assert stored is not None
    assert stored["access_token"] == "canary-access"
    assert first == Published(
        arn=secrets.secret(NAME).arn,
        version_id=version_id(NAME, generation=3, fence=7),
        generation=3,
        status=Status.ACTIVE,
        at=now,
    )
    assert publisher.publish(record, grant) == first
    assert len(secrets.secret(NAME).versions) == 1
    second = publisher.publish(replace(record, generation=4, fence=8, published=first), grant)
    assert second.arn == first.arn
    assert (secrets.secret(NAME).current, secrets.secret(NAME).previous) == (second.version_id, first.version_id)


def test_a_foreign_secret_is_not_overwritten(
    record: Connection, grant: Grant, secrets: InMemoryTokenSecrets, publisher: Publisher
) -> None:
    """A secret of that name that somebody else made stays as it was."""
    secrets.plant(NAME, '{"theirs": true}')

    with pytest.raises(SecretNotOurs):
        publisher.publish(record, grant)
    assert secrets.document(NAME) == {"theirs": True}


@pytest.mark.parametrize("gone", [InMemoryTokenSecrets.schedule_deletion, InMemoryTokenSecrets.destroy])
def test_a_deleted_secret_is_not_recreated(
    record: Connection,
    grant: Grant,
    secrets: InMemoryTokenSecrets,
    publisher: Publisher,
    gone: Callable[[InMemoryTokenSecrets, str], object],
) -> None:
    """A secret that was published once and is gone now is never restored or created anew in silence."""
    published = replace(record, published=publisher.publish(record, grant), fence=8)
    gone(secrets, secrets.secret(NAME).arn)

    with pytest.raises(SecretGone):
        publisher.publish(published, grant)
    with pytest.raises(SecretGone):
        publisher.is_current(published)
    assert secrets.document(NAME) is None


@pytest.mark.parametrize("is_gone", [False, True], ids=["in its recovery window", "gone for good"])
def test_what_we_deleted_ourselves_comes_back(
    record: Connection, grant: Grant, secrets: InMemoryTokenSecrets, publisher: Publisher, *, is_gone: bool
) -> None:
    """A secret that was removed by an operator's word is restored and written, or made anew; then it is as any."""
    published = publisher.publish(record, grant)
    secrets.delete(published.arn, days=7)
    if is_gone:
        secrets.destroy(published.arn)
    again = publisher.publish(replace(record, published=replace(published, removed=True), fence=8), grant)

    assert (is_gone, False) == (again.arn != published.arn, again.removed)
    assert secrets.document(NAME) is not None


def test_throttling_is_told(record: Connection, grant: Grant, secrets: InMemoryTokenSecrets) -> None:
    """A write that Secrets Manager did not take is an error to come back to."""
    secrets.fail_next("create", PublishUnavailable)

    with pytest.raises(PublishUnavailable):
        Publisher(secrets, FakeClock()).publish(record, grant)


def test_a_secret_is_current_while_its_version_is(record: Connection, grant: Grant, publisher: Publisher) -> None:
    """Somebody else's later version makes the comparison fail; a connection never published is not current."""
    published = replace(record, published=publisher.publish(record, grant))

    assert publisher.is_current(published)
    assert not publisher.is_current(record)
    publisher.publish(replace(published, fence=9), grant)
    assert not publisher.is_current(published)


PUBLISHED = Published(arn="arn", version_id="v", generation=3, status=Status.ACTIVE, at=1)


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({"published": PUBLISHED}, False),
        ({"published": None}, True),
        ({"published": replace(PUBLISHED, generation=2)}, True),
        ({"published": PUBLISHED, "status": Status.HELD}, True),
        ({"published": replace(PUBLISHED, status=Status.HELD), "status": Status.HELD}, False),
        ({"published": None, "status": Status.QUARANTINED}, False),
        ({"published": replace(PUBLISHED, generation=2), "status": Status.ORPHANED}, False),
        ({"published": None, "sealed_grant": None}, False),
        ({"published": None, "status": Status.DISCONNECTED}, False),
        ({"published": PUBLISHED, "status": Status.DISCONNECTED}, True),
    ],
)
def test_publishing_is_due_where_secret_and_grant_differ(
    record: Connection, changes: dict[str, object], due: object
) -> None:
    """A difference is to be published, but never for what is set apart, and no new secret for what has ended."""
    assert changed(record, **changes).publishing_is_due() is due


def test_a_raised_number_makes_no_comparison_endless(
    record: Connection, grant: Grant, secrets: InMemoryTokenSecrets, publisher: Publisher
) -> None:
    """A restored table raised the numbers to the time of day: an edit by hand is still told from a later holder."""
    raised = replace(record, fence=1_700_000_000, allocated=1_700_000_000)
    raised = replace(raised, published=publisher.publish(raised, grant))
    arn = raised.published.arn  # type: ignore[union-attr]
    secrets.put(arn, "{}", token="00000000-0000-4000-8000-000000000001")
    assert not publisher.is_overtaken(raised)

    secrets.put(arn, "{}", token=version_id(record.name, generation=raised.allocated + 1, fence=raised.fence + 2))
    assert publisher.is_overtaken(raised)
