"""How an authorization ends that has no connection, or none yet: the seller's page shows it, an operator is alerted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.authorize.invites import give_back
from tokensync.authorize.refusals import alert_exchange_refused
from tokensync.domain.authorization import INVITE, NO_ACCOUNT, AuthorizationState
from tokensync.domain.command_line import typed
from tokensync.domain.connection import LastError
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.visible import Line
from tokensync.domain.work import Work
from tokensync.refresh.breaker import credentials_refused

if TYPE_CHECKING:
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.command_line import CommandLine
    from tokensync.domain.errors import InviteTaken
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.session import Session

_LONGEST_NAMING = 86_400  # seconds during which a provider is asked again whose account a token is
_SOON = 5  # seconds until a connection that another worker holds is looked at again


@dataclass(frozen=True)
class Endings:
    """Ends authorizations, or leaves them for later."""

    ports: Ports
    concluder: Concluder

    def ended(
        self,
        authorization: Authorization,
        state: AuthorizationState,
        detail: str = "",
        *,
        connection: str = "",
        keep: bool = False,
        missing_scopes: tuple[str, ...] = (),
        error: LastError | None = None,
    ) -> Authorization:
        """Note how an authorization ended; `keep` keeps its sealed response, `error` is what the provider said.

        Raises:
            FenceLost, StoreUnavailable: as `Authorizations.write`.
        """
        after = replace(
            authorization,
            missing_scopes=missing_scopes,
            state=state,
            detail=detail,
            connection=connection,
            last_error=error,
            lease_until=None,
            sealed_answer=authorization.sealed_answer if keep else None,
        )
        written = self.ports.authorizations.write(authorization, after, next_at=None)
        give_back(written, self.ports)
        return written

    def refused(self, authorization: Authorization, failure: Failure, session: Session) -> Authorization:
        """End an authorization whose code brought no token; what cannot be read is kept."""
        self.ports.log.warning(
            "authorization.failed", app=session.name, failure=failure.kind, code=failure.code, trace_id=failure.trace_id
        )
        if failure.kind is FailureClass.CONFIGURATION:
            credentials_refused(session, self.ports, failure)
        error = LastError.of(failure, at=self.ports.clock.now())
        alert_exchange_refused(authorization, error, session, self.ports)
        unparsed = failure.kind in (FailureClass.AMBIGUOUS, FailureClass.UNKNOWN)
        return self.ended(authorization, AuthorizationState.FAILED, failure.code, keep=unparsed, error=error)

    def unusable(self, authorization: Authorization, problem: str, session: Session) -> Authorization:
        """End an authorization whose response cannot become a connection; the response is kept."""
        self.alert_unusable(problem, session)
        return self.ended(authorization, AuthorizationState.FAILED, problem, keep=True)

    def invite_lost(self, authorization: Authorization, taken: InviteTaken, session: Session) -> Authorization:
        """End an authorization whose invite is not its own any more; the response is kept."""
        self.ports.alerts.tell(
            "authorization.unusable",
            session.name,
            detail=Line(
                "an account gave its consent, and meanwhile {taken}: no connection was made of it, and the answer is "
                "kept sealed",
                taken=taken,
            ),
            next_command=typed("tokensync invite {app}", app=session.name),
        )
        return self.ended(authorization, AuthorizationState.FAILED, f"{INVITE}{taken.state}", keep=True)

    def alert_unusable(self, problem: str, session: Session) -> None:
        """Alert that what a provider gave to a code cannot be used."""
        self.ports.alerts.tell(
            "authorization.unusable",
            session.name,
            detail=Line("an authorization could not be used: {problem}; the answer is kept sealed", problem=problem),
            next_command=typed("tokensync recover")
            if problem == NO_ACCOUNT
            else typed("tokensync app show {app}", app=session.name),
        )

    def asked_again_at(self, authorization: Authorization, failure: Failure, session: Session) -> int | None:
        """Return when to ask the provider once more whose account it is; None once that was asked for a day."""
        now = self.ports.clock.now()
        waited = now - (authorization.received_at or now)
        if waited > _LONGEST_NAMING:
            return None
        if failure.kind is FailureClass.CONFIGURATION:
            credentials_refused(session, self.ports, failure)
        self.ports.log.warning("authorization.unnamed", app=session.name, failure=failure.kind, code=failure.code)
        # Each wait half as long as all before it together: a minute at first, never more than an hour.
        return now + max(60, min(waited // 2, 3600), failure.retry_after or 0)

    def left(self, authorization: Authorization, *, at: int) -> Authorization:
        """Leave an answered authorization to the rotation function: its tokens are real and stored.

        Raises:
            FenceLost, StoreUnavailable: as `Authorizations.write`.
        """
        return self.ports.authorizations.write(authorization, replace(authorization, lease_until=None), next_at=at)

    def handed_on(self, authorization: Authorization) -> Authorization:
        """Leave it to the rotation function, which is asked at once: it alone can open the grant that is merged."""
        left = self.left(authorization, at=self.ports.clock.now())
        # If the queue refuses it, the due index still has it.
        self.ports.queue.send([Work(authorization=authorization.key)])
        return left

    def left_for_soon(self, authorization: Authorization) -> Authorization:
        """Leave it until the connection that it is for is free."""
        return self.left(authorization, at=self.ports.clock.now() + _SOON)

    def alert_closed(self, authorization: Authorization) -> None:
        """Alert that an invite for one account is closed, as other accounts have used it."""
        wanted = f"{authorization.key.app}/{authorization.for_account}"
        self.ports.alerts.tell(
            "invite.closed",
            wanted,
            detail=Line(
                "three times another account gave its consent through an invite for {wanted}: that link is closed, and "
                "the connection stays as it was",
                wanted=wanted,
            ),
            next_command=typed("tokensync invite {app} --for {wanted}", app=authorization.key.app, wanted=wanted),
        )

    def alert_quarantine(self, authorization: Authorization, name: ConnectionName, *, following: CommandLine) -> None:
        """Alert that another account authorized than the one that was invited."""
        self.ports.alerts.tell(
            "connection.quarantined",
            str(name),
            detail=Line(
                "the invite was for {account}; the old connection stays as it was", account=authorization.for_account
            ),
            next_command=following,
        )
