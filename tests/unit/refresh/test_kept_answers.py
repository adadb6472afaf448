"""Answers that were kept aside or in a message: each is concluded once, a late token still counts, an end stays one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.troubles import alerts, answers, ask, carted, dropped, fleet, kill, state, unplaced, vanished, work_on
from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, WEEK, World
from fault_rows import fault
from tokensync.domain.connection import Status
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.messages import ProviderResponse
from tokensync.domain.sealing import answer_binding
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes.cart import ScriptedCart
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.work import Work

REFRESHED = (Status.ACTIVE, "A1", ["R0"])


def kept_aside(world: World) -> None:
    """Let the next answer find no place on its record, and the lease of its attempt end."""
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    world.run()
    world.after_lease()


@pytest.mark.parametrize("how", [{"body": {}, "status": 429}, {"body": b"<html>"}], ids=["throttled", "unreadable"])
def test_an_answer_without_tokens_that_was_kept_is_concluded_once(world: World, how: dict[str, Any]) -> None:
    """429 postpones, what cannot be read holds; the token is presented again as it allows."""
    world.shop.script.append(answers(world, **how))
    kept_aside(world)
    world.settle(ticks=100, every=3600)

    assert REFRESHED == state(world)


def test_a_refusal_that_was_kept_is_parked_once(world: World) -> None:
    """In an app of several the refusal counts once another has succeeded, and not never."""
    fleet(world, 20)
    world.shop.alive.discard("R0")
    kept_aside(world)
    world.settle(ticks=20, every=300)

    assert Status.REAUTHORIZE is world.stored().status
    assert 1 == alerts(world).count("connection.reauthorize")


def test_a_kept_answer_outlives_the_death_of_its_holder(world: World) -> None:
    """The worker that found it aside is killed after it had its place: the next holder publishes it."""
    kept_aside(world)
    kill(world, "published")
    world.run()

    assert REFRESHED == state(world)


def test_an_answer_that_comes_after_the_last_attempt_still_counts(world: World) -> None:
    """Held, presented again by an operator and refused: then the message with the first answer arrives."""
    message = unplaced(world)
    world.run()
    world.on_demand.refresh(NAME, world.budget(), force=True)
    assert Status.REAUTHORIZE is world.stored().status
    world.worker.run(message, world.session(), world.budget())

    assert (Status.ACTIVE, "A1", ["R0", "R0"]) == state(world)
    assert world.stored().attempt is None


def test_an_answer_that_meets_a_holder_who_did_not_see_it_comes_again(world: World) -> None:
    """Its message arrives as another worker, who found none, concludes that there is none: it recovers all the same."""
    message = unplaced(world)
    met = []
    aside = world.connections.aside

    def looked_for(name: ConnectionName, *, fence: int) -> bytes | None:
        found = aside(name, fence=fence)
        if not met:
            met.append(world.worker.run(message, world.session(), world.budget()))
        return found

    world.connections.aside = looked_for  # type: ignore[method-assign]
    world.run()
    assert (Status.HELD, True) == (world.stored().status, met[0].again)
    world.worker.run(message, world.session(), world.budget())

    assert REFRESHED == state(world)


def test_an_answer_to_the_first_presentation_still_counts_after_many_more(world: World) -> None:
    """Held, and forced again and again without an answer: only the first presentation can have brought a pair."""
    message = unplaced(world)
    for _ in range(6):
        world.shop.script.append(vanished)
        world.run(force=True)
        world.clock.advance(60)
    assert (3, message.fence) == (len(world.stored().attempt.earlier), world.stored().attempt.earlier[-1])  # type: ignore[union-attr]
    work_on(world, message)

    assert REFRESHED == state(world)


def test_a_late_answer_without_tokens_says_nothing_of_a_later_attempt(world: World) -> None:
    """The first attempt was throttled, the forced one's answer was lost: the late 429 allows no third."""
    world.shop.script.append(answers(world, {}, status=429))
    message = unplaced(world)
    world.run()
    world.shop.script.append(dropped)
    world.on_demand.refresh(NAME, world.budget(), force=True)
    world.worker.run(message, world.session(), world.budget())
    world.settle(ticks=50, every=86_400)

    assert (Status.REAUTHORIZE, "ended") == (world.stored().status, world.stored().reason)
    assert ["R0"] == world.shop.ledger


# --- superseded by a new grant


def authorized_again(world: World) -> None:
    """Let the seller authorize again, in the middle of whatever is going on."""
    browser = Browser(world)
    browser.connect()
    browser.back("code=code-1")


def authorized_and_killed(world: World) -> None:
    """Let the callback die as soon as it has taken the connection over."""
    with world.dies_at("exchange.taken_over"):
        authorized_again(world)


