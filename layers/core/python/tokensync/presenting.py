"""Presents a code or a refresh token to a provider: one request, sent again only where no byte of it left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.answers import Answer, Failure, FailureClass
from tokensync.errors import NoAnswer, NotSent

if TYPE_CHECKING:
    from tokensync.request import Request
    from tokensync.seams import Clock, Failpoints
    from tokensync.wire import Wire

_FIRST_PAUSE = 0.2


def present(request: Request, *, wire: Wire, clock: Clock, seconds: float, failpoints: Failpoints) -> Answer | Failure:
    """Return the raw answer, or the failure that stands for none, within a total of `seconds`."""
    end = clock.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        try:
            answer = wire.send(request, seconds=end - clock.monotonic())
        except NoAnswer as error:
            return Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message=str(error))
        except NotSent as error:
            if clock.monotonic() + 2 * pause >= end:
                return Failure(kind=FailureClass.NOT_SENT, code="not_sent", message=str(error))
            clock.sleep(pause)
            pause *= 2
        else:
            failpoints.reached("answered")
            return answer
