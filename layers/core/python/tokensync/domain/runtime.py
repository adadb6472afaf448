"""What a run depends on beside its stores: time, chance, named places, alerts, logs and limits of time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.command_line import Next
    from tokensync.domain.visible import Line

DAY = 86_400
# Secrets Manager advises against writing one secret more often than every 10 minutes at a sustained rate, as it makes
# more versions then than it removes: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
FLOOR = 900
FLOOR_OF_SHORT_LIVES = 600  # where a token would not outlive a lost message otherwise
SANDBOX_VERIFY = 30


class Clock(Protocol):
    """Time."""

    def now(self) -> int:
        """Return the current time in Unix seconds."""

    def monotonic(self) -> float:
        """Return seconds that only grow, for deadlines."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Randomness(Protocol):
    """Randomness."""

    def token(self) -> str:
        """Return 128 random bits as URL-safe text."""

    def fraction(self) -> float:
        """Return a number from 0 up to but not including 1, for jitter of retries."""


@dataclass(frozen=True)
class Moment:
    """When a request is made, in Unix seconds, and 128 random bits as text that no other request has."""

    now: int
    unique: str

    @classmethod
    def of(cls, clock: Clock, randomness: Randomness) -> Moment:
        """Return the moment that is now."""
        return cls(clock.now(), randomness.token())


class Failpoints(Protocol):
    """Named places of the protocol at which a test can make the world go wrong."""

    def reached(self, name: str) -> None:
        """Say that the protocol has reached `name`."""


class Alerts(Protocol):
    """Alerts operators. Never raises: an alert that cannot be sent is logged."""

    def tell(self, kind: str, subject: str, *, detail: Line, next_command: Next, link: str = "") -> None:
        """Send one alert about a connection or an app, by name only, with the command that mends it.

        `link` is one that an operator may send on; it reaches the subscribers alone and no log.
        """


class Log(Protocol):
    """Structured logging: dotted past-tense events with key-values, no secret among them."""

    def info(self, event: str, **fields: object) -> None:
        """Log what happened."""

    def warning(self, event: str, **fields: object) -> None:
        """Log what needs a look."""

    def failure(self, event: str, error: BaseException) -> None:
        """Log an error that nobody foresaw: its type and the places in the code, never its text."""


@dataclass(frozen=True)
class Limits:
    """Times in seconds: how long a call may take, and how much has to be left for what is begun."""

    provider: float = 10.0  # token endpoints answer within a few seconds; one that hangs must not cost the whole life
    storing: float = 5.0  # a response is made durable with retries before anything is done with it
    facts: float = 4.0  # an account's facts are a convenience, asked for while a seller waits
    lease_margin: int = 5  # Lambda ends a process a little late, and clocks differ
    conclusion: float = 15.0  # publishing and committing one kept response must fit
    claims: float = 5.0  # a batch of claims must fit and be queued; the next tick finds the rest
    answer: float = 2.0  # kept back so that a command still answers instead of timing out
    another_try: float = 1.0  # one more write and its alert must fit, or the response is lost in silence

    @property
    def presentation(self) -> float:
        """A request to a provider, and the storing of its response: one without the other may lose a token."""
        return self.provider + self.storing


class Budget:
    """What is left of a function's life."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    def allows(self, need: float) -> bool:
        """Return whether what needs so many seconds, see `Limits`, still fits into the time left."""
        return self._left() >= need

    def lease_until(self, limits: Limits) -> int:
        """Return the Unix second until which a lease taken now has to run, so that no process outlives its lease."""
        return self._clock.now() + math.ceil(self._left()) + limits.lease_margin

    def _left(self) -> float:
        return max(0.0, self._end - self._clock.monotonic())


@dataclass(frozen=True)
class Cadence:
    """How often the schedule looks, and how often one connection may be refreshed or verified, in seconds.

    `look` is how long after a refusal its app's other outcomes are looked at first, `alone` after how long a connection
    without others is asked once more, `fault` after how long one is that was answered that its app is at fault, and
    `probe` how long after it was paused an app is probed first.
    """

    tick: int = 60
    floor: int = FLOOR
    verify: int = DAY
    look: int = 90
    alone: int = 600
    fault: int = 120
    probe: int = 60

    def for_app(self, app: App) -> Cadence:
        """Return the cadence of an app: a sandbox's tokens may live for minutes, and everything waits for as little."""
        if not app.is_sandboxed:
            return self
        return replace(self, floor=0, verify=SANDBOX_VERIFY, look=5, alone=20, fault=10, probe=5)
