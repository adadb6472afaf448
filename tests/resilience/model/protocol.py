"""The refresh protocol as a machine of few states: every interleaving of two workers and a seller who comes back.

At most one fault happens on each way. A state is a tuple, and a step gives the states that may follow; `search` goes
through all of them. Each step names the place in the code that it follows. `GUARDS` are what keeps the protocol right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

GUARDS = frozenset({
    "sent_mark",  # refresh.attempt.Attempts.send: SENT is written before the request leaves
    "fence",  # domain.ports.Connections.write: on condition of the fence
    "lease_margin",  # domain.runtime.Budget.lease_until: the lease outlives the function
    "raw_first",  # refresh.attempt.Attempts.receive: the bytes are durable before anything reads them
    "reread",  # domain.ports.Connections.take_over: a new grant clears the attempt, whose refusal then marks nothing
    "late_answer",  # refresh.attempt._unanswered: the answer to an earlier presentation of the token may still turn up
    "late_comparison",  # authorize.establish._compare_at: the secret is compared when the lease that stood has ended
})  # fmt: skip
CLASSES = ("single_use", "grace", "safe")  # oauth.provider.RefreshReuse
REFUSED, BUSY = -1, -2  # answers; any other is the refresh token that came


class Record(NamedTuple):
    """domain.connection.Connection, as far as the protocol reads it. Leases are fences, 0 for none.

    `attempts` are the fences of those presentations of the token whose answers may stand aside, the last one first.
    """

    fence: int = 1
    lease: int = 0
    phase: str = "idle"
    attempts: tuple[int, ...] = ()
    exemption: str = ""
    token: int = 1
    generation: int = 1
    allocated: int = 1
    answer: int = 0
    status: str = "active"
    published: tuple[int, str] = (1, "active")
    due: bool = True
    compare: int | None = None  # the fence after whose lease the secret is compared, 0 for now

    def ended(self, **changes: object) -> Record:
        """transitions.released: no lease, no answer."""
        return self._replace(**{"phase": "idle", "lease": 0, "answer": 0, **changes})  # type: ignore[arg-type]


class Worker(NamedTuple):
    """A process: where it stands, the record as it last saw it, what it is about to write, and what it has in hand."""

    at: str = "idle"
    before: Record = Record()
    after: Record = Record()
    answer: int = 0


class State(NamedTuple):
    """Everything that outlives a step. `alive` are the tokens that the provider takes, negative in their grace.

    `presented` are those that were presented without an exemption.
    """

    record: Record = Record()
    secret: tuple[int, str] = (1, "active")
    workers: tuple[Worker, ...] = (Worker(), Worker())
    aside: tuple[tuple[int, int], ...] = ()
    queued: bool = False
    alive: frozenset[int] = frozenset({1})
    presented: frozenset[int] = frozenset()
    issued: int = 1
    authorized: bool = False
    throttled: bool = False
    fault: str = ""
    wrong: str = ""


class Step(NamedTuple):
    """What happened, and the state after it."""

    told: str
    state: State


class Protocol:
    """The steps of one provider class under a set of guards."""

    def __init__(self, reuse: str, guards: frozenset[str] = GUARDS) -> None:
        self.reuse = reuse
        self.guards = guards

    def steps(self, state: State) -> Iterator[Step]:
        """Yield what may happen next; a fault only where none has happened yet."""
        for index, worker in enumerate(state.workers):
            for told, after, done in self._worker(state, worker):
                workers = [*after.workers[:index], done, *after.workers[index + 1 :]]
                yield Step(f"{'AB'[index]}: {told}", after._replace(workers=tuple(workers)))
        record = state.record
        lives = any(worker.at != "idle" and worker.before.fence == record.lease for worker in state.workers)
        if record.lease and (not lives or not state.fault or "lease_margin" not in self.guards):
            is_fault = lives and "lease_margin" in self.guards
            freed = state._replace(record=record._replace(lease=0), fault="paused" if is_fault else state.fault)
            yield Step("the lease runs out" + (" under its holder" if lives else ""), freed)
        idle = [index for index, worker in enumerate(state.workers) if worker.at == "idle"]
        if not state.authorized and idle:
            yield Step("the seller authorizes again", self._taken_over(state, idle[0]))

    def _worker(self, state: State, worker: Worker) -> Iterator[tuple[str, State, Worker]]:
        """Yield what a worker may do next, and its faults."""
        if worker.at != "idle" and not state.fault:
            yield f"is killed at {worker.at}", state._replace(fault=f"killed: {worker.at}"), Worker()
        if worker.at == "idle":
            yield from self._lease(state)
        elif worker.at == "leased":
            yield from self._leased(state, worker)
        elif worker.at == "sent":
            yield from self._present(state, worker)
        elif worker.at == "answered" and "raw_first" not in self.guards:
            yield "reads it first", state, worker._replace(at="read")
        elif worker.at in ("answered", "read", "found"):
            yield from self._receive(state, worker)
        elif worker.at == "received":
            yield self._conclude(state, worker)
        elif worker.at == "publish":
            yield from self._publish(state, worker)
        else:
            yield from self._commit(state, worker)

    def _lease(self, state: State) -> Iterator[tuple[str, State, Worker]]:
        """refresh.worker.Worker.run: LEASE, where anything is due."""
        record = state.record
        waits = record.compare and any(
            worker.at != "idle" and worker.before.fence == record.compare for worker in state.workers
        )
        if record.lease or not (record.due or state.queued or (record.compare is not None and not waits)):
            return
        taken = record._replace(fence=record.fence + 1, lease=record.fence + 1)
        after = state._replace(record=taken, queued=False)
        yield "LEASE", after, Worker("leased", taken)
        if not state.fault:
            again = {"fault": "LEASE", "queued": state.queued}
            yield "LEASE stands, its answer is lost", after._replace(**again), Worker()  # type: ignore[arg-type]

    def _leased(self, state: State, worker: Worker) -> Iterator[tuple[str, State, Worker]]:
        """refresh.resume.Resumer.unfinished and refresh.due.DueWork: an unfinished attempt first, then what is due."""
        record = worker.before
        kept = next((fence for fence in record.attempts if self._counts(state, record, fence)), 0)
        if record.phase == "received":
            yield "finds the answer", state, worker._replace(at="received", answer=record.answer)
        elif kept:
            placed = (record.fence, *(fence for fence in record.attempts if fence != kept))
            found = worker._replace(at="found", after=record._replace(attempts=placed), answer=dict(state.aside)[kept])
            yield "finds the answer aside", state, found
        elif record.phase == "sent" or (record.due and record.attempts and not record.exemption):
            yield self._ambiguous(state, worker)
        elif record.due and record.status in ("active", "held"):
            yield from self._send(state, worker)
        else:
            # refresh.due.DueWork._reconciled
            after = record.ended(compare=None, due=False, published=(record.generation, record.status))
            is_equal = state.secret == record.published == after.published
            yield "compares", state, worker._replace(at="commit" if is_equal else "publish", after=after)

    @staticmethod
    def _counts(state: State, record: Record, fence: int) -> bool:
        """refresh.resume.Resumer._kept: of an earlier presentation only new tokens count."""
        answer = dict(state.aside).get(fence, 0)
        return answer > 0 or (answer != 0 and fence == record.attempts[0])

    def _send(self, state: State, worker: Worker) -> Iterator[tuple[str, State, Worker]]:
        """refresh.attempt.Attempts.send: SENT, with the exemption on the attempt."""
        record = worker.before
        earlier = record.attempts[1:] if record.exemption in ("not_processed", "safe") else record.attempts
        earlier = earlier if "late_answer" in self.guards else ()
        marked = record._replace(phase="sent", attempts=(record.fence, *earlier))
        if "sent_mark" not in self.guards:
            yield "sends without a mark", state, worker._replace(at="sent", after=record)
            return
        for told, after, stands in self._written(state, record, marked, "SENT"):
            if stands:
                yield told, after, Worker("sent", marked, marked)
            elif after.record.fence != record.fence:
                yield told, after, Worker()
            else:
                # refresh.attempt.Attempts._marked: the mark may stand although nothing was presented.
                yield f"{told}, and is taken back", after._replace(record=record.ended()), Worker()

    def _present(self, state: State, worker: Worker) -> Iterator[tuple[str, State, Worker]]:
        """oauth.http.present, and what the provider does with a refresh token."""
        token = worker.before.token
        if token in state.presented and not worker.before.exemption:
            state = state._replace(wrong="I2: presented twice without an exemption")
        after = state if worker.before.exemption else state._replace(presented=state.presented | {token})
        answer = state.issued + 1
        if self.reuse == "safe" and token in state.alive:
            answer = token
        elif token in state.alive:
            kept = {-token} if self.reuse == "grace" else set()
            after = after._replace(alive=(state.alive - {token}) | {answer} | kept, issued=answer)
        elif -token in state.alive:
            after = after._replace(alive=(state.alive - {-token}) | {answer}, issued=answer)
        else:
            answer = REFUSED
        told = "is refused" if answer == REFUSED else "is answered"
        yield told, after, worker._replace(at="answered", answer=answer)
        if not state.throttled:
            throttled = state._replace(presented=after.presented, throttled=True)
            yield "is throttled", throttled, worker._replace(at="answered", answer=BUSY)
        if not state.fault:
            yield self._ambiguous(state._replace(fault="provider: request lost"), worker)
            yield self._ambiguous(after._replace(fault="provider: answer lost"), worker)

    def _receive(self, state: State, worker: Worker) -> Iterator[tuple[str, State, Worker]]:
        """refresh.attempt.Attempts.receive: RECEIVED; failing that, the answer is kept in another place."""
        record = worker.before
        attempts = worker.after.attempts
        received = record._replace(
            phase="received", answer=worker.answer, attempts=attempts, allocated=record.allocated + 1
        )
        for told, after, stands in self._written(state, record, received, "RECEIVED"):
            if stands:
                yield told, after, worker._replace(at="received", before=received)
            elif worker.at == "found":
                yield told, after, Worker()
            else:
                kept = after._replace(aside=(*after.aside, (record.fence, worker.answer)), queued=True)
                yield f"{told}, the answer is set aside", kept, Worker()

    def _conclude(self, state: State, worker: Worker) -> tuple[str, State, Worker]:
        """refresh.conclude.Concluder.conclude and transitions.renewed, or decisions.reauthorization_needed."""
        record = worker.before
        if worker.answer == BUSY:
            after = record.ended(exemption="not_processed", due=True)
        elif worker.answer == REFUSED:
            after = record.ended(status="reauthorize", exemption="", due=False)
        else:
            new = {"token": worker.answer, "generation": record.allocated, "status": "active", "attempts": ()}
            after = record.ended(**new, exemption="", due=False)
        after = after._replace(published=(after.generation, after.status))
        is_told = after.published != record.published
        return "reads it", state, worker._replace(at="publish" if is_told else "commit", after=after)

    def _ambiguous(self, state: State, worker: Worker) -> tuple[str, State, Worker]:
        """transitions._ambiguous: sent, and no answer."""
        record = worker.before
        status, exemption, due = "held", "last_attempt", True
        if self.reuse == "safe":
            status, exemption = record.status, "safe"
        elif self.reuse == "grace" and not record.exemption:
            status, exemption = record.status, "grace"
        elif record.exemption == "last_attempt":
            exemption, due = "", False
        after = record.ended(status=status, exemption=exemption, due=due, published=(record.generation, status))
        is_told = after.published != record.published
        done = worker._replace(at="publish" if is_told else "commit", after=after, answer=0)
        return "has no answer", state, done

    def _publish(self, state: State, worker: Worker) -> Iterator[tuple[str, State, Worker]]:
        """refresh.publish.Publisher.publish: level-triggered, and without a condition."""
        told = worker._replace(at="commit")
        written = state._replace(secret=worker.after.published)
        yield "PUBLISH", written, told
        if not state.fault:
            compare = worker.after.compare or 0
            later = told._replace(after=worker.after._replace(compare=compare, published=worker.before.published))
            yield "PUBLISH is refused", state._replace(fault="PUBLISH"), later
            yield "PUBLISH stands, its answer is lost", written._replace(fault="PUBLISH"), later

    def _commit(self, state: State, worker: Worker) -> Iterator[tuple[str, State, Worker]]:
        """committing.Committer.publish: COMMIT; who lost the fence queues a comparison."""
        for told, after, _ in self._written(state, worker.before, worker.after, "COMMIT"):
            yield told, after._replace(queued=after.queued or told != "COMMIT"), Worker()

    def _written(self, state: State, before: Record, after: Record, step: str) -> Iterator[tuple[str, State, bool]]:
        """ports.Connections.write: what differs, on condition of the fence; refused, or its answer lost."""
        if "fence" in self.guards and state.record.fence != before.fence:
            yield f"{step} finds the fence lost", state, False
            return
        pairs = zip(Record._fields, before, after, strict=True)
        changed = {name: new for name, old, new in pairs if old != new}
        written = state._replace(record=state.record._replace(**changed))  # type: ignore[arg-type]
        yield step, written, True
        if not state.fault:
            yield f"{step} is refused", state._replace(fault=step), False
            yield f"{step} stands, its answer is lost", written._replace(fault=step), False

    def _taken_over(self, state: State, index: int) -> State:
        """establishing.Establisher.establish and ports.Connections.take_over: a new grant, whoever holds the lease."""
        old, token = state.record, state.issued + 1
        number = old.allocated + 1
        new = Record(
            fence=old.fence + 1,
            lease=old.fence + 1,
            attempts=() if "reread" in self.guards else old.attempts,
            token=token,
            generation=number,
            allocated=number,
            published=old.published,
            due=False,
            compare=old.lease if "late_comparison" in self.guards else 0,
        )
        after = new.ended(published=(number, "active"), compare=new.compare if old.lease else None)
        workers = list(state.workers)
        workers[index] = Worker("publish", new, after)
        # The provider takes nothing of the old authorization any more.
        alive = frozenset({token})
        return state._replace(record=new, workers=tuple(workers), alive=alive, issued=token, authorized=True)
