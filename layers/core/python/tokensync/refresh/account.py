"""Asks a provider about the account behind an access token: its facts, its name, and whether the token works.

Never-expiring tokens are verified daily, as nothing else would show that they died; any other on demand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.bound import Credential
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Reason, noted
from tokensync.domain.destinations import kept_back
from tokensync.domain.errors import EndpointRefused, ParamRefused, PublishUnavailable, StoreUnavailable, WireError
from tokensync.domain.messages import AccountAnswer, AccountReply, Failure, FailureClass
from tokensync.domain.sealing import grant_binding
from tokensync.domain.visible import Line
from tokensync.oauth.params import not_made
from tokensync.oauth.token_response import read_account_answer
from tokensync.refresh import notices, transitions
from tokensync.refresh.alerting import Notice, alerted_once
from tokensync.refresh.bind import bound_first
from tokensync.refresh.publish import kept_facts
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from typing import Any

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
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
        """Return the facts that the provider has of the grant's account, or the failure, as `ask`."""
        answer = self.ask(grant, session, seconds=seconds)
        return answer if isinstance(answer, Failure) else answer.facts

    def ask(self, grant: Grant, session: Session, *, seconds: float | None = None) -> AccountAnswer | Failure:
        """Return what the provider says about the grant's account; empty if it has no such call.

        It may take `seconds`, or the limit for facts.

        REFUSED says that the access token works no more; every other failure says nothing about it.
        """
        call = session.provider.account_call
        if call is None:
            return AccountAnswer()
        app = session.app.of(grant)
        try:
            request = call.request(app, session.provider.endpoint(app, call.endpoint), grant, self.ports.clock.now())
            request = session.cleared(replace(request, largest=_LARGEST_FACTS), grant, Credential.ACCESS)
        except ParamRefused as error:
            return not_made(error)
        except EndpointRefused as error:
            return kept_back(error)
        try:
            response = self.ports.wire.send(request, seconds=seconds or self.ports.limits.facts)
        except WireError as error:
            failure = Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message=str(error))
        else:
            shown = [*grant.secrets, *session.client_secrets]
            read = read_account_answer(session.provider, call, response, secrets=shown, largest=_LARGEST_FACTS)
            if not isinstance(read, Failure):
                return read
            failure = read
        self.ports.log.warning(
            "facts.failed", app=session.name, failure=failure.kind, code=failure.code, trace_id=failure.trace_id
        )
        return failure


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
        session = session.of(grant)
        later = record.due.ask_not_before
        if later is not None and later > self.ports.clock.now():
            waits = record if record.due.verify_at is None else record.with_due(verify_at=later)
            return replace(self.committer.end_lease(record, waits, Result.BUSY), until=later)
        record, grant = bound_first(record, grant, session, self.ports)
        answer = self.accounts.ask(grant, session)
        if isinstance(answer, Failure):
            return self._not_verified(record, answer, grant, session)
        if not session.provider.renews(grant):  # of refresh tokens it says nothing
            call = session.provider.account_call
            carries = call is not None and call.carries_secret and not grant.has_own_client
            session.tally.success(record.name.account, at=self.ports.clock.now(), of_client=carries)
        is_another, facts = self.names_another(answer, grant, session), facts_of(answer, session)
        noticed = alerted_once(
            record, [_changed(record)] if is_another else [], kinds=("account.changed",), alerts=self.ports.alerts
        )
        if is_another:
            facts = {}
        self.index(record.name, facts, session)
        after = transitions.verified(
            noticed,
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
        session = session.of(grant)
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
        is_verdict = failure.kind in (FailureClass.REFUSED, FailureClass.CONFIGURATION)
        is_verdict = is_verdict or failure.code == Reason.ENDPOINT_CHANGED
        if is_verdict and not session.provider.renews(grant):
            # Nothing can renew it: this counts as much as if it had been said of a refresh token.
            return self.concluder.settle(record, failure, grant, session, previous=None)
        if failure.kind is FailureClass.CONFIGURATION:
            self.concluder.note_fault(record, failure, grant, session)
        own, noticed = notices.of_account(record.name, failure, grant), record
        if own:
            noticed = alerted_once(record, own, kinds=(own[0].kind,), alerts=self.ports.alerts)
        after = transitions.unverified(
            noticed,
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
    def names_another(answer: AccountAnswer, grant: Grant, session: Session) -> bool:
        """Return whether the provider's answer is of another account than the grant's."""
        naming, call = session.provider.naming, session.provider.account_call
        if naming is not None and naming.contradicts(answer.found, grant.account_id):
            return True
        named = None if call is None else call.account(answer.facts, grant.account_id)
        return named is not None and named.id != grant.account_id


def facts_of(answer: AccountAnswer, session: Session) -> dict[str, Any]:
    """Return the facts of an account call, those among them that paths lead to."""
    naming = session.provider.naming
    if naming is None:
        return answer.facts
    return naming.reply(answer.found, other=AccountReply(id="", facts=answer.facts)).facts


def _changed(record: Connection) -> Notice:
    return Notice(
        kind="account.changed",
        cause="",
        detail=Line("the provider no longer names this account for its token; the facts stay as they were"),
        next_command=typed("tokensync history {name}", name=record.name),
    )
