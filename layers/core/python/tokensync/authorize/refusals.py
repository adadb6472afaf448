"""What operators hear of a consent that came to nothing because the provider refused the app, and not the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.connection import LastError
from tokensync.domain.messages import Failure, FailureClass
from tokensync.oauth.hints import followed, hint_for

if TYPE_CHECKING:
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.ports import Ports
    from tokensync.refresh.session import Session


def alert_request_refused(denied: str, why: str, session: Session, ports: Ports) -> None:
    """Alert that the provider refused the request of the link itself, by the callback's error and its description."""
    error = LastError.of(Failure(kind=FailureClass.CONFIGURATION, code=denied, message=why), at=ports.clock.now())
    said = f"{denied} ({why})" if why else denied
    ports.alerts.tell(
        "authorization.refused",
        session.name,
        detail="the provider refused the authorization request itself, before any account was asked: "
        f"{said}{followed(hint_for(session.provider, error))}",
        next_command=f"tokensync app show {session.name}",
    )


def alert_exchange_refused(authorization: Authorization, error: LastError, session: Session, ports: Ports) -> None:
    """Alert that an invited account gave its consent, and the provider gave no token for a reason of the app's.

    Nobody is alerted of a code that is refused: it may be old. Nor of an install, whose callback anybody can send. Of
    the app's own credentials `app.credentials_refused` speaks, once.
    """
    if not authorization.invite_id or error.failure != FailureClass.UNKNOWN:
        return
    why = " ".join(filter(None, (error.code, error.message, error.trace_id)))
    ports.alerts.tell(
        "authorization.failed",
        session.name,
        detail=f"an account gave its consent, and the provider gave no token ({why})"
        f"{followed(hint_for(session.provider, error))}",
        next_command=f"tokensync app show {session.name}",
    )
