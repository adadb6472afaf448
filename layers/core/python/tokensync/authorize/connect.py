"""Makes one connection of one named grant: at once, or merged into the connection that the account has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Status
from tokensync.domain.errors import ParamRefused
from tokensync.domain.runtime import Moment
from tokensync.domain.visible import Line
from tokensync.oauth.params import not_made
from tokensync.oauth.provider import GrantType
from tokensync.oauth.scopes import missing_scopes
from tokensync.oauth.token_request import renewal_request
from tokensync.refresh import merging, notices
from tokensync.refresh.alerting import Notice, judged, send

if TYPE_CHECKING:
    from tokensync.authorize.account import NamedGrant
    from tokensync.authorize.establish import Establisher
    from tokensync.authorize.merge import Merger
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.refresh.account import Verifier
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.decisions import GrantSource

CANNOT_REFRESH, SCOPES_MISSING = "connection.cannot_refresh", "authorization.scopes_missing"
_JUDGED = (notices.ODD, notices.PARAM_REFUSED, CANNOT_REFRESH, SCOPES_MISSING)


@dataclass(frozen=True, kw_only=True)
class Connected:
    """What became of one grant. `has_it`: the connection has it; false where a later authorization took its place.

    `later` says that it could not be decided here or now.
    """

    name: ConnectionName
    has_it: bool = False
    later: bool = False
    missing_scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Connector:
    """Connects accounts. Without a `merger` no stored grant can be opened: what has to be merged is left for later."""

    ports: Ports
    concluder: Concluder
    verifier: Verifier
    establisher: Establisher
    merger: Merger | None = None

    @property
    def can_merge(self) -> bool:
        """Return whether stored grants can be opened here."""
        return self.merger is not None

    def connect(self, one: NamedGrant, source: GrantSource, budget: Budget) -> Connected:
        """Give the account's connection the grant; what the grant is silent about stays.

        Raises:
            NewerSchema, StoreUnavailable, SealingUnavailable: the same call goes on with it later.
        """
        self.concluder.note(one.name, one.read)
        record = self.ports.connections.get(one.name)
        if record is not None and self._is_silent(one, record, source):
            return self._merged(one, source, budget)
        # A silent grant replaces only the record that was looked at: another one may hold a refresh token by now.
        over = None if one.grant.refresh_token is not None else 0 if record is None else record.fence
        if one.session.provider.grant_type is GrantType.CLIENT_CREDENTIALS:
            over = None
        has_it = self.establish(one, source, budget, record, over=over)
        if not has_it and over is not None and self._may_come_later(one, source):
            return self._merged(one, source, budget)
        return self._done(one, has_it=has_it, grant=one.grant)

    def establish(
        self,
        one: NamedGrant,
        source: GrantSource,
        budget: Budget,
        record: Connection | None,
        *,
        over: int | None = None,
    ) -> bool:
        """Take the connection over, see `Establisher.establish`, and alert of what is not as it was asked for.

        Raises:
            NewerSchema, StoreUnavailable, SealingUnavailable: nothing was written.
        """
        self.verifier.index(one.name, one.grant.account, one.session)
        # Finished once more, after a process that died perhaps before it alerted: twice is better than never.
        is_known = record is not None and record.authorized.authorized_by != source.by
        known = record.alerted if record is not None and is_known else ()
        marks, new = judged(known, self._notices(one, one.grant, source), kinds=_JUDGED)
        source = replace(source, missing_scopes=self._missing(one, one.grant))
        has_it = self.establisher.establish(one.name, one.grant, source, one.session, budget, over=over, alerted=marks)
        if has_it:
            send(new, one.name, self.ports.alerts)
        return has_it

    def _merged(self, one: NamedGrant, source: GrantSource, budget: Budget) -> Connected:
        if self.merger is None:
            return Connected(name=one.name, later=True)

        def marks(grant: Grant, record: Connection) -> tuple[str, ...]:
            after, new = judged(record.alerted, self._notices(one, grant, source), kinds=_JUDGED)
            send(new, one.name, self.ports.alerts)
            return after

        self.verifier.index(one.name, one.grant.account, one.session)
        source = replace(source, missing_scopes=self._missing(one, one.grant))
        merged = self.merger.merge(one.name, one.grant, source, one.session, budget, marks=marks)
        if merged.later:
            return Connected(name=one.name, later=True)
        if merged.absent:
            record = self.ports.connections.get(one.name)
            over = 0 if record is None else record.fence
            has_it = self.establish(one, source, budget, record, over=over)
            if not has_it and self._may_come_later(one, source):
                return Connected(name=one.name, later=True)
            return self._done(one, has_it=has_it, grant=one.grant)
        return self._done(one, has_it=merged.has_it, grant=merged.grant or one.grant)

    def _done(self, one: NamedGrant, *, has_it: bool, grant: Grant) -> Connected:
        return Connected(name=one.name, has_it=has_it, missing_scopes=self._missing(one, grant))

    @staticmethod
    def _is_silent(one: NamedGrant, record: Connection, source: GrantSource) -> bool:
        """Return whether the connection's own grant may hold what this one is silent about."""
        if record.sealed_grant is None or record.removed_at is not None:
            return False
        provider = one.session.provider
        if provider.grant_type is GrantType.CLIENT_CREDENTIALS or record.authorized.authorized_by == source.by:
            return False
        if one.is_silent or record.brought:
            return True
        if provider.renewal.presents_access_token:  # there is no refresh token that could be carried over
            return False
        if one.grant.refresh_token is not None or not merging.carries_over(record, provider):
            return False
        ends = (
            record.due.renew_at,
            record.access_expires_at,
            record.refresh_expires_at,
            record.consumer.handed_over_at,
        )
        # Tokens that never end, before and now: there is nothing that would be refreshed.
        is_endless = one.read.life is None and all(at is None for at in ends)
        return record.status is not Status.ACTIVE or not is_endless

    def _may_come_later(self, one: NamedGrant, source: GrantSource) -> bool:
        """Return whether a grant that was not taken is none that gave way to a later authorization, token or end."""
        record = self.ports.connections.get(one.name)
        if record is None:
            return True
        is_later = (record.authorized.authorized_at or 0) <= source.at
        return is_later and not self.establisher.is_overtaken(record, one.grant)

    @staticmethod
    def _missing(one: NamedGrant, grant: Grant) -> tuple[str, ...]:
        """Return the scopes that were asked for and not granted; what a second token is asked for has no such list."""
        if grant.second:
            return ()
        return missing_scopes(
            one.session.app.scopes,
            one.read.scopes,
            has_refresh_token=grant.refresh_token is not None,
            has_id_token=one.read.has_id_token,
        )

    def _unsendable(self, one: NamedGrant, grant: Grant) -> list[Notice]:
        """Return what is to be alerted where no refresh can be sent, as nothing said where the account's host is.

        The tokens are real and kept: once the parameter is known, they are refreshed.
        """
        app, provider = one.session.app, one.session.provider
        if not provider.params or not provider.renews(grant):
            return []
        try:
            renewal_request(provider, app, grant, Moment.of(self.ports.clock, self.ports.randomness))
        except ParamRefused as error:
            return notices.of_account(one.name, not_made(error), grant)
        return []

    def _notices(self, one: NamedGrant, grant: Grant, source: GrantSource) -> list[Notice]:
        """Return what operators are to know of a grant that was given."""
        name, provider = one.name, one.session.provider
        invite = typed("tokensync invite {app} --for {name}", app=name.app, name=name)
        found = [*self.concluder.odd(name, one.read), *self._unsendable(one, grant)]
        if not provider.renews(grant) and one.read.life is not None:
            detail = Line("the provider gave no usable refresh token: the connection ends with its access token")
            found.append(Notice(kind=CANNOT_REFRESH, cause="", detail=detail, next_command=invite))
        missing = self._missing(one, grant)
        if missing and source.status is not Status.QUARANTINED:
            minted = provider.grant_type is GrantType.CLIENT_CREDENTIALS
            found.append(
                Notice(
                    kind=SCOPES_MISSING,
                    cause=" ".join(sorted(missing)),
                    detail=Line(
                        "the account did not grant everything that was asked for: {scopes}", scopes=", ".join(missing)
                    ),
                    next_command=typed("tokensync app show {app}", app=name.app) if minted else invite,
                )
            )
        return found
