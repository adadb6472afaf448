"""The rules of codes and tokens that an app's settings choose."""

from __future__ import annotations

from typing import Any

import pytest

from tokensync_cli.sandbox.apps import App, Settings
from tokensync_cli.sandbox.credentials import Pair, RefusedError
from tokensync_cli.sandbox.grants import Grants
from tokensync_cli.sandbox.ledger import Issued
from tokensync_cli.sandbox.mint import Mint, digest

NOW = 1_000.0


class Server:
    """The grants of one app."""

    def __init__(self, grants: Grants | None = None, **settings: Any) -> None:
        self.grants = grants or Grants(Mint())
        self.app = App(provider="p", app_key="k", app_secret="s", settings=Settings(**settings))

    def authorize(self, end: int | None = 10_000) -> str:
        """Return a new code."""
        return self.grants.authorize(
            self.app, account="a", prefix="ROW_", scopes=("x",), now=NOW, refresh_expires_at=end
        )

    def pair(self, end: int | None = 10_000, **options: Any) -> Pair:
        """Return a first pair."""
        return self.grants.exchange(self.app, self.authorize(end), NOW, **options)

    def refresh(self, token: str | None, now: float = NOW) -> Pair:
        """Return the next pair."""
        return self.grants.refresh(self.app, str(token), now)


def refused(call: Any, *arguments: Any) -> str:
    """Return why a call was refused."""
    with pytest.raises(RefusedError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize("detects", [True, False])
def test_reuse_detection_revokes_the_family(detects: object) -> None:
    """With detection, a spent refresh token or code presented again ends all that came from it; without, nothing."""
    s = Server(reuse_detection=detects)
    first = s.pair()
    by_refresh = s.refresh(first.refresh_token)
    assert refused(s.refresh, first.refresh_token) == "used"
    code = s.authorize()
    by_code = s.grants.exchange(s.app, code, NOW)
    assert refused(s.grants.exchange, s.app, code, NOW) == "used"
    for pair in (by_refresh, by_code):
        if detects:
            assert refused(s.grants.access, pair.access_token, NOW) == "revoked"
            assert refused(s.refresh, pair.refresh_token) == "revoked"
        else:
            assert s.grants.access(pair.access_token, NOW)
            assert s.refresh(pair.refresh_token)


def test_grace_lets_the_old_token_live_on_for_a_while() -> None:
    """Within the grace period, counted from its first use, the old refresh token gives another pair; then it dies."""
    s = Server(refresh_reuse="grace", grace_seconds=30)
    old = s.pair().refresh_token
    new = s.refresh(old).refresh_token
    assert s.refresh(old, NOW + 29).refresh_token not in (old, new)
    assert refused(s.refresh, old, NOW + 30) == "used"
    assert s.refresh(new, NOW + 31)


def test_safe_tokens_do_not_rotate() -> None:
    """A safe refresh returns the same refresh token and a new access token, as often as asked."""
    s = Server(refresh_reuse="safe")
    token = s.pair().refresh_token
    again = [s.refresh(token) for _ in range(3)]
    assert ({token}, 3) == ({pair.refresh_token for pair in again}, len({pair.access_token for pair in again}))


@pytest.mark.parametrize("dies", [False, True])
def test_whether_the_old_access_token_survives_is_set(dies: object) -> None:
    """A refresh ends the earlier access token, or a new authorization the earlier one, by the app's setting alone."""
    s = Server(old_access_token_dies=dies, reauthorization_replaces=dies)
    first = s.pair()
    second = s.refresh(first.refresh_token)
    third = s.pair()
    if dies:
        assert refused(s.grants.access, first.access_token, NOW) == "revoked"
        assert refused(s.refresh, second.refresh_token) == "revoked"
        latest = s.refresh(third.refresh_token)
        assert refused(s.grants.access, third.access_token, NOW) == "expired"
        assert s.grants.access(latest.access_token, NOW)
    else:
        assert s.grants.access(first.access_token, NOW)
        assert s.refresh(second.refresh_token)
        assert s.refresh(third.refresh_token)


def test_access_token_ends_by_time_and_by_revocation() -> None:
    """An access token works until its expiry or the revocation; a code of an earlier consent ends as well."""
    s = Server(access_token_seconds=60)
    pair, code = s.pair(), s.authorize()
    assert (NOW + 60, "a") == (pair.access_expires_at, s.grants.access(pair.access_token, NOW + 59).account)
    assert refused(s.grants.access, pair.access_token, NOW + 60) == "expired"
    assert refused(s.grants.access, "never", NOW) == "unknown"
    assert (2, 0) == (s.grants.revoke("p", "k", "a"), s.grants.revoke("p", "k", "a"))
    assert refused(s.grants.access, pair.access_token, NOW) == "revoked"
    assert refused(s.grants.exchange, s.app, code, NOW) == "revoked"


def test_tokens_may_have_no_end_and_a_refresh_may_extend() -> None:
    """Neither token of an app that sets no lives ever expires; with an end, a refresh moves it where set."""
    s = Server(access_token_seconds=None, refresh_token_seconds=None)
    pair = s.pair(None)
    assert (None, None) == (pair.access_expires_at, pair.authorization.refresh_expires_at)
    assert s.grants.access(pair.access_token, 1e12)
    assert s.refresh(pair.refresh_token, 1e12)
    extending = Server(refresh_extends=True, refresh_token_seconds=500)
    moved = extending.refresh(extending.pair().refresh_token, NOW + 100)
    assert moved.authorization.refresh_expires_at == NOW + 600
    assert refused(extending.refresh, moved.refresh_token, NOW + 600) == "expired"
    fixed = Server()
    assert fixed.refresh(fixed.pair().refresh_token, 9_000.0).authorization.refresh_expires_at == 10_000


def test_kept_records_restore_and_hold_no_credential() -> None:
    """What is kept is enough to go on, and holds digests alone; looking up whose a credential is spends nothing."""
    s = Server()
    code, pair = s.authorize(), s.pair()
    secrets = [code, pair.access_token, str(pair.refresh_token)]
    assert not any(secret in repr(s.grants.kept()) + repr(pair) for secret in secrets)
    restored = Server(Grants(Mint(), s.grants.kept()))
    assert ["a"] * 3 == [restored.grants.owner(secret).account for secret in secrets]  # type: ignore[union-attr] # the assertion
    assert restored.grants.owner("never") is None
    assert restored.grants.exchange(restored.app, code, NOW)
    assert restored.refresh(pair.refresh_token)


def test_a_token_may_come_alone() -> None:
    """Where nothing can be refreshed there is no refresh token, and the ledger shows so."""
    alone = Server().pair(refreshable=False)
    assert (None, Issued(access_token=digest(alone.access_token), refresh_token=None)) == (
        alone.refresh_token,
        alone.issued,
    )


def test_one_authorization_can_be_ended_alone() -> None:
    """Ending one leaves the account's others; the newest is found whether it is ended or not."""
    s = Server()
    old, new = s.pair(), s.pair()
    s.grants.end(new.authorization)
    assert refused(s.grants.access, new.access_token, NOW) == "revoked"
    assert s.grants.access(old.access_token, NOW)
    latest = s.grants.latest("p", "k", "a")
    assert (latest and latest.id, latest and latest.revoked) == (new.authorization.id, True)
    assert s.grants.latest("p", "k", "b") is None
