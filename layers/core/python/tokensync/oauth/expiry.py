"""Reads times from a provider's response: expiries in every spelling, its own clock, and when to come back."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from tokensync.oauth.paths import found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.messages import ProviderResponse

_LONGEST_RETRY_AFTER = 3600  # seconds
# Above these a number is no duration but an epoch: no token lives for 30 years.
_EPOCH_SECONDS = 10**9
_EPOCH_MILLISECONDS = 10**12
_LONGEST_LIFE = 10 * 365 * 86_400  # beyond ten years a number is noise, or a way of saying "no end"
_CLOCK_TOLERANCE = 86_400  # a Date header further off than this is no clock


def expiry(
    fields: Mapping[str, Any], name: str, now: int, oddities: list[str], *, may_be_endless: bool = False
) -> int | None:
    """Return the expiry in a field as Unix seconds, None where there is none that can be used.

    A field, named by a path, holds a duration in seconds, an epoch in seconds or milliseconds (its magnitude decides),
    or a time in words (RFC 3339). What is not as documented is added to `oddities`. `may_be_endless`: more than ten
    years is a way of writing "never".
    """
    value = found(fields, name)
    if value is None:
        return None
    instant = _instant(value)
    number = _number(value) if instant is None else instant
    if number is None or number <= 0:
        oddities.append(f"{name} malformed")
        return None
    if instant is None and not isinstance(value, int):
        oddities.append(f"{name} is not a whole number")
    if instant is None and number > _EPOCH_MILLISECONDS:
        number /= 1000
        oddities.append(f"{name} in milliseconds")
    at = int(number) if instant is not None or number > _EPOCH_SECONDS else now + int(number)
    if at > now + _LONGEST_LIFE:
        if not may_be_endless:
            oddities.append(f"{name} beyond ten years")
        return None
    if at <= now:
        oddities.append(f"{name} in the past")
        return None
    return at


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
    if isinstance(value, str):
        try:
            value = float(value) if len(value) <= 20 else None  # noqa: PLR2004 - longer than any expiry
        except ValueError:
            return None
    if isinstance(value, int):
        return float(value) if abs(value) < 10**18 else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def provider_now(response: ProviderResponse) -> int:
    """Return the response's time by the provider's clock, so that a wrong clock here shifts no expiry.

    Unix seconds, from the header Date (RFC 9110 §6.6.1), else the time of receipt.
    """
    date = _http_date(response.headers.get("date", ""))
    if date is None or abs(date - response.received_at) > _CLOCK_TOLERANCE:
        return response.received_at
    return date


def retry_after(response: ProviderResponse) -> int | None:
    """Return Retry-After in seconds, capped at an hour, RFC 9110 §10.2.3; None where it is absent or nonsense."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return _LONGEST_RETRY_AFTER if len(text) > 6 else min(int(text), _LONGEST_RETRY_AFTER)  # noqa: PLR2004
    date = _http_date(text)
    if date is None:
        return None
    return max(0, min(date - provider_now(response), _LONGEST_RETRY_AFTER))


def _http_date(text: str) -> int | None:
    try:
        found = parsedate_to_datetime(text)
        # RFC 9110 §5.6.7: a date is in UTC whatever it says; one that says -0000 comes back without a zone.
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
