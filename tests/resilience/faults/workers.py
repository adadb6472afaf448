"""Workers: real processes over the built functions, each killed, stopped, continued or left to end by itself."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from stack import Stack

LIFE = 30.0  # seconds: the rotation function's timeout in the embedded stack
_ZYGOTE = Path(__file__).with_name("zygote.py")
_LOOK = 0.004
_START = 30.0
# Python's development mode, which warns and checks, and the report of a crash: what they print is looked through.
_DEVELOPMENT = ("-X", "dev", "-X", "faulthandler")


@dataclass
class Worker:
    """One process that answers one event."""

    id: str
    zygote: Zygote
    directory: Path
    deadline: float  # of the monotonic clock
    ended: threading.Event = field(default_factory=threading.Event)
    status: int | None = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, unless it ended."""
        self.zygote.order({"id": self.id, "signal": number})

    def reached(self, place: str) -> bool:
        """Return whether it came by a failpoint."""
        return any(line.split()[0] == place for line in self._trace())

    def reach(self, place: str) -> bool:
        """Wait until it comes by a failpoint; false where it ended without."""
        while not self.reached(place):
            if self.ended.is_set():
                return self.reached(place)
            if time.monotonic() > self.deadline:
                return False
            time.sleep(_LOOK)
        return True

    def places(self) -> list[str]:
        """Return the failpoints it came by, in order."""
        return [line.split()[0] for line in self._trace()]

    def times(self) -> list[tuple[str, str, float]]:
        """Return the failpoints it came by, each with its thread and the seconds of one clock."""
        return [(name, thread, float(at)) for name, thread, at in (line.split() for line in self._trace())]

    def place(self, failpoint: str, action: str) -> None:
        """Say what is to happen at a failpoint; an empty action takes it away."""
        file = self.directory / "failpoints" / failpoint
        if not action:
            file.unlink(missing_ok=True)
            return
        part = self.directory / f"{failpoint}.part"
        part.write_text(action)
        part.rename(file)  # whoever waits there never sees a half

    def used(self, failpoint: str) -> bool:
        """Return whether a failpoint's action, which was to be taken once, was taken."""
        file = self.directory / "failpoints" / failpoint
        return file.exists() and file.read_text().split()[-1] == "0"

    def finish(self) -> dict[str, Any] | None:
        """Wait for its end, kill it at its deadline as Lambda does, and return its answer, None where it gave none."""
        if not self.ended.wait(max(0.0, self.deadline - time.monotonic())):
            self.signal(signal.SIGKILL)
            if not self.ended.wait(_START):
                raise AssertionError(f"worker {self.id} could not be killed")
        file = self.directory / "answer.json"
        answer: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
        return answer

    def peak(self) -> int:
        """Return the most memory that it held by the time of its answer, in bytes."""
        return int((self.directory / "peak").read_text()) * 1024

    def log(self) -> str:
        """Return what it wrote to stdout and stderr."""
        return (self.directory / "log").read_text()

    def _trace(self) -> list[str]:
        # The last line may be half written.
        return (self.directory / "trace").read_text().split("\n")[:-1]


