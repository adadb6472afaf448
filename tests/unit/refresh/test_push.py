"""Handing pairs to API2Cart: one owner of the refreshing, every new pair, and never an older after a newer one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.cart import KEY, ScriptedCart
from fakes.troubles import (
    Honest,
    Step,
    alerts,
    answers,
    ask,
    carted,
    dropped,
    events,
    kill,
    paste,
    settled,
    unsent,
    vanished,
)
from fakes.world import APP, NAME, WEEK, World
from tokensync.domain.connection import Status
from tokensync.domain.errors import FenceLost, PublishUnavailable, SealingUnavailable
from tokensync.oauth.app_check import settings_problem
from tokensync.providers import PROVIDERS
from tokensync.refresh.result import Result
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse


PUSH = f"tokensync push {NAME} --to api2cart"


@pytest.fixture
def cart(world: World) -> ScriptedCart:
    """API2Cart, and an app that pushes each pair to it."""
    return carted(world, push="api2cart")


@pytest.fixture
def owner(world: World) -> ScriptedCart:
    """API2Cart, and an app that gives each connection away to it."""
    return carted(world, owner="consumer")


def push(world: World, **more: object) -> dict[str, Any]:
    """Push as the command line does."""
    return ask(world, "push", **{"to": "api2cart", **more})


def refresh(world: World) -> None:
    """Refresh once, and do what was queued."""
    world.run()
    world.drain()


def refresh_again(world: World) -> None:
    """Let the next refresh come."""
    world.clock.advance(WEEK)
    refresh(world)


def methods(cart: ScriptedCart) -> str:
    """Return what API2Cart was asked to do."""
    return " ".join(request.method for request in cart.requests)


# --- after every refresh


def test_each_new_pair_is_handed_over_whole(world: World, cart: ScriptedCart) -> None:
    """The first makes a store, each later one updates it, by the message that its own commit queued."""
    refresh(world)
    refresh_again(world)
    refresh_again(world)

    assert (["A1", "A2", "A3"], "POST PUT PUT", ["store-1"]) == (cart.handed, methods(cart), list(cart.stores))
    assert (4, 4, None) == (world.stored().generation, world.stored().consumer.pushed, world.stored().due.push_at)
    assert 1 == events(world).count("consumer.added")
    assert {
        "tiktokshop_app_key": "29a39d",
        "tiktokshop_app_secret": "e59af819cc",
        "tiktokshop_refresh_token": "R3",
        "tiktokshop_access_token": "A3",
    }.items() <= cart.stores["store-1"].items()


def test_a_new_authorization_updates_the_same_store(world: World, cart: ScriptedCart) -> None:
    """The callback function cannot open a grant, and the store's key outlives the grant."""
    refresh(world)

    assert str(NAME) == paste(world).connection
    world.drain()
    assert (["A1", "A2"], ["store-1"]) == (cart.handed, list(cart.stores))


@pytest.mark.parametrize("when", ["before", "between"])
def test_an_app_that_does_not_push_hands_nothing_over(world: World, cart: ScriptedCart, when: str) -> None:
    """No setting, no call: neither from the start nor where an operator takes it back between refresh and push."""
    if when == "between":
        world.run()
    settled(world)
    refresh(world)

    assert ([], None) == (cart.requests, world.stored().due.push_at)


def test_a_lost_message_is_made_up_for_by_the_tick_and_not_by_a_comparison(world: World, cart: ScriptedCart) -> None:
    """The record itself is due until the pair is handed over; a message for a comparison is not used up by that."""
    world.run()
    world.queue.drain()

    assert (Result.NOTHING_DUE, []) == (world.run(compare=True).result, cart.handed)
    world.settle(ticks=15)
    assert ["A1"] == cart.handed


def test_too_little_time_pushes_nothing(world: World, cart: ScriptedCart) -> None:
    """Without room for a call and a write the message comes again."""
    world.run()
    world.seconds = 10
    result = world.run()

    assert (Result.NO_TIME, True, []) == (result.result, result.again, cart.requests)


