"""What operators hear of a consent that came to nothing because the provider refused the app, and not the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.connection import LastError
from tokensync.domain.errors import TokensyncError
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.visible import Line
from tokensync.oauth.hints import followed, hint_for

if TYPE_CHECKING:
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.ports import Ports
    from tokensync.refresh.session import Session


def alert_request_refused(denied: str, why: str, session: Session, ports: Ports) -> None:
    """Alert that the provider refused the request of the link itself, by the callback's error and its description.

    Every seller meets it until somebody mends it: one alert for each cause.
    """
    if not _is_news("authorization.refused", denied, session, ports):
        return
    error = LastError.of(Failure(kind=FailureClass.CONFIGURATION, code=denied, message=why), at=ports.clock.now())
    said = f"{denied} ({why})" if why else denied
    ports.alerts.tell(
        "authorization.refused",
        session.name,
        detail=Line(
            "the provider refused the authorization request itself, before any account was asked: {said}{hint}",
            said=said,
            hint=followed(hint_for(session.provider, error)),
        ),
        next_command=typed("tokensync app show {app}", app=session.name),
    )


def alert_exchange_refused(authorization: Authorization, error: LastError, session: Session, ports: Ports) -> None:
    """Alert that an invited account gave its consent, and the provider gave no token for a reason of the app's.

    Nobody is alerted of a code that is refused: it may be old. Nor of an install, whose callback anybody can send. Of
    the app's own credentials `app.credentials_refused` speaks, once. There is one alert for each cause.
    """
    if not authorization.invite_id or error.failure != FailureClass.UNKNOWN:
        return
    if not _is_news("authorization.failed", error.code, session, ports):
        return
    why = " ".join(filter(None, (error.code, error.message, error.trace_id)))
    ports.alerts.tell(
        "authorization.failed",
        session.name,
        detail=Line(
            "an account gave its consent, and the provider gave no token ({why}){hint}",
            why=why,
            hint=followed(hint_for(session.provider, error)),
        ),
        next_command=typed("tokensync app show {app}", app=session.name),
    )


def alert_other_issuer(said: str, session: Session, ports: Ports) -> None:
    """Alert that a callback of ours names another issuer than the app's setting does, RFC 9207 §2.4."""
    if not _is_news("authorization.refused", "iss", session, ports):
        return
    ours, command = session.provider.callback.issuer, typed("tokensync app set {app} issuer=", app=session.name)
    is_spelling = said.removesuffix("/") == ours.removesuffix("/")
    ports.alerts.tell(
        "authorization.refused",
        session.name,
        detail=Line(
            "a callback came from the issuer {said}, and the app says issuer={ours}: it was refused. "
            "Where the first is the provider's own name for itself, the setting is wrong, and {command}… changes it",
            said=said or "(none)",
            ours=ours,
            command=command,
        ),
        # Anybody may have written another name: that is no command to copy.
        next_command=typed("tokensync app set {app} issuer={issuer}", app=session.name, issuer=said)
        if is_spelling
        else typed("tokensync app show {app}", app=session.name),
    )


def note_consent(session: Session, ports: Ports) -> None:
    """Note that a consent came to something: what is refused after it is news."""
    if session.state.consent_refused:
        _is_news("", "", session, ports)


def _is_news(kind: str, code: str, session: Session, ports: Ports) -> bool:
    """Return whether nobody was alerted of this since a consent came to something; what cannot be noted is logged."""
    try:
        return ports.apps.note_consent_refused(session.name, cause=f"{kind} {code}".strip())
    except TokensyncError as error:
        ports.log.warning("outcomes.not_noted", app=session.name, error=str(error))
        return False
