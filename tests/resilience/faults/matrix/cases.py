"""The cases of the crash matrix: where a worker is when something happens to it, what happens, and who is beside it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING

from faults.script import Effect, Fault
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from collections.abc import Iterator


class Subject(StrEnum):
    """What is presented to the provider."""

    REFRESH = "refresh"
    CODE = "code"  # of an account that was never connected
    CODE_AGAIN = "code again"  # of one that is: a re-authorization


class Mishap(StrEnum):
    """What happens to a worker at a place."""

    EXCEPTION = "exception"
    KILL = "kill"
    LOST = "answer lost"  # of the step that leads to this place: it was done, and no answer of it ever comes
    HANG = "hang"  # until the deadline, at which Lambda kills it
    SLOW = "slow"  # nothing but that it takes its time, and its company comes and goes meanwhile
    STOP = "stop"  # frozen past its lease; another looks after everything; then it goes on
    CLOCK = "clock"  # its clock is ten minutes slow, and another's is ten minutes fast
    DOWN = "aws down"  # from this place on no service of AWS answers this worker
    NO_TABLE = "table down"  # from this place on the table does not answer this worker


class Company(StrEnum):
    """Who works on the same connection meanwhile."""

    ALONE = "alone"
    WORKER = "second worker"
    REAUTHORIZATION = "re-authorization"
    REFRESH = "refresh"


_ENDS = (Mishap.KILL, Mishap.EXCEPTION, Mishap.HANG)
_COPYLESS = (*_ENDS, Mishap.DOWN, Mishap.LOST)
REFRESH_PLACES = ("leased", "sent", "answered", "received", "published", "committed")
CODE_PLACES = (
    *("exchange.sent", "answered", "exchange.received", "exchange.held", "exchange.taken_over", "published"),
    *("committed", "exchange.used_up"),
)
ENOUGH = 3  # tries of the AWS client


@dataclass(frozen=True)
class Step:
    """One call of the protocol to AWS, as the proxy recognises it. `skip` passes those before it."""

    service: str
    action: str
    body: str = ""
    skip: int = 0

    def fault(self, effect: Effect, worker: str, *, times: int) -> Fault:
        """Return what lets this call go wrong for one worker."""
        return Fault(
            self.service, self.action, effect, times=times, skip=self.skip, body=self.body, worker=worker, delay=60
        )


# What a write holds tells which one it is: the values that it sets.
REFRESH_STEPS = {
    "lease": Step("dynamodb", "UpdateItem", "lease_mark"),
    "app": Step("secretsmanager", "GetSecretValue"),
    "grant": Step("kms", "Decrypt"),
    "key": Step("kms", "GenerateDataKey"),
    "sent": Step("dynamodb", "UpdateItem", '"sent"'),
    "received": Step("dynamodb", "UpdateItem", '"received"'),
    "publish": Step("secretsmanager", "PutSecretValue"),
    "commit": Step("dynamodb", "UpdateItem", "sealed_grant"),
    "count": Step("dynamodb", "UpdateItem", "window_started"),
}
CODE_STEPS = {
    "consume": Step("dynamodb", "TransactWriteItems"),
    "received": Step("dynamodb", "UpdateItem", "received_at"),
    "hold": Step("dynamodb", "UpdateItem", '"connecting"'),
    "take over": Step("dynamodb", "UpdateItem", "sealed_grant"),
    "publish": Step("secretsmanager", "CreateSecret"),
    "commit": Step("dynamodb", "UpdateItem", '"#published"'),
    "use up": Step("dynamodb", "UpdateItem", '"used"'),
    "end": Step("dynamodb", "UpdateItem", '"connected"'),
}
# The step that leads to each place.
LEADS_TO = {
    "leased": "lease",
    "sent": "sent",
    "received": "received",
    "published": "publish",
    "committed": "commit",
    "exchange.sent": "consume",
    "exchange.received": "received",
    "exchange.held": "hold",
    "exchange.taken_over": "take over",
    "exchange.used_up": "use up",
}
EFFECTS = tuple(Effect(name) for name in ("before", "after_error", "after_reset", "throttle", "hang", "hang_after"))


@dataclass(frozen=True)
class Case:
    """One line of the matrix. `place` is a failpoint; for an `effect` of the fault proxy it is a step."""

    subject: Subject
    place: str
    mishap: Mishap | Effect
    reuse: RefreshReuse = RefreshReuse.SINGLE_USE
    company: Company = Company.ALONE

    def __str__(self) -> str:
        parts = (self.subject, self.place, self.mishap, self.reuse, self.company)
        return "-".join(str(part).replace(" ", "_") for part in parts)

    @property
    def step(self) -> Step | None:
        """Return the call to AWS that goes wrong, None where none does."""
        steps = REFRESH_STEPS if self.subject is Subject.REFRESH else CODE_STEPS
        if isinstance(self.mishap, Effect):
            return steps[self.place]
        if self.mishap is not Mishap.LOST or self.place not in LEADS_TO:
            return None
        if self.subject is Subject.CODE_AGAIN and self.place == "published":
            return REFRESH_STEPS["publish"]
        return steps[LEADS_TO[self.place]]

    @property
    def place_before(self) -> str | None:
        """Return the last place that a worker comes by before this one, None where it is the first or no place."""
        places = REFRESH_PLACES if self.subject is Subject.REFRESH else CODE_PLACES
        index = places.index(self.place) if self.place in places else 0
        return places[index - 1] if index else None

    @property
    def spends(self) -> bool:
        """Return whether an answer may be lost with the worker: none came, or it ended with the only copy in hand.

        With nothing of AWS left there is no store at all. One that lives on, however late, loses nothing.
        """
        return self.place == "answered" and self.mishap in _COPYLESS

    @property
    def is_ambiguous(self) -> bool:
        """Return whether the next holder finds that a token was, or may have been, presented, and no answer to it."""
        if self.mishap in (Mishap.STOP, Mishap.CLOCK):
            return self.place in ("sent", "answered")
        return self.spends or (self.place == "sent" and self.mishap in _ENDS)

    @property
    def overtakes(self) -> bool:
        """Return whether another may overtake a worker that goes on: its late publication shows for a moment."""
        return self.mishap in (Mishap.STOP, Mishap.CLOCK) or self.company is not Company.ALONE


def whole() -> list[Case]:
    """Return every case."""
    return [*_refreshes(), *_codes(), *_once(), *_aws()]


def _refreshes() -> Iterator[Case]:
    mishaps = (Mishap.EXCEPTION, Mishap.KILL, Mishap.LOST)
    company = (Company.ALONE, Company.WORKER, Company.REAUTHORIZATION)
    for reuse, place, mishap, beside in product(RefreshReuse, REFRESH_PLACES, mishaps, company):
        yield Case(Subject.REFRESH, place, mishap, reuse, beside)
    for reuse, place, beside in product(RefreshReuse, REFRESH_PLACES, company[1:]):
        yield Case(Subject.REFRESH, place, Mishap.SLOW, reuse, beside)


def _codes() -> Iterator[Case]:
    mishaps = (Mishap.EXCEPTION, Mishap.KILL, Mishap.LOST)
    for place, mishap in product(CODE_PLACES, mishaps):
        for beside in (Company.ALONE, Company.WORKER):
            yield Case(Subject.CODE, place, mishap, company=beside)
        for beside in (Company.ALONE, Company.WORKER, Company.REFRESH):
            yield Case(Subject.CODE_AGAIN, place, mishap, company=beside)
    for place in CODE_PLACES:
        yield Case(Subject.CODE, place, Mishap.SLOW, company=Company.WORKER)
        yield Case(Subject.CODE_AGAIN, place, Mishap.SLOW, company=Company.WORKER)
        yield Case(Subject.CODE_AGAIN, place, Mishap.SLOW, company=Company.REFRESH)


def _once() -> Iterator[Case]:
    """What is done once for each failpoint, or for each class: it takes long, or differs little."""
    for place in REFRESH_PLACES:
        yield Case(Subject.REFRESH, place, Mishap.HANG)
        for reuse in RefreshReuse:
            yield Case(Subject.REFRESH, place, Mishap.STOP, reuse)
            yield Case(Subject.REFRESH, place, Mishap.CLOCK, reuse)
        yield Case(Subject.REFRESH, place, Mishap.STOP, company=Company.REAUTHORIZATION)
    for place in CODE_PLACES:
        yield Case(Subject.CODE, place, Mishap.HANG)
        yield Case(Subject.CODE_AGAIN, place, Mishap.STOP)
        yield Case(Subject.CODE_AGAIN, place, Mishap.STOP, company=Company.REFRESH)
    for reuse in RefreshReuse:
        yield Case(Subject.REFRESH, "answered", Mishap.NO_TABLE, reuse)
        yield Case(Subject.REFRESH, "answered", Mishap.DOWN, reuse)
        yield Case(Subject.REFRESH, "received", Mishap.DOWN, reuse)
    yield Case(Subject.CODE, "answered", Mishap.NO_TABLE)
    yield Case(Subject.CODE, "exchange.received", Mishap.DOWN)


def _aws() -> Iterator[Case]:
    for step, effect in product(REFRESH_STEPS, EFFECTS):
        yield Case(Subject.REFRESH, step, effect)
    for step, effect, reuse in product(("received", "publish", "commit"), EFFECTS[:2], RefreshReuse):
        if reuse is not RefreshReuse.SINGLE_USE:
            yield Case(Subject.REFRESH, step, effect, reuse)
    for step, effect in product(CODE_STEPS, EFFECTS):
        yield Case(Subject.CODE, step, effect)


def representative() -> list[Case]:
    """Return a part of the matrix that has each place, mishap, class and company, and takes a minute and a half."""
    single, grace, safe = RefreshReuse
    kill, lost, raised = Mishap.KILL, Mishap.LOST, Mishap.EXCEPTION
    alone, worker, again = Company.ALONE, Company.WORKER, Company.REAUTHORIZATION
    return [
        Case(Subject.REFRESH, "sent", Mishap.SLOW, single, worker),
        Case(Subject.REFRESH, "answered", Mishap.SLOW, grace, worker),
        Case(Subject.REFRESH, "answered", Mishap.SLOW, single, again),
        Case(Subject.REFRESH, "received", Mishap.SLOW, single, again),
        Case(Subject.REFRESH, "published", Mishap.SLOW, grace, again),
        Case(Subject.CODE_AGAIN, "exchange.taken_over", Mishap.SLOW, single, Company.REFRESH),
        Case(Subject.REFRESH, "leased", kill, single, worker),
        Case(Subject.REFRESH, "sent", kill, single, alone),
        Case(Subject.REFRESH, "answered", kill, single, alone),
        Case(Subject.REFRESH, "answered", kill, grace, worker),
        Case(Subject.REFRESH, "answered", lost, safe, alone),
        Case(Subject.REFRESH, "answered", raised, single, again),
        Case(Subject.REFRESH, "received", kill, single, worker),
        Case(Subject.REFRESH, "received", lost, grace, alone),
        Case(Subject.REFRESH, "received", raised, single, again),
        Case(Subject.REFRESH, "published", kill, single, again),
        Case(Subject.REFRESH, "published", lost, single, alone),
        Case(Subject.REFRESH, "committed", kill, safe, alone),
        Case(Subject.REFRESH, "committed", lost, single, worker),
        Case(Subject.REFRESH, "answered", Mishap.STOP, single),
        Case(Subject.REFRESH, "received", Mishap.STOP, grace),
        Case(Subject.REFRESH, "sent", Mishap.CLOCK, single),
        Case(Subject.REFRESH, "received", Mishap.CLOCK, single),
        Case(Subject.REFRESH, "answered", Mishap.HANG, single),
        Case(Subject.REFRESH, "answered", Mishap.NO_TABLE, single),
        Case(Subject.REFRESH, "received", Effect.BEFORE, single),
        Case(Subject.REFRESH, "publish", Effect.THROTTLE, single),
        Case(Subject.REFRESH, "sent", Effect.AFTER_ERROR, single),
        Case(Subject.CODE, "exchange.sent", kill),
        Case(Subject.CODE, "exchange.received", kill, company=worker),
        Case(Subject.CODE, "exchange.received", lost),
        Case(Subject.CODE, "exchange.held", kill, company=worker),
        Case(Subject.CODE, "exchange.used_up", lost),
        Case(Subject.CODE_AGAIN, "exchange.taken_over", kill, company=Company.REFRESH),
        Case(Subject.CODE_AGAIN, "published", raised),
    ]
