"""The tick: it finds what is due, claims it and queues it. It costs O(due) and never waits for a provider."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from tokensync.domain.errors import BadRequest, InvalidName
from tokensync.refresh.schedule import CLAIM_SHORTEST

if TYPE_CHECKING:
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.domain.work import DueKey, Work

_AT_ONCE = 10  # what the queue takes in one call: no more is ever claimed without being queued


@dataclass(frozen=True)
class TickResult:
    """How much a tick found and queued."""

    due: int
    queued: int


@dataclass(frozen=True)
class Ticker:
    """Queues what is due. `claim` is the claim period in seconds."""

    ports: Ports
    claim: int

    def tick(self, budget: Budget) -> TickResult:
        """Claim and queue everything due, until the budget ends.

        A claim moves `next_at` on: a slow queue is not filled twice, a lost message heals itself. A record whose token
        ends soon says itself for how long it can wait, unless the claim period of this stack is shorter anyway.

        Raises:
            StoreUnavailable: the index could not be read; the next tick finds the same.
        """
        now = self.ports.clock.now()
        due = queued = 0
        ends = False
        found = self.ports.connections.due(now=now)
        while not ends and (keys := tuple(islice(found, _AT_ONCE))):
            works: list[Work] = []
            try:
                for key in keys:
                    due += 1
                    work = self._claimed(key, now)
                    if work is not None:
                        works.append(work)
                    # A slow table makes each claim one of seconds.
                    ends = not budget.allows(self.ports.limits.claims)
                    if ends:
                        break
            finally:
                # What was claimed before a claim failed is queued too: it comes again only after a claim period.
                refused = self.ports.queue.send(works) if works else []
                queued += len(works) - len(refused)
        if due:
            self.ports.log.info("work.queued", due=due, queued=queued)
        return TickResult(due, queued)

    def _claimed(self, key: DueKey, now: int) -> Work | None:
        try:
            work = key.work()
        except (BadRequest, InvalidName) as error:
            self.ports.log.warning("work.unknown", error=str(error))
            return None
        own = self.claim > CLAIM_SHORTEST
        return work if self.ports.connections.claim(key, now=now, seconds=self.claim, own=own) else None
