"""When a connection has work to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True, kw_only=True)
class DueTimes:
    """Unix seconds; None means never.

    `refresh_at` is when any work is due: the lease opens then. `renew_at` is when the token itself is to be refreshed,
    `compare_at` when the published secret is to be compared with the grant, `warn_at` when the next warning about the
    refresh token's end is due, `verify_at` when a token that never expires is to be verified, `push_at` when a consumer
    is to be given the newest pair. `next_at` keys the due index.

    `claim` is for how many seconds the tick may claim what is due, None where its own period will do. Before
    `not_before` the token endpoint, and before `ask_not_before` the account call, is asked for nothing, whoever wishes
    it: the provider said that it is busy.
    """

    refresh_at: int | None = None
    renew_at: int | None = None
    compare_at: int | None = None
    warn_at: int | None = None
    verify_at: int | None = None
    push_at: int | None = None
    next_at: int | None = None
    claim: int | None = None
    not_before: int | None = None
    ask_not_before: int | None = None


class DueTimesChange(TypedDict, total=False):
    """Some of the due times, by name."""

    refresh_at: int | None
    renew_at: int | None
    compare_at: int | None
    warn_at: int | None
    verify_at: int | None
    push_at: int | None
    next_at: int | None
    claim: int | None
    not_before: int | None
    ask_not_before: int | None
