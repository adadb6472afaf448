"""Handing pairs to API2Cart: one owner of the refreshing, every new pair, and never an older after a newer one."""

from __future__ import annotations

import json
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.cart import HOST, KEY, ScriptedCart
from fakes.world import APP, NAME, WEEK, World, killed
from tokensync.domain.connection import Status
from tokensync.domain.errors import FenceLost, NoAnswer, NotSent, PublishUnavailable, SealingUnavailable
from tokensync.domain.secret import Secret
from tokensync.domain.work import Work
from tokensync.refresh.result import Result
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse

OWNED = Result.OWNED_BY_CONSUMER


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due, in an app that pushes each pair."""
    made = World()
    made.cart = ScriptedCart(made.clock)  # type: ignore[attr-defined]
    made.shop.others[HOST] = made.cart  # type: ignore[attr-defined]
    made.connected()
    settled(made, push="api2cart")
    return made


def cart(world: World) -> ScriptedCart:
    """Return API2Cart."""
    found: ScriptedCart = world.cart  # type: ignore[attr-defined]
    return found


def settled(world: World, **settings: str) -> None:
    """Let the app say how it hands over."""
    app = world.apps.get(APP)
    world.apps.update(replace(app, settings=settings, api2cart_key=Secret(KEY)))


def push(world: World, **more: object) -> dict[str, Any]:
    """Push as the command line does."""
    return world.commands.answer(
        {"tokensync": "push", "connection": str(NAME), "to": "api2cart", **more}, world.budget()
    )


def refresh(world: World) -> None:
    """Refresh once, and do what was queued."""
    world.run()
    world.drain()


def due_again(world: World) -> None:
    """Let the next refresh come."""
    world.clock.advance(WEEK)


def events(world: World) -> list[str]:
    """Return the connection's history."""
    return [entry.event for entry in world.stored().history]


