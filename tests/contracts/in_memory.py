"""The in-memory ports as one world."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from fakes import (
    FakeClock,
    InMemoryApps,
    InMemoryAuthorizations,
    InMemoryConnections,
    InMemoryDeadLetters,
    InMemoryInvites,
    InMemoryOrigin,
    InMemorySealer,
    InMemoryTokenSecrets,
    InMemoryWebhookEvents,
    InMemoryWorkQueue,
    Table,
)
from fakes.records import changed, flat
from tokensync.domain.authorization import Authorization
from tokensync.domain.connection import Connection
from tokensync.domain.errors import QueueUnavailable

if TYPE_CHECKING:
    from contracts.world import Key
    from fakes.table import Row
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.work import Work


class InMemoryWorld:
    """See `contracts.world.World`."""

    def __init__(self) -> None:
        self.app = "demo"
        self._table = Table()
        self._sealer = InMemorySealer()
        self.connections = InMemoryConnections(self._table)
        self.authorizations = InMemoryAuthorizations(self._table)
        self.invites = InMemoryInvites(self._table)
        self.webhook_events = InMemoryWebhookEvents(self._table)
        self.origin = InMemoryOrigin(self._table)
        self.apps = InMemoryApps(table=self._table)
        self.secrets = InMemoryTokenSecrets(prefix="tokensync", stack="tokensync")
        self.queue = InMemoryWorkQueue()
        self.dead_letters = InMemoryDeadLetters(FakeClock())

    def restored(self) -> InMemoryOrigin:
        """Restore a backup into a table of its own."""
        table = Table()
        table.restore(self._table.backup())
        return InMemoryOrigin(table)

    def sealer(self) -> InMemorySealer:
        """Return the sealer: it holds no keys."""
        return self._sealer

    def enable_key(self, *, enabled: bool) -> None:
        """Disable or enable the wrapping key."""
        self._sealer.keys.enabled = enabled

    def plant(self, key: Key, attribute: str, value: int | str) -> None:
        """Set one attribute of a row."""
        row = self._row(key)
        if isinstance(row.record, Connection) and attribute in flat(row.record):
            row.record = changed(row.record, **{attribute: value})
        elif isinstance(row.record, Authorization) and attribute in {field.name for field in fields(row.record)}:
            row.record = replace(row.record, **{attribute: value})  # type: ignore[arg-type]  # a field, by name
        else:
            row.extra[attribute] = value

    def attribute(self, key: Key, name: str) -> Any:
        """Return one attribute of a row."""
        row = self._row(key)
        beside = {"ttl": row.ttl, "next_at": row.next_at, "due": None if row.next_at is None else "due", **row.extra}
        stored = flat(row.record) if isinstance(row.record, Connection) else vars(row.record) if row.record else {}
        return {**stored, **beside}.get(name)

    def erase(self, key: Key) -> None:
        """Delete a row."""
        del self._table.rows[key]

    def plant_secret(self, name: ConnectionName, document: str, *, tags: dict[str, str]) -> str:
        """Create a secret as somebody else would."""
        return self.secrets.plant(name, document, tags=tags)

    def schedule_deletion(self, arn: str) -> None:
        """Schedule a secret for deletion."""
        self.secrets.schedule_deletion(arn)

    def destroy(self, arn: str) -> None:
        """Delete a secret for good."""
        self.secrets.destroy(arn)

    def versions(self, arn: str) -> dict[str, str]:
        """Return the values under AWSCURRENT and AWSPREVIOUS."""
        stored = self.secrets._found(arn)
        labels = {"AWSCURRENT": stored.current, "AWSPREVIOUS": stored.previous}
        return {label: stored.versions[version] for label, version in labels.items() if version is not None}

    def tags(self, arn: str) -> dict[str, str]:
        """Return a secret's tags."""
        return self.secrets._found(arn).tags

    def received(self, count: int) -> list[Work]:
        """Take messages out of the queue."""
        works = self.queue.drain()
        assert len(works) == count
        return works

    def broken_queue(self) -> InMemoryWorkQueue:
        """Return a queue that accepts nothing."""
        broken = InMemoryWorkQueue()
        broken.refuse = lambda _work: True
        return broken

    def bury(self, *bodies: str) -> None:
        """Put messages among the dead letters."""
        self.dead_letters.bury(*bodies)

    def buried(self) -> int:
        """Return how many there are."""
        return len(self.dead_letters.bodies)

    def broken_dead_letters(self) -> InMemoryDeadLetters:
        """Return a dead-letter queue that is down."""
        broken = InMemoryDeadLetters(FakeClock())
        for method in ("receive", "delete"):
            broken.fail_next(method, QueueUnavailable)
        return broken

    def _row(self, key: Key) -> Row:
        return self._table.rows[key]
