"""The refresh queue as SQS keeps it: at least once, in no order, hidden while a worker has it, five times at most."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from faults.chance import SEND, Chance, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.soaking.timeline import Timeline
    from tokensync.domain.work import Work

VISIBILITY = 360
RECEIVES = 5
WORKERS = 5
BATCH = 10
_TWICE = 0.01  # of all messages are delivered a second time


@dataclass
class Message:
    """One message: its body, and how often it was received."""

    id: str
    body: str
    receives: int = 0
    deleted: bool = False


class Deliveries:
    """See `tokensync.domain.ports.WorkQueue`. `work` starts a worker; `stored` hears of every sealed answer."""

    def __init__(self, timeline: Timeline, chance: Chance) -> None:
        self.timeline = timeline
        self.chance = chance
        self.work: Callable[[list[Message]], None] = lambda _batch: None
        self.stored: Callable[[Work], None] = lambda _work: None
        self.running = 0
        self.dead: list[Message] = []
        self.sent = self.delivered = self.redelivered = 0
        self._waiting: list[tuple[float, int, Message]] = []
        self._numbers = count(1)
        self._asked_for: float | None = None

    def send(self, works: list[Work]) -> list[Work]:
        """Send and return those that were not accepted, or whose acceptance nobody learnt."""
        chance = self.chance
        fault = chance.step("queue.send", SEND)
        if fault is Fault.REFUSED:
            return list(works)
        refused = [work for work in works if chance.random.random() < 0.5] if fault is Fault.PARTLY else []
        for work in works:
            if work not in refused:
                self._put(work)
        if fault is Fault.KILLED_AFTER:
            chance.kill_after()
        return list(works) if fault is Fault.LOST else refused

    def delete(self, batch: list[Message], again: tuple[str, ...]) -> None:
        """Take out of the queue what a worker is done with."""
        for message in batch:
            message.deleted = message.deleted or message.id not in again

    def redrive(self) -> int:
        """Put every dead letter back, as an operator does; tell how many there were."""
        dead, self.dead = self.dead, []
        for message in dead:
            message.receives = 0
            self._wait(message, self.timeline.time)
        return len(dead)

    def ended(self) -> None:
        """Count a worker out, and let the next one begin."""
        self.running -= 1
        self._ask()

    def _put(self, work: Work) -> None:
        if work.answer is not None:
            self.stored(work)
        random = self.chance.random
        for _ in range(2 if random.random() < _TWICE else 1):
            self.sent += 1
            message = Message(f"m{next(self._numbers)}", work.to_json())
            self._wait(message, self.timeline.time + random.uniform(0, 2))

    def _wait(self, message: Message, visible_at: float) -> None:
        heapq.heappush(self._waiting, (visible_at, next(self._numbers), message))
        self._ask()

    def _ask(self) -> None:
        """See to it that somebody looks for messages as soon as one is visible, and no oftener than needed."""
        if not self._waiting:
            return
        first = max(self._waiting[0][0], self.timeline.time)
        if self._asked_for is None or first < self._asked_for:
            self._asked_for = first
            self.timeline.at(first, self._poll)

    def _poll(self) -> None:
        if self._asked_for is None or self._asked_for > self.timeline.time:
            return  # somebody looked before
        self._asked_for = None
        visible: list[Message] = []
        now = self.timeline.time
        while self._waiting and self._waiting[0][0] <= now:
            message = heapq.heappop(self._waiting)[2]
            if not message.deleted:
                visible.append(message)
        self.chance.random.shuffle(visible)
        while visible and self.running < WORKERS:
            size = self.chance.random.randint(1, BATCH)
            self._deliver(visible[:size])
            del visible[:size]
        for message in visible:  # nobody is free: they stay visible, and whoever ends asks again
            heapq.heappush(self._waiting, (now, next(self._numbers), message))
        if self.running < WORKERS:
            self._ask()

    def _deliver(self, messages: list[Message]) -> None:
        batch = []
        for message in messages:
            message.receives += 1
            if message.receives > RECEIVES:
                self.dead.append(message)
                continue
            self.delivered += 1
            self.redelivered += message.receives > 1
            batch.append(message)
            heapq.heappush(self._waiting, (self.timeline.time + VISIBILITY, next(self._numbers), message))
        if batch:
            self.running += 1
            self.work(batch)
