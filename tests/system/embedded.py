"""Embedded stacks for tests: each in a directory and on ports of its own, so that nothing of the user's is touched."""

from __future__ import annotations

import fcntl
import itertools
import shutil
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zlib import crc32

from stack import Stack
from tokensync_cli.embedded import environments
from tokensync_cli.embedded import stack as embedded
from tokensync_cli.embedded.ports import Ports, is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

_ROOT = Path(__file__).parents[2]
_DEPLOYED = (
    *("template.yaml", "samconfig.toml", "pyproject.toml", "uv.lock", "README.md", "LICENSE"),
    *("functions", "layers"),
)
# Below the ports that systems give out by themselves, and a range for each process: no two of them choose the same.
_FIRST_PORT, _RANGE = 14_000, 200
# Tests of two checkouts may run side by side.
_CHECKOUTS, _PROCESSES = 22, 4


def environment() -> environments.Environment:
    """Return the environment of the embedded AWS, and install both environments if they are not there.

    Several processes may ask at once: one installs, the others wait.
    """
    home = _ROOT / ".venv"
    with (home / "environments.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for one in (environments.embedded_aws(_ROOT), environments.sam(_ROOT)):
            environments.synchronize(one, _ROOT, home / "environments.log")
    return environments.embedded_aws(_ROOT)


def free_ports(process: int, count: int) -> list[int]:
    """Return free ports of the range that belongs to the test process of this number."""
    checkout = crc32(bytes(_ROOT)) % _CHECKOUTS
    first = _FIRST_PORT + (checkout * _PROCESSES + process % _PROCESSES) * _RANGE
    return list(itertools.islice(filter(is_free, range(first, first + _RANGE)), count))


def project_copy(home: str | Path) -> Path:
    """Copy what is deployed into a directory, with the environments of this checkout, and return it."""
    root = Path(home)
    for part in _DEPLOYED:
        source = _ROOT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / part)
    (root / ".venv").symlink_to(_ROOT / ".venv")
    return root


@contextmanager
def deployed(root: Path, *, process: int = 0, progress: Callable[[str], None] = lambda _text: None) -> Iterator[Stack]:
    """Deploy a copy of the project for the test process of this number, and take it down whatever happens."""
    environment()
    aws, front_door, sandbox = free_ports(process, 3)
    outputs = embedded.up(root, ports=Ports(aws=aws, front_door=front_door, sandbox=sandbox), progress=progress)
    try:
        yield Stack(root, outputs)
    finally:
        with _uninterrupted():
            embedded.down(root, progress=progress)


def alone(console: Console, body: Callable[[Stack], int]) -> int:
    """Run something on a stack of its own and return its exit code; an interrupt leaves nothing running."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            TemporaryDirectory(prefix="tokensync-faults-") as home,
            deployed(project_copy(home), progress=lambda text: console.print(f"{text} …")) as stack,
        ):
            return body(stack)
    except KeyboardInterrupt:
        console.print("interrupted; nothing is left running")
        return 130


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let a second interrupt not stop what the first one began; only the main thread receives any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
