"""The providers' notices that had their effect, in DynamoDB, see `tokensync.domain.ports.Notices`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.aws.items import KEPT_NOTICE, notice_key
from tokensync.domain.connection import SCHEMA

if TYPE_CHECKING:
    from tokensync.aws.dynamodb import DynamoTable


class DynamoNotices:
    """One item for each notice, which DynamoDB deletes some time after 7 days."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def seen(self, app: str, notice: str) -> bool:
        """Return whether this notice was noted."""
        return self._table.get(notice_key(app, notice)) is not None

    def note(self, app: str, notice: str, *, now: int) -> None:
        """Note that a notice had its effect."""
        self._table.put(notice_key(app, notice), {"schema": SCHEMA, "at": now, "ttl": now + KEPT_NOTICE})
