"""From the answer to a code to a connection that stands: read it, fetch the facts, take the connection over, publish.

The callback does this at once; the rotation function does it for a callback that died in between.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync import schedule
from tokensync.answers import AccountReply, Answer, Failure, FailureClass, Issued
from tokensync.concluding import grant_binding
from tokensync.connection import Connection, Status
from tokensync.errors import FenceLost, NotLeased, WireError
from tokensync.grant import Grant
from tokensync.history import noted
from tokensync.names import ConnectionName
from tokensync.outcome import Outcome as Looked
from tokensync.outcome import Result
from tokensync.pending import Outcome
from tokensync.reading import read_answer
from tokensync.strict_json import NotStrictJson, parse_object

if TYPE_CHECKING:
    from typing import Any

    from tokensync.concluding import Concluder
    from tokensync.pending import Pending, PendingKey
    from tokensync.ports import Alerts, Clock, Connections, Failpoints, Log, Pendings, Sealer
    from tokensync.secret import Secret
    from tokensync.session import Budget, Limits, Session
    from tokensync.wire import Wire
    from tokensync.work import Work


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
    wire: Wire
    clock: Clock
    failpoints: Failpoints
    log: Log
    limits: Limits
    cadence: schedule.Cadence

    def take_up(self, work: Work, session: Session, budget: Budget) -> Looked:
        """Finish an authorization whose callback died after the answer was stored.

        Raises:
            StoreUnavailable, SealingUnavailable: later it will do.
        """
        key = work.pending
        if key is None:
            raise ValueError("this work names no authorization")
        if work.answer is not None:
            self._bring_back(key, work)
        now = self.clock.now()
        try:
            pending = self.pendings.lease(key, now=now, until=now + math.ceil(budget.left()) + self.limits.lease_margin)
        except NotLeased:
            return Looked(Result.NOTHING_DUE)
        if pending.sealed_answer is None:
            return Looked(Result.NOTHING_DUE)
        answer = Answer.from_bytes(self.sealer.open(pending.sealed_answer, app=key.app, binding=pending_binding(key)))
        self.finish(pending, answer, session, budget)
        return Looked(Result.PUBLISHED)

    def finish(
        self, pending: Pending, answer: Answer, session: Session, budget: Budget, *, code: Secret | None = None
    ) -> Pending:
        """Make the connection that an answered code stands for, and say on the authorization how it ended.

        `code` is what was presented, where it is still in hand: it is masked in the provider's words.

        Raises:
            StoreUnavailable: the answer is stored; the rotation function finishes later.
        """
        shown = [session.app.client_secret, code] if code is not None else []
        read = read_answer(session.provider, answer, secrets=shown)
        if isinstance(read, Failure):
            # Where the code is in nobody's hands any more, nothing could be masked in the provider's words.
            return self._refused(pending, read if code is not None else read.untold(), session)
        problem = _problem(read, session)
        if problem or read.account is None or read.access_token is None:
            self.alerts.tell(
                "authorization.unusable",
                session.name,
                detail=f"an authorization could not be used: {problem}; the answer is kept sealed",
                next_command=f"tokensync app show {session.name}",
            )
            return self._end(pending, Outcome.FAILED, problem, keep=True)
        name = ConnectionName(session.name, read.account.id)
        grant = self._grant(read, read.account, pending, session, at=answer.received_at)
        self._tell_what_is_odd(name, read)
        strange = bool(pending.for_account) and pending.for_account != name.account
        if strange and self._stands(name):
            self._tell_strange(pending, name)
            return self._end(pending, Outcome.QUARANTINED, "another account", keep=True)
        status = Status.QUARANTINED if strange else Status.ACTIVE
        until = self.clock.now() + math.ceil(budget.left()) + self.limits.lease_margin
        holder = self._holder(name, grant, read, session, status=status, until=until)
        authorized = replace(holder, authorized_at=pending.consumed_at or 0, authorized_by=pending.key.nonce)
        stands = self._connect(authorized, grant, until)
        if strange:
            self._tell_strange(pending, name)
            return self._end(pending, Outcome.QUARANTINED, "another account", connection=str(name))
        if pending.invite_id:
            # Before the end is written: whoever finishes again marks it again, and it is used up in any case.
            self.pendings.use_invite(
                session.name, pending.invite_id, now=self.clock.now(), expires_at=pending.invite_expires_at
            )
        # An answer whose place was taken by a later authorization of the same account is kept, and never published.
        return self._end(pending, Outcome.CONNECTED, "", connection=str(name), keep=not stands)

    def _holder(
        self, name: ConnectionName, grant: Grant, read: Issued, session: Session, *, status: Status, until: int
    ) -> Connection:
        """Return what the account's record becomes, due as soon as the lease of this take-over ends."""
        cadence = replace(self.cadence, floor=0) if session.app.is_sandboxed else self.cadence
        renews = grant.refresh_token is not None
        renew_at = schedule.renew_at(name, now=grant.obtained_at, life=read.life, cadence=cadence) if renews else None
        holder = Connection(
            name=name,
            provider=session.provider.name,
            status=status,
            label=grant.label,
            sealed_grant=session.key.seal(grant.to_bytes(), binding=grant_binding(name)),
            obtained_at=grant.obtained_at,
            access_expires_at=grant.access_expires_at,
            refresh_expires_at=grant.refresh_expires_at,
            renew_at=renew_at,
            warn_at=schedule.warn_at(now=self.clock.now(), refresh_expires_at=grant.refresh_expires_at),
            refresh_at=until + 1,
            next_at=until + 1,
        )
        return noted(holder, "connection.authorized", now=self.clock.now())

    def _connect(self, holder: Connection, grant: Grant, until: int) -> bool:
        """Take the connection over from whoever holds it, then PUBLISH and COMMIT.

        Returns:
            Whether this authorization's grant stands: false where a later one has taken its place.
        """
        try:
            record, stood = self.connections.take_over(holder, until=until)
        except FenceLost:
            # Finished before, by a process that died after it; or a later authorization stands.
            now_stands = self.connections.get(holder.name)
            return now_stands is not None and now_stands.authorized_by == holder.authorized_by
        self.failpoints.reached("exchange.taken_over")
        if stood is not None and stood.sealed_answer is not None:
            self.concluder.keeper.superseded(stood.name, stood.fence, stood.sealed_answer)
        # The table gives the number, so the event that came with the grant learns it only now.
        history = (*record.history[:-1], replace(record.history[-1], generation=record.generation))
        after = replace(record, lease_until=None, compare_at=_compare_at(stood, self.clock.now()), history=history)
        if record.status is Status.QUARANTINED:
            after = replace(after, renew_at=None, warn_at=None, compare_at=None)
            with contextlib.suppress(FenceLost):
                self.connections.write(record, schedule.scheduled(after))
        else:
            self.concluder.publish(record, schedule.scheduled(after), grant, Result.PUBLISHED)
        return True

    def _tell_what_is_odd(self, name: ConnectionName, read: Issued) -> None:
        if read.oddities:
            self.concluder.tell_odd(name, read)
        if read.refresh_token is None and read.life is not None:
            self.alerts.tell(
                "connection.cannot_refresh",
                str(name),
                detail="the provider gave no usable refresh token: the connection ends with its access token",
                next_command=f"tokensync invite {name.app} --for {name}",
            )

    def _grant(self, read: Issued, account: AccountReply, pending: Pending, session: Session, *, at: int) -> Grant:
        assert read.access_token is not None  # noqa: S101 - `finish` has checked it; this tells the type checker
        grant = Grant(
            account_id=account.id,
            label=pending.label or account.label,
            access_token=read.access_token,
            refresh_token=read.refresh_token,
            token_type=read.token_type,
            scopes=read.scopes if read.scopes is not None else session.app.scopes,
            obtained_at=at,
            access_expires_at=read.access_expires_at,
            refresh_expires_at=read.refresh_expires_at,
            account=account.facts,
        )
        return replace(grant, account={**grant.account, **self._facts(grant, session)})

    def _facts(self, grant: Grant, session: Session) -> dict[str, Any]:
        """Fetch what the provider tells about the account; its failure never fails a connect."""
        call = session.provider.facts
        if call is None:
            return {}
        request = call.request(session.app, session.provider.endpoint(session.app, "api"), grant, self.clock.now())
        try:
            answer = self.wire.send(request, seconds=self.limits.facts)
            facts = call.read(parse_object(answer.body)) if answer.complete else None
        except (WireError, NotStrictJson) as error:
            self.log.warning("facts.failed", app=session.name, error=str(error))
            return {}
        if facts is None:
            self.log.warning("facts.failed", app=session.name, error=f"http_{answer.status}")
        return facts or {}

    def _stands(self, name: ConnectionName) -> bool:
        """Return whether a connection of this name is in use: a stray authorization must not touch it."""
        record = self.connections.get(name)
        return record is not None and record.status is not Status.QUARANTINED

    def _tell_strange(self, pending: Pending, name: ConnectionName) -> None:
        self.alerts.tell(
            "connection.quarantined",
            str(name),
            detail=f"the invite was for {pending.for_account}; the old connection stays as it was",
            next_command=f"tokensync show {name}",
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
        self, pending: Pending, outcome: Outcome, detail: str, *, connection: str = "", keep: bool = False
    ) -> Pending:
        after = replace(
            pending,
            outcome=outcome,
            detail=detail,
            connection=connection,
            lease_until=None,
            sealed_answer=pending.sealed_answer if keep else None,
        )
        return self.pendings.write(pending, after, next_at=None)

    def _bring_back(self, key: PendingKey, work: Work) -> None:
        """Give an answer that came as a message its place on the authorization."""
        pending = self.pendings.get(key)
        if pending is None or pending.sealed_answer is not None or pending.fence != work.fence:
            return
        now = self.clock.now()
        # Due when the callback's own lease ends; before that nobody could take it up.
        due = max(now, (pending.lease_until or 0) + 1)
        self.pendings.write(pending, replace(pending, sealed_answer=work.answer, received_at=now), next_at=due)


def _compare_at(stood: Connection | None, now: int) -> int | None:
    """Return when to hold the secret against the grant once more: when the lease that was taken over would have ended.

    Whoever held it may publish an older token until then; the same goes for one that was taken over before.
    """
    if stood is None:
        return None
    ends = [(stood.lease_until or 0) + 1, stood.compare_at or 0]
    return max(ends) if max(ends) > now else None


def _problem(read: Issued, session: Session) -> str:
    """Return why a successful answer cannot become a connection, empty where it can."""
    if read.access_token is None:
        return "unusable_answer"
    if read.account is None:
        return "no_account"
    expected = session.provider.settings.get("account_kind")
    if expected is not None and read.account.kind not in ("", session.provider.setting(session.app, "account_kind")):
        return f"wrong_account_kind_{read.account.kind}"
    return ""
