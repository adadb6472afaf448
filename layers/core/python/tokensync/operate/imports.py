"""`import`: a connection from tokens of another system, proved at once. Importing the same again is harmless."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from tokensync.domain.connection import Status
from tokensync.domain.errors import AlreadyStands, AppPaused, BadRequest, NotOffered
from tokensync.domain.grant import Grant
from tokensync.domain.messages import Failure
from tokensync.domain.sealing import Unsealer
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import GrantType
from tokensync.oauth.token_response import ASSUMED_LIFE
from tokensync.operate.on_demand import unrefreshable
from tokensync.refresh.account import kept_facts
from tokensync.refresh.decisions import GrantSource
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
    from tokensync.operate.verify import Verification
    from tokensync.refresh.account import AccountReader, Verifier
    from tokensync.refresh.restored_table import RestoredTable

EVENT = "connection.imported"
_READ = (Status.ACTIVE, Status.HELD)  # whose access tokens workloads use


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """How an import ended. `again` means that this very token was imported before."""

    work: WorkResult
    again: bool = False


@dataclass(frozen=True)
class Importer:
    """Imports connections."""

    ports: Ports
    on_demand: OnDemand
    establisher: Establisher
    verification: Verification
    verifier: Verifier
    accounts: AccountReader
    restored_table: RestoredTable

    def import_tokens(
        self, name: ConnectionName, fields: ImportFields, budget: Budget, *, replace: bool = False
    ) -> ImportResult:
        """Make a connection of imported tokens; without an access token refresh at once, so that it is proved.

        A token that the provider refuses is kept: the connection says so. `replace` replaces an existing connection.

        Raises:
            AppPaused, AlreadyStands, NotOffered, BadRequest: nothing was done.
            UnknownApp, InvalidApp, NewerSchema, StoreUnavailable, SealingUnavailable: nothing was done.
        """
        session = Session(name.app, self.ports)
        self._check(session, fields)
        _ = session.key  # in hand before anything is written
        existing, mark = self.ports.connections.get(name), fields.mark(name.app)
        if existing is not None and existing.removed_at is None:
            if existing.authorized.authorized_by == mark:
                return ImportResult(work=self._again(existing, budget), again=True)
            if existing.status is not Status.QUARANTINED and not replace:
                raise AlreadyStands(
                    f"the connection {name} exists already ({existing.status.value}); nothing was changed"
                )
        now = self.ports.clock.now()
        grant = _grant(name, fields, now)
        life = None if grant.access_expires_at is None else grant.access_expires_at - now
        facts: dict[str, Any] | Failure = {}
        unproved = fields.access_token is None
        if unproved:
            grant = self._with_published_token(grant, existing)
        else:
            facts = self._facts(grant, session)
            grant = _with_facts(grant, facts)
            self.verifier.index(name, grant.account, session)
        verified = bool(facts) and not isinstance(facts, Failure)
        source = GrantSource(at=now, by=mark, life=life, event=EVENT, verified=verified, unproved=unproved)
        over = None if replace else 0 if existing is None else existing.fence
        if not self.establisher.establish(name, grant, source, session, budget, over=over):
            if not replace:
                raise AlreadyStands(f"the connection {name} was connected meanwhile; nothing was changed")
            return ImportResult(work=WorkResult(Result.TAKEN_OVER, self.ports.connections.get(name)))
        self._alert_its_end(name, grant, session)
        return ImportResult(work=self._proved(self.on_demand.existing(name), session, budget, verified=verified))

    def _with_published_token(self, grant: Grant, existing: Connection | None) -> Grant:
        """Return the grant with the access token that workloads read now: if its refresh fails, the secret can say so.

        An access token that was never published, or is known to be dead, is not taken over.
        """
        if existing is None or existing.status not in _READ:
            return grant
        if existing.sealed_grant is None or existing.obtained_at is None:
            return grant
        if self.restored_table.is_unchecked(existing):  # workloads may read a newer one
            return grant
        old = Unsealer(self.ports.sealer).grant(existing)
        return changed(
            old,
            label=grant.label or old.label,
            refresh_token=grant.refresh_token,
            refresh_expires_at=grant.refresh_expires_at,
            scopes=grant.scopes or old.scopes,
        )

    def _facts(self, grant: Grant, session: Session) -> dict[str, Any] | Failure:
        """Ask whose the access token is before it is published; after a failure that is verified later.

        Raises:
            BadRequest: it belongs to another account.
        """
        facts = self.accounts.facts(grant, session)
        if not isinstance(facts, Failure) and self.verifier.names_another(facts, grant, session):
            raise BadRequest("this token belongs to another account; nothing was imported")
        return facts

    def _alert_its_end(self, name: ConnectionName, grant: Grant, session: Session) -> None:
        if session.provider.renews(grant) or grant.access_expires_at is None:
            return
        self.ports.alerts.tell(
            "connection.cannot_refresh",
            str(name),
            detail="it was imported without a refresh token: the connection ends with its access token",
            next_command=f"tokensync invite {name.app} --for {name}",
        )

    def _check(self, session: Session, fields: ImportFields) -> None:
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
        if fields.expires_at is not None and fields.expires_at <= now:
            raise BadRequest("the access_token has expired: leave it and expires_at out, and a new one is fetched")
        if fields.refresh_expires_at is not None and fields.refresh_expires_at <= now:
            raise BadRequest("the refresh_token has expired: the account has to authorize again")
        if fields.refresh_token is not None:
            return
        if provider.grant_type is GrantType.REFRESH_TOKEN:
            raise BadRequest(f"{provider.title} needs a refresh_token")
        if fields.expires_at is None and provider.response.refresh_expires_in is not None:
            # A provider that issues refresh tokens with a lifetime issues access tokens that end.
            raise BadRequest(f"access tokens of {provider.title} expire: bring the refresh_token, or expires_at")

    def _again(self, record: Connection, budget: Budget) -> WorkResult:
        """Go on with an import that came before: what it did not prove is proved now."""
        refusal = unrefreshable(record)
        if refusal is not None:
            return WorkResult(refusal, record)
        if self._is_unproved(record):
            return self.on_demand.refresh(record.name, budget)
        return WorkResult(Result.NOTHING_DUE, record)

    def _is_unproved(self, record: Connection) -> bool:
        return record.obtained_at is None or (
            record.due.renew_at is not None and record.due.renew_at <= self.ports.clock.now()
        )

    def _proved(self, record: Connection, session: Session, budget: Budget, *, verified: bool) -> WorkResult:
        """Refresh where there is no access token, and verify one that no refresh will prove."""
        if record.status is not Status.ACTIVE:
            return WorkResult(unrefreshable(record) or Result.HELD, record)
        if self._is_unproved(record):
            return self.on_demand.refresh(record.name, budget)
        if record.due.renew_at is None and session.provider.account_call is not None and not verified:
            return self.verification.verify(record.name, budget).work
        done = Result.VERIFIED if record.due.renew_at is None and verified else Result.PUBLISHED
        return WorkResult(Result.POSTPONED if record.publishing_is_due() else done, record)


def _with_facts(grant: Grant, facts: dict[str, Any] | Failure) -> Grant:
    return grant if isinstance(facts, Failure) else changed(grant, account=kept_facts({}, facts))


def _grant(name: ConnectionName, fields: ImportFields, now: int) -> Grant:
    expires_at = fields.expires_at
    if expires_at is None and fields.access_token is not None and fields.refresh_token is not None:
        expires_at = now + ASSUMED_LIFE
    return Grant(
        account_id=name.account,
        label=fields.label,
        access_token=fields.access_token or Secret(""),
        refresh_token=fields.refresh_token,
        token_type="Bearer",  # noqa: S106 - the type's name, RFC 6750
        scopes=fields.scopes,
        obtained_at=now,
        access_expires_at=expires_at,
        refresh_expires_at=fields.refresh_expires_at,
    )
