"""The pending authorizations in DynamoDB, see `tokensync.domain.ports.Pendings`."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.aws.dynamodb import DUE, Change, ConditionFailed, DynamoTable, difference, key_of
from tokensync.aws.items import (
    DAY,
    from_attribute,
    partition,
    pending_attributes,
    pending_from,
    pending_key,
    schema_of,
    to_attribute,
)
from tokensync.domain.authorization import Outcome, Pending, PendingKey
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import AlreadyConsumed, FenceLost, NewerSchema, NotLeased

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from tokensync.aws.items import Item

_SCHEMA_IS_OURS = "(attribute_not_exists(#schema) OR #schema <= :ours)"


class DynamoPendings:
    """Used up, codes marked and invites checked in one transaction."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def put(self, pending: Pending) -> None:
        """Store a new pending authorization; one that stands under its key stays as it is."""
        with contextlib.suppress(ConditionFailed):
            self._table.put(pending_key(pending.key), pending_attributes(pending), only_new=True)

    def get(self, key: PendingKey) -> Pending | None:
        """Return it, strongly consistent, or None."""
        item = self._table.get(pending_key(key))
        return None if item is None else pending_from(item)

    def of_browser(self, app: str, browser: str) -> list[Pending]:
        """Return all that one browser has with an app, the latest consumed or created last."""
        found = map(pending_from, self._table.in_order(partition(app), f"pending#{browser}#"))
        return sorted(
            found, key=lambda pending: (pending.consumed_at is not None, pending.consumed_at or pending.created_at)
        )

    def consume(
        self, key: PendingKey, *, now: int, lease_until: int | None, code: str, table: str | None = None
    ) -> Pending:
        """Use it up in one write that also marks the code as presented.

        It is read first: most repetitions end there, and the transaction needs to know its invite.

        Raises:
            AlreadyConsumed: as the port says.
            NewerSchema: its schema is newer than ours; nothing was written.
        """
        item = self._table.get(pending_key(key))
        if item is None:
            raise AlreadyConsumed("there is no such authorization")
        _check_schema(item)
        pending = pending_from(item)
        if pending.consumed_at is not None or pending.expires_at <= now:
            raise AlreadyConsumed("the authorization was used before, or it expired")
        if table is not None and pending.table != table:
            raise AlreadyConsumed("the authorization was begun before the table was restored")
        after = replace(
            pending, consumed_at=now, lease_until=lease_until, outcome=Outcome.WORKING, fence=pending.fence + 1
        )
        changed, removed = difference(pending_attributes(pending), pending_attributes(after))
        change = Change(
            condition="attribute_exists(#pk) AND attribute_not_exists(#consumed_at) AND #expires_at > :now"
            f" AND #fence = :fence AND {_SCHEMA_IS_OURS}",
            set=changed,
            remove=removed,
            values={"now": now, "fence": pending.fence, "ours": SCHEMA},
        )
        parts = [self._table.part_of_transaction(pending_key(key), change)]
        if code:
            parts.append(self._code_is_new(key.app, code, now))
        if pending.invite_id:
            parts.append(self._invite_is_unused(key.app, pending.invite_id))
        try:
            self._table.transact(parts)
        except ConditionFailed:
            raise AlreadyConsumed("the authorization, its invite or its code was used before") from None
        return after

    def write(self, before: Pending, after: Pending, *, next_at: int | None) -> Pending:
        """Write what differs, on condition of the fence.

        Raises:
            FenceLost: as the port says.
            NewerSchema: a newer version wrote it under the same fence.
        """
        changed, removed = difference(pending_attributes(before), pending_attributes(after))
        if next_at is None:
            removed = (*removed, "next_at", DUE)
        else:
            changed |= {"next_at": next_at, DUE: DUE}
        change = Change(
            condition=f"#fence = :fence AND {_SCHEMA_IS_OURS}",
            set=changed,
            remove=removed,
            values={"fence": before.fence, "ours": SCHEMA},
        )
        try:
            return pending_from(self._table.update(pending_key(before.key), change))
        except ConditionFailed as failed:
            if failed.item is not None and pending_from(failed.item).fence == before.fence:
                raise NewerSchema("a newer version wrote the authorization") from None
            raise FenceLost("another holder took the authorization over") from None

    def lease(self, key: PendingKey, *, now: int, until: int) -> Pending:
        """Take over an answered authorization whose callback died.

        Raises:
            NotLeased: as the port says.
            NewerSchema: its schema is newer than ours; nothing was written.
        """
        mark = secrets.token_hex(8)  # as for a connection's lease: a repeated request knows its own
        change = Change(
            condition="attribute_exists(#sealed_answer) AND #outcome = :working"
            f" AND (attribute_not_exists(#lease_until) OR #lease_until < :now) AND {_SCHEMA_IS_OURS}",
            set={"lease_until": until, "lease_mark": mark},
            compute={"fence": "#fence + :one"},
            values={"working": Outcome.WORKING, "now": now, "one": 1, "ours": SCHEMA},
        )
        try:
            return pending_from(self._table.update(pending_key(key), change))
        except ConditionFailed as failed:
            item = failed.item
        if item is None:
            raise NotLeased("there is no such authorization")
        _check_schema(item)
        pending = pending_from(item)
        if "lease_mark" in item and from_attribute(item["lease_mark"]) == mark:
            return pending
        if pending.sealed_answer is None or pending.outcome is not Outcome.WORKING:
            raise NotLeased("nothing was answered, or it is finished")
        raise NotLeased("the authorization is leased by another", pending.lease_until)

    def given_up(self, app: str) -> Iterator[Pending]:
        """Yield the authorizations of an app that failed although they were answered, and whose answer is kept."""
        for pending in map(pending_from, self._table.in_order(partition(app), "pending#")):
            if pending.outcome is Outcome.FAILED and pending.sealed_answer is not None:
                yield pending

    def invite_is_used(self, app: str, invite_id: str) -> bool:
        """Return whether a connection stands through this invite."""
        return self._table.get(_invite_key(app, invite_id)) is not None

    def use_invite(self, app: str, invite_id: str, *, now: int, expires_at: int) -> None:
        """Mark an invite as used up, for a day longer than it would live."""
        attributes = {"schema": SCHEMA, "at": now, "ttl": max(now, expires_at) + DAY}
        self._table.put(_invite_key(app, invite_id), attributes)

    def _code_is_new(self, app: str, code: str, now: int) -> TransactWriteItemTypeDef:
        mark = {"schema": SCHEMA, "at": now, "ttl": now + DAY}
        return {
            "Put": {
                "TableName": self._table.name,
                "Item": key_of((partition(app), f"code#{code}"))
                | {name: to_attribute(value) for name, value in mark.items()},
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def _invite_is_unused(self, app: str, invite_id: str) -> TransactWriteItemTypeDef:
        return {
            "ConditionCheck": {
                "TableName": self._table.name,
                "Key": key_of(_invite_key(app, invite_id)),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }


def _invite_key(app: str, invite_id: str) -> tuple[str, str]:
    return partition(app), f"invite#{invite_id}"


def _check_schema(item: Item) -> None:
    if schema_of(item) > SCHEMA:
        raise NewerSchema("a newer version wrote the authorization")
