"""Asks a provider about the account behind an access token: its facts, its name, and whether the token works.

Never-expiring tokens are verified daily, as nothing else would show that they died; any other on demand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import noted
from tokensync.domain.errors import PublishUnavailable, StoreUnavailable, WireError
from tokensync.domain.messages import AccountReply, Failure, FailureClass
from tokensync.domain.sealing import grant_binding
from tokensync.oauth.provider import GrantType
from tokensync.oauth.token_response import cleaned_account, read_account
from tokensync.refresh import transitions
from tokensync.refresh.publish import cut
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokensync.domain.app import App
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import Issued
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.end import End
    from tokensync.refresh.session import Session


# Bytes. An advertiser's agency lists thousands of accounts; what is published of them is cut to size later.
_LARGEST_FACTS = 2_097_152


@dataclass(frozen=True)
class AccountReader:
    """Makes the provider's account call."""

    ports: Ports

    def facts(self, grant: Grant, session: Session, *, seconds: float | None = None) -> dict[str, Any] | Failure:
        """Return what the provider says about the grant's account; empty if it has no such call.

        It may take `seconds`, or the limit for facts.

        REFUSED says that the access token works no more; every other failure says nothing about it.
        """
        call = session.provider.account_call
        if call is None:
            return {}
        request = call.request(
            session.app, session.provider.endpoint(session.app, call.endpoint), grant, self.ports.clock.now()
        )
        request = replace(request, largest=_LARGEST_FACTS)
        try:
            response = self.ports.wire.send(request, seconds=seconds or self.ports.limits.facts)
        except WireError as error:
            failure = Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message=str(error))
        else:
            shown = [grant.access_token, session.app.client_secret]
            read = read_account(session.provider, call, response, secrets=shown)
            if not isinstance(read, Failure):
                return read
            failure = read
        self.ports.log.warning(
            "facts.failed", app=session.name, failure=failure.kind, code=failure.code, trace_id=failure.trace_id
        )
        return failure


def named_account(
    reply: AccountReply | None, facts: dict[str, Any] | Failure, session: Session, *, wanted: str
) -> AccountReply | None:
    """Return who authorized, with all that is known of the account; None if nothing says it.

    What the token response says comes first. If the account call names another account, its facts are ignored.
    `wanted` is the account that the authorization was for, empty if any will do.
    """
    if session.provider.grant_type is GrantType.CLIENT_CREDENTIALS:
        return AccountReply(id=session.app.client_id)  # RFC 6749 §4.4: the app acts for itself
    reply = reply or AccountReply(id="")
    if isinstance(facts, Failure):
        facts = {}
    call = session.provider.account_call
    named = None if call is None else cleaned_account(call.account({**reply.facts, **facts}, wanted), [])
    if named is not None and reply.id not in ("", named.id):
        named, facts = None, {}
    known = replace(
        reply,
        id=reply.id or (named.id if named else ""),
        label=reply.label or (named.label if named else ""),
        facts=kept_facts(reply.facts, facts),
    )
    return known if known.id else None


