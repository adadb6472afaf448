"""Random faults from a seed: a call of a port, of the provider or a failpoint is a step, and each step may go wrong."""

from __future__ import annotations

import math
import random
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from faults.soaking.timeline import Killed

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.soaking.timeline import Process, Timeline


class Fault(StrEnum):
    """What may go wrong at a step."""

    REFUSED = "refused before it committed"
    LOST = "committed, its answer lost"
    PARTLY = "partly refused"
    KILLED = "killed before"
    KILLED_AFTER = "killed after"
    STALLED = "stalled"
    NOT_SENT = "not sent"
    DROPPED = "dropped before it committed"
    DROPPED_AFTER = "dropped after it committed"
    BUSY = "429 or 503"
    BROKEN = "500 before it committed"
    BROKEN_AFTER = "500 after it committed"


READ = (Fault.REFUSED, Fault.KILLED, Fault.STALLED)
WRITE = (Fault.REFUSED, Fault.LOST, Fault.KILLED, Fault.KILLED_AFTER, Fault.STALLED)
SEND = (*WRITE, Fault.PARTLY)
PLACE = (Fault.KILLED, Fault.STALLED)
# What a process does not survive, or may not.
_ENDS = frozenset({Fault.KILLED, Fault.STALLED})
_READS = frozenset(
    {"get", "list", "aside", "find", "fewer_than", "due", "names", "state", "new_key", "open", "current_version"}
    | {"of_browser", "seen", "restored"}
)


class Chance:
    """Draws for every step whether it goes wrong, and how. The same seed brings the same faults.

    With `spares` a process that holds an answer which no store has yet, and which nobody could ask for again, lives
    on: everything goes wrong but the one thing that no client can recover from.
    """

    def __init__(self, timeline: Timeline, *, seed: int, rate: float, spares: bool) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a test must repeat; nothing here is kept secret
        self.timeline = timeline
        self.rate = rate
        self.spares = spares
        self.steps = self.steps_at_risk = 0
        self.spared = 0
        self.injected: Counter[str] = Counter()
        self.told: Callable[[Process, str], None] = lambda _process, _text: None
        self._until_next = self._gap()

    def quiet(self) -> None:
        """Let nothing go wrong from now on."""
        self.steps_at_risk = self.steps
        self.rate = 0.0
        self._until_next = self._gap()

    def step(self, where: str, kinds: tuple[Fault, ...]) -> Fault | None:
        """Count a step of the running process; return what goes wrong there, None mostly.

        Raises:
            Killed: the process is dead already, or its time is over.
        """
        process = self.timeline.current
        if process is None:
            return None
        self.timeline.check(process)
        self.steps += 1
        self._until_next -= 1
        if self._until_next > 0:
            return None
        self._until_next = self._gap()
        fault = self.random.choice(kinds)
        if self.spares and process.unstored is not None and fault in _ENDS:
            self.spared += 1
            return None
        self.injected[f"{where}: {fault}"] += 1
        self.told(process, f"{where}: {fault}")
        if fault is Fault.KILLED:
            process.kill()
        if fault is Fault.STALLED:
            self.timeline.sleep(self.random.uniform(0.5, 40))
            return None
        return fault

    def place(self, name: str) -> None:
        """Stand at a place where nothing is called: a process may die or stall there."""
        self.step(name, PLACE)

    def kill_after(self) -> None:
        """End the running process, whose call has committed."""
        process = self.timeline.current
        if process is None:
            raise Killed
        process.kill()

    def _gap(self) -> float:
        """Return how many steps there are up to and with the next that goes wrong."""
        if self.rate <= 0:
            return math.inf
        if self.rate >= 1:
            return 1
        return 1 + int(math.log(1.0 - self.random.random()) / math.log(1.0 - self.rate))


class Chancy:
    """A port of which every call is a step; `seen` is told of what committed, whatever its caller learns."""

    def __init__(
        self,
        port: object,
        chance: Chance,
        label: str,
        unavailable: type[Exception],
        seen: Callable[[str, tuple[Any, ...], Any], None] | None = None,
    ) -> None:
        self._port = port
        self._chance = chance
        self._label = label
        self._unavailable = unavailable
        self._seen = seen

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method, chance, seen, unavailable = getattr(self._port, name), self._chance, self._seen, self._unavailable
        where = f"{self._label}.{name}"
        kinds = READ if name in _READS else WRITE

        def call(*args: Any, **named: Any) -> Any:
            fault = chance.step(where, kinds)
            if fault is Fault.REFUSED:
                raise unavailable(where)
            result = method(*args, **named)
            if seen is not None:
                seen(name, args, result)
            if fault is Fault.LOST:
                raise unavailable(where)
            if fault is Fault.KILLED_AFTER:
                chance.kill_after()
            return result

        setattr(self, name, call)
        return call


class ChancyPlaces:
    """Failpoints at which a process may die or stall, see `tokensync.domain.runtime.Failpoints`."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def reached(self, name: str) -> None:
        """Stand at a named place."""
        self._chance.place(name)
