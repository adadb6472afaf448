"""An invite makes one connection: whoever races, and wherever a process dies."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, World, lost
from fault_rows import fault
from tokensync.authorize.invites import revoke
from tokensync.domain.authorization import Authorization, AuthorizationState
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.invite_use import STRANGERS, InviteState, InviteUse
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse

INVITE = "invite-1"
IN_USE, USED, ENDED = "being used right now", "This link was used already", "This link does not work any more"
CONNECTED, ASK = "Your account is connected", "Ask the person who sent it"
CODES = tuple(f"code-{number}" for number in range(1, 4))
PLACES = ("exchange.sent", "answered", "exchange.received", "exchange.held", "exchange.taken_over", "exchange.used_up")
SELLERS = tuple(f"seller-{number}" for number in range(1, 4))


@pytest.fixture
def world() -> World:
    """A stack without any connection; each code is of an account of its own."""
    world = World()
    world.shop.owners |= dict(zip(CODES, SELLERS, strict=True))
    return world


def away(world: World, *, number: int = 2, **invite: str) -> list[Browser]:
    """Return browsers that opened one invite and are at the provider."""
    browsers = [Browser(world) for _ in range(number)]
    query = world.invite(**invite)  # type: ignore[arg-type]  # by name
    assert [302] * number == [browser.connect(query).status for browser in browsers]
    return browsers


def use(world: World, invite_id: str = INVITE) -> InviteUse:
    """Return the invite's record."""
    found = world.invites.get(APP, invite_id)
    assert found is not None
    return found


def connections(world: World) -> list[str]:
    """Return the accounts that are connected."""
    return [record.name.account for record in world.connections.list(APP)]


def authorizations(world: World) -> list[Authorization]:
    """Return every authorization."""
    return [row.record for row in world.table.rows.values() if isinstance(row.record, Authorization)]


# ------------------------------------------------------------------------------------------------------- the race


@fault("C15", "C4")
def test_four_browsers_and_one_link_make_one_connection(world: World) -> None:
    """While the provider is slow, three are told that the link is in use; one code is presented."""
    browsers = away(world, number=4)
    world.shop.alive.add("code-4")
    asked, let_go = threading.Event(), threading.Event()

    def slow(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        asked.set()
        assert let_go.wait(30)
        return honest()

    world.shop.script.append(slow)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(browsers[0].back, "code=code-1")
        assert asked.wait(30)
        others = [
            pool.submit(browser.back, f"code=code-{number}") for number, browser in enumerate(browsers[1:], start=2)
        ]
        pages = [other.result() for other in others]
        let_go.set()

    assert 303 == first.result().status
    assert [409] * 3 == [page.status for page in pages]
    assert all(IN_USE in page.body and SELLERS[0] not in page.body for page in pages)
    assert (["code-1"], [SELLERS[0]]) == (world.shop.ledger, connections(world))
    assert (InviteState.USED, f"{APP}/{SELLERS[0]}") == (use(world).state, use(world).connection)
    assert [403] * 3 == [browser.back("code=code-2").status for browser in browsers[1:]]
    assert USED in browsers[1].back("code=code-2").body
    assert ["code-1"] == world.shop.ledger


@fault("C15", "C4")
def test_many_browsers_at_the_same_moment(world: World) -> None:
    """Of twenty that come back at once one connects, whoever that is."""
    browsers = away(world, number=20)
    world.shop.alive |= {f"code-{number}" for number in range(20)}
    barrier = threading.Barrier(20)

    def back(number: int) -> int:
        barrier.wait()
        return browsers[number].back(f"code=code-{number}").status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(back, range(20)))

    assert 1 == statuses.count(303)
    assert {303, 409, 403} >= set(statuses)
    assert (1, 1) == (len(world.shop.ledger), len(connections(world)))


