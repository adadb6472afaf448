from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from fakes import FakeClock, ScriptedFailpoints
from tokensync.domain.errors import NoAnswer, NotSent
from tokensync.domain.messages import Failure, FailureClass, ProviderResponse, Request
from tokensync.domain.runtime import Limits
from tokensync.oauth.http import present

if TYPE_CHECKING:
    from tokensync.domain.errors import WireError
    from tokensync.domain.ports import Ports

REQUEST = Request(method="GET", url="https://provider.example/token")
RESPONSE = ProviderResponse(status=200, received_at=9)


class ScriptedWire:
    """Answers in turn with what the script says; each attempt takes some time."""

    def __init__(self, *script: ProviderResponse | WireError, takes: float = 0.0) -> None:
        self.clock = FakeClock()
        self.failpoints = ScriptedFailpoints()
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

    def presents(self, seconds: float = 10) -> ProviderResponse | Failure:
        """Return what came of the request within so many seconds."""
        limits = Limits(provider=seconds)
        ports = SimpleNamespace(wire=self, clock=self.clock, failpoints=self.failpoints, limits=limits)
        return present(REQUEST, cast("Ports", ports))


def test_an_answer_comes_back_as_it_is() -> None:
    """One request, one response, the whole time for it, and the failpoint behind it."""
    wire = ScriptedWire(RESPONSE)

    assert wire.presents() is RESPONSE
    assert (wire.given, wire.failpoints.seen) == ([10], ["answered"])


@pytest.mark.parametrize("before", [[], [NotSent("refused")]], ids=["at once", "after a repetition"])
def test_no_answer_is_ambiguous_and_never_sent_again(before: list[WireError]) -> None:
    """Once bytes have left, the request is not repeated, whatever time is left."""
    wire = ScriptedWire(*before, NoAnswer("reset"), RESPONSE)

    assert wire.presents() == Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message="reset")
    assert (len(wire.given), wire.failpoints.seen) == (len(before) + 1, [])


def test_what_did_not_leave_is_sent_again() -> None:
    """Where no byte left it is tried again after a pause, with what remains of the total time."""
    wire = ScriptedWire(NotSent("refused"), NotSent("refused"), RESPONSE, takes=1.0)

    assert wire.presents() is RESPONSE
    assert wire.clock.slept == [0.2, 0.4]
    assert wire.given == pytest.approx([10, 8.8, 7.4])


@pytest.mark.parametrize(("seconds", "takes"), [(10, 0.0), (10, 3.0), (0.3, 0.0), (10, 30.0), (0, 0.0)])
def test_trying_ends_within_the_total_time(seconds: float, takes: float) -> None:
    """What never leaves is given up before the time is over, and the provider has seen nothing."""
    wire = ScriptedWire(NotSent("refused"), takes=takes)
    began = wire.clock.monotonic()

    assert wire.presents(seconds) == Failure(kind=FailureClass.NOT_SENT, code="not_sent", message="refused")
    assert wire.clock.monotonic() - began <= max(seconds, takes)
    assert all(given >= 0 for given in wire.given)
