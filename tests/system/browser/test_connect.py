"""Sellers connect in a real browser, from the invite through the sandbox's consent page to the page that tells all."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from browser.visitor import in_another_second, state_of, told
from stack import eventually
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser.visitor import Visitor
    from stack import Sandbox, Stack

APP = "browser-shop"
CONNECTED = "Your account is connected"
FAILED = "Your account could not be connected"
CANCELLED = "You did not connect your account"
REFUSED = "This link cannot be used"
NO_INVITE = "This invitation cannot be used"
# The seeded sellers, by the region of their token's home.
SELLERS = {"ID": "7010736057180325637", "US": "7201846620391507713", "GB": "7108533420916884225"}


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Sandbox:
    """An app of our own."""
    return stack.add_app(APP)


@pytest.fixture
def seller(sandbox: Sandbox) -> str:
    """A seller of its own for each test."""
    return sandbox.sellers(1)[0]


def result(stack: Stack, app: str = APP) -> str:
    """Return the result page's address."""
    return f"{stack.outputs.connect_url}/{app}/result"


def codes(sandbox: Sandbox, seller: str) -> list[str]:
    """Return what became of each code that was presented for a seller."""
    return [entry["outcome"] for entry in sandbox.entries(account=seller, kind="code")]


@pytest.mark.parametrize("region", SELLERS)
def test_a_seller_connects(stack: Stack, sandbox: Sandbox, visitor: Visitor, region: str) -> None:
    """Invite, consent, done: the page tells it, the connection stands, and the cookie is out of reach of scripts."""
    tab = visitor.connect(stack.invite(APP, label=f"Seller in {region}"), SELLERS[region])
    [cookie] = visitor.context.cookies(stack.outputs.connect_url)

    expect(tab.locator("#label")).to_have_text(f"Seller in {region}")
    assert result(stack) == tab.url
    assert Status.ACTIVE == stack.stored(ConnectionName(APP, SELLERS[region])).status
    assert ["issued"] == codes(sandbox, SELLERS[region])
    assert ("__Host-tokensync", True, True, "Lax") == (
        cookie["name"],
        cookie["secure"],
        cookie["httpOnly"],
        cookie["sameSite"],
    )


def test_a_seller_connects_by_keyboard_alone(stack: Stack, sandbox: Sandbox, visitor: Visitor, seller: str) -> None:
    """Space chooses, Enter approves, and the result is the same."""
    tab = visitor.open(stack.invite(APP))
    tab.locator(f"#account-{seller}").press("Space")
    tab.locator("#approve").press("Enter", no_wait_after=True)

    told(tab, CONNECTED)
    assert ["issued"] == codes(sandbox, seller)


def test_a_denial_is_told_and_can_be_undone(stack: Stack, sandbox: Sandbox, visitor: Visitor, seller: str) -> None:
    """Whoever denies is told that nothing happened, and the button leads to the consent page once more."""
    tab = visitor.open(stack.invite(APP))
    tab.locator("#deny").click()
    told(tab, CANCELLED)
    assert [] == codes(sandbox, seller)

    tab.locator("#again").click()
    in_another_second()
    visitor.consent(tab, seller)
    told(tab, CONNECTED)


def test_reloading_and_going_back_are_harmless(stack: Stack, sandbox: Sandbox, visitor: Visitor, seller: str) -> None:
    """F5, back, forward, the callback's address again, approving again: one exchange, and the same good news."""
    tab = visitor.connect(stack.invite(APP), seller)
    tab.reload()
    told(tab, CONNECTED)
    tab.goto(visitor.callbacks()[0])
    told(tab, CONNECTED)
    tab.go_back()
    tab.go_back()
    expect(tab.locator("#consent")).to_be_visible()
    tab.go_forward()
    told(tab, CONNECTED)
    tab.go_back()
    visitor.consent(tab, seller)
    told(tab, CONNECTED)

    assert 2 == len(set(visitor.callbacks()))
    assert ["issued"] == codes(sandbox, seller)


