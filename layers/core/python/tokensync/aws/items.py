"""Records as DynamoDB items and back. Pure: no call leaves here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tokensync.domain.authorization import Authorization, AuthorizationKey, AuthorizationState, hashed
from tokensync.domain.connection import (
    SCHEMA,
    Attempt,
    AuthorizedBy,
    Connection,
    ConsumerCopy,
    DueTimes,
    Exemption,
    HistoryEntry,
    LastError,
    Phase,
    Published,
    Status,
)
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from collections.abc import Callable

# DynamoDB's notation: an attribute is a map from its type's letter to its value, an item is attributes by name.
Attribute: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, Any]

DAY = 86_400
KEPT_ANSWER = 30 * DAY  # raw answers that were superseded, or that nobody came to finish
KEPT_WEBHOOK_EVENT = 7 * DAY  # a provider repeats a notice for three days
_CONNECTION_PREFIX = "connection#"
_APP_PREFIX = "app#"

_Record = TypeVar("_Record")


def partition(app: str) -> str:
    """Return the partition key under which everything of an app stands."""
    return f"{_APP_PREFIX}{app}"


def connection_key(name: ConnectionName) -> tuple[str, str]:
    """Return the key of a connection's record."""
    return partition(name.app), f"{_CONNECTION_PREFIX}{name.account}"


def aside_key(name: ConnectionName, fence: int) -> tuple[str, str]:
    """Return the key of an answer that was set aside."""
    return partition(name.app), f"aside#{name.account}#{fence}"


def lookup_key(app: str, key: str) -> tuple[str, str]:
    """Return the key of a look-up: what else a provider's notices name an account by."""
    # What a provider sends may be of any length; a sort key has 1,024 bytes.
    return partition(app), f"lookup#{hashed(key)}"


def webhook_event_key(app: str, webhook_event: str) -> tuple[str, str]:
    """Return the key of a notice that had its effect."""
    return partition(app), f"notice#{hashed(webhook_event)}"


def authorization_key(key: AuthorizationKey) -> tuple[str, str]:
    """Return the key of a pending authorization."""
    return partition(key.app), key.sort_key


def to_attribute(value: object) -> Attribute:  # noqa: PLR0911 -- one return for each type that is stored
    """Return one value in DynamoDB's notation.

    Raises:
        TypeError: values of that type are not stored.
    """
    match value:
        case str():
            return {"S": str(value)}  # str(): an enum's member is stored as its text
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case tuple() | list():
            return {"L": [to_attribute(entry) for entry in value]}
        case Mapping():
            return {"M": {key: to_attribute(entry) for key, entry in value.items()}}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return to_attribute(plain(value))
    raise TypeError(f"a {type(value).__name__} is not stored")


def from_attribute(attribute: Attribute) -> Any:
    """Return the value of one attribute; numbers are whole."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return int(str(value))
        case "B":
            return bytes(value)
        case "L":
            return [from_attribute(entry) for entry in value]
        case "M":
            return {name: from_attribute(entry) for name, entry in value.items()}
        case _:
            return value


def plain(record: Any) -> dict[str, Any]:
    """Return a record's fields by name, without those that are None: absent is how None is stored."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: value for name, value in values.items() if value is not None}


def connection_attributes(record: Connection) -> dict[str, Any]:
    """Return a connection's attributes, its key left out."""
    attributes = plain(record)
    del attributes["name"]
    for part in _PARTS:
        attributes |= plain(attributes.pop(part))
    return attributes


def connection_from(item: Item) -> Connection:
    """Read a connection; attributes that this version does not know are passed over."""
    app = from_attribute(item["pk"]).removeprefix(_APP_PREFIX)
    account = from_attribute(item["sk"]).removeprefix(_CONNECTION_PREFIX)
    parts = {part: kind(**_known(kind, item)) for part, kind in _PARTS.items()}
    return Connection(name=ConnectionName(app, account), **_known(Connection, item), **parts)


def authorization_attributes(record: Authorization) -> dict[str, Any]:
    """Return a pending authorization's attributes, its key left out."""
    attributes = plain(record)
    del attributes["key"]
    return {**attributes, "schema": SCHEMA, "ttl": authorization_ttl(record)}


def authorization_from(item: Item) -> Authorization:
    """Read a pending authorization."""
    app = from_attribute(item["pk"]).removeprefix(_APP_PREFIX)
    return Authorization(key=AuthorizationKey.parse(app, from_attribute(item["sk"])), **_known(Authorization, item))


def authorization_ttl(record: Authorization) -> int:
    """Return when DynamoDB may delete a pending authorization: an answer nobody finished stays for 30 days."""
    if record.sealed_answer is None:
        return record.expires_at + DAY
    return (record.received_at or record.expires_at) + KEPT_ANSWER


def schema_of(item: Item) -> int:
    """Return the schema version of an item."""
    return int(from_attribute(item["schema"])) if "schema" in item else SCHEMA


def _nested(kind: type[_Record]) -> Callable[[Any], _Record]:
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # dataclasses only, see _READ

    def read(stored: dict[str, Any]) -> _Record:
        return kind(**{name: _read(name, value) for name, value in stored.items() if name in names})

    return read


def _known(kind: type[Any], item: Item) -> dict[str, Any]:
    # A part's name is none of its record's attributes: `due` there is the mark of the index.
    names = {field.name for field in fields(kind)} - {"name", "key", *_PARTS}
    return {name: _read(name, from_attribute(item[name])) for name in names & item.keys()}


def _read(name: str, value: Any) -> Any:
    return _READ[name](value) if name in _READ else value


# The parts of a connection whose fields stand among its attributes, under their own names.
_PARTS: dict[str, type[Any]] = {"due": DueTimes, "authorized": AuthorizedBy, "consumer": ConsumerCopy}
# What an attribute becomes where it is not text, a number or bytes; no name means two things.
_READ: dict[str, Callable[[Any], Any]] = {
    "status": Status,
    "phase": Phase,
    "exemption": Exemption,
    "outcome": AuthorizationState,
    "attempt": _nested(Attempt),
    "earlier": tuple,
    "published": _nested(Published),
    "last_error": _nested(LastError),
    "missing_scopes": tuple,
    "history": lambda entries: tuple(map(_nested(HistoryEntry), entries)),
}
