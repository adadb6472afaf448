"""The door to the seller's pages: whose browser it is, what that costs, and how many may wait behind one invite."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from fakes.visitors import Browser
from fakes.world import APP, World
from fault_rows import fault
from tokensync.authorize.links import Signer
from tokensync.domain.authorization import GROUPS, PLACES, AuthorizationState
from tokensync.domain.connection import SCHEMA
from tokensync.domain.invite_use import InviteState, InviteUse
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from tokensync.entry.pages import Page

NAME = "__Host-tokensync"
BEFORE = f"{NAME}={'a' * 32}"  # as the version before set them
SECRET = Secret("b" * 22)
OPEN_AGAIN = "Open the link that you were sent once more"
NO_BROWSER = "Nothing to show in this browser"


@pytest.fixture
def world() -> World:
    """A stack without any connection."""
    return World()


@pytest.fixture
def browser(world: World) -> Browser:
    """A browser that has never been here."""
    return Browser(world)


def result(world: World, *cookies: str, app: str = APP) -> Page:
    """Look at the result page with these cookies."""
    return world.seller_pages.result(app, cookies, base_url=world.base_url)


def signed(signer: Signer, secret: Secret = SECRET) -> str:
    """Return a cookie that a signer vouches for."""
    return f"{NAME}={signer.cookie(secret).reveal()}"


def flipped(text: str, at: int) -> str:
    """Return a text with one character changed."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


GOOD = signed(Signer([Secret("k" * 64)]))
MADE_UP = [
    "",
    BEFORE,
    f"{NAME}={'a' * 22}.{'b' * 43}",
    f"{NAME}=.",
    f"{NAME}=../../x",
    f"{NAME}={'x' * 8000}",
    f"{NAME}=\N{LATIN SMALL LETTER A WITH DIAERESIS}.\ud800",
    flipped(GOOD, len(NAME) + 1),
    flipped(GOOD, len(GOOD) - 2),
    f"{GOOD}=",
    signed(Signer([Secret("another key")])),
    f"{NAME}={Signer([Secret('k' * 64)]).operator(APP).reveal()}",
]


# ---------------------------------------------------------------------------------------------------- the cookie


@fault("C16")
@pytest.mark.parametrize("cookie", MADE_UP, ids=range(len(MADE_UP)))
def test_a_made_up_cookie_costs_no_call(world: World, browser: Browser, cookie: str) -> None:
    """Whoever has no cookie of ours is sent back to his browser, before anything is looked up."""
    browser.connect()
    result(world, "", app="nobody")
    before = world.aws_calls()
    pages = [result(world, "other=1", cookie) for _ in range(100)]

    assert {(400, True)} == {(page.status, NO_BROWSER in page.body) for page in pages}
    assert before == world.aws_calls()


@fault("C16")
def test_an_unknown_app_costs_one_look_in_two_seconds(world: World, browser: Browser) -> None:
    """A browser of ours may make names up as it likes."""
    browser.connect()
    result(world, *browser.cookies, app="nobody")
    before = world.aws_calls()

    assert {404} == {result(world, *browser.cookies, app=f"nobody-{index}").status for index in range(100)}
    assert before == world.aws_calls()
    world.clock.advance(2)
    assert {404} == {result(world, *browser.cookies, app=f"nobody-{index}").status for index in range(100)}
    assert before + 1 == world.aws_calls()


def test_a_browser_finds_an_app_that_was_just_added(world: World, browser: Browser) -> None:
    """Another function took it in, while this one had just looked the names up."""
    browser.connect()
    world.apps.register(replace(world.app, name="new"))
    world.clock.advance(2)

    assert 410 == result(world, *browser.cookies, app="new").status


@pytest.mark.parametrize("beside", [("other=1",), (f"{NAME}=short",), (NAME,), (BEFORE,)])
def test_our_cookie_is_found_among_others(world: World, browser: Browser, beside: tuple[str, ...]) -> None:
    """The one that we signed counts, wherever it stands."""
    browser.connect()
    (ours,) = browser.cookies

    assert 200 == result(world, *beside, f" {ours} ").status


def test_the_previous_key_still_verifies(browser: Browser) -> None:
    """A cookie outlives a rotation of the key, and is signed by the new one when an invite is opened next."""
    browser.connect()
    (old,) = browser.cookies
    signer = Signer([Secret("new"), Secret("k" * 64)])
    value = old.partition("=")[2]
    assert browser.secret == signer.read_cookie(value)
    assert signer.cookie(browser.secret).reveal() != value

    assert Signer([Secret("newer"), Secret("new")]).read_cookie(value) is None


def test_a_signature_is_for_one_purpose(world: World, browser: Browser) -> None:
    """Neither an invite nor a state passes for a cookie, whoever was given one."""
    invite = world.invite().removeprefix("invite=")
    browser.connect()

    assert world.signer.read_cookie(browser.state) is None
    assert world.signer.read_cookie(invite) is None
    assert world.signer.read_cookie(f"{SECRET.reveal()}.{invite.partition('.')[2]}") is None


