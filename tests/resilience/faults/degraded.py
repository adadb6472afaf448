"""A fleet that falls due while AWS is throttled, slow or down, for minutes, and what became of every token.

It begins when a part of them was presented, or had its data key where KMS fails, so that it meets each step of the
protocol. A minute of the function's clock is a cycle: the tick, then everything that waits in the queue, in batches of
ten, on warm workers whose AWS stands behind a fault proxy. What a batch returns comes again a minute later, as the
queue's visibility timeout has it in the embedded stack; the fifth time in vain it would be a dead letter.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faults.fleet import Fleet, seeded
from faults.polling import Letter, Mail, batch
from faults.script import Effect, Fault
from tokensync.domain.connection import Phase, Status
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from faults.proxy import FaultProxy
    from faults.warm import Pool
    from stack import Stack
    from tokensync.domain.names import ConnectionName

CANARY = "C4N4RY-while-AWS-fails"  # in every code and token of the provider
MINUTE = 60
CLAIM = 12  # minutes after which what was queued in vain is queued again, as the template has it
MOST_RECEIVES = 5  # the template's maxReceiveCount
_BATCH = 10
# Requests for each connection after which a service fails: a claim for every one, then seven for each in a batch, of
# which the first three are its lease, its grant's data key, and SENT. KMS is asked for nothing after that: when two for
# each came by, some data key is still to be asked for, however the workers go.
_BEGINS, _BEGINS_WITH_KMS = 4.5, 2.0
_TICK = {"source": "tokensync.schedule"}

# How a service fares: by mode, what meets a request of it.
_MODES: Mapping[str, Mapping[str, Any]] = {
    "throttled": {"effect": Effect.THROTTLE, "probability": 0.7},
    "slow": {"effect": Effect.SLOW, "delay": 1.5},
    "down": {"effect": Effect.DOWN},
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is degraded, how, for how many minutes, and how many connections fall due meanwhile."""

    services: tuple[str, ...]
    mode: str
    due: int
    minutes: int = 3
    action: str = "*"

    @property
    def name(self) -> str:
        """Return it in a few words."""
        only = "" if self.action == "*" else f" ({self.action})"
        return f"{' + '.join(self.services)} {self.mode}{only}"

    def is_reached(self, service: str) -> bool:
        """Return whether requests have to meet the service's fault: without a data key nothing is published."""
        return service != "secretsmanager" or "kms" not in self.services or self.mode != "down"

    def faults(self) -> list[Fault]:
        """Return the faults to script."""
        return [Fault(service, self.action, **_MODES[self.mode]) for service in self.services]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a scenario; counts are of connections, unless they say otherwise."""

    scenario: Scenario
    before: int  # presentations before the fault
    during: int  # presentations during the fault
    unstored: int  # those of them that the provider acted upon, and whose pair stood in no store when the fault ended
    met: Sequence[int]  # how many requests met each fault; empty where none ever began
    places: Mapping[str, int]  # where the pairs that were given by then stood when the fault ended
    dead_letters: int
    presentations: int  # in all
    doubles: int
    lost: Sequence[str]
    healthy: int
    late: int  # whose new pair is safe, and not yet their grant's
    minutes_after: int | None  # until all were healthy; None where they never were
    seconds: float

    def broken(self) -> list[str]:
        """Return what does not hold; nothing, where all is well."""
        promises = {
            "no fault began while they fell due": bool(self.met),
            "a fault that no request met": all(
                met or not self.scenario.is_reached(service)
                for service, met in zip(self.scenario.services, self.met, strict=False)
            ),
            "all were asked before the fault": self.before < self.scenario.due,
            "what could not be stored was spent": self.unstored == 0,
            "a new pair stood nowhere when the fault ended": self.places.get("nowhere", 0) == 0,
            "a new pair was lost": not self.lost,
            "a new pair never became its connection's": self.late == 0,
            "a refresh token was presented twice": self.doubles == 0,
            "there were more presentations than connections": self.presentations == self.scenario.due,
            "a message was given up": self.dead_letters == 0,
            "not all were healthy within one claim": (self.minutes_after or CLAIM + 1) <= CLAIM,
        }
        return [f"{self.scenario.name}: {promise}" for promise, holds in promises.items() if not holds]

    def row(self) -> str:
        """Return a line of the table."""
        told = ", ".join(f"{count} {place}" for place, count in sorted(self.places.items())) or "-"
        after = "never" if self.minutes_after is None else f"{self.minutes_after} min"
        asked = f"{self.before} + {self.during}"
        return (
            f"{self.scenario.name:<44} {self.scenario.due:>5} {asked:>12} {told:<34} {len(self.lost):>4} "
            f"{self.doubles:>7} {self.healthy:>7} {after:>7} {self.seconds:>6.0f} s"
        )


HEADER = (
    f"{'scenario':<44} {'due':>5} {'asked + then':>12} {'stored when the fault ended':<34} {'lost':>4} "
    f"{'doubles':>7} {'healthy':>7} {'after':>7} {'took':>8}"
)


@dataclass
class _Under:
    """When the faults began, None where they did not, and in the end how many requests met each."""

    began: float | None = None
    met: Sequence[int] = ()


@dataclass
class Cycles:
    """The minutes of one fleet."""

    fleet: Fleet
    pool: Pool
    mail: Mail
    minute: int = 0
    dead: list[Letter] = field(default_factory=list)
    _receives: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.mail.box(self.fleet.app.name)

    def run(self) -> None:
        """Let one minute pass: tick, then work off what waits."""
        self.pool.set_clock(self.minute * MINUTE)
        list(self.pool.ask([_TICK]))
        letters = self._received()
        batches = [letters[at : at + _BATCH] for at in range(0, len(letters), _BATCH)]
        for letters, report in zip(batches, self.pool.ask(map(batch, batches)), strict=True):
            self._settled(letters, report)
        self.minute += 1

    def waiting(self) -> list[Work]:
        """Return what waits in the queue for its next minute."""
        letters = self.mail.take(self.fleet.app.name)
        self.mail.put_back(self.fleet.app.name, letters)
        return [Work.from_json(letter.body) for letter in letters]

    def _received(self) -> list[Letter]:
        letters = self.mail.take(self.fleet.app.name)
        self._receives.update(letter.id for letter in letters)
        self.dead += [letter for letter in letters if self._receives[letter.id] > MOST_RECEIVES]
        return [letter for letter in letters if self._receives[letter.id] <= MOST_RECEIVES]

    def _settled(self, letters: Sequence[Letter], report: Mapping[str, Any] | None) -> None:
        """Keep for later what the worker did not deal with: everything, where it broke or was killed."""
        if report is None or "batchItemFailures" not in report:
            again = {letter.id for letter in letters}
        else:
            again = {failure["itemIdentifier"] for failure in report["batchItemFailures"]}
        self.mail.put_back(self.fleet.app.name, [letter for letter in letters if letter.id in again])
        self.mail.delete([letter for letter in letters if letter.id not in again])


def play(stack: Stack, scenario: Scenario, pool: Pool, proxy: FaultProxy, *, patience: int = 20) -> Outcome:
    """Let the fleet fall due under the fault, end the fault, and wait until all are healthy, `patience` minutes."""
    begun = time.monotonic()
    fleet = seeded(stack, "degraded", count=scenario.due, own_keys=True, token_marker=CANARY)
    cycles = Cycles(fleet, pool, Mail(stack))
    with _degraded(proxy, scenario) as fault:
        for _ in range(scenario.minutes):
            cycles.run()
    presented = fleet.presentations()
    during = [entry for entry in presented if fault.began is not None and entry["at"] >= fault.began]
    places = _places(fleet, cycles.waiting())
    issued = fleet.issued()
    stored = [issued[name] for name, place in places.items() if place != "nowhere"]
    minutes_after = None
    for minute in range(1, patience + 1):
        cycles.run()
        if _healthy(fleet) == scenario.due:
            minutes_after = minute
            break
    at_last = _places(fleet, cycles.waiting())
    return Outcome(
        scenario=scenario,
        before=len(presented) - len(during),
        during=len(during),
        unstored=sum(entry["committed"] and entry["issued"] not in stored for entry in during),
        met=fault.met,
        places=Counter(places.values()),
        dead_letters=len(cycles.dead),
        presentations=len(fleet.presentations()),
        doubles=len(fleet.doubles()),
        lost=sorted(str(name) for name, place in at_last.items() if place == "nowhere"),
        late=sum(place not in ("nowhere", "grant") for place in at_last.values()),
        healthy=_healthy(fleet),
        minutes_after=minutes_after,
        seconds=time.monotonic() - begun,
    )


@contextmanager
def _degraded(proxy: FaultProxy, scenario: Scenario) -> Iterator[_Under]:
    """Begin the faults when so many requests came by, and end them; too few, and they never begin."""
    faults, under = scenario.faults(), _Under()

    def begin() -> None:
        under.began = time.time()
        for fault in faults:
            proxy.add(fault)

    proxy.after(int((_BEGINS_WITH_KMS if "kms" in scenario.services else _BEGINS) * scenario.due), begin)
    try:
        yield under
    finally:
        if under.began is not None:
            under.met = [proxy.script.meetings(fault) for fault in faults]
        proxy.clear()


def _places(fleet: Fleet, waiting: Sequence[Work]) -> dict[ConnectionName, str]:
    """Return where each pair that was given stands; a message of the queue is as durable as a record."""
    found, issued, records = fleet.places(), fleet.issued(), fleet.records()
    for work in waiting:
        name = work.connection
        if name is None or work.answer is None or found.get(name) != "nowhere":
            continue
        if fleet.holds(records[name], work.answer, issued[name]):
            found[name] = "message"
    return found


def _healthy(fleet: Fleet) -> int:
    """Return how many were refreshed once, are active, at rest, and read by workloads as the provider gave them."""
    issued, published = fleet.issued(), fleet.published()
    return sum(
        (record.status, record.phase, record.unpublished) == (Status.ACTIVE, Phase.IDLE, "")
        and name in issued
        and issued[name]["access_token"] == published[name]
        for name, record in fleet.records().items()
    )
