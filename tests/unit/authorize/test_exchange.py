"""From an invite to a connection: the callback, asserted at the ports and at the ledger."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, SHOPS, WEEK, World, lost, unreachable
from fault_rows import fault
from field_rows import field
from tokensync.authorize.finish import authorization_binding
from tokensync.domain.app_state import PauseKind
from tokensync.domain.authorization import LIFETIME
from tokensync.domain.connection import Status
from tokensync.domain.errors import NoAnswer, PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse, Request

CONNECTED, FAILED, AGAIN = "Your account is connected", "could not be connected", 'id="again"'
WRONG_ACCOUNT = "This is another account"


@pytest.fixture
def world() -> World:
    """A stack without any connection."""
    return World()


@pytest.fixture
def browser(world: World) -> Browser:
    """A browser that has never been here."""
    return Browser(world)


def shops(world: World, answer: Callable[[int], ProviderResponse | None]) -> list[Request]:
    """Let `answer` replace the n-th response about the shops; return the requests for them."""
    honest, asked = world.shop.send, []

    def send(request: Request, *, seconds: float) -> ProviderResponse:
        if "/shops" not in request.url:
            return honest(request, seconds=seconds)
        asked.append(request)
        return answer(len(asked)) or honest(request, seconds=seconds)

    world.shop.send = send  # type: ignore[method-assign]  # the scripted shop is a test's own
    return asked


def changing(**fields: object) -> Callable[[Callable[[], ProviderResponse]], ProviderResponse]:
    """Return a step that changes fields beside the tokens of an honest response."""

    def step(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        response = honest()
        return replace(response, body=json.dumps({**json.loads(response.body), **fields}).encode())

    return step


def reseal(world: World) -> None:
    """Store the response to a code as the versions did that kept nothing of what was presented."""
    (row,) = [row for key, row in world.table.rows.items() if key[1].startswith("pending#")]
    key = row.record.key
    binding = authorization_binding(key)
    opened = world.sealer.open(row.record.sealed_answer, app=key.app, binding=binding)
    bare = json.loads(opened)
    del bare["shown"]
    sealed = world.sealer.new_key(key.app).seal(json.dumps(bare).encode(), binding=binding)
    row.record = replace(row.record, sealed_answer=sealed)


# ---------------------------------------------------------------------------------------------------- the way through


def test_a_seller_connects(world: World, browser: Browser) -> None:
    """One exchange and one secret with the shops in it; F5 is harmless, and a refresh is scheduled."""
    away = browser.connect()
    back, twice = browser.back(), browser.back()

    assert (302, 303) == (away.status, twice.status)
    assert away.headers["location"].startswith("https://services.tiktokshop.com/open/authorize?service_id=7172&state=")
    assert (303, f"/connect/{APP}/result") == (back.status, back.headers["location"])
    assert CONNECTED in browser.result().body
    document = world.document()
    assert ["A1", 1, "active", "Acme GmbH"] == [
        document[field] for field in ("access_token", "generation", "status", "label")
    ]
    assert SHOPS == document["account"]["shops"]
    assert (["code-1"], "R1") == (world.shop.ledger, world.grant().refresh_token.reveal())  # type: ignore[union-attr]
    world.clock.advance(int(0.71 * WEEK))
    world.settle(ticks=2)
    assert (["code-1", "R1"], 2) == (world.shop.ledger, world.document()["generation"])


def test_the_cookie_is_bound_to_the_host_and_to_one_browser(browser: Browser) -> None:
    """One __Host- cookie, out of reach of scripts and of cross-site posts."""
    cookie = browser.connect().cookies[0]

    assert cookie.startswith("__Host-tokensync=")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}


def test_two_tabs_work_side_by_side(world: World, browser: Browser) -> None:
    """A second tab keeps the first one's cookie, so both can finish."""
    states = []
    for number in ("1", "2"):
        browser.connect(world.invite(id=number))
        states.append(browser.state)
    answers = [browser.arrive(f"code=code-{number}&state={quote(state)}") for number, state in enumerate(states, 1)]

    assert ([303, 303], ["code-1", "code-2"]) == ([answer.status for answer in answers], world.shop.ledger)


