"""Installs that a provider begins itself, without our state: refused unless an app allows them."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, World, killed
from tokensync.authorize.links import Signer
from tokensync.domain.authorization import LIFETIME
from tokensync.domain.errors import NoAnswer, SealingUnavailable
from tokensync.domain.secret import Secret

ARRIVAL = "code=code-1&app_key=29a39d&locale=en&shop_region=GB"


@pytest.fixture
def world() -> World:
    """A stack whose app takes installs from the provider's app store."""
    return World(app=replace(World().app, settings={"installs": "provider"}))


@pytest.fixture
def browser(world: World) -> Browser:
    """A browser that comes from the app store and has never been here."""
    return Browser(world)


def aws_calls(world: World) -> int:
    """Return how many calls went to the table, to secrets and to keys."""
    ports = (world.connections, world.authorizations, world.apps, world.secrets, world.keys, world.queue)
    return sum(sum(port.calls.values()) for port in ports)


def test_by_default_they_are_refused_without_a_call() -> None:
    """An app that says nothing takes no code that nobody asked for."""
    world = World()
    browser = Browser(world)
    browser.arrive(ARRIVAL)
    before = aws_calls(world)

    for _ in range(100):
        assert 400 == browser.arrive(ARRIVAL).status
    assert before == aws_calls(world)
    assert [] == world.shop.ledger
    assert () == browser.cookies


def test_an_install_connects_the_account_that_the_provider_names(world: World, browser: Browser) -> None:
    """One exchange, one connection, a cookie, and a result page that tells of it."""
    page = browser.arrive(ARRIVAL)

    assert (303, f"/connect/{APP}/result") == (page.status, page.headers["location"])
    (cookie,) = page.cookies
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Your account is connected" in browser.result().body
    assert ACCOUNT == world.document()["account_id"]
    assert ["code-1"] == world.shop.ledger


def test_a_browser_that_has_our_cookie_keeps_it(world: World, browser: Browser) -> None:
    """Its other authorizations go on beside the install."""
    browser.connect()
    before, state = browser.cookies, browser.state
    browser.arrive("code=code-1")

    assert before == browser.cookies
    assert "Your account is connected" in browser.result().body
    browser.state = state
    assert 303 == browser.back("code=code-2").status
    assert ["code-1", "code-2"] == world.shop.ledger


@pytest.mark.parametrize("shared", [True, False], ids=["one browser", "fifty browsers"])
def test_fifty_copies_at_once_make_one_exchange(world: World, shared: bool) -> None:  # noqa: FBT001 - a case
    """Prefetches, scanners and double clicks: one exchange, and every copy is sent to a result."""
    browsers = [Browser(world) for _ in range(50)]
    if not shared:
        for index, browser in enumerate(browsers):
            browser.cookies = (f"__Host-tokensync={index:032}",)
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
        assert all("Your account is connected" in browser.result().body for browser in browsers)


def test_the_same_install_later_presents_nothing(world: World, browser: Browser) -> None:
    """The back button an hour later shows how it ended."""
    browser.arrive(ARRIVAL)
    world.clock.advance(LIFETIME + 1)
    again = Browser(world)

    assert 303 == again.arrive(ARRIVAL).status
    assert "Your account is connected" in again.result().body
    assert ["code-1"] == world.shop.ledger


def test_a_new_install_of_the_same_account_takes_it_over(world: World, browser: Browser) -> None:
    """Another code of the same seller is a new authorization."""
    browser.arrive("code=code-1")
    world.clock.advance(1)
    browser.arrive("code=code-2")

    assert ("A2", 2) == (world.document()["access_token"], world.stored().generation)


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

    assert (400, ()) == (page.status, page.cookies)
    assert [] == world.shop.ledger
    assert 0 == world.authorizations.calls["put"]


def test_a_foreign_state_is_refused_all_the_same(world: World, browser: Browser) -> None:
    """A state that is not ours is no missing state: to drop it is nobody's way around the signature."""
    assert 400 == browser.arrive("code=code-1&state=x.y").status
    assert 400 == browser.arrive("code=code-1&state=x").status
    other = Browser(world)
    other.connect()
    browser.state = other.state
    assert 400 == browser.back().status
    assert [] == world.shop.ledger


