from __future__ import annotations

import pytest

from field_rows import field
from tokensync.oauth.scopes import missing_scopes

GOOGLE, GRAPH = "https://www.googleapis.com/auth/", "https://graph.microsoft.com/"


def lack(asked: str, granted: str | None, *, refresh: bool = True, identity: bool = True) -> str:
    """Return what is missing, scopes written with a blank between them; the server answers with one text."""
    came = None if granted is None else tuple(granted.split(" ")) if granted else ()
    return " ".join(missing_scopes(asked.split(), came, has_refresh_token=refresh, has_id_token=identity))


@field("A10")
@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("a b", "b a"),
        ("a b", "b,a"),
        ("a b", "a+b"),
        ("a b", "a%20b"),
        ("a b", "a,  b more"),
        ("a", None),
        ("a b", ""),
        ("openid offline_access a", ""),
        ("user.read Mail.Send", f"User.Read {GRAPH}mail.send"),
        ("write_Products READ_products", "Write_products"),
        ("openid offline_access read", "read"),
        ("openid offline read", "read"),
        ("openid email profile", f"openid {GOOGLE}userinfo.email {GOOGLE}userinfo.profile"),
        (f"{GOOGLE}userinfo.email", "email"),
        (f"{GOOGLE}drive.file openid", f"{GOOGLE}drive.file"),
        ("https://mail.google.com/", "https://mail.google.com"),
        ("User.Read offline_access Mail.Send", f"{GRAPH}Mail.Send {GRAPH}User.Read"),
        (f"{GRAPH}User.Read", "User.Read profile email"),
        (f"{GRAPH}.default", f"{GRAPH}User.Read"),
        (".default", "User.Read"),
        ("api://7b/access_as_user", "access_as_user"),
        ("read_products write_products", "write_products"),
        ("unauthenticated_read_checkouts", "unauthenticated_write_checkouts"),
        ("user user:email repo", "repo,user"),
        ("read:org write:org", "admin:org"),
        ("r_liteprofile,w_member_social", "w_member_social r_liteprofile"),
    ],
)
def test_what_comes_back_spelled_in_another_way_is_there(asked: str, granted: str | None) -> None:
    """Order, separators, case, URLs, what a token of its own proves, what a granted scope includes, no scope at all."""
    assert "" == lack(asked, granted)


@field("A10")
@pytest.mark.parametrize(
    ("asked", "granted", "missing"),
    [
        ("a b", "a", "b"),
        ("write_products", "read_products", "write_products"),
        ("Mail.Send", f"{GRAPH}Mail.Read", "Mail.Send"),
        (f"{GRAPH}Mail.Send", "https://outlook.office.com/Mail.Send", f"{GRAPH}Mail.Send"),
        ("email", f"{GOOGLE}userinfo.profile", "email"),
        ("read:org", "read:user", "read:org"),
        ("read", "readonly", "read"),
    ],
)
def test_what_was_not_granted_is_missing(asked: str, granted: str, missing: str) -> None:
    """Another scope, another server, or another rank is another scope."""
    assert missing == lack(asked, granted)


@field("A10")
def test_without_its_token_a_scope_has_to_come_back() -> None:
    """No refresh token and no ID token came, and the server names the scopes that it granted."""
    assert "openid offline_access" == lack("openid offline_access a", "a", refresh=False, identity=False)
    assert "" == lack("openid offline_access a", "offline_access openid a", refresh=False, identity=False)
    assert "" == lack("openid offline_access a", None, refresh=False, identity=False)