def lost(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
    """Let it arrive, and lose its answer."""
    honest()
    raise NoAnswer("lost")


def unanswered(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
    """Let the request vanish."""
    del honest
    raise NoAnswer("lost")


def unsent(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
    """Let no byte leave."""
    del honest
    raise NotSent("refused")


# --- after every refresh


def test_each_new_pair_is_handed_over(world: World) -> None:
    """The first makes a store, each later one updates it, by the message that its own commit queued."""
    for _ in range(3):
        refresh(world)
        due_again(world)

    assert ["A1", "A2", "A3"] == cart(world).handed
    assert ["POST", "PUT", "PUT"] == [request.method for request in cart(world).requests]
    assert ["store-1"] == list(cart(world).stores)
    assert (4, 4, None) == (world.stored().generation, world.stored().consumer.pushed, world.stored().due.push_at)
    assert 1 == events(world).count("consumer.added")


def test_the_pair_is_whole(world: World) -> None:
    """Both tokens and the app's own credentials are those that stand."""
    refresh(world)
    due_again(world)
    refresh(world)

    assert {
        "tiktokshop_app_key": "29a39d",
        "tiktokshop_app_secret": "e59af819cc",
        "tiktokshop_refresh_token": "R2",
        "tiktokshop_access_token": "A2",
    }.items() <= cart(world).stores["store-1"].items()


def test_a_new_authorization_updates_the_same_store(world: World) -> None:
    """The callback function cannot open a grant, and the store's key outlives the grant."""
    refresh(world)

    authorization = world.code_exchange.take_paste(
        "code-1", world.session(), world.signer, world.budget(), redirect_uri="https://connect.example/callback"
    )
    world.drain()

    assert str(NAME) == authorization.connection
    assert ["A1", "A2"] == cart(world).handed
    assert ["store-1"] == list(cart(world).stores)


def test_an_app_that_does_not_push_hands_nothing_over(world: World) -> None:
    """No setting, no call."""
    settled(world)

    refresh(world)

    assert [] == cart(world).requests
    assert world.stored().due.push_at is None


def test_a_push_that_is_no_longer_wanted_rests(world: World) -> None:
    """An operator who takes the setting back between refresh and push is obeyed."""
    world.run()
    settled(world)
    world.drain()

    assert [] == cart(world).requests
    assert world.stored().due.push_at is None


def test_a_lost_message_is_made_up_for_by_the_tick(world: World) -> None:
    """The record itself is due until the pair is handed over."""
    world.run()
    world.queue.drain()

    world.settle(ticks=15)

    assert ["A1"] == cart(world).handed


def test_a_comparison_comes_before_a_push(world: World) -> None:
    """A message that asks for a comparison is not used up by a push."""
    world.run()
    world.queue.drain()

    assert Result.NOTHING_DUE == world.run(compare=True).result
    assert [] == cart(world).handed


def test_too_little_time_pushes_nothing(world: World) -> None:
    """Without room for a call and a write the message comes again."""
    world.run()
    world.seconds = 10

    outcome = world.run()

    assert (Result.NO_TIME, True) == (outcome.result, outcome.again)
    assert [] == cart(world).requests


# --- failures


@pytest.mark.parametrize(
    ("code", "following"),
    [(2, "tokensync app set-consumer-key"), (5, "tokensync app set-consumer-key"), (7, "push"), (4711, "push")],
)
def test_a_refusal_is_told_once_and_tried_again(world: World, code: int, following: str) -> None:
    """The connection stays as it is, and its refreshes go on."""
    for _ in range(3):
        cart(world).refuse(code)
    refresh(world)
    stood = world.stored()
    world.settle(ticks=3)

    assert ("active", 2, 0) == (stood.status, stood.generation, stood.failures)
    assert stood.due.push_at is not None
    assert stood.due.push_at > world.clock.now() - 240
    assert ["push.failed"] == [alert.kind for alert in world.alerts.told]
    assert following in world.alerts.told[0].next_command
    assert 1 == events(world).count("push.failed")

    world.settle(ticks=10)

    assert ["A1"] == cart(world).handed
    assert "push.recovered" in events(world)
    assert 0 == world.stored().consumer.push_failures


def test_a_failure_waits_longer_each_time(world: World) -> None:
    """Backoff doubles, so a consumer that is down is not hammered."""
    for _ in range(60):
        cart(world).refuse(7)
    refresh(world)
    world.settle(ticks=120)

    assert 3 < len(cart(world).requests) < 12


def test_retry_after_is_honoured(world: World) -> None:
    """What it asks for is the earliest."""
    told = cart(world).answer(7, status=429)
    cart(world).script.append(lambda _: replace(told, headers={"retry-after": "1800"}))
    refresh(world)

    assert world.stored().due.push_at == world.clock.now() + 1800


def test_a_refresh_goes_on_while_pushes_fail(world: World) -> None:
    """The next pair comes in time, and it is the one that is handed over then."""
    for _ in range(40):
        cart(world).refuse(7)
    refresh(world)
    due_again(world)
    refresh(world)
    cart(world).script.clear()
    world.settle(ticks=120)

    assert ["R0", "R1"] == world.shop.ledger
    assert ["A2"] == cart(world).handed


def test_an_update_without_an_answer_is_repeated(world: World) -> None:
    """The same pair may be handed over twice: nothing is made anew by that."""
    refresh(world)
    due_again(world)
    cart(world).script.append(lost)
    refresh(world)
    world.settle(ticks=5)

    assert ["A1", "A2", "A2"] == cart(world).handed
    assert world.stored().consumer.pushed == world.stored().generation


def test_a_request_that_never_left_is_sent_again(world: World) -> None:
    """Nothing was done, so it is tried again inside the same call."""
    cart(world).script.append(unsent)
    refresh(world)

    assert ["A1"] == cart(world).handed
    assert [] == world.alerts.told


def test_a_new_store_without_an_answer_is_left_to_an_operator(world: World) -> None:
    """A second addition could make a second store, so nothing repeats it but a person."""
    cart(world).script.append(lost)
    refresh(world)
    world.settle(ticks=60)
    due_again(world)
    refresh(world)

    assert ["store-1"] == list(cart(world).stores)
    assert ["push.failed"] == [alert.kind for alert in world.alerts.told]
    assert f"tokensync push {NAME} --to api2cart --again" == world.alerts.told[0].next_command

    told = push(world)
    assert (False, "unanswered") == (told["ok"], told["error"]["class"])

    assert push(world, again=True)["ok"]
    assert ["store-1", "store-2"] == list(cart(world).stores)
    due_again(world)
    refresh(world)
    assert "A3" == cart(world).stores["store-2"]["tiktokshop_access_token"]


def test_an_addition_without_a_key_is_left_to_an_operator(world: World) -> None:
    """A success that names no store can be neither updated nor repeated."""
    cart(world).script.append(lambda _: cart(world).answer(0))
    refresh(world)
    world.settle(ticks=30)

    assert 1 == len(cart(world).requests)
    assert "missing_store_key" in world.alerts.told[0].detail


def test_a_store_that_is_gone_is_added_anew(world: World) -> None:
    """112: API2Cart knows the key no more, and the same turn makes a new store."""
    refresh(world)
    cart(world).stores.clear()
    due_again(world)
    refresh(world)

    assert ["POST", "PUT", "POST"] == [request.method for request in cart(world).requests]
    assert "A2" == cart(world).stores["store-1"]["tiktokshop_access_token"]
    assert [] == world.alerts.told


def test_an_app_without_a_key_says_so(world: World) -> None:
    """Nothing is sent, and the alert names the command."""
    world.apps.update(replace(world.apps.get(APP), api2cart_key=None))
    refresh(world)

    assert [] == cart(world).requests
    assert f"tokensync app set-consumer-key {APP}" == world.alerts.told[0].next_command


def test_killed_in_the_middle_of_an_addition(world: World) -> None:
    """Nobody knows whether the store stands: the next worker tells, and sends nothing."""
    world.run()
    world.failpoints.raise_at("push.marked", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()
    world.settle(ticks=15)

    assert [] == cart(world).requests
    assert ["push.failed"] == [alert.kind for alert in world.alerts.told]


def test_killed_in_the_middle_of_an_update(world: World) -> None:
    """An update is repeated by whoever comes next."""
    refresh(world)
    due_again(world)
    world.run()
    world.failpoints.raise_at("answered", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()
    world.settle(ticks=15)

    assert "A2" == cart(world).handed[-1]
    assert world.stored().consumer.pushed == world.stored().generation


def test_the_key_down_sends_nothing(world: World) -> None:
    """What cannot be unsealed is not handed over, and not lost."""
    world.run()
    world.sealer.fail_next("open", SealingUnavailable("down"))
    world.drain()
    assert [] == cart(world).requests

    world.settle(ticks=15)
    assert ["A1"] == cart(world).handed


# --- never an older pair after a newer one


def test_an_older_pair_that_comes_late_is_followed_by_the_newest(world: World) -> None:
    """A push that lost its fence may have come last: the newest is handed over once more."""
    refresh(world)
    due_again(world)
    world.run()

    def overtaken() -> None:
        world.code_exchange.take_paste(
            "code-1", world.session(), world.signer, world.budget(), redirect_uri="https://connect.example/callback"
        )
        world.after_lease()
        world.drain()

    def late(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        overtaken()
        return honest()

    cart(world).script.append(late)
    world.run()
    world.drain()

    assert ["A1", "A3", "A2", "A3"] == cart(world).handed


def test_an_operators_push_that_lost_its_fence_is_made_up_for(world: World) -> None:
    """Whatever it was that wrote last, the newest pair ends up there."""
    refresh(world)
    world.connections.fail_next("write", FenceLost("taken over"))

    told = push(world)
    world.after_lease()
    world.drain()

    assert "taken_over" == told["error"]["class"]
    assert ["A1", "A1", "A1"] == cart(world).handed


def authorize_again(world: World) -> None:
    """Let the seller authorize anew, which takes the connection over from whoever holds it."""
    world.code_exchange.take_paste(
        "code-1", world.session(), world.signer, world.budget(), redirect_uri="https://connect.example/callback"
    )


def test_a_store_that_was_added_under_a_lost_fence_is_the_one_that_is_updated(world: World) -> None:
    """The key that came too late for its lease is kept, so that nothing makes a second store."""
    world.run()

    def late(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        made = honest()
        authorize_again(world)
        return made

    cart(world).script.append(late)
    world.run()
    world.settle(ticks=10)

    assert (["store-1"], "A2") == (list(cart(world).stores), cart(world).handed[-1])
    assert (["POST"], []) == ([r.method for r in cart(world).requests if r.method == "POST"], world.alerts.told)
    assert push(world, again=True)["ok"]
    assert ["store-1"] == list(cart(world).stores)


def test_an_addition_that_was_refused_under_a_lost_fence_is_made_anew(world: World) -> None:
    """A definite no leaves no mark behind for the next holder to stop at."""
    world.run()

    def late(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        del honest
        authorize_again(world)
        return cart(world).answer(7)

    cart(world).script.append(late)
    world.run()
    world.settle(ticks=10)

    assert (["store-1"], "A2") == (list(cart(world).stores), cart(world).handed[-1])
    assert ["POST", "POST"] == [request.method for request in cart(world).requests if request.method == "POST"]


def test_a_handed_over_store_whose_fence_was_lost_is_known_as_well(world: World) -> None:
    """The same where the owner changed and was to be published."""
    settled(world, owner="consumer")

    def late(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        made = honest()
        authorize_again(world)
        return made

    cart(world).script.append(late)

    assert "taken_over" == push(world)["error"]["class"]
    world.after_lease()
    assert push(world, again=True)["ok"]
    assert ["store-1"] == list(cart(world).stores)


def test_a_standing_that_somebody_marked_since_is_not_undone(world: World) -> None:
    """Who repeated the request meanwhile knows the newer store."""
    world.run()

    def late(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        made = honest()
        authorize_again(world)
        world.after_lease()
        assert push(world, again=True)["ok"]
        return made

    cart(world).script.append(late)
    world.run()
    world.settle(ticks=10)

    assert ["store-1", "store-2"] == list(cart(world).stores)
    assert "A2" == cart(world).stores["store-2"]["tiktokshop_access_token"]
    assert "PUT" == cart(world).requests[-1].method
    assert "store-2" == cart(world).requests[-1].headers["x-store-key"]


def test_a_push_message_reads_back(world: World) -> None:
    """The queue carries that a push is asked for."""
    del world
    work = Work(connection=NAME, push=True)

    assert work == Work.from_json(work.to_json())


def test_a_push_message_waits_for_the_holder(world: World) -> None:
    """Where another holds the lease the message comes again."""
    world.connections.lease(NAME, now=world.clock.now(), until=world.clock.now() + 60)

    outcome = world.worker.run(Work(connection=NAME, push=True), world.session(), world.budget())

    assert (Result.LEASED_ELSEWHERE, True) == (outcome.result, outcome.again)


# --- the rule of one owner


def test_nothing_is_pushed_before_somebody_owns_the_refreshing(world: World) -> None:
    """The refusal explains the three choices, each with what does it."""
    settled(world)

    told = push(world)

    assert (False, "NotOffered", 1) == (told["ok"], told["error"]["class"], told["exit"])
    for choice in (f"app set {APP} push=api2cart", f"app set {APP} owner=consumer", "an authorization of its own"):
        assert choice in told["error"]["message"]
    assert [] == cart(world).requests


def test_a_consumer_that_nobody_knows(world: World) -> None:
    """The refusal names those that take such a connection."""
    told = push(world, to="elsewhere")

    assert "can be pushed to api2cart" in told["error"]["message"]


def test_a_provider_whose_pairs_nobody_takes(world: World) -> None:
    """API2Cart takes TikTok Shop alone."""
    world.apps.update(replace(world.apps.get(APP), provider="eshopbox"))

    assert "no consumer takes its connections" in push(world)["error"]["message"]


def test_push_on_demand(world: World) -> None:
    """A connection that stands already is handed over now, and tells which pair."""
    told = push(world)

    assert (True, "pushed", 1, "tokensync") == (told["ok"], told["result"], told["pushed"], told["owner"])
    assert ["A0"] == cart(world).handed
    assert [] == world.shop.ledger


@pytest.mark.parametrize(
    ("code", "exit_code", "following"),
    [(2, 1, f"tokensync app set-consumer-key {APP}"), (7, 5, f"tokensync push {NAME} --to api2cart")],
)
def test_push_on_demand_tells_why_not(world: World, code: int, exit_code: int, following: str) -> None:
    """The operator learns what API2Cart said, and what next."""
    cart(world).refuse(code, "because")

    told = push(world)

    assert ("push_failed", following, exit_code) == (told["error"]["class"], told["error"]["next"], told["exit"])
    assert "because" in told["error"]["message"]


@pytest.mark.parametrize("status", [Status.REAUTHORIZE, Status.QUARANTINED, Status.ORPHANED, Status.DISCONNECTED])
def test_a_connection_that_rests_is_not_pushed(world: World, status: Status) -> None:
    """A pair that is dead, or nobody's to use, goes nowhere."""
    world.connections.seed(replace(world.stored().with_due(push_at=world.clock.now()), status=status))

    assert not push(world)["ok"]
    world.connections.seed(scheduled(world.stored().with_due(renew_at=None, push_at=world.clock.now())))
    world.run()

    assert [] == cart(world).requests
    assert world.stored().due.push_at is None


def test_there_is_no_pair_yet(world: World) -> None:
    """A connection that was imported with a refresh token alone is pushed after its first refresh."""
    world.connections.seed(replace(world.stored(), obtained_at=None))

    told = push(world)

    assert ("nothing_due", f"tokensync refresh {NAME}") == (told["error"]["class"], told["error"]["next"])


def test_a_grant_without_a_refresh_token_is_no_pair(world: World) -> None:
    """Half a pair is not handed over."""
    grant = replace(world.grant(), refresh_token=None)
    sealed = world.sealer.new_key(APP).seal(grant.to_bytes(), binding=f"{NAME}|grant|1")
    world.connections.seed(replace(world.stored(), sealed_grant=sealed))

    assert "no_pair" in push(world)["error"]["message"]
    assert [] == cart(world).requests


# --- owner: consumer


def test_a_connection_is_given_away_once(world: World) -> None:
    """Handed over, it is refreshed by nobody here any more, and says so to its readers."""
    settled(world, owner="consumer")

    told = push(world)
    stood = world.stored()

    assert (True, "consumer") == (told["ok"], told["owner"])
    assert ("active", "owned_by_consumer", None, None) == (
        stood.status,
        stood.reason,
        stood.due.renew_at,
        stood.due.next_at,
    )
    assert ("connection.handed_over", "consumer") == (events(world)[-1], world.document()["owner"])

    due_again(world)
    world.settle(ticks=30)
    again = push(world)

    assert [] == world.shop.ledger
    assert ["A0"] == cart(world).handed
    assert (OWNED, 1) == (again["error"]["class"], again["exit"])


def test_what_may_be_spent_is_not_given_away(world: World) -> None:
    """A held connection keeps its last attempt: whoever was handed a spent token could only lose the seller."""
    settled(world, owner="consumer")
    world.shop.script.append(lost)
    assert Result.HELD is world.run().result
    stood = world.stored()

    told = push(world)
    after = world.stored()

    assert (False, "held", 5) == (told["ok"], told["error"]["class"], told["exit"])
    assert "its refresh token may be spent" in told["error"]["message"]
    assert f"tokensync refresh {NAME} --force" == told["error"]["next"]
    assert [] == cart(world).requests
    assert (Status.HELD, "ambiguous", stood.due.renew_at, stood.exemption, "tokensync") == (
        after.status,
        after.reason,
        after.due.renew_at,
        after.exemption,
        after.owner,
    )


def test_what_was_presented_before_is_not_given_away(world: World) -> None:
    """An attempt that stands is settled by the next refresh, and then the new pair goes."""
    settled(world, owner="consumer")
    busy = world.shop.answer({"code": 36009002, "message": "rate limit", "data": None, "request_id": "t"})
    world.shop.script.append(lambda _: busy)
    world.run()
    assert Status.ACTIVE is world.stored().status

    told = push(world)

    assert ("held", f"tokensync refresh {NAME}") == (told["error"]["class"], told["error"]["next"])
    assert [] == cart(world).requests
    due_again(world)
    refresh(world)
    assert push(world)["ok"]
    assert ["A1"] == cart(world).handed


def test_by_itself_too_it_waits_until_the_token_is_known_to_be_good(world: World) -> None:
    """With both settings, the pair that comes of the last attempt is the one that is given away."""
    settled(world, owner="consumer", push="api2cart")

    def vanished(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        del honest
        raise NoAnswer("lost")

    world.shop.script.append(vanished)
    world.run()
    world.connections.seed(scheduled(world.stored().with_due(push_at=world.clock.now())))

    assert Result.HELD is world.run().result
    assert ([], None) == (cart(world).requests, world.stored().due.push_at)
    world.clock.advance(WEEK // 2)
    world.settle(ticks=3)
    assert (["R0"], ["A1"]) == (world.shop.ledger, cart(world).handed)
    assert "consumer" == world.document()["owner"]


def test_it_is_refreshed_until_it_is_given_away(world: World) -> None:
    """The setting alone stops nothing: until the hand-over the token is ours alone."""
    settled(world, owner="consumer")

    refresh(world)

    assert ["R0"] == world.shop.ledger
    assert [] == cart(world).requests
    assert "tokensync" == world.document()["owner"]


def test_with_both_settings_it_is_given_away_by_itself(world: World) -> None:
    """push=api2cart beside owner=consumer hands the first pair over without a command."""
    settled(world, owner="consumer", push="api2cart")

    refresh(world)
    due_again(world)
    world.settle(ticks=30)

    assert ["R0"] == world.shop.ledger
    assert ["A1"] == cart(world).handed
    assert "consumer" == world.document()["owner"]


@pytest.mark.parametrize("force", [False, True])
def test_a_refresh_of_what_was_given_away_is_refused(world: World, force: bool) -> None:  # noqa: FBT001
    """Not even by force, and not by a message on its way."""
    settled(world, owner="consumer")
    push(world)
    settled(world)

    outcome = world.on_demand.refresh(NAME, world.budget(), force=force)
    world.connections.request_refresh(NAME, generation=1, now=world.clock.now())
    late = world.run(force=force)

    assert (OWNED, Result.NOTHING_DUE) == (outcome.result, late.result)
    assert [] == world.shop.ledger
    assert world.stored().due.renew_at is None


def test_a_new_authorization_takes_it_back(world: World) -> None:
    """What the seller grants anew is ours again, until it is given away again."""
    settled(world, owner="consumer")
    push(world)
    settled(world)

    world.code_exchange.take_paste(
        "code-1", world.session(), world.signer, world.budget(), redirect_uri="https://connect.example/callback"
    )
    due_again(world)
    refresh(world)

    assert ["code-1", "R1"] == world.shop.ledger
    assert "tokensync" == world.document()["owner"]
    assert "" == world.stored().reason


def test_a_hand_over_without_an_answer_stops_our_refreshing(world: World) -> None:
    """It may have arrived, and then it may be refreshed there: two owners are worse than none for a while."""
    settled(world, owner="consumer")
    cart(world).script.append(lost)

    told = push(world)
    due_again(world)
    world.settle(ticks=30)

    assert "unanswered" == told["error"]["class"]
    assert [] == world.shop.ledger
    assert "consumer" == world.document()["owner"]
    assert ["push.failed"] == [alert.kind for alert in world.alerts.told]

    assert push(world, again=True)["ok"]
    assert "owned_by_consumer" == world.stored().reason


def test_a_hand_over_that_was_refused_stays_ours(world: World) -> None:
    """A definite no leaves everything as it was, the next refresh included."""
    settled(world, owner="consumer")
    cart(world).refuse(2)
    stood = world.stored()

    assert not push(world)["ok"]
    after = world.stored()
    refresh(world)

    assert (stood.due.renew_at, None, None) == (
        after.due.renew_at,
        after.consumer.handed_over_at,
        after.consumer.sealed_consumer,
    )
    assert ["R0"] == world.shop.ledger


def test_killed_in_the_middle_of_a_hand_over(world: World) -> None:
    """The mark was written before the request: nothing here refreshes it, and somebody is told."""
    settled(world, owner="consumer")
    world.failpoints.raise_at("answered", killed())
    with pytest.raises(KeyboardInterrupt):
        push(world)
    world.after_lease()
    world.settle(ticks=20)
    due_again(world)
    world.settle(ticks=20)

    assert [] == world.shop.ledger
    assert ["A0"] == cart(world).handed
    assert ["push.failed"] == [alert.kind for alert in world.alerts.told]


def test_the_owner_is_published_even_if_aws_throttles(world: World) -> None:
    """What could not be told to readers at once is told later."""
    settled(world, owner="consumer")
    world.secrets.fail_next("put", PublishUnavailable("throttled"))

    assert push(world)["ok"]
    assert "tokensync" == world.document()["owner"]
    world.settle(ticks=15)

    assert "consumer" == world.document()["owner"]


# --- secrets


@pytest.mark.parametrize("step", [lost, unanswered, unsent, None])
@pytest.mark.parametrize("code", [2, 4711])
def test_no_token_and_no_key_leaves_but_to_the_consumer(
    world: World, step: Callable[[Callable[[], ProviderResponse]], ProviderResponse] | None, code: int
) -> None:
    """Logs, alerts, history, answers to operators and the table hold none, whatever API2Cart repeats."""
    secrets = ("A1", "R1", "e59af819cc", KEY, "store-1")
    refresh(world)
    due_again(world)
    if step is not None:
        cart(world).script.extend([step] * 9)
    cart(world).refuse(code, " ".join(secrets))
    told = push(world)
    refresh(world)

    shown = json.dumps([told, world.alerts.told, world.log.lines, world.stored().history], default=repr)
    shown += repr(world.stored()) + repr(cart(world).requests)
    assert [] == [secret for secret in secrets if f'{secret}"' in shown or f" {secret} " in shown]
    assert KEY not in shown
    assert "e59af819cc" not in shown


def test_an_error_shows_no_token(world: World) -> None:
    """Not even a broken consumer's error repeats what was sent."""
    refresh(world)
    request = cart(world).requests[0]

    with pytest.raises(TypeError) as caught:
        request.__reduce__()

    assert "A1" not in "".join(traceback.format_exception(caught.value))