def test_other_apps_are_unaffected(world: World, browser: Browser) -> None:
    """What one app allows, another does not; an unknown app is not found."""
    world.apps.register(replace(world.app, name="strict", settings={}))
    world.apps.register(replace(world.app, name="said-no", settings={"installs": "none"}))

    assert 400 == browser.arrive(ARRIVAL, app="strict").status
    assert 400 == browser.arrive(ARRIVAL, app="said-no").status
    assert 404 == browser.arrive(ARRIVAL, app="nobody").status
    assert 404 == browser.arrive(ARRIVAL, app="../x").status
    assert [] == world.shop.ledger


def test_the_setting_means_nothing_to_other_providers() -> None:
    """A provider that begins no flows has no such setting, whatever an app's secret says."""
    app = replace(World().app, provider="tiktok_login", settings={"installs": "provider"})
    world = World(app=app)

    assert 400 == Browser(world).arrive("code=code-1").status
    assert [] == world.shop.ledger


def test_the_cookie_is_not_to_be_guessed() -> None:
    """It comes from the stack's key and the code, for one app."""
    code, other = Secret("code-1"), Secret("code-2")
    signer, stranger = Signer([Secret("k" * 64)]), Signer([Secret("j" * 64)])
    made = [
        each.reveal()
        for each in (
            signer.installer("a", code),
            signer.installer("a", other),
            signer.installer("b", code),
            stranger.installer("a", code),
            signer.operator("a"),
        )
    ]

    assert len(made) == len(set(made))
    assert signer.installer("a", code).reveal() == made[0]


def test_without_a_key_nothing_is_spent(world: World, browser: Browser) -> None:
    """The same link works when the key is back."""
    world.sealer.fail_next("new_key", SealingUnavailable)
    assert 503 == browser.arrive(ARRIVAL).status
    assert [] == world.shop.ledger

    assert 303 == browser.arrive(ARRIVAL).status
    assert "Your account is connected" in browser.result().body


def test_an_exchange_without_an_answer_is_told(world: World, browser: Browser) -> None:
    """The code is spent; there is no invite to open again, so no such link is shown."""

    def lost(honest: object) -> None:
        honest()  # type: ignore[operator]
        raise NoAnswer("lost")

    world.shop.script.append(lost)  # type: ignore[arg-type]
    browser.arrive(ARRIVAL)
    body = browser.result().body

    assert "could not be connected" in body
    assert 'id="again"' not in body


def test_a_callback_that_dies_is_finished_by_the_schedule(world: World, browser: Browser) -> None:
    """The answer was stored: the seller finds the connection by the same link."""
    world.failpoints.raise_at("exchange.received", killed())
    with pytest.raises(KeyboardInterrupt):
        browser.arrive(ARRIVAL)
    world.after_lease()
    world.settle(ticks=3)

    browser.arrive(ARRIVAL)
    assert "Your account is connected" in browser.result().body
    assert ["code-1"] == world.shop.ledger
    assert "active" == world.stored(NAME).status


def test_what_an_operator_changes_is_noticed_within_two_minutes(world: World, browser: Browser) -> None:
    """The setting is read with the registration, which is kept for a short while."""
    browser.arrive("code=code-1")
    world.apps.update(replace(world.app, settings={}))
    world.clock.advance(121)

    assert 400 == browser.arrive("code=code-2").status
    assert ["code-1"] == world.shop.ledger


def test_a_paused_app_spends_no_code(world: World, browser: Browser) -> None:
    """Nothing is consumed: the same link works when the app runs again."""
    world.apps.pause(APP, why="36009033", now=world.clock.now())

    assert 503 == browser.arrive(ARRIVAL).status
    assert [] == world.shop.ledger

    world.apps.resume(APP, now=world.clock.now())
    assert 303 == browser.arrive(ARRIVAL).status
    assert ["code-1"] == world.shop.ledger