def killed_with_its_answer(world: World) -> None:
    """Let a worker die with the answer on its record, and the seller authorize again."""
    kill(world, "received")
    authorized_again(world)


@pytest.mark.parametrize(
    ("place", "meanwhile"),
    {
        "before it has its place": ("answered", authorized_again),
        "before it is committed": ("published", authorized_and_killed),
        "on the record of a dead worker": (None, killed_with_its_answer),
    }.values(),
    ids=["receive", "commit", "establish"],
)
def test_a_superseded_answer_is_kept(world: World, place: str | None, meanwhile: Callable[[World], None]) -> None:
    """A new grant came in between: the answer to the old attempt is kept as it arrived, and never published."""
    if place is None:
        meanwhile(world)
    else:
        world.failpoints.run_at(place, lambda: meanwhile(world))
        assert Result.TAKEN_OVER is world.run().result
    world.after_lease()
    world.settle(ticks=5)

    sealed = world.table.rows[f"app#{APP}", f"aside#{ACCOUNT}#4"].record.sealed
    kept = ProviderResponse.from_bytes(world.sealer.open(sealed, app=APP, binding=answer_binding(NAME)))
    assert "superseded" == world.connections.kept(NAME, fence=4)
    assert ("A1", "R1") == tuple(json.loads(kept.body)["data"][token] for token in ("access_token", "refresh_token"))
    assert ("A2", "A2") == (world.published(), world.grant().access_token.reveal())


# --- after an end


def end(world: World, how: str) -> None:
    """End the authorization."""
    if how == "here":
        assert "revoked" == ask(world, "revoke", local=True)["result"]
    else:
        world.connections.note_deauthorized(NAME, at=world.clock.now(), now=world.clock.now())
        world.settle(ticks=3)


@fault("F8")
@pytest.mark.parametrize("ended", ["here", "by its account"])
@pytest.mark.parametrize("way", ["queue", "dead letter"])
def test_an_answer_that_comes_after_the_end_brings_nothing_back(world: World, ended: str, way: str) -> None:
    """An authorization is ended on purpose: the answer is kept sealed, and nothing is published or refreshed."""
    message = unplaced(world)
    end(world, ended)
    if way == "queue":
        work_on(world, message)
    else:
        world.dead_letters.bury(message.to_json())
        ask(world, "recover")
    world.settle(ticks=15)
    world.clock.advance(WEEK)
    world.settle(ticks=15)

    assert (Status.DISCONNECTED, "A0", ["R0"]) == state(world)
    assert (None, None) == (world.stored().attempt, world.stored().due.next_at)
    assert "disconnected" == world.document()["status"]
    assert "unplaced" == world.connections.kept(NAME, fence=message.fence)


def test_an_answer_that_comes_before_the_end_is_published_first(world: World) -> None:
    """What was in hand when the authorization was ended is the newest token, and the secret says that it is over."""
    work_on(world, unplaced(world))
    end(world, "here")

    assert ("disconnected", "A1") == (world.document()["status"], world.document()["access_token"])


@pytest.fixture
def given_away(world: World) -> tuple[ScriptedCart, Work]:
    """A pair that API2Cart was given while its refresh token was being presented; and the message with the answer."""
    message = unplaced(world)
    world.run()
    cart = carted(world, owner="consumer")
    record = world.stored().with_consumer(handed_over_at=world.clock.now()).with_due(renew_at=None)
    world.connections.seed(replace(record, status=Status.ACTIVE, reason=""))
    return cart, message


def test_an_answer_that_comes_after_the_pair_was_given_away_makes_it_ours(
    world: World, given_away: tuple[ScriptedCart, Work]
) -> None:
    """The consumer holds a token that we spent: the new one is published and refreshed here, and the operator told."""
    work_on(world, given_away[1])

    assert ("tokensync", "A1") == (world.document()["owner"], world.document()["access_token"])
    assert [("push.overtaken", f"tokensync push {NAME} --to api2cart")] == [
        (alert.kind, alert.next_command) for alert in world.alerts.told if alert.kind.startswith("push.")
    ]
    world.clock.advance(WEEK)
    world.settle(ticks=3)
    assert ["R0", "R1"] == world.shop.ledger


def test_a_pair_that_is_ours_again_can_be_handed_over_again(
    world: World, given_away: tuple[ScriptedCart, Work]
) -> None:
    """The command that the operator was given hands over the newest pair, and the consumer owns it from then on."""
    cart, message = given_away
    work_on(world, message)

    assert Result.PUSHED == ask(world, "push", to="api2cart")["result"]
    assert ("consumer", None) == (world.document()["owner"], world.stored().due.renew_at)
    assert ["R1"] == [store["tiktokshop_refresh_token"] for store in cart.stores.values()]
