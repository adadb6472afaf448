"""Installs that a provider begins itself, without our state: refused unless an app allows them."""

from __future__ import annotations

import threading
from dataclasses import replace
from urllib.parse import quote

import pytest

from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, World, lost
from tokensync.authorize.links import Signer
from tokensync.domain.app_state import PauseKind
from tokensync.domain.authorization import LIFETIME
from tokensync.domain.errors import SealingUnavailable
from tokensync.domain.secret import Secret

CONNECTED = "Your account is connected"
ARRIVAL = "code=code-1&app_key=29a39d&locale=en&shop_region=GB"


@pytest.fixture
def world() -> World:
    """A stack whose app takes installs from the provider's app store."""
    return World(app=replace(World().app, settings={"installs": "provider"}))


@pytest.fixture
def browser(world: World) -> Browser:
    """A browser that comes from the app store and has never been here."""
    return Browser(world)


def test_by_default_they_are_refused_without_a_call() -> None:
    """An app that says nothing takes no code that nobody asked for."""
    world = World()
    browser = Browser(world)
    browser.arrive(ARRIVAL)
    before = world.aws_calls()

    for _ in range(100):
        assert 400 == browser.arrive(ARRIVAL).status
    assert (before, [], ()) == (world.aws_calls(), world.shop.ledger, browser.cookies)


def test_an_install_connects_the_account_that_the_provider_names(world: World, browser: Browser) -> None:
    """One exchange, one connection, a cookie, and a result page that shows it."""
    page = browser.arrive(ARRIVAL)

    assert (303, f"/connect/{APP}/result") == (page.status, page.headers["location"])
    (cookie,) = page.cookies
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert CONNECTED in browser.result().body
    assert ACCOUNT == world.document()["account_id"]
    assert ["code-1"] == world.shop.ledger


def test_a_browser_that_has_our_cookie_keeps_it(world: World, browser: Browser) -> None:
    """Its other authorizations go on beside the install."""
    browser.connect()
    before, state = browser.cookies, browser.state
    browser.arrive("code=code-1")

    assert before == browser.cookies
    assert CONNECTED in browser.result().body
    browser.state = state
    assert 303 == browser.back("code=code-2").status
    assert ["code-1", "code-2"] == world.shop.ledger


