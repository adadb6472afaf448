"""How looking after one connection ended, and what its batch should do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
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

    `again` asks for the message to come back; `backpressure` tells that AWS throttles or fails, so that the batch
    takes no new work. `failure` tells why a consumer or a new client secret did not do, where that was asked for;
    `withheld` what AWS or the app's own secret did not give, where that alone was in the way.
    """

    result: Result
    record: Connection | None = None
    again: bool = False
    backpressure: bool = False
    failure: Failure | None = None
    withheld: str = ""
