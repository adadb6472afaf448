"""The connections' records in DynamoDB, see `tokensync.domain.ports.Connections`."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.aws.dynamodb import DUE, Change, ConditionFailed, DynamoTable, difference
from tokensync.aws.items import (
    KEPT_ANSWER,
    aside_from,
    aside_key,
    aside_prefix,
    connection_attributes,
    connection_from,
    connection_key,
    lookup_key,
    partition,
    plain,
    schema_of,
)
from tokensync.domain.connection import HISTORY_LENGTH, SCHEMA, UNPLACED, Connection, Phase, Status
from tokensync.domain.errors import FenceLost, NewerSchema, NotLeased, UnknownConnection
from tokensync.domain.messages import FailureClass
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import DueKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokensync.aws.dynamodb import Item
    from tokensync.domain.export import Export
    from tokensync.domain.work import AnswerAside

_PAGE = 200  # keys of the due index fetched at once
# What a takeover computes, keeps or clears by itself, whatever the new grant's record says.
_NOT_BROUGHT = frozenset({
    "allocated", "attempt", "exemption", "failures", "fence", "generation", "history", "last_error", "lease_until",
    "phase", "published", "schema", "sealed_answer", "compare_at", "sealed_consumer", "exported", "not_before",
    "ask_not_before",
})  # fmt: skip
_BROUGHT_OR_REMOVED = (
    "sealed_grant", "refresh_at", "renew_at", "warn_at", "next_at", "obtained_at", "access_expires_at",
    "refresh_expires_at", "parked_at", "verify_at", "push_at", "verified_at", "removed_at", "deauthorized_at",
    "ttl", "handed_over_at", "table", "alerted", "brought", "claim", "checked_at", "check_failed", "unproved",
    "faulted_at",
)  # fmt: skip


class _NotBelow(Exception):
    """A number of the record is not below the floor."""


class DynamoConnections:
    """Every method but the reads is one conditional write. The errors are those that the port names."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def get(self, name: ConnectionName) -> Connection | None:
        item = self._table.get(connection_key(name))
        return None if item is None else connection_from(item)

    def list(self, app: str) -> Iterator[Connection]:
        yield from map(connection_from, self._table.in_order(partition(app), "connection#"))

    def lease(self, name: ConnectionName, *, now: int, until: int, even_if_not_due: bool = False) -> Connection:
        # boto3 repeats a request whose answer was lost; by this mark a holder knows the lease it took the first time.
        mark = secrets.token_hex(8)
        lease_is_free = "(attribute_not_exists(#lease_until) OR #lease_until < :now)"
        is_due = "" if even_if_not_due else " AND #refresh_at <= :now"
        change = Change(
            condition=f"attribute_exists(#pk) AND #schema <= :ours AND {lease_is_free}{is_due}",
            set={"lease_until": until, "lease_mark": mark},
            compute={"fence": "#fence + :one"},
            values={"ours": SCHEMA, "now": now, "one": 1},
        )
        try:
            return connection_from(self._table.update(connection_key(name), change))
        except ConditionFailed as failed:
            item = self._known(name, failed.item)
        record = connection_from(item)
        if item.get("lease_mark") == mark:
            return record
        if record.lease_until is not None and record.lease_until >= now:
            raise NotLeased(f"{name} is leased by another", record.lease_until)
        raise NotLeased(f"{name} is not due")

    def write(self, before: Connection, after: Connection) -> Connection:
        after = replace(after, history=after.history[-HISTORY_LENGTH:])
        changed, removed = difference(connection_attributes(before), connection_attributes(after))
        if after.due.next_at is None:
            # Even where it was None before: a request for a refresh in between may have set it.
            removed = (*(name for name in removed if name != "next_at"), "next_at", DUE)
        elif "next_at" in changed:
            changed[DUE] = DUE
        change = Change(
            condition="#fence = :fence AND #schema <= :ours",
            set=changed,
            # An update must change something; the fence is what the condition just found.
            compute={} if changed or removed else {"fence": ":fence"},
            remove=removed,
            values={"fence": before.fence, "ours": SCHEMA},
        )
        try:
            return connection_from(self._table.update(connection_key(before.name), change))
        except ConditionFailed as failed:
            if failed.item is not None and connection_from(failed.item).fence == before.fence:
                raise NewerSchema(f"a newer version wrote {before.name}") from None
            raise FenceLost(f"another holder took {before.name} over") from None

    def take_over(
        self, grant_holder: Connection, *, until: int, over: int | None = None, floor: int = 0
    ) -> tuple[Connection, Connection | None]:
        if floor:
            # DynamoDB's expressions know no maximum: below the floor first, then as ever.
            try:
                return self._taken_over(grant_holder, until=until, over=over, floor=floor)
            except _NotBelow:
                pass
        return self._taken_over(grant_holder, until=until, over=over, floor=0)

    def _taken_over(
        self, grant_holder: Connection, *, until: int, over: int | None, floor: int
    ) -> tuple[Connection, Connection | None]:
        """Take over; with a floor only where both numbers are below it, which they become.

        Raises:
            _NotBelow: one of them is not.
        """
        name = grant_holder.name
        attributes = connection_attributes(grant_holder)
        brought = {attribute: value for attribute, value in attributes.items() if attribute not in _NOT_BROUGHT}
        if grant_holder.due.next_at is not None:
            brought[DUE] = DUE
        absent = tuple(attribute for attribute in (*_BROUGHT_OR_REMOVED, DUE) if attribute not in brought)
        # Both need the old record: the number before this one, and until when its lease ran. One call returns either
        # the old or the new, so the new is computed as DynamoDB does.
        number = ":floor" if floor else "if_not_exists(#allocated, :zero) + :one"
        fence = ":floor" if floor else "if_not_exists(#fence, :zero) + :one"
        change = Change(
            condition=_gives_way(over=over, floor=floor),
            set={**brought, "schema": SCHEMA, "phase": Phase.IDLE, "failures": 0, "lease_until": until},
            compute={
                "fence": fence,
                "allocated": number,
                "generation": number,
                # The holder of the lease may publish an older token until it ends.
                "compare_at": "if_not_exists(#lease_until, :zero) + :one",
                "history": "list_append(if_not_exists(#history, :none), :entries)",
            },
            # Without the mark: a lease whose repeated request comes only now must not take our fence for its own.
            remove=("attempt", "exemption", "sealed_answer", "last_error", "lease_mark", *absent),
            values={
                "at": grant_holder.authorized.authorized_at or 0,
                "by": grant_holder.authorized.authorized_by,
                "ours": SCHEMA,
                "zero": 0,
                "one": 1,
                **({"floor": floor} if floor else {}),
                "none": (),
                "entries": attributes["history"],
                **({"over": over} if over else {}),
            },
        )
        try:
            item = self._table.update(connection_key(name), change, returning="ALL_OLD")
        except ConditionFailed as failed:
            current = None if failed.item is None else connection_from(failed.item)
            if current is not None and current.schema > SCHEMA:
                raise NewerSchema(f"a newer version wrote {name}") from None
            if current is not None and floor and max(current.fence, current.allocated) >= floor:
                raise _NotBelow from None
            raise FenceLost(f"{name} was authorized by this authorization or a later one, or meanwhile") from None
        before = connection_from(item) if item else None
        old = before or Connection(name=name, provider=grant_holder.provider)
        new = replace(
            grant_holder.with_consumer(
                sealed_consumer=old.consumer.sealed_consumer, exported=old.consumer.exported
            ).with_due(
                compare_at=(old.lease_until or 0) + 1,
                not_before=old.due.not_before,
                ask_not_before=old.due.ask_not_before,
            ),
            schema=SCHEMA,
            phase=Phase.IDLE,
            fence=floor or old.fence + 1,
            allocated=floor or old.allocated + 1,
            generation=floor or old.allocated + 1,
            lease_until=until,
            attempt=None,
            exemption=None,
            sealed_answer=None,
            published=old.published,
            failures=0,
            last_error=None,
            history=(*old.history, *grant_holder.history),
        )
        return new, before

    def replace_consumer(self, name: ConnectionName, *, seen: bytes, sealed: bytes | None) -> bool:
        change = Change(
            condition="#schema <= :ours AND #sealed_consumer = :seen",
            set={} if sealed is None else {"sealed_consumer": sealed},
            remove=("sealed_consumer",) if sealed is None else (),
            values={"ours": SCHEMA, "seen": seen},
        )
        try:
            self._table.update(connection_key(name), change)
        except ConditionFailed as failed:
            if failed.item is None:
                return False
            # boto3 repeats a request whose answer was lost: the first one has written it already.
            return connection_from(self._known(name, failed.item)).consumer.sealed_consumer == sealed
        return True

    def note_exported(self, name: ConnectionName, exported: Export) -> bool:
        change = Change(
            condition="attribute_exists(#pk) AND #schema <= :ours AND #generation = :generation",
            set={"exported": plain(exported)},
            values={"ours": SCHEMA, "generation": exported.generation},
        )
        return self._met(name, change)

    def request_refresh(self, name: ConnectionName, *, generation: int, now: int) -> bool:
        change = Change(
            condition="attribute_exists(#pk) AND #schema <= :ours AND #generation = :generation"
            " AND (attribute_not_exists(#not_before) OR #not_before <= :now)",
            set={"refresh_at": now, "renew_at": now, "next_at": now, DUE: DUE},
            values={"ours": SCHEMA, "generation": generation, "now": now},
        )
        return self._met(name, change)

    def note_deauthorized(self, name: ConnectionName, *, at: int, now: int) -> bool:
        change = Change(
            condition="attribute_exists(#pk) AND #schema <= :ours AND #status <> :disconnected"
            " AND (attribute_not_exists(#authorized_at) OR #authorized_at < :at)",
            set={"deauthorized_at": at, "refresh_at": now, "next_at": now, DUE: DUE},
            values={"ours": SCHEMA, "disconnected": Status.DISCONNECTED, "at": at},
        )
        return self._met(name, change)

    def set_aside(self, name: ConnectionName, *, fence: int, why: str, sealed: bytes, now: int) -> None:
        attributes = {"schema": SCHEMA, "sealed": sealed, "why": why, "at": now, "ttl": now + KEPT_ANSWER}
        self._table.put(aside_key(name, fence), attributes)

    def aside(self, name: ConnectionName, *, fence: int) -> bytes | None:
        item = self._table.get(aside_key(name, fence))
        if item is None or item["why"] not in UNPLACED:
            return None
        return bytes(item["sealed"])

    def list_aside(self, app: str, *, account: str | None = None) -> Iterator[AnswerAside]:
        for aside in map(aside_from, self._table.in_order(partition(app), aside_prefix(account))):
            if account in (None, aside.name.account):  # another account's name may begin like this one's
                yield aside

    def index(self, name: ConnectionName, keys: Iterable[str]) -> None:
        for key in keys:
            self._table.put(lookup_key(name.app, key), {"schema": SCHEMA, "account": name.account})

    def find(self, app: str, key: str) -> ConnectionName | None:
        item = self._table.get(lookup_key(app, key))
        return None if item is None else ConnectionName(app, item["account"])

    def fewer_than(self, app: str, count: int, *, since: int) -> bool:
        found = self._table.count(
            partition(app),
            "connection#",
            where="attribute_not_exists(#removed_at) AND attribute_not_exists(#handed_over_at)"
            " AND #status IN (:active, :held) AND (attribute_exists(#renew_at) OR attribute_exists(#verify_at))"
            " AND (attribute_not_exists(#last_error) OR #last_error.#failure <> :fault OR #last_error.#at < :since)",
            values={
                "active": Status.ACTIVE,
                "held": Status.HELD,
                "fault": FailureClass.CONFIGURATION,
                "since": since,
            },
            at_most=count,
        )
        return found < count

    def due(self, *, now: int) -> Iterator[DueKey]:
        for item in self._table.due(now=now, page=_PAGE):
            yield DueKey(item["pk"], item["sk"], item["next_at"])

    def claim(self, key: DueKey, *, now: int, seconds: int, own: bool = True) -> bool:
        wait = "if_not_exists(#claim, :seconds)" if own else ":seconds"
        change = Change(
            condition="#next_at = :seen",
            compute={"next_at": f"{wait} + :now"},
            values={"seen": key.next_at, "now": now, "seconds": seconds},
        )
        try:
            self._table.update((key.partition_key, key.sort_key), change)
        except ConditionFailed:
            return False
        return True

    def _met(self, name: ConnectionName, change: Change) -> bool:
        """Change a record; return whether its condition was met."""
        try:
            self._table.update(connection_key(name), change)
        except ConditionFailed as failed:
            self._known(name, failed.item)
            return False
        return True

    @staticmethod
    def _known(name: ConnectionName, item: Item | None) -> Item:
        if item is None:
            raise UnknownConnection(f"there is no connection {name}")
        if schema_of(item) > SCHEMA:
            raise NewerSchema(f"a newer version wrote {name}")
        return item


def _gives_way(*, over: int | None, floor: int) -> str:
    """Return the condition under which the record of an account, if there is one, gives way to a new grant."""
    later = "(#authorized_at <= :at AND #authorized_by <> :by)"
    removed_before = "(#authorized_at < :at AND attribute_exists(#removed_at))"
    conditions = [
        "(attribute_not_exists(#schema) OR #schema <= :ours)",
        f"(attribute_not_exists(#authorized_at) OR {later} OR {removed_before})",
    ]
    if over is not None:
        conditions.append("#fence = :over" if over else "attribute_not_exists(#fence)")
    if floor:
        conditions.append("(attribute_not_exists(#fence) OR (#fence < :floor AND #allocated < :floor))")
    return " AND ".join(conditions)
