"""`import`: a connection from tokens of another system, proved at once. Importing the same again is harmless."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from tokensync.authorize.connect import CANNOT_REFRESH
from tokensync.domain.bound import Credential
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Connection, Status
from tokensync.domain.errors import (
    AlreadyStands,
    AppPaused,
    BadRequest,
    EndpointRefused,
    NotOffered,
    ParamRefused,
    SealingUnavailable,
    StoreUnavailable,
)
from tokensync.domain.grant import Grant
from tokensync.domain.messages import AccountAnswer, Failure
from tokensync.domain.sealing import Unsealer
from tokensync.domain.secret import Secret
from tokensync.domain.visible import Line
from tokensync.oauth.app_check import check_settings
from tokensync.oauth.issued import ASSUMED_LIFE
from tokensync.oauth.params import of_import
from tokensync.oauth.provider import GrantType
from tokensync.operate.import_facts import check_facts
from tokensync.operate.on_demand import unrefreshable
from tokensync.operate.pauses import pause_of
from tokensync.refresh import merging
from tokensync.refresh.account import facts_of
from tokensync.refresh.alerting import Notice, judged, send
from tokensync.refresh.breaker import note_outcomes
from tokensync.refresh.decisions import GrantSource
from tokensync.refresh.merging import IMPORTED
from tokensync.refresh.publish import kept_facts
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.session import Session

if TYPE_CHECKING:
    from typing import Any

    from tokensync.authorize.establish import Establisher
    from tokensync.authorize.merge import Merger
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.operate.import_facts import BroughtFacts
    from tokensync.operate.import_fields import ImportFields
    from tokensync.operate.on_demand import OnDemand
    from tokensync.operate.verify import Verification
    from tokensync.refresh.account import AccountReader, Verifier
    from tokensync.refresh.restored_table import RestoredTable

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
    merger: Merger
    verification: Verification
    verifier: Verifier
    accounts: AccountReader
    restored_table: RestoredTable
    brought_facts: BroughtFacts

    def import_tokens(
        self, name: ConnectionName, fields: ImportFields, budget: Budget, *, replace: bool = False
    ) -> ImportResult:
        """Make a connection of imported tokens; without an access token refresh at once, so that it is proved.

        A token that the provider refuses is kept: the connection says so. `replace` replaces an existing connection:
        what the new tokens are silent about stays, as with every new grant of an account.

        Raises:
            AppPaused, AlreadyStands, NotOffered, BadRequest: nothing was done.
            UnknownApp, InvalidApp, NewerSchema, StoreUnavailable, SealingUnavailable: nothing was done.
        """
        session = Session(name.app, self.ports)
        self._check(session, fields)
        params = _params(session, fields)
        _ = session.key  # in hand before anything is written
        existing, mark = self.ports.connections.get(name), fields.mark(name.app)
        if existing is not None and existing.removed_at is None:
            if existing.authorized.authorized_by == mark:
                return ImportResult(work=self._again(existing, fields, budget), again=True)
            if existing.status is not Status.QUARANTINED and not replace:
                raise AlreadyStands(
                    f"the connection {name} exists already ({existing.status.value}); nothing was changed"
                )
        now = self.ports.clock.now()
        grant = _grant(name, fields, params, now)
        life = None if grant.access_expires_at is None else grant.access_expires_at - now
        old, answer = self._opened(existing), AccountAnswer()
        unproved = fields.access_token is None
        if not unproved:
            answer, facts = self._asked(grant, session)
            grant = changed(grant, account=kept_facts({}, facts))
            self.verifier.index(name, facts, session)
        if old is not None:
            # A new refresh token has an end of its own.
            spent = changed(old, refresh_token=None, refresh_expires_at=None)
            grant = merging.merged(spent, grant, says_scopes=bool(grant.scopes))
        grant = changed(grant, bound=session.bound(grant))
        if unproved and old is not None and self.merger.is_from_there(old, grant, session, Credential.ACCESS):
            grant = _with_published_token(grant, old, existing)
        verified = bool(answer.facts or answer.found)
        source = GrantSource(
            at=now, by=mark, life=life, event=IMPORTED, verified=verified, imported=True, unproved=unproved
        )
        over = None if replace else 0 if existing is None else existing.fence
        if not self._established(name, grant, source, session, budget, over=over, existing=existing):
            if not replace:
                raise AlreadyStands(f"the connection {name} was connected meanwhile; nothing was changed")
            return ImportResult(work=WorkResult(Result.TAKEN_OVER, self.ports.connections.get(name)))
        return ImportResult(work=self._proved(self.on_demand.existing(name), session, budget, verified=verified))

    def _established(
        self,
        name: ConnectionName,
        grant: Grant,
        source: GrantSource,
        session: Session,
        budget: Budget,
        *,
        over: int | None,
        existing: Connection | None,
    ) -> bool:
        """Give the account the grant; an access token alone keeps the refresh token that the connection has."""

        def marks(grant: Grant, record: Connection) -> tuple[str, ...]:
            after, new = judged(record.alerted, _its_end(name, grant, session), kinds=(CANNOT_REFRESH,))
            send(new, name, self.ports.alerts)
            return after

        if grant.refresh_token is None and existing is not None and merging.carries_over(existing, session.provider):
            merged = self.merger.merge(name, grant, source, session, budget, marks=marks)
            note_outcomes(session, self.ports)
            if merged.later:
                raise StoreUnavailable(f"{name} is held by another worker; nothing was changed")
            if not merged.absent:
                return merged.has_it
        blank = Connection(name=name, provider=session.provider.name) if existing is None else existing
        after, new = judged(blank.alerted, _its_end(name, grant, session), kinds=(CANNOT_REFRESH,))
        has_it = self.establisher.establish(name, grant, source, session, budget, over=over, alerted=after)
        if has_it:
            send(new, name, self.ports.alerts)
        return has_it

    def _opened(self, existing: Connection | None) -> Grant | None:
        """Return the grant of the connection that is replaced, None where it has none, or one that may be old.

        Raises:
            SealingUnavailable, StoreUnavailable: one that workloads use cannot be opened now.
        """
        if existing is None or existing.sealed_grant is None or self.restored_table.is_unchecked(existing):
            return None
        try:
            return Unsealer(self.ports.sealer).grant(existing)
        except SealingUnavailable:
            if existing.status in _READ:
                raise
            return None

    def _asked(self, grant: Grant, session: Session) -> tuple[AccountAnswer, dict[str, Any]]:
        """Ask whose the access token is before it is published; after a failure that is verified later.

        Raises:
            BadRequest: it belongs to another account.
        """
        answer = self.accounts.ask(grant, session)
        if isinstance(answer, Failure):
            return AccountAnswer(), {}
        if self.verifier.names_another(answer, grant, session):
            raise BadRequest("this token belongs to another account; nothing was imported")
        return answer, facts_of(answer, session)

    def _check(self, session: Session, fields: ImportFields) -> None:
        """Refuse what can never become a connection of this app."""
        app, provider, now = session.app, session.provider, self.ports.clock.now()
        check_settings(app, session.registered_provider)
        check_facts(fields.facts, provider)
        minted = provider.grant_type is GrantType.CLIENT_CREDENTIALS
        has_token = fields.refresh_token is not None or fields.access_token is not None
        if minted and (fields.client_secret is None or has_token):
            raise NotOffered(
                f"{provider.title} gives {app.name} tokens for itself: there is nothing to import",
                next_command=typed("tokensync connect {app}", app=app.name),
            )
        paused = pause_of(session.state)
        if paused is not None:
            raise AppPaused(f"{app.name} is paused: {paused.why}; nothing was imported")
        if fields.expires_at is not None and fields.expires_at <= now:
            raise BadRequest("the access_token has expired: leave it and expires_at out, and a new one is fetched")
        if fields.refresh_expires_at is not None and fields.refresh_expires_at <= now:
            raise BadRequest("the refresh_token has expired: the account has to authorize again")
        if provider.renewal.presents_access_token and None in (fields.access_token, fields.expires_at):
            # Without an end nothing would ever renew it.
            raise BadRequest("its access token extends itself before its end: bring the access_token and expires_at")
        if minted or fields.refresh_token is not None:
            return
        if not has_token:
            raise BadRequest("there is neither a refresh_token nor an access_token")
        if provider.grant_type is GrantType.REFRESH_TOKEN:
            raise BadRequest(f"{provider.title} needs a refresh_token")
        if fields.expires_at is None and provider.response.default_expires_in is not None:
            # Where a token that states no life has one, none lives for ever.
            raise BadRequest(f"access tokens of {provider.title} expire: bring the refresh_token, or expires_at")

    def _again(self, record: Connection, fields: ImportFields, budget: Budget) -> WorkResult:
        """Go on with an import that came before: what it did not prove is proved now, new facts are published."""
        refusal = unrefreshable(record)
        if refusal is not None:
            return WorkResult(refusal, record)
        done = WorkResult(Result.NOTHING_DUE, record)
        if fields.facts:
            done = self.brought_facts.add(record, fields.facts, budget)
        if self._is_unproved(record):
            return self.on_demand.refresh(record.name, budget)
        return done

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


def _with_published_token(grant: Grant, old: Grant, existing: Connection | None) -> Grant:
    """Return the grant with the access token that workloads read now: if its refresh fails, the secret can say so.

    An access token that was never published, or is known to be dead, is not taken over.
    """
    if existing is None or existing.status not in _READ or existing.obtained_at is None or old.params != grant.params:
        return grant
    return changed(
        grant,
        access_token=old.access_token,
        token_type=old.token_type,
        obtained_at=old.obtained_at,
        access_expires_at=old.access_expires_at,
    )


def _its_end(name: ConnectionName, grant: Grant, session: Session) -> list[Notice]:
    if session.provider.renews(grant) or grant.access_expires_at is None:
        return []
    notice = Notice(
        kind=CANNOT_REFRESH,
        cause="",
        detail=Line("it was imported without a refresh token: the connection ends with its access token"),
        next_command=typed("tokensync invite {app} --for {name}", app=name.app, name=name),
    )
    return [notice]


def _params(session: Session, fields: ImportFields) -> dict[str, str]:
    """Return the parameters of the imported account.

    Raises:
        BadRequest: one cannot be used, one is missing that leads to its token endpoint, or nothing may be sent there.
    """
    provider = session.provider
    try:
        params = of_import(provider.params, fields.params, provider.in_hosts)
        session.check_endpoint("refresh", params)
    except (ParamRefused, EndpointRefused) as error:
        raise BadRequest(str(error)) from None
    return params


def _grant(name: ConnectionName, fields: ImportFields, params: dict[str, str], now: int) -> Grant:
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
        params=params,
        client_id=fields.client_id,
        client_secret=fields.client_secret,
        brought=dict(fields.facts),
    )
