"""`app rotate-secret`: a new client secret is tried with one call for one connection, before it replaces the old one.

An app may be paused exactly because its old secret died, so a pause does not stop the trial. A refusal under a secret
that is not proven says nothing of the connection, which is left as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Status
from tokensync.domain.errors import NotOffered
from tokensync.domain.messages import Failure, FailureClass
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.session import Session, Trial
from tokensync.refresh.transitions import released

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.operate.on_demand import OnDemand
    from tokensync.refresh.account import AccountReader


@dataclass(frozen=True)
class SecretTrial:
    """Tries new client secrets."""

    ports: Ports
    on_demand: OnDemand
    accounts: AccountReader

    def prove(self, app: str, budget: Budget, *, connection: ConnectionName | None = None) -> WorkResult | None:
        """Refresh one active connection with the new secret, or verify it where nothing is refreshed.

        Returns:
            REFRESHED or VERIFIED: the secret works. SECRET_REFUSED: it does not. None: no connection can prove it. Any
            other result: nothing was learned of it.

        Raises:
            NotOffered: the app has no new secret or presents none at all, or the connection is another app's.
            UnknownConnection, UnknownApp, InvalidApp, StoreUnavailable: nothing was sent.
        """
        if connection is not None and connection.app != app:
            # Another client's refresh token must never be presented under this client's name.
            raise NotOffered(
                f"{connection} belongs to the app {connection.app}, not to {app}",
                next_command=typed("tokensync list --app {app}", app=app),
            )
        secret = self.ports.apps.get(app, fresh=True).new_client_secret
        if secret is None:
            raise NotOffered(
                f"app {app} has no new client secret to prove",
                next_command=typed("tokensync app rotate-secret {app}", app=app),
            )
        session = Session(app, self.ports, trial=Trial(secret))
        way = session.provider.token.authentication
        if not way.needs_secret:
            # Its success would say nothing of a secret that was never sent.
            raise NotOffered(
                f"app {app} authenticates by {way} and presents no client secret",
                next_command=typed("tokensync app show {app}", app=app),
            )
        named = None if connection is None else self.on_demand.existing(connection)
        candidates = self.ports.connections.list(app) if named is None else iter([named])
        others: set[ConnectionName] = set()

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult | Connection:
            proves = session.provider.proves_secret(grant)
            if grant.has_own_client or not (proves or _verification_tells(session)):
                others.add(record.name)  # nothing that is said of it says anything of the app's secret
            elif proves and session.provider.renews(grant) and _can_tell(record):
                return record  # to be refreshed now
            return self._asked(record, grant, session)

        for record in self._in_order(candidates, session):
            result = self.on_demand.under_lease(record.name, budget, act, session=session)
            if record.name not in others:
                return result
        return None

    def _in_order(self, candidates: Iterable[Connection], session: Session) -> list[Connection]:
        """Return the connections to try it with, those without any trouble first."""
        able = [record for record in candidates if self._is_able(record, session)]
        return sorted(able, key=lambda record: (record.attempt is not None, record.failures))

    @staticmethod
    def _is_able(record: Connection, session: Session) -> bool:
        """Return whether some call for this connection presents the secret: its refresh, or its verification."""
        # A refresh is due some day exactly where there is something to refresh with.
        return _can_tell(record) and (record.due.renew_at is not None or _verification_tells(session))

    def _asked(self, record: Connection, grant: Grant, session: Session) -> WorkResult:
        """Verify the access token, where that call presents the secret too. Nothing of the response is kept."""
        failure: Failure | None = None
        result = Result.VERIFIED
        # An account's own client says nothing of the app's.
        if grant.has_own_client or not _verification_tells(session) or not _can_tell(record):
            result = Result.NOTHING_DUE
        else:
            facts = self.accounts.facts(grant, session)
            if isinstance(facts, Failure):
                failure = facts
                refused = facts.kind is FailureClass.CONFIGURATION
                result = Result.SECRET_REFUSED if refused else Result.POSTPONED
        return WorkResult(result, self.ports.connections.write(record, released(record)), failure=failure)


def _can_tell(record: Connection) -> bool:
    """Return whether the result of a call for this connection depends on the secret alone."""
    return (
        record.status is Status.ACTIVE
        and record.removed_at is None
        and record.consumer.handed_over_at is None
        and record.sealed_grant is not None
        and not record.unpublished
    )


def _verification_tells(session: Session) -> bool:
    call = session.provider.account_call
    return call is not None and call.carries_secret
