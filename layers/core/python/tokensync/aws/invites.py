"""The invites' uses in DynamoDB, see `tokensync.domain.ports.Invites`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.aws.dynamodb import Change, ConditionFailed, DynamoTable, difference
from tokensync.aws.items import invite_attributes, invite_from, invite_key, schema_of
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import FenceLost, NewerSchema

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from tokensync.domain.invite_use import InviteUse


class DynamoInvites:
    """One item for each invite. Every write names the fence of what was read."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def get(self, app: str, invite_id: str) -> InviteUse | None:
        item = self._table.get(invite_key(app, invite_id))
        if item is None:
            return None
        if schema_of(item) > SCHEMA:
            raise NewerSchema("a newer version wrote the invite")
        return invite_from(item)

    def write(self, before: InviteUse | None, after: InviteUse) -> None:
        try:
            self._table.update(invite_key(after.app, after.id), _change(before, after))
        except ConditionFailed:
            raise FenceLost("another request changed the invite") from None

    def part_of_transaction(self, before: InviteUse | None, after: InviteUse) -> TransactWriteItemTypeDef:
        """Return the same write as a part of a transaction."""
        return self._table.part_of_transaction(invite_key(after.app, after.id), _change(before, after))


def _change(before: InviteUse | None, after: InviteUse) -> Change:
    attributes = invite_attributes(after)
    if before is None:
        return Change(condition="attribute_not_exists(#pk)", set=attributes)
    changed, removed = difference(invite_attributes(before), attributes)
    return Change(condition="#fence = :fence", set=changed, remove=removed, values={"fence": before.fence})
