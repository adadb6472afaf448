"""Plays one case: lets a worker come to harm at its place, then lets the stack recover as it would by itself."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

from faults.matrix.cases import ENOUGH, Case, Company, Mishap, Subject
from faults.matrix.recovering import Recovery
from faults.matrix.scene import ASKEW, Played, Scene, World
from faults.polling import batch, scheduled
from faults.script import Effect, Fault
from faults.workers import LIFE, Worker
from stack import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

_STARTS = 3
_SHORT_LIFE = 20.0  # not far above what the gate asks for


class Play:
    """One case under way."""

    def __init__(self, world: World, case: Case, app: str) -> None:
        self._case = case
        self._scene = Scene(world, case, app)
        self._recovery = Recovery(self._scene)
        self._registration = self._scene.registration

    def run(self) -> Played:
        """Play it, and return what is to be judged."""
        world, registration = self._scene.world, self._registration
        played, recovery = self._scene.played, self._recovery
        if self._case.subject is not Subject.CODE:
            registration.connect()
        world.reader.watch(registration.connection)
        try:
            if self._case.subject is Subject.REFRESH:
                self._refresh()
            else:
                self._code()
            played.harmed = self._scene.last()
            recovery.settle()
            played.recovered = self._scene.record()
            recovery.last_attempt()
            played.final = self._scene.record()
            played.ended = self._scene.last()
            played.document = self._scene.document()
            recovery.prove()
            played.proved = self._scene.record()
            played.kept = self._scene.kept()
        finally:
            played.seen_by_reader = world.reader.leave(registration.connection)
        return played

    def _refresh(self) -> None:
        """A refresh that is due meets with the case's mishap."""
        self._scene.make_due()
        letter = scheduled(connection=str(self._registration.connection))
        self._harm("rotation", batch([letter]), lambda: self._scene.start("rotation", batch([letter])))

    def _code(self) -> None:
        """A callback meets with the case's mishap."""
        again = self._case.subject is Subject.CODE_AGAIN
        callback = self._scene.played.callback = self._registration.consented(again=again)
        if self._case.company is Company.REFRESH:
            self._scene.make_due()
            letter = scheduled(connection=str(self._registration.connection))
            self._harm("callback", callback.event, lambda: self._scene.start("rotation", batch([letter])))
        else:
            self._harm("callback", callback.event, lambda: self._scene.start("callback", callback.event))

    def _harm(self, function: str, event: dict[str, Any], second: Callable[[], Worker]) -> None:
        case = self._case
        if isinstance(case.mishap, Effect) or case.mishap is Mishap.LOST:
            self._lose_an_answer(function, event, second)
            return
        endpoint = None
        if case.mishap in (Mishap.DOWN, Mishap.NO_TABLE):
            endpoint = self._scene.world.proxy.open(self._scene.app)
        life = _SHORT_LIFE if case.mishap in (Mishap.HANG, Mishap.DOWN, Mishap.NO_TABLE) else LIFE
        clock = -ASKEW if case.mishap is Mishap.CLOCK else 0
        first = self._started(
            function, event, case.place, failpoints={case.place: "wait"}, life=life, endpoint=endpoint, clock=clock
        )
        self._company(second)
        down = None
        match case.mishap:
            case Mishap.EXCEPTION:
                first.place(case.place, "raise 1")
            case Mishap.KILL:
                first.signal(signal.SIGKILL)
            case Mishap.SLOW:
                first.place(case.place, "")
            case Mishap.DOWN | Mishap.NO_TABLE:
                service = "*" if case.mishap is Mishap.DOWN else "dynamodb"
                down = self._scene.world.proxy.add(Fault(service, effect=Effect.DOWN, worker=self._scene.app))
                first.place(case.place, "")
            case Mishap.STOP:
                self._overtake(first)
            case Mishap.CLOCK:
                self._recovery.deliver(scheduled(connection=str(self._registration.connection)), clock=ASKEW)
                other = self._scene.played.presented[-1].worker
                self._is_true(other.reached("leased") or case.place == "committed", "another took the lease over")
                first.place(case.place, "")
        answer = first.finish()
        if down is not None:
            self._is_true(self._scene.world.proxy.script.meetings(down) > 0, "a request met the outage")
        self._is_true(_befell(case, first, answer), f"the mishap: {first.status}, {first.places()}, {answer}")

    def _is_true(self, happened: object, what: str) -> None:
        """Note what did not happen: a case whose mishap never came proves nothing."""
        if not happened:
            self._scene.played.missed.append(what)

    def _overtake(self, first: Worker) -> None:
        """Freeze a worker until another has looked after everything, then let it go on."""
        first.signal(signal.SIGSTOP)
        first.place(self._case.place, "")
        started = len(self._scene.played.presented)
        self._recovery.settle()
        if len(self._scene.played.presented) == started:  # nothing is due any more: a message comes late
            self._recovery.deliver(scheduled(connection=str(self._registration.connection)))
        first.signal(signal.SIGCONT)

    def _lose_an_answer(self, function: str, event: dict[str, Any], second: Callable[[], Worker]) -> None:
        """Let one step go wrong for the first worker; its company comes right before that step.

        Before the first step of all there is no place to wait at: there the answer hangs, and the company comes then.
        """
        case, proxy = self._case, self._scene.world.proxy
        endpoint, lost = None, None
        step = case.step
        before = case.place_before if case.company is not Company.ALONE else None
        at_once = step is not None and case.company is not Company.ALONE and before is None
        if step is None:
            self._registration.fault("refresh" if case.subject is Subject.REFRESH else "token", "drop_after_commit")
        else:
            effect = Effect.HANG_AFTER if at_once else Effect.AFTER_RESET
            if isinstance(case.mishap, Effect):
                effect = case.mishap
            endpoint = proxy.open(self._scene.app)
            # A reset answer comes alone too: the client's own repetition then meets what it wrote itself.
            times = 1 if at_once or case.mishap is Effect.AFTER_RESET else ENOUGH
            lost = proxy.add(step.fault(effect, self._scene.app, times=times))
        failpoints = {before: "wait"} if before else {}
        first = self._started(function, event, before, failpoints=failpoints, endpoint=endpoint)
        if at_once:
            eventually(lambda: proxy.seen(worker=self._scene.app, outcome=str(Effect.HANG_AFTER)), seconds=LIFE)
        self._company(second)
        if before:
            first.place(before, "")
        first.finish()
        if lost is None:
            outcomes = [entry["outcome"] for entry in self._registration.sandbox.entries()]
            self._is_true("fault:drop_after_commit" in outcomes, f"the provider dropped its answer: {outcomes}")
        else:
            self._is_true(proxy.script.meetings(lost) > 0, f"a request met the fault: {first.places()}")

    def _started(self, function: str, event: dict[str, Any], place: str | None, **more: Any) -> Worker:
        """Start the first worker, and wait until it comes by a place, if one is named.

        On a machine that is busy a client's timeouts can end a worker before it begins: that is no mishap of the case.
        """
        for _ in range(_STARTS):
            first = self._scene.start(function, event, **more)
            if place is None or first.reach(place):
                if first.reached("sent"):
                    self._scene.await_seen(first)
                self._scene.played.harmed_worker = first.id
                return first
            first.finish()
            if first.places():
                break
            time.sleep(1)
        raise AssertionError(f"{self._case}: no worker came by {place}: {first.places()} {first.log()[-500:]}")

    def _company(self, second: Callable[[], Worker]) -> None:
        """Let the case's company do its work while the first worker stands."""
        match self._case.company:
            case Company.WORKER | Company.REFRESH:
                self._is_true(second().finish() is not None, "the second worker answered")
            case Company.REAUTHORIZATION:
                self._registration.connect(again=True)


def _befell(case: Case, first: Worker, answer: dict[str, Any] | None) -> bool:
    """Return whether the first worker ended as its mishap has it."""
    match case.mishap:
        case Mishap.KILL | Mishap.HANG:
            return first.status == -signal.SIGKILL and answer is None and first.places()[-1] == case.place
        case Mishap.EXCEPTION:
            return first.used(case.place)
        case Mishap.DOWN:
            return True
    return answer is not None
