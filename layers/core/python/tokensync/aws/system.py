"""The machine's own clock and randomness."""

from __future__ import annotations

import secrets
import time

_TOKEN_BYTES = 16  # 128 bits


class SystemClock:
    """See `tokensync.domain.runtime.Clock`."""

    def now(self) -> int:
        return int(time.time())

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class SystemRandomness:
    """See `tokensync.domain.runtime.Randomness`."""

    def token(self) -> str:
        return secrets.token_urlsafe(_TOKEN_BYTES)

    def fraction(self) -> float:
        return secrets.randbelow(2**32) / 2**32
