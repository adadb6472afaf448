"""`export`: it is noted which token was copied, so that operators hear when a newer one replaces it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.errors import BadRequest
from tokensync.domain.export import Export

if TYPE_CHECKING:
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.operate.on_demand import OnDemand

FORMS = ("env", "json", "owox", "owox --without-secret")


@dataclass(frozen=True)
class Exports:
    """Notes exports."""

    ports: Ports
    on_demand: OnDemand

    def note(self, name: ConnectionName, *, generation: int, token: str, form: str) -> bool:
        """Note a copy of the token of a generation; return false where a newer one replaced it already.

        `token` is its digest, see `tokensync.domain.export`.

        Raises:
            BadRequest: it is no digest, or no form of an export.
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was noted.
        """
        if form not in FORMS or not token.isalnum() or len(token) > 64:  # noqa: PLR2004 - a digest is shorter
            raise BadRequest("this is no export")
        self.on_demand.existing(name)
        exported = Export(generation=generation, token=token, form=form, at=self.ports.clock.now())
        return self.ports.connections.note_exported(name, exported)
