from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes import FakeClock, ScriptedFailpoints
from tokensync.domain.errors import NoAnswer, NotSent
from tokensync.domain.messages import Failure, FailureClass, ProviderResponse, Request
from tokensync.oauth.http import present

if TYPE_CHECKING:
    from tokensync.domain.errors import WireError

REQUEST = Request(method="GET", url="https://provider.example/token")
RESPONSE = ProviderResponse(status=200, received_at=9)


class ScriptedWire:
    """Answers in turn with what the script says; each attempt takes some time."""

    def __init__(self, clock: FakeClock, *script: ProviderResponse | WireError, takes: float = 0.0) -> None:
        self.clock = clock
        self.script = list(script)
        self.takes = takes
        self.given: list[float] = []

    def send(self, request: Request, *, seconds: float) -> ProviderResponse:
        """Take the next step of the script; its last one is repeated."""
        assert request is REQUEST
        self.given.append(seconds)
        self.clock.advance(self.takes)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        return step


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that the tests move."""
    return FakeClock()


@pytest.fixture
def failpoints() -> ScriptedFailpoints:
    """Return failpoints without a script."""
    return ScriptedFailpoints()


def test_an_answer_comes_back_as_it_is(clock: FakeClock, failpoints: ScriptedFailpoints) -> None:
    """One request, one response, the whole time for it, and the failpoint behind it."""
    wire = ScriptedWire(clock, RESPONSE)

    assert present(REQUEST, wire=wire, clock=clock, seconds=10, failpoints=failpoints) is RESPONSE
    assert wire.given == [10]
    assert failpoints.seen == ["answered"]


def test_no_answer_is_ambiguous_and_never_sent_again(clock: FakeClock, failpoints: ScriptedFailpoints) -> None:
    """Once bytes have left, the request is not repeated, whatever time is left."""
    wire = ScriptedWire(clock, NoAnswer("reset"), RESPONSE)

    failure = present(REQUEST, wire=wire, clock=clock, seconds=10, failpoints=failpoints)

    assert failure == Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message="reset")
    assert len(wire.given) == 1
    assert failpoints.seen == []


def test_what_did_not_leave_is_sent_again(clock: FakeClock, failpoints: ScriptedFailpoints) -> None:
    """Where no byte left it is tried again after a pause, with what remains of the total time."""
    wire = ScriptedWire(clock, NotSent("refused"), NotSent("refused"), RESPONSE, takes=1.0)

    assert present(REQUEST, wire=wire, clock=clock, seconds=10, failpoints=failpoints) is RESPONSE
    assert clock.slept == [0.2, 0.4]
    assert wire.given == pytest.approx([10, 8.8, 7.4])


@pytest.mark.parametrize(("seconds", "takes"), [(10, 0.0), (10, 3.0), (0.3, 0.0), (10, 30.0), (0, 0.0)])
def test_trying_ends_within_the_total_time(
    clock: FakeClock, failpoints: ScriptedFailpoints, seconds: float, takes: float
) -> None:
    """What never leaves is given up before the time is over, and the provider has seen nothing."""
    began = clock.monotonic()
    wire = ScriptedWire(clock, NotSent("refused"), takes=takes)

    failure = present(REQUEST, wire=wire, clock=clock, seconds=seconds, failpoints=failpoints)

    assert failure == Failure(kind=FailureClass.NOT_SENT, code="not_sent", message="refused")
    assert clock.monotonic() - began <= max(seconds, takes)
    assert all(given >= 0 for given in wire.given)


def test_no_answer_after_a_repetition_is_ambiguous(clock: FakeClock, failpoints: ScriptedFailpoints) -> None:
    """A repetition that does leave is as ambiguous as a first request."""
    wire = ScriptedWire(clock, NotSent("refused"), NoAnswer("timeout"))

    failure = present(REQUEST, wire=wire, clock=clock, seconds=10, failpoints=failpoints)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureClass.AMBIGUOUS
