"""The record of a connection: what the table holds in clear, the sealed grant beside it, and its last events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict, Unpack

from tokensync.domain.due_times import DueTimes

if TYPE_CHECKING:
    from tokensync.domain.due_times import DueTimesChange
    from tokensync.domain.export import Export
    from tokensync.domain.messages import Failure
    from tokensync.domain.names import ConnectionName

SCHEMA = 1
HISTORY_LENGTH = 50
# Why a secret could not be written.
UNAVAILABLE, QUOTA = "unavailable", "quota"
# Why an answer was set aside that its attempt still waits for; every other reason is final.
UNPLACED = frozenset({"unplaced", "superseded"})


class Status(StrEnum):
    """What the owner of a connection has to know about it."""

    ACTIVE = "active"
    HELD = "held"
    REAUTHORIZE = "reauthorize"
    DISCONNECTED = "disconnected"
    ORPHANED = "orphaned"
    QUARANTINED = "quarantined"


class Reason(StrEnum):
    """Why a connection is not active. An orphaned one has what AWS said instead."""

    AMBIGUOUS = "ambiguous"
    LAST_ATTEMPT_AMBIGUOUS = "last_attempt_ambiguous"
    REFUSED = "refused"
    CONFIGURATION = "configuration"
    OTHER_ACCOUNT = "other_account"
    DEAUTHORIZED = "deauthorized"
    REVOKED = "revoked"
    REMOVED = "removed"
    ENDED = "ended"
    OWNED_BY_CONSUMER = "owned_by_consumer"
    NOT_INVITED = "not_invited"
    RESTORED_TABLE = "restored_table"
    ENDPOINT_CHANGED = "endpoint_changed"


class Phase(StrEnum):
    """How far the attempt under way has come."""

    IDLE = "idle"
    SENT = "sent"
    RECEIVED = "received"


class Exemption(StrEnum):
    """Why a refresh token may be presented although an earlier presentation may have reached the provider."""

    SAFE = "safe"
    GRACE = "grace"
    LAST_ATTEMPT = "last_attempt"
    OPERATOR = "operator"
    PROBE = "probe"
    NOT_PROCESSED = "not_processed"


@dataclass(frozen=True)
class Attempt:
    """One presentation of a refresh token. `exemption` and `trial` are written before the request is sent.

    `at` is its time; within a grace the time of the first one, from which the grace counts. `fence` is the one under
    which its answer may be set aside, `earlier` those of presentations of the same token whose answers never came: they
    may still turn up. `trial` says that it went under a client secret that is not proven: its answer is about that
    secret alone.
    """

    id: str
    fence: int
    at: int
    exemption: Exemption | None = None
    trial: bool = False
    earlier: tuple[int, ...] = ()

    def placed(self, fence: int, *, under: int) -> Attempt:
        """Return the attempt whose answer, set aside under `fence`, the holder of the fence `under` gave its place."""
        others = (self.fence, *self.earlier)
        return replace(self, fence=under, earlier=tuple(other for other in others if other != fence))


@dataclass(frozen=True)
class Published:
    """What the connection's secret holds: the version that `publish` wrote last.

    `removed` says that we scheduled its deletion ourselves, so that a new authorization may restore it.
    """

    arn: str
    version_id: str
    generation: int
    status: Status
    at: int
    removed: bool = False
    owner: str = "tokensync"


@dataclass(frozen=True)
class LastError:
    """The last failure, as operators see it. `message` comes from the provider, cut and cleaned."""

    failure: str
    code: str
    message: str
    trace_id: str
    at: int

    @classmethod
    def of(cls, failure: Failure, *, at: int) -> LastError:
        """Return what operators see of a failure."""
        return cls(failure=failure.kind, code=failure.code, message=failure.message, trace_id=failure.trace_id, at=at)


@dataclass(frozen=True)
class HistoryEntry:
    """One past event of a connection, with its generation after it."""

    at: int
    event: str
    generation: int
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class AuthorizedBy:
    """The authorization that the grant came from: an older one, or the same one again, never replaces it.

    `deauthorized_at` is when the provider said that the account ended its authorization: the next holder concludes it.
    `missing_scopes` were asked for and not granted. `unproved` is true for what was imported and never refreshed here.
    """

    authorized_at: int | None = None
    authorized_by: str = ""
    deauthorized_at: int | None = None
    missing_scopes: tuple[str, ...] = ()
    unproved: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ConsumerCopy:
    """What a consumer was given.

    `pushed` is the generation that it got last, `push_failures` how often in a row that has failed since,
    `sealed_consumer` what it knows the connection by. `handed_over_at` is since when it owns the refreshing: nothing
    here presents the refresh token any more. `exported` is the last copy of the token that operators want to hear of
    when it is stale. `checked_at` is when the consumer was last asked whether it accepts what it has, and
    `check_failed` why it does not.
    """

    pushed: int = 0
    push_failures: int = 0
    handed_over_at: int | None = None
    sealed_consumer: bytes | None = None
    exported: Export | None = None
    checked_at: int | None = None
    check_failed: str | None = None


class _AuthorizedBy(TypedDict, total=False):
    authorized_at: int | None
    authorized_by: str
    deauthorized_at: int | None
    missing_scopes: tuple[str, ...]
    unproved: bool | None


class _ConsumerCopy(TypedDict, total=False):
    pushed: int
    push_failures: int
    handed_over_at: int | None
    sealed_consumer: bytes | None
    exported: Export | None
    checked_at: int | None
    check_failed: str | None


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One account that authorized one app. All times are Unix seconds.

    `attempt` is the last presentation of the grant's refresh token, None if it was never presented. As long as it is on
    the record, only a named `exemption` allows another.

    `unpublished` says why the last write of the secret failed, empty if it did not: until one succeeds, at
    `compare_at`, nothing is presented to the provider.

    `parked_at` is when its token was first refused since its last success, `faulted_at` when its app was first said to
    be at fault since then: both are weighed against the app's other connections. `verified_at` is when the access token
    was last seen to work. `removed_at` is when an operator removed the connection, and `ttl` when DynamoDB may delete
    what is left of it. `table` is the id of the restored table in which the record was compared with its secret, None
    in a table that was never restored. `alerted` holds the causes that operators were alerted of and that still last,
    see `tokensync.refresh.alerting`. `brought` says that the grant holds facts which no response says.
    """

    name: ConnectionName
    provider: str
    schema: int = SCHEMA
    status: Status = Status.ACTIVE
    reason: str = ""
    phase: Phase = Phase.IDLE
    fence: int = 0
    lease_until: int | None = None
    attempt: Attempt | None = None
    exemption: Exemption | None = None
    generation: int = 0
    allocated: int = 0
    sealed_grant: bytes | None = None
    sealed_answer: bytes | None = None
    published: Published | None = None
    unpublished: str = ""
    label: str = ""
    due: DueTimes = field(default_factory=DueTimes)
    authorized: AuthorizedBy = field(default_factory=AuthorizedBy)
    consumer: ConsumerCopy = field(default_factory=ConsumerCopy)
    obtained_at: int | None = None
    access_expires_at: int | None = None
    refresh_expires_at: int | None = None
    parked_at: int | None = None
    faulted_at: int | None = None
    verified_at: int | None = None
    removed_at: int | None = None
    ttl: int | None = None
    table: str | None = None
    failures: int = 0
    last_error: LastError | None = None
    alerted: tuple[str, ...] = ()
    brought: bool | None = None
    history: tuple[HistoryEntry, ...] = field(default=())

    def with_due(self, **times: Unpack[DueTimesChange]) -> Connection:
        """Return the record with other due times."""
        return replace(self, due=replace(self.due, **times))

    def with_authorized(self, **changes: Unpack[_AuthorizedBy]) -> Connection:
        """Return the record with another authorization."""
        return replace(self, authorized=replace(self.authorized, **changes))

    def with_consumer(self, **changes: Unpack[_ConsumerCopy]) -> Connection:
        """Return the record with another state of its consumer."""
        return replace(self, consumer=replace(self.consumer, **changes))

    @property
    def is_half_removed(self) -> bool:
        """Return whether a removal began and its process died before the end: its secret must not come back."""
        return self.status is Status.DISCONNECTED and self.reason == Reason.REMOVED and self.removed_at is None

    @property
    def owner(self) -> str:
        """Return who refreshes the token: tokensync, or the consumer that it was handed over to."""
        return "tokensync" if self.consumer.handed_over_at is None else "consumer"

    def waits_for_publishing(self) -> bool:
        """Return whether the grant's own token has to be published before anything new is presented."""
        if not self.publishing_is_due():
            return False
        published = self.published
        return bool(self.unpublished) or published is None or published.generation != self.generation

    def publishing_is_due(self) -> bool:
        """Return whether the secret differs from the grant as far as this record knows, or may since a write failed."""
        if self.status in (Status.QUARANTINED, Status.ORPHANED) or self.sealed_grant is None:
            return False
        if self.status is Status.DISCONNECTED and self.published is None:  # no workload ever read it
            return False
        if self.is_half_removed:
            return False
        if self.obtained_at is None:  # imported with a refresh token alone: there is no access token yet
            return False
        if self.unpublished or self.published is None or self.published.removed:
            return True
        written = (self.published.generation, self.published.status, self.published.owner)
        return written != (self.generation, self.status, self.owner)


def noted(record: Connection, event: str, *, now: int, detail: str = "") -> Connection:
    """Return the record with one more event, the oldest dropped beyond the last fifty."""
    entry = HistoryEntry(at=now, event=event, generation=record.generation, detail=detail)
    return replace(record, history=(*record.history, entry)[-HISTORY_LENGTH:])
