"""`recover`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes.world import APP, NAME
from tokensync.domain.connection import Status
from tokensync.domain.errors import QueueUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import Work

COUNTS = ("compared", "read", "history")


def buried_answer(desk: Any) -> None:
    """Let a sealed answer lie among the dead letters."""
    world = desk.world
    world.connected()

    def down() -> None:
        world.connections.fail_next("write", StoreUnavailable)
        world.connections.fail_next("set_aside", StoreUnavailable)

    world.failpoints.run_at("answered", down)
    world.run()
    world.dead_letters.bury(*(work.to_json() for work in world.queue.drain()))
    world.after_lease()


def test_an_answer_is_brought_back(desk: Any) -> None:
    """What was found, what became of it, and what goes on by itself."""
    buried_answer(desk)
    result = desk.run("recover")

    assert 0 == result.exit_code
    assert f"answer  {NAME}  brought back" in result.stdout
    assert "1 secret is compared" in result.stdout
    assert ["R0"] == desk.world.shop.ledger
    assert "A1" == desk.world.document()["access_token"]


def test_nothing_out_of_its_place(desk: Any) -> None:
    """A sound stack has nothing to bring back; its secrets are compared."""
    desk.world.connected()

    assert {"found": [], "compared": 1} == desk.json("recover")
    assert "Nothing was out of its place.\n1 secret is compared" in desk.run("recover").stdout


def test_one_connection(desk: Any) -> None:
    """A name limits it; one that does not exist is not found."""
    desk.world.connected()
    desk.world.connected(ConnectionName(APP, "2"), refresh_token="R-2")

    assert 1 == desk.json("recover", str(NAME))["compared"]
    assert 3 == desk.error("recover", f"{APP}/nobody")[0]
    assert 2 == desk.error("recover", "nobody")[0]


@pytest.mark.parametrize(("status", "code"), [(Status.ORPHANED, 1), (Status.QUARANTINED, 1)])
def test_what_stays_needs_a_hand(desk: Any, status: Status, code: int) -> None:
    """Exit code 1, and the command that an operator has to give."""
    desk.world.connections.seed(replace(desk.world.connected(), status=status, reason="why"))
    result = desk.run("recover", "--json")

    assert code == result.exit_code
    (piece,) = json.loads(result.stdout)["found"]
    assert ("stays", False) == (piece["result"], piece["later"])
    assert piece["next"].startswith("tokensync ")


def test_what_only_a_seller_can_mend(desk: Any) -> None:
    """A refusal was all that was kept: exit code 4."""
    desk.world.shop.alive.discard("R0")
    buried_answer(desk)
    desk.world.shop.alive.clear()
    desk.world.connections.seed(
        replace(desk.world.stored(), status=Status.QUARANTINED, reason="restored_table", attempt=None)
    )
    result = desk.run("recover", str(NAME), "--json")

    assert 4 == result.exit_code
    assert f"tokensync invite {APP} --for {NAME}" == json.loads(result.stdout)["found"][-1]["next"]


def test_what_the_same_command_does_later(desk: Any) -> None:
    """The queue is down: exit code 5."""
    desk.world.connected()
    desk.world.queue.refuse = lambda _work: True
    desk.world.dead_letters.bury(Work(connection=NAME).to_json())

    assert 5 == desk.run("recover").exit_code
    desk.world.dead_letters.fail_next("receive", QueueUnavailable)
    assert 5 == desk.error("recover")[0]


def test_kept_answers_are_read_again(desk: Any) -> None:
    """After what is out of its place: each that was read, and how many can change nothing any more."""
    desk.world.shop.script.append(lambda _honest: desk.world.shop.answer(b"<html>"))
    desk.world.connected()
    desk.world.run()
    desk.world.connections.set_aside(NAME, fence=1, why="superseded", sealed=b"old", now=desk.world.clock.now())
    told = desk.run("recover", "--reread", str(NAME))

    assert 1 == told.exit_code
    assert f"answer  {NAME}  stays" in told.stdout
    assert "1 answer read again; 1 answer can change nothing any more" in told.stdout
    assert (1, 1, 1) == tuple(json.loads(desk.run("recover", "--reread", "--json").stdout)[key] for key in COUNTS)
    assert [None, True] == [asked.get("reread") for asked in desk.functions.asked[-2:]]


def test_both_walks_go_on_until_nothing_is_left(desk: Any) -> None:
    """Each from where it ended itself."""
    piece = {"ok": True, "found": [], "cursor": ""}
    script = [
        {**piece, "compared": 3, "more": True, "cursor": f"{APP}/2"},
        {**piece, "compared": 2, "more": False},
        {**piece, "read": 4, "history": 1, "more": True, "cursor": f"{APP}/2#7"},
        {**piece, "read": 1, "history": 1, "more": False},
    ]
    desk.functions.script += [json.dumps(answer).encode() for answer in script]

    assert {"found": [], "compared": 5, "read": 5, "history": 2} == desk.json("recover", "--reread")
    assert [None, f"{APP}/2", None, f"{APP}/2#7"] == [asked.get("cursor") for asked in desk.functions.asked]


def test_it_goes_on_until_nothing_is_left(desk: Any) -> None:
    """A run that ends early is followed by the next one, from where it ended."""
    first = {"ok": True, "found": [], "compared": 3, "more": True, "cursor": f"{APP}/2"}
    last = {"ok": True, "found": [], "compared": 2, "more": False, "cursor": ""}
    desk.functions.script += [json.dumps(answer).encode() for answer in (first, last)]

    assert 5 == desk.json("recover")["compared"]
    assert [None, f"{APP}/2"] == [asked.get("cursor") for asked in desk.functions.asked]
