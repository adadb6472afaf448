"""The embedded stack of the project in whose directory the user is. See `tokensync_cli.embedded.stack`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tokensync_cli.embedded.ports import Ports
from tokensync_cli.output.console import Tell
from tokensync_cli.output.failure import CommandFailed
from tokensync_cli.stack.project import VARIABLE, project_root
from tokensync_cli.stack.target import StackOutputs


@dataclass(frozen=True)
class EmbeddedProject:
    """Finds the project anew for each call; `find` is a seam.

    The embedded stack's code is loaded when it is needed: it brings boto3, and `--help` shall be quick.
    """

    find: Callable[[], Path | None] = project_root

    def up(self, *, fresh: bool, ports: Ports, progress: Tell) -> StackOutputs:
        """Bring the embedded stack up.

        Raises:
            CommandFailed: there is no project here.
            EmbeddedStackError: it does not come up.
        """
        from tokensync_cli.embedded import stack  # noqa: PLC0415 - see the class

        return StackOutputs.of_embedded(stack.up(self._root(), fresh=fresh, ports=ports, progress=progress).as_json())

    def down(self, progress: Tell) -> bool:
        """Stop the embedded stack; tell whether it ran.

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
                next_command=f"export {VARIABLE}=PATH",
                kind="NoStack",
            )
        found = stack.outputs(root)
        return None if found is None else StackOutputs.of_embedded(found.as_json())

    def _root(self) -> Path:
        root = self.find()
        if root is None:
            raise CommandFailed(
                "There is no tokensync project here: no template.yaml with layers/core in this directory or above it.",
                next_command="cd to the project, or set TOKENSYNC_PROJECT",
                kind="NoProject",
            )
        return root
