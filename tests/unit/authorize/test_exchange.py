"""From an invite to a connection that stands: the callback's rows, asserted at the ports and at the ledger."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, SHOPS, World, killed
from fault_rows import fault
from tokensync.domain.authorization import LIFETIME
from tokensync.domain.connection import Status
from tokensync.domain.errors import AlreadyConsumed, NoAnswer, NotSent, PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse, Request


@pytest.fixture
def world() -> World:
    """A stack without any connection."""
    return World()


@pytest.fixture
def browser(world: World) -> Browser:
    """A browser that has never been here."""
    return Browser(world)


def aws_calls(world: World) -> int:
    """Return how many calls went to the table, to secrets and to keys."""
    ports = (world.connections, world.authorizations, world.apps, world.secrets, world.keys, world.queue)
    return sum(sum(port.calls.values()) for port in ports)


def test_a_seller_connects(world: World, browser: Browser) -> None:
    """Invite, consent, callback, result: one exchange, one secret, the shops in it."""
    away = browser.connect()
    back = browser.back()
    shown = browser.result()

    assert 302 == away.status
    assert away.headers["location"].startswith("https://services.tiktokshop.com/open/authorize?service_id=7172&state=")
    assert (303, f"/connect/{APP}/result") == (back.status, back.headers["location"])
    assert "Your account is connected" in shown.body
    assert ["code-1"] == world.shop.ledger
    document = world.document()
    assert ("A1", 1, "active", "Acme GmbH") == (
        document["access_token"],
        document["generation"],
        document["status"],
        document["label"],
    )
    assert SHOPS == [dict(shop) for shop in document["account"]["shops"]]
    assert "R1" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]


def test_a_fresh_connection_is_refreshed_by_the_schedule(world: World, browser: Browser) -> None:
    """What the callback made is due in time and lives on."""
    browser.connect()
    browser.back()
    world.clock.advance(int(0.71 * 7 * 86_400))
    world.settle(ticks=2)

    assert ["code-1", "R1"] == world.shop.ledger
    assert 2 == world.document()["generation"]


def test_the_cookie_is_bound_to_the_host_and_to_one_browser(browser: Browser) -> None:
    """One random __Host- cookie, out of reach of scripts and of cross-site posts."""
    cookie = browser.connect().cookies[0]

    assert cookie.startswith("__Host-tokensync=")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}


def test_two_tabs_work_side_by_side(world: World, browser: Browser) -> None:
    """A second tab keeps the first one's cookie, so both can finish."""
    browser.connect(world.invite(id="one"))
    first = browser.state
    browser.connect(world.invite(id="two"))
    second = browser.state
    browser.state = first
    assert 303 == browser.back("code=code-1").status
    browser.state = second
    assert 303 == browser.back("code=code-2").status

    assert ["code-1", "code-2"] == world.shop.ledger


@pytest.mark.parametrize(
    "query",
    [
        "code=code-1",
        "code=code-1&state=",
        f"code=code-1&state={'x' * 5000}",
        "code=code-1&state=%C3%A9",
        "code=code-1&state=a.b",
    ],
)
def test_a_state_that_is_not_ours_is_refused_without_a_call(world: World, browser: Browser, query: str) -> None:
    """No, an empty, a long, a non-ASCII or a made-up state: the fixed page, no call to anyone."""
    browser.connect()
    world.seller_pages.callback(APP, "code=warm-up", (), world.budget(), base_url=world.base_url)
    before = aws_calls(world)

    assert (
        400 == world.seller_pages.callback(APP, query, browser.cookies, world.budget(), base_url=world.base_url).status
    )
    assert before == aws_calls(world)
    assert [] == world.shop.ledger


def test_one_flipped_bit_is_refused(world: World, browser: Browser) -> None:
    """A state with one other character does not verify."""
    browser.connect()
    payload, _, signature = browser.state.partition(".")
    browser.state = f"{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"

    assert 400 == browser.back().status
    assert [] == world.shop.ledger


