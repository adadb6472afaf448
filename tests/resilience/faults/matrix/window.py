"""The window in which a crash can lose an answer: from the provider's answer in hand to the first durable byte."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faults.matrix.registering import PROVIDER, register
from faults.polling import batch, scheduled
from tokensync.domain.names import ConnectionName
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from faults.matrix.scene import World
    from faults.workers import Worker

ACCOUNTS = 20
TOGETHER = 10


@dataclass(frozen=True)
class Window:
    """Measured seconds. `answered`: from the whole answer to its durable record; `sent`: from the mark SENT on."""

    refreshes: int
    answered: tuple[float, ...]
    sent: tuple[float, ...]


def measured(world: World, app: str, *, times: int) -> tuple[Window, Window]:
    """Refresh each of some accounts so many times, alone and in batches of ten; return both windows."""
    first = register(world.stack, app, RefreshReuse.SINGLE_USE, world.account)
    told = first.sandbox.call("POST", "accounts", provider=PROVIDER, count=ACCOUNTS)["accounts"]
    names = []
    for account in told:
        first.account = str(account["account"])
        first.connect()
        names.append(ConnectionName(app, first.account))
    alone = [_refreshed(world, [name]) for _ in range(times) for name in names]
    groups = [names[start : start + TOGETHER] for start in range(0, ACCOUNTS, TOGETHER)]
    together = [_refreshed(world, group) for _ in range(times) for group in groups]
    return _window(alone), _window(together)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _refreshed(world: World, names: Sequence[ConnectionName]) -> Worker:
    for name in names:
        record = world.stack.stored(name)
        assert world.stack.connections.request_refresh(name, generation=record.generation, now=int(time.time()))
    worker = world.workers.start("rotation", batch([scheduled(connection=str(name)) for name in names]))
    assert worker.finish() == {"batchItemFailures": []}
    return worker


def _window(workers: Iterable[Worker]) -> Window:
    answered, sent = [], []
    for worker in workers:
        began: dict[tuple[str, str], float] = {}  # by place and thread: each thread has one connection at a time
        for place, thread, at in worker.times():
            began[place, thread] = at
            if place == "received":
                answered.append(at - began["answered", thread])
                sent.append(at - began["sent", thread])
    return Window(len(answered), tuple(answered), tuple(sent))
