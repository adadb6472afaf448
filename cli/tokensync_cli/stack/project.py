"""The project that is meant, and its embedded stack. See `tokensync_cli.embedded.stack`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokensync.domain.command_line import typed
from tokensync.domain.visible import Line
from tokensync_cli.embedded.ports import Ports
from tokensync_cli.output.console import Say
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.target import StackOutputs

VARIABLE = "TOKENSYNC_PROJECT"


def project_root(start: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the project's directory: the one that TOKENSYNC_PROJECT names, else the nearest one above `start`.

    Raises:
        CommandFailed: TOKENSYNC_PROJECT names a directory that is no project.
    """
    named = environment.get(VARIABLE)
    if named:
        root = Path(named).expanduser().absolute()
        if not _is_project(root):
            raise CommandFailed(
                f"{VARIABLE} names {root}, which holds no template.yaml of tokensync.",
                next_command=typed("unset {variable}", variable=VARIABLE),
            )
        return root
    here = (start or Path.cwd()).absolute()
    return next((directory for directory in (here, *here.parents) if _is_project(directory)), None)


def _is_project(directory: Path) -> bool:
    """Return whether it is tokensync's own: people keep templates of other stacks above and below it."""
    return (directory / "template.yaml").is_file() and (directory / "layers" / "core").is_dir()


@dataclass(frozen=True)
class EmbeddedProject:
    """Finds the project anew for each call; tests bring a `find` of their own.

    The embedded stack's code is loaded when it is needed: it imports boto3, which would slow `--help` down.
    """

    find: Callable[[], Path | None] = project_root

    def up(self, *, fresh: bool, ports: Ports, progress: Say) -> StackOutputs:
        """Bring the embedded stack up.

        Raises:
            CommandFailed: there is no project here.
            EmbeddedStackError: it does not come up.
        """
        from tokensync_cli.embedded import stack  # noqa: PLC0415 - see the class

        return StackOutputs.of_embedded(stack.up(self._root(), fresh=fresh, ports=ports, progress=progress).as_json())

    def down(self, progress: Say) -> bool:
        """Stop the embedded stack; return whether it ran.

        Raises:
            CommandFailed: there is no project here.
            EmbeddedStackError: another command is at work.
        """
        from tokensync_cli.embedded import stack  # noqa: PLC0415 - see the class

        return stack.down(self._root(), progress=progress)

    def outputs(self) -> StackOutputs | None:
        """Return its outputs, None while it is not up.

        Raises:
            CommandFailed: there is no project here.
        """
        from tokensync_cli.embedded import stack  # noqa: PLC0415 - see the class

        root = self.find()
        if root is None:
            raise CommandFailed(
                "No stack to speak to: no --stack is named, and there is no tokensync project here. Commands for the "
                f"embedded stack run in the project's directory, or with {VARIABLE}=PATH.",
                next_command=typed("export {variable}=PATH", variable=VARIABLE),
                kind="NoStack",
            )
        found = stack.outputs(root)
        return None if found is None else StackOutputs.of_embedded(found.as_json())

    def _root(self) -> Path:
        root = self.find()
        if root is None:
            raise CommandFailed(
                "There is no tokensync project here: no template.yaml with layers/core in this directory or above it.",
                next_command=Line("cd to the project, or set TOKENSYNC_PROJECT"),
                kind="NoProject",
            )
        return root
