"""Writes the sandbox's state to its file: on command, at a clean stop, and shortly after a change."""

import asyncio
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokensync_cli.sandbox.state import Sandbox, Saved, restore

_CHUNK = 500
# After a change the state is written within a second; a large state less often, so that writing takes a twentieth.
_PAUSE_SECONDS = 1.0
_SHARE = 20


def load(path: Path) -> Saved | None:
    """Return what the file holds, or None if there is none yet.

    Raises:
        ValueError: it is damaged or of another version.
        OSError: it cannot be read.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    return restore(json.loads(text))


def write(path: Path, saved: Saved) -> None:
    """Replace the file in one step; only its owner can read it, as it holds the apps' secrets.

    Raises:
        OSError: it cannot be written; the old file stays.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp gives 0600.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            for part in _encoded(saved):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _encoded(value: Any) -> Iterator[str]:
    """Yield JSON in pieces: one call of the encoder over everything would stop all requests until it ends."""
    if dataclasses.is_dataclass(value):
        yield "{"
        for number, item in enumerate(dataclasses.fields(value)):
            yield f"{',' if number else ''}{json.dumps(item.name)}:"
            yield from _encoded(getattr(value, item.name))
        yield "}"
    elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        yield "["
        for start in range(0, len(value), _CHUNK):
            chunk = json.dumps([dataclasses.asdict(item) for item in value[start : start + _CHUNK]])
            yield f"{',' if start else ''}{chunk[1:-1]}\n"
        yield "]"
    else:
        yield json.dumps(value)


class Saver:
    """Saves one sandbox to one file, never twice at once."""

    def __init__(self, sandbox: Sandbox, path: Path | None, *, pause: float = _PAUSE_SECONDS) -> None:
        self._pause = pause
        self._sandbox = sandbox
        self._path = path
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        sandbox.changed = self._changed.set

    async def save(self) -> Path | None:
        """Write the state now and return the file, or None if none was asked for.

        Raises:
            OSError: it cannot be written.
        """
        if self._path is None:
            return None
        async with self._lock:
            self._changed.clear()
            await asyncio.to_thread(write, self._path, self._sandbox.snapshot())
        return self._path

    async def keep_saving(self) -> None:
        """Save after each burst of changes, until cancelled."""
        pause = self._pause
        while True:
            await self._changed.wait()
            await asyncio.sleep(pause)
            began = time.monotonic()
            try:
                await self.save()
            except OSError as error:
                print(f"sandbox: the state was not saved: {error}", file=sys.stderr)
            pause = max(self._pause, _SHARE * (time.monotonic() - began))
