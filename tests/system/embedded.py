"""An embedded stack in a directory of its own: nothing of the user's is touched."""

from __future__ import annotations

import shutil
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stack import Stack
from tokensync_cli.embedded import stack as embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HERE = Path(__file__).parents[2]
_PARTS = ("template.yaml", "samconfig.toml", "pyproject.toml", "uv.lock", "README.md", "LICENSE", "functions", "layers")


def copied(home: str | Path) -> Path:
    """Copy what is deployed into a directory, with the environments of this checkout, and return it."""
    root = Path(home)
    for part in _PARTS:
        source = _HERE / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / part)
    (root / ".venv").symlink_to(_HERE / ".venv")
    return root


@contextmanager
def standing(root: Path, *, progress: Callable[[str], None] = lambda _text: None) -> Iterator[Stack]:
    """Deploy what lies in a directory, and take it down afterwards, whatever happens."""
    outputs = embedded.up(root, progress=progress)
    try:
        yield Stack(root, outputs)
    finally:
        with _uninterrupted():
            embedded.down(root, progress=progress)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let a second interrupt not stop what the first one began; only the main thread hears of any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
