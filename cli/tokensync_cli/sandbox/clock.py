"""The sandbox's clock, which a test may set wrong."""

import time
from collections.abc import Callable
from email.utils import formatdate


class Clock:
    """Unix time in seconds plus an offset: moving it ages codes and tokens, and skews the `Date` header."""

    def __init__(self, source: Callable[[], float] = time.time, offset: float = 0.0) -> None:
        self._source = source
        self.offset = offset

    def now(self) -> float:
        """Return Unix seconds as the sandbox sees them."""
        return self._source() + self.offset

    def date(self) -> str:
        """Return the value of a `Date` header (RFC 9110 section 5.6.7)."""
        return formatdate(self.now(), usegmt=True)
