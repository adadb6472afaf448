from typing import Any

import pytest

from tokensync_cli.sandbox.apps import App, Settings
from tokensync_cli.sandbox.credentials import Binding, Pair, RefusedError
from tokensync_cli.sandbox.grants import Grants
from tokensync_cli.sandbox.ledger import Issued
from tokensync_cli.sandbox.mint import Mint, digest

NOW = 1_000.0


def app(key: str = "k", **settings: Any) -> App:
    return App(provider="p", app_key=key, app_secret="s", service_id="1", settings=Settings(**settings))


def grants() -> Grants:
    return Grants(Mint())


def authorize(to: Grants, of: App, account: str = "a") -> str:
    return to.authorize(of, account=account, prefix="ROW_", scopes=("x",), now=NOW, refresh_expires_at=10_000)


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        call(*arguments)
    return str(caught.value)


def first_pair(to: Grants, of: App) -> Pair:
    return to.exchange(of, authorize(to, of), NOW)


def test_a_code_works_once() -> None:
    """The second exchange of a code is refused, the pair of the first stands."""
    g, a = grants(), app()
    code = authorize(g, a)
    pair = g.exchange(a, code, NOW)
    assert refused(g.exchange, a, code, NOW) == "used"
    assert g.refresh(a, pair.refresh_token, NOW)


def test_a_code_ends_and_is_bound_to_its_app() -> None:
    """A code is refused after its time, to another app, and when it was never given."""
    g, a = grants(), app(code_seconds=1800)
    code = authorize(g, a)
    assert refused(g.exchange, app("other"), code, NOW) == "unknown"
    assert refused(g.exchange, a, code, NOW + 1800) == "expired"
    assert refused(g.exchange, a, "null", NOW) == "unknown"
    assert g.exchange(a, code, NOW + 1799)


def test_single_use_refresh_token_dies_at_commit() -> None:
    """A refresh token gives one pair; the new one continues."""
    g, a = grants(), app()
    old = first_pair(g, a).refresh_token
    new = g.refresh(a, old, NOW).refresh_token
    assert new != old
    assert refused(g.refresh, a, old, NOW) == "used"
    assert g.refresh(a, new, NOW)


def test_reuse_detection_revokes_the_family() -> None:
    """With detection, a replaced refresh token presented again ends its successor too."""
    g, a = grants(), app(reuse_detection=True)
    old = first_pair(g, a).refresh_token
    new = g.refresh(a, old, NOW)
    assert refused(g.refresh, a, old, NOW) == "used"
    assert refused(g.refresh, a, new.refresh_token, NOW) == "revoked"
    assert refused(g.access, new.access_token, NOW) == "revoked"


def test_reuse_detection_covers_codes() -> None:
    """With detection, a spent code presented again ends what it gave (RFC 6749 section 4.1.2)."""
    g, a = grants(), app(reuse_detection=True)
    code = authorize(g, a)
    pair = g.exchange(a, code, NOW)
    assert refused(g.exchange, a, code, NOW) == "used"
    assert refused(g.refresh, a, pair.refresh_token, NOW) == "revoked"


def test_grace_lets_the_old_token_live_on_for_a_while() -> None:
    """Within the grace period the old refresh token gives another pair, counted from its first use; then it is dead."""
    g, a = grants(), app(refresh_reuse="grace", grace_seconds=30)
    old = first_pair(g, a).refresh_token
    new = g.refresh(a, old, NOW).refresh_token
    assert g.refresh(a, old, NOW + 29).refresh_token not in (old, new)
    assert refused(g.refresh, a, old, NOW + 30) == "used"
    assert g.refresh(a, new, NOW + 31)


def test_safe_tokens_do_not_rotate() -> None:
    """A safe refresh returns the same refresh token and a new access token, as often as asked."""
    g, a = grants(), app(refresh_reuse="safe")
    pair = first_pair(g, a)
    again = [g.refresh(a, pair.refresh_token, NOW) for _ in range(3)]
    assert {p.refresh_token for p in again} == {pair.refresh_token}
    assert len({p.access_token for p in again}) == 3


def test_refresh_expiry_counts_from_the_authorization() -> None:
    """A refresh never moves the end of the authorization."""
    g, a = grants(), app()
    pair = first_pair(g, a)
    later = g.refresh(a, pair.refresh_token, 9_000.0)
    assert later.authorization.refresh_expires_at == 10_000
    assert refused(g.refresh, a, later.refresh_token, 10_000.0) == "expired"


def test_access_token_ends_by_time_and_by_revocation() -> None:
    """An access token stands until its expiry or the revocation of its authorization."""
    g, a = grants(), app(access_token_seconds=60)
    pair = first_pair(g, a)
    assert pair.access_expires_at == NOW + 60
    assert g.access(pair.access_token, NOW + 59).account == "a"
    assert refused(g.access, pair.access_token, NOW + 60) == "expired"
    assert refused(g.access, "never", NOW) == "unknown"
    assert g.revoke("p", "k", "a") == 1
    assert refused(g.access, pair.access_token, NOW) == "revoked"
    assert g.revoke("p", "k", "a") == 0


