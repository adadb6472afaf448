"""Connection records by the names of their stored fields, which are flat."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from tokensync.domain.connection import AuthorizedBy, ConsumerCopy
from tokensync.domain.due_times import DueTimes

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection

_PARTS: dict[str, type[Any]] = {"due": DueTimes, "authorized": AuthorizedBy, "consumer": ConsumerCopy}


def flat(record: Connection) -> dict[str, Any]:
    """Return a record's fields by name, those of its parts among them."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    for part, kind in _PARTS.items():
        values |= {field.name: getattr(values[part], field.name) for field in fields(kind)}
        del values[part]
    return values


def changed(record: Connection, **changes: Any) -> Connection:
    """Return the record with other values of its fields or of its parts' fields."""
    for part, kind in _PARTS.items():
        inner = {field.name: changes.pop(field.name) for field in fields(kind) if field.name in changes}
        changes[part] = replace(getattr(record, part), **inner)
    return replace(record, **changes)