class Zygote:
    """One function's code in memory. Its workers live no longer than it."""

    def __init__(self, python: Path, setup: Mapping[str, Any], *options: str) -> None:
        self._process = subprocess.Popen(
            [str(python), "-I", "-S", *options, str(_ZYGOTE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # an interrupt of ours is not its end: that is ours to order
            env={},
        )
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}
        self._ready = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.order(setup)
        if not self._ready.wait(_START) or self._process.poll() is not None:
            self.close()
            raise AssertionError("the function could not be loaded")

    def start(
        self,
        worker: Worker,
        event: Mapping[str, Any],
        *,
        life: float,
        environment: Mapping[str, str],
        warm: bool = False,
    ) -> None:
        """Fork a worker for an event."""
        self._workers[worker.id] = worker
        job: dict[str, Any] = {"directory": str(worker.directory), "event": event, "life": life}
        job |= {"environment": environment, "warm": warm}
        self.order({"id": worker.id, **job})

    def order(self, told: Mapping[str, Any]) -> None:
        """Tell it something."""
        if self._process.stdin is None:
            raise ValueError("it has no stdin")
        with self._lock:
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """End it and all its workers."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            told = json.loads(line)
            if "ready" in told:
                self._ready.set()
                continue
            worker = self._workers.pop(told["id"])
            worker.status = told["ended"]
            worker.ended.set()
        # It is gone, and all that it started.
        for worker in list(self._workers.values()):
            worker.ended.set()
        self._ready.set()


def built_layer(stack: Stack) -> Path:
    """Return the layer as it was built for a stack."""
    return stack.root / ".tokensync" / "build" / "CoreLayer" / "python"


class Workers:
    """Starts workers of both functions, under each function's own environment and its role's credentials.

    They log at DEBUG. With `development` they run in Python's development mode.
    """

    def __init__(self, stack: Stack, home: Path, *, layer: Path | None = None, development: bool = False) -> None:
        self._stack = stack
        self._home = home
        self._options = _DEVELOPMENT if development else ()
        self._numbers = itertools.count(1)
        self._open = ExitStack()
        self.layer = layer or built_layer(stack)
        outputs = stack.outputs
        self._zygotes = {
            name: self._zygote(name, physical)
            for name, physical in (("rotation", outputs.rotation_function), ("callback", outputs.callback_function))
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def written(self) -> str:
        """Return all that the workers wrote: logs, reports of crashes, answers, traces."""
        files = (path for path in self._home.rglob("*") if path.is_file())
        return "\n".join(f"{path.name}\n{path.read_text(errors='replace')}" for path in files)

    def close(self) -> None:
        """End everything: what waits for a worker goes on, and no other can be started."""
        self._open.close()

    def start(
        self,
        function: str,
        event: Mapping[str, Any],
        *,
        clock: int = 0,
        life: float = LIFE,
        failpoints: Mapping[str, str] | None = None,
        endpoint: str | None = None,
        environment: Mapping[str, str] | None = None,
        warm: bool = False,
    ) -> Worker:
        """Start a worker of a function, its clock off by so many seconds, its AWS at `endpoint` if one is given.

        With an `endpoint` or more for its environment, it is a cold start. A `warm` one stays, see `faults.warm`.
        """
        number = f"{function}-{next(self._numbers)}"
        directory = self._home / number
        (directory / "failpoints").mkdir(parents=True)
        (directory / "clock").write_text(str(clock))
        (directory / "trace").touch()
        worker = Worker(number, self._zygotes[function], directory, time.monotonic() + life)
        for place, action in (failpoints or {}).items():
            worker.place(place, action)
        more = {**(environment or {}), **({} if endpoint is None else {"AWS_ENDPOINT_URL": endpoint})}
        worker.zygote.start(worker, event, life=life, environment=more, warm=warm)
        return worker

    def credentials(self, function: str) -> dict[str, str]:
        """Return the keys of a function's role."""
        role = self._configuration(function)["Role"]
        given = self._stack.client("sts").assume_role(RoleArn=role, RoleSessionName="worker")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    def _configuration(self, physical: str) -> dict[str, Any]:
        told: dict[str, Any] = self._stack.client("lambda").get_function_configuration(FunctionName=physical)
        return told

    def _zygote(self, name: str, physical: str) -> Zygote:
        variables = self._configuration(physical)["Environment"]["Variables"]
        region = self._stack.outputs.region
        setup = {
            "layer": str(self.layer),
            "function": str(self._stack.root / "functions" / name / "app.py"),
            "environment": {
                **variables,
                "TOKENSYNC_LOG_LEVEL": "DEBUG",
                **self.credentials(physical),
                "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region,
                "AWS_ENDPOINT_URL": self._stack.outputs.endpoint,
                "AWS_EC2_METADATA_DISABLED": "true",
                "NO_PROXY": "127.0.0.1,localhost",
                "LANG": "C.UTF-8",
                "PATH": "/usr/bin:/bin",
                # Each worker's own directory, which is the one that it works in.
                "TOKENSYNC_HOST_DIR": ".",
            },
        }
        zygote = Zygote(self._stack.root / ".venv" / "ministack" / "bin" / "python", setup, *self._options)
        self._open.callback(zygote.close)
        return zygote
