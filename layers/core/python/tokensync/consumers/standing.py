"""How a connection stands with the consumers that know it. It is sealed before it is stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.names import ConnectionName


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The key that a consumer gave for a connection, None before it gave one, and whether a request got no answer.

    A request that must not be made twice is marked as unanswered before it is sent: a second one could make a second
    store, or overwrite a newer pair of the consumer's own.
    """

    key: Secret | None = None
    unanswered: bool = False


def consumer_binding(name: ConnectionName) -> str:
    """Return the place that the standings of a connection are sealed for."""
    return f"{name}|consumer|1"


def to_bytes(standings: Mapping[str, Standing]) -> bytes:
    """Return standings by the consumer's name as JSON, keys in clear: only ever for sealing."""
    told = {
        name: {"key": standing.key.reveal() if standing.key else "", "unanswered": standing.unanswered}
        for name, standing in standings.items()
    }
    return json.dumps(told).encode("ascii")


def from_bytes(data: bytes) -> dict[str, Standing]:
    """Read what `to_bytes` wrote."""
    return {
        name: Standing(key=Secret(told["key"]) if told["key"] else None, unanswered=told["unanswered"])
        for name, told in json.loads(data).items()
    }
