"""Binds grants of earlier versions, whose origins nobody noted, before anything of them is sent for the first time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.domain.sealing import grant_binding

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.ports import Ports
    from tokensync.refresh.session import Session


def bound_first(record: Connection, grant: Grant, session: Session, ports: Ports) -> tuple[Connection, Grant]:
    """Return a leased record and its grant, bound from here on to the origins that its app names at this moment.

    A provider with a list of hosts needs none of that: its list is the same for all.

    Raises:
        FenceLost, SealingUnavailable, StoreUnavailable: nothing may be sent.
    """
    is_known = grant.bound is not None and grant.bound.is_known
    if is_known or session.provider.hosts is not None:
        return record, grant
    bound = replace(grant, bound=session.bound(grant))
    sealed = session.key.seal(bound.to_bytes(), binding=grant_binding(record.name))
    return ports.connections.write(record, replace(record, sealed_grant=sealed)), bound
