"""What a worker is asked to do with one connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.runtime import Budget
    from tokensync.domain.work import Work
    from tokensync.refresh.result import WorkResult
    from tokensync.refresh.session import Session

    # Done under a lease: it ends the lease and returns how, or returns the leased record that is to be refreshed now.
    Act = Callable[[Connection, Grant, Session], WorkResult | Connection]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One piece of work, its app's session and the time that is left for it.

    `force` is an operator's: a token that may be spent is presented again. `act` is done instead of what is due.
    """

    work: Work
    session: Session
    budget: Budget
    force: bool = False
    act: Act | None = None

    @property
    def is_asked_for(self) -> bool:
        """Return whether somebody asked for it, so that it is done although the record says that nothing is due."""
        work = self.work
        return work.compare or work.push or work.answer is not None or self.force or self.act is not None
