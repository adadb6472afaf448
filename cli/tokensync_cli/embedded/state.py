"""The state directory: what the embedded stack keeps between one command and the next."""

import json
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokensync.domain.command_line import typed
from tokensync_cli.embedded.errors import EmbeddedStackError


@dataclass(frozen=True)
class StateDirectory:
    """`.tokensync/` in the project. It holds live tokens in plain files, so nobody else may read it."""

    path: Path

    @classmethod
    def of(cls, root: Path) -> "StateDirectory":
        """The state directory of the project at `root`."""
        return cls(root / ".tokensync")

    def create(self) -> None:
        """Make the directory and its folders, readable by their owner alone.

        Raises:
            EmbeddedStackError: what lies there leads elsewhere, or belongs to somebody else.
        """
        folders = (self.path, self.logs, self.processes, self.aws, self.host, self.home)
        for folder in folders:
            if not folder.is_symlink():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check(folder)
        # Ours are none of them. What came along with a directory from elsewhere would have another file written over.
        for folder in folders:
            for entry in folder.iterdir():
                self._check(entry)
        self.path.chmod(0o700)

    def _check(self, path: Path) -> None:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid():
            why = "is a symbolic link" if stat.S_ISLNK(found.st_mode) else "belongs to another user"
            raise EmbeddedStackError(
                f"{path} {why}: the embedded stack keeps its state in directories and files of its own.",
                next_command=typed("rm -r {path}", path=str(self.path)),
            )

    @property
    def logs(self) -> Path:
        """What each process and each deployment printed."""
        return self.path / "logs"

    @property
    def processes(self) -> Path:
        """One record per running process."""
        return self.path / "processes"

    @property
    def aws(self) -> Path:
        """State of the embedded AWS, written at a clean stop."""
        return self.path / "aws"

    @property
    def host(self) -> Path:
        """Failpoints for the functions: the directory that TOKENSYNC_HOST_DIR names."""
        return self.path / "host"

    @property
    def home(self) -> Path:
        """HOME of the embedded AWS and its functions, so that no file of the user's reaches them."""
        return self.path / "home"

    @property
    def scratch(self) -> Path:
        """TMPDIR of the embedded AWS; its functions' code is unpacked here."""
        return self.path / "scratch"

    @property
    def build(self) -> Path:
        """Where sam builds, apart from the user's own `.aws-sam`."""
        return self.path / "build"

    @property
    def sandbox(self) -> Path:
        """State of the sandbox."""
        return self.path / "sandbox.json"

    @property
    def lock(self) -> Path:
        """Held by the one command that changes things."""
        return self.path / "lock"

    def read(self, name: str) -> dict[str, Any] | None:
        """The JSON object in file `name`, or None if there is none (or it was cut off in the middle)."""
        try:
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def write(self, name: str, value: dict[str, Any]) -> None:
        """Put `value` into file `name`: a reader sees the old one or the new one, never a part."""
        write_private(self.path / name, json.dumps(value, indent=2) + "\n")

    def remove(self, name: str) -> None:
        """Remove file `name` if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def empty_scratch(self) -> None:
        """Drop what functions of an earlier run left behind."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(mode=0o700, parents=True)

    def forget(self) -> None:
        """Drop all that a run leaves, logs and build included; only the lock stays, as its holder calls this."""
        for entry in self.path.iterdir() if self.path.is_dir() else ():
            if entry == self.lock:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, in one step."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)
