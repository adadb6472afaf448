"""Only in the layer of the embedded stack: loopback providers may be reached, failpoints work, the clock can be off.

Everything is a file in the directory that TOKENSYNC_HOST_DIR names, which comes from the environment of the embedded
AWS, never from an event or a stack parameter.

`failpoints/NAME` holds `ACTION TIMES`: `kill` ends the process as SIGKILL does, `raise` raises, `hang SECONDS` waits;
each use counts TIMES down, and at 0 nothing happens any more. It may also hold the one word `wait`: a thread that
reaches it waits until the file holds something else or is gone.
`clock` holds the seconds by which the wall clock is off; what measures time that passes is never off.
`trace`, where it exists, gets a line for each failpoint that is reached: its name, thread, and seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import signal
import threading
import time
from pathlib import Path

from tokensync.aws.system import SystemClock
from tokensync.oauth.addresses import PublicOnly

_LOOK = 0.005  # seconds between two looks at a failpoint that makes its worker wait


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
    """A failpoint raised, as its file demands."""


def _home() -> Path | None:
    """Return the directory that the tests of this machine write into, None where there is none."""
    home = os.environ.get("TOKENSYNC_HOST_DIR")
    return Path(home) if home else None


class ShiftedClock(SystemClock):
    """The machine's clock, off by the seconds in the file `clock` at this moment."""

    def __init__(self, directory: Path | None = None) -> None:
        home = directory or _home()
        self._file = home / "clock" if home else None

    def now(self) -> int:
        """Return the time that the functions take for the current one."""
        return super().now() + self._offset()

    def _offset(self) -> int:
        if self._file is None:
            return 0
        try:
            return int(self._file.read_text())
        except (OSError, ValueError):
            return 0


class FileFailpoints:
    """Failpoints as files: a test in another process places them, and each is used as often as its file allows."""

    def __init__(self, directory: Path | None = None) -> None:
        home = directory or _home()
        self._directory = home / "failpoints" if home else None
        self._trace = home / "trace" if home else None

    def reached(self, name: str) -> None:
        """Do what the file of that name demands, if there is one."""
        if self._directory is None or self._trace is None:
            return
        _note(self._trace, name)
        while (action := _taken(self._directory / name)) == ["wait"]:
            time.sleep(_LOOK)
        match action:
            case ["kill"]:
                os.kill(os.getpid(), signal.SIGKILL)
            case ["raise"]:
                raise FailpointReached(name)
            case ["hang", seconds]:
                time.sleep(float(seconds))


def _note(trace: Path, name: str) -> None:
    """Append a line to the trace, if there is one: in one write, so that lines of several threads stay whole."""
    at = time.perf_counter()
    with contextlib.suppress(OSError):
        file = os.open(trace, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, f"{name} {threading.get_ident()} {at:.6f}\n".encode())
        finally:
            os.close(file)


def _taken(path: Path) -> list[str]:
    """Take one use from a failpoint's file, and return its action; an empty one where there is none (any more)."""
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            words = file.read().split()
            if words == ["wait"]:
                return words
            *action, times = words or ["0"]
            if not action or int(times) < 1:
                return []
            file.seek(0)
            file.truncate()
            file.write(f"{' '.join(action)} {int(times) - 1}")
            return action
    except (OSError, ValueError):
        return []
