"""What the provider knows: every token that it gave, every presentation of one, and what was never stored of it."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokensync.domain.connection import Exemption

if TYPE_CHECKING:
    from tokensync.domain.connection import Attempt
    from tokensync.domain.names import ConnectionName

_KEPT = 40


@dataclass(eq=False)
class Token:
    """One refresh token or code: whose it is, when it was first taken in, and what it was exchanged for."""

    text: str
    account: Account
    taken_at: float | None = None
    revoked: bool = False
    successor: Token | None = None
    shown: int = 0
    last_attempts: int = 0
    untaken: bool = False  # the last presentation was answered as not processed


@dataclass(eq=False)
class Account:
    """One account at the provider: the living tokens, the newest of them, and the story for whoever must read it.

    `exchanged_at` is when the last code was taken, `lost_at` since when the newest pair is known to the provider alone.
    `returning` tells that it consented after a loss and that its secret does not hold that grant yet, `owed` that
    within its grace the next answer is the only one that is left to be had. `remembered` is the story up to the first
    violation.
    """

    name: ConnectionName
    reuse: str
    life: int
    living: Token | None = None
    newest: str = ""
    newest_at: float = 0
    exchanged_at: float = 0
    owed: bool = False
    returning: bool = False
    loss: Loss | None = None
    lost_at: float | None = None
    remembered: tuple[tuple[float, str], ...] = ()
    story: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_KEPT))


@dataclass
class Loss:
    """A pair that the provider gave and that no store ever had; `path` is what became of its connection."""

    at: float
    account: Account
    how: str
    path: list[str] = field(default_factory=list)


@dataclass
class Ledger:
    """Counts presentations. `violations` are those that no named exemption allows.

    `doubles` are presentations of rotating tokens that were shown before, `spent` those of them that had been taken.
    `alone` are exempted ones whose first never arrived; `asked_again` are exempted ones of tokens that do not rotate.
    """

    presentations: int = 0
    issued: int = 0
    refused: int = 0
    doubles: int = 0
    spent: Counter[str] = field(default_factory=Counter)
    exempted: Counter[str] = field(default_factory=Counter)
    alone: int = 0
    asked_again: int = 0
    losses: list[Loss] = field(default_factory=list)
    violations: list[tuple[Account, str]] = field(default_factory=list)

    @property
    def exemptions(self) -> int:
        """Return how many presentations of rotating tokens named an exemption."""
        return sum(self.exempted.values())

    def present(self, token: Token, mark: Attempt | None, now: float, *, grace: int) -> None:
        """Enter a presentation of a refresh token under the mark that stands for it in the store."""
        account = token.account
        self.presentations += 1
        token.shown += 1
        if mark is None:
            self._violated(account, "a refresh token was presented without a mark in the store")
            return
        exemption = mark.exemption
        untaken, token.untaken = token.untaken, False
        if account.reuse == "safe":  # it is the same token every time
            self.asked_again += exemption is not None
            return
        if exemption is not None:
            self.exempted[exemption] += 1
        if token.shown == 1:
            # An exemption stands for an earlier presentation, and that one never reached the provider.
            self.alone += exemption is not None
            return
        self.doubles += 1
        spent = token.taken_at is not None
        if spent:
            self.spent[account.reuse] += 1
        if exemption is Exemption.LAST_ATTEMPT and not untaken:
            token.last_attempts += 1
        problem = self._problem(token, exemption, now, grace=grace, spent=spent)
        if problem:
            self._violated(account, problem)

    def lose(self, account: Account, how: str, now: float) -> None:
        """Enter that a pair was given and reached no store."""
        account.lost_at, account.owed = now, False
        account.story.append((now, f"LOST: {how}"))
        account.loss = Loss(now, account, how)
        self.losses.append(account.loss)

    def _violated(self, account: Account, what: str) -> None:
        account.remembered = account.remembered or tuple(account.story)
        self.violations.append((account, what))

    @staticmethod
    def _problem(token: Token, exemption: Exemption | None, now: float, *, grace: int, spent: bool) -> str:
        """Say why a second presentation was not allowed, or nothing."""
        if exemption is None:
            return "a refresh token was presented twice without an exemption"
        if exemption is Exemption.LAST_ATTEMPT:
            return "" if token.last_attempts <= 1 else "more than one last attempt"
        if exemption is Exemption.SAFE:
            return "a rotating token was presented as a safe one"
        if exemption is Exemption.GRACE:
            late = token.taken_at is not None and now > token.taken_at + grace
            return "a token was presented after its grace" if late or token.account.reuse != "grace" else ""
        if exemption is Exemption.NOT_PROCESSED:
            return "a spent token was presented as not processed" if spent and not _in_grace(token, now, grace) else ""
        return ""


def _in_grace(token: Token, now: float, grace: int) -> bool:
    return token.account.reuse == "grace" and token.taken_at is not None and now <= token.taken_at + grace