def test_a_browser_that_uses_the_link_twice_sees_how_the_first_ends(world: World) -> None:
    """Its second tab is sent to the result; opening the link again meanwhile leads there too."""
    browser = Browser(world)
    query = world.invite()
    browser.connect(query)
    second = browser.state
    browser.connect(query)
    pages = []

    def meanwhile(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        tab, state = Browser(world), browser.state
        tab.cookies = browser.cookies
        pages.append(tab.connect(query))
        tab.state = second
        assert state != second
        pages.append(tab.back("code=code-2"))
        return honest()

    world.shop.script.append(meanwhile)
    browser.back()

    assert [303, 303] == [page.status for page in pages]
    assert {f"/connect/{APP}/result"} == {page.headers["location"] for page in pages}
    browser.state = second
    assert 303 == browser.back("code=code-2").status
    assert CONNECTED in browser.result().body
    assert ["code-1"] == world.shop.ledger


def test_a_link_that_is_in_use_is_not_opened(world: World) -> None:
    """Nobody is sent to a consent page in vain; when nothing comes of the first, it works."""
    (browser,) = away(world, number=1)
    late = Browser(world)
    world.shop.script.append(lost)
    with world.dies_at("exchange.sent"):
        browser.back()
    page = late.connect(world.invite())

    assert (409, True) == (page.status, IN_USE in page.body)
    world.after_lease()
    assert 302 == late.connect(world.invite()).status


# ------------------------------------------------------------------------------------------------- crash points


@fault("C15")
@pytest.mark.parametrize("place", PLACES)
def test_a_process_that_dies_leaves_one_connection_or_a_free_invite(world: World, place: str) -> None:
    """Wherever the first one dies, and whenever the second comes: never two connections, never none for ever."""
    first, second, third = away(world, number=3)
    with world.dies_at(place):
        first.back("code=code-1")
    at_once = second.back("code=code-2")
    world.after_lease()
    world.settle(ticks=5)
    third.back("code=code-3")
    world.settle(ticks=5)

    answered = place not in ("exchange.sent", "answered")
    assert 409 == at_once.status or (place == "exchange.used_up" and at_once.status == 403)
    assert [SELLERS[0] if answered else SELLERS[2]] == connections(world)
    assert InviteState.USED == use(world).state
    assert [] == [one for one in authorizations(world) if one.state is AuthorizationState.WORKING and one.sealed_answer]


@pytest.mark.parametrize("place", ["exchange.held", "exchange.taken_over", "exchange.used_up"])
def test_a_rotation_that_dies_as_well(world: World, place: str) -> None:
    """Whoever finishes it at last, its invite makes that one connection."""
    first, second = away(world)
    with world.dies_at("exchange.received"):
        first.back("code=code-1")
    world.after_lease()
    with world.dies_at(place):
        world.settle(ticks=1)
    world.after_lease()
    assert second.back("code=code-2").status in (403, 409)
    world.settle(ticks=20)

    assert ([SELLERS[0]], InviteState.USED) == (connections(world), use(world).state)
    assert ["code-1"] == world.shop.ledger


@fault("C15")
def test_an_answer_that_waited_in_a_message_comes_too_late(world: World) -> None:
    """Its invite made another connection meanwhile: it is kept sealed, an operator hears, and nothing is published."""
    first, second = away(world)
    world.authorizations.fail_next("write", StoreUnavailable, times=999)
    assert 503 == first.back("code=code-1").status
    world.authorizations._failures.clear()
    (message,) = world.queue.drain()[:1]
    world.after_lease()
    second.back("code=code-2")
    world.queue.send([message])
    world.settle(ticks=3)

    assert ([SELLERS[1]], f"{APP}/{SELLERS[1]}") == (connections(world), use(world).connection)
    assert ["authorization.unusable"] == world.alerted()
    assert "the invite is used" in world.alerts.told[0].detail
    (kept,) = [one for one in authorizations(world) if one.sealed_answer is not None]
    assert (AuthorizationState.FAILED, "invite_used") == (kept.state, kept.detail)
    assert USED in first.result().body


def test_a_message_whose_authorization_is_gone_still_names_its_invite(world: World) -> None:
    """After days in the dead letters nothing else says which link it came by."""
    first, second = away(world)
    world.authorizations.fail_next("write", StoreUnavailable, times=999)
    first.back("code=code-1")
    world.authorizations._failures.clear()
    (message,) = world.queue.drain()[:1]
    world.after_lease()
    second.back("code=code-2")
    (gone,) = [one for one in authorizations(world) if one.state is AuthorizationState.WORKING]
    del world.table.rows[f"app#{APP}", gone.key.sort_key]
    world.dead_letters.bury(message.to_json())
    world.ask("recover")
    world.settle(ticks=3)

    assert [SELLERS[1]] == connections(world)


# --------------------------------------------------------------------------------------------------- given back


@pytest.mark.parametrize(
    ("back", "expected", "why"),
    [
        ("error=access_denied", InviteState.DECLINED, "access_denied"),
        ("error=invalid_scope", InviteState.FAILED, "invalid_scope"),
        ("code=spent", InviteState.FAILED, "36004005"),
    ],
)
def test_an_invite_that_came_to_nothing_is_given_back_with_the_reason(
    world: World, back: str, expected: InviteState, why: str
) -> None:
    """The next browser uses it, and its record says why the first did not."""
    first, second = away(world)
    first.back(back)
    found = use(world)

    assert (expected, why) == (found.state, found.detail)
    second.back("code=code-2")
    assert ([SELLERS[1]], InviteState.USED) == (connections(world), use(world).state)


def test_an_invite_that_could_not_be_given_back_is_free_all_the_same(world: World) -> None:
    """Its holder has ended, and that counts."""
    first, second = away(world)
    world.shop.script.append(lambda _honest: world.shop.answer({}, status=500))
    world.invites.fail_next("get", StoreUnavailable)
    first.back("code=code-1")
    assert InviteState.RESERVED == use(world).state
    second.back("code=code-2")

    assert [SELLERS[1]] == connections(world)


def test_a_seller_who_declines_while_another_is_being_connected(world: World) -> None:
    """Their no is taken, and changes nothing of the other's."""
    first, second = away(world)

    def meanwhile(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        assert 303 == second.back("error=access_denied").status
        return honest()

    world.shop.script.append(meanwhile)
    first.back("code=code-1")

    assert "You did not connect your account" in second.result().body
    assert (InviteState.USED, f"{APP}/{SELLERS[0]}") == (use(world).state, use(world).connection)


# ---------------------------------------------------------------------------------------------------- strangers


@fault("C15", "C13")
def test_three_strangers_close_an_invite_for_one_account(world: World) -> None:
    """Each is quarantined as before; then the link is closed for everybody, and an operator hears it once."""
    world.connected()
    query = world.invite(for_account=ACCOUNT)
    for number in range(STRANGERS):
        assert "invite.closed" not in world.alerted()
        Browser(world).authorize(query, f"code={CODES[number]}")
    late = Browser(world)
    page = late.connect(query)

    assert (403, True) == (page.status, ENDED in page.body and ASK in page.body)
    assert (InviteState.CLOSED, STRANGERS) == (use(world).state, len(use(world).strangers))
    assert [*["connection.quarantined"] * STRANGERS, "invite.closed"] == sorted(world.alerted())
    told = next(alert for alert in world.alerts.told if alert.kind == "invite.closed")
    assert (str(NAME), f"tokensync invite {APP} --for {NAME}") == (told.subject, told.next_command)
    assert "A0" == world.document()["access_token"]


def test_whoever_is_at_the_provider_when_it_closes_presents_no_code(world: World) -> None:
    """The account that it was for included: it is closed."""
    world.connected()
    browsers = away(world, number=STRANGERS + 1, for_account=ACCOUNT)
    for number, browser in enumerate(browsers[:STRANGERS]):
        browser.back(f"code={CODES[number]}")
    world.shop.alive.add("mine")
    world.shop.owners["mine"] = ACCOUNT
    page = browsers[-1].back("code=mine")

    assert (403, True) == (page.status, ENDED in page.body)
    assert "mine" not in world.shop.ledger


def test_the_right_account_can_come_after_two_strangers(world: World) -> None:
    """A link is not lost by a mistake or two."""
    world.connected()
    query = world.invite(for_account=ACCOUNT)
    for code in CODES[: STRANGERS - 1]:
        Browser(world).authorize(query, f"code={code}")
    world.shop.alive.add("mine")
    world.shop.owners["mine"] = ACCOUNT
    Browser(world).authorize(query, "code=mine")

    assert (InviteState.USED, str(NAME)) == (use(world).state, use(world).connection)
    assert "invite.closed" not in world.alerted()


def test_a_stranger_is_counted_once_whoever_finishes(world: World) -> None:
    """A process that dies after it counted leaves the rest to another, which closes nothing twice."""
    world.connected()
    query = world.invite(for_account=ACCOUNT)
    for code in CODES[: STRANGERS - 1]:
        Browser(world).authorize(query, f"code={code}")
    last = Browser(world)
    last.connect(query)
    honest = world.alerts.tell

    def dies(kind: str, *asked: str, **named: str) -> None:
        if kind == "invite.closed":
            world.alerts.tell = honest  # type: ignore[method-assign]  # the recorder is a test's own
            raise KeyboardInterrupt
        honest(kind, *asked, **named)

    world.alerts.tell = dies  # type: ignore[method-assign]  # as above
    with pytest.raises(KeyboardInterrupt):
        last.back(f"code={CODES[-1]}")
    world.after_lease()
    world.settle(ticks=3)

    assert (InviteState.CLOSED, STRANGERS) == (use(world).state, len(use(world).strangers))
    assert 1 == world.alerted().count("invite.closed")
    assert "This is another account" in last.result().body


# ----------------------------------------------------------------------------------------------------- revoked


@pytest.mark.parametrize("place", ["exchange.sent", "exchange.received"])
def test_an_invite_that_is_revoked_while_a_code_is_exchanged(world: World, place: str) -> None:
    """No connection comes of it: the answer is kept sealed."""
    (browser,) = away(world, number=1)

    def end() -> None:
        revoked = revoke(APP, INVITE, world.invites, now=world.clock.now(), expires_at=0)
        assert InviteState.REVOKED is revoked.state

    world.failpoints.run_at(place, end)
    browser.back("code=code-1")

    assert ([], InviteState.REVOKED) == (connections(world), use(world).state)
    assert ENDED in browser.result().body
    (kept,) = [one for one in authorizations(world) if one.sealed_answer is not None]
    assert "invite_revoked" == kept.detail


def test_an_invite_of_which_a_connection_is_being_made_is_told_to_be(world: World) -> None:
    """It cannot be taken back any more; it says which connection it became."""
    (browser,) = away(world, number=1)
    seen = []
    world.failpoints.run_at(
        "exchange.held",
        lambda: seen.append(revoke(APP, INVITE, world.invites, now=world.clock.now(), expires_at=0).state),
    )
    browser.back("code=code-1")

    assert ([InviteState.CONNECTING], [SELLERS[0]]) == (seen, connections(world))
    again = revoke(APP, INVITE, world.invites, now=world.clock.now(), expires_at=0)
    assert (InviteState.USED, str(ConnectionName(APP, SELLERS[0]))) == (again.state, again.connection)


@fault("C15")
@pytest.mark.parametrize(
    ("place", "made", "expected"),
    [("exchange.held", [], InviteState.REVOKED), ("exchange.taken_over", [SELLERS[0]], InviteState.USED)],
)
def test_whoever_revokes_hears_what_a_dead_process_had_made(
    world: World, place: str, made: list[str], expected: InviteState
) -> None:
    """Revoked before a connection is there, none comes of it; afterwards it is the invite's, and is not denied."""
    (browser,) = away(world, number=1)
    with world.dies_at(place):
        browser.back("code=code-1")
    told = revoke(APP, INVITE, world.invites, now=world.clock.now(), expires_at=0)
    world.after_lease()
    world.settle(ticks=3)

    assert (InviteState.CONNECTING, made, expected) == (told.state, connections(world), use(world).state)
    assert ("authorization.unusable" in world.alerted()) is not bool(made)
    assert (CONNECTED if made else ENDED) in browser.result().body
