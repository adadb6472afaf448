from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import LastError, Status
from tokensync.operate.summary import summary

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection


def test_a_summary_tells_names_times_and_states(record: Connection, now: int) -> None:
    """An operator sees every field of `tokensync list`, times in Unix seconds or null."""
    shown = summary(replace(record.with_due(next_at=now + 60), status=Status.HELD, reason="ambiguous"), prefix="stack")

    assert json.loads(json.dumps(shown)) == {
        "connection": "shop/account-1",
        "app": "shop",
        "provider": "by_the_book",
        "account_id": "account-1",
        "label": "Acme GmbH",
        "status": "held",
        "reason": "ambiguous",
        "why": "held: it is not known whether its refresh token is spent; one last attempt is made before its access "
        "token ends",
        "next": "tokensync show shop/account-1",
        "generation": 3,
        "access_expires_at": now + 7200,
        "refresh_expires_at": now + 90 * 86_400,
        "due_at": now + 60,
        "verified_at": None,
        "owner": "tokensync",
        "pushed": None,
        "missing_scopes": [],
        "removed_at": None,
        "last_error": None,
        "secret": "stack/tokens/shop/account-1",
    }


def test_a_summary_tells_the_last_error(record: Connection) -> None:
    """The last failure stands under its class, as the command line's contract names it."""
    error = LastError(failure="refused", code="36004005", message="unknown", trace_id="t-1", at=9)

    assert summary(replace(record, last_error=error), prefix="stack")["last_error"] == {
        "class": "refused",
        "code": "36004005",
        "message": "unknown",
        "trace_id": "t-1",
        "at": 9,
    }


def test_a_summary_holds_nothing_sealed(record: Connection) -> None:
    """Neither the grant nor an answer gets into a summary, sealed or not."""
    assert "sealed" not in repr(summary(record, prefix="stack"))
