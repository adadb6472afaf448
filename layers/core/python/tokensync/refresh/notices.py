"""What operators are alerted of at one connection: what is odd, unexplained or refused there, and what it waits for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Reason, Status
from tokensync.domain.messages import FailureClass
from tokensync.domain.visible import Line
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
            detail=Line("the provider's answer was not as documented: {oddities}", oddities=oddities),
            next_command=typed("tokensync history {name}", name=name),
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
    detail = Line(
        "its access token lives for {life} seconds, and its secret is written every "
        "{floor} seconds at most: one message that is lost ends a token",
        life=life,
        floor=schedule.floor_of(life, cadence),
    )
    return [Notice(kind=SHORT_LIVED, cause="", detail=detail, next_command=typed("tokensync show {name}", name=name))]


def of_account(name: ConnectionName, failure: Failure, grant: Grant) -> list[Notice]:
    """Return what is to be alerted of a failure whose cause is the account's own: its host or its client."""
    if failure.code == REFUSED:
        detail = Line("nothing is sent to the provider for it: {message}", message=failure.message)
        following = typed("tokensync app show {app}", app=name.app)
        return [Notice(kind=PARAM_REFUSED, cause=failure.message, detail=detail, next_command=following)]
    if failure.code == Reason.ENDPOINT_CHANGED:
        detail = Line(
            "nothing of it was sent: {message}. If you did not change app {app}, somebody else did, and it goes on by "
            "itself once that is put back; if you did, whoever deploys the stack can name the new host in its "
            "parameter TrustedHosts",
            message=failure.message,
            app=name.app,
        )
        following = typed("tokensync app show {app}", app=name.app)
        return [Notice(kind=ENDPOINT_CHANGED, cause=failure.message, detail=detail, next_command=following)]
    if failure.kind is FailureClass.CONFIGURATION and grant.has_own_client:
        detail = Line(
            "the provider refuses this connection's own client ({code}); import it with the right one",
            code=failure.code,
        )
        following = typed("tokensync import {app} --account {account} --replace", app=name.app, account=name.account)
        return [Notice(kind=CLIENT_REFUSED, cause=failure.code, detail=detail, next_command=following)]
    return []


def of_failure(record: Connection, failure: Failure, grant: Grant) -> list[Notice]:
    """Return what is to be alerted of a failed refresh of this connection alone; `record` is what becomes of it."""
    own = of_account(record.name, failure, grant)
    known = sum(mark.partition(" ")[0] == UNEXPLAINED for mark in record.alerted)
    is_odd = failure.kind is FailureClass.UNKNOWN and record.status is not Status.HELD
    if not own and is_odd and known < _MOST_UNEXPLAINED:
        detail = Line(
            "the provider answered with {code}, which nothing explains; it is tried again until its access token ends",
            code=failure.code,
        )
        cause = failure.code if _NUMBERED.fullmatch(failure.code) else _ID.sub("#", failure.code)
        return [
            Notice(
                kind=UNEXPLAINED,
                cause=cause,
                detail=detail,
                next_command=typed("tokensync show {name}", name=record.name),
            )
        ]
    return own


def of_holding(before: Connection, after: Connection, failure: Failure, grant: Grant) -> list[Notice]:
    """Return what is to be alerted of a connection that is held, and whose access token has not ended yet."""
    name = before.name
    if after.reason == Reason.LAST_ATTEMPT_AMBIGUOUS:
        detail = Line(
            "its last attempt brought no token either; nothing more is tried by itself, and its access token ends soon"
        )
        following = typed("tokensync refresh {name} --force", name=name)
        return [Notice(kind=HELD, cause=after.reason, detail=detail, next_command=following)]
    is_new = after.reason == Reason.CONFIGURATION != before.reason and not before.authorized.unproved
    if is_new and not grant.has_own_client:
        detail = Line(
            "the provider refuses the app's credentials for this connection ({code} {message}), and "
            "not for the app's others: its token may belong to another client. It is asked again by itself",
            code=failure.code,
            message=failure.message,
        )
        return [
            Notice(kind=HELD, cause=failure.code, detail=detail, next_command=typed("tokensync show {name}", name=name))
        ]
    return []


def _of_extension(name: ConnectionName, grant: Grant) -> list[Notice]:
    """Return what is to be alerted after an access token extended itself: that its end was not put off."""
    if grant.refresh_expires_at is None:
        return []
    detail = Line("the provider renewed its access token and did not put off its end: the authorization ends with it")
    following = typed("tokensync invite {app} --for {name}", app=name.app, name=name)
    return [Notice(kind=NOT_EXTENDED, cause="", detail=detail, next_command=following)]
