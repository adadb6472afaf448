"""What a case is played with: the stack, its workers, the account; and what is noted on the way to be judged."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faults.matrix.registering import Callback, Registration, register
from tokensync.aws.items import partition
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from faults.matrix.cases import Case
    from faults.matrix.watching import Reader
    from faults.polling import Mail
    from faults.proxy import FaultProxy
    from faults.workers import Worker, Workers
    from stack import Stack
    from tokensync.domain.connection import Attempt, Connection

ASKEW = 600  # seconds by which a clock is off


@dataclass
class World:
    """What all cases share."""

    stack: Stack
    workers: Workers
    mail: Mail
    proxy: FaultProxy
    reader: Reader
    account: str


@dataclass
class Presented:
    """What stood on the record when a worker had written SENT, before its request left: it waits there to be seen."""

    worker: Worker
    attempt: Attempt | None = None
    seen: threading.Event = field(default_factory=threading.Event)


@dataclass
class Played:
    """What is to be judged: how the connection stood after the recovery, after its last attempt, and a refresh later.

    `harmed` and `ended` are the ledger's last numbers when the harm was done, and when all was at rest again.
    """

    case: Case
    registration: Registration
    presented: list[Presented] = field(default_factory=list)  # one for each worker, in the order of their starts
    harmed_worker: str = ""  # whom the mishap meets
    missed: list[str] = field(default_factory=list)  # what was to happen, and did not
    kept: list[Work] = field(default_factory=list)  # sealed answers that stood beside the record or in the queue
    harmed: int = 0
    ended: int = 0
    recovered: Connection | None = None
    final: Connection | None = None
    document: dict[str, Any] | None = None  # what the secret held then
    proved: Connection | None = None
    callback: Callback | None = None
    seen_by_reader: list[str] = field(default_factory=list)


class Scene:
    """One case under way: an app of its own, and the workers that were started for it."""

    def __init__(self, world: World, case: Case, app: str) -> None:
        self.world = world
        self.case = case
        self.app = app
        self.registration = register(world.stack, app, case.reuse, world.account)
        self.played = Played(case, self.registration)
        world.mail.box(app)

    def start(self, function: str, event: dict[str, Any], **more: Any) -> Worker:
        """Start a worker; one that writes SENT waits there until its attempt was read from the table."""
        failpoints = more.pop("failpoints", {})
        worker = self.world.workers.start(function, event, failpoints={"sent": "wait", **failpoints}, **more)
        presented = Presented(worker)
        self.played.presented.append(presented)
        threading.Thread(target=self._see, args=(presented,), kwargs={"go_on": "sent" not in failpoints}).start()
        return worker

    def await_seen(self, worker: Worker) -> None:
        """Wait until the attempt of a worker that came by SENT was read."""
        for presented in self.played.presented:
            if presented.worker is worker:
                presented.seen.wait()

    def _see(self, presented: Presented, *, go_on: bool) -> None:
        try:
            if presented.worker.reach("sent"):
                record = self.record()
                presented.attempt = None if record is None else record.attempt
        finally:
            presented.seen.set()
            if go_on:
                presented.worker.place("sent", "")

    def kept(self) -> list[Work]:
        """Return the sealed answers that stand beside the record, and those that the queue held."""
        name = self.registration.connection
        items = self.world.stack.table.in_order(partition(self.app), "aside#")
        beside = [Work(connection=name, answer=item["sealed"]) for item in items]
        return [*beside, *self.world.mail.answers(self.app)]

    def make_due(self) -> None:
        """Let the token's refresh be due."""
        name = self.registration.connection
        # Due for the slowest clock as well.
        due = int(time.time()) - ASKEW - 1
        assert self.world.stack.connections.request_refresh(name, generation=1, now=due)

    def record(self) -> Connection | None:
        """Return the connection as it stands."""
        return self.world.stack.connections.get(self.registration.connection)

    def document(self) -> dict[str, Any] | None:
        """Return what the secret holds, None where there is none."""
        with suppress(self.world.stack.secrets.exceptions.ResourceNotFoundException):
            return self.world.stack.document(self.registration.connection)
        return None

    def last(self) -> int:
        """Return the ledger's last number for this app."""
        return max((entry["seq"] for entry in self.registration.sandbox.entries()), default=0)