# --- failures


@pytest.mark.parametrize(
    ("code", "following"),
    [(2, f"tokensync app set-consumer-key {APP}"), (5, PUSH), (7, PUSH), (4711, PUSH)],
)
def test_a_refusal_is_told_once_and_tried_again(world: World, cart: ScriptedCart, code: int, following: str) -> None:
    """The connection stays as it is, and its refreshes go on."""
    for _ in range(3):
        cart.refuse(code)
    refresh(world)
    stood = world.stored()
    world.settle(ticks=3)

    assert ("active", 2, 0) == (stood.status, stood.generation, stood.failures)
    assert (stood.due.push_at or 0) > world.clock.now() - 240
    assert (["push.failed"], 1) == (alerts(world), events(world).count("push.failed"))
    assert following == world.alerts.told[0].next_command
    world.settle(ticks=10)
    assert (["A1"], 0) == (cart.handed, world.stored().consumer.push_failures)
    assert "push.recovered" in events(world)


def test_retry_after_is_honoured(world: World, cart: ScriptedCart) -> None:
    """What it asks for is the earliest."""
    busy = replace(cart.answer(7, status=429), headers={"retry-after": "1800"})
    cart.script.append(lambda _honest: busy)
    refresh(world)

    assert world.stored().due.push_at == world.clock.now() + 1800


def test_a_refresh_goes_on_while_pushes_fail(world: World, cart: ScriptedCart) -> None:
    """The wait doubles, so that nobody is hammered; the next pair comes in time, and is the one handed over then."""
    for _ in range(60):
        cart.refuse(7)
    refresh(world)
    world.settle(ticks=120)
    assert 3 < len(cart.requests) < 12
    refresh_again(world)
    cart.script.clear()
    world.settle(ticks=120)

    assert (["R0", "R1"], ["A2"]) == (world.shop.ledger, cart.handed)


@pytest.mark.parametrize("fault", ["lost", "killed"])
def test_an_update_without_an_answer_is_repeated(world: World, cart: ScriptedCart, fault: str) -> None:
    """The same pair may be handed over twice: nothing is made anew by that."""
    refresh(world)
    world.clock.advance(WEEK)
    world.run()
    if fault == "lost":
        cart.script.append(dropped)
        world.drain()
    else:
        kill(world, "answered")
    world.settle(ticks=15)

    assert ["A1", "A2", "A2"] == cart.handed
    assert world.stored().consumer.pushed == world.stored().generation


def test_a_request_that_never_left_is_sent_again(world: World, cart: ScriptedCart) -> None:
    """Nothing was done, so it is tried again inside the same call."""
    cart.script.append(unsent)
    refresh(world)

    assert (["A1"], []) == (cart.handed, alerts(world))


def test_a_new_store_without_an_answer_is_left_to_an_operator(world: World, cart: ScriptedCart) -> None:
    """A second addition could make a second store, so nothing repeats it but a person."""
    cart.script.append(dropped)
    refresh(world)
    world.settle(ticks=60)
    refresh_again(world)

    assert (["store-1"], ["push.failed"]) == (list(cart.stores), alerts(world))
    assert f"tokensync push {NAME} --to api2cart --again" == world.alerts.told[0].next_command
    assert "unanswered" == push(world)["error"]["class"]
    assert push(world, again=True)["ok"]
    assert ["store-1", "store-2"] == list(cart.stores)
    refresh_again(world)
    assert "A3" == cart.stores["store-2"]["tiktokshop_access_token"]


def test_an_addition_without_a_key_is_left_to_an_operator(world: World, cart: ScriptedCart) -> None:
    """A success that names no store can be neither updated nor repeated."""
    cart.script.append(lambda _honest: cart.answer(0))
    refresh(world)
    world.settle(ticks=30)

    assert 1 == len(cart.requests)
    assert "missing_store_key" in world.alerts.told[0].detail


