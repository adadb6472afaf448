"""Where the project lies whose embedded stack is meant."""

import os
from collections.abc import Mapping
from pathlib import Path

from tokensync_cli.output.failure import CommandFailed

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
                f"{VARIABLE} names {root}, which holds no template.yaml of tokensync.", next_command=f"unset {VARIABLE}"
            )
        return root
    here = (start or Path.cwd()).absolute()
    return next((directory for directory in (here, *here.parents) if _is_project(directory)), None)


def _is_project(directory: Path) -> bool:
    """Return whether it is tokensync's own: people keep templates of other stacks above and below it."""
    return (directory / "template.yaml").is_file() and (directory / "layers" / "core").is_dir()
