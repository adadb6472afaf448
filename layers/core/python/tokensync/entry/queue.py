"""Works through one batch of the refresh queue: its messages side by side, so that no failure harms another."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.errors import BadRequest, StoreUnavailable, TokensyncError, UnknownConnection
from tokensync.domain.work import Work
from tokensync.refresh.breaker import note_outcomes
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.session import Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.authorize.finish import Finisher
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.refresh.worker import Worker

THREADS = 20


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch: the ids of the messages that must come again, and how often each result occurred."""

    again: tuple[str, ...]
    results: Mapping[str, int]


@dataclass(frozen=True)
class BatchRunner:
    """Works through batches."""

    ports: Ports
    worker: Worker
    finisher: Finisher
    threads: int = THREADS

    def run(self, messages: Mapping[str, str], budget: Budget) -> BatchResult:
        """Work through messages, given as body by id; return those that must come again. Never raises."""
        sessions = Sessions(self.ports)
        stop = threading.Event()
        results: Counter[str] = Counter()
        again: list[str] = []
        with ThreadPoolExecutor(max_workers=max(1, min(self.threads, len(messages)))) as pool:
            running = {
                message_id: pool.submit(self._one, body, sessions, budget, stop)
                for message_id, body in messages.items()
            }
            for message_id, future in running.items():
                result = future.result()
                results[result.result] += 1
                if result.again:
                    again.append(message_id)
        # What an app's outcomes say is judged over the whole batch.
        for session in sessions.all().values():
            note_outcomes(session, self.ports)
        return BatchResult(tuple(again), results)

    def _one(self, body: str, sessions: Sessions, budget: Budget, stop: threading.Event) -> WorkResult:
        if stop.is_set() or not budget.allows(self.ports.limits.presentation):
            return WorkResult(Result.NO_TIME, again=True)
        try:
            result = self._work(Work.from_json(body), sessions, budget)
        except (BadRequest, UnknownConnection) as error:
            # It would be no better next time: a removed connection, or a message that is not ours.
            self.ports.log.warning("work.dropped", error=str(error))
            return WorkResult(Result.NOTHING_DUE)
        except StoreUnavailable as error:
            self.ports.log.warning("work.failed", error=str(error))
            result = WorkResult(Result.POSTPONED, again=True, backpressure=True)
        except TokensyncError as error:
            self.ports.log.warning("work.failed", error=str(error), kind=type(error).__name__)
            return WorkResult(Result.POSTPONED, again=True)
        except Exception as error:  # noqa: BLE001 - one poison connection must not end the batch
            # Only the type and place are logged: an unforeseen error's text may hold anything.
            self.ports.log.failure("work.broken", error)
            return WorkResult(Result.POSTPONED, again=True)
        if result.backpressure:
            stop.set()
            sessions.close()
        return result

    def _work(self, work: Work, sessions: Sessions, budget: Budget) -> WorkResult:
        session = sessions.of(work.app)
        if work.authorization is not None:
            return self.finisher.take_up(work, session, budget)
        return self.worker.run(work, session, budget)