def test_a_store_that_is_gone_is_added_anew(world: World, cart: ScriptedCart) -> None:
    """112: API2Cart knows the key no more, and the same turn makes a new store."""
    refresh(world)
    cart.stores.clear()
    refresh_again(world)

    assert ("POST PUT POST", []) == (methods(cart), alerts(world))
    assert "A2" == cart.stores["store-1"]["tiktokshop_access_token"]


def test_an_app_without_a_key_says_so(world: World, cart: ScriptedCart) -> None:
    """Nothing is sent, and the alert names the command."""
    world.apps.update(replace(world.apps.get(APP), api2cart_key=None))
    refresh(world)

    assert ([], f"tokensync app set-consumer-key {APP}") == (cart.requests, world.alerts.told[0].next_command)
    assert "the app has no API2Cart key" in world.alerts.told[0].detail


def test_killed_in_the_middle_of_an_addition(world: World, cart: ScriptedCart) -> None:
    """Nobody knows whether there is a store: the next worker says so, and sends nothing."""
    world.run()
    kill(world, "push.marked")
    world.settle(ticks=15)

    assert ([], ["push.failed"]) == (cart.requests, alerts(world))


def test_the_key_down_sends_nothing(world: World, cart: ScriptedCart) -> None:
    """What cannot be unsealed is not handed over, and not lost."""
    world.run()
    world.sealer.fail_next("open", SealingUnavailable("down"))
    world.drain()
    assert [] == cart.requests
    world.settle(ticks=15)
    assert ["A1"] == cart.handed


# --- never an older pair after a newer one


def overtaken(world: World, answer: Callable[[Honest], Any], then: Callable[[], Any] = lambda: None) -> Step:
    """Return a step whose answer comes after the seller authorized anew, which takes the connection over."""

    def late(honest: Honest) -> ProviderResponse:
        made: ProviderResponse = answer(honest)
        paste(world)
        then()
        return made

    return late


def test_an_older_pair_that_comes_late_is_followed_by_the_newest(world: World, cart: ScriptedCart) -> None:
    """A push that lost its fence may have come last: the newest is handed over once more."""
    refresh(world)
    world.clock.advance(WEEK)
    world.run()

    def late(honest: Honest) -> ProviderResponse:
        paste(world)
        world.after_lease()
        world.drain()
        return honest()

    cart.script.append(late)
    world.run()
    world.drain()

    assert ["A1", "A3", "A2", "A3"] == cart.handed


def test_an_operators_push_that_lost_its_fence_is_made_up_for(world: World, cart: ScriptedCart) -> None:
    """Whatever it was that wrote last, the newest pair ends up there."""
    refresh(world)
    world.connections.fail_next("write", FenceLost("taken over"))

    assert "taken_over" == push(world)["error"]["class"]
    world.after_lease()
    world.drain()
    assert ["A1", "A1", "A1"] == cart.handed


@pytest.mark.parametrize("refused", [False, True])
def test_an_addition_under_a_lost_fence_is_not_repeated_blindly(
    world: World, cart: ScriptedCart, *, refused: bool
) -> None:
    """The key that came too late for its lease is kept, and nothing makes a second store; a no leaves no mark."""
    world.run()
    cart.script.append(overtaken(world, lambda honest: cart.answer(7) if refused else honest()))
    world.run()
    world.settle(ticks=10)

    assert (["store-1"], "A2") == (list(cart.stores), cart.handed[-1])
    assert 1 + refused == methods(cart).count("POST")
    assert push(world, again=True)["ok"]
    assert ["store-1"] == list(cart.stores)


def test_a_handed_over_store_whose_fence_was_lost_is_known_as_well(world: World, owner: ScriptedCart) -> None:
    """The same where the owner changed and was to be published."""
    owner.script.append(overtaken(world, lambda honest: honest()))

    assert "taken_over" == push(world)["error"]["class"]
    world.after_lease()
    assert push(world, again=True)["ok"]
    assert ["store-1"] == list(owner.stores)


