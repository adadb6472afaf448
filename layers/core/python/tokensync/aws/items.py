"""Records as items and back: which attributes they have, under which keys."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from tokensync.domain.authorization import Authorization, AuthorizationKey, AuthorizationState, hashed
from tokensync.domain.bound import Bound
from tokensync.domain.connection import (
    SCHEMA,
    Attempt,
    AuthorizedBy,
    Connection,
    ConsumerCopy,
    Exemption,
    HistoryEntry,
    LastError,
    Phase,
    Published,
    Status,
)
from tokensync.domain.due_times import DueTimes
from tokensync.domain.export import Export
from tokensync.domain.invite_use import InviteState, InviteUse
from tokensync.domain.names import ConnectionName
from tokensync.domain.runtime import DAY
from tokensync.domain.work import AnswerAside

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.aws.dynamodb import Item

KEPT_ANSWER = 30 * DAY  # answers that were superseded, or that nobody finished
KEPT_WEBHOOK_EVENT = 7 * DAY  # a provider repeats a webhook for three days
_CONNECTION_PREFIX = "connection#"
_ASIDE_PREFIX = "aside#"
_APP_PREFIX = "app#"
_STATE = "outcome"  # an authorization's state, or an invite's, under the name that it has in the table
_INVITE_PREFIX = "invite#"


def partition(app: str) -> str:
    """Return the partition key of all items of an app."""
    return f"{_APP_PREFIX}{app}"


def connection_key(name: ConnectionName) -> tuple[str, str]:
    """Return the key of a connection's record."""
    return partition(name.app), f"{_CONNECTION_PREFIX}{name.account}"


def aside_key(name: ConnectionName, fence: int) -> tuple[str, str]:
    """Return the key of an answer that was set aside."""
    return partition(name.app), f"{_ASIDE_PREFIX}{name.account}#{fence}"


def aside_prefix(account: str | None) -> str:
    """Return how the sort keys begin of what was set aside for every account, or for one."""
    return _ASIDE_PREFIX if account is None else f"{_ASIDE_PREFIX}{account}#"


def aside_from(item: Item) -> AnswerAside:
    """Read an answer that was set aside."""
    account, _, fence = item["sk"].removeprefix(_ASIDE_PREFIX).rpartition("#")
    name = ConnectionName(item["pk"].removeprefix(_APP_PREFIX), account)
    return AnswerAside(name, int(fence), item["why"], item["at"], bytes(item["sealed"]))


def lookup_key(app: str, key: str) -> tuple[str, str]:
    """Return the key of a look-up, by what else a provider's webhooks name an account."""
    # What a provider sends may be of any length; a sort key has 1,024 bytes.
    return partition(app), f"lookup#{hashed(key)}"


def webhook_event_key(app: str, webhook_event: str) -> tuple[str, str]:
    """Return the key of a webhook event that had its effect."""
    return partition(app), f"notice#{hashed(webhook_event)}"


def authorization_key(key: AuthorizationKey) -> tuple[str, str]:
    """Return the key of an authorization."""
    return partition(key.app), key.sort_key


def invite_key(app: str, invite_id: str) -> tuple[str, str]:
    """Return the key of an invite's use."""
    return partition(app), f"{_INVITE_PREFIX}{invite_id}"


def plain(value: Any) -> Any:
    """Return a record as a map by field, without the fields that are None, and what it holds likewise."""
    if is_dataclass(value):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: plain(part) for name, part in named.items() if part is not None}
    return [plain(part) for part in value] if isinstance(value, tuple) else value


def connection_attributes(record: Connection) -> dict[str, Any]:
    """Return a connection's attributes without its key."""
    attributes: dict[str, Any] = plain(record)
    del attributes["name"]
    for part in _PARTS:
        attributes |= attributes.pop(part)
    return _sparse(attributes)


def _sparse(attributes: dict[str, Any]) -> dict[str, Any]:
    """Leave out what most records have nothing of."""
    return {name: value for name, value in attributes.items() if value or name not in _SPARSE}


