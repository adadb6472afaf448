"""Times as people write and read them. Inside the program they are Unix seconds."""

import re

from tokensync.domain.visible import Line
from tokensync_cli.output.failures import UsageFailed

MINUTE, HOUR, DAY = 60, 3600, 86_400
_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_STEPS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))


def seconds_of(text: str, *, option: str, at_most: int) -> int:
    """Return the seconds that a duration such as 45s, 30m, 12h or 7d means.

    Raises:
        UsageFailed: it is no duration, or is longer than `at_most` seconds.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageFailed(
            f"{option} takes a number and a unit, such as 45s, 30m, 12h or 7d.",
            next_command=Line("the same command with {option} 1h", option=option),
        )
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > at_most:
        raise UsageFailed(
            f"{option} is at most {span(at_most)}.",
            next_command=Line("the same command with {option} 1h", option=option),
        )
    return seconds


def span(seconds: int) -> str:
    """Return a length of time in its two largest units: 4 d 3 h."""
    parts: list[str] = []
    for size, unit in _STEPS:
        if seconds >= size and len(parts) < 2:  # noqa: PLR2004 - two units say enough
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
        elif parts:
            break
    return " ".join(parts) or "0 s"


def moment(at: int | None, *, now: int, never: str = "never") -> str:
    """Return a point in time as seen from now: in 4 d 3 h, 5 min ago."""
    if at is None:
        return never
    if at == now:
        return "now"
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"
