"""Verification: does an access token still work, and what does its account hold now?

Never-expiring tokens are verified daily, as nothing else would tell that they died; any other on demand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync import transitions
from tokensync.accounts import kept_facts
from tokensync.domain.connection import noted
from tokensync.domain.errors import PublishUnavailable, SecretGone, SecretNotOurs, StoreUnavailable
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.sealing import grant_binding
from tokensync.outcome import Outcome, Result

if TYPE_CHECKING:
    from typing import Any

    from tokensync.accounts import AccountReader
    from tokensync.committing import Committer
    from tokensync.concluding import Concluder
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Connections
    from tokensync.domain.runtime import Alerts, Clock, Log, Randomness
    from tokensync.publishing import Publisher
    from tokensync.schedule import Cadence
    from tokensync.session import Session


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """Verifies leased connections. Thread-safe: it holds ports and no state."""

    connections: Connections
    accounts: AccountReader
    concluder: Concluder
    committer: Committer
    publisher: Publisher
    alerts: Alerts
    clock: Clock
    randomness: Randomness
    log: Log
    cadence: Cadence

    def verify(self, record: Connection, grant: Grant, session: Session) -> Outcome:
        """Ask the provider with the access token; COMMIT what it says. The lease is the caller's, and ends here.

        Raises:
            FenceLost: the connection was taken over.
        """
        facts = self.accounts.facts(grant, session)
        if isinstance(facts, Failure):
            return self._not_verified(record, facts, grant, session)
        session.tally.add(refused=False)
        if self.names_another(facts, grant, session):
            self.alerts.tell(
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
            now=self.clock.now(),
            cadence=self.cadence.for_app(session.app),
        )
        new = replace(grant, account=kept_facts(grant.account, facts))
        if new.account != grant.account:
            sealed = session.key.seal(new.to_bytes(), binding=grant_binding(record.name))
            after = noted(replace(after, sealed_grant=sealed), "account.changed", now=self.clock.now())
        elif not after.publishing_is_due():
            return self._kept(record, transitions.released(after), new)
        return self.committer.publish(record, transitions.released(after), new, Result.VERIFIED)

    def _kept(self, record: Connection, after: Connection, grant: Grant) -> Outcome:
        """COMMIT a verification that changed nothing, once it is seen that the secret still stands.

        Nothing else would ever look at the secret of a token that never expires.
        """
        try:
            if record.published is not None and not self.publisher.is_current(record):
                return self.committer.publish(record, after, grant, Result.VERIFIED)
        except PublishUnavailable as error:
            self.log.warning("comparing.postponed", connection=str(record.name), error=str(error))
        except (SecretGone, SecretNotOurs) as gone:
            return self.committer.orphaned(record, str(gone))
        return Outcome(Result.VERIFIED, self.connections.write(record, after))

    def index(self, name: ConnectionName, facts: dict[str, Any], session: Session) -> None:
        """Note by what else a provider's notices name this account; failing that, the next verification does it."""
        call = session.provider.account_call
        keys = () if call is None else call.lookups(facts)
        if not keys:
            return
        try:
            self.connections.index(name, keys)
        except StoreUnavailable as error:
            self.log.warning("lookups.failed", connection=str(name), error=str(error))

    def _not_verified(self, record: Connection, failure: Failure, grant: Grant, session: Session) -> Outcome:
        if failure.kind is FailureClass.REFUSED and not session.provider.renews(grant):
            # Nothing can renew it: this refusal is as authoritative as that of a refresh token.
            return self.concluder.settle(record, failure, grant, session, previous=None)
        if failure.kind is FailureClass.CONFIGURATION:
            self.concluder.pause(session, failure)
        after = transitions.unverified(
            record,
            failure,
            renews=session.provider.renews(grant),
            now=self.clock.now(),
            fraction=self.randomness.fraction(),
        )
        if failure.kind is FailureClass.REFUSED:
            # Another access token can be had: that answer decides.
            after = transitions.released(replace(after, renew_at=self.clock.now()))
        return Outcome(Result.POSTPONED, self.connections.write(record, after))

    @staticmethod
    def names_another(facts: dict[str, Any], grant: Grant, session: Session) -> bool:
        """Return whether the provider's facts are of another account than the grant's."""
        call = session.provider.account_call
        named = None if call is None else call.account(facts, grant.account_id)
        return named is not None and named.id != grant.account_id
