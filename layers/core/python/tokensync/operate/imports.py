"""`import`: a connection from tokens that an operator brings, proved at once. Importing the same again is harmless."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from tokensync.authorize.establish import Authorized
from tokensync.domain.connection import Status
from tokensync.domain.errors import AlreadyStands, AppPaused, BadRequest, NotOffered
from tokensync.domain.grant import Grant
from tokensync.domain.messages import Failure
from tokensync.domain.sealing import Unsealer
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import GrantType
from tokensync.oauth.token_response import ASSUMED_LIFE
from tokensync.operate.on_demand import RESTS
from tokensync.refresh.account import kept_facts
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.session import Session

if TYPE_CHECKING:
    from typing import Any

    from tokensync.authorize.establish import Establisher
    from tokensync.domain.connection import Connection
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.operate.import_fields import ImportFields
    from tokensync.operate.on_demand import OnDemand
    from tokensync.operate.verify import Prover
    from tokensync.refresh.account import Verifier

EVENT = "connection.imported"
_READ = (Status.ACTIVE, Status.HELD)


@dataclass(frozen=True, kw_only=True)
class Import:
    """How an import ended. `again` tells that this very token had been imported before."""

    outcome: WorkResult
    again: bool = False


@dataclass(frozen=True)
class Importer:
    """Imports on demand. Thread-safe: it holds no state."""

    ports: Ports
    on_demand: OnDemand
    establisher: Establisher
    prover: Prover
    verifier: Verifier

    def bring(self, name: ConnectionName, brought: ImportFields, budget: Budget, *, replace: bool = False) -> Import:
        """Make a connection of what was brought; without an access token refresh at once, so that it is proved.

        A token that the provider refuses is kept: the connection says so. `replace` puts it in the place of a
        connection that stands.

        Raises:
            AppPaused, AlreadyStands, NotOffered, BadRequest: nothing was done.
            UnknownApp, InvalidApp, NewerSchema, StoreUnavailable, SealingUnavailable: nothing was done.
        """
        on_demand = self.on_demand
        session = Session(name.app, self.ports)
        self._check(session, brought)
        _ = session.key  # in hand before anything is written
        stands, mark = self.ports.connections.get(name), brought.mark(name.app)
        if stands is not None and stands.removed_at is None:
            if stands.authorized.authorized_by == mark:
                return Import(outcome=self._again(stands, budget), again=True)
            if stands.status is not Status.QUARANTINED and not replace:
                raise AlreadyStands(
                    f"the connection {name} stands already ({stands.status.value}); nothing was touched"
                )
        now = self.ports.clock.now()
        grant = _grant(name, brought, now)
        life = None if grant.access_expires_at is None else grant.access_expires_at - now
        facts: dict[str, Any] | Failure = {}
        unproved = brought.access_token is None
        if unproved:
            grant = self._with_standing_token(grant, stands)
        else:
            facts = self._facts(grant, session)
            grant = _with_facts(grant, facts)
            self.verifier.index(name, grant.account, session)
        verified = bool(facts) and not isinstance(facts, Failure)
        authorized = Authorized(at=now, by=mark, life=life, event=EVENT, verified=verified, unproved=unproved)
        over = None if replace else 0 if stands is None else stands.fence
        if not self.establisher.establish(name, grant, authorized, session, budget, over=over):
            if not replace:
                raise AlreadyStands(f"the connection {name} came to stand meanwhile; nothing was touched")
            return Import(outcome=WorkResult(Result.TAKEN_OVER, self.ports.connections.get(name)))
        self._tell_its_end(name, grant, session)
        return Import(outcome=self._proved(on_demand.standing(name), session, budget, verified=verified))

    def _with_standing_token(self, grant: Grant, stands: Connection | None) -> Grant:
        """Return the grant with the access token that workloads read: should its refresh fail, they are told of that.

        What was never published, or is told as dead already, is not taken over.
        """
        if stands is None or stands.status not in _READ or stands.sealed_grant is None or stands.obtained_at is None:
            return grant
        if self.establisher.restored.is_unchecked(stands):  # workloads may read a newer one
            return grant
        old = Unsealer(self.ports.sealer).grant(stands)
        return changed(
            old,
            label=grant.label or old.label,
            refresh_token=grant.refresh_token,
            refresh_expires_at=grant.refresh_expires_at,
            scopes=grant.scopes or old.scopes,
        )

    def _facts(self, grant: Grant, session: Session) -> dict[str, Any] | Failure:
        """Ask whose the brought access token is, before anybody reads it; a failure leaves that to later.

        Raises:
            BadRequest: it is another account's.
        """
        facts = self.verifier.accounts.facts(grant, session)
        if not isinstance(facts, Failure) and self.verifier.names_another(facts, grant, session):
            raise BadRequest("this token belongs to another account; nothing was imported")
        return facts

    def _tell_its_end(self, name: ConnectionName, grant: Grant, session: Session) -> None:
        if session.provider.renews(grant) or grant.access_expires_at is None:
            return
        self.ports.alerts.tell(
            "connection.cannot_refresh",
            str(name),
            detail="it was imported without a refresh token: the connection ends with its access token",
            next_command=f"tokensync invite {name.app} --for {name}",
        )

    def _check(self, session: Session, brought: ImportFields) -> None:
        """Refuse what can never become a connection of this app."""
        app, provider, now = session.app, session.provider, self.ports.clock.now()
        if provider.grant_type is GrantType.CLIENT_CREDENTIALS:
            raise NotOffered(
                f"{provider.title} gives {app.name} tokens for itself: there is nothing to import",
                next_command=f"tokensync connect {app.name}",
            )
        paused = session.state.paused
        if paused:
            raise AppPaused(f"{app.name} is paused ({paused}); nothing was imported")
        if brought.expires_at is not None and brought.expires_at <= now:
            raise BadRequest("the access_token has expired: leave it and expires_at out, and a new one is fetched")
        if brought.refresh_expires_at is not None and brought.refresh_expires_at <= now:
            raise BadRequest("the refresh_token has expired: the account has to authorize again")
        if brought.refresh_token is not None:
            return
        if provider.grant_type is GrantType.REFRESH_TOKEN:
            raise BadRequest(f"{provider.title} needs a refresh_token")
        if brought.expires_at is None and provider.answer.refresh_expires_in is not None:
            # A provider whose answers tell of refresh tokens gives access tokens that end.
            raise BadRequest(f"access tokens of {provider.title} expire: bring the refresh_token, or expires_at")

    def _again(self, stands: Connection, budget: Budget) -> WorkResult:
        """Go on with an import that came before: what it did not prove is proved now."""
        if stands.status not in (Status.ACTIVE, Status.HELD):
            return WorkResult(RESTS[stands.status], stands)
        if self._is_unproved(stands):
            return self.on_demand.refresh(stands.name, budget)
        return WorkResult(Result.NOTHING_DUE, stands)

    def _is_unproved(self, record: Connection) -> bool:
        return record.obtained_at is None or (
            record.due.renew_at is not None and record.due.renew_at <= self.ports.clock.now()
        )

    def _proved(self, record: Connection, session: Session, budget: Budget, *, verified: bool) -> WorkResult:
        """Refresh where no access token came, verify one that nothing else will prove."""
        if record.status is not Status.ACTIVE:
            return WorkResult(RESTS.get(record.status, Result.HELD), record)
        if self._is_unproved(record):
            return self.on_demand.refresh(record.name, budget)
        if record.due.renew_at is None and session.provider.account_call is not None and not verified:
            return self.prover.verify(record.name, budget).outcome
        done = Result.VERIFIED if record.due.renew_at is None and verified else Result.PUBLISHED
        return WorkResult(Result.POSTPONED if record.publishing_is_due() else done, record)


def _with_facts(grant: Grant, facts: dict[str, Any] | Failure) -> Grant:
    return grant if isinstance(facts, Failure) else changed(grant, account=kept_facts({}, facts))


def _grant(name: ConnectionName, brought: ImportFields, now: int) -> Grant:
    expires_at = brought.expires_at
    if expires_at is None and brought.access_token is not None and brought.refresh_token is not None:
        expires_at = now + ASSUMED_LIFE
    return Grant(
        account_id=name.account,
        label=brought.label,
        access_token=brought.access_token or Secret(""),
        refresh_token=brought.refresh_token,
        token_type="Bearer",  # noqa: S106 - the type's name, RFC 6750
        scopes=brought.scopes,
        obtained_at=now,
        access_expires_at=expires_at,
        refresh_expires_at=brought.refresh_expires_at,
    )
