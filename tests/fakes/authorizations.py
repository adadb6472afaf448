"""The pending authorizations in memory."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from fakes.failing import Failing
from fakes.invites import store_use, use_in
from fakes.table import Row, Table
from tokensync.domain.authorization import PLACES, Authorization, AuthorizationKey, AuthorizationState
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import AlreadyConsumed, FenceLost, InviteTaken, NewerSchema, NotLeased
from tokensync.domain.invite_use import blocked, reserved

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DAY = 86_400
ANSWER_DAYS = 30


class InMemoryAuthorizations(Failing):
    """See `tokensync.domain.ports.Authorizations`. It takes the connections' table: both have one due index."""

    def __init__(self, table: Table | None = None) -> None:
        super().__init__()
        self.table = table or Table()

    def put(self, authorization: Authorization) -> None:
        """Store a new pending authorization, unless one stands under its key."""
        with self._attempt("put"), self.table.lock:
            self.table.rows.setdefault(_key(authorization.key), Row(authorization, ttl=_ttl(authorization)))

    def open(self, authorization: Authorization) -> None:
        """Store a new authorization in its group; the oldest of the group gives way, if it may."""
        with self._attempt("open"), self.table.lock:
            self.table.rows.setdefault(_key(authorization.key), Row(authorization, ttl=_ttl(authorization)))
            place = (f"app#{authorization.key.app}", f"opened#{authorization.invite_id}#{authorization.key.group}")
            ttl = max(authorization.invite_expires_at, authorization.expires_at) + DAY
            group = self.table.rows.setdefault(place, Row(None, {"places": []}, ttl=ttl)).extra["places"]
            group.insert(0, authorization.key)
            for key in group[PLACES:]:
                row = self.table.row(*_key(key))
                if row is not None and _record(row).may_give_way:
                    del self.table.rows[_key(key)]
            del group[PLACES:]

    def get(self, key: AuthorizationKey) -> Authorization | None:
        """Return it, or None."""
        with self._attempt("get"):
            row = self.table.row(*_key(key))
            return None if row is None else _record(row)

    def of_browser(self, app: str, browser: str) -> list[Authorization]:
        """Return all of one browser, the latest consumed or created last."""
        with self._attempt("of_browser"):
            found = map(_record, self.table.in_order(f"app#{app}", f"pending#{browser}#"))
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
        """Use it up, and mark the code as presented."""
        with self._attempt("consume"), self.table.lock:
            row = self.table.row(*_key(key))
            if row is None:
                raise AlreadyConsumed("no such authorization")
            _check_schema(row)
            authorization = _record(row)
            if authorization.consumed_at is not None or authorization.expires_at <= now:
                raise AlreadyConsumed("used before or expired")
            if table is not None and authorization.table != table:
                raise AlreadyConsumed("begun before the table was restored")
            code_key = (f"app#{key.app}", f"code#{code}")
            if code and code_key in self.table.rows:
                raise AlreadyConsumed("its code was presented before")
            after = replace(
                authorization,
                consumed_at=now,
                lease_until=lease_until,
                state=AuthorizationState.WORKING,
                fence=authorization.fence + 1,
                callback=dict(callback or {}),
            )
            if code:
                self._reserve(after, now)
                self.table.rows[code_key] = Row(None, ttl=now + DAY)
            row.record = after
            return after

    def _reserve(self, authorization: Authorization, now: int) -> None:
        """Reserve the authorization's invite, if it has one."""
        app, invite_id = authorization.key.app, authorization.invite_id
        if not invite_id:
            return
        use = use_in(self.table, app, invite_id)
        held = None if use is None or not use.is_held else self.table.row(f"app#{app}", use.holder)
        why = blocked(use, None if held is None else _record(held), now=now)
        if why is not None:
            raise InviteTaken(why, holder=use.holder if use is not None else "")
        store_use(self.table, use, reserved(use, authorization, now=now))

    def write(self, before: Authorization, after: Authorization, *, next_at: int | None) -> Authorization:
        """Write what differs, on condition of the fence."""
        with self._attempt("write"), self.table.lock:
            row = self.table.row(*_key(before.key))
            if row is None or _record(row).fence != before.fence:
                raise FenceLost("another holder took over")
            _check_schema(row)
            changed = {
                field.name: getattr(after, field.name)
                for field in fields(Authorization)
                if getattr(before, field.name) != getattr(after, field.name)
            }
            row.record = replace(_record(row), **changed)
            row.ttl = _ttl(_record(row))
            row.next_at = next_at
            return _record(row)

    def lease(self, key: AuthorizationKey, *, now: int, until: int) -> Authorization:
        """Take over an answered authorization whose callback died."""
        with self._attempt("lease"), self.table.lock:
            row = self.table.row(*_key(key))
            if row is None:
                raise NotLeased("no such authorization")
            _check_schema(row)
            authorization = _record(row)
            if authorization.sealed_answer is None or authorization.state is not AuthorizationState.WORKING:
                raise NotLeased("nothing was answered, or it is finished")
            if authorization.lease_until is not None and authorization.lease_until >= now:
                raise NotLeased("leased by another", authorization.lease_until)
            row.record = replace(authorization, fence=authorization.fence + 1, lease_until=until)
            return _record(row)

    def given_up(self, app: str) -> Iterator[Authorization]:
        """Yield the authorizations that failed and whose answer is kept."""
        with self._attempt("given_up"):
            authorizations = list(map(_record, self.table.in_order(f"app#{app}", "pending#")))
        for authorization in authorizations:
            if authorization.state is AuthorizationState.FAILED and authorization.sealed_answer is not None:
                yield authorization

    def seed(self, authorization: Authorization, *, next_at: int | None = None) -> Authorization:
        """Put a record as it stands, past every condition."""
        with self.table.lock:
            self.table.rows[_key(authorization.key)] = Row(authorization, ttl=_ttl(authorization), next_at=next_at)
        return authorization


def _key(key: AuthorizationKey) -> tuple[str, str]:
    return f"app#{key.app}", key.sort_key


def _ttl(authorization: Authorization) -> int:
    if authorization.sealed_answer is None:
        return authorization.expires_at + DAY
    return (authorization.received_at or authorization.expires_at) + ANSWER_DAYS * DAY


def _check_schema(row: Row) -> None:
    if row.extra.get("schema", SCHEMA) > SCHEMA:
        raise NewerSchema("written by a newer version")


def _record(row: Row) -> Authorization:
    record = row.record
    if not isinstance(record, Authorization):
        raise TypeError("not a pending authorization's row")
    return record