def test_the_right_account_reauthorizes_its_connection(world: World, browser: Browser) -> None:
    """A new authorization takes the connection over; the old token is never presented."""
    world.connected()
    world.change(status=Status.REAUTHORIZE, renew_at=None, next_at=None)
    browser.authorize(world.invite(for_account=ACCOUNT))

    assert (Status.ACTIVE, 2) == (world.stored().status, world.stored().generation)
    assert ["A1", "active", 2] == [world.document()[field] for field in ("access_token", "status", "generation")]
    assert ["code-1"] == world.shop.ledger


def test_a_link_without_a_label_takes_none_away(world: World) -> None:
    """An operator's name for the account outlives its next authorization."""
    for code, label in (("code-1", "My shop"), ("code-2", "")):
        Browser(world).authorize(world.invite(id=code, label=label), f"code={code}")

        assert "My shop" == world.stored().label


# -------------------------------------------------------------------------------------------- what is not let through


@fault("C1")
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
    """After the cold start no, an empty, a long, a non-ASCII or a made-up state costs no call to anyone."""
    browser.connect()
    browser.arrive("code=warm-up")
    before = world.aws_calls()

    assert [400] * 100 == [browser.arrive(query).status for _ in range(100)]
    assert (before, []) == (world.aws_calls(), world.shop.ledger)


@pytest.mark.parametrize("wrong", ["signature", "hour", "browser"])
def test_state_and_cookie_belong_together(world: World, browser: Browser, wrong: str) -> None:
    """A forged state, an old one to the second and another browser's are refused."""
    browser.connect()
    if wrong == "signature":
        payload, _, signature = browser.state.partition(".")
        browser.state = f"{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    elif wrong == "hour":
        world.clock.advance(LIFETIME)
    else:
        other = Browser(world)
        other.connect()
        browser.cookies = other.cookies

    assert (400, []) == (browser.back().status, world.shop.ledger)


def test_without_the_cookie_nothing_is_consumed(world: World, browser: Browser) -> None:
    """A link scanner's request is refused, and the real browser still succeeds."""
    browser.connect()
    scanner = Browser(world)
    scanner.state = browser.state

    assert (400, 303, ["code-1"]) == (scanner.back().status, browser.back().status, world.shop.ledger)


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
        "code=code-1&state=x",
    ],
)
def test_a_callback_that_no_provider_sends_is_refused(world: World, browser: Browser, query: str) -> None:
    """It makes no exchange and uses nothing up: the real callback still works."""
    assert (400, []) == (browser.authorize(back=query).status, world.shop.ledger)
    assert 303 == browser.back().status


JUNK = "&shop_name=100%&scope=a&scope=b&name=M%fcller&x%zz=1&error_description=a%0d%0ab&error_description=c&y=%00"


@field("A3")
@pytest.mark.parametrize("query", [f"code=code-1{JUNK}", f"{JUNK[1:]}&code=code-1"])
def test_what_nobody_reads_in_a_callback_stops_nobody(world: World, browser: Browser, query: str) -> None:
    """RFC 6749 §4.1.2: bad escapes, Latin-1, control characters and doubled parameters that are unknown are ignored."""
    assert (303, ["code-1"]) == (browser.authorize(back=query).status, world.shop.ledger)
    assert CONNECTED in browser.result().body


@field("A3")
def test_a_denial_with_a_text_of_many_lines_is_one(world: World, browser: Browser) -> None:
    """As Entra words each of its denials; operators find the text in one clean line."""
    told = "error=access_denied&error_description=AADSTS65004%3a+User+declined.%0d%0aTrace+ID%3a+0f%e2%80%ae"
    browser.authorize(back=f"{told}&error_uri=https%3a%2f%2flogin.example%2ferror%3fcode%3d65004&admin_consent=100%")
    (line,) = [line for line in world.log.lines if line.event == "authorization.cancelled"]

    assert "You did not connect your account" in browser.result().body
    assert ("access_denied", "AADSTS65004: User declined.  Trace ID: 0f") == (
        line.fields["error"],
        line.fields["description"],
    )


