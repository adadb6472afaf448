"""The end of an access token that nothing renewed: workloads and operators learn it within a tick, and why.

Nothing is held beyond it, and no secret says `active` over it. Only where nothing may be presented any more by itself
does a seller have to come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Reason
from tokensync.domain.errors import TokensyncError
from tokensync.domain.messages import FailureClass
from tokensync.domain.visible import Line
from tokensync.oauth.params import REFUSED
from tokensync.refresh import breaker, decisions, schedule
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.ports import Ports
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.session import Session

_CAUSES: Mapping[str, str] = {
    FailureClass.NOT_SENT: "the provider could not be reached",
    FailureClass.BUSY: "the provider says that it is busy",
    FailureClass.AMBIGUOUS: "the provider gave no usable answer",
    FailureClass.CONFIGURATION: "the provider refuses the app's own credentials",
    FailureClass.REFUSED: "the provider refused its token, which is weighed against the app's other connections",
    FailureClass.UNKNOWN: "the provider answered with an error that nothing explains",
}
_NOT_MADE: Mapping[str, str] = {
    REFUSED: "no request can be made for this account",
    Reason.ENDPOINT_CHANGED: "its app points to where nothing of it may be sent",
}


@dataclass(frozen=True)
class End:
    """Ends leases of connections whose access token has ended."""

    ports: Ports
    committer: Committer

    def has_come(self, record: Connection) -> bool:
        """Return whether the access token has ended, and the connection does not say so yet."""
        return schedule.is_due(schedule.ends_at(record), self.ports.clock.now())

    def commit(self, before: Connection, after: Connection, grant: Grant, session: Session) -> WorkResult:
        """COMMIT that the access token has ended, publish it where that is news, and alert the operator.

        Returns:
            REAUTHORIZE: only the seller helps. POSTPONED: what may still be presented is tried again by itself.

        Raises:
            FenceLost: the connection was taken over.
        """
        after = decisions.ended(after, now=self.ports.clock.now())
        is_final = after.due.renew_at is None
        result = Result.REAUTHORIZE if is_final else Result.POSTPONED
        if after.publishing_is_due():
            done = self.committer.publish_and_commit(before, after, grant, result)
        else:
            done = WorkResult(result, self.ports.connections.write(before, after))
        is_news = not schedule.has_ended(before) or (is_final and before.due.renew_at is not None)
        if done.result is result and is_news and (is_final or not _has_its_alarm(session, grant)):
            self._alert(after, _cause(after, before, grant, session), is_final=is_final)
        return done

    def _alert(self, record: Connection, cause: str, *, is_final: bool) -> None:
        name = record.name
        state = "it never had an access token" if record.obtained_at is None else "its access token has ended"
        if is_final:
            self.ports.alerts.tell(
                "connection.reauthorize",
                str(name),
                detail=Line("{state}, and {cause}: the seller has to authorize again", state=state, cause=cause),
                next_command=typed("tokensync invite {app} --for {name}", app=name.app, name=name),
            )
            return
        self.ports.alerts.tell(
            "connection.ended",
            str(name),
            detail=Line(
                "{state} and could not be renewed: {cause}; it is tried again by itself", state=state, cause=cause
            ),
            next_command=typed("tokensync show {name}", name=name),
        )


def _cause(record: Connection, before: Connection, grant: Grant, session: Session) -> str:
    """Return why the token was not renewed, in the provider's own words where it said something."""
    paused = _paused(session, grant)
    if paused:
        return f"its app is paused ({paused})"
    if record.unpublished:
        return "its newest token could not be published"
    if before.reason == Reason.OTHER_ACCOUNT:
        return "the provider's answer named another account"
    error = record.last_error
    if error is not None:
        words = " ".join(filter(None, (error.code, error.message)))
        what = _NOT_MADE.get(error.code) or _CAUSES.get(error.failure, error.failure)
        return f"{what} ({words})"
    if record.failures:
        return "AWS or the app's own secret withheld what a refresh needs"
    return "nothing can renew it" if grant.refresh_token is None else "it was not refreshed in time"


def _has_its_alarm(session: Session, grant: Grant) -> bool:
    """Return whether the app is paused by its provider's answers: its owner was alerted once for all of them."""
    try:
        return session.state.probes_itself and breaker.stops(session.state, grant)
    except TokensyncError:
        return False


def _paused(session: Session, grant: Grant) -> str:
    try:
        return session.state.paused if breaker.stops(session.state, grant) else ""
    except TokensyncError:
        return ""
