"""An app's running state: what its connections' last presentations say of it, and why it is paused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_VOICES = 20  # more of them would decide nothing more
PROBE_FIRST, PROBE_LONGEST = 60, 3600  # seconds between two probes of a paused app
# Where so many of one batch are refused, and more than succeed, they are no sellers who left.
MANY = 5


class PauseKind(StrEnum):
    """Who paused an app: an operator, or what its provider said to several connections."""

    OPERATOR = "operator"
    CONFIGURATION = "configuration"
    REFUSED = "refused"

    @classmethod
    def of(cls, why: str) -> PauseKind:
        """Return the kind of a pause that an earlier version wrote, from its words."""
        if why == "paused by an operator":
            return cls.OPERATOR
        return cls.REFUSED if "refreshes refused within" in why else cls.CONFIGURATION


# Begins the voice of a success that says nothing of the app's own credentials.
_APART = "~"


def voice(account: str, *, of_client: bool = True) -> str:
    """Return how the app's state names a connection: of one length, whatever the account is called.

    Without `of_client` it succeeded without the app's own client: under one of its own, or by its access token alone.
    """
    name = hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return name if of_client else _APART + name


def is_beside(by: str, account: str, *, of_client: bool) -> bool:
    """Return whether a success is another connection's than this account's; one `of_client` presented the app's."""
    return by.removeprefix(_APART) != voice(account) and not (of_client and by.startswith(_APART))


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What a batch learned of one app, by voice: successes with their times, refusals, and who called it at fault.

    A success without the app's own client says that the provider takes tokens, and nothing of the app's credentials.
    """

    succeeded: Mapping[str, int] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    misconfigured: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.succeeded or self.refused or self.misconfigured)

    @property
    def of_client(self) -> Mapping[str, int]:
        """Return the successes that show that the provider takes the app's own client."""
        return {by: at for by, at in self.succeeded.items() if not by.startswith(_APART)}

    @property
    def is_mass_refusal(self) -> bool:
        """Return whether so many are refused beside a few successes that the cause is hardly the sellers."""
        return len(self.refused) >= MANY and len(self.refused) > len(self.succeeded)


@dataclass(frozen=True)
class Success:
    """A connection's last success, Unix seconds."""

    by: str
    at: int


@dataclass(frozen=True, kw_only=True)
class AppState:
    """An app's running state, read once per batch. All times are Unix seconds.

    `paused` holds the reason in words, or is empty; `paused_kind` says who paused it. `successes` are the last ones of
    two different connections, the later first: so each connection's own can be told from another's. `refused` and
    `misconfigured` name the connections that were refused, or answered that the app is at fault, since the last
    success. `credentials_refused` is the cause that the owner was alerted of when a code could not be exchanged, and
    `consent_refused` the one for which no consent came to anything; a consent that does clears the latter.
    `probe_at` is when the next connection may probe the paused app, `probed_at` when the last one did, `probes` how
    many did in this pause, and `probe_every` the seconds between the last two times.
    """

    name: str
    provider: str
    paused: str = ""
    paused_kind: PauseKind | None = None
    paused_at: int | None = None
    resumed_at: int | None = None
    successes: tuple[Success, ...] = ()
    refused: frozenset[str] = frozenset()
    misconfigured: frozenset[str] = frozenset()
    credentials_refused: str = ""
    consent_refused: str = ""
    probe_at: int | None = None
    probed_at: int | None = None
    probes: int = 0
    probe_every: int = PROBE_FIRST

    @property
    def probes_itself(self) -> bool:
        """Return whether it is paused by its connections' answers, so that a connection probes it now and then."""
        return bool(self.paused) and self.paused_kind is not PauseKind.OPERATOR

    @property
    def is_misconfigured(self) -> bool:
        """Return whether it is paused as its provider refuses its own credentials."""
        return bool(self.paused) and self.paused_kind is PauseKind.CONFIGURATION

    @property
    def takes_sellers(self) -> bool:
        """Return whether sellers may authorize: a provider that refuses refresh tokens may well exchange codes.

        Where every seller was refused for good, nothing but a new authorization would ever let the app run again.
        """
        return not self.paused or self.paused_kind is PauseKind.REFUSED

    @property
    def well_at(self) -> int:
        """Return when it ran well last, by a success or as it was resumed: answers of before count no more."""
        return max((self.resumed_at or 0, *(success.at for success in self.successes)))

    @property
    def client_well_at(self) -> int:
        """Return when its own client was taken last, as `well_at`."""
        taken = (success.at for success in self.successes if not success.by.startswith(_APART))
        return max((self.resumed_at or 0, *taken))

    def succeeded_beside(self, account: str, *, since: int, of_client: bool = False) -> bool:
        """Return whether another connection than this account's has succeeded since then, see `is_beside`."""
        return any(
            success.at >= since and is_beside(success.by, account, of_client=of_client) for success in self.successes
        )

    def was_stopped_since(self, at: int) -> bool:
        """Return whether it was paused since then, or runs again since then."""
        return bool(self.paused) or (self.resumed_at is not None and self.resumed_at >= at)

    def resumed(self, *, now: int) -> AppState:
        """Return the state of an app that runs again: nothing of what was said before counts."""
        return AppState(
            name=self.name,
            provider=self.provider,
            resumed_at=now,
            successes=self.successes,
            credentials_refused=self.credentials_refused,
            consent_refused=self.consent_refused,
        )

    def after(self, outcomes: Outcomes, *, now: int) -> AppState:
        """Return the state after a batch: a success clears what was said before, and lets a probed app run again.

        Refusals beside a success in one batch count as followed by it, unless they are a mass. What was said of the
        app's own credentials is cleared by a success of its own client alone.
        """
        if not outcomes.succeeded:
            return replace(
                self,
                refused=_bounded(self.refused, outcomes.refused),
                misconfigured=_bounded(self.misconfigured, outcomes.misconfigured),
            )
        newest = {success.by: success.at for success in self.successes}
        for by, at in outcomes.succeeded.items():
            newest[by] = max(at, newest.get(by, at))
        two = sorted((Success(by, at) for by, at in newest.items()), key=lambda success: -success.at)[:2]
        taken = outcomes.of_client
        telling = taken if self.is_misconfigured else outcomes.succeeded
        passes = self.probes_itself and max(telling.values(), default=-1) >= (self.paused_at or 0)
        after = self.resumed(now=now) if passes else self
        return replace(
            after,
            successes=tuple(two),
            refused=_bounded(frozenset(), outcomes.refused) if outcomes.is_mass_refusal else frozenset(),
            misconfigured=frozenset() if taken else _bounded(after.misconfigured, outcomes.misconfigured),
            credentials_refused="" if taken else after.credentials_refused,
        )

    def probed(self, *, now: int) -> AppState:
        """Return the state once a connection has claimed the probe: the next one comes twice as much later."""
        wait = min(self.probe_every * 2, PROBE_LONGEST)
        return replace(self, probes=self.probes + 1, probe_every=wait, probed_at=now, probe_at=now + wait)


def _bounded(before: frozenset[str], more: frozenset[str]) -> frozenset[str]:
    room = max(0, MOST_VOICES - len(before))
    return before | set(sorted(more - before)[:room])