def connection_from(item: Item) -> Connection:
    """Read a connection, without the attributes that this version does not know."""
    app = item["pk"].removeprefix(_APP_PREFIX)
    account = item["sk"].removeprefix(_CONNECTION_PREFIX)
    parts = {part: kind(**_known(kind, item)) for part, kind in _PARTS.items()}
    return Connection(name=ConnectionName(app, account), **_known(Connection, item), **parts)


def authorization_attributes(record: Authorization) -> dict[str, Any]:
    """Return an authorization's attributes without its key."""
    attributes = _sparse(plain(record))
    del attributes["key"]
    attributes[_STATE] = attributes.pop("state")
    if not attributes["params"]:  # as versions without them wrote it
        del attributes["params"]
    return {**attributes, "schema": SCHEMA, "ttl": authorization_ttl(record)}


def authorization_from(item: Item) -> Authorization:
    """Read an authorization, without the attributes that this version does not know."""
    app = item["pk"].removeprefix(_APP_PREFIX)
    item = {**item, "state": item.get(_STATE, AuthorizationState.WAITING)}
    return Authorization(key=AuthorizationKey.parse(app, item["sk"]), **_known(Authorization, item))


def invite_attributes(use: InviteUse) -> dict[str, Any]:
    """Return the attributes of an invite's use without its key."""
    attributes = {name: value for name, value in plain(use).items() if name not in ("app", "id") and value != []}
    attributes[_STATE] = attributes.pop("state")
    # As long as an answer may be kept that could make a second connection of it.
    return {**attributes, "schema": SCHEMA, "ttl": max(use.at, use.expires_at) + KEPT_ANSWER + DAY}


def invite_from(item: Item) -> InviteUse:
    """Read an invite's use. Versions until November 2026 stored only that it was used, and nothing of it."""
    known = _known(InviteUse, item) | {"strangers": tuple(item.get("strangers", ()))}
    app, invite_id = item["pk"].removeprefix(_APP_PREFIX), item["sk"].removeprefix(_INVITE_PREFIX)
    return InviteUse(**known | {"app": app, "id": invite_id, "state": InviteState(item.get(_STATE, InviteState.USED))})


def authorization_ttl(record: Authorization) -> int:
    """Return when DynamoDB may delete an authorization: an answer that nobody finished is kept for 30 days."""
    if record.sealed_answer is None:
        return record.expires_at + DAY
    return (record.received_at or record.expires_at) + KEPT_ANSWER


def schema_of(item: Item) -> int:
    """Return the schema version of an item."""
    return int(item.get("schema", SCHEMA))


def _nested(kind: type[Any]) -> Callable[[Item], Any]:
    return lambda stored: kind(**_known(kind, stored))


def _known(kind: type[Any], item: Item) -> dict[str, Any]:
    """Return what a record of this kind has of an item, and no attribute of a newer version."""
    # A part's name is none of its record's attributes: `due` there is the mark of the index.
    names = {field.name for field in fields(kind)} - {"name", "key", *_PARTS}
    return {name: _READ[name](item[name]) if name in _READ else item[name] for name in names & item.keys()}


# Attributes that are absent where they are empty.
_SPARSE = frozenset({"alerted", "callback", "invite_key"})
# The parts of a connection whose fields are attributes of its item, under their own names.
_PARTS: dict[str, type[Any]] = {"due": DueTimes, "authorized": AuthorizedBy, "consumer": ConsumerCopy}
# What an attribute becomes if it is not text, a number or bytes; no name means two things.
_READ: dict[str, Callable[[Any], Any]] = {
    "status": Status,
    "phase": Phase,
    "exemption": Exemption,
    "state": AuthorizationState,
    "attempt": _nested(Attempt),
    "earlier": tuple,
    "published": _nested(Published),
    "exported": _nested(Export),
    "last_error": _nested(LastError),
    "missing_scopes": tuple,
    "alerted": tuple,
    "bound": Bound.of_json,
    "history": lambda entries: tuple(map(_nested(HistoryEntry), entries)),
}
