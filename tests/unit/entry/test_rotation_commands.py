"""The rotation function's commands as the command line invokes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes.world import ACCOUNT, APP, NAME, World
from tokensync.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from typing import Any


def test_the_refresh_command_answers_with_the_connection(world: World) -> None:
    """The answer is what `show` prints, and holds no secret."""
    answer = world.ask("refresh", connection=str(NAME))

    assert (True, "refreshed", 2) == (answer["ok"], answer["result"], answer["connection"]["generation"])
    assert f"tokensync/tokens/{APP}/{ACCOUNT}" == answer["connection"]["secret"]
    assert "A1" not in repr(answer)
    assert "R1" not in repr(answer)


def test_the_tick_command_tells_what_it_queued(world: World) -> None:
    """`tick` is the schedule's work on demand."""
    assert {"ok": True, "due": 1, "queued": 1} == world.ask("tick")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"tokensync": "refresh", "connection": f"{APP}/nobody"}, 3),
        ({"tokensync": "refresh", "connection": "nonsense"}, 2),
        ({"tokensync": "dance"}, 1),
        ({}, 1),
    ],
)
def test_a_command_that_cannot_be_done_names_the_next(world: World, event: dict[str, Any], code: int) -> None:
    """Every refusal has an exit code, a message and the next command."""
    answer = world.commands.answer(event, world.budget())

    assert (False, code) == (answer["ok"], answer["exit"])
    assert answer["error"]["message"]
    assert answer["error"]["next"]


def test_the_refresh_command_tells_why_there_is_no_token(world: World) -> None:
    """A refused refresh answers with exit code 4, the provider's number and the invite to send, once that counts."""
    world.shop.alive.clear()
    held = world.ask("refresh", connection=str(NAME))
    assert (5, "held") == (held["exit"], held["result"])
    answer = world.ask("refresh", connection=str(NAME), force=True)

    assert (4, f"tokensync invite {APP} --for {NAME}") == (answer["exit"], answer["error"]["next"])
    assert "36004005" in answer["error"]["message"]


def test_a_table_that_is_down_is_for_later(world: World) -> None:
    """An outage answers with exit code 5."""
    world.connections.fail_next("get", StoreUnavailable)

    assert 5 == world.ask("refresh", connection=str(NAME))["exit"]
