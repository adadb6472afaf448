"""Facts that an operator brings with an import: they are published beside the provider's, and never over them.

Where a provider's API needs what none of its responses says, such as Eshopbox' workspace, somebody has to say it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.connection import noted
from tokensync.domain.errors import BadRequest
from tokensync.domain.sealing import grant_binding
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.transitions import released

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.oauth.provider import Provider
    from tokensync.operate.on_demand import OnDemand
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.session import Session

_RESERVED = "truncated"  # says that facts were cut


def check_facts(facts: Mapping[str, str], provider: Provider) -> None:
    """Refuse facts that the provider itself says: they would be ignored.

    Raises:
        BadRequest: there is one; the message names it.
    """
    for name in facts:
        if name == _RESERVED:
            raise BadRequest(f"{name} says that facts were cut: no fact of that name can be brought")
        if name in provider.facts:
            raise BadRequest(f"{provider.title} itself says {name} of an account: leave it out")


@dataclass(frozen=True)
class BroughtFacts:
    """Keeps what operators say of accounts."""

    ports: Ports
    on_demand: OnDemand
    committer: Committer

    def add(self, record: Connection, facts: Mapping[str, str], budget: Budget) -> WorkResult:
        """Publish more facts with the tokens as they are; those that are not named stay.

        Raises:
            UnknownConnection, NewerSchema, StoreUnavailable: nothing was done.
        """

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult:
            new = replace(grant, brought={**grant.brought, **facts})
            if new == grant:
                return self.committer.end_lease(record, record, Result.NOTHING_DUE)
            sealed = session.key.seal(new.to_bytes(), binding=grant_binding(record.name))
            after = noted(
                replace(record, sealed_grant=sealed, brought=True), "account.changed", now=self.ports.clock.now()
            )
            return self.committer.publish_and_commit(record, released(after), new, Result.PUBLISHED)

        return self.on_demand.under_lease(record.name, budget, act)