def test_a_store_that_somebody_marked_since_is_not_undone(world: World, cart: ScriptedCart) -> None:
    """Who repeated the request meanwhile knows the newer store."""
    world.run()

    def repeated() -> None:
        world.after_lease()
        assert push(world, again=True)["ok"]

    cart.script.append(overtaken(world, lambda honest: honest(), repeated))
    world.run()
    world.settle(ticks=10)

    assert ["store-1", "store-2"] == list(cart.stores)
    assert "A2" == cart.stores["store-2"]["tiktokshop_access_token"]
    assert ("PUT", "store-2") == (cart.requests[-1].method, cart.requests[-1].headers["x-store-key"])


# --- the rule of one owner


def test_nothing_is_pushed_before_somebody_owns_the_refreshing(world: World) -> None:
    """The refusal explains the three choices, each with what does it."""
    cart = carted(world)
    told = push(world)

    assert (False, "NotOffered", 1, []) == (told["ok"], told["error"]["class"], told["exit"], cart.requests)
    for choice in (f"app set {APP} push=api2cart", f"app set {APP} owner=consumer", "an authorization of its own"):
        assert choice in told["error"]["message"]


@pytest.mark.parametrize(
    ("provider", "to", "words"),
    [
        ("tiktok_shop", "elsewhere", "can be pushed to api2cart"),
        ("eshopbox", "api2cart", "no consumer takes its connections"),
    ],
)
def test_a_consumer_takes_the_connections_that_it_knows(
    world: World, cart: ScriptedCart, provider: str, to: str, words: str
) -> None:
    """The refusal names those that take such a connection: API2Cart takes TikTok Shop alone."""
    world.apps.update(replace(world.apps.get(APP), provider=provider))

    assert words in push(world, to=to)["error"]["message"]
    assert [] == cart.requests


def test_push_on_demand(world: World, cart: ScriptedCart) -> None:
    """A connection that is there already is handed over now, and the answer says which pair."""
    told = push(world)

    assert (True, "pushed", 1, "tokensync") == (told["ok"], told["result"], told["pushed"], told["owner"])
    assert (["A0"], []) == (cart.handed, world.shop.ledger)


@pytest.mark.parametrize(
    ("code", "exit_code", "following"),
    [(2, 1, f"tokensync app set-consumer-key {APP}"), (7, 5, f"tokensync push {NAME} --to api2cart")],
)
def test_push_on_demand_says_why_not(
    world: World, cart: ScriptedCart, code: int, exit_code: int, following: str
) -> None:
    """The operator learns what API2Cart said, and what next."""
    cart.refuse(code, "because")
    told = push(world)

    assert ("push_failed", following, exit_code) == (told["error"]["class"], told["error"]["next"], told["exit"])
    assert "because" in told["error"]["message"]


@pytest.mark.parametrize("status", [Status.REAUTHORIZE, Status.QUARANTINED, Status.ORPHANED, Status.DISCONNECTED])
def test_a_connection_that_rests_is_not_pushed(world: World, cart: ScriptedCart, status: Status) -> None:
    """A pair that is dead, or nobody's to use, goes nowhere."""
    world.connections.seed(replace(world.stored().with_due(push_at=world.clock.now()), status=status))

    assert not push(world)["ok"]
    world.connections.seed(scheduled(world.stored().with_due(renew_at=None, push_at=world.clock.now())))
    world.run()
    assert ([], None) == (cart.requests, world.stored().due.push_at)


def test_there_is_no_pair_yet(world: World, cart: ScriptedCart) -> None:
    """A connection that was imported with a refresh token alone is pushed after its first refresh."""
    world.connections.seed(replace(world.stored(), obtained_at=None))
    error = push(world)["error"]

    assert ("nothing_due", f"tokensync refresh {NAME}", []) == (error["class"], error["next"], cart.requests)


def test_a_grant_without_a_refresh_token_is_no_pair(world: World, cart: ScriptedCart) -> None:
    """Half a pair is not handed over."""
    grant = replace(world.grant(), refresh_token=None)
    sealed = world.sealer.new_key(APP).seal(grant.to_bytes(), binding=f"{NAME}|grant|1")
    world.connections.seed(replace(world.stored(), sealed_grant=sealed))

    assert "no_pair" in push(world)["error"]["message"]
    assert [] == cart.requests


