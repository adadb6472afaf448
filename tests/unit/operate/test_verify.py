"""`verify` on demand: what the provider says of a token, and what follows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from fakes.login_kit import LOGIN, Login, ask, lost
from tokensync.domain.app import App
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from fakes.world import World


def test_verify_says_when_and_whether_anything_changed(world: World, login: Login) -> None:
    """The second time the facts are the same; what the account is called later gets into its secret."""
    assert ask(world, "verify")["facts_changed"] is True
    answer = ask(world, "verify")

    assert (True, "verified", False, False) == (
        answer["ok"], answer["result"], answer["facts_changed"], answer["refused"]
    )  # fmt: skip
    assert world.clock.now() == answer["connection"]["verified_at"] == world.stored(LOGIN).verified_at
    login.name = "Acme & Sons"
    assert ask(world, "verify")["facts_changed"] is True
    assert "Acme & Sons" in json.dumps(world.document(LOGIN)["account"])


def test_a_refused_token_is_renewed_at_once(world: World, login: Login) -> None:
    """A dead access token is not the end: the refresh token is presented, and the result says both."""
    login.scripted["/v2/user/info/"] = login.dead
    answer = ask(world, "verify")

    assert (True, "refreshed", True) == (answer["ok"], answer["result"], answer["refused"])
    assert "L1" == world.published(LOGIN)


def test_a_refused_pair_asks_for_the_seller(world: World, login: Login) -> None:
    """Where the refresh token is dead too, the seller has to come back once that counts."""
    login.scripted = {"/v2/user/info/": login.dead, "/v2/oauth/token/": login.refused}
    answer = ask(world, "verify")

    assert (False, 5, "held", True) == (answer["ok"], answer["exit"], answer["result"], answer["refused"])
    assert "reauthorize" == ask(world, "refresh", force=True)["result"]


def test_a_verification_without_an_answer(world: World, login: Login) -> None:
    """Nothing was learned: later, and the connection is as it was."""
    login.scripted["/v2/user/info/"] = lost
    answer = ask(world, "verify")

    assert (5, Status.ACTIVE) == (answer["exit"], world.stored(LOGIN).status)
    assert "tokensync verify login/user-1" == answer["error"]["next"]


def test_verify_where_the_provider_has_no_call(world: World) -> None:
    """Eshopbox says nothing about an account: a refresh is what proves it."""
    name = ConnectionName("box", "workspace")
    world.apps.register(App(name="box", provider="eshopbox", client_id="c", client_secret=Secret("s")))
    world.connections.seed(replace(world.connected(name), provider="eshopbox"))
    answer = ask(world, "verify", name)

    assert (1, "NotOffered", "tokensync refresh box/workspace") == (
        answer["exit"], answer["error"]["class"], answer["error"]["next"]
    )  # fmt: skip


def test_verify_where_nothing_is_asked(world: World, login: Login) -> None:
    """A connection that needs its seller, and a provider that refuses the app, are not asked."""
    world.apps.pause("login", kind=PauseKind.OPERATOR, why="no", now=world.clock.now())
    assert "paused" == ask(world, "verify")["result"]
    world.apps.resume("login", now=world.clock.now())
    world.change(LOGIN, status=Status.REAUTHORIZE)

    assert (4, []) == (ask(world, "verify")["exit"], login.asked)


def test_verify_before_there_is_a_token(world: World, login: Login) -> None:
    """A connection that waits for its first access token is refreshed, which proves it."""
    world.change(LOGIN, obtained_at=None)

    assert "refreshed" == ask(world, "verify")["result"]
    assert [("/v2/oauth/token/", "S0")] == login.asked
