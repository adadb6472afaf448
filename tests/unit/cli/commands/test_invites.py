"""`invites revoke`, also spelled `invite revoke`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from fakes.visitors import Browser
from fakes.world import APP, NAME
from fault_rows import fault
from tokensync.domain.invite_use import InviteState

ENDED, REFUSED = "This link does not work any more", "This invitation cannot be used"
ID = "8f0c41d27a93e65b1d4f7c20a9e3b658"


def opened(desk: Any, url: str) -> tuple[int, str]:
    """Open a link in a browser that was never here."""
    page = Browser(desk.world).connect(urlsplit(url).query)
    return page.status, page.body


@fault("C15")
@pytest.mark.parametrize("spelling", ["invite", "invites"])
def test_an_invite_that_was_revoked_connects_nobody(desk: Any, spelling: str) -> None:
    """By the id that `invite` printed, opened or not, in either spelling; once more is the same."""
    made = desk.json("invite", APP, "--label", "Acme GmbH")
    shown = desk.run(spelling, "revoke", made["id"])

    assert (0, f"{made['id']} is revoked: nobody connects through it any more.\n") == (shown.exit_code, shown.stdout)
    assert {"id": made["id"], "app": APP, "state": "revoked"} == desk.json(spelling, "revoke", made["id"])
    status, body = opened(desk, made["url"])
    assert (403, True) == (status, ENDED in body)


def test_a_seller_on_the_consent_page_of_a_revoked_invite(desk: Any) -> None:
    """The code that comes back goes nowhere, and the page says whom to ask."""
    made, browser = desk.json("invite", APP), Browser(desk.world)
    browser.connect(urlsplit(made["url"]).query)
    desk.json("invites", "revoke", made["id"].partition("/")[2], "--app", APP)
    back = browser.back()

    assert (403, []) == (back.status, desk.world.shop.ledger)
    assert "Ask the person who sent it" in back.body


def test_an_invite_that_was_used_says_by_which_connection(desk: Any) -> None:
    """It ends with a failure: revoking that connection is the next command."""
    made = desk.json("invite", APP)
    desk.authorize(made["url"])
    code, error = desk.error("invite", "revoke", made["id"])

    assert (1, "InviteUsed", f"tokensync revoke {NAME}") == (code, error["class"], error["next"])
    assert f"{NAME} is connected through it" in error["message"]


def test_an_invite_of_which_a_connection_is_being_made(desk: Any) -> None:
    """That is said, and what came of it as soon as it is known."""
    made = desk.json("invite", APP)
    world, browser = desk.world, Browser(desk.world)
    browser.connect(urlsplit(made["url"]).query)
    with world.dies_at("exchange.held"):
        browser.back()
    code, error = desk.error("invites", "revoke", made["id"])

    assert (5, "InviteInUse", f"tokensync invites revoke {made['id']}") == (code, error["class"], error["next"])
    world.settle(ticks=5)
    assert "revoked" == desk.json("invites", "revoke", made["id"])["state"]
    assert (None, ["code-1"]) == (world.connections.get(NAME), world.shop.ledger)


@fault("C15")
def test_all_invites_end_at_once(desk: Any) -> None:
    """Those that were sent, and whoever is at the provider; a result page renews none, and a new one works."""
    sent, begun = desk.json("invite", APP), desk.json("invite", APP)
    browser = Browser(desk.world)
    browser.authorize(urlsplit(begun["url"]).query, "error=access_denied")
    assert 'id="again"' in browser.result().body
    browser.connect(urlsplit(begun["url"]).query)
    told = desk.json("invites", "revoke", "--all", "--yes")

    assert {"revoked": "all", "new_links_work_within": 30} == told
    assert (403, True) == (opened(desk, sent["url"])[0], REFUSED in opened(desk, sent["url"])[1])
    assert (400, []) == (browser.back().status, desk.world.shop.ledger)
    assert 'id="again"' not in browser.result().body
    assert 302 == opened(desk, desk.json("invite", APP)["url"])[0]


def test_ending_all_is_confirmed(desk: Any) -> None:
    """Without a terminal and --yes nothing is done."""
    made = desk.json("invite", APP)
    code, error = desk.error("invites", "revoke", "--all")

    assert (2, "tokensync invites revoke --all --yes") == (code, error["next"])
    assert 302 == opened(desk, made["url"])[0]
    desk.is_interactive = True
    assert 1 == desk.run("invites", "revoke", "--all", stdin="n\n").exit_code
    assert 302 == opened(desk, made["url"])[0]
    assert 0 == desk.run("invite", "revoke", "--all", stdin="y\n").exit_code
    assert 403 == opened(desk, made["url"])[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), 2),
        ((ID,), 2),
        ((f"{APP}/{ID}", "--app", "other"), 2),
        ((f"{APP}/short",), 2),
        ((f"{APP}/https:x",), 2),
        ((f"UPPER/{ID}",), 2),
        ((f"nobody/{ID}",), 3),
        ((f"{APP}/{ID}", "--all"), 2),
        (("--all", "--app", APP), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_what_names_no_invite_is_refused(desk: Any, words: tuple[str, ...], expected: int) -> None:
    """Nothing is written, and the next command is named."""
    code, error = desk.error("invites", "revoke", *words)

    assert expected == code
    assert error["next"]
    assert [] == desk.world.invites.all()


def test_an_invite_that_nobody_opened_yet_can_be_revoked(desk: Any) -> None:
    """Invites are not stored until they are opened: whatever is an id is, until the longest of them would end."""
    desk.json("invites", "revoke", f"{APP}/{ID}")
    (use,) = desk.world.invites.all()

    assert (InviteState.REVOKED, desk.world.clock.now() + 90 * 86_400) == (use.state, use.expires_at)


def test_no_app_is_called_revoke(desk: Any) -> None:
    """`invite revoke` would be two things; one that was called so before is invited behind `--`."""
    words = ("--provider", "tiktok_shop", "--client-id", "1", "--service-id", "1", "--client-secret-stdin")

    assert 2 == desk.error("app", "add", "revoke", *words, stdin="secret")[0]
    assert "UnknownApp" == desk.error("invite", "--label", "x", "revoke")[1]["class"]