# --- owner: consumer


def test_a_connection_is_given_away_once(world: World, owner: ScriptedCart) -> None:
    """Handed over, it is refreshed by nobody here any more, and says so to its readers."""
    told = push(world)
    stood = world.stored()

    assert (True, "consumer") == (told["ok"], told["owner"])
    assert ("active", "owned_by_consumer", None, None) == (
        stood.status, stood.reason, stood.due.renew_at, stood.due.next_at
    )  # fmt: skip
    assert ("connection.handed_over", "consumer") == (events(world)[-1], world.document()["owner"])
    world.clock.advance(WEEK)
    world.settle(ticks=30)
    again = push(world)
    assert (Result.OWNED_BY_CONSUMER, 1) == (again["error"]["class"], again["exit"])
    assert ([], ["A0"]) == (world.shop.ledger, owner.handed)


def test_what_may_be_spent_is_not_given_away(world: World, owner: ScriptedCart) -> None:
    """A held connection keeps its last attempt: a consumer that was handed a spent token could only lose the seller."""
    world.shop.script.append(dropped)
    assert Result.HELD is world.run().result
    stood = world.stored()
    told = push(world)
    after = world.stored()

    assert (False, "held", 5) == (told["ok"], told["error"]["class"], told["exit"])
    assert "its refresh token may be spent" in told["error"]["message"]
    assert (f"tokensync refresh {NAME} --force", []) == (told["error"]["next"], owner.requests)
    assert (Status.HELD, "ambiguous", stood.due.renew_at, stood.exemption, "tokensync") == (
        after.status, after.reason, after.due.renew_at, after.exemption, after.owner
    )  # fmt: skip


def test_what_was_presented_before_is_not_given_away(world: World, owner: ScriptedCart) -> None:
    """An unfinished attempt is settled by the next refresh, and then the new pair goes."""
    world.shop.script.append(answers(world, {"code": 36009002, "message": "rate limit", "data": None}))
    world.run()
    assert Status.ACTIVE is world.stored().status
    error = push(world)["error"]

    assert ("held", f"tokensync refresh {NAME}", []) == (error["class"], error["next"], owner.requests)
    refresh_again(world)
    assert push(world)["ok"]
    assert ["A1"] == owner.handed