def kept_facts(before: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that a grant keeps: the newer over the older, cut to what a secret can hold.

    More would not fit into the record either: DynamoDB takes 400 KB.
    """
    # `cut` marks anew whether anything is cut.
    return cut({key: value for key, value in {**before, **facts}.items() if key != "truncated"})


def wrong_kind(account: AccountReply, session: Session) -> str:
    """Return why an account is not of the type that the app expects, empty if it is, or if nothing says it."""
    expected = session.provider.setting(session.app, "account_kind")
    if not expected or account.kind in ("", expected):
        return ""
    return f"wrong_account_kind_{account.kind}"


def missing_scopes(app: App, read: Issued) -> tuple[str, ...]:
    """Return the scopes that the app asks for and the account did not grant, in the app's order."""
    if read.scopes is None:
        return ()
    granted = set(read.scopes)
    return tuple(scope for scope in app.scopes if scope not in granted)


@dataclass(frozen=True)
class Verifier:
    """Verifies leased connections."""

    ports: Ports
    accounts: AccountReader
    concluder: Concluder
    committer: Committer
    end: End

    def verify(self, record: Connection, grant: Grant, session: Session) -> WorkResult:
        """Ask the provider with the access token; COMMIT what it says. This ends the caller's lease.

        Raises:
            LeaseEnded: the secret is gone or not ours, and that is committed.
            FenceLost: the connection was taken over.
        """
        later = record.due.ask_not_before
        if later is not None and later > self.ports.clock.now():
            waits = record if record.due.verify_at is None else record.with_due(verify_at=later)
            return replace(self.committer.end_lease(record, waits, Result.BUSY), until=later)
        facts = self.accounts.facts(grant, session)
        if isinstance(facts, Failure):
            return self._not_verified(record, facts, grant, session)
        session.tally.add(refused=False)
        if self.names_another(facts, grant, session):
            self.ports.alerts.tell(
                "account.changed",
                str(record.name),
                detail="the provider no longer names this account for its token; the facts stay as they were",
                next_command=f"tokensync history {record.name}",
            )
            facts = {}
        self.index(record.name, facts, session)
        after = transitions.verified(
            record,
            provider=session.provider,
            grant=grant,
            now=self.ports.clock.now(),
            cadence=self.ports.cadence.for_app(session.app),
        )
        new = replace(grant, account=kept_facts(grant.account, facts))
        if new.account != grant.account:
            sealed = session.key.seal(new.to_bytes(), binding=grant_binding(record.name))
            after = noted(replace(after, sealed_grant=sealed), "account.changed", now=self.ports.clock.now())
        elif not after.publishing_is_due():
            return self._kept(record, transitions.released(after), new)
        return self.committer.publish_and_commit(record, transitions.released(after), new, Result.VERIFIED)

    def verify_or_wait(self, record: Connection, grant: Grant, session: Session) -> WorkResult:
        """Verify if the provider has a call for it; if not, a token that nothing can renew stays until its end.

        Raises:
            LeaseEnded, FenceLost: as `verify`.
        """
        if session.provider.account_call is not None:
            return self.verify(record, grant, session)
        rests = record.with_due(renew_at=None, verify_at=None)
        if self.end.has_come(record):
            return self.end.commit(record, rests, grant, session)
        return self.committer.end_lease(record, rests, Result.NOTHING_DUE)

    def _kept(self, record: Connection, after: Connection, grant: Grant) -> WorkResult:
        """COMMIT a verification that changed nothing, once it is seen that the secret is still as it was published.

        Nothing else would ever look at the secret of a token that never expires.
        """
        try:
            if self.committer.secret_differs(record):
                return self.committer.publish_and_commit(record, after, grant, Result.VERIFIED)
        except PublishUnavailable as error:
            self.ports.log.warning("comparing.postponed", connection=str(record.name), error=str(error))
        return WorkResult(Result.VERIFIED, self.ports.connections.write(record, after))

    def index(self, name: ConnectionName, facts: dict[str, Any], session: Session) -> None:
        """Note by what else a provider's webhooks name this account; if that fails, the next verification does it."""
        call = session.provider.account_call
        keys = () if call is None else call.lookups(facts)
        if not keys:
            return
        try:
            self.ports.connections.index(name, keys)
        except StoreUnavailable as error:
            self.ports.log.warning("lookups.failed", connection=str(name), error=str(error))

    def _not_verified(self, record: Connection, failure: Failure, grant: Grant, session: Session) -> WorkResult:
        if failure.kind is FailureClass.REFUSED and not session.provider.renews(grant):
            # Nothing can renew it: this refusal is as authoritative as that of a refresh token.
            return self.concluder.settle(record, failure, grant, session, previous=None)
        if failure.kind is FailureClass.CONFIGURATION:
            self.concluder.pause(session, failure)
        after = transitions.unverified(
            record,
            failure,
            renews=session.provider.renews(grant),
            now=self.ports.clock.now(),
            fraction=self.ports.randomness.fraction(),
        )
        if failure.kind is FailureClass.REFUSED:
            # A refresh brings another access token, or a refusal that counts.
            after = transitions.released(after.with_due(renew_at=self.ports.clock.now()))
        return WorkResult(Result.POSTPONED, self.ports.connections.write(record, after))

    @staticmethod
    def names_another(facts: dict[str, Any], grant: Grant, session: Session) -> bool:
        """Return whether the provider's facts are of another account than the grant's."""
        call = session.provider.account_call
        named = None if call is None else call.account(facts, grant.account_id)
        return named is not None and named.id != grant.account_id
