"""What the use cases need from the world. `tokensync.aws` implements it; tests hold in-memory twins to the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tokensync.domain.destinations import Destinations
from tokensync.domain.runtime import Cadence, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tokensync.domain.apps import Apps
    from tokensync.domain.authorization import Authorization, AuthorizationKey
    from tokensync.domain.connection import Connection
    from tokensync.domain.export import Export
    from tokensync.domain.invite_use import InviteUse
    from tokensync.domain.messages import ClearedRequest, ProviderResponse
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.runtime import Alerts, Clock, Failpoints, Log, Randomness
    from tokensync.domain.sealing import Sealer
    from tokensync.domain.work import AnswerAside, DeadLetter, DueKey, Work


class Connections(Protocol):
    """The connections' records. Every method but `get`, `list` and the due index's is one conditional write.

    Each method may raise StoreUnavailable. Each that writes to a record may raise NewerSchema, if its schema is newer
    than ours; `lease`, `request_refresh` and each `note_` method raise UnknownConnection if there is no such record.
    Nothing was written then.
    """

    def get(self, name: ConnectionName) -> Connection | None:
        """Return the record, strongly consistent, or None."""

    def list(self, app: str) -> Iterator[Connection]:
        """Yield every connection of an app, in order of account."""

    def lease(self, name: ConnectionName, *, now: int, until: int, even_if_not_due: bool = False) -> Connection:
        """Take the lease: fence + 1, `lease_until` = `until`, if `refresh_at` <= now and no lease is running.

        A lease runs while `lease_until` >= now.

        Raises:
            NotLeased: not due, or leased by another.
        """

    def write(self, before: Connection, after: Connection) -> Connection:
        """Write what differs between the two, on condition that the fence is still `before.fence`.

        Fields unknown to this version are left as they are. The due index follows `after.due.next_at`: without one the
        record leaves the index.

        Raises:
            FenceLost: another holder has a newer fence, or the record is gone.
        """

    def take_over(
        self, grant_holder: Connection, *, until: int, over: int | None = None, floor: int = 0
    ) -> tuple[Connection, Connection | None]:
        """Give an account a new grant, although another may hold the lease: fence + 1, allocated + 1 = generation.

        Numbers that would be below `floor` become `floor`: a restored table does not know which were used.

        Creates the record if there is none. `grant_holder` brings provider, status, label, sealed grant, times and one
        history entry, which is appended to the history. Phase becomes idle, the lease is ours until `until`, and a
        comparison is due when the earlier lease would have ended. A removed record gives way to any authorization that
        came later. `over` is the fence of the one record that may give way, 0 if there may be none yet; None leaves it
        to the authorizations.

        Returns:
            The record as written, and as it was before, or None if there was none.

        Raises:
            FenceLost: the record's grant came from the same authorization or a later one, or the record is not the one
                that `over` names.
        """

    def replace_consumer(self, name: ConnectionName, *, seen: bytes, sealed: bytes | None) -> bool:
        """Replace `sealed_consumer` if it still is `seen`, although another may hold the lease; return whether it was.

        It belongs to no grant: a take-over leaves it, so the answer to a request made under a lost fence still counts.
        """

    def note_exported(self, name: ConnectionName, exported: Export) -> bool:
        """Note a copy of the token, although another may hold the lease, if the generation still is the copy's.

        It belongs to no grant: a take-over leaves it. Returns whether it was noted.
        """

    def request_refresh(self, name: ConnectionName, *, generation: int, now: int) -> bool:
        """Make the token's refresh due now, if its generation is `generation` and `not_before` has passed; or False."""

    def note_deauthorized(self, name: ConnectionName, *, at: int, now: int) -> bool:
        """Mark that the account ended its authorization at `at`, due now; return whether the record has the mark.

        It has none if the grant was authorized at `at` or later, or the connection is disconnected already. A holder of
        the lease keeps it, and its writes leave the mark; a take-over clears it.
        """

    def set_aside(self, name: ConnectionName, *, fence: int, why: str, sealed: bytes, now: int) -> None:
        """Keep an answer that has no place on the record, for 30 days, under the fence of its attempt."""

    def aside(self, name: ConnectionName, *, fence: int) -> bytes | None:
        """Return the answer of this fence's attempt that found no place and was not read for good yet, or None."""

    def list_aside(self, app: str, *, account: str | None = None) -> Iterator[AnswerAside]:
        """Yield all that is set aside for an app's accounts, or for one, in order of account#fence as text."""

    def index(self, name: ConnectionName, keys: Iterable[str]) -> None:
        """Note by what else, such as a shop's id, the provider's webhooks name this account; the last writer wins."""

    def find(self, app: str, key: str) -> ConnectionName | None:
        """Return the connection that was noted under a key, or None."""

    def fewer_than(self, app: str, count: int, *, since: int) -> bool:
        """Return whether an app has fewer than `count` connections whose tokens are presented.

        Those are active or held and have a presentation due some day. A connection does not count if the last answer
        to it was, at `since` or later, that the app itself is at fault.
        """

    def due(self, *, now: int) -> Iterator[DueKey]:
        """Yield the keys whose `next_at` <= now, oldest first; pages are fetched as they are consumed."""

    def claim(self, key: DueKey, *, now: int, seconds: int, own: bool = True) -> bool:
        """Move a due key on by `seconds`, with `own` by its record's `claim`; return whether nobody did before."""


