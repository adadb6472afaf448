"""One command at a time changes the embedded stack."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokensync.domain.visible import Line
from tokensync_cli.embedded.errors import EmbeddedStackError


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold `lock` for as long as the block runs; the system lets go of it whatever ends this process.

    Raises:
        EmbeddedStackError: another command holds it.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedStackError(
                "Another `tokensync up` or `tokensync down` is at work in this project.",
                next_command=Line("tokensync outputs, when it is done"),
            ) from None
        yield
    finally:
        os.close(descriptor)