def test_two_tabs_of_one_browser_both_succeed(stack: Stack, sandbox: Sandbox, visitor: Visitor) -> None:
    """Two invites side by side, the first one finished last: both sellers are connected."""
    sellers = sandbox.sellers(2)
    tabs = [visitor.open(stack.invite(APP, label=f"Tab {seller}")) for seller in sellers]
    for tab, seller in reversed(list(zip(tabs, sellers, strict=True))):
        visitor.consent(tab, seller)
        expect(tab.locator("#label")).to_have_text(f"Tab {seller}", timeout=30_000)
        in_another_second()

    # An authorization that was only begun says nothing about the one that ended.
    visitor.open(stack.invite(APP))
    tabs[0].reload()
    told(tabs[0], CONNECTED)
    assert [["issued"], ["issued"]] == [codes(sandbox, seller) for seller in sellers]


def test_one_invite_in_two_tabs_connects_once(stack: Stack, sandbox: Sandbox, visitor: Visitor, seller: str) -> None:
    """A link that was clicked twice: the first approval counts, the second tab tells its outcome."""
    invite = stack.invite(APP)
    tabs = [visitor.open(invite), visitor.open(invite)]
    for tab in tabs:
        visitor.consent(tab, seller)
        told(tab, CONNECTED)

    assert ["issued"] == codes(sandbox, seller)


def test_one_link_in_two_browsers_says_what_became_of_it(
    stack: Stack, sandbox: Sandbox, visit: Callable[[], Visitor]
) -> None:
    """While the first is being connected the second has to wait; reloading it tells that the link was used."""
    link, (first, second) = stack.invite(APP), sandbox.sellers(2)
    own, other = visit(), visit()
    tab, late = own.open(link), other.open(link)
    other.expected |= {409, 403}
    # Two requests at once need two workers, as below.
    with ThreadPoolExecutor() as pool:
        list(pool.map(partial(httpx.get, timeout=60), [result(stack)] * 3))
    stack.failpoint("answered", "wait")
    own.consent(tab, first)
    eventually(lambda: codes(sandbox, first), seconds=20)
    other.consent(late, second)
    told(late, "This link is being used right now")
    stack.no_failpoint("answered")

    told(tab, CONNECTED)
    late.reload()
    told(late, "This link was used already")
    assert first not in late.content()
    assert [["issued"], []] == [codes(sandbox, seller) for seller in (first, second)]


def test_another_browser_gets_nothing(
    stack: Stack, sandbox: Sandbox, visit: Callable[[], Visitor], seller: str
) -> None:
    """The callback's link opened elsewhere is refused and spends nothing: the seller's own browser succeeds."""
    own, other = visit(), visit()
    tab = own.open(stack.invite(APP))
    link = sandbox.call(
        "POST",
        "authorize",
        provider="tiktok_shop",
        app=sandbox.app_key,
        account=seller,
        state=state_of(tab),
    )["location"]
    told(other.open(link, status=400), REFUSED)
    told(other.open(result(stack), status=400), "Nothing to show in this browser")
    assert [] == codes(sandbox, seller)

    told(own.open(link), CONNECTED)
    assert ["issued"] == codes(sandbox, seller)


def test_the_working_page_finds_the_outcome_by_itself(
    stack: Stack, sandbox: Sandbox, visitor: Visitor, seller: str
) -> None:
    """While the exchange is under way a second tab says so, and shows how it ended without a click."""
    tab = visitor.open(stack.invite(APP))
    told(visitor.open(result(stack)), "Not finished yet")
    # Two requests at once need two workers, and a new one takes seconds to start on a busy machine.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda url: httpx.get(url, timeout=60), [result(stack)] * 3))
    stack.failpoint("answered", "wait")
    visitor.consent(tab, seller)
    eventually(lambda: codes(sandbox, seller), seconds=20)
    waiting = visitor.open(result(stack))
    told(waiting, "Connecting your account")
    stack.no_failpoint("answered")

    told(waiting, CONNECTED)
    told(tab, CONNECTED)
    assert ["issued"] == codes(sandbox, seller)


