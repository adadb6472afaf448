"""A copy of a token that an operator exported: whoever gave it to another program hears once that it is stale."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes.scripted import ADS, ADS_LIST, ADS_TOKEN, Staged, ads_token, advertisers
from fakes.visitors import Browser
from fakes.world import NAME, World
from tokensync.domain.connection import Status
from tokensync.domain.errors import FenceLost, PublishUnavailable, StoreUnavailable
from tokensync.domain.export import token_digest
from tokensync.domain.secret import Secret
from tokensync.refresh.result import Result

STALE = "export.stale"
AGAIN = f"tokensync export {NAME} --format owox --without-secret"


@pytest.fixture
def world() -> World:
    """A stack with one connection, whose refresh is due."""
    made = World()
    made.connected()
    return made


def exported(world: World, copied: str = "A0", **changes: Any) -> dict[str, Any]:
    """Note that a token was exported."""
    asked = {"token": token_digest(Secret(copied)), "generation": 1, "form": "owox --without-secret"}
    return world.ask("exported", connection=str(NAME), **{**asked, **changes})


def copies(world: World) -> list[tuple[str, int]]:
    """Return the alerts of stale copies and the events in the history."""
    told = [alert.next_command for alert in world.alerts.told if alert.kind == STALE]
    return [
        *((command, 1) for command in told),
        *((e.event, e.generation) for e in world.stored().history if e.event == STALE),
    ]


def test_a_refresh_makes_it_stale_once(world: World) -> None:
    """One alert with the command that exports again; the next refresh has nothing to say, another export has."""
    assert {"ok": True, "noted": True} == exported(world)
    copy = world.stored().consumer.exported
    world.run()

    assert copy is not None
    assert ("owox --without-secret", 1, world.clock.now()) == (copy.form, copy.generation, copy.at)
    assert [(AGAIN, 1), (STALE, 2)] == copies(world)
    world.clock.advance(7 * 86_400)
    world.run()
    assert [(AGAIN, 1), (STALE, 2)] == copies(world)
    exported(world, "A2", generation=3)
    world.clock.advance(7 * 86_400)
    world.run()
    assert [AGAIN, AGAIN] == [command for command, _ in copies(world) if command == AGAIN]
    (first, _) = [alert.detail for alert in world.alerts.told if alert.kind == STALE]
    assert "generation 1" in first
    assert "generation 2" in first


def test_another_authorization_makes_it_stale() -> None:
    """The token of TikTok Ads never ends, and a new consent replaces it: also in the callback that makes it."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token(), ads_token(access_token="AB"))
    stage.server.says(ADS_LIST, advertisers("7000000000000000001"))
    stage.connect()
    name = stage.name("7000000000000000001")
    note = {"token": token_digest(Secret("AA")), "generation": 1, "form": "owox"}
    assert stage.world.ask("exported", connection=str(name), **note)["noted"]
    stage.world.clock.advance(86_400)
    stage.world.settle(ticks=2)
    assert [] == stage.alerts()
    stage.browser.connect(stage.world.invite(id="invite-2"))
    stage.browser.back("auth_code=code-2")
    stage.world.settle(ticks=2)

    (alert,) = stage.world.alerts.told
    assert (STALE, str(name), f"tokensync export {name} --format owox") == (
        alert.kind, alert.subject, alert.next_command
    )  # fmt: skip
    assert ("AB", None) == (stage.world.published(name), stage.world.stored(name).consumer.exported)


def test_what_nobody_noted_is_no_matter(world: World) -> None:
    """Most tokens are exported by nobody: nothing is alerted, and no write is made for it."""
    before = world.connections.calls.total()
    world.run()
    spent = world.connections.calls.total() - before
    noted = World()
    noted.connected()
    exported(noted)
    before = noted.connections.calls.total()
    noted.run()

    assert ([], spent) == (copies(world), noted.connections.calls.total() - before)


def test_the_same_token_again_is_not_stale(world: World) -> None:
    """A version with another status holds the same token, and so does one whose answer had a refresh token alone."""
    exported(world)
    world.shop.script.append(lambda honest: _with(honest(), access_token="not\nusable"))
    assert Result.POSTPONED is world.run().result
    assert ("A0", "R1") == (world.published(), world.grant().refresh_token.reveal())  # type: ignore[union-attr]
    world.shop.alive.clear()
    world.clock.advance(600)
    world.settle(ticks=30)

    assert Status.REAUTHORIZE is world.stored().status
    assert [] == copies(world)
    assert world.stored().consumer.exported is not None


def _with(response: Any, **fields: object) -> Any:
    body = json.loads(response.body)
    return replace(response, body=json.dumps({**body, "data": {**body["data"], **fields}}).encode())


def test_a_token_that_is_not_published_yet_makes_nothing_stale(world: World) -> None:
    """An export now would copy the old one: the alert comes with the publication."""
    exported(world)
    world.secrets.fail_next("put", PublishUnavailable)
    world.run()
    assert [] == copies(world)
    world.clock.advance(600)
    world.run()

    assert ("A1", [(AGAIN, 1), (STALE, 2)]) == (world.published(), copies(world))


def test_an_export_while_a_new_token_is_on_its_way(world: World) -> None:
    """It is noted after the lease was taken, under the generation that still was: its operator hears of it at once."""
    world.failpoints.run_at("received", lambda: exported(world))
    world.run()

    assert ("A1", None) == (world.published(), world.stored().consumer.exported)
    assert [(AGAIN, 1), (STALE, 2)] == copies(world)


@pytest.mark.parametrize("error", [FenceLost, StoreUnavailable])
def test_a_mark_that_cannot_be_taken_back_is_found_later(world: World, error: type[Exception]) -> None:
    """The one write of a rare case fails: the next COMMIT alerts."""
    world.failpoints.run_at("received", lambda: exported(world))
    world.failpoints.run_at("committed", lambda: world.connections.fail_next("write", error))
    world.run()
    assert [] == copies(world)
    world.clock.advance(7 * 86_400)
    world.run()

    assert [(AGAIN, 1), (STALE, 3)] == copies(world)


def test_an_export_of_a_token_that_was_replaced_is_not_noted(world: World) -> None:
    """The command line hears that, and says so."""
    world.run()

    assert {"ok": True, "noted": False} == exported(world)
    assert None is world.stored().consumer.exported


@pytest.mark.parametrize(
    "changes",
    [{"form": "x; rm"}, {"form": None}, {"token": "a b"}, {"token": "a" * 65}, {"token": 5}, {"generation": "1"}],
)
def test_what_is_no_export_is_refused(world: World, changes: dict[str, object]) -> None:
    """Its words go into a command that an operator pastes."""
    assert 2 == exported(world, **changes)["exit"]
    assert None is world.stored().consumer.exported


def test_an_export_of_nobody(world: World) -> None:
    """It is not found."""
    answer = world.ask("exported", connection=f"{NAME.app}/nobody", generation=1, token="a", form="owox")
    assert (3, "UnknownConnection") == (answer["exit"], answer["error"]["class"])


def test_the_copy_outlives_a_removal(world: World) -> None:
    """The account comes back with another token: whoever has the old one still hears of it."""
    exported(world)
    world.ask("remove", connection=str(NAME), recovery_days=7)
    world.clock.advance(60)
    Browser(world).authorize()
    world.settle(ticks=2)

    assert [AGAIN] == [command for command, _ in copies(world) if command == AGAIN]
