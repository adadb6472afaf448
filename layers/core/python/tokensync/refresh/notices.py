"""What operators are alerted of at one connection: what is odd, unexplained or refused there, and what it waits for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokensync.domain.connection import Reason, Status
from tokensync.domain.messages import FailureClass
from tokensync.oauth.params import REFUSED
from tokensync.refresh import schedule
from tokensync.refresh.alerting import Notice

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import Failure, Issued
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.runtime import Cadence
    from tokensync.refresh.session import Session

PARAM_REFUSED, CLIENT_REFUSED = "connection.param_refused", "connection.client_refused"
ENDPOINT_CHANGED = "connection.endpoint_changed"
NOT_EXTENDED = "authorization.not_extended"
ODD, UNEXPLAINED, HELD = "answer.odd", "refresh.unexplained", "connection.held"
SHORT_LIVED = "token.short_lived"
# What a response with tokens shows to be over, where it does not show it again.
JUDGED = (ODD, UNEXPLAINED, HELD, PARAM_REFUSED, CLIENT_REFUSED, ENDPOINT_CHANGED)
OF_GRANTS = (SHORT_LIVED, NOT_EXTENDED)
_NUMBER = re.compile(r"[0-9]+")
# What an id looks like within a code; a number alone, or of a status, is a code itself.
_ID = re.compile(r"[0-9A-Fa-f]*[0-9][0-9A-Za-z]*|[0-9A-Fa-f]{8,}")
_NUMBERED = re.compile(r"(http_)?-?[0-9]{1,9}")
_MOST_UNEXPLAINED = 3  # causes until a success: more of them are one error with an id in other words


def of_response(name: ConnectionName, issued: Issued) -> list[Notice]:
    """Return what is to be alerted where a response was not as documented; what was usable of it is used."""
    if not issued.oddities:
        return []
    oddities = ", ".join(issued.oddities)
    return [
        Notice(
            kind=ODD,
            # Another number in the same place is no other cause.
            cause=_NUMBER.sub("#", oddities),
            detail=f"the provider's answer was not as documented: {oddities}",
            next_command=f"tokensync history {name}",
        )
    ]


def of_grant(name: ConnectionName, grant: Grant, session: Session, cadence: Cadence) -> list[Notice]:
    """Return what is to be alerted of a renewed grant: how long it lives, and that its end was not put off."""
    life = [] if session.app.is_sandboxed else _of_life(name, grant, cadence)
    return [*life, *(_of_extension(name, grant) if session.provider.renewal.presents_access_token else [])]


def _of_life(name: ConnectionName, grant: Grant, cadence: Cadence) -> list[Notice]:
    """Return what is to be alerted of a life that is so short that one loss may end a token."""
    life = None if grant.access_expires_at is None else grant.access_expires_at - grant.obtained_at
    if life is None or schedule.outlives_a_loss(life, cadence):
        return []
    detail = (
        f"its access token lives for {life} seconds, and its secret is written every "
        f"{schedule.floor_of(life, cadence)} seconds at most: one message that is lost ends a token"
    )
    return [Notice(kind=SHORT_LIVED, cause="", detail=detail, next_command=f"tokensync show {name}")]


def of_account(name: ConnectionName, failure: Failure, grant: Grant) -> list[Notice]:
    """Return what is to be alerted of a failure whose cause is the account's own: its host or its client."""
    if failure.code == REFUSED:
        detail = f"nothing is sent to the provider for it: {failure.message}"
        following = f"tokensync app show {name.app}"
        return [Notice(kind=PARAM_REFUSED, cause=failure.message, detail=detail, next_command=following)]
    if failure.code == Reason.ENDPOINT_CHANGED:
        detail = (
            f"nothing of it was sent: {failure.message}. If you did not change app {name.app}, somebody else did, and "
            "it goes on by itself once that is put back; if you did, whoever deploys the stack can name the new host "
            "in its parameter TrustedHosts"
        )
        following = f"tokensync app show {name.app}"
        return [Notice(kind=ENDPOINT_CHANGED, cause=failure.message, detail=detail, next_command=following)]
    if failure.kind is FailureClass.CONFIGURATION and grant.has_own_client:
        detail = f"the provider refuses this connection's own client ({failure.code}); import it with the right one"
        following = f"tokensync import {name.app} --account {name.account} --replace"
        return [Notice(kind=CLIENT_REFUSED, cause=failure.code, detail=detail, next_command=following)]
    return []


def of_failure(record: Connection, failure: Failure, grant: Grant) -> list[Notice]:
    """Return what is to be alerted of a failed refresh of this connection alone; `record` is what becomes of it."""
    own = of_account(record.name, failure, grant)
    known = sum(mark.partition(" ")[0] == UNEXPLAINED for mark in record.alerted)
    is_odd = failure.kind is FailureClass.UNKNOWN and record.status is not Status.HELD
    if not own and is_odd and known < _MOST_UNEXPLAINED:
        detail = (
            f"the provider answered with {failure.code}, which nothing explains; it is tried again until its access "
            "token ends"
        )
        cause = failure.code if _NUMBERED.fullmatch(failure.code) else _ID.sub("#", failure.code)
        return [Notice(kind=UNEXPLAINED, cause=cause, detail=detail, next_command=f"tokensync show {record.name}")]
    return own


def of_holding(before: Connection, after: Connection, failure: Failure, grant: Grant) -> list[Notice]:
    """Return what is to be alerted of a connection that is held, and whose access token has not ended yet."""
    name = before.name
    if after.reason == Reason.LAST_ATTEMPT_AMBIGUOUS:
        detail = (
            "its last attempt brought no token either; nothing more is tried by itself, and its access token ends soon"
        )
        following = f"tokensync refresh {name} --force"
        return [Notice(kind=HELD, cause=after.reason, detail=detail, next_command=following)]
    is_new = after.reason == Reason.CONFIGURATION != before.reason and not before.authorized.unproved
    if is_new and not grant.has_own_client:
        detail = (
            f"the provider refuses the app's credentials for this connection ({failure.code} {failure.message}), and "
            "not for the app's others: its token may belong to another client. It is asked again by itself"
        )
        return [Notice(kind=HELD, cause=failure.code, detail=detail, next_command=f"tokensync show {name}")]
    return []


def _of_extension(name: ConnectionName, grant: Grant) -> list[Notice]:
    """Return what is to be alerted after an access token extended itself: that its end was not put off."""
    if grant.refresh_expires_at is None:
        return []
    detail = "the provider renewed its access token and did not put off its end: the authorization ends with it"
    following = f"tokensync invite {name.app} --for {name}"
    return [Notice(kind=NOT_EXTENDED, cause="", detail=detail, next_command=following)]
