"""A provider that is busy is asked no more often by hand than by the schedule, whatever the command."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.login_kit import LOGIN, Login, ask
from fakes.troubles import at_its_time
from fakes.world import APP, NAME, World
from fault_rows import fault
from field_rows import field
from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse

WAIT = 600
TOKEN, USER_INFO = "/v2/oauth/token/", "/v2/user/info/"


def busy(world: World, *, seconds: int = WAIT) -> ProviderResponse:
    """Return the answer of a provider that took nothing in."""
    return world.shop.answer(b"", status=429, retry_after=str(seconds))


def throttled(world: World) -> list[str]:
    """Let TikTok Shop be busy from now on; return the list of what it is shown meanwhile."""
    shown: list[str] = []

    def step(_honest: Any) -> ProviderResponse:
        shown.append("shown")
        return busy(world)

    world.shop.script = [step] * 1000
    return shown


@field("A15")
@fault("F20")
@pytest.mark.parametrize(
    "asked",
    [
        {"command": "refresh"},
        {"command": "refresh", "force": True},
        {"command": "import", "app": APP, "account": NAME.account, "refresh_token": "R0"},
        {"command": "import", "app": APP, "account": NAME.account, "refresh_token": "R9", "replace": True},
        {"command": "prove", "app": APP},
    ],
    ids=["refresh", "refresh --force", "import", "import --replace", "app rotate-secret"],
)
def test_no_command_presents_before_a_busy_provider_is_free(world: World, asked: dict[str, Any]) -> None:
    """Its answer is: later. One second before its time nothing is presented, and at its time the schedule presents."""
    command = asked.pop("command")
    if command == "prove":
        world.apps.update(replace(world.apps.get(APP), new_client_secret=Secret("new")))
    shown = throttled(world)
    world.ask("import", app=APP, account=NAME.account, refresh_token="R0", replace=True)
    assert ["shown"] == shown
    world.clock.advance(WAIT - 1)
    for _ in range(3):
        answer = world.ask(command, **{"connection": str(NAME), **asked})
        assert 5 == answer.get("exit", 5)  # the same token imported again is no failure
    assert ["shown"] == shown

    world.shop.script = []
    world.shop.alive.add("R9")
    world.settle(ticks=4)
    assert (Status.ACTIVE, "A1") == (world.stored().status, world.published())


@field("A15")
def test_a_busy_account_call_is_not_repeated_by_hand(world: World, login: Login) -> None:
    """`verify` says until when; the refresh of the same connection is another call, and has nothing to do with it."""
    login.scripted[USER_INFO] = lambda: busy(world)
    assert 5 == ask(world, "verify")["exit"]
    until = world.clock.now() + WAIT
    for _ in range(3):
        answer = ask(world, "verify")
        assert (5, "busy", until) == (answer["exit"], answer["result"], answer["due_at"])
        assert f"tokensync verify {LOGIN}" == answer["error"]["next"]
    assert [USER_INFO] == [path for path, _ in login.asked]
    assert ask(world, "refresh")["ok"]

    world.clock.advance(WAIT)
    del login.scripted[USER_INFO]
    assert ask(world, "verify")["ok"]


@field("A15")
def test_a_quarantined_connection_is_not_accepted_before_a_busy_provider_is_free(world: World) -> None:
    """It stays quarantined, nothing becomes due of it, and its exemption stays."""
    world.change(status=Status.QUARANTINED, reason=Reason.RESTORED_TABLE, renew_at=None, refresh_at=None, next_at=None)
    shown = throttled(world)
    answers = [ask(world, "accept", NAME, force=True) for _ in range(3)]

    assert [5, 5, 5] == [answer["exit"] for answer in answers]
    assert ["postponed", "busy", "busy"] == [answer["result"] for answer in answers]
    assert f"tokensync accept {NAME}" == answers[-1]["error"]["next"]
    assert ["shown"] == shown
    record = world.stored()
    assert (Status.QUARANTINED, None, Exemption.OPERATOR) == (record.status, record.due.next_at, record.exemption)


@field("A15")
def test_a_request_that_meets_a_busy_provider_leaves_the_schedule_as_it_was(world: World) -> None:
    """By hand nothing becomes due before its time, nor is what was planned forgotten."""
    throttled(world)
    world.run()
    planned = world.stored().due
    ask(world, "refresh", NAME)

    assert planned == world.stored().due
    world.shop.script = []
    assert WAIT == at_its_time(world)
    assert "refreshed" == world.run().result
    assert None is world.stored().due.not_before