def test_a_state_that_expired_by_a_second_is_refused(world: World, browser: Browser) -> None:
    """After 60 minutes the authorization is over."""
    browser.connect()
    world.clock.advance(LIFETIME)

    assert 400 == browser.back().status
    assert [] == world.shop.ledger


def test_without_the_cookie_nothing_is_consumed(world: World, browser: Browser) -> None:
    """A link scanner's request is refused, and the real browser still succeeds."""
    browser.connect()
    scanner = Browser(world)
    scanner.state = browser.state
    assert 400 == scanner.back().status

    assert 303 == browser.back().status
    assert ["code-1"] == world.shop.ledger


def test_another_browsers_cookie_is_refused(world: World, browser: Browser) -> None:
    """State and cookie have to come from the same browser."""
    browser.connect()
    other = Browser(world)
    other.connect()
    other.state = browser.state

    assert 400 == other.back().status
    assert [] == world.shop.ledger


def test_the_same_callback_twice_makes_one_exchange(world: World, browser: Browser) -> None:
    """F5 and the back button are harmless: both see the outcome."""
    browser.connect()
    assert (303, 303) == (browser.back().status, browser.back().status)

    assert ["code-1"] == world.shop.ledger
    assert "Your account is connected" in browser.result().body


def test_fifty_callbacks_at_once_make_one_exchange(world: World, browser: Browser) -> None:
    """Fifty requests race: one exchange, one secret, and all are sent to the outcome."""
    browser.connect()
    barrier = threading.Barrier(50)
    statuses: list[int] = []

    def run() -> None:
        barrier.wait()
        statuses.append(browser.back().status)

    threads = [threading.Thread(target=run) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [303] * 50 == statuses
    assert ["code-1"] == world.shop.ledger


@pytest.mark.parametrize("query", ["error=access_denied", "code=null&error=auth_denied", "error=whatever&code="])
def test_a_denial_is_told_and_makes_no_exchange(world: World, browser: Browser, query: str) -> None:
    """The seller declined: consumed, no exchange, a page that says so and offers to start again."""
    browser.connect()

    assert 303 == browser.back(query).status
    shown = browser.result().body
    assert "You did not connect your account" in shown
    assert 'id="again"' in shown
    assert [] == world.shop.ledger


@pytest.mark.parametrize(
    "query",
    [
        "code=code-1&error=access_denied",
        "code=code-1&code=code-2",
        f"code={'c' * 10_240}",
        "code=a%00b",
        "code=a%0D%0Ab",
        "code=%ff",
        "code=%zz",
        "code=code-1&app_key=another",
    ],
)
def test_a_callback_that_no_provider_sends_is_refused(world: World, browser: Browser, query: str) -> None:
    """Code and error both, anything twice, 10 KB, NUL, CR LF, not UTF-8, another client: 400 and no exchange."""
    browser.connect()

    assert 400 == browser.back(query).status
    assert [] == world.shop.ledger
    assert 303 == browser.back().status


def test_a_state_twice_is_refused(browser: Browser) -> None:
    """Any parameter that stands twice makes the request ambiguous."""
    browser.connect()

    assert 400 == browser.back(f"state={quote(browser.state)}&code=code-1").status


def test_a_code_that_arrives_percent_encoded_is_decoded_once(world: World, browser: Browser) -> None:
    """`%2A` is `*`, and `%252A` stays `%2A`."""
    world.shop.alive |= {"TTP_a*b!", "%2A"}
    browser.connect(world.invite(id="a"))
    browser.back("code=TTP_a%2Ab%21")
    browser.connect(world.invite(id="b"))
    browser.back("code=%252A")

    assert ["TTP_a*b!", "%2A"] == world.shop.ledger


@pytest.mark.parametrize("app", ["nobody", "../admin", "UPPER", ""])
def test_an_unknown_app_is_not_found_without_a_call(world: World, browser: Browser, app: str) -> None:
    """A name that no app has, or that no app could have, is answered 404 from what the cold start read."""
    browser.connect()
    world.seller_pages.callback("nobody", "warm=up", (), world.budget(), base_url=world.base_url)
    before = aws_calls(world)

    assert (
        404
        == world.seller_pages.callback(
            app, "code=c&state=x.y", browser.cookies, world.budget(), base_url=world.base_url
        ).status
    )
    assert 404 == world.seller_pages.connect(app, "invite=x.y", (), base_url=world.base_url).status
    assert before == aws_calls(world)


def test_one_apps_state_is_worthless_on_anothers_path(world: World, browser: Browser) -> None:
    """App A's state on app B's path: 400, no exchange, no secret of B to anyone."""
    world.apps.register(replace(world.app, name="other"))
    browser.connect()

    assert 400 == browser.back(app="other").status
    assert [] == world.shop.ledger


def test_a_failing_exchange_is_not_repeated(world: World, browser: Browser) -> None:
    """The exchange hangs or resets: a page that offers to start again; the code is not sent again."""

    def lost(honest: object) -> ProviderResponse:
        honest()  # type: ignore[operator]
        raise NoAnswer("lost")

    world.shop.script.append(lost)  # type: ignore[arg-type]
    browser.connect()
    browser.back()
    shown = browser.result().body

    assert "could not be connected" in shown
    assert 'id="again"' in shown
    assert 303 == browser.back().status
    assert ["code-1"] == world.shop.ledger


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_code_is_presented_once_whatever_comes_back(world: World, browser: Browser, status: int) -> None:
    """429 and 503 included: the seller starts again."""
    world.shop.script.append(lambda honest: (honest(), world.shop.answer({}, status=status))[1])
    browser.connect()
    browser.back()
    world.settle(ticks=3)

    assert "could not be connected" in browser.result().body
    assert ["code-1"] == world.shop.ledger


def test_an_exchange_that_never_left_is_tried_again(world: World, browser: Browser) -> None:
    """Only failures before a byte of the request left are retried."""

    def unreachable(honest: object) -> ProviderResponse:
        del honest
        raise NotSent("down")

    world.shop.script += [unreachable] * 2  # type: ignore[list-item]
    browser.connect()
    browser.back()

    assert "Your account is connected" in browser.result().body


def test_the_same_code_under_another_state_is_not_presented(world: World, browser: Browser) -> None:
    """A code is presented once, whichever authorization carries it."""
    browser.connect(world.invite(id="one"))
    browser.back()
    browser.connect(world.invite(id="two"))

    assert 303 == browser.back().status
    assert ["code-1"] == world.shop.ledger


@pytest.mark.parametrize(
    "place", ["exchange.sent", "answered", "exchange.received", "exchange.taken_over", "published", "committed"]
)
def test_killed_anywhere_the_rotation_finishes_what_was_stored(world: World, browser: Browser, place: str) -> None:
    """A callback that dies after the answer was stored is finished by the schedule, without presenting anything."""
    world.failpoints.raise_at(place, killed())
    browser.connect()
    with pytest.raises(KeyboardInterrupt):
        browser.back()
    assert 303 == browser.back().status
    if place not in ("published", "committed"):
        assert "Connecting your account" in browser.result().body
    world.clock.advance(120)
    world.settle(ticks=15)

    assert ([] if place == "exchange.sent" else ["code-1"]) == world.shop.ledger
    if place in ("exchange.sent", "answered"):
        assert "could not be connected" in browser.result().body
        assert world.secrets.document(NAME) is None
    else:
        assert "Your account is connected" in browser.result().body
        assert "A1" == world.document()["access_token"]
        assert world.stored().generation == world.document()["generation"]
        assert world.stored().lease_until is None


def test_an_answer_that_the_table_did_not_take_comes_back_by_message(world: World, browser: Browser) -> None:
    """RECEIVED was not acknowledged: a sealed message brings the answer back and the connection is made."""
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    browser.connect()
    assert 503 == browser.back().status
    assert "access_token" not in world.queue.works[0].to_json()
    world.clock.advance(120)
    world.drain()
    world.settle(ticks=3)

    assert "Your account is connected" in browser.result().body
    assert ["code-1"] == world.shop.ledger


def test_a_publication_that_fails_is_made_up_for(world: World, browser: Browser) -> None:
    """Secrets Manager throttles at connect: the connection stands, and the schedule publishes it."""
    world.secrets.fail_next("create", PublishUnavailable)
    browser.connect()
    browser.back()
    assert world.secrets.document(NAME) is None
    world.clock.advance(60)
    world.settle(ticks=3)

    assert "A1" == world.document()["access_token"]


def test_shops_that_cannot_be_fetched_never_fail_a_connect(world: World, browser: Browser) -> None:
    """The facts are a courtesy: without them the connection stands all the same."""
    honest = world.shop.send

    def send(request: object, *, seconds: float) -> ProviderResponse:
        if "/shops" in request.url:  # type: ignore[attr-defined]
            raise NoAnswer("slow")
        return honest(request, seconds=seconds)  # type: ignore[arg-type]

    world.shop.send = send  # type: ignore[method-assign,assignment]
    browser.connect()
    browser.back()

    assert "A1" == world.document()["access_token"]
    assert "shops" not in world.document()["account"]


def test_another_account_than_invited_is_quarantined(world: World, browser: Browser) -> None:
    """Re-authorized with the wrong account: quarantined and told; the old secret stays byte-identical."""
    old = ConnectionName(APP, "old-account")
    world.connected(old, refresh_token="ROLD")
    before = world.secrets.secret(old)
    versions = dict(before.versions)
    browser.connect(world.invite(for_account="old-account"))
    browser.back()

    assert "This is another account" in browser.result().body
    assert versions == world.secrets.secret(old).versions
    assert (Status.QUARANTINED, None) == (world.stored().status, world.stored().due.next_at)
    assert world.secrets.document(NAME) is None
    assert ["connection.quarantined"] == [alert.kind for alert in world.alerts.told]


def test_a_stray_authorization_of_a_standing_connection_changes_nothing(world: World, browser: Browser) -> None:
    """The wrong account is one that is connected already: its record and secret stay as they were."""
    record = world.connected()
    browser.connect(world.invite(for_account="old-account"))
    browser.back()

    assert "This is another account" in browser.result().body
    assert record == world.stored()


def test_the_right_account_reauthorizes_its_connection(world: World, browser: Browser) -> None:
    """A new authorization takes the connection over: a new generation, active, the old token never presented."""
    world.connected()
    world.connections.seed(replace(world.stored().with_due(renew_at=None, next_at=None), status=Status.REAUTHORIZE))
    browser.connect(world.invite(for_account=ACCOUNT))
    browser.back()

    assert (Status.ACTIVE, 2) == (world.stored().status, world.stored().generation)
    assert ("A1", "active", 2) == (
        world.document()["access_token"],
        world.document()["status"],
        world.document()["generation"],
    )
    assert ["code-1"] == world.shop.ledger


@fault("F17")
def test_a_reauthorization_while_a_refresh_is_in_flight_wins(world: World, browser: Browser) -> None:
    """The new grant stands, the old answer is kept aside and never published, and the secret ends as the new grant."""
    world.connected()
    fence: list[int] = []

    def reauthorized() -> None:
        fence.append(world.stored().fence)
        browser.connect(world.invite(for_account=ACCOUNT))
        browser.back()

    world.failpoints.run_at("answered", reauthorized)
    outcome = world.run()

    assert Result.TAKEN_OVER == outcome.result
    assert world.connections.aside(NAME, fence=fence[0]) is not None
    assert world.grant().access_token.reveal() == world.document()["access_token"] == "A2"
    world.clock.advance(120)
    world.settle(ticks=5)
    assert world.stored().generation == world.document()["generation"]
    assert "A2" == world.document()["access_token"]


def test_a_late_publication_of_an_old_refresh_is_repaired(world: World, browser: Browser) -> None:
    """A refresh that publishes after it was taken over is overwritten again by whoever leases next."""
    world.connected()

    def reauthorized() -> None:
        browser.connect(world.invite(for_account=ACCOUNT))
        browser.back()

    world.secrets.before_next("put", reauthorized)
    assert Result.TAKEN_OVER == world.run().result
    world.clock.advance(120)
    world.drain()
    world.settle(ticks=5)

    assert "A2" == world.grant().access_token.reveal() == world.document()["access_token"]


def test_a_takeover_of_a_live_lease_compares_once_more_when_it_ends(world: World, browser: Browser) -> None:
    """Should the old holder publish late and die, the connection is due when that lease would have ended."""
    world.connected()
    world.failpoints.raise_at("sent", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    leased_until = world.stored().lease_until
    assert leased_until is not None
    browser.connect(world.invite(for_account=ACCOUNT))
    browser.back()
    assert leased_until + 1 == world.stored().due.compare_at == world.stored().due.next_at
    arn = world.stored().published.arn  # type: ignore[union-attr]
    world.secrets.put(arn, '{"late": true}', token="00000000-0000-0000-0000-000000000009")
    world.after_lease()
    world.settle(ticks=2)

    assert "A1" == world.document()["access_token"]
    assert world.stored().due.compare_at is None


def test_a_secret_that_is_not_ours_is_not_overwritten(world: World, browser: Browser) -> None:
    """Somebody else's secret of that name: refused, told, untouched."""
    world.secrets.plant(NAME, '{"mine": "not yours"}')
    browser.connect()
    browser.back()

    assert {"mine": "not yours"} == world.secrets.document(NAME)
    assert Status.ORPHANED == world.stored().status
    assert ["connection.orphaned"] == [alert.kind for alert in world.alerts.told]


@pytest.mark.parametrize("query", ["", "invite=", "invite=x.y", "invite=%C3%A9.x"])
def test_a_forged_invite_is_refused_without_a_call(world: World, browser: Browser, query: str) -> None:
    """No valid signature: a page that says whom to ask."""
    world.seller_pages.connect(APP, "warm=up", (), base_url=world.base_url)
    before = aws_calls(world)
    page = browser.connect(query)

    assert 403 == page.status
    assert "Ask the person who sent it" in page.body
    assert before == aws_calls(world)


def test_an_expired_invite_is_refused(world: World, browser: Browser) -> None:
    """An invite ends with its time."""
    query = world.invite(expires_in=10)
    world.clock.advance(10)

    assert 403 == browser.connect(query).status


def test_an_invite_is_used_up_when_a_connection_stands(world: World, browser: Browser) -> None:
    """Opened twice it works; once a connection stands it does not."""
    query = world.invite()
    assert 302 == browser.connect(query).status
    assert 302 == browser.connect(query).status
    browser.back()

    assert 403 == browser.connect(query).status


def test_a_cancelled_authorization_leaves_the_invite_usable(world: World, browser: Browser) -> None:
    """Declining uses nothing up."""
    query = world.invite()
    browser.connect(query)
    browser.back("error=access_denied")

    assert 302 == browser.connect(query).status


def test_garbage_costs_no_call(world: World, browser: Browser) -> None:
    """10,000 garbage requests after the cold start: no AWS call, no provider call."""
    browser.connect()
    world.seller_pages.callback(APP, "code=warm-up", (), world.budget(), base_url=world.base_url)
    before = aws_calls(world)
    for index in range(10_000):
        world.seller_pages.callback(
            APP, f"code={index}&state=x{index}.y", browser.cookies, world.budget(), base_url=world.base_url
        )
        world.seller_pages.callback(APP, f"code={index}", browser.cookies, world.budget(), base_url=world.base_url)

    assert before == aws_calls(world)
    assert [] == world.shop.ledger


def test_a_paused_app_takes_nobody_in(world: World, browser: Browser) -> None:
    """An app whose credentials are refused does not send sellers to a consent page in vain."""
    world.apps.pause(APP, why="36009033", now=world.clock.now())

    assert 503 == browser.connect().status


def test_wrong_credentials_at_the_exchange_pause_the_app(world: World, browser: Browser) -> None:
    """A refused client secret is the operator's to mend: the app is paused, the seller is told to come again."""
    world.shop.script.append(lambda _h: world.shop.answer({"code": 7, "message": "invalid app_key x", "data": None}))
    browser.connect()
    browser.back()

    assert world.apps.state(APP).paused
    assert "could not be connected" in browser.result().body


def test_the_wrong_type_of_account_is_refused(world: World, browser: Browser) -> None:
    """A partner who authorizes an app that expects sellers makes no connection, and the answer is kept."""
    honest_token = world.shop.token

    def partner(presented: str) -> ProviderResponse:
        answer = honest_token(presented)
        return replace(answer, body=answer.body.replace(b'"user_type": 0', b'"user_type": 3'))

    world.shop.token = partner  # type: ignore[method-assign]
    browser.connect()
    browser.back()

    assert "could not be connected" in browser.result().body
    assert world.secrets.document(NAME) is None
    assert ["authorization.unusable"] == [alert.kind for alert in world.alerts.told]


def test_half_an_answer_makes_a_connection_that_is_refreshed_at_once(world: World, browser: Browser) -> None:
    """The access token is unusable, the refresh token is good and the account named: nobody authorizes again."""

    def half(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        answer = honest()
        return replace(answer, body=answer.body.replace(b'"A1"', b'"A\\n1"'))

    world.shop.script.append(half)
    browser.connect()
    browser.back()

    assert "Your account is connected" in browser.result().body
    assert world.secrets.document(NAME) is None
    world.clock.advance(61)
    assert Result.REFRESHED is world.run().result
    assert ["code-1", "R1"] == world.shop.ledger
    assert ("A2", "active") == (world.document()["access_token"], world.document()["status"])


def test_a_result_without_a_cookie_tells_what_to_do(world: World) -> None:
    """The result page reads by the cookie; another browser is told to go back to the first."""
    assert 400 == world.seller_pages.result(APP, (), base_url=world.base_url).status


def test_a_result_before_anything_was_begun_is_not_found(world: World) -> None:
    """A cookie that began nothing has nothing to see."""
    assert 404 == world.seller_pages.result(APP, (f"__Host-tokensync={'a' * 32}",), base_url=world.base_url).status


def test_the_result_while_the_seller_is_away(browser: Browser) -> None:
    """Before the callback the page says what is still missing."""
    browser.connect()

    assert "Not finished yet" in browser.result().body


def test_the_start_again_link_works(browser: Browser) -> None:
    """The link on the page of a failure is the invite itself."""
    browser.connect()
    browser.back("error=access_denied")
    body = browser.result().body
    link = body.partition('id="again" href="')[2].partition('"')[0]

    assert 302 == browser.connect(urlsplit(link).query).status


def test_a_table_that_is_down_loses_nothing(world: World, browser: Browser) -> None:
    """Before anything is consumed an outage costs only time: the same callback works later."""
    browser.connect()
    world.authorizations.fail_next("consume", StoreUnavailable)
    assert 503 == browser.back().status

    assert 303 == browser.back().status
    assert "Your account is connected" in browser.result().body


def test_a_key_that_is_down_presents_no_code(world: World, browser: Browser) -> None:
    """Without a data key nothing is consumed and no code is presented."""
    browser.connect()
    world.keys.enabled = False
    assert 503 == browser.back().status
    world.keys.enabled = True

    assert 303 == browser.back().status
    assert ["code-1"] == world.shop.ledger


def test_too_little_life_left_presents_no_code(browser: Browser, world: World) -> None:
    """A callback that could not store the answer in time does not ask for it."""
    browser.connect()
    world.seconds = 8

    assert 503 == browser.back().status
    assert [] == world.shop.ledger


def test_a_pasted_redirect_url_connects(world: World, browser: Browser) -> None:
    """What a seller's browser could not deliver, an operator pastes."""
    browser.connect()
    url = f"https://unreachable.example/callback/{APP}?code=code-1&state={quote(browser.state)}"
    authorization = world.code_exchange.take_paste(
        url, world.session(), world.signer, world.budget(), redirect_uri="https://unreachable.example"
    )

    assert ("connected", str(NAME)) == (authorization.outcome, authorization.connection)


def test_a_pasted_bare_code_connects_once(world: World) -> None:
    """A bare code is exchanged; the same code again is not presented."""

    def paste() -> object:
        return world.code_exchange.take_paste(
            " code-1\n", world.session(), world.signer, world.budget(), redirect_uri="https://connect.example"
        )

    paste()
    with pytest.raises(AlreadyConsumed):
        paste()
    assert ["code-1"] == world.shop.ledger


def test_an_app_changed_on_the_way_sends_its_code_to_nobody(world: World, browser: Browser) -> None:
    """A code belongs to the endpoint it was asked for; another one never sees it."""
    browser.connect()
    world.apps.update(replace(world.app, endpoints={"token": "https://auth-sandbox.tiktok-shops.com/api/v2/token/get"}))
    browser.back()

    assert [] == world.shop.ledger
    assert "could not be connected" in browser.result().body


def test_a_request_that_the_provider_refuses_is_our_mistake(world: World, browser: Browser) -> None:
    """RFC 6749 §4.1.2.1: `invalid_scope` is no seller's no. The page does not blame them, and the operator hears."""
    browser.connect()
    browser.back("error=invalid_scope&error_description=x")

    assert "could not be connected" in browser.result().body
    assert ["authorization.refused"] == [alert.kind for alert in world.alerts.told]
    assert "invalid_scope" in world.alerts.told[0].detail
    assert [] == world.shop.ledger


def test_a_link_without_a_label_takes_none_away(world: World) -> None:
    """An operator's name for the account outlives its next authorization."""
    for code, query in (("code-1", world.invite(id="1", label="My shop")), ("code-2", world.invite(id="2", label=""))):
        browser = Browser(world)
        browser.connect(query)
        browser.back(f"code={code}")

        assert "My shop" == world.stored().label


@pytest.mark.parametrize(("status", "asked"), [(503, 2), (404, 2)])
def test_shops_that_could_not_be_fetched_are_fetched_later(
    world: World, browser: Browser, status: int, asked: int
) -> None:
    """They are asked for once more, in a minute: workloads get them, and notices about them are understood."""
    honest, calls = world.shop.send, []

    def send(request: Request, *, seconds: float) -> ProviderResponse:
        if "/shops" not in request.url:
            return honest(request, seconds=seconds)
        calls.append(request)
        return world.shop.answer(b"", status=status) if len(calls) == 1 else honest(request, seconds=seconds)

    world.shop.send = send  # type: ignore[method-assign]  # the provider fails once
    browser.connect()
    browser.back()
    world.settle(ticks=5)

    assert (SHOPS, asked, None) == (world.document()["account"]["shops"], len(calls), world.stored().due.verify_at)
    assert NAME == world.connections.find(APP, SHOPS[0]["id"])


@pytest.mark.parametrize(("status", "renewals"), [(404, 0), (401, 1)])
def test_shops_that_the_provider_will_not_tell_are_not_asked_for_without_end(
    world: World, browser: Browser, status: int, renewals: int
) -> None:
    """The second time it says so is the last; the connection goes on without them."""
    honest, calls = world.shop.send, []

    def send(request: Request, *, seconds: float) -> ProviderResponse:
        if "/shops" not in request.url:
            return honest(request, seconds=seconds)
        calls.append(request)
        body = {"code": 105002, "message": "expired", "data": None} if status == 401 else {}
        return world.shop.answer(body, status=status)

    world.shop.send = send  # type: ignore[method-assign]  # the provider tells nothing
    browser.connect()
    browser.back()
    world.settle(ticks=20)

    assert (2, 1 + renewals, None) == (len(calls), len(world.shop.ledger), world.stored().due.verify_at)
    assert Status.ACTIVE is world.stored().status