@pytest.mark.parametrize("shared", [True, False], ids=["one browser", "fifty browsers"])
def test_fifty_copies_at_once_make_one_exchange(world: World, shared: bool) -> None:  # noqa: FBT001 - a case
    """Prefetches, scanners and double clicks: one exchange, and every copy is sent to a result."""
    browsers = [Browser(world) for _ in range(50)]
    if not shared:
        for index, browser in enumerate(browsers):
            browser.carry(Secret(f"{index:032}"))
    barrier, pages = threading.Barrier(50), []

    def run(browser: Browser) -> None:
        barrier.wait()
        pages.append(browser.arrive(ARRIVAL))

    threads = [threading.Thread(target=run, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [303] * 50 == [page.status for page in pages]
    assert ["code-1"] == world.shop.ledger
    if shared:
        assert 1 == len([key for key in world.table.rows if key[1].startswith("pending#")])
        assert 1 == len({page.cookies for page in pages})
        assert all(CONNECTED in browser.result().body for browser in browsers)


def test_the_same_install_later_presents_nothing(world: World, browser: Browser) -> None:
    """The back button an hour later shows how it ended; another code of the same seller is a new authorization."""
    browser.arrive(ARRIVAL)
    world.clock.advance(LIFETIME + 1)
    again = Browser(world)

    assert (303, ["code-1"]) == (again.arrive(ARRIVAL).status, world.shop.ledger)
    assert CONNECTED in again.result().body
    again.arrive("code=code-2")
    assert ("A2", 2) == (world.published(), world.stored().generation)


@pytest.mark.parametrize(
    "query",
    [
        "code=null",
        "code=null&error=auth_denied",
        "code=",
        "error=auth_denied",
        "",
        "code=code-1&error=auth_denied",
        "code=code-1&code=code-1",
        "code=code-1&app_key=another",
        "code=%C3%A9",
        "code=a%00b",
        f"code={'c' * 4097}",
        "auth_code=code-1",
    ],
)
def test_what_no_provider_sends_is_refused(world: World, browser: Browser, query: str) -> None:
    """No code, a denial, both at once, anything twice, another client: 400, no exchange, no cookie, nothing stored."""
    page = browser.arrive(query)

    assert (400, (), []) == (page.status, page.cookies, world.shop.ledger)
    assert 0 == world.authorizations.calls["put"]


def test_a_foreign_state_is_refused_all_the_same(world: World, browser: Browser) -> None:
    """A state that is not ours is no missing state: to drop it is nobody's way around the signature."""
    other = Browser(world)
    other.connect()
    for state in ("x.y", "x", quote(other.state)):
        assert 400 == browser.arrive(f"code=code-1&state={state}").status

    assert [] == world.shop.ledger


@pytest.mark.parametrize(
    ("app", "status"), [("strict", 400), ("said-no", 400), ("login", 400), ("nobody", 404), ("../x", 404)]
)
def test_other_apps_are_unaffected(world: World, browser: Browser, app: str, status: int) -> None:
    """What one app allows, another does not; a provider that begins no flows has no such setting."""
    world.apps.register(replace(world.app, name="strict", settings={}))
    world.apps.register(replace(world.app, name="said-no", settings={"installs": "none"}))
    world.apps.register(replace(world.app, name="login", provider="tiktok_login"))

    assert (status, []) == (browser.arrive(ARRIVAL.partition("&")[0], app=app).status, world.shop.ledger)


def test_the_cookie_is_not_to_be_guessed() -> None:
    """It comes from the stack's key and the code, for one app."""
    code, other = Secret("code-1"), Secret("code-2")
    signer, stranger = Signer([Secret("k" * 64)]), Signer([Secret("j" * 64)])
    made = [signer.installer("a", code), signer.installer("a", other), signer.installer("b", code)]
    made += [stranger.installer("a", code), signer.operator("a")]

    assert 5 == len({each.reveal() for each in made})
    assert signer.installer("a", code) == made[0]


@pytest.mark.parametrize("wrong", ["no key", "paused"])
def test_what_cannot_go_on_now_spends_no_code(world: World, browser: Browser, wrong: str) -> None:
    """The same link works when the key is back, or when the app runs again."""
    if wrong == "paused":
        world.apps.pause(APP, kind=PauseKind.CONFIGURATION, why="36009033", now=world.clock.now())
    else:
        world.sealer.fail_next("new_key", SealingUnavailable)
    assert (503, []) == (browser.arrive(ARRIVAL).status, world.shop.ledger)
    world.apps.resume(APP, now=world.clock.now())

    assert (303, ["code-1"]) == (browser.arrive(ARRIVAL).status, world.shop.ledger)
    assert CONNECTED in browser.result().body


def test_an_exchange_without_an_answer(world: World, browser: Browser) -> None:
    """The code is spent; there is no invite to open again, so no such link is shown."""
    world.shop.script.append(lost)
    browser.arrive(ARRIVAL)
    body = browser.result().body

    assert "could not be connected" in body
    assert 'id="again"' not in body


def test_a_callback_that_dies_is_finished_by_the_schedule(world: World, browser: Browser) -> None:
    """The answer was stored: the seller finds the connection by the same link."""
    with world.dies_at("exchange.received"):
        browser.arrive(ARRIVAL)
    world.after_lease()
    world.settle(ticks=3)
    browser.arrive(ARRIVAL)

    assert CONNECTED in browser.result().body
    assert (["code-1"], "active") == (world.shop.ledger, world.stored().status)


def test_what_an_operator_changes_is_noticed_within_two_minutes(world: World, browser: Browser) -> None:
    """The setting is read with the registration, which is kept for a short while."""
    browser.arrive("code=code-1")
    world.apps.update(replace(world.app, settings={}))
    world.clock.advance(121)

    assert 400 == browser.arrive("code=code-2").status
    assert ["code-1"] == world.shop.ledger
