"""The machine's own clock and randomness."""

from __future__ import annotations

import secrets
import time

_TOKEN_BYTES = 16  # 128 bits


class SystemClock:
    """See `tokensync.domain.runtime.Clock`."""

    def now(self) -> int:
        """Return the current time in Unix seconds."""
        return int(time.time())

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class SystemRandomness:
    """See `tokensync.domain.runtime.Randomness`."""

    def token(self) -> str:
        """Return 128 random bits as URL-safe text."""
        return secrets.token_urlsafe(_TOKEN_BYTES)

    def fraction(self) -> float:
        """Return a number from 0 up to but not including 1."""
        return secrets.randbelow(2**32) / 2**32
