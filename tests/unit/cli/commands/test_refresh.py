"""`refresh` and `tick`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakes.world import APP, NAME
from field_rows import field
from tokensync.domain.connection import Status
from tokensync.domain.errors import NoAnswer
from tokensync.domain.text import utc


def refused(kind: str, code: int, **more: int) -> bytes:
    """Return an answer by which a function says no."""
    error = {"class": kind, "message": "no", "next": "tokensync list"}
    return json.dumps({"ok": False, "error": error, "exit": code, **more}).encode()


def throttled(desk: Any, *, seconds: int) -> None:
    """Let the provider say once that it is busy."""
    shop = desk.world.shop
    shop.script.append(
        lambda _honest: shop.ledger.append("busy") or shop.answer({}, status=429, retry_after=str(seconds))
    )


def test_a_refused_refresh_asks_for_the_seller(desk: Any) -> None:
    """Exit code 4, with the invite to send, once the refusal counts."""
    desk.world.connected()
    desk.world.shop.alive.clear()

    code, error = desk.error("refresh", str(NAME))
    assert (5, "held") == (code, error["class"])
    code, error = desk.error("refresh", str(NAME), "--force")

    assert (4, "reauthorize", f"tokensync invite {APP} --for {NAME}") == (code, error["class"], error["next"])
    assert Status.REAUTHORIZE is desk.world.stored().status


def test_an_ambiguous_refresh_is_later(desk: Any) -> None:
    """Exit code 5 without --wait, after one presentation."""
    desk.world.connected()

    def lost(_honest: Any) -> Any:
        raise NoAnswer("nothing came back")

    desk.world.shop.script.append(lost)

    code, error = desk.error("refresh", str(NAME))

    assert (5, f"tokensync refresh {NAME} --force") == (code, error["next"])


def test_wait_keeps_trying_until_it_works(desk: Any) -> None:
    """A connection that another worker holds is looked at again, ever more rarely."""
    desk.world.connected()
    desk.functions.script += [refused("leased_elsewhere", 5)] * 5

    assert "refreshed" == desk.json("refresh", str(NAME), "--wait")["result"]
    assert [2.0, 4.0, 8.0, 16.0, 30.0] == desk.world.clock.slept


@field("A15")
def test_wait_presents_no_more_often_than_the_schedule(desk: Any) -> None:
    """A provider that is busy for six minutes in all is asked when it said, and at no other time."""
    desk.world.connected()
    for seconds in (60, 90, 200):
        throttled(desk, seconds=seconds)

    assert "refreshed" == desk.json("refresh", str(NAME), "--wait", "--timeout", "10m")["result"]
    assert [60.0, 90.0, 200.0] == desk.world.clock.slept
    assert ["busy", "busy", "busy", "R0"] == desk.world.shop.ledger


@field("A15")
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "--force"])
def test_a_busy_provider_is_not_asked_again_by_hand(desk: Any, force: tuple[str, ...]) -> None:
    """Whatever is asked, the answer says until when it is busy, and nothing is presented before that."""
    desk.world.connected()
    throttled(desk, seconds=600)
    desk.error("refresh", str(NAME))
    until = desk.world.clock.now() + 600

    for _ in range(3):
        code, error = desk.error("refresh", str(NAME), *force)
        assert (5, "busy", until) == (code, error["class"], error["due_at"])
        assert f"the provider is busy until {utc(until)}" in error["message"]
    assert ["busy"] == desk.world.shop.ledger
    desk.world.clock.advance(600)
    assert "refreshed" == desk.json("refresh", str(NAME), *force)["result"]


@field("A15")
def test_a_wait_that_is_too_short_says_so_at_once(desk: Any) -> None:
    """It sleeps for nothing, and names the time at which the schedule tries again."""
    desk.world.connected()
    throttled(desk, seconds=600)
    code, error = desk.error("refresh", str(NAME), "--wait", "--timeout", "2m")

    assert (5, desk.world.clock.now() + 600) == (code, error["due_at"])
    assert error["message"].endswith(
        f"It is tried again in 10 min, at {utc(error['due_at'])}: --timeout ends before that."
    )
    assert [] == desk.world.clock.slept


@field("A15")
def test_a_held_connection_is_not_waited_for_beyond_the_timeout(desk: Any) -> None:
    """Its last attempt is days away, or was made: either is said at once."""
    desk.world.connected()
    desk.functions.script += [refused("held", 5)]

    assert 5 == desk.error("refresh", str(NAME), "--wait")[0]
    assert ([], 1) == (desk.world.clock.slept, len(desk.functions.asked))


def test_wait_ends_with_its_timeout(desk: Any) -> None:
    """Then the last answer is the outcome."""
    desk.world.connected()
    desk.functions.script += [refused("postponed", 5)] * 20

    assert 5 == desk.error("refresh", str(NAME), "--wait", "--timeout", "10s")[0]
    assert [2.0, 4.0] == desk.world.clock.slept


def test_wait_does_not_repeat_what_no_time_mends(desk: Any) -> None:
    """A seller who has to come back is not waited for."""
    desk.world.connected()
    desk.functions.script.append(refused("reauthorize", 4))

    assert 4 == desk.error("refresh", str(NAME), "--wait")[0]
    assert 1 == len(desk.functions.asked)


def test_force_presents_a_token_once(desk: Any) -> None:
    """It holds on while nothing was sent, and is dropped after the first presentation."""
    desk.world.connected()
    desk.functions.script += [refused("leased_elsewhere", 5), refused("busy", 5), refused("postponed", 5)]
    desk.functions.script += [refused("postponed", 4)]

    desk.error("refresh", str(NAME), "--wait", "--force")

    assert [True, True, True, False] == [asked["force"] for asked in desk.functions.asked]


def test_tick_tells_what_it_queued(desk: Any) -> None:
    """One due connection, one message."""
    desk.world.connected()

    assert {"due": 1, "queued": 1} == desk.json("tick")
    assert "0 due, 0 queued.\n" == desk.run("tick").stdout


def test_a_refresh_of_an_orphan_names_what_brings_its_secret_back(desk: Any) -> None:
    """Once it is marked as such, and when it is seen first."""
    desk.world.connected()
    desk.world.secrets.schedule_deletion(desk.world.secrets.secret(NAME).arn)

    for _ in range(2):
        code, error = desk.error("refresh", str(NAME))
        assert (1, f"tokensync publish {NAME}") == (code, error["next"])


def test_refresh_tells_the_new_generation(desk: Any) -> None:
    """The rotation function learns which generation the operator saw; its answer is shown, or the summary as JSON."""
    desk.world.connected()

    result = desk.run("refresh", str(NAME))

    assert (0, f"{NAME}: refreshed, generation 1 → 2, expires in 7 d.\n") == (result.exit_code, result.stdout)
    assert [{"tokensync": "refresh", "connection": str(NAME), "generation": 1, "force": False}] == desk.functions.asked
    told = desk.json("refresh", str(NAME))
    assert ("refreshed", 3) == (told["result"], told["connection"]["generation"])
