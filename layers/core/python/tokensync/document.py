"""The published secret: a public contract. New fields may come, none changes its meaning."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant

VERSION = 1
_LARGEST = 65_536  # bytes, Secrets Manager's limit
LARGEST_ACCOUNT = 49_152  # bytes of the account's facts, fewer where tokens and scopes leave less


def document(record: Connection, grant: Grant) -> str:
    """Return the value of a connection's secret, JSON of version 1. The refresh token is not in it."""
    value = {
        "version": VERSION,
        "connection": str(record.name),
        "provider": record.provider,
        "app": record.name.app,
        "account_id": grant.account_id,
        "label": record.label,
        "access_token": grant.access_token.reveal(),
        "token_type": grant.token_type,
        "expires_at": grant.access_expires_at,
        "refresh_token_expires_at": grant.refresh_expires_at,
        "scopes": list(grant.scopes),
        "account": {},
        "generation": record.generation,
        "obtained_at": grant.obtained_at,
        "status": record.status,
        "owner": record.owner,
    }
    room = min(LARGEST_ACCOUNT, _LARGEST - _size(value))
    return json.dumps({**value, "account": cut(grant.account, room)})


def cut(facts: dict[str, Any], room: int = LARGEST_ACCOUNT) -> dict[str, Any]:
    """Return the facts, their longest cut first where they would not fit into `room` bytes, and marked as cut."""
    if _size(facts) <= room:
        return facts
    cut = {**facts, "truncated": True}
    while len(cut) > 1 and _size(cut) > room:
        longest = max((key for key in cut if key != "truncated"), key=lambda key: _size(cut[key]))
        value = cut[longest]
        if isinstance(value, list) and len(value) > 1:
            cut[longest] = value[: len(value) // 2]
        else:
            del cut[longest]
    return cut


def _size(value: object) -> int:
    return len(json.dumps(value))