@field("A3")
def test_a_refused_request_is_explained_to_operators(world: World, browser: Browser) -> None:
    """The alert holds the provider's words, without a secret that they repeat."""
    secret = world.app.client_secret.reveal()
    browser.authorize(back=f"error=invalid_scope&error_description=unknown+scope+for%0a{secret}")
    (alert,) = world.alerts.told

    assert "authorization.refused" == alert.kind
    assert alert.detail.endswith(": invalid_scope (unknown scope for ***)")


@field("A3")
def test_an_invites_link_may_carry_more(world: World, browser: Browser) -> None:
    """Mail programs and campaigns add parameters to links; the invite itself is there once and clean."""
    invite = world.invite()

    assert 302 == browser.connect(f"utm_source=100%&{invite}&utm_source=b&fbclid=%ff").status
    assert 400 == browser.connect(f"{invite}&{invite}").status


@pytest.mark.parametrize("app", ["nobody", "../admin", "UPPER", ""])
def test_an_unknown_app_is_not_found_without_a_call(world: World, browser: Browser, app: str) -> None:
    """The answer is made from what the cold start read."""
    pages, url = world.seller_pages, world.base_url
    browser.connect()
    browser.arrive("warm=up", "nobody")
    before = world.aws_calls()

    assert 404 == pages.callback(app, "code=c&state=x.y", browser.cookies, world.budget(), base_url=url).status
    assert 404 == pages.connect(app, "invite=x.y", (), base_url=url).status
    assert before == world.aws_calls()


def test_one_apps_state_is_worthless_on_anothers_path(world: World, browser: Browser) -> None:
    """App A's state on app B's path makes no exchange."""
    world.apps.register(replace(world.app, name="other"))
    browser.connect()

    assert (400, []) == (browser.back(app="other").status, world.shop.ledger)


@pytest.mark.parametrize("query", ["", "invite=", "invite=x.y", "invite=%C3%A9.x"])
def test_a_forged_invite_is_refused_without_a_call(world: World, browser: Browser, query: str) -> None:
    """Without a valid signature a page says whom to ask."""
    browser.connect("warm=up")
    before = world.aws_calls()
    page = browser.connect(query)

    assert (403, before) == (page.status, world.aws_calls())
    assert "Ask the person who sent it" in page.body


@fault("C15")
def test_an_expired_invite_is_refused(world: World, browser: Browser) -> None:
    """An invite ends with its time."""
    query = world.invite(expires_in=10)
    world.clock.advance(10)

    assert 403 == browser.connect(query).status


def test_an_invite_is_used_up_by_a_connection_alone(world: World, browser: Browser) -> None:
    """Opened twice and declined it still works; once a connection exists it does not."""
    query = world.invite()
    browser.connect(query)
    browser.authorize(query, "error=access_denied")
    assert 302 == browser.connect(query).status
    browser.back()

    assert 403 == browser.connect(query).status


def test_a_paused_app_takes_nobody_in(world: World, browser: Browser) -> None:
    """No seller is sent to a consent page in vain."""
    world.apps.pause(APP, kind=PauseKind.CONFIGURATION, why="36009033", now=world.clock.now())

    assert 503 == browser.connect().status


# -------------------------------------------------------------------------------------- each code is presented once


