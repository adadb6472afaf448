"""From the answer to a code to a connection that stands: read it, fetch the facts, take the connection over, publish.

The callback does this at once; the rotation function does it for a callback that died in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tokensync.authorize.establish import Authorized
from tokensync.domain.authorization import NO_ACCOUNT, Outcome
from tokensync.domain.connection import Status
from tokensync.domain.errors import NotLeased
from tokensync.domain.grant import Grant
from tokensync.domain.messages import Answer, Failure, FailureClass, Issued
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import GrantType
from tokensync.oauth.token_response import read_answer
from tokensync.refresh.account import missing_scopes, named_account, wrong_kind
from tokensync.refresh.result import Outcome as Looked
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokensync.authorize.establish import Establisher
    from tokensync.authorize.redelivery import Placer
    from tokensync.domain.authorization import Pending, PendingKey
    from tokensync.domain.ports import Connections, Pendings, Sealer
    from tokensync.domain.runtime import Alerts, Clock, Log
    from tokensync.domain.work import Work
    from tokensync.refresh.account import AccountReader, Verifier
    from tokensync.refresh.conclude import Concluder
    from tokensync.refresh.restored_table import RestoredTable
    from tokensync.refresh.session import Budget, Limits, Session

_LONGEST_NAMING = 86_400  # seconds for which a provider is asked again whose account a token is
_NOT_NOW = Failure(kind=FailureClass.BUSY, code="app_paused", retry_after=600)


def pending_binding(key: PendingKey) -> str:
    """Return the place that the answer to a code is sealed for."""
    return f"{key.app}|{key.sort_key}|answer|1"


@dataclass(frozen=True, kw_only=True)
class Finisher:
    """Finishes answered authorizations. Thread-safe: it holds ports and no state."""

    connections: Connections
    pendings: Pendings
    concluder: Concluder
    sealer: Sealer
    alerts: Alerts
    accounts: AccountReader
    establisher: Establisher
    verifier: Verifier
    restored: RestoredTable
    placer: Placer
    clock: Clock
    log: Log
    limits: Limits

    def take_up(self, work: Work, session: Session, budget: Budget) -> Looked:
        """Finish an authorization whose callback died after the answer was stored.

        Raises:
            FenceLost, StoreUnavailable, SealingUnavailable, UnknownApp, InvalidApp: later it will do.
        """
        key = work.pending
        if key is None:
            raise ValueError("this work names no authorization")
        if work.answer is not None:
            self.placer.place(key, work.answer, fence=work.fence)
        now = self.clock.now()
        try:
            pending = self.pendings.lease(key, now=now, until=now + math.ceil(budget.left()) + self.limits.lease_margin)
        except NotLeased:
            return Looked(Result.NOTHING_DUE)
        if pending.sealed_answer is None:
            return Looked(Result.NOTHING_DUE)
        if self.restored.is_unchecked(pending):
            # It may have been finished since the backup, and its tokens been refreshed.
            self._unusable(pending, "restored_table", session)
            return Looked(Result.NOTHING_DUE)
        answer = Answer.from_bytes(self.sealer.open(pending.sealed_answer, app=key.app, binding=pending_binding(key)))
        # Nobody waits for this one: an agency's list of thousands of accounts may take its time.
        finished = self.finish(pending, answer, session, budget, seconds=self.limits.provider)
        return Looked(Result.POSTPONED if finished.outcome is Outcome.WORKING else Result.PUBLISHED)

    def finish(
        self,
        pending: Pending,
        answer: Answer,
        session: Session,
        budget: Budget,
        *,
        shown: Sequence[Secret] = (),
        seconds: float | None = None,
    ) -> Pending:
        """Make the connection that an answered code stands for, and say on the authorization how it ended.

        `shown` is what was presented, where it is still in hand: it is masked in the provider's words.
        `seconds` is how long the provider may take to tell whose account it is.

        Raises:
            StoreUnavailable: the answer is stored; the rotation function finishes later.
        """
        read = read_answer(session.provider, answer, secrets=[session.app.client_secret, *shown])
        if isinstance(read, Failure):
            # Where the code is in nobody's hands any more, nothing could be masked in the provider's words.
            return self._refused(pending, read if shown else read.untold(), session)
        # Without a usable access token a good refresh token is as good as an imported one: its first refresh is due.
        grant = _grant(read, read.access_token or Secret(""), pending, session, at=answer.received_at)
        if not grant.access_token and not session.provider.renews(grant):
            return self._unusable(pending, "unusable_answer", session)
        facts = self._facts(grant, session, seconds=seconds)
        account = named_account(read.account, facts, session, wanted=pending.for_account)
        if account is None:
            return self._unnamed(pending, session, facts if isinstance(facts, Failure) else None)
        problem = wrong_kind(account, session)
        if problem:
            return self._unusable(pending, problem, session)
        # The invite's label is the wanted account's, and no other's.
        asked = "" if pending.for_account not in ("", account.id) else pending.label
        label = asked or self._standing_label(ConnectionName(session.name, account.id)) or account.label
        grant = replace(grant, account_id=account.id, label=label, account=account.facts)
        verified = bool(facts) and not isinstance(facts, Failure)
        return self._connected(pending, read, grant, session, budget, verified=verified)

    def _facts(self, grant: Grant, session: Session, *, seconds: float | None) -> dict[str, Any] | Failure:
        """Return what the provider tells of the account; nothing where there is no access token to ask with."""
        if not grant.access_token:
            return {}
        return _NOT_NOW if session.state.paused else self.accounts.facts(grant, session, seconds=seconds)

    def _connected(
        self, pending: Pending, read: Issued, grant: Grant, session: Session, budget: Budget, *, verified: bool
    ) -> Pending:
        """Let the connection stand for an account that is named, unless the authorization was wanted for another."""
        name = ConnectionName(session.name, grant.account_id)
        self._tell_what_is_odd(name, grant, read, session)
        strange = bool(pending.for_account) and pending.for_account != name.account
        if strange and self._stands(name):
            self._tell_strange(pending, name, following=f"tokensync show {name}")
            return self._end(pending, Outcome.QUARANTINED, "another account", keep=True)
        self.verifier.index(name, grant.account, session)
        missing = missing_scopes(session.app, read)
        authorized = Authorized(
            at=pending.consumed_at or 0,
            by=pending.key.nonce,
            life=read.life,
            status=Status.QUARANTINED if strange else Status.ACTIVE,
            verified=verified,
            missing_scopes=missing,
            detail=f"the invite was for {pending.for_account}" if strange else "",
        )
        stands = self.establisher.establish(name, grant, authorized, session, budget)
        if strange:
            self._tell_strange(pending, name, following=f"tokensync accept {name}")
            return self._end(pending, Outcome.QUARANTINED, "another account", connection=str(name))
        if pending.invite_id:
            # Before the end is written: whoever finishes again marks it again, and it is used up in any case.
            self.pendings.use_invite(
                session.name, pending.invite_id, now=self.clock.now(), expires_at=pending.invite_expires_at
            )
        if missing:
            self._tell_missing(name, missing, session)
        # An answer whose place was taken by a later authorization of the same account is kept, and never published.
        return self._end(pending, Outcome.CONNECTED, "", connection=str(name), keep=not stands, missing_scopes=missing)

    def _unusable(self, pending: Pending, problem: str, session: Session) -> Pending:
        """End an authorization whose answer cannot become a connection; the answer is kept."""
        self.alerts.tell(
            "authorization.unusable",
            session.name,
            detail=f"an authorization could not be used: {problem}; the answer is kept sealed",
            next_command="tokensync recover" if problem == NO_ACCOUNT else f"tokensync app show {session.name}",
        )
        return self._end(pending, Outcome.FAILED, problem, keep=True)

    def _unnamed(self, pending: Pending, session: Session, failure: Failure | None) -> Pending:
        """Leave an answered authorization whose account could not be asked for to the rotation function.

        The tokens are real and stored, and only the account's name is missing: nobody has to authorize again.
        """
        now = self.clock.now()
        if failure is None or now > (pending.received_at or now) + _LONGEST_NAMING:
            return self._unusable(pending, NO_ACCOUNT, session)
        if failure.kind is FailureClass.CONFIGURATION:
            self.concluder.pause(session, failure)
        self.log.warning("authorization.unnamed", app=session.name, failure=failure.kind, code=failure.code)
        waited = now - (pending.received_at or now)
        # Each wait half as long as all before it together: a minute at first, never more than an hour.
        wait = max(60, min(waited // 2, 3600), failure.retry_after or 0)
        return self.pendings.write(pending, replace(pending, lease_until=None), next_at=now + wait)

    def _tell_what_is_odd(self, name: ConnectionName, grant: Grant, read: Issued, session: Session) -> None:
        if read.oddities:
            self.concluder.tell_odd(name, read)
        if not session.provider.renews(grant) and read.life is not None:
            self.alerts.tell(
                "connection.cannot_refresh",
                str(name),
                detail="the provider gave no usable refresh token: the connection ends with its access token",
                next_command=f"tokensync invite {name.app} --for {name}",
            )

    def _tell_missing(self, name: ConnectionName, missing: tuple[str, ...], session: Session) -> None:
        minted = session.provider.grant_type is GrantType.CLIENT_CREDENTIALS
        self.alerts.tell(
            "authorization.scopes_missing",
            str(name),
            detail=f"the account did not grant everything that was asked for: {', '.join(missing)}",
            next_command=f"tokensync app show {name.app}" if minted else f"tokensync invite {name.app} --for {name}",
        )

    def _standing_label(self, name: ConnectionName) -> str:
        """Return the label that this account has had: a link without one takes none away."""
        record = self.connections.get(name)
        return "" if record is None else record.label

    def _stands(self, name: ConnectionName) -> bool:
        """Return whether a connection of this name is in use: a stray authorization must not touch it."""
        record = self.connections.get(name)
        return record is not None and record.status is not Status.QUARANTINED

    def _tell_strange(self, pending: Pending, name: ConnectionName, *, following: str) -> None:
        self.alerts.tell(
            "connection.quarantined",
            str(name),
            detail=f"the invite was for {pending.for_account}; the old connection stays as it was",
            next_command=following,
        )

    def _refused(self, pending: Pending, failure: Failure, session: Session) -> Pending:
        self.log.warning(
            "authorization.failed",
            app=session.name,
            failure=failure.kind,
            code=failure.code,
            trace_id=failure.trace_id,
        )
        if failure.kind is FailureClass.CONFIGURATION:
            self.concluder.pause(session, failure)
        unparsed = failure.kind in (FailureClass.AMBIGUOUS, FailureClass.UNKNOWN)
        return self._end(pending, Outcome.FAILED, failure.code, keep=unparsed)

    def _end(
        self,
        pending: Pending,
        outcome: Outcome,
        detail: str,
        *,
        connection: str = "",
        keep: bool = False,
        missing_scopes: tuple[str, ...] = (),
    ) -> Pending:
        after = replace(
            pending,
            missing_scopes=missing_scopes,
            outcome=outcome,
            detail=detail,
            connection=connection,
            lease_until=None,
            sealed_answer=pending.sealed_answer if keep else None,
        )
        return self.pendings.write(pending, after, next_at=None)


def _grant(read: Issued, access_token: Secret, pending: Pending, session: Session, *, at: int) -> Grant:
    """Return the grant that an answer brought, its account still unnamed."""
    return Grant(
        account_id="",
        label=pending.label,
        access_token=access_token,
        refresh_token=read.refresh_token,
        token_type=read.token_type,
        scopes=_granted(read, session),
        obtained_at=at,
        access_expires_at=read.access_expires_at,
        refresh_expires_at=read.refresh_expires_at,
    )


def _granted(read: Issued, session: Session) -> tuple[str, ...]:
    """Return the granted scopes; RFC 6749 §5.1: where the answer is silent, what the link asked for was granted."""
    if read.scopes is not None:
        return read.scopes
    return session.app.scopes if session.provider.authorize.scope_separator is not None else ()
