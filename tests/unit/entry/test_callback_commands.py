"""The callback function's commands as the command line invokes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes.world import APP, NAME, World

if TYPE_CHECKING:
    from typing import Any


def paste(world: World, text: str, app: str = APP) -> dict[str, Any]:
    """Invoke the callback function as `paste` does."""
    return world.callback_commands.answer({"tokensync": "paste", "app": app, "text": text}, world.budget())


def test_the_paste_command_connects(world: World) -> None:
    """A pasted code answers with the connection that was made."""
    assert {"ok": True, "outcome": "connected", "connection": str(NAME)} == paste(world, "code-1")


@pytest.mark.parametrize(
    ("text", "app", "code"),
    [
        ("code-unknown", APP, 4),
        ("", APP, 2),
        ("code-1", "nobody", 3),
        ("https://x.example/?code=null&error=auth_denied", APP, 4),
        ("https://x.example/?code=code-1&state=forged.state", APP, 2),
    ],
)
def test_a_paste_that_fails_tells_why(world: World, text: str, app: str, code: int) -> None:
    """A wrong code, nothing, an unknown app, a denial, a forged state: each with its exit code."""
    answer = paste(world, text, app)

    assert (False, code) == (answer["ok"], answer["exit"])