def test_by_itself_too_it_waits_until_the_token_is_known_to_be_good(world: World) -> None:
    """With both settings, the pair that comes of the last attempt is the one that is given away."""
    cart = carted(world, owner="consumer", push="api2cart")
    world.shop.script.append(vanished)
    world.run()
    world.connections.seed(scheduled(world.stored().with_due(push_at=world.clock.now())))

    assert (Result.HELD, [], None) == (world.run().result, cart.requests, world.stored().due.push_at)
    world.clock.advance(WEEK // 2)
    world.settle(ticks=3)
    assert (["R0"], ["A1"], "consumer") == (world.shop.ledger, cart.handed, world.document()["owner"])


@pytest.mark.parametrize(("more", "handed", "by"), [({}, [], "tokensync"), ({"push": "api2cart"}, ["A1"], "consumer")])
def test_with_both_settings_it_is_given_away_by_itself(
    world: World, more: dict[str, str], handed: list[str], by: str
) -> None:
    """owner=consumer alone stops nothing; push=api2cart beside it hands the first pair over without a command."""
    cart = carted(world, owner="consumer", **more)
    refresh(world)
    assert (handed, by) == (cart.handed, world.document()["owner"])
    world.clock.advance(WEEK)
    world.settle(ticks=30)

    assert (["R0"] if handed else ["R0", "R1"], handed) == (world.shop.ledger, cart.handed)


@pytest.mark.parametrize("force", [False, True])
def test_a_refresh_of_what_was_given_away_is_refused(world: World, owner: ScriptedCart, *, force: bool) -> None:
    """Not even by force, and not by a message on its way."""
    push(world)
    settled(world)
    result = world.on_demand.refresh(NAME, world.budget(), force=force)
    world.connections.request_refresh(NAME, generation=1, now=world.clock.now())

    assert (Result.OWNED_BY_CONSUMER, Result.NOTHING_DUE) == (result.result, world.run(force=force).result)
    assert ([], None, ["A0"]) == (world.shop.ledger, world.stored().due.renew_at, owner.handed)


def test_a_new_authorization_takes_it_back(world: World, owner: ScriptedCart) -> None:
    """What the seller grants anew is ours again, until it is given away again."""
    push(world)
    settled(world)
    paste(world)
    refresh_again(world)

    assert ["code-1", "R1"] == world.shop.ledger
    assert ("tokensync", "", ["A0"]) == (world.document()["owner"], world.stored().reason, owner.handed)


@pytest.mark.parametrize("fault", ["lost", "killed"])
def test_a_hand_over_without_an_answer_stops_our_refreshing(world: World, owner: ScriptedCart, fault: str) -> None:
    """It may have arrived, and then it may be refreshed there: two owners are worse than none for a while."""
    if fault == "lost":
        owner.script.append(dropped)
        assert "unanswered" == push(world)["error"]["class"]
        assert "consumer" == world.document()["owner"]
    else:
        kill(world, "answered", lambda: push(world))
    world.settle(ticks=20)
    assert "consumer" == world.document()["owner"]
    world.clock.advance(WEEK)
    world.settle(ticks=30)

    assert ([], ["A0"], ["push.failed"]) == (world.shop.ledger, owner.handed, alerts(world))
    assert push(world, again=True)["ok"]
    assert ("owned_by_consumer", "consumer") == (world.stored().reason, world.document()["owner"])


def test_a_hand_over_that_was_refused_stays_ours(world: World, owner: ScriptedCart) -> None:
    """A definite no leaves everything as it was, the next refresh included."""
    owner.refuse(2)
    stood = world.stored()

    assert not push(world)["ok"]
    after = world.stored()
    assert (stood.due.renew_at, None, None) == (
        after.due.renew_at, after.consumer.handed_over_at, after.consumer.sealed_consumer
    )  # fmt: skip
    refresh(world)
    assert ["R0"] == world.shop.ledger


def test_the_owner_is_published_even_if_aws_throttles(world: World, owner: ScriptedCart) -> None:
    """What could not be published at once is published later."""
    world.secrets.fail_next("put", PublishUnavailable)

    assert push(world)["ok"]
    assert (["A0"], "tokensync") == (owner.handed, world.document()["owner"])
    world.settle(ticks=15)
    assert "consumer" == world.document()["owner"]


# --- secrets


@pytest.mark.parametrize("step", [dropped, vanished, unsent, None])
@pytest.mark.parametrize("code", [2, 4711])
def test_no_token_and_no_key_leaves_but_to_the_consumer(
    world: World, cart: ScriptedCart, step: Step | None, code: int
) -> None:
    """Logs, alerts, history, answers to operators and the table hold none, whatever API2Cart repeats."""
    secrets = ("A1", "R1", "e59af819cc", KEY, "store-1")
    refresh(world)
    world.clock.advance(WEEK)
    if step is not None:
        cart.script.extend([step] * 9)
    cart.refuse(code, " ".join(secrets))
    told = push(world)
    refresh(world)

    shown = json.dumps([told, world.alerts.told, world.log.lines, world.stored().history], default=repr)
    shown += repr(world.stored()) + repr(cart.requests)
    assert [] == [secret for secret in secrets if f'{secret}"' in shown or f" {secret} " in shown]
    assert not [secret for secret in (KEY, "e59af819cc") if secret in shown]


# --- the address of a store, and whether it is accepted

URL = "https://shop.example/acme"


def sent(cart: ScriptedCart, index: int = -1) -> dict[str, Any]:
    """Return the parameters of a request that adds a store."""
    return dict(json.loads(cart.requests[index].body))


def test_a_new_store_gets_the_address_of_the_setting(world: World) -> None:
    """With the account's id in it where the setting has a place; without one none is sent."""
    cart = carted(world, push="api2cart", api2cart_store_url="https://shop.example/{account}?x={account}")
    refresh(world)
    assert f"https://shop.example/{NAME.account}?x={NAME.account}" == sent(cart)["store_url"]
    assert True is sent(cart)["verify"]
    plain = World()
    plain.connected()
    bare = carted(plain, push="api2cart", api2cart_verify="false")
    refresh(plain)
    assert ("store_url" in sent(bare), sent(bare)["verify"], sent(bare)["custom_label"]) == (False, False, str(NAME))


@pytest.mark.parametrize("trouble", [7, 5, "unsent"])
def test_an_address_of_ones_own_outlives_a_failure(world: World, trouble: int | str) -> None:
    """What is tried again by itself is tried with it, and so is a store that has to be made anew."""
    cart = carted(world, push="api2cart", api2cart_store_url="https://other.example")
    if isinstance(trouble, int):
        cart.refuse(trouble)
    else:
        cart.script += [unsent] * 20
    assert not push(world, store_url=URL)["ok"]
    cart.script.clear()
    world.settle(ticks=10)
    assert (URL, ["store-1"]) == (sent(cart)["store_url"], list(cart.stores))
    cart.stores.clear()
    refresh_again(world)
    assert ("POST", URL) == (cart.requests[-1].method, sent(cart)["store_url"])


def test_an_address_comes_too_late_for_a_store_that_is_there(world: World, cart: ScriptedCart) -> None:
    """It would be ignored: nothing is sent, nothing changes, and the same address is no matter."""
    assert push(world, store_url=URL)["ok"]
    before = len(cart.requests)
    answer = push(world, store_url="https://other.example")

    assert ("push_failed", 1, before) == (answer["error"]["class"], answer["exit"], len(cart.requests))
    assert "store_exists" in answer["error"]["message"]
    assert ([], 0) == (alerts(world), world.stored().consumer.push_failures)
    assert push(world, store_url=URL)["ok"]


@pytest.mark.parametrize(
    "url", ["http://shop.example", "shop.example", "https://", "https://a@b.example", "https://a b", "x" * 301]
)
def test_what_is_no_address_is_refused(world: World, cart: ScriptedCart, url: str) -> None:
    """Before anything is sent, and by the setting's name where an app has it."""
    assert 2 == push(world, store_url=url)["exit"]
    assert [] == cart.requests
    settled(world, push="api2cart", api2cart_store_url=url)
    app = world.apps.get(APP)
    assert "api2cart_store_url" in settings_problem(app, PROVIDERS["tiktok_shop"])


@pytest.mark.parametrize("setting", ["api2cart_store_url", "api2cart_verify"])
def test_a_setting_that_nobody_hears_of_is_refused(world: World, setting: str) -> None:
    """Without a consumer it would be ignored."""
    value = {"api2cart_store_url": URL, "api2cart_verify": "false"}[setting]
    for others, problem in (({}, setting), ({"push": "api2cart"}, ""), ({"owner": "consumer"}, "")):
        app = replace(world.app, settings={**others, setting: value})
        assert problem in settings_problem(app, PROVIDERS["tiktok_shop"])
        assert bool(problem) == bool(settings_problem(app, PROVIDERS["tiktok_shop"]))


def check(world: World) -> dict[str, Any]:
    """Check as the command line does."""
    return push(world, check=True)


def test_a_store_that_is_accepted(world: World, cart: ScriptedCart) -> None:
    """Both keys are in the headers of a GET; nothing is handed over, and the record knows when it was asked."""
    push(world)
    handed = list(cart.handed)
    answer = check(world)
    request = cart.requests[-1]

    assert (True, "verified", handed) == (answer["ok"], answer["result"], cart.handed)
    assert ("GET", "https://api.api2cart.com/v1.1/cart.validate.json", b"") == (
        request.method,
        request.url,
        request.body,
    )
    assert {"x-api-key": KEY, "x-store-key": "store-1"} == request.headers
    shown = answer["connection"]
    assert (world.clock.now(), None) == (shown["store_checked_at"], shown["store_refused"])


def test_a_store_that_is_not_accepted(world: World, cart: ScriptedCart) -> None:
    """The connection stays as it is; a token in API2Cart's words is nowhere, and the next pair makes it good."""
    push(world)
    cart.dead.add("A0")
    answer = check(world)
    record = world.stored()

    assert ("store_refused", 1, PUSH) == (answer["error"]["class"], answer["exit"], answer["error"]["next"])
    assert ("4711 dead ***", Status.ACTIVE, 0) == (record.consumer.check_failed, record.status, record.failures)
    assert "store.refused" in events(world)
    refresh(world)
    assert (None, None) == (world.stored().consumer.checked_at, world.stored().consumer.check_failed)
    assert check(world)["ok"]


def test_a_store_of_a_consumer_that_owns_it(world: World, owner: ScriptedCart) -> None:
    """What was given away is not handed over twice: only its seller brings another pair."""
    push(world)
    owner.dead.add("A0")

    assert f"tokensync invite {APP} --for {NAME}" == check(world)["error"]["next"]
    assert ["A0"] == owner.handed


@pytest.mark.parametrize(
    ("code", "said", "is_known"),
    [
        (2, ("store_refused", f"tokensync app set-consumer-key {APP}", 1), False),
        (5, ("store_refused", PUSH, 1), False),
        (7, ("not_checked", f"{PUSH} --check", 5), False),
        (112, ("store_refused", PUSH, 1), True),
        (4711, ("store_refused", PUSH, 1), True),
    ],
)
def test_each_return_code_of_a_check(
    world: World, cart: ScriptedCart, code: int, said: tuple[str, str, int], *, is_known: bool
) -> None:
    """Each has the command that mends it; only what is about the store itself is remembered of the store."""
    push(world)
    cart.refuse(code)
    answer = check(world)

    assert said == (answer["error"]["class"], answer["error"]["next"], answer["exit"])
    assert is_known == (world.stored().consumer.check_failed is not None)
    assert [] == alerts(world)


@pytest.mark.parametrize(
    ("code", "said"),
    [(2, (f"tokensync app set-consumer-key {APP}", 1)), (5, (PUSH, 1)), (7, (PUSH, 5)), (4711, (PUSH, 1))],
)
def test_each_return_code_of_a_push(world: World, cart: ScriptedCart, code: int, said: tuple[str, int]) -> None:
    """112 makes a new store by itself; each other one has its command."""
    cart.refuse(code)
    answer = push(world)
    assert ("push_failed", *said) == (answer["error"]["class"], answer["error"]["next"], answer["exit"])


def test_what_cannot_be_checked(world: World, cart: ScriptedCart) -> None:
    """There is no store yet, no answer comes, the app has no key, or nobody takes its connections."""
    assert "no_store" in check(world)["error"]["message"]
    push(world)
    cart.script.append(vanished)
    assert ("not_checked", None) == (check(world)["error"]["class"], world.stored().consumer.checked_at)
    world.apps.update(replace(world.apps.get(APP), api2cart_key=None))
    assert f"tokensync app set-consumer-key {APP}" == check(world)["error"]["next"]
    assert "NotOffered" == push(world, to="nobody", check=True)["error"]["class"]


@pytest.mark.parametrize("trusted", ["", ".api2cart.com.evil.example", "api2cart.com"])
def test_pairs_leave_for_hosts_alone_that_who_deploys_has_named(world: World, cart: ScriptedCart, trusted: str) -> None:
    """Whoever may write the app's secret could name an account of his own there: that is not enough."""
    world.deploy(trusted=trusted)
    told = push(world)

    assert ("push_failed", []) == (told["error"]["class"], cart.handed)
    assert "TrustedHosts names api.api2cart.com" in told["error"]["message"]
