"""Start and stop the embedded stack's processes, across commands, without ever hitting somebody else's process.

Each process leads a session of its own and leaves a record with its pid and its start time: a pid that the system
has given to another program since then has another start time, and is left alone.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tokensync.domain.command_line import typed
from tokensync_cli.embedded.errors import EmbeddedStackError

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Launch:
    """What to run: a name for records and messages, the command line, the whole environment, a working directory."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path


@dataclass(frozen=True)
class _Record:
    """One process as it was started: its pid, and the word that no other process with this pid has."""

    pid: int
    started: str


@dataclass(frozen=True)
class Processes:
    """The processes of one project, by their records in `records` and their logs in `logs`."""

    records: Path
    logs: Path

    def log(self, name: str) -> Path:
        """Where process `name` writes."""
        return self.logs / f"{name}.log"

    def start(self, launch: Launch) -> None:
        """Start a process that outlives this one.

        The record is on disk before the process runs its program, and an interrupt waits until then: there is no
        moment at which a process exists that `stop` does not know.
        """
        request = {
            "command": list(launch.command),
            "environment": dict(launch.environment),
            "directory": str(launch.directory),
            "log": str(self.log(launch.name)),
            "record": str(self._record(launch.name)),
        }
        self._asked(launch.name).unlink(missing_ok=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            subprocess.run(
                [sys.executable, "-m", "tokensync_cli.embedded.launch"],
                input=json.dumps(request).encode(),
                start_new_session=True,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise EmbeddedStackError(
                f"The {launch.name} could not be started.",
                next_command=typed("tokensync up"),
                log=self.log(launch.name),
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def pid(self, name: str) -> int | None:
        """The pid of process `name` while it runs, else None."""
        record = self._read(name)
        return None if record is None or start_time(record.pid) != record.started else record.pid

    def is_running(self, name: str) -> bool:
        """Whether process `name` runs."""
        return self.pid(name) is not None

    def died(self, name: str) -> bool:
        """Whether process `name` ended without having been stopped (or had to be killed)."""
        return self._record(name).exists() and not self.is_running(name)

    def forget_if_dead(self, name: str) -> None:
        """Drop the record of process `name` unless it runs: its end does not matter."""
        if not self.is_running(name):
            self._record(name).unlink(missing_ok=True)

    def ask_to_stop(self, name: str) -> None:
        """Send SIGTERM to process `name`, if it runs, and return at once."""
        if (pid := self.pid(name)) is not None:
            # Noted first: it may end before anybody waits for it, and that is no unclean end.
            self._asked(name).touch()
            # Its leader alone: what it started may first finish what it is at.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def wait_until_stopped(self, name: str, seconds: float) -> None:
        """Wait for the end of process `name`, which was asked to stop; after `seconds` kill it, and it has died."""
        record = self._read(name)
        if record is None or not self._asked(name).exists():
            return
        pid = record.pid
        deadline = time.monotonic() + seconds
        killed = False
        while self.is_running(name):
            if not killed and time.monotonic() >= deadline:
                _signal_group(pid, signal.SIGKILL)
                killed = True
            time.sleep(_POLL_SECONDS)
        # What it started is in its session; none of it stays behind.
        _signal_group(pid, signal.SIGKILL)
        if not killed:
            self._record(name).unlink()
        self._asked(name).unlink()

    def _record(self, name: str) -> Path:
        return self.records / f"{name}.json"

    def _asked(self, name: str) -> Path:
        """Return where it is noted that process `name` was asked to stop."""
        return self.records / f"{name}.asked-to-stop"

    def _read(self, name: str) -> _Record | None:
        """Return what was noted when process `name` was started, None if nothing usable was."""
        try:
            record = json.loads(self._record(name).read_text(encoding="utf-8"))
            return _Record(int(record["pid"]), str(record["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def start_time(pid: int) -> str | None:
    """A word that no other process with this pid ever had, or None if there is no such process (or a dead one)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None if sys.platform == "linux" else _start_time_by_ps(pid)
    except ProcessLookupError:
        return None
    # proc(5): the name in parentheses may hold anything; state is the first field behind it, starttime the twentieth.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _start_time_by_ps(pid: int) -> str | None:
    """As `start_time`, for systems without /proc."""
    answer = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def _signal_group(pid: int, number: int) -> None:
    """Send a signal to the session that `pid` leads; it may be gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
