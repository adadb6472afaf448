"""Webhooks: what a provider tells of its own accord, and how such a notice is signed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.app import App
    from tokensync.secret import Secret


class NoticeKind(StrEnum):
    """What a notice asks of us."""

    DEAUTHORIZED = "deauthorized"
    """The account ended its authorization."""

    EXPIRING = "expiring"
    """The authorization ends soon; only a new one helps."""

    OTHER = "other"
    """Nothing: it is acknowledged."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notice. Times are Unix seconds, None where it states none.

    `id` is the provider's own, empty where it gives none. The connection is found by `account`, or by `lookup`, one
    of those that `AccountCall.lookups` lists. `detail` is why, in words that name nobody.
    """

    kind: NoticeKind
    id: str = ""
    at: int | None = None
    account: str = ""
    lookup: str = ""
    expires_at: int | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class WebhookShape:
    """How a provider signs and words its notices.

    `signature` takes the signature from the headers (lower-case names), None where there is none of the right form: a
    test that costs no call. `expected` returns what it must be for one client secret and the raw body, given the
    headers. `read` gets the body's JSON object after the signature held; it raises ValueError where it is no notice.
    """

    signature: Callable[[Mapping[str, str]], str | None]
    expected: Callable[[App, Secret, Mapping[str, str], bytes], str]
    read: Callable[[Mapping[str, Any]], Notice]
