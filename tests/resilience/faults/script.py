"""The script of faults at AWS: which request goes wrong, and how; see `faults.proxy`."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Effect(StrEnum):
    """What a fault does to a request."""

    BEFORE = "before"  # an InternalServerError, and AWS never saw the request
    AFTER_ERROR = "after_error"  # AWS did it, and the answer becomes an InternalServerError
    AFTER_RESET = "after_reset"  # AWS did it, and the connection is reset instead of an answer
    THROTTLE = "throttle"  # the service's own throttling error; nothing was done
    QUOTA = "quota"  # LimitExceededException: too many versions of a secret, for example; nothing was done
    SLOW = "slow"  # waits `delay` seconds, then all goes well
    HANG = "hang"  # waits `delay` seconds, by default longer than any client does, and never answers; nothing was done
    HANG_AFTER = "hang_after"  # as HANG, but AWS did it
    DOWN = "down"  # the connection is reset, and AWS never saw the request


@dataclass(frozen=True)
class Fault:
    """One line of the script. It ends with its `times` or its `seconds`, whichever is first; without both it stays."""

    service: str = "*"
    action: str = "*"
    effect: Effect = Effect.DOWN
    times: int | None = None
    skip: int = 0  # how many matching requests pass before it begins
    seconds: float | None = None  # from the moment at which it was added
    probability: float = 1.0
    delay: float | None = None  # seconds, of SLOW (0.5 unless told), HANG and HANG_AFTER (60)
    body: str = ""  # only requests whose body holds this text: one kind of write among many, or one secret's
    worker: str | None = None


@dataclass(frozen=True)
class Request:
    """What a request is, as far as a fault can tell them apart."""

    worker: str
    service: str
    action: str
    body: bytes = field(repr=False)


class Script:
    """The faults that still stand, in the order in which they were added. Thread-safe."""

    def __init__(self, *, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - faults that come in the same order each time
        self._standing: list[tuple[Fault, Counter[str], float]] = []

    def add(self, fault: Fault) -> Fault:
        """Add a fault; its time begins now."""
        with self._lock:
            self._standing.append((fault, Counter(), time.monotonic()))
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one fault back, if it stands."""
        with self._lock:
            self._standing = [entry for entry in self._standing if entry[0] is not fault]

    def meetings(self, fault: Fault) -> int:
        """Return how many requests met a fault that still stands: 0 where it never went wrong."""
        with self._lock:
            return sum(counts["met"] for standing, counts, _ in self._standing if standing is fault)

    def clear(self) -> None:
        """Take every fault back."""
        with self._lock:
            self._standing.clear()

    def met(self, request: Request) -> Fault | None:
        """Return the fault that this request meets, counted; None lets it pass."""
        now = time.monotonic()
        with self._lock:
            for fault, counts, since in self._standing:
                if not _matches(fault, request) or (fault.seconds is not None and now > since + fault.seconds):
                    continue
                if fault.times is not None and counts["met"] >= fault.times:
                    continue
                if counts["passed"] < fault.skip:
                    counts["passed"] += 1
                    continue
                if self._random.random() < fault.probability:
                    counts["met"] += 1
                    return fault
        return None


def _matches(fault: Fault, request: Request) -> bool:
    return (
        fault.service in ("*", request.service)
        and fault.action in ("*", request.action)
        and fault.worker in (None, request.worker)
        and fault.body.encode() in request.body
    )
