"""Asks the two functions to do what only they may do, and reads their answers."""

import json
from collections.abc import Mapping
from typing import Any

from tokensync.domain.command_line import Next, command_of, read_command, typed
from tokensync.domain.visible import Line
from tokensync.entry.exit_codes import FAILED, LATER, NEEDS_SELLER, NOT_FOUND, USAGE
from tokensync_cli.output.failures import CommandFailed, sentence
from tokensync_cli.stack.target import Target

_CODES = frozenset({FAILED, USAGE, NOT_FOUND, NEEDS_SELLER, LATER})


class FunctionRefused(CommandFailed):
    """A function answered that it could not. `kind` is its own word for why."""

    @property
    def is_later(self) -> bool:
        """Return whether the same may work later."""
        return self.exit_code == LATER


def ask_rotation(target: Target, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke the rotation function and return its answer.

    Raises:
        FunctionRefused: it says why, and what next.
        CommandFailed: it broke, or answered what nobody understands.
    """
    raw = target.functions.invoke(target.outputs.rotation_function, payload)
    return _answered("rotation", raw)


def ask_callback(target: Target, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke the callback function and return its answer.

    Raises:
        FunctionRefused: it says why, and what next.
        CommandFailed: it broke, or answered what nobody understands.
    """
    raw = target.functions.invoke(target.outputs.callback_function, payload)
    return _answered("callback", raw)


def _answered(function: str, raw: bytes) -> dict[str, Any]:
    answer = _object(raw)
    if answer is not None and answer.get("ok") is True:
        return answer
    error = None if answer is None else answer.get("error")
    if answer is None or not isinstance(error, dict) or not isinstance(error.get("message"), str):
        # What it said may hold anything, so it is not repeated.
        raise CommandFailed(
            f"The {function} function gave an answer that this command line does not understand: "
            "they may be of different versions.",
            next_command=typed("tokensync deploy"),
            kind="UnknownAnswer",
        )
    code = answer.get("exit")
    raise FunctionRefused(
        sentence(error["message"]),
        next_command=_next(error),
        exit_code=code if code in _CODES else FAILED,
        kind=str(error.get("class") or "FunctionRefused"),
        due_at=due if isinstance(due := answer.get("due_at"), int) else None,
    )


def _next(error: Mapping[str, Any]) -> Next:
    """Return what an answer says to do next; a stack of an earlier version says it as text alone."""
    text = str(error.get("next") or "")
    command = command_of(error.get("next_words")) or read_command(text)
    if command is not None:
        return command
    return Line("{text}", text=text) if text else typed("tokensync doctor")


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
