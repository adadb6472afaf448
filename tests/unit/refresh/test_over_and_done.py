"""What a late answer finds: an authorization that is over stays over, a pair that was given away is ours again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.cart import HOST, KEY, ScriptedCart
from fakes.world import APP, NAME, WEEK, World
from fault_rows import fault
from tokensync.domain.connection import Status
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.secret import Secret
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.work import Work


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


def unplaced(world: World) -> Work:
    """Refresh while the table takes no answer; return the message that alone holds it, once the lease is over."""

    def down() -> None:
        world.connections.fail_next("write", StoreUnavailable)
        world.connections.fail_next("set_aside", StoreUnavailable)

    world.failpoints.run_at("answered", down)
    world.run()
    (message,) = world.queue.drain()
    world.after_lease()
    return message


def ask(world: World, command: str, **more: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    return world.commands.answer({"tokensync": command, "connection": str(NAME), **more}, world.budget())


def deauthorized(world: World) -> None:
    """Let the account end its authorization, and the notice be worked on."""
    world.connections.note_deauthorized(NAME, at=world.clock.now(), now=world.clock.now())
    world.settle(ticks=3)


@fault("F8")
@pytest.mark.parametrize("ended", ["here", "by its account"])
@pytest.mark.parametrize("way", ["queue", "dead letter"])
def test_an_answer_that_comes_after_the_end_brings_nothing_back(world: World, ended: str, way: str) -> None:
    """Whoever ended the authorization meant it: the answer is kept sealed, and nothing is published or refreshed."""
    message = unplaced(world)
    if ended == "here":
        assert "revoked" == ask(world, "revoke", local=True)["result"]
    else:
        deauthorized(world)
    if way == "queue":
        world.batches.run({"1": message.to_json()}, world.budget())
    else:
        world.dead_letters.bury(message.to_json())
        ask(world, "recover")
    world.settle(ticks=15)
    world.clock.advance(WEEK)
    world.settle(ticks=15)

    assert (Status.DISCONNECTED, None, None) == (
        world.stored().status, world.stored().attempt, world.stored().due.next_at
    )  # fmt: skip
    assert ("disconnected", "A0") == (world.document()["status"], world.document()["access_token"])
    assert ["R0"] == world.shop.ledger
    assert "unplaced" == world.connections.kept(NAME, fence=message.fence)


def test_an_answer_that_comes_before_the_end_is_published_first(world: World) -> None:
    """What was in hand when the authorization was ended is the newest token, and the secret says that it is over."""
    message = unplaced(world)
    world.batches.run({"1": message.to_json()}, world.budget())
    assert "revoked" == ask(world, "revoke", local=True)["result"]

    assert ("disconnected", "A1") == (world.document()["status"], world.document()["access_token"])


def given_away(world: World) -> ScriptedCart:
    """Let the pair have been handed to a consumer that refreshes it, while its refresh token was being presented."""
    made = ScriptedCart(world.clock)
    world.shop.others[HOST] = made
    app = world.apps.get(APP)
    world.apps.update(replace(app, settings={"owner": "consumer"}, api2cart_key=Secret(KEY)))
    record = replace(
        world.stored().with_consumer(handed_over_at=world.clock.now()).with_due(renew_at=None),
        status=Status.ACTIVE,
        reason="",
    )
    world.connections.seed(record)
    return made


def test_an_answer_that_comes_after_the_pair_was_given_away_makes_it_ours(world: World) -> None:
    """The consumer holds a token that we spent: the new one is published and refreshed here, and the operator told."""
    message = unplaced(world)
    world.run()
    given_away(world)
    world.batches.run({"1": message.to_json()}, world.budget())

    assert ("tokensync", "A1") == (world.document()["owner"], world.document()["access_token"])
    assert [("push.overtaken", f"tokensync push {NAME} --to api2cart")] == [
        (alert.kind, alert.next_command) for alert in world.alerts.told if alert.kind.startswith("push.")
    ]
    world.clock.advance(WEEK)
    world.settle(ticks=3)
    assert ["R0", "R1"] == world.shop.ledger


def test_a_pair_that_is_ours_again_can_be_handed_over_again(world: World) -> None:
    """The command that the operator was told hands over the newest pair, and the consumer owns it from then on."""
    message = unplaced(world)
    world.run()
    cart = given_away(world)
    world.batches.run({"1": message.to_json()}, world.budget())

    assert Result.PUSHED == ask(world, "push", to="api2cart")["result"]
    assert ("consumer", None) == (world.document()["owner"], world.stored().due.renew_at)
    assert ["R1"] == [store["tiktokshop_refresh_token"] for store in cart.stores.values()]
