"""A process that has one function's code in memory and forks a worker for each job, as a warm Lambda takes an event.

It runs in the interpreter of the embedded AWS, isolated (`-I -S`), over the layer as SAM built it, and imports nothing
but the standard library and the artifact. The first line of its stdin is the setup, every other a job or a signal; its
stdout tells what became of each, a line of JSON each. A worker's answer stands in `answer.json` in the worker's own
directory, which is its working directory and so its TOKENSYNC_HOST_DIR: failpoints there hit this one worker alone.
When stdin ends, every worker is killed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

_LOOK = 0.003  # seconds between two looks for a warm worker's next event


class Context:
    """What Lambda tells a handler: which ARN was invoked, a command's being the alias's, and how long it may run."""

    def __init__(self, seconds: float, event: dict[str, Any]) -> None:
        function = "arn:aws:lambda:us-east-1:000000000000:function:worker"
        self.invoked_function_arn = f"{function}:operator" if "tokensync" in event else function
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left, down to 0."""
        return max(0, int((self._end - time.monotonic()) * 1000))


class Zygote:
    """The parent of all workers of one function. It has no thread: a fork copies only the one that calls it."""

    def __init__(self, setup: dict[str, Any]) -> None:
        os.environ.clear()
        os.environ.update(setup["environment"])
        sys.path.insert(0, setup["layer"])
        self._function = setup["function"]
        self._module = self._loaded()
        self._workers: dict[int, str] = {}  # pid → id
        self._ended, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Take jobs until stdin ends."""
        told = b""
        _tell({"ready": True})
        try:
            while True:
                readable, _, _ = select.select([0, self._ended], [], [])
                if self._ended in readable:
                    os.read(self._ended, 4096)
                    self._reap()
                if 0 in readable:
                    some = os.read(0, 1 << 20)
                    if not some:
                        return
                    *lines, told = (told + some).split(b"\n")
                    for line in lines:
                        self._take(json.loads(line))
        finally:
            for pid in self._workers:
                os.kill(pid, signal.SIGKILL)

    def _take(self, order: dict[str, Any]) -> None:
        if "signal" in order:
            # Only to a child that was not reaped yet: its pid is nobody else's.
            for pid in [pid for pid, name in self._workers.items() if name == order["id"]]:
                os.kill(pid, order["signal"])
            return
        pid = os.fork()
        if pid == 0:
            self._work(order)
        self._workers[pid] = order["id"]

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                _tell({"id": self._workers.pop(pid), "ended": os.waitstatus_to_exitcode(status)})

    def _work(self, job: dict[str, Any]) -> None:
        """Answer one event in the child, and end it."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.chdir(job["directory"])
            log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(0)
            module = self._module
            if job["environment"]:
                os.environ.update(job["environment"])
                module = self._loaded()  # a cold start: its clients know the endpoint from their beginning
            event = job["event"]
            while event is not None:
                answer = _answer(module, event, job)
                Path("peak").write_text(_peak())
                Path("answer.part").write_text(json.dumps(answer))
                Path("answer.part").rename("answer.json")
                event = _next_event() if job.get("warm") else None
            code = 0
        except BaseException as error:  # noqa: BLE001 - whatever it is, Lambda would tell its type
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _loaded(self) -> ModuleType:
        spec = importlib.util.spec_from_file_location("app", self._function)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(self._function)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def _answer(module: ModuleType, event: dict[str, Any], job: dict[str, Any]) -> Any:
    """Call the handler. An error ends the process, unless it is to stay warm: Lambda keeps its own."""
    try:
        return module.handler(event, Context(job["life"], event))
    except Exception as error:
        if not job.get("warm"):
            raise
        return {"errorType": type(error).__name__}


def _next_event() -> dict[str, Any]:
    """Wait for a warm worker's next event: the file `event.json`, which it takes away."""
    file = Path("event.json")
    while not file.exists():
        time.sleep(_LOOK)
    event: dict[str, Any] = json.loads(file.read_text())
    file.unlink()
    return event


def _peak() -> str:
    """Return the most memory that this process ever held, in KiB: a fork begins with what its parent holds."""
    status = Path("/proc/self/status").read_text()
    return next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))


def _tell(told: dict[str, Any]) -> None:
    os.write(1, json.dumps(told).encode() + b"\n")


if __name__ == "__main__":
    # Unbuffered: what comes behind the first line is read by file descriptor.
    Zygote(json.loads(open(0, "rb", buffering=0, closefd=False).readline())).serve()  # noqa: SIM115
