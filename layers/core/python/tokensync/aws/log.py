"""Structured logging by Powertools, see `tokensync.domain.runtime.Log`."""

from __future__ import annotations

import json
import logging
import traceback
from functools import partial
from pathlib import PurePath
from typing import IO, Any

from aws_lambda_powertools import Logger

# They print whole requests at DEBUG or URLs at INFO: secret values, tokens and codes among them.
_LEAKING = ("boto3", "botocore", "s3transfer", "urllib3", "httpcore", "httpx", "asyncio")
# ASCII: what Powertools itself would write lets pass what moves a terminal or parts a line.
_AS_JSON = partial(json.dumps, default=str, separators=(",", ":"))
_DEPTH = 3  # stack frames from Powertools to the caller of this class
# A log record has attributes of its own, which no field may replace.
_TAKEN = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "message",
    "level",
    "location",
    "timestamp",
    "service",
}


class PowertoolsLog:
    """One line of JSON for each event. Fields print by their own text, so a Secret prints as its mask."""

    def __init__(self, *, service: str, level: str, stream: IO[str] | None = None) -> None:
        self._logger = Logger(service=service, level=level, stream=stream, json_serializer=_AS_JSON)
        for name in _LEAKING:
            logging.getLogger(name).setLevel(logging.WARNING)

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra=_extra(fields), stacklevel=_DEPTH)

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra=_extra(fields), stacklevel=_DEPTH)

    def failure(self, event: str, error: BaseException) -> None:
        fields = {"kind": type(error).__qualname__, "places": _places(error)}
        self._logger.error(event, extra=_extra(fields), stacklevel=_DEPTH)


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_" if name in _TAKEN else name: value for name, value in fields.items()}


def _places(error: BaseException) -> list[str]:
    """Return the places that an error passed, outermost first: file, line and function, without the line's text."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
