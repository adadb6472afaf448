"""Every command explains itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from tokensync_cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every command."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = sorted(commands(get_command(app)))


def test_the_commands_are_those_of_the_design() -> None:
    """Nothing is missing and nothing is left over."""
    expected = {
        *[("app", verb) for verb in ("add", "list", "show", "remove", "policy", "pause", "resume")],
        ("provider", "list"),
        ("provider", "show"),
        ("invites", "revoke"),
        *[(name,) for name in ("up", "down", "deploy", "outputs", "env", "invite", "connect", "paste")],
        *[(name,) for name in ("list", "show", "history")],
        *[(name,) for name in ("refresh", "tick", "token", "doctor")],
        *[(name,) for name in ("import", "verify", "publish", "accept", "revoke", "remove")],
        *[("app", verb) for verb in ("set", "set-consumer-key", "set-private-key", "rotate-secret")],
        ("export",),
        ("recover",),
        ("push",),
        ("take-up",),
    }

    assert expected == set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_states_a_purpose_and_an_example(desk: Any, path: tuple[str, ...]) -> None:
    """`--help` of every command has its purpose in a line, an example of it, and --json."""
    result = desk.start(*path, "--help", COLUMNS="200", TERM="dumb")

    assert 0 == result.exit_code
    within = {("token",): "curl", ("env",): 'eval "$(tokensync env)"'}
    assert f"Example: {within.get(path, 'tokensync ' + ' '.join(path))}" in result.stdout
    assert "--json" in result.stdout
    purpose = result.stdout.split("Usage:")[1].splitlines()[2].strip()
    assert purpose.endswith(".")


def test_no_command_at_all_shows_the_commands(desk: Any) -> None:
    """A bare `tokensync` is a question, not a mistake."""
    result = desk.start()

    assert 0 == result.exit_code
    assert "doctor" in result.stdout
