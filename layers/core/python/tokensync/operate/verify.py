"""`verify`: the provider is asked whether a connection's access token works; a dead one is renewed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.errors import NotOffered
from tokensync.domain.messages import FailureClass
from tokensync.operate.on_demand import is_retried, unrefreshable
from tokensync.refresh.bind import bound_first
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.session import Session
from tokensync.refresh.transitions import released

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.operate.on_demand import OnDemand
    from tokensync.refresh.account import Verifier


@dataclass(frozen=True, kw_only=True)
class VerificationResult:
    """How a verification ended.

    `facts_changed` is None where the provider said nothing. `refused` means that it refused the token, which led to a
    refresh.
    """

    work: WorkResult
    facts_changed: bool | None = None
    refused: bool = False


@dataclass(frozen=True)
class Verification:
    """Verifies connections on demand."""

    ports: Ports
    on_demand: OnDemand
    verifier: Verifier

    def verify(self, name: ConnectionName, budget: Budget) -> VerificationResult:
        """Ask the provider whether the connection's access token works; where it does not, refresh at once.

        Raises:
            NotOffered: the provider has no call for it.
            UnknownConnection, NewerSchema, StoreUnavailable, UnknownApp, InvalidApp: nothing was done.
        """
        seen = self.on_demand.existing(name)
        session = Session(name.app, self.ports)
        if is_retried(seen):  # nothing is left to verify: a refresh is what is due
            return VerificationResult(work=self.on_demand.refresh(name, budget))
        refusal = unrefreshable(seen)
        if refusal is not None:
            return VerificationResult(work=WorkResult(refusal, seen))
        if session.provider.account_call is None:
            raise NotOffered(
                f"{session.provider.title} has no call that verifies an access token; a refresh proves the connection",
                next_command=typed("tokensync refresh {name}", name=name),
            )
        if seen.obtained_at is None:  # imported with a refresh token alone
            return VerificationResult(work=self.on_demand.refresh(name, budget))
        leased: list[Connection] = []

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult:
            if session.state.paused:
                return WorkResult(Result.PAUSED, self.ports.connections.write(record, released(record)))
            record, grant = bound_first(record, grant, session, self.ports)
            leased.append(record)
            return self.verifier.verify(record, grant, session)

        result = self.on_demand.under_lease(name, budget, act, session=session)
        record = result.record
        if result.result is Result.VERIFIED and leased and record is not None:
            return VerificationResult(work=result, facts_changed=record.sealed_grant != leased[0].sealed_grant)
        if result.result is Result.POSTPONED and leased and _was_refused(record):
            return VerificationResult(work=self.on_demand.refresh(name, budget), refused=True)
        return VerificationResult(work=result)


def _was_refused(record: Connection | None) -> bool:
    error = None if record is None else record.last_error
    return error is not None and error.failure == FailureClass.REFUSED
