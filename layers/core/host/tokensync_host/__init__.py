"""Only in the layer of the embedded stack: loopback providers may be reached, and failpoints work.

A failpoint is a file `failpoints/NAME` in the directory that TOKENSYNC_HOST_DIR names. It holds `ACTION TIMES`:
`kill` ends the process as SIGKILL does, `raise` raises, `hang SECONDS` waits; each use counts TIMES down, and at 0
nothing happens any more. The directory comes from the environment of the embedded AWS, never from an event or a stack
parameter.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import signal
import time
from pathlib import Path

from tokensync.addresses import PublicOnly


class PublicAndLoopback:
    """Public addresses and this machine's own: the sandbox is a provider at loopback."""

    def allows(self, address: str) -> bool:
        """Return whether a connection to this IP address may be opened."""
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(address).is_loopback:
                return True
        return PublicOnly().allows(address)

    def allows_plain(self, host: str) -> bool:
        """Return whether the host is this machine: the sandbox speaks plain http."""
        return host in ("localhost", "127.0.0.1", "::1")


class FailpointReached(RuntimeError):
    """A failpoint was told to raise."""


class FileFailpoints:
    """Failpoints as files: a test in another process places them, and each is used as often as it says."""

    def __init__(self, directory: Path | None = None) -> None:
        home = os.environ.get("TOKENSYNC_HOST_DIR")
        self._directory = directory or (Path(home) / "failpoints" if home else None)

    def reached(self, name: str) -> None:
        """Do what the file of that name says, if there is one."""
        if self._directory is None:
            return
        action = _taken(self._directory / name)
        match action:
            case ["kill"]:
                os.kill(os.getpid(), signal.SIGKILL)
            case ["raise"]:
                raise FailpointReached(name)
            case ["hang", seconds]:
                time.sleep(float(seconds))


def _taken(path: Path) -> list[str]:
    """Take one use from a failpoint's file, and return its action; an empty one where there is none (any more)."""
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            *action, times = file.read().split() or ["0"]
            if not action or int(times) < 1:
                return []
            file.seek(0)
            file.truncate()
            file.write(f"{' '.join(action)} {int(times) - 1}")
            return action
    except (OSError, ValueError):
        return []
