"""A connection as operators see it: names, times and states, and no secret."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tokensync.condition import condition
from tokensync.domain.names import token_secret_name

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection, LastError


def summary(record: Connection, *, prefix: str, paused: str = "") -> dict[str, Any]:
    """Return what `tokensync list` and `show` print of a connection; times in Unix seconds or None.

    `reason`, `why` and `next` tell what keeps it from being simply active, `paused` why its app is paused.
    """
    told = condition(record, paused=paused)
    return {
        "connection": str(record.name),
        "app": record.name.app,
        "provider": record.provider,
        "account_id": record.name.account,
        "label": record.label,
        "status": record.status.value,
        "reason": record.reason or (told.word if told is not None else ""),
        "why": told.why if told is not None else "",
        "next": told.command(record.name) if told is not None else "",
        "generation": record.generation,
        "access_expires_at": record.access_expires_at,
        "refresh_expires_at": record.refresh_expires_at,
        "due_at": record.next_at,
        "verified_at": record.verified_at,
        "owner": record.owner,
        "pushed": record.pushed or None,
        "missing_scopes": list(record.missing_scopes),
        "removed_at": record.removed_at,
        "last_error": None if record.last_error is None else _told(record.last_error),
        "secret": token_secret_name(prefix, record.name),
    }


def _told(error: LastError) -> dict[str, Any]:
    told = asdict(error)
    told["class"] = str(told.pop("failure"))
    return told
