"""The two Python environments of the embedded stack: one runs AWS, one runs SAM, each locked on its own.

They are apart because the embedded AWS pins one botocore exactly, SAM CLI bounds boto3, and neither may hold back
what the functions run with.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from tokensync.domain.visible import Line
from tokensync_cli.embedded.environment_variables import of_the_user
from tokensync_cli.embedded.errors import EmbeddedStackError

_PROJECTS = Path(__file__).parent / "environments"
_MARK = ".tokensync-lock"
# What the embedded AWS's environment serves.
GUARDED_AWS = _PROJECTS / "ministack" / "guarded.py"


@dataclass(frozen=True)
class Environment:
    """One environment under the project's `.venv/`."""

    path: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def is_right(self) -> bool:
        """Whether it holds exactly what its lock says."""
        try:
            return (self.path / _MARK).read_text(encoding="ascii") == _fingerprint(self.path)
        except OSError:
            return False


def embedded_aws(root: Path) -> Environment:
    """The environment that runs the embedded AWS, and with it the functions."""
    return Environment(_venv(root) / "ministack")


def sam(root: Path) -> Environment:
    """The environment that runs SAM CLI."""
    return Environment(_venv(root) / "sam")


def synchronize(environment: Environment, root: Path, log: Path) -> None:
    """Make `environment` hold exactly what its lock says. Free of cost when it already does.

    Raises:
        EmbeddedStackError: uv is missing, or cannot get the packages.
    """
    if environment.is_right:
        return
    name, program = environment.path.name, str(uv(root))
    # Made anew: what is installed stays as it is when only the place has changed, and names the old one.
    shutil.rmtree(environment.path, ignore_errors=True)
    environment.path.parent.mkdir(parents=True, exist_ok=True)
    locked = environment.path.with_suffix(".txt")
    # Not `uv sync`: a lock names the index that it was made with, and the user's own index holds the same files.
    commands = (
        ["export", "--project", str(_PROJECTS / name), "--frozen", "--quiet", "--output-file", str(locked)],
        ["venv", "--quiet", "--no-project", "--python", sys.executable, str(environment.path)],
        ["pip", "sync", "--python", str(environment.python), "--require-hashes", str(locked)],
    )
    with log.open("ab") as output:
        for command in commands:
            done = subprocess.run(
                [program, *command],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=of_the_user(),
                cwd=environment.path.parent,
            )
            if done.returncode:
                raise EmbeddedStackError(
                    f"The packages of the {name} environment could not be installed; is the package index reachable?",
                    next_command=Line("the same command again"),
                    log=log,
                )
    (environment.path / _MARK).write_text(_fingerprint(environment.path), encoding="ascii")


def uv(root: Path, packaged: Callable[[], str] = find_uv_bin) -> Path:
    """The uv of the project's `.venv`, else the one that this command line was installed with.

    Raises:
        EmbeddedStackError: neither is there.
    """
    own = root / ".venv" / "bin" / "uv"
    if own.is_file():
        return own
    try:
        return Path(packaged())
    except FileNotFoundError:
        raise EmbeddedStackError(
            "uv is missing; it installs what the embedded stack and a deployment need.",
            next_command=Line("install tokensync again, as README.md says"),
        ) from None


def _venv(root: Path) -> Path:
    """The project's `.venv` itself: programs in an environment name its path, and a link to it may be short-lived."""
    return (root / ".venv").resolve()


def _fingerprint(path: Path) -> str:
    """What the environment at `path` depends on: its lock, the interpreter that it is made for, and where it lies."""
    lock = (_PROJECTS / path.name / "uv.lock").read_bytes()
    return hashlib.sha256(lock + sys.version.encode() + sys.base_prefix.encode() + os.fsencode(path)).hexdigest()
