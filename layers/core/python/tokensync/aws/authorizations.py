"""The authorizations in DynamoDB, see `tokensync.domain.ports.Authorizations`."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.aws.dynamodb import DUE, Change, ConditionFailed, DynamoTable, difference, in_notation, key_of
from tokensync.aws.invites import DynamoInvites
from tokensync.aws.items import (
    authorization_attributes,
    authorization_from,
    authorization_key,
    partition,
    schema_of,
)
from tokensync.domain.authorization import PLACES, Authorization, AuthorizationKey, AuthorizationState
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import AlreadyConsumed, FenceLost, InviteTaken, NewerSchema, NotLeased
from tokensync.domain.invite_use import blocked, reserved
from tokensync.domain.runtime import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from tokensync.aws.dynamodb import Item

_SCHEMA_IS_OURS = "(attribute_not_exists(#schema) OR #schema <= :ours)"


class DynamoAuthorizations:
    """Uses an authorization up, marks its code and reserves its invite in one transaction.

    The errors are those that the port names.
    """

    def __init__(self, table: DynamoTable) -> None:
        self._table = table
        self._invites = DynamoInvites(table)

    def put(self, authorization: Authorization) -> None:
        with contextlib.suppress(ConditionFailed):
            self._table.put(
                authorization_key(authorization.key), authorization_attributes(authorization), only_new=True
            )

    def open(self, authorization: Authorization) -> None:
        """Store it first: what has a place is there, so that whoever takes its place later finds it."""
        self.put(authorization)
        gives_way = self._placed(authorization)
        if gives_way is None:
            return
        condition = (
            "attribute_not_exists(#consumed_at)"
            " OR (#outcome IN (:cancelled, :failed) AND attribute_not_exists(#sealed_answer))"
        )
        ended = {"cancelled": AuthorizationState.CANCELLED, "failed": AuthorizationState.FAILED}
        with contextlib.suppress(ConditionFailed):
            self._table.delete(authorization_key(gives_way), condition=condition, values=ended)

    def _placed(self, authorization: Authorization) -> AuthorizationKey | None:
        """Give it the first place of its group, by one update that moves the others on; return who had the last one.

        No condition, and so no race: each that loses its place is returned to one request. A repetition by boto3, after
        a lost response, moves on once more: then one stays that is returned to nobody, until its TTL.
        """
        key = authorization.key
        shifted = {f"place_{n}": f"if_not_exists(#place_{n - 1}, :none)" for n in range(PLACES - 1, 0, -1)}
        change = Change(
            set={"schema": SCHEMA, "ttl": max(authorization.invite_expires_at, authorization.expires_at) + DAY},
            compute={**shifted, "place_0": ":newest"},
            values={"none": "", "newest": key.sort_key},
        )
        place = partition(key.app), f"opened#{authorization.invite_id}#{key.group}"
        before = self._table.update(place, change, returning="ALL_OLD")
        last = before.get(f"place_{PLACES - 1}")
        return AuthorizationKey.parse(key.app, last) if last else None

    def get(self, key: AuthorizationKey) -> Authorization | None:
        item = self._table.get(authorization_key(key))
        return None if item is None else authorization_from(item)

    def of_browser(self, app: str, browser: str) -> list[Authorization]:
        found = map(authorization_from, self._table.in_order(partition(app), f"pending#{browser}#"))
        return sorted(
            found,
            key=lambda authorization: (
                authorization.consumed_at is not None,
                authorization.consumed_at or authorization.created_at,
            ),
        )

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
        """Use it up in one write that also marks the code as presented and reserves the invite.

        Both are read first: most repetitions end there, and the transaction needs to know what it changes. One that
        fails is tried once more: what is read then says who was first.
        """
        for last in (False, True):
            authorization = self._unused(key, now=now, table=table)
            after = replace(
                authorization,
                consumed_at=now,
                lease_until=lease_until,
                state=AuthorizationState.WORKING,
                fence=authorization.fence + 1,
                callback=dict(callback or {}),
            )
            parts = [self._used_up(authorization, after, now)]
            if code:
                parts.append(self._code_is_new(key.app, code, now))
                parts += self._reserved(after, now)
            try:
                self._table.transact(parts)
            except ConditionFailed:
                if last:
                    raise AlreadyConsumed("the authorization or its code was used before") from None
            else:
                break
        return after

    def _unused(self, key: AuthorizationKey, *, now: int, table: str | None) -> Authorization:
        """Return an authorization that may be used up.

        Raises:
            AlreadyConsumed, NewerSchema: it may not.
        """
        item = self._table.get(authorization_key(key))
        if item is None:
            raise AlreadyConsumed("there is no such authorization")
        _check_schema(item)
        authorization = authorization_from(item)
        if authorization.consumed_at is not None or authorization.expires_at <= now:
            raise AlreadyConsumed("the authorization was used before, or it expired")
        if table is not None and authorization.table != table:
            raise AlreadyConsumed("the authorization was begun before the table was restored")
        return authorization

    def _used_up(self, authorization: Authorization, after: Authorization, now: int) -> TransactWriteItemTypeDef:
        """Return the part of a transaction that uses an authorization up."""
        changed, removed = difference(authorization_attributes(authorization), authorization_attributes(after))
        change = Change(
            condition="attribute_exists(#pk) AND attribute_not_exists(#consumed_at) AND #expires_at > :now"
            f" AND #fence = :fence AND {_SCHEMA_IS_OURS}",
            set=changed,
            remove=removed,
            values={"now": now, "fence": authorization.fence, "ours": SCHEMA},
        )
        return self._table.part_of_transaction(authorization_key(authorization.key), change)

    def _reserved(self, authorization: Authorization, now: int) -> list[TransactWriteItemTypeDef]:
        """Return the part of a transaction that reserves the authorization's invite, if it has one."""
        app, invite_id = authorization.key.app, authorization.invite_id
        if not invite_id:
            return []
        use = self._invites.get(app, invite_id)
        holder = None if use is None or not use.is_held else self.get(AuthorizationKey.parse(app, use.holder))
        why = blocked(use, holder, now=now)
        if why is not None:
            raise InviteTaken(why, holder=use.holder if use is not None else "")
        return [self._invites.part_of_transaction(use, reserved(use, authorization, now=now))]

    def write(self, before: Authorization, after: Authorization, *, next_at: int | None) -> Authorization:
        changed, removed = difference(authorization_attributes(before), authorization_attributes(after))
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
            return authorization_from(self._table.update(authorization_key(before.key), change))
        except ConditionFailed as failed:
            if failed.item is not None and authorization_from(failed.item).fence == before.fence:
                raise NewerSchema("a newer version wrote the authorization") from None
            raise FenceLost("another holder took the authorization over") from None

    def lease(self, key: AuthorizationKey, *, now: int, until: int) -> Authorization:
        mark = secrets.token_hex(8)  # as for a connection's lease: a repeated request knows its own
        change = Change(
            condition="attribute_exists(#sealed_answer) AND #outcome = :working"
            f" AND (attribute_not_exists(#lease_until) OR #lease_until < :now) AND {_SCHEMA_IS_OURS}",
            set={"lease_until": until, "lease_mark": mark},
            compute={"fence": "#fence + :one"},
            values={"working": AuthorizationState.WORKING, "now": now, "one": 1, "ours": SCHEMA},
        )
        try:
            return authorization_from(self._table.update(authorization_key(key), change))
        except ConditionFailed as failed:
            item = failed.item
        if item is None:
            raise NotLeased("there is no such authorization")
        _check_schema(item)
        authorization = authorization_from(item)
        if item.get("lease_mark") == mark:
            return authorization
        if authorization.sealed_answer is None or authorization.state is not AuthorizationState.WORKING:
            raise NotLeased("nothing was answered, or it is finished")
        raise NotLeased("the authorization is leased by another", authorization.lease_until)

    def given_up(self, app: str) -> Iterator[Authorization]:
        for authorization in map(authorization_from, self._table.in_order(partition(app), "pending#")):
            if authorization.state is AuthorizationState.FAILED and authorization.sealed_answer is not None:
                yield authorization

    def _code_is_new(self, app: str, code: str, now: int) -> TransactWriteItemTypeDef:
        mark = {"schema": SCHEMA, "at": now, "ttl": now + DAY}
        return {
            "Put": {
                "TableName": self._table.name,
                "Item": key_of((partition(app), f"code#{code}")) | in_notation(mark),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }


def _check_schema(item: Item) -> None:
    if schema_of(item) > SCHEMA:
        raise NewerSchema("a newer version wrote the authorization")
