"""`refresh` and `tick`."""

from __future__ import annotations

import json
from typing import Any

from fakes.world import APP, NAME
from tokensync.domain.connection import Status
from tokensync.domain.errors import NoAnswer


def refused(kind: str, code: int) -> bytes:
    """Return an answer by which a function says no."""
    error = {"class": kind, "message": "no", "next": "tokensync list"}
    return json.dumps({"ok": False, "error": error, "exit": code}).encode()


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
    """What may work later is asked again, every two seconds."""
    desk.world.connected()
    desk.functions.script += [refused("postponed", 5), refused("leased_elsewhere", 5)]

    assert "refreshed" == desk.json("refresh", str(NAME), "--wait")["result"]
    assert [2.0, 2.0] == desk.world.clock.slept


def test_wait_ends_with_its_timeout(desk: Any) -> None:
    """Then the last answer is the outcome."""
    desk.world.connected()
    desk.functions.script += [refused("postponed", 5)] * 20

    assert 5 == desk.error("refresh", str(NAME), "--wait", "--timeout", "10s")[0]
    assert 6 == len(desk.functions.asked)


def test_wait_does_not_repeat_what_no_time_mends(desk: Any) -> None:
    """A seller who has to come back is not waited for."""
    desk.world.connected()
    desk.functions.script.append(refused("reauthorize", 4))

    assert 4 == desk.error("refresh", str(NAME), "--wait")[0]
    assert 1 == len(desk.functions.asked)


def test_force_presents_a_token_once(desk: Any) -> None:
    """It holds on while nothing was sent, and is dropped after the first presentation."""
    desk.world.connected()
    desk.functions.script += [refused("leased_elsewhere", 5), refused("postponed", 5), refused("postponed", 4)]

    desk.error("refresh", str(NAME), "--wait", "--force")

    assert [True, True, False] == [asked["force"] for asked in desk.functions.asked]


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
