"""The command line as people get it: its wheel, in an environment of its own, far from any checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokensync_cli.embedded import environments

ROOT = Path(__file__).parents[3]
UV = str(environments.uv(ROOT))


def built(directory: Path) -> Path:
    """Build the wheel of this checkout and return it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, a directory to stand in, and a home; nothing of this checkout leads there."""

    python: Path
    here: Path
    home: Path

    @classmethod
    def of(cls, wheel: Path, place: Path) -> Installed:
        """Install a wheel as `uvx` does, at the versions of the lock, from the index that this machine uses."""
        one = cls(python=place / "venv" / "bin" / "python", here=place / "here", home=place / "home")
        for directory in (one.here, one.home):
            directory.mkdir()
        locked = place / "locked.txt"
        export = (*("export", "--quiet", "--frozen", "--no-dev"), "--no-emit-project", "--no-hashes")
        for command in (
            [*export, "--project", str(ROOT), "--output-file", str(locked)],
            ["venv", "--quiet", "--python", sys.executable, str(place / "venv")],
            ["pip", "install", "--quiet", "--python", str(one.python), "--constraints", str(locked), str(wheel)],
        ):
            subprocess.run([UV, *command], cwd=place, check=True, env=one.environment())
        return one

    def environment(self, **more: str) -> dict[str, str]:
        """Return a stranger's environment: this machine's index and certificates, and no AWS."""
        ours = ("AWS_", "PYTHON", "TOKENSYNC_", "VIRTUAL_ENV", "PYENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        cache = subprocess.run([UV, "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()
        return {
            **kept,
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "PATH": os.defpath,
            "UV_CACHE_DIR": cache,
            "AWS_EC2_METADATA_DISABLED": "true",
            **more,
        }

    def tokensync(self, *arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            [str(self.python.with_name("tokensync")), *arguments],
            cwd=self.here,
            env=self.environment(**more),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *arguments: str, **more: str) -> Any:
        """Run a command that must succeed, and return its JSON."""
        done = self.tokensync(*arguments, "--json", **more)
        assert 0 == done.returncode, done.stderr
        return json.loads(done.stdout)

    def files(self) -> dict[str, int]:
        """Return the files of the environment with their sizes, without what the interpreter compiles."""
        return {
            str(path): path.stat().st_size
            for path in self.python.parents[1].rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