def test_fifty_callbacks_at_once_make_one_exchange(world: World, browser: Browser) -> None:
    """Fifty requests race, and all are sent to the result."""
    browser.connect()
    barrier, statuses = threading.Barrier(50), []

    def run() -> None:
        barrier.wait()
        statuses.append(browser.back().status)

    threads = [threading.Thread(target=run) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ([303] * 50, ["code-1"]) == (statuses, world.shop.ledger)


def test_the_same_code_under_another_state_is_not_presented(world: World, browser: Browser) -> None:
    """A code is presented once, whichever authorization carries it."""
    browser.authorize(world.invite(id="one"))

    assert (303, ["code-1"]) == (browser.authorize(world.invite(id="two")).status, world.shop.ledger)


def test_a_code_that_arrives_percent_encoded_is_decoded_once(world: World, browser: Browser) -> None:
    """`%2A` is `*`, and `%252A` stays `%2A`."""
    world.shop.alive |= {"TTP_a*b!", "%2A"}
    browser.authorize(world.invite(id="a"), "code=TTP_a%2Ab%21")
    browser.authorize(world.invite(id="b"), "code=%252A")

    assert ["TTP_a*b!", "%2A"] == world.shop.ledger


@fault("C12")
@pytest.mark.parametrize("status", [None, 429, 500, 503])
def test_a_code_is_presented_once_whatever_comes_back(world: World, browser: Browser, status: int | None) -> None:
    """Without a response, and with one that is no pair, the seller starts again."""
    world.shop.script.append(
        lost if status is None else lambda honest: (honest(), world.shop.answer({}, status=status))[1]
    )
    browser.authorize()
    shown = browser.result().body
    browser.back()
    world.settle(ticks=3)

    assert FAILED in shown
    assert AGAIN in shown
    assert ["code-1"] == world.shop.ledger


def test_an_exchange_that_never_left_is_tried_again(world: World, browser: Browser) -> None:
    """Only failures before a byte of the request left are retried."""
    world.shop.script += [unreachable] * 2
    browser.authorize()

    assert CONNECTED in browser.result().body


@pytest.mark.parametrize("query", ["error=access_denied", "code=null&error=auth_denied", "error=whatever&code="])
def test_a_denial_makes_no_exchange(world: World, browser: Browser, query: str) -> None:
    """The page says that the seller declined, and offers to start again."""
    assert 303 == browser.authorize(back=query).status
    shown = browser.result().body

    assert "You did not connect your account" in shown
    link = shown.partition('id="again" href="')[2].partition('"')[0]
    assert (302, []) == (browser.connect(urlsplit(link).query).status, world.shop.ledger)


def test_a_request_that_the_provider_refuses_is_our_mistake(world: World, browser: Browser) -> None:
    """RFC 6749 §4.1.2.1: `invalid_scope` is no seller's no, and the operator hears."""
    browser.authorize(back="error=invalid_scope&error_description=x")

    assert FAILED in browser.result().body
    assert (["authorization.refused"], []) == (world.alerted(), world.shop.ledger)
    assert "invalid_scope" in world.alerts.told[0].detail


def test_an_app_changed_on_the_way_sends_its_code_to_nobody(world: World, browser: Browser) -> None:
    """A code belongs to the endpoint it was asked for; another one never sees it."""
    browser.connect()
    world.apps.update(replace(world.app, endpoints={"token": "https://auth-sandbox.tiktok-shops.com/api/v2/token/get"}))
    browser.back()

    assert [] == world.shop.ledger
    assert FAILED in browser.result().body


@field("A4")
def test_wrong_credentials_at_the_exchange_are_no_verdict(world: World, browser: Browser) -> None:
    """A refused client secret is the operator's to mend, who is alerted once for each cause."""
    world.connected()
    wrong = {"code": 7, "message": "invalid app_key x", "data": None}
    for number in range(5):
        world.shop.script.append(lambda _h: world.shop.answer(wrong))
        browser.authorize(world.invite(id=f"invite-{number}"), back=f"code=wrong-{number}")
    state = world.apps.state(APP)

    assert ("", 1, ["app.credentials_refused"]) == (state.paused, len(state.misconfigured), world.alerted())
    assert FAILED in browser.result().body
    world.on_demand.refresh(NAME, world.budget())
    world.shop.script.append(lambda _h: world.shop.answer(wrong))
    browser.authorize(world.invite(id="invite-9"), back="code=wrong-9")
    assert 2 == world.alerted().count("app.credentials_refused")


# ------------------------------------------------------------------------------------------------ crashes and outages


@pytest.mark.parametrize(
    "place", ["exchange.sent", "answered", "exchange.received", "exchange.taken_over", "published", "committed"]
)
def test_killed_anywhere_the_rotation_finishes_what_was_stored(world: World, browser: Browser, place: str) -> None:
    """The schedule finishes what was stored, without presenting anything."""
    with world.dies_at(place):
        browser.authorize()
    assert 303 == browser.back().status
    if place not in ("published", "committed"):
        assert "Connecting your account" in browser.result().body
    world.clock.advance(120)
    world.settle(ticks=15)

    assert ([] if place == "exchange.sent" else ["code-1"]) == world.shop.ledger
    if place in ("exchange.sent", "answered"):
        assert FAILED in browser.result().body
        assert world.published() is None
    else:
        assert CONNECTED in browser.result().body
        assert ("A1", world.stored().generation) == (world.published(), world.document()["generation"])
        assert world.stored().lease_until is None


@pytest.mark.parametrize("place", ["", "exchange.received", "exchange.taken_over"])
def test_the_history_has_the_exchanges_trace_id(world: World, browser: Browser, place: str) -> None:
    """As a refresh's: the provider's support asks for it. The rotation function finishes with the same words."""
    if place:
        with world.dies_at(place):
            browser.authorize()
        world.clock.advance(120)
        world.settle(ticks=15)
    else:
        browser.authorize()

    assert [("connection.authorized", "trace-1")] == [
        (entry.event, entry.detail) for entry in world.stored().history if entry.event.startswith("connection.")
    ]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("repeated", ["code-1", "A1", "R1", "e59af819cc"])
def test_a_trace_id_that_repeats_a_secret_is_masked(
    world: World, browser: Browser, repeated: str, *, late: bool
) -> None:
    """What was presented and what was given are masked in it, by whoever finishes; the rest is one short line."""
    world.shop.script.append(changing(request_id=f"t-\u202e{repeated}-{'x' * 100}"))
    if late:
        with world.dies_at("exchange.received"):
            browser.authorize()
        world.clock.advance(120)
        world.settle(ticks=15)
    else:
        browser.authorize()

    (entry,) = [entry for entry in world.stored().history if entry.event == "connection.authorized"]
    assert f"t-***-{'x' * 73}…" == entry.detail


def test_an_answer_that_an_earlier_version_stored_gives_no_trace_id(world: World, browser: Browser) -> None:
    """Nobody knows the code any more that it might repeat; the connection is made all the same."""
    with world.dies_at("exchange.received"):
        browser.authorize()
    reseal(world)
    world.clock.advance(120)
    world.settle(ticks=15)

    assert (["code-1"], "A1", "") == (world.shop.ledger, world.published(), world.stored().history[0].detail)


def test_an_answer_that_the_table_did_not_take_comes_back_by_message(world: World, browser: Browser) -> None:
    """A sealed message brings the response back and the connection is made."""
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    assert 503 == browser.authorize().status
    assert "access_token" not in world.queue.works[0].to_json()
    world.clock.advance(120)
    world.drain()
    world.settle(ticks=3)

    assert CONNECTED in browser.result().body
    assert ["code-1"] == world.shop.ledger


@pytest.mark.parametrize("wrong", ["table", "key", "time"])
def test_what_could_not_be_stored_is_not_asked_for(world: World, browser: Browser, wrong: str) -> None:
    """Nothing is consumed and no code is presented: the same callback works later."""
    browser.connect()
    world.keys.enabled, world.seconds = wrong != "key", 8 if wrong == "time" else 60
    if wrong == "table":
        world.authorizations.fail_next("consume", StoreUnavailable)
    assert (503, []) == (browser.back().status, world.shop.ledger)
    world.keys.enabled, world.seconds = True, 60

    assert (303, ["code-1"]) == (browser.back().status, world.shop.ledger)
    assert CONNECTED in browser.result().body


def test_a_publication_that_fails_is_made_up_for(world: World, browser: Browser) -> None:
    """Secrets Manager throttles at connect: the schedule publishes it."""
    world.secrets.fail_next("create", PublishUnavailable)
    browser.authorize()
    assert world.published() is None
    world.clock.advance(60)
    world.settle(ticks=3)

    assert "A1" == world.published()


def test_a_secret_that_is_not_ours_is_not_overwritten(world: World, browser: Browser) -> None:
    """Somebody else's secret of that name stays as it is, and the operator hears."""
    world.secrets.plant(NAME, '{"mine": "not yours"}')
    browser.authorize()

    assert {"mine": "not yours"} == world.secrets.document(NAME)
    assert (Status.ORPHANED, ["connection.orphaned"]) == (world.stored().status, world.alerted())


# ------------------------------------------------------------------------------------- a refresh at the same time


@fault("F17")
def test_a_reauthorization_while_a_refresh_is_in_flight_wins(world: World, browser: Browser) -> None:
    """The old response is kept aside and never published; the secret ends as the new grant."""
    world.connected()
    fence: list[int] = []

    def reauthorized() -> None:
        fence.append(world.stored().fence)
        browser.authorize(world.invite(for_account=ACCOUNT))

    world.failpoints.run_at("answered", reauthorized)

    assert Result.TAKEN_OVER == world.run().result
    assert world.connections.aside(NAME, fence=fence[0]) is not None
    assert world.grant().access_token.reveal() == world.published() == "A2"
    world.clock.advance(120)
    world.settle(ticks=5)
    assert (world.stored().generation, "A2") == (world.document()["generation"], world.published())


def test_a_late_publication_of_an_old_refresh_is_repaired(world: World, browser: Browser) -> None:
    """A refresh that publishes after it was taken over is overwritten by the next lease."""
    world.connected()
    world.secrets.before_next("put", lambda: browser.authorize(world.invite(for_account=ACCOUNT)))
    assert Result.TAKEN_OVER == world.run().result
    world.clock.advance(120)
    world.drain()
    world.settle(ticks=5)

    assert "A2" == world.grant().access_token.reveal() == world.published()


def test_a_takeover_of_a_live_lease_compares_once_more_when_it_ends(world: World, browser: Browser) -> None:
    """The old holder may publish late and die, so the connection is due when that lease would have ended."""
    world.connected()
    with world.dies_at("sent"):
        world.run()
    leased_until = world.stored().lease_until
    assert leased_until is not None
    browser.authorize(world.invite(for_account=ACCOUNT))
    assert leased_until + 1 == world.stored().due.compare_at == world.stored().due.next_at
    arn = world.stored().published.arn  # type: ignore[union-attr]
    world.secrets.put(arn, '{"late": true}', token="00000000-0000-0000-0000-000000000009")
    world.after_lease()
    world.settle(ticks=2)

    assert ("A1", None) == (world.published(), world.stored().due.compare_at)


# ---------------------------------------------------------------------------------------------- whose account it is


def test_another_account_than_invited_is_quarantined(world: World, browser: Browser) -> None:
    """The operator hears; the old secret stays byte-identical."""
    old = ConnectionName(APP, "old-account")
    world.connected(old, refresh_token="ROLD")
    versions = dict(world.secrets.secret(old).versions)
    browser.authorize(world.invite(for_account="old-account"))

    assert WRONG_ACCOUNT in browser.result().body
    assert (versions, None) == (world.secrets.secret(old).versions, world.published())
    assert (Status.QUARANTINED, None) == (world.stored().status, world.stored().due.next_at)
    assert ["connection.quarantined"] == world.alerted()


def test_the_pair_of_another_account_is_given_to_no_consumer(world: World, browser: Browser) -> None:
    """Nothing of what is quarantined is due, a hand-over no more than a refresh."""
    world.apps.update(replace(world.app, settings={"push": "api2cart"}))
    browser.authorize(world.invite(for_account="old-account"))

    assert (Status.QUARANTINED, None, None) == (
        world.stored().status,
        world.stored().due.push_at,
        world.stored().due.next_at,
    )


def test_a_stray_authorization_of_a_known_connection_changes_nothing(world: World, browser: Browser) -> None:
    """The wrong account is one that is connected already."""
    record = world.connected()
    browser.authorize(world.invite(for_account="old-account"))

    assert WRONG_ACCOUNT in browser.result().body
    assert record == world.stored()


def test_the_wrong_type_of_account_is_refused(world: World, browser: Browser) -> None:
    """A partner who authorizes an app for sellers makes no connection."""

    def partner(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        answer = honest()
        return replace(answer, body=answer.body.replace(b'"user_type": 0', b'"user_type": 3'))

    world.shop.script.append(partner)
    browser.authorize()

    assert FAILED in browser.result().body
    assert (None, ["authorization.unusable"]) == (world.published(), world.alerted())


def test_half_an_answer_makes_a_connection_that_is_refreshed_at_once(world: World, browser: Browser) -> None:
    """The access token is unusable, but the refresh token is good: nobody authorizes again."""

    def half(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        answer = honest()
        return replace(answer, body=answer.body.replace(b'"A1"', b'"A\\n1"'))

    world.shop.script.append(half)
    browser.authorize()
    assert CONNECTED in browser.result().body
    assert world.published() is None
    world.clock.advance(61)

    assert Result.REFRESHED is world.run().result
    assert (["code-1", "R1"], "A2", "active") == (world.shop.ledger, world.published(), world.document()["status"])


def test_shops_that_cannot_be_fetched_never_fail_a_connect(world: World, browser: Browser) -> None:
    """The connection exists without them all the same."""

    def slow(_number: int) -> ProviderResponse:
        raise NoAnswer("slow")

    shops(world, slow)
    browser.authorize()

    assert "A1" == world.published()
    assert "shops" not in world.document()["account"]


@pytest.mark.parametrize("status", [503, 404])
def test_shops_that_could_not_be_fetched_are_fetched_later(world: World, browser: Browser, status: int) -> None:
    """They are asked for once more in a minute, and then webhook events about them are understood."""
    asked = shops(world, lambda number: world.shop.answer(b"", status=status) if number == 1 else None)
    browser.authorize()
    world.settle(ticks=5)

    assert (SHOPS, 2, None) == (world.document()["account"]["shops"], len(asked), world.stored().due.verify_at)
    assert NAME == world.connections.find(APP, SHOPS[0]["id"])


@pytest.mark.parametrize(("status", "renewals"), [(404, 0), (401, 1)])
def test_shops_that_the_provider_will_not_name_are_not_asked_for_without_end(
    world: World, browser: Browser, status: int, renewals: int
) -> None:
    """The second refusal is the last; the connection goes on without them."""
    body = {"code": 105002, "message": "expired", "data": None} if status == 401 else {}
    asked = shops(world, lambda _number: world.shop.answer(body, status=status))
    browser.authorize()
    world.settle(ticks=20)

    assert (2, 1 + renewals, None) == (len(asked), len(world.shop.ledger), world.stored().due.verify_at)
    assert Status.ACTIVE is world.stored().status


# ------------------------------------------------------------------------------------------------- results


def test_the_result_while_the_seller_is_away(browser: Browser) -> None:
    """Before the callback the page says what is still missing."""
    browser.connect()

    assert "Not finished yet" in browser.result().body


def test_a_signed_state_vouches_for_an_app_that_was_just_added(world: World) -> None:
    """The names were looked up before it was there: its callback is judged by the state, and not by that memory."""
    browser = Browser(world)
    assert 404 == browser.arrive("code=code-1", app="nobody").status
    world.apps.register(replace(world.app, name="other-shop"))
    browser.connect()

    assert 404 == browser.arrive("code=code-1", app="other-shop").status
    assert (400, []) == (browser.back(app="other-shop").status, world.shop.ledger)
