"""`invite`, `connect`, `paste`."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fakes.world import ACCOUNT, APP, NAME
from field_rows import field
from tokensync.domain.app_state import PauseKind
from tokensync.domain.errors import AlreadyConsumed


def test_an_invite_is_a_link_that_the_callback_takes(desk: Any) -> None:
    """It is signed with the stack's key, and expires when it says."""
    told = desk.json("invite", APP, "--label", "Acme GmbH", "--expires", "12h")

    parts = urlsplit(told["url"])
    assert f"https://connect.example/connect/{APP}" == f"{parts.scheme}://{parts.netloc}{parts.path}"
    text = parse_qs(parts.query)["invite"][0]
    invite = desk.world.signer.read_invite(text, app=APP, now=desk.world.clock.now())
    assert ("Acme GmbH", told["expires_at"]) == (invite.label, invite.expires_at)
    assert desk.world.clock.now() + 12 * 3600 == told["expires_at"]
    desk.authorize(told["url"])
    assert "active" == desk.world.document()["status"]


def test_an_invite_prints_the_link_alone(desk: Any) -> None:
    """Stdout is the link, for `$(tokensync invite …)`; each one differs."""
    first, second = desk.run("invite", APP), desk.run("invite", APP)

    assert first.stdout.startswith(f"https://connect.example/connect/{APP}?invite=")
    assert 1 == len(first.stdout.splitlines())
    assert first.stdout != second.stdout
    assert "expires in 7 d" in first.stderr


def test_an_invite_for_a_connection(desk: Any) -> None:
    """It names the account; the connection must exist and belong to the app."""
    desk.world.connected()

    url = desk.json("invite", APP, "--for", str(NAME))["url"]

    text = parse_qs(urlsplit(url).query)["invite"][0]
    assert ACCOUNT == desk.world.signer.read_invite(text, app=APP, now=desk.world.clock.now()).for_account
    assert 3 == desk.error("invite", APP, "--for", f"{APP}/nobody")[0]
    assert 2 == desk.error("invite", APP, "--for", "other/1")[0]
    assert 2 == desk.error("invite", APP, "--for", "nonsense")[0]


def test_connect_waits_for_the_seller(desk: Any) -> None:
    """It opens the link, and ends when it has made a connection."""
    desk.at_the_browser = desk.authorize

    result = desk.run("connect", APP)

    assert 0 == result.exit_code
    assert f"{NAME} is connected: Acme GmbH, generation 1.\n" == result.stdout
    assert f"Next: tokensync token {NAME}" in result.stderr


def test_connect_as_json(desk: Any) -> None:
    """The connection's summary; a renewed connection counts as well as a new one."""
    desk.world.connected()
    desk.world.clock.advance(10)
    desk.at_the_browser = desk.authorize

    told = desk.json("connect", APP, "--for", str(NAME))

    assert (str(NAME), 2) == (told["connection"], told["generation"])


def test_connect_without_a_browser_shows_the_link(desk: Any) -> None:
    """Under --json too, on stderr; nobody comes, and after the timeout it may be tried again."""
    result = desk.run("connect", APP, "--no-browser", "--timeout", "30s", "--json")

    *_, link, error = result.stderr.splitlines()
    assert 5 == result.exit_code
    assert link.startswith("https://connect.example/connect/")
    assert "NotYet" == json.loads(error)["error"]["class"]
    assert [] == desk.opened
    assert 30 == sum(desk.world.clock.slept)


def test_a_refresh_meanwhile_is_no_new_connection(desk: Any) -> None:
    """A generation that grows by the schedule does not end the waiting."""
    desk.world.connected()
    desk.at_the_browser = lambda _url: desk.world.run()

    assert 5 == desk.error("connect", APP, "--timeout", "5s")[0]


def test_connect_tells_of_another_account(desk: Any) -> None:
    """An account that was not asked for is quarantined, and that is said at once."""
    desk.world.connected()
    desk.world.shop.account = "another"
    desk.at_the_browser = desk.authorize

    code, error = desk.error("connect", APP, "--for", str(NAME))

    assert (4, "Quarantined", f"tokensync accept {APP}/another") == (code, error["class"], error["next"])


def test_paste_exchanges_a_code(desk: Any) -> None:
    """A redirect URL from stdin becomes a connection."""
    url = f"https://connect.example/callback/{APP}?code=code-1&app_key=29a39d"

    assert {"outcome": "connected", "connection": str(NAME)} == desk.json("paste", APP, stdin=f"{url}\n")
    assert ["code-1"] == desk.world.shop.ledger


def test_paste_asks_on_a_terminal(desk: Any) -> None:
    """One line will do there."""
    desk.is_interactive = True

    result = desk.run("paste", APP, stdin="code-1\nmore\n")

    assert 0 == result.exit_code
    assert "Redirect URL or code" in result.output
    assert ["code-1"] == desk.world.shop.ledger


@field("A3")
def test_a_pasted_address_may_hold_what_nobody_reads(desk: Any) -> None:
    """The command line reads it as the function does."""
    junk = "&shop_name=100%&scope=a&scope=b&error_description=%0d%0a"
    url = f"https://connect.example/callback/{APP}?code=code-1{junk}"

    assert "connected" == desk.json("paste", APP, stdin=f"{url}\n")["outcome"]


def test_a_code_is_pasted_once(desk: Any) -> None:
    """The second time the seller has to come again, and nothing is presented."""
    desk.json("paste", APP, stdin="code-1")

    code, error = desk.error("paste", APP, stdin="code-1")

    assert (4, AlreadyConsumed.__name__, f"tokensync invite {APP}") == (code, error["class"], error["next"])
    assert ["code-1"] == desk.world.shop.ledger


def test_an_invite_of_a_paused_app_warns(desk: Any) -> None:
    """The link is good, but not yet: people read it on stderr, programs in the result."""
    desk.world.apps.pause(APP, kind=PauseKind.CONFIGURATION, why="invalid_client", now=1)
    result, as_json = desk.run("invite", APP), desk.run("invite", APP, "--json")

    why = "the provider refuses its own credentials: invalid_client"
    assert (0, True) == (result.exit_code, f"{APP} is paused: {why}." in result.stderr)
    assert ("invalid_client", "") == (json.loads(as_json.stdout)["paused"], as_json.stderr)


def test_an_invite_of_an_app_whose_connections_are_refused_works(desk: Any) -> None:
    """A new authorization is what may end that."""
    desk.world.apps.pause(APP, kind=PauseKind.REFUSED, why="refused", now=1)

    assert "is paused" not in desk.run("invite", APP).stderr
