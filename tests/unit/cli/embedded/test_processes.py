import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokensync_cli.embedded.processes import Launch, Processes, start_time

# Says that it runs, starts a child of its own, and ends politely when it is asked to.
POLITE = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"])
print("hello", flush=True)
seen = f"{os.getpid()} {child.pid} {sorted(os.environ)} {signal.pthread_sigmask(0, ())}"
os.write(int(sys.argv[1]), seen.encode())
signal.pause()
"""
# Ends only when it is killed.
STUBBORN = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(int(sys.argv[1]), b"ready\\n")
while True: signal.pause()
"""


class Pipe:
    """A named pipe through which a started process reports that it runs."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self._reader, True)
        self._writer = os.open(path, os.O_WRONLY)

    def line(self) -> str:
        """What the process said."""
        return os.read(self._reader, 4096).decode()

    def close(self) -> None:
        """Let go of both ends."""
        os.close(self._reader)
        os.close(self._writer)


def ends(pid: int) -> bool:
    """Whether a process that was killed is gone; the system may take a moment."""
    deadline = time.monotonic() + 10
    while start_time(pid) is not None and time.monotonic() < deadline:
        os.sched_yield()
    return start_time(pid) is None


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """A pipe for the test's process."""
    opened = Pipe(tmp_path / "pipe")
    yield opened
    opened.close()


def launch(tmp_path: Path, program: str) -> Launch:
    """A Python program as a process of the embedded stack, which knows where its pipe is."""
    script = f"import os, sys; sys.argv.append(os.open({str(tmp_path / 'pipe')!r}, os.O_WRONLY))\n{program}"
    return Launch(
        name="server",
        command=[sys.executable, "-I", "-S", "-c", script],
        environment={"ONLY": "this"},
        directory=tmp_path,
    )


def test_a_process_runs_until_it_is_stopped(processes: Processes, tmp_path: Path, pipe: Pipe) -> None:
    """It has its own session, the given environment, a log, no blocked signals; stopping takes its children along."""
    processes.start(launch(tmp_path, POLITE))
    pid, child, rest = pipe.line().split(" ", 2)
    assert processes.pid("server") == int(pid)
    assert os.getsid(int(child)) == int(pid) != os.getsid(0)
    # LC_CTYPE is Python's own doing where no locale is set (PEP 538).
    assert rest.strip() in ("['ONLY'] set()", "['LC_CTYPE', 'ONLY'] set()")
    processes.ask_to_stop("server")
    processes.wait_until_stopped("server", seconds=10)
    assert not processes.is_running("server")
    assert not processes.died("server")
    assert ends(int(child))
    assert processes.log("server").read_text() == "hello\n"


def test_a_process_that_stops_at_once_was_stopped(processes: Processes, tmp_path: Path, pipe: Pipe) -> None:
    """It is gone before anybody waits for it: its end is as clean as any."""
    processes.start(launch(tmp_path, POLITE))
    pid = int(pipe.line().split(" ", 1)[0])
    processes.ask_to_stop("server")
    assert ends(pid)
    processes.wait_until_stopped("server", seconds=10)

    assert not processes.died("server")


def test_a_process_that_will_not_stop_is_killed(processes: Processes, tmp_path: Path, pipe: Pipe) -> None:
    """It ends all the same, and its end counts as unclean."""
    processes.start(launch(tmp_path, STUBBORN))
    pipe.line()
    processes.ask_to_stop("server")
    processes.wait_until_stopped("server", seconds=0)
    assert not processes.is_running("server")
    assert processes.died("server")


def test_a_process_that_was_killed_by_others_has_died(processes: Processes, tmp_path: Path, pipe: Pipe) -> None:
    """Its record outlives it, until it is forgotten."""
    processes.start(launch(tmp_path, STUBBORN))
    pipe.line()
    pid = processes.pid("server")
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    assert ends(pid)
    processes.ask_to_stop("server")
    processes.wait_until_stopped("server", seconds=10)
    assert processes.died("server")
    processes.forget_if_dead("server")
    assert not processes.died("server")


def test_a_program_that_does_not_exist_dies_at_once(processes: Processes, tmp_path: Path) -> None:
    """Starting it leaves a record and no process."""
    processes.start(Launch(name="server", command=["/nowhere"], environment={}, directory=tmp_path))
    processes.wait_until_stopped("server", seconds=10)
    assert not processes.is_running("server")


def test_a_recycled_pid_is_left_alone(processes: Processes) -> None:
    """A pid whose process began at another time is not ours: it is neither running nor signalled."""
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as other:
        record = {"pid": other.pid, "started": "another boot:1"}
        (processes.records / "server.json").write_text(json.dumps(record))
        assert not processes.is_running("server")
        assert processes.died("server")
        processes.ask_to_stop("server")
        processes.wait_until_stopped("server", seconds=0)
        assert other.poll() is None
        other.communicate(b"\n")
        assert other.returncode == 0


@pytest.mark.parametrize("record", ["", "{}", '{"pid": "x", "started": 1}', "[]"])
def test_a_broken_record_is_no_process(processes: Processes, record: str) -> None:
    """Nothing is signalled on the word of a record that cannot be read."""
    (processes.records / "server.json").write_text(record)
    assert processes.pid("server") is None


def test_stopping_what_never_ran_does_nothing(processes: Processes) -> None:
    """It is no error."""
    processes.ask_to_stop("server")
    processes.wait_until_stopped("server", seconds=0)
    assert not processes.died("server")


def test_start_times_tell_processes_apart() -> None:
    """The same process has the same word each time; a process that is no more has none."""
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as other:
        known = start_time(other.pid)
        assert known == start_time(other.pid) is not None
        assert known != start_time(os.getppid())
        other.communicate(b"\n")
    assert start_time(other.pid) is None
