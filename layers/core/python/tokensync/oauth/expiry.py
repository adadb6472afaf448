"""Reads times from a provider's response: expiries in every spelling, its own clock, and when to come back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from tokensync.oauth.body import FormReply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.messages import ProviderResponse

_LONGEST_RETRY_AFTER = 3600  # seconds
# Above these a number is no duration but an epoch: no token lives for 30 years.
_EPOCH_SECONDS = 10**9
_EPOCH_MILLISECONDS = 10**12
_DAY = 86_400
_YEAR = 366 * _DAY
_LONGEST_LIFE = 3650 * _DAY  # beyond ten years a number is noise, or a way of saying "no end"
# Seconds. Clocks that keep time differ by minutes; a Date that is further off is no clock to compare anything with.
_CLOCKS_DIFFER = 900
_NO_END = frozenset({"", "never", "none", "null", "unlimited", "infinite"})
# Other names under which servers say the same end; a name of the second kind holds a time and no duration.
_DURATIONS = ("expires_in", "expires_in_sec", "expires_in_seconds", "expiresIn", "expires")
_MOMENTS = ("expires_at", "expires_on", "expiresAt", "exp")
_SHORTEST_SIBLING = 60  # seconds: less is a number of hours or days
_MUCH_SHORTER = 2  # times: less may be two clocks, or rounding
_FAR_LONGER = 100  # times
_SHORTEST_LIFE = 600  # seconds: less was what a token had left that the provider gave out once more


@dataclass(frozen=True)
class Remarks:
    """What a reader came across: `odd` is worth an alert, of `notes` a line in the log is enough."""

    odd: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """When a response was received, by our clock and by the provider's, in Unix seconds.

    The second is the header Date, RFC 9110 §6.6.1, where it can be a clock, and else our own.
    """

    ours: int
    theirs: int

    @classmethod
    def of(cls, response: ProviderResponse) -> Clocks:
        """Return the clocks at a response."""
        ours, date = response.received_at, _http_date(response.headers.get("date", ""))
        differ = date is None or abs(date - ours) > _CLOCKS_DIFFER
        return cls(ours=ours, theirs=ours if date is None or differ else date)


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """The seconds that a token has left, and its end in Unix seconds."""

    seconds: int
    ends_at: int

    @classmethod
    def of(cls, seconds: int, clocks: Clocks) -> Lifetime:
        """Return a duration, which counts from our receipt: a provider's clock that is hours off moves no end."""
        return cls(seconds=seconds, ends_at=clocks.ours + seconds)


