"""The project that is meant, and its embedded stack. See `tokensync_cli.embedded.stack`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokensync.domain.command_line import typed
from tokensync.domain.visible import Line
from tokensync_cli.embedded.ports import Ports
from tokensync_cli.embedded.state import StateDirectory
from tokensync_cli.output.console import Say
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack import bundled
from tokensync_cli.stack.target import StackOutputs

VARIABLE = "TOKENSYNC_PROJECT"
_ROOT = 0
_PARTS = ("template.yaml", "layers", "layers/core")
_KEPT = ("functions", "samconfig.toml", ".venv", ".tokensync")  # where they are there


@dataclass(frozen=True)
class Project:
    """A project: `home` is where it keeps what is the user's, `.tokensync/` and `samconfig.toml`.

    In a checkout that is its root. Without one it is the working directory, and the root a copy of what this command
    line brings along, made when it is first asked for.
    """

    home: Path
    find_root: Callable[[], Path]

    @property
    def root(self) -> Path:
        """Where `template.yaml`, the functions and the layer lie, and below `.venv/` the locked environments."""
        return self.find_root()


def the_project(
    start: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    is_installed: bool = bundled.is_there(),
) -> Project | None:
    """Return the project that is meant: the nearest checkout, else what was installed; None if there is neither.

    Of what was installed TOKENSYNC_PROJECT may name the directory in which `tokensync up` ran.

    Raises:
        CommandFailed: TOKENSYNC_PROJECT names a directory that is none.
    """
    named = Path(environment.get(VARIABLE) or ".").expanduser()
    if is_installed and environment.get(VARIABLE) and StateDirectory.of(named).path.is_dir() and not _is_project(named):
        return Project(home=named.absolute(), find_root=bundled.unpacked)
    root = project_root(start, environment)
    if root is not None:
        return Project(home=root, find_root=lambda: root)
    return Project(home=(start or Path.cwd()).absolute(), find_root=bundled.unpacked) if is_installed else None


def project_root(start: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the directory of a checkout: the one that TOKENSYNC_PROJECT names, else the nearest one above `start`.

    What is found is built and run. So above `start` only what belongs to this user, to root or to the owner of `start`
    is found: in a directory that all may write to, such as /tmp, anybody could put one.

    Raises:
        CommandFailed: TOKENSYNC_PROJECT names a directory that is no checkout.
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
    if _is_project(here):
        return here
    owners = {os.geteuid(), _ROOT, here.stat().st_uid} if here.is_dir() else {os.geteuid(), _ROOT}
    return next((above for above in here.parents if _is_project(above) and _owners(above) <= owners), None)


def _is_project(directory: Path) -> bool:
    """Return whether it is tokensync's own: people keep templates of other stacks above and below it."""
    return all((directory / part).exists() for part in _PARTS) and (directory / "template.yaml").is_file()


def _owners(directory: Path) -> set[int]:
    """Return who owns a project, and what is taken from it."""
    parts = [directory / part for part in (*_PARTS, *_KEPT)]
    return {path.lstat().st_uid for path in (directory, *parts) if path.is_symlink() or path.exists()}


@dataclass(frozen=True)
class EmbeddedProject:
    """Finds the project anew for each call; tests bring a `find` of their own.

    The embedded stack's code is loaded when it is needed: it imports boto3, which would slow `--help` down.
    """

    find: Callable[[], Project | None] = the_project

    def up(self, *, fresh: bool, ports: Ports, progress: Say) -> StackOutputs:
        """Bring the embedded stack up.

        Raises:
            CommandFailed: there is no project here.
            EmbeddedStackError: it does not come up.
        """
        from tokensync_cli.embedded import stack  # noqa: PLC0415 - see the class

        project = self.project()
        outputs = stack.up(project.root, home=project.home, fresh=fresh, ports=ports, progress=progress)
        return StackOutputs.of_embedded(outputs.as_json())

    def down(self, progress: Say) -> bool:
        """Stop the embedded stack; return whether it ran.

        Raises:
            CommandFailed: there is no project here.
            EmbeddedStackError: another command is at work.
        """
        from tokensync_cli.embedded import stack  # noqa: PLC0415 - see the class

        return stack.down(self.project().home, progress=progress)

    def outputs(self) -> StackOutputs | None:
        """Return its outputs, None while it is not up.

        Raises:
            CommandFailed: there is no project here.
        """
        from tokensync_cli.embedded import stack  # noqa: PLC0415 - see the class

        project = self.find()
        if project is None:
            raise CommandFailed(
                "No stack to speak to: no --stack is named, and there is no tokensync project here. Commands for the "
                f"embedded stack run in the project's directory, or with {VARIABLE}=PATH.",
                next_command=typed("export {variable}=PATH", variable=VARIABLE),
                kind="NoStack",
            )
        found = stack.outputs(project.home)
        return None if found is None else StackOutputs.of_embedded(found.as_json())

    def project(self) -> Project:
        """Return the project.

        Raises:
            CommandFailed: there is none here.
        """
        project = self.find()
        if project is None:
            raise CommandFailed(
                "There is no tokensync project here: no template.yaml with layers/core in this directory, "
                "nor one of yours above it.",
                next_command=Line("cd to the project, or set TOKENSYNC_PROJECT"),
                kind="NoProject",
            )
        return project
