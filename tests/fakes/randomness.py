"""Randomness that repeats from a seed."""

from __future__ import annotations

import base64
import random
import threading


class SeededRandomness:
    """The same sequence for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 -- a test must repeat; nothing here is kept secret

    def token(self) -> str:
        """Return 128 bits as URL-safe text."""
        with self._lock:
            return base64.urlsafe_b64encode(self._random.randbytes(16)).rstrip(b"=").decode("ascii")

    def fraction(self) -> float:
        """Return a number from 0 up to but not including 1."""
        with self._lock:
            return self._random.random()
