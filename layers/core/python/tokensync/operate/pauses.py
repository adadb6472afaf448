"""Why an app is paused, what happens by itself, and the command that mends it: the one table of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.app_state import PauseKind
from tokensync.domain.command_line import CommandPattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.app_state import AppState
    from tokensync.domain.command_line import CommandLine


@dataclass(frozen=True)
class Pause:
    """Why an app is paused.

    `kind` is for programs, `why` a clause for people, `meanwhile` a sentence on what happens by itself. `next_command`
    has a place for `{app}`.
    """

    kind: PauseKind
    why: str
    meanwhile: str
    next_command: CommandPattern

    def command(self, app: str) -> CommandLine:
        """Return the command that mends it."""
        return self.next_command.filled(app=app)


_PROBED = "One connection probes it now and then, and it runs again by itself once that succeeds."
# `{said}` is what the app's record says.
_PAUSES: Mapping[PauseKind, Pause] = {
    PauseKind.OPERATOR: Pause(
        PauseKind.OPERATOR,
        "an operator paused it",
        "It rests until an operator lets it run again.",
        CommandPattern("tokensync app resume {app}"),
    ),
    PauseKind.CONFIGURATION: Pause(
        PauseKind.CONFIGURATION,
        "the provider refuses its own credentials: {said}",
        f"No connection was changed. {_PROBED}",
        CommandPattern("tokensync app rotate-secret {app}"),
    ),
    PauseKind.REFUSED: Pause(
        PauseKind.REFUSED,
        "{said}",
        f"No seller was asked to come back. {_PROBED}",
        CommandPattern("tokensync list --app {app} --status held"),
    ),
}


def pause_of(state: AppState) -> Pause | None:
    """Return why an app is paused, None where it runs."""
    if not state.paused or state.paused_kind is None:
        return None
    pause = _PAUSES[state.paused_kind]
    return Pause(pause.kind, pause.why.format(said=state.paused), pause.meanwhile, pause.next_command)