def test_old_access_token_survives_unless_set() -> None:
    """Whether a refresh ends the earlier access token is the app's setting."""
    for dies in (False, True):
        g, a = grants(), app(old_access_token_dies=dies)
        pair = first_pair(g, a)
        g.refresh(a, pair.refresh_token, NOW)
        if dies:
            assert refused(g.access, pair.access_token, NOW) == "expired"
        else:
            assert g.access(pair.access_token, NOW)


def test_a_new_authorization_stands_beside_the_old_unless_set() -> None:
    """Two authorizations of one account coexist, or the newer one ends the older, by the app's setting."""
    for replaces in (False, True):
        g, a = grants(), app(reauthorization_replaces=replaces)
        old = first_pair(g, a)
        new = first_pair(g, a)
        if replaces:
            assert refused(g.refresh, a, old.refresh_token, NOW) == "revoked"
        else:
            assert g.refresh(a, old.refresh_token, NOW)
        assert g.refresh(a, new.refresh_token, NOW)


def test_a_revoked_consent_has_no_use_for_its_code() -> None:
    """Revoking before the exchange refuses the code."""
    g, a = grants(), app()
    code = authorize(g, a)
    g.revoke("p", "k", "a")
    assert refused(g.exchange, a, code, NOW) == "revoked"


def test_kept_records_restore_and_hold_no_credential() -> None:
    """What is kept is enough to go on, and holds digests alone."""
    g, a = grants(), app()
    code = authorize(g, a)
    pair = first_pair(g, a)
    text = repr(g.kept())
    assert not any(secret in text for secret in (code, pair.access_token, pair.refresh_token))
    restored = Grants(Mint(), g.kept())
    assert restored.exchange(a, code, NOW)
    assert restored.refresh(a, pair.refresh_token, NOW)
    assert restored.access(pair.access_token, NOW)


def test_pair_has_no_secret_in_its_repr() -> None:
    """The repr of a pair names neither token."""
    pair = first_pair(grants(), app())
    assert pair.access_token not in repr(pair)
    assert pair.refresh_token not in repr(pair)


def test_owner_is_known_without_spending() -> None:
    """Looking up whose a credential is leaves it unspent."""
    g, a = grants(), app()
    code = authorize(g, a)
    found = g.owner(code)
    assert found is not None
    assert found.account == "a"
    assert g.exchange(a, code, NOW)
    assert g.owner("never") is None


def test_a_code_is_tied_to_its_request() -> None:
    """A request that does not fit what the code is bound to is refused, and the code stays good."""
    g, a = grants(), app()
    bound = Binding(redirect_uri="http://a/", challenge="c", method="S256")
    code = g.authorize(
        a, account="a", prefix="", scopes=(), now=NOW, refresh_expires_at=None, binding=bound, ending="*!"
    )
    assert code.endswith("*!")
    assert refused(g.exchange, a, code, NOW, lambda binding: binding != bound) == "mismatch"
    assert g.exchange(a, code, NOW, lambda binding: binding == bound)


def test_tokens_may_have_no_end() -> None:
    """Neither token of an app that sets no lives ever expires."""
    g, a = grants(), app(access_token_seconds=None, refresh_token_seconds=None)
    pair = g.issue(a, account="a", prefix="", scopes=(), now=NOW, refresh_expires_at=None)
    assert (pair.access_expires_at, pair.authorization.refresh_expires_at) == (None, None)
    assert g.access(pair.access_token, 1e12)
    assert g.refresh(a, str(pair.refresh_token), 1e12)


def test_a_token_may_come_alone() -> None:
    """Where nothing can be refreshed there is no refresh token, and the ledger is told so."""
    g, a = grants(), app()
    alone = g.exchange(a, authorize(g, a), NOW, refreshable=False)
    assert alone.refresh_token is None
    assert alone.issued == Issued(access_token=digest(alone.access_token), refresh_token=None)


def test_a_refresh_extends_where_set() -> None:
    """The end of the authorization moves with each refresh, by the app's setting."""
    g, a = grants(), app(refresh_extends=True, refresh_token_seconds=500)
    pair = g.refresh(a, str(first_pair(g, a).refresh_token), NOW + 100)
    assert pair.authorization.refresh_expires_at == NOW + 600
    assert refused(g.refresh, a, pair.refresh_token, NOW + 600) == "expired"


def test_one_authorization_can_be_ended_alone() -> None:
    """Ending one leaves the account's others; the newest is found whether it stands or not."""
    g, a = grants(), app()
    old, new = first_pair(g, a), first_pair(g, a)
    g.end(new.authorization)
    assert refused(g.access, new.access_token, NOW) == "revoked"
    assert g.access(old.access_token, NOW)
    latest = g.latest("p", "k", "a")
    assert latest is not None
    assert (latest.id, latest.revoked) == (new.authorization.id, True)
    assert g.latest("p", "k", "b") is None
