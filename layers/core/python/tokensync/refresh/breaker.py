"""The breaker: where most of an app's refreshes are refused at once, the cause is not its sellers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.errors import TokensyncError
from tokensync.refresh.transitions import BREAKER_WINDOW

if TYPE_CHECKING:
    from tokensync.domain.ports import Apps
    from tokensync.domain.runtime import Alerts, Clock, Log

BREAKER_TRIED = 20


def breaker_trips(*, tried: int, refused: int) -> bool:
    """Return whether so many were refused that the cause is not the sellers: 20 tried, more than half refused."""
    return tried >= BREAKER_TRIED and refused * 2 > tried


def count_attempts(name: str, *, tried: int, refused: int, apps: Apps, alerts: Alerts, clock: Clock, log: Log) -> None:
    """Count answered attempts on the app's record; pause the app and alarm once when the breaker trips."""
    now = clock.now()
    try:
        state = apps.count(name, tried=tried, refused=refused, now=now, window=BREAKER_WINDOW)
        if not breaker_trips(tried=state.tried, refused=state.refused):
            return
        why = f"{state.refused} of {state.tried} refreshes refused within {BREAKER_WINDOW // 60} minutes"
        if apps.pause(name, why=why, now=now):
            alerts.tell(
                "app.breaker_tripped",
                name,
                detail=f"{why}; no seller was asked to come back, and the app is paused",
                next_command=f"tokensync app show {name}",
            )
    except TokensyncError as error:
        log.warning("breaker.not_counted", app=name, error=str(error))
