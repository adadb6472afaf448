"""What a case is played with: the stack, its workers, the account; and what is noted on the way to be judged."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faults.matrix.registering import Callback, Registration, register
from tokensync.connection import Connection, Exemption, Status
from tokensync.transitions import REASON_REFUSED

if TYPE_CHECKING:
    from faults.matrix.cases import Case
    from faults.matrix.watching import Reader
    from faults.polling import Mail
    from faults.proxy import FaultProxy
    from faults.workers import Worker, Workers
    from stack import Stack

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
    """What the record allowed when a worker was started: the exemption under which it may present a token again."""

    after: int  # the ledger's last number at that moment
    exemption: Exemption | None


@dataclass
class Played:
    """What is to be judged: how the connection stood after the recovery, after its last attempt, and a refresh later.

    `harmed` and `ended` are the ledger's last numbers when the harm was done, and when all was at rest again.
    """

    case: Case
    registration: Registration
    workers: list[Worker] = field(default_factory=list)
    allowed: list[Presented] = field(default_factory=list)
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
        """Start a worker, and note what the record allows it to present."""
        self.played.allowed.append(Presented(self.last(), self._exemption()))
        worker = self.world.workers.start(function, event, **more)
        self.played.workers.append(worker)
        return worker

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

    def _exemption(self) -> Exemption | None:
        record = self.record()
        if record is None:
            return None
        if record.status is Status.HELD and record.reason == REASON_REFUSED:
            return Exemption.OPERATOR
        return record.exemption

    def last(self) -> int:
        """Return the ledger's last number for this app."""
        return max((entry["seq"] for entry in self.registration.sandbox.entries()), default=0)
