"""The breaker: where most of an app's refreshes are refused at once, the cause is not its sellers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.errors import TokensyncError

if TYPE_CHECKING:
    from tokensync.domain.ports import Ports
    from tokensync.refresh.session import Session

BREAKER_WINDOW = 600  # seconds
BREAKER_TRIED = 20


def trips(*, tried: int, refused: int) -> bool:
    """Return whether so many were refused that the cause is not the sellers: 20 tried, more than half refused."""
    return tried >= BREAKER_TRIED and refused * 2 > tried


def decides_at(parked_at: int) -> int:
    """Return when a refusal that was parked at `parked_at` counts, unless the breaker trips before."""
    return parked_at + BREAKER_WINDOW + 1


def can_trip(app: str, ports: Ports) -> bool:
    """Return whether an app has so many connections that the breaker can trip; else a refusal counts at once.

    Raises:
        StoreUnavailable: this cannot be known now.
    """
    return not ports.connections.fewer_than(app, BREAKER_TRIED)


def count_attempts(session: Session, ports: Ports) -> None:
    """Count a session's answered attempts on its app's record; pause the app and alarm once when the breaker trips."""
    name, tally, now = session.name, session.tally, ports.clock.now()
    if not tally.tried:
        return
    try:
        state = ports.apps.count(name, tried=tally.tried, refused=tally.refused, now=now, window=BREAKER_WINDOW)
        if not trips(tried=state.tried, refused=state.refused):
            return
        why = f"{state.refused} of {state.tried} refreshes refused within {BREAKER_WINDOW // 60} minutes"
        if ports.apps.pause(name, why=why, now=now):
            ports.alerts.tell(
                "app.breaker_tripped",
                name,
                detail=f"{why}; no seller was asked to come back, and the app is paused",
                next_command=f"tokensync app show {name}",
            )
    except TokensyncError as error:
        ports.log.warning("breaker.not_counted", app=name, error=str(error))