class Authorizations(Protocol):
    """The sellers' authorizations under way. Each method may raise StoreUnavailable."""

    def put(self, authorization: Authorization) -> None:
        """Store a new authorization; one that exists under its key stays as it is."""

    def open(self, authorization: Authorization) -> None:
        """Store a new authorization of an invite in one of the places of its browser's group.

        The one that was there `PLACES` ago gives way, if it may: see `Authorization.may_give_way`.
        """

    def get(self, key: AuthorizationKey) -> Authorization | None:
        """Return it, strongly consistent, or None if there is none (any more)."""

    def of_browser(self, app: str, browser: str) -> list[Authorization]:
        """Return all that one browser has with an app: those only begun first, then those consumed, the latest last."""

    def consume(
        self,
        key: AuthorizationKey,
        *,
        now: int,
        lease_until: int | None,
        code: str,
        table: str | None = None,
        callback: Mapping[str, str] | None = None,
    ) -> Authorization:
        """Use it up: one write that also marks the code's hash `code` as presented and reserves the invite.

        Without a `code` neither is done: nothing can come of it.

        `table` is the id of the restored table in which it must have been begun, None if none was restored. `callback`
        holds parameters of the callback that it keeps.

        Raises:
            AlreadyConsumed: the authorization or the code was used before, or it expired, or it was begun before the
                table was restored, so that nobody knows.
            InviteTaken: its invite is in use, was used, or was ended.
        """

    def write(self, before: Authorization, after: Authorization, *, next_at: int | None) -> Authorization:
        """Write what differs, on condition that the fence is still `before.fence`; due at `next_at`, None: never.

        Raises:
            FenceLost: another holder has a newer fence, or the record is gone.
        """

    def lease(self, key: AuthorizationKey, *, now: int, until: int) -> Authorization:
        """Take over an answered authorization whose callback died: fence + 1.

        Raises:
            NotLeased: nothing was answered, it is finished, or its lease is still running.
        """

    def given_up(self, app: str) -> Iterator[Authorization]:
        """Yield the authorizations of an app that failed although they were answered, and whose answer is kept."""


class Invites(Protocol):
    """What has become of the invites. Each method may raise StoreUnavailable or NewerSchema."""

    def get(self, app: str, invite_id: str) -> InviteUse | None:
        """Return it, strongly consistent, or None if nobody has used or ended the invite yet."""

    def write(self, before: InviteUse | None, after: InviteUse) -> None:
        """Write what differs, on condition that it still is as `before`: by its fence, or that there is none.

        Raises:
            FenceLost: somebody else has changed it.
        """


class Origin(Protocol):
    """Where the table's items come from. Each method may raise StoreUnavailable."""

    def restored(self) -> str | None:
        """Return the table's own id if its items come from a backup of another one, else None.

        A mark among the items names the table that they were written to. A table without one is marked as itself,
        unless DynamoDB says that it was restored.
        """

    def note_restored(self, table: str, *, now: int) -> bool:
        """Note that somebody noticed that this table was restored; return whether nobody had before."""


class WebhookEvents(Protocol):
    """The providers' webhook events that had their effect, each for at least 7 days. May raise StoreUnavailable."""

    def seen(self, app: str, webhook_event: str) -> bool:
        """Return whether this event was noted, strongly consistent."""

    def note(self, app: str, webhook_event: str, *, now: int) -> None:
        """Note that an event had its effect."""


class TokenSecrets(Protocol):
    """The secrets that workloads read.

    Each method may raise:
        PublishUnavailable: throttled or down.
        SecretNotOurs: our permissions end at secrets without our tag, or this stack did not make the one of that name.
        SecretGone: the secret was deleted; `create`, `put` and `current_version` raise it from the day on which its
            deletion is scheduled.
    """

    def create(self, name: ConnectionName, document: str, *, token: str) -> str:
        """Create the connection's secret with our tags and return its ARN; one that is ours already is written."""

    def exists(self, name: ConnectionName) -> bool:
        """Return whether any secret has the connection's name: ours or not, scheduled for deletion or not."""

    def put(self, arn: str, document: str, *, token: str) -> None:
        """Write a new current version, idempotent by `token` (the ClientRequestToken).

        Raises:
            PublishError: this token wrote another document; only another token can help.
        """

    def current_version(self, arn: str) -> str | None:
        """Return the id of the version under AWSCURRENT, without reading it."""

    def delete(self, arn: str, *, days: int) -> None:
        """Schedule the secret's deletion in so many days, 7 to 30; done already, it stays as it is."""

    def restore(self, arn: str) -> None:
        """Take a scheduled deletion back; a secret that is not scheduled for any stays as it is."""


class DeadLetters(Protocol):
    """The messages of the refresh queue that could not be worked on. Each method may raise QueueUnavailable."""

    def receive(self) -> list[DeadLetter]:
        """Return a few, hidden from everybody for two minutes from now on; none if the queue is empty."""

    def delete(self, letter: DeadLetter) -> None:
        """Delete one that was received; one that could not be deleted comes again."""


class WorkQueue(Protocol):
    """The refresh queue."""

    def send(self, works: list[Work]) -> list[Work]:
        """Send and return those that were not accepted."""


class Wire(Protocol):
    """Sends one request."""

    def send(self, request: ClearedRequest, *, seconds: float) -> ProviderResponse:
        """Send it and return the whole response, within a total of `seconds`.

        Raises:
            NotSent: no byte of the request left.
            NoAnswer: bytes left, and no whole response came back in time.
        """


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The world as both functions see it, where they may send what, and the times that bound them.

    Every use case holds ports and no state, so all are safe to share between threads.
    """

    connections: Connections
    authorizations: Authorizations
    invites: Invites
    origin: Origin
    apps: Apps
    sealer: Sealer
    secrets: TokenSecrets
    queue: WorkQueue
    wire: Wire
    clock: Clock
    randomness: Randomness
    failpoints: Failpoints
    alerts: Alerts
    log: Log
    destinations: Destinations = field(default_factory=Destinations)
    limits: Limits = field(default_factory=Limits)
    cadence: Cadence = field(default_factory=Cadence)
