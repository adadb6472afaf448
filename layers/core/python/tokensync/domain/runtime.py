"""What makes the core deterministic under test: time, chance, named places, and what is told to people."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time."""

    def now(self) -> int:
        """Return the current time in Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, for deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Randomness(Protocol):
    """Randomness."""

    def token(self) -> str:
        """Return 128 random bits as URL-safe text."""
        ...

    def fraction(self) -> float:
        """Return a number from 0 up to but not including 1, for jitter of retries."""
        ...


class Failpoints(Protocol):
    """Named places of the protocol at which a test can make the world go wrong."""

    def reached(self, name: str) -> None:
        """Tell that the protocol stands at `name`."""
        ...


class Alerts(Protocol):
    """Tells operators. Never raises: an alert that cannot be sent is logged."""

    def tell(self, kind: str, subject: str, *, detail: str, next_command: str, link: str = "") -> None:
        """Tell once about a connection or an app, by name only, with the command that mends it.

        `link` is one that an operator may send on; it reaches the subscribers alone and no log.
        """
        ...


class Log(Protocol):
    """Structured logging: dotted past-tense events with key-values, no secret among them."""

    def info(self, event: str, **fields: object) -> None:
        """Tell what happened."""
        ...

    def warning(self, event: str, **fields: object) -> None:
        """Tell what needs a look."""
        ...

    def failure(self, event: str, error: BaseException) -> None:
        """Tell of an error nobody foresaw: its type and the places in the code, never its text."""
        ...
