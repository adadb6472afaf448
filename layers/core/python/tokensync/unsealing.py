"""Opens what a connection's record holds sealed, each for its own place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.answers import Answer
from tokensync.errors import SealingUnavailable
from tokensync.grant import Grant

if TYPE_CHECKING:
    from tokensync.connection import Connection
    from tokensync.names import ConnectionName
    from tokensync.ports import Sealer


def grant_binding(name: ConnectionName) -> str:
    """Return the place that a connection's grant is sealed for."""
    return f"{name}|grant|1"


def answer_binding(name: ConnectionName) -> str:
    """Return the place that a provider's answer for a connection is sealed for."""
    return f"{name}|answer|1"


@dataclass(frozen=True)
class Unsealer:
    """Opens grants and answers. Only the rotation function's key policy lets it."""

    sealer: Sealer

    def grant(self, record: Connection) -> Grant:
        """Return a connection's grant.

        Raises:
            SealingUnavailable: there is none, or it cannot be opened now.
        """
        if record.sealed_grant is None:
            raise SealingUnavailable("the connection has no grant")
        binding = grant_binding(record.name)
        return Grant.from_bytes(self.sealer.open(record.sealed_grant, app=record.name.app, binding=binding))

    def answer(self, sealed: bytes, record: Connection) -> Answer:
        """Return an answer that was kept for a connection.

        Raises:
            SealingUnavailable: it cannot be opened now.
        """
        binding = answer_binding(record.name)
        return Answer.from_bytes(self.sealer.open(sealed, app=record.name.app, binding=binding))