def access_lifetime(
    fields: Mapping[str, Any],
    name: str,
    clocks: Clocks,
    remarks: Remarks,
    *,
    refreshable: bool,
    last_life: int | None = None,
) -> Lifetime | None:
    """Return the access token's lifetime, None where none is stated that can be used.

    What a field of another name says as well is compared, and so is the life of the token before it, `last_life` in
    seconds. The shorter of two that contradict is taken: a refresh too early does no harm. `refreshable` says that such
    a refresh is possible.
    """
    stated = expiry(fields, name, clocks, remarks)
    for sibling in (*_DURATIONS, *_MOMENTS):
        other = None if sibling == name else _sibling(fields, sibling, clocks)
        if other is None:
            continue
        if stated is None:
            remarks.notes.append(f"{sibling} in the place of {name}")
            stated = other
        elif other.seconds * _MUCH_SHORTER <= stated.seconds:
            remarks.odd.append(f"{name} contradicts {sibling}")
            stated = other
    if stated is None:
        return None
    is_known = last_life is not None and last_life >= _SHORTEST_LIFE
    if last_life is not None and is_known and stated.seconds >= last_life * _FAR_LONGER:
        remarks.odd.append(f"{name} is a hundred times the last one")
        return Lifetime.of(last_life, clocks)
    if refreshable and _looks_like_milliseconds(fields, name, stated):
        remarks.odd.append(f"{name} looks like milliseconds")
        return Lifetime.of(stated.seconds // 1000, clocks)
    return stated


def _sibling(fields: Mapping[str, Any], name: str, clocks: Clocks) -> Lifetime | None:
    number = _number(fields.get(name))
    if number is None or (name in _MOMENTS and number <= _EPOCH_SECONDS):
        return None
    found = expiry(fields, name, clocks, Remarks())
    return None if found is None or found.seconds < _SHORTEST_SIBLING else found


def _looks_like_milliseconds(fields: Mapping[str, Any], name: str, stated: Lifetime) -> bool:
    """Return whether a duration is one in milliseconds: lives of days are whole days, and of refreshable tokens short.

    3,600,000 is an hour in milliseconds, and 41 days and 16 hours in seconds, which nobody grants.
    """
    number = _number(fields.get(name))
    if number is None or int(number) != stated.seconds:
        return False  # an epoch, or what another field says
    return stated.seconds > _YEAR or (
        stated.seconds > 2 * _DAY and stated.seconds % 1000 == 0 and stated.seconds % _DAY != 0
    )


def expiry(
    fields: Mapping[str, Any], name: str, clocks: Clocks, remarks: Remarks, *, may_be_endless: bool = False
) -> Lifetime | None:
    """Return the lifetime in a field, None where there is none that can be used.

    A field holds a duration in seconds, an epoch in seconds or milliseconds (its magnitude decides), or a time in words
    (RFC 3339). An end by the provider's clock stays as it is stated, and what is left until then is counted by the same
    clock. What is not as documented is remarked. More than ten years is a way of writing "never", as are some words;
    `may_be_endless`: it is a documented one.
    """
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lower() in _NO_END:
        remarks.notes.append(f"{name} states no end")
        return None
    number = _number(value)
    if number is None or number <= 0:
        remarks.odd.append(f"{name} malformed")
        return None
    if not isinstance(value, int) and not isinstance(fields, FormReply) and _instant(value) is None:
        remarks.notes.append(f"{name} is not a whole number")
    in_milliseconds = number > _EPOCH_MILLISECONDS
    at = int(number / 1000 if in_milliseconds else number)
    found = Lifetime(seconds=at - clocks.theirs, ends_at=at) if at > _EPOCH_SECONDS else Lifetime.of(at, clocks)
    if found.seconds > _LONGEST_LIFE:
        if not may_be_endless:
            remarks.notes.append(f"{name} beyond ten years")
        return None
    if found.seconds <= 0:
        remarks.odd.append(f"{name} in the past")
        return None
    if in_milliseconds:
        remarks.odd.append(f"{name} in milliseconds")
    return found


def _instant(value: object) -> float | None:
    """Return the Unix seconds of a time of RFC 3339, in UTC where it names no zone; None where it is none."""
    text = value.strip() if isinstance(value, str) else ""
    if len(text) > 40 or "-" not in text or ":" not in text:  # noqa: PLR2004 - longer than any time
        return None
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    instant = _instant(value)
    if instant is not None:
        return instant if instant > _EPOCH_SECONDS else None  # an earlier one is none, and no duration
    if isinstance(value, str):
        try:
            value = float(value) if len(value) <= 20 else None  # noqa: PLR2004 - longer than any expiry
        except ValueError:
            return None
    if isinstance(value, int):
        return float(value) if abs(value) < 10**18 else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def retry_after(response: ProviderResponse) -> int | None:
    """Return Retry-After in seconds, capped at an hour, RFC 9110 §10.2.3; None where it is absent or nonsense."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return _LONGEST_RETRY_AFTER if len(text) > 6 else min(int(text), _LONGEST_RETRY_AFTER)  # noqa: PLR2004
    date = _http_date(text)
    if date is None:
        return None
    return max(0, min(date - Clocks.of(response).theirs, _LONGEST_RETRY_AFTER))


def _http_date(text: str) -> int | None:
    try:
        found = parsedate_to_datetime(text)
        # RFC 9110 §5.6.7: a date is in UTC whatever it says; one that says -0000 comes back without a zone.
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