@pytest.mark.parametrize("fault", ["fail_before", "drop_after_commit"])
def test_after_a_failed_exchange_starting_again_succeeds(
    stack: Stack, sandbox: Sandbox, visitor: Visitor, seller: str, fault: str
) -> None:
    """The provider breaks off: the page offers to start again, with a new code, and then all is well."""
    sandbox.fault("token", fault)
    tab = visitor.open(stack.invite(APP))
    visitor.consent(tab, seller)
    told(tab, FAILED)
    tab.reload()
    told(tab, FAILED)
    tab.locator("#again").click()
    in_another_second()
    visitor.consent(tab, seller)

    told(tab, CONNECTED)
    assert [f"fault:{fault}", "issued"] == codes(sandbox, seller)
    assert [] == sandbox.doubles()


def test_the_wrong_account_is_told(stack: Stack, sandbox: Sandbox, visitor: Visitor) -> None:
    """Whoever picks another account than the invite is for learns it, and can do it right with the same link."""
    right, wrong = sandbox.sellers(2)
    invite = stack.invite(APP, for_account=right)
    tab = visitor.open(invite)
    visitor.consent(tab, wrong)
    told(tab, "This is another account")

    in_another_second()
    visitor.connect(invite, right)


@pytest.mark.usefixtures("sandbox")
def test_an_invite_that_is_no_good_says_whom_to_ask(stack: Stack, visitor: Visitor) -> None:
    """Expired, changed, cut off, missing: the same page, and no way on."""
    good = stack.invite(APP)
    bad = [stack.invite(APP, expires_in=-1), f"{good[:-1]}{'A' if good[-1] != 'A' else 'B'}", good[:-20]]
    for link in [*bad, good.partition("?")[0]]:
        tab = visitor.open(link, status=403)
        told(tab, NO_INVITE)
        expect(tab.get_by_text("Ask the person who sent it")).to_be_visible()
        assert 0 == tab.get_by_role("link").count()
    assert [] == visitor.context.cookies()


def test_a_paused_app_says_when_to_come_back(stack: Stack, visitor: Visitor) -> None:
    """The app's own credentials are wrong: the first seller is not blamed; once it is paused the next one waits."""
    broken = stack.add_app("browser-broken")
    changed = {"app_key": broken.app_key, "service_id": broken.service_id, "app_secret": "another"}
    broken.call("POST", "apps", provider="tiktok_shop", **changed)
    tab = visitor.open(stack.invite("browser-broken"))
    visitor.consent(tab, SELLERS["GB"])
    told(tab, FAILED)

    stack.apps.pause("browser-broken", kind=PauseKind.CONFIGURATION, why="invalid app_secret", now=int(time.time()))
    told(visitor.open(stack.invite("browser-broken"), status=503), "Please try again in a minute")


def test_the_return_button_leads_where_the_app_says(stack: Stack, visitor: Visitor, seller: str) -> None:
    """It stands on each ending, leads to the app's own address, and tells that address nothing."""
    app = "browser-return"
    sandbox = stack.add_app(app)
    home = f"{sandbox.url}/?from=tokensync&done=1"
    stack.apps.update(replace(stack.apps.get(app), settings={"return_url": home}))
    denied = visitor.open(f"{stack.invite(app)}&return_url=http://evil.example/&next=//evil.example")
    denied.locator("#deny").click()
    told(denied, CANCELLED)
    assert home == denied.locator("#return").get_attribute("href")
    in_another_second()
    tab = visitor.connect(stack.invite(app), seller)
    tab.locator("#return").click()

    tab.wait_for_url(home)
    assert "referer" not in visitor.requests[-1].all_headers()
