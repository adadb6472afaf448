"""A connection as operators see it; every state but the plain one has a word, a sentence and a next command."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.records import changed
from tokensync.domain.app_state import AppState, PauseKind
from tokensync.domain.connection import QUOTA, UNAVAILABLE, LastError, Reason, Status
from tokensync.domain.names import ConnectionName
from tokensync.operate.pauses import pause_of
from tokensync.operate.summary import condition, summary

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection


def test_a_summary_tells_names_times_and_states(record: Connection, now: int) -> None:
    """An operator sees every field of `tokensync list`, times in Unix seconds or null, and nothing that is sealed."""
    shown = summary(replace(record.with_due(next_at=now + 60), status=Status.HELD, reason="ambiguous"), prefix="stack")

    assert "sealed" not in repr(shown)
    assert None is condition(record)
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


def test_a_refusal_of_the_app_has_a_hint(record: Connection) -> None:
    """Where an operator can mend it: by the provider's own file, and not where a seller's token was refused."""
    error = LastError(failure="configuration", code="40101", message="no match", trace_id="t-1", at=9)
    ads = replace(record, provider="tiktok_ads")

    def hint(of: Connection, **changed: str) -> object:
        shown = summary(replace(of, last_error=replace(error, **changed)), prefix="stack")["last_error"]
        return shown.get("hint")

    assert "the app id and the secret do not belong together" == hint(ads)
    assert (None, None) == (hint(ads, failure="refused"), hint(replace(record, provider="unknown_here")))


def test_a_summary_tells_the_last_error(record: Connection) -> None:
    """The last failure has its class, as the command line's contract names it."""
    error = LastError(failure="refused", code="36004005", message="unknown", trace_id="t-1", at=9)

    assert summary(replace(record, last_error=error), prefix="stack")["last_error"] == {
        "class": "refused",
        "code": "36004005",
        "message": "unknown",
        "trace_id": "t-1",
        "at": 9,
    }


@pytest.mark.parametrize(
    ("change", "word", "following"),
    [
        ({"status": Status.HELD, "reason": "ambiguous"}, "ambiguous", "tokensync show {}"),
        ({"status": Status.HELD, "reason": "refused"}, "refused", "tokensync app show shop"),
        ({"status": Status.HELD, "reason": "other_account"}, "other_account", "tokensync remove {}"),
        (
            {"status": Status.HELD, "reason": "last_attempt_ambiguous"},
            "last_attempt_ambiguous",
            "tokensync refresh {} --force",
        ),
        ({"status": Status.REAUTHORIZE, "reason": "refused"}, "refused", "tokensync invite shop --for {}"),
        ({"status": Status.REAUTHORIZE, "reason": "ended"}, "ended", "tokensync invite shop --for {}"),
        ({"status": Status.DISCONNECTED, "reason": "deauthorized"}, "disconnected", "tokensync invite shop --for {}"),
        ({"status": Status.DISCONNECTED, "reason": "revoked"}, "revoked", "tokensync invite shop --for {}"),
        ({"status": Status.DISCONNECTED, "reason": Reason.REMOVED}, "half_removed", "tokensync remove {}"),
        ({"status": Status.ORPHANED, "reason": "gone"}, "orphaned", "tokensync publish {}"),
        ({"status": Status.QUARANTINED}, "quarantined", "tokensync accept {}"),
        (
            {"status": Status.QUARANTINED, "reason": "restored_table"},
            "restored_table",
            "tokensync invite shop --for {}",
        ),
        ({"unpublished": QUOTA}, "unpublished_quota", "tokensync publish {}"),
        ({"unpublished": UNAVAILABLE}, "unpublished", "tokensync publish {}"),
        ({"handed_over_at": 1}, "given_away", "tokensync invite shop --for {}"),
        ({"obtained_at": None}, "not_proved", "tokensync refresh {}"),
        ({"failures": 2, "last_error": LastError("busy", "503", "", "", 1)}, "retried", "tokensync show {}"),
        ({"failures": 2}, "postponed", "tokensync show {}"),
        ({"removed_at": 1}, "removed", "tokensync history {}"),
    ],
)
def test_every_state_has_its_command(record: Connection, change: dict[str, Any], word: str, following: str) -> None:
    """The words say why, and the command is one that a shell takes, whatever the account is called."""
    name = ConnectionName("shop", "an account; it's odd")
    seen = condition(changed(record, name=name, **change))

    assert seen is not None
    assert (word, following.format(shlex.quote(str(name)))) == (seen.word, str(seen.command(name)))
    assert seen.why == seen.why.strip().rstrip(".")


def test_a_paused_app_is_named_with_its_active_connections(record: Connection) -> None:
    """What is worse comes first."""
    state = AppState(name="shop", provider="p", paused="invalid_client", paused_kind=PauseKind.CONFIGURATION)
    pause = pause_of(state)
    paused = condition(record, paused=pause)
    held = condition(replace(record, status=Status.HELD, reason="ambiguous"), paused=pause)

    assert paused is not None
    assert ("app_paused", "tokensync app rotate-secret shop") == (paused.word, str(paused.command(record.name)))
    assert "invalid_client" in paused.why
    assert held is not None
    assert "ambiguous" == held.word