def test_nobody_chooses_what_binds_a_browser(browser: Browser) -> None:
    """A cookie that we did not sign and never set is replaced by one of ours."""
    browser.cookies = (f"{NAME}={'b' * 22}.{'c' * 43}",)
    browser.connect()

    assert "b" * 22 != browser.secret.reveal()
    assert 200 == browser.result().status


@pytest.mark.parametrize("updated", ["at the invite", "at the provider"])
def test_a_cookie_of_the_version_before_is_signed_anew(world: World, browser: Browser, updated: str) -> None:
    """A valid invite or state vouches for it: a seller who is under way during an update gets through."""
    if updated == "at the invite":
        browser.cookies = (BEFORE,)
        browser.connect()
        assert browser.cookies != (BEFORE,)
    else:
        browser.carry(Secret("a" * 32))
        browser.connect()
        browser.cookies = (BEFORE,)
    assert "a" * 32 == browser.secret.reveal()

    assert 303 == browser.back().status
    assert "Your account is connected" in browser.result().body
    assert ["code-1"] == world.shop.ledger


def test_an_install_takes_no_cookie_that_we_did_not_sign(world: World) -> None:
    """A callback without state vouches for nothing."""
    made = World(app=replace(world.app, settings={"installs": "provider"}))
    browser = Browser(made)
    browser.cookies = (BEFORE,)

    assert 303 == browser.arrive("code=code-1").status
    assert "a" * 32 != browser.secret.reveal()


# ------------------------------------------------------------------------------------------- one invite, opened often


def waiting(world: World) -> int:
    """Return how many authorizations are stored."""
    return len([key for key in world.table.rows if key[1].startswith("pending#")])


def records(world: World) -> int:
    """Return how many items are stored of whatever kind, but for the app's own."""
    return len([key for key in world.table.rows if key[0] == f"app#{APP}"])


def test_a_flood_of_one_link_stores_no_more_than_its_places(world: World) -> None:
    """Whoever opens a valid link without end, as one browser or as one after the other, fills no table."""
    invite = world.invite()
    one = Browser(world)
    for _ in range(100):
        one.connect(invite)
    assert PLACES == waiting(world)
    for _ in range(1000):
        Browser(world).connect(invite)

    assert PLACES * GROUPS == waiting(world)
    assert PLACES * GROUPS + GROUPS == records(world)


@pytest.mark.parametrize("answer", ["error=access_denied", "error=server_error"])
def test_a_flood_of_denials_stores_no_more_either(world: World, answer: str) -> None:
    """What ended without an answer gives way as well."""
    invite = world.invite()
    for _ in range(100):
        browser = Browser(world)
        browser.authorize(invite, answer)

    assert PLACES * GROUPS >= waiting(world)


def test_as_many_tabs_as_there_are_places_can_finish(world: World, browser: Browser) -> None:
    """A reload kills no tab that is at the provider, until there is one too many: the oldest gives way."""
    states = []
    for _ in range(PLACES + 1):
        browser.connect(world.invite())
        states.append(browser.state)
    pages = [browser.arrive(f"error=access_denied&state={quote(state)}") for state in states]

    assert [410, *[303] * PLACES] == [page.status for page in pages]


def test_a_seller_whose_place_was_taken_opens_the_link_again(world: World, browser: Browser) -> None:
    """He reads that, his code goes nowhere, and the same link then works, although it was shared with the world."""
    invite = world.invite()
    browser.connect(invite)
    for _ in range(PLACES * GROUPS * 10):
        Browser(world).connect(invite)
    page = browser.back()
    assert (410, True, []) == (page.status, OPEN_AGAIN in page.body, world.shop.ledger)
    page = browser.result()
    assert (410, True) == (page.status, OPEN_AGAIN in page.body)

    assert 303 == browser.authorize(invite, "code=code-2").status
    assert "Your account is connected" in browser.result().body
    assert ["code-2"] == world.shop.ledger


def test_one_that_is_worked_on_never_gives_way(world: World, browser: Browser) -> None:
    """A code under way, or an answer that is kept, is somebody's account: a flood does not touch it."""
    invite = world.invite()
    browser.connect(invite)
    with world.dies_at("exchange.received"):
        browser.back()
    for _ in range(PLACES * GROUPS * 10):
        Browser(world).connect(invite)
    world.clock.advance(600)
    world.settle(ticks=2)

    assert "Your account is connected" in browser.result().body
    assert [AuthorizationState.CONNECTED] == [
        authorization.state for authorization in [world.code_exchange.latest(APP, browser.secret)] if authorization
    ]


@fault("F15")
@pytest.mark.parametrize("kind", ["invite#", "pending#"])
def test_what_a_newer_version_wrote_is_left_to_it(world: World, browser: Browser, kind: str) -> None:
    """After a rollback a page asks for patience; no code is presented, and the invite is not taken for unused."""
    browser.connect()
    world.invites.seed(InviteUse(app=APP, id="invite-1", state=InviteState.FAILED))
    for key, row in world.table.rows.items():
        if key[1].startswith(kind):
            row.extra["schema"] = SCHEMA + 1
    pages = [browser.back("code=code-1"), *([browser.connect()] if kind == "invite#" else [])]

    assert {(503, True)} == {(page.status, "Please try again in a minute" in page.body) for page in pages}
    assert [] == world.shop.ledger
