"""The script of faults: which request goes wrong, how, and whether the provider committed before it did."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal

from tokensync_cli.sandbox.records import BadRecordError, read

FaultName = Literal[
    "fail_before", "drop_after_commit", "reset", "hang", "drip", "throttle", "status", "redirect", "error", "mangle"
]

MangleHow = Literal[
    "fields",
    "no_expiry",
    "empty",
    "html",
    "text",
    "base64",
    "truncated",
    "bom",
    "utf16",
    "duplicate_keys",
    "deep",
    "big_number",
    "lone_surrogate",
    "large",
    "gzip_bomb",
    "gzip",
    "deflate",
    "latin_1",
    "equal_keys",
    "form",
]

_COMMIT = {"drop_after_commit": True, "drip": True, "mangle": True, "hang": True}
_STATUS = {"fail_before": 500, "throttle": 429, "status": 503, "redirect": 307}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One line of the script. What is left out takes the default of its kind."""

    provider: str
    endpoint: str
    fault: FaultName
    times: int | None = 1
    """How many matching requests it meets; null means all of them until it is deleted."""
    skip: int = 0
    """How many matching requests pass before it begins."""
    app: str | None = None
    account: str | None = None
    committed: bool | None = None
    """Whether the provider does its work. Always false for `fail_before`, always true for `drop_after_commit`."""
    seconds: float | None = None
    """The length of a hang (default 30), or the pause between two bytes of a drip (default 0.4)."""
    then: Literal["answer", "drop"] = "answer"
    """What ends a hang."""
    drip_head: bool = False
    """Drip the status line and the headers too."""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    """The literal body of `status`, and of `mangle` with `text` or `base64`."""
    location: str | None = None
    code: int | str | None = None
    """The number or word of an `error`."""
    message: str = ""
    how: MangleHow | None = None
    set: dict[str, Any] = field(default_factory=dict)
    """Fields of the response to override, by dotted path; a bare name is looked for among the tokens."""
    raw: dict[str, str] = field(default_factory=dict)
    """As `set`, with the JSON source to be written: `1e400`, `NaN`, `3600.0`."""
    drop: tuple[str, ...] = ()
    size: int | None = None
    """Bytes, levels or digits of an oversized response."""

    @property
    def commits(self) -> bool:
        """Return whether the provider does its work although the response goes wrong."""
        return _COMMIT.get(self.fault, False) if self.committed is None else self.committed

    @property
    def http_status(self) -> int:
        """Return the status of the response, where the fault replaces the response."""
        return self.status or _STATUS.get(self.fault, 200)


class Faults:
    """The faults that still wait for their request, in the order they were scripted."""

    def __init__(self, endpoints: Iterable[tuple[str, str]]) -> None:
        self._endpoints = set(endpoints)
        self._waiting: list[Fault] = []

    def offer(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Let further endpoints fail on command, of a service that is no provider."""
        self._endpoints.update(endpoints)

    def add(self, change: Any) -> Fault:
        """Append a fault given as JSON.

        Raises:
            BadRecordError: it does not fit, or names an endpoint that cannot fail on command.
        """
        fault = read(Fault, change)
        _check(fault)
        if (fault.provider, fault.endpoint) not in self._endpoints:
            known = ", ".join(f"{provider}/{endpoint}" for provider, endpoint in sorted(self._endpoints))
            raise BadRecordError(f"no endpoint {fault.provider}/{fault.endpoint}; known: {known}")
        self._waiting.append(fault)
        return fault

    def take(self, *, provider: str, endpoint: str, app: str, account: str | None) -> Fault | None:
        """Return the first fault that matches the request, and count it."""
        for place, fault in enumerate(self._waiting):
            if (fault.provider, fault.endpoint) != (provider, endpoint):
                continue
            if fault.app not in (None, app) or fault.account not in (None, account):
                continue
            if fault.skip:
                self._waiting[place] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.times == 1:
                del self._waiting[place]
            elif fault.times is not None:
                self._waiting[place] = replace(fault, times=fault.times - 1)
            return fault
        return None

    def waiting(self) -> tuple[Fault, ...]:
        """Return what is still to come."""
        return tuple(self._waiting)

    def clear(self) -> int:
        """Forget the script and return how many faults were left."""
        count = len(self._waiting)
        self._waiting.clear()
        return count


def _check(fault: Fault) -> None:
    wrong = {
        "times must be at least 1, or null for every request": fault.times is not None and fault.times < 1,
        "fail_before never commits; use status with committed": fault.fault == "fail_before" and fault.commits,
        "drop_after_commit commits; use reset, or hang with then=drop": (
            fault.fault == "drop_after_commit" and not fault.commits
        ),
        "location is missing": fault.fault == "redirect" and not fault.location,
        "code is missing": fault.fault == "error" and fault.code is None,
        "mangle and drip need an answer; use status": fault.fault in ("mangle", "drip") and not fault.commits,
        "how, set, raw or drop is missing": (
            fault.fault == "mangle" and not (fault.how or fault.set or fault.raw or fault.drop)
        ),
        "body is missing": fault.how in ("text", "base64") and fault.body is None,
        "body must be base64": fault.how == "base64" and not _is_base64(fault.body or ""),
        # The range of final statuses, RFC 9110 section 15.
        "status must lie between 200 and 599": not HTTPStatus.OK <= fault.http_status < 600,  # noqa: PLR2004
    }
    for text, applies in wrong.items():
        if applies:
            raise BadRecordError(text)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True
