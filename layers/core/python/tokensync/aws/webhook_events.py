"""The webhook events that had their effect, in DynamoDB, see `tokensync.domain.ports.WebhookEvents`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.aws.items import KEPT_WEBHOOK_EVENT, webhook_event_key
from tokensync.domain.connection import SCHEMA

if TYPE_CHECKING:
    from tokensync.aws.dynamodb import DynamoTable


class DynamoWebhookEvents:
    """One item for each event, which DynamoDB deletes some time after 7 days."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def seen(self, app: str, webhook_event: str) -> bool:
        return self._table.get(webhook_event_key(app, webhook_event)) is not None

    def note(self, app: str, webhook_event: str, *, now: int) -> None:
        self._table.put(
            webhook_event_key(app, webhook_event), {"schema": SCHEMA, "at": now, "ttl": now + KEPT_WEBHOOK_EVENT}
        )
