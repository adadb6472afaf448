"""How the work on one connection ended, and what its batch should do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import Failure


class Result(StrEnum):
    """The end of one lease."""

    REFRESHED = "refreshed"
    PUBLISHED = "published"
    VERIFIED = "verified"
    REVOKED = "revoked"
    REMOVED = "removed"
    PUSHED = "pushed"
    OWNED_BY_CONSUMER = "owned_by_consumer"
    SECRET_REFUSED = "secret_refused"  # noqa: S105 - a word
    NOTHING_DUE = "nothing_due"
    LEASED_ELSEWHERE = "leased_elsewhere"
    POSTPONED = "postponed"
    TOO_EARLY = "too_early"
    BUSY = "busy"
    HELD = "held"
    REAUTHORIZE = "reauthorize"
    DISCONNECTED = "disconnected"
    ORPHANED = "orphaned"
    PAUSED = "paused"
    NO_TIME = "no_time"
    KEPT = "kept"
    TAKEN_OVER = "taken_over"


@dataclass(frozen=True)
class WorkResult:
    """The result, and the record as it was last seen.

    `again` asks for the message to come back; `backpressure` says that AWS throttles or fails, so that the batch
    takes no new work. `failure` says why a consumer or a new client secret did not do, where that was asked for;
    `withheld` what AWS or the app's own secret did not give, where that alone was in the way. `until` is when a busy
    provider may be asked again, Unix seconds.
    """

    result: Result
    record: Connection | None = None
    again: bool = False
    backpressure: bool = False
    failure: Failure | None = None
    withheld: str = ""
    until: int | None = None


class LeaseEnded(Exception):
    """A step ended the lease, so that no further step of the protocol follows: no error, and `Worker.run` returns it.

    Attributes:
        result: how the lease ended; everything is written.
    """

    def __init__(self, result: WorkResult) -> None:
        super().__init__(result.result)
        self.result = result


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """How a lease is to end: the record as it is `before` and `after`, the grant to publish, and the result.

    `backpressure` is as in `WorkResult`.
    """

    before: Connection
    after: Connection
    grant: Grant
    result: Result
    backpressure: bool = False
