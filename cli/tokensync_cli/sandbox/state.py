"""Everything that a running sandbox knows, and its saved form."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.routing import BaseRoute

from tokensync_cli.sandbox.accounts import Account, Accounts
from tokensync_cli.sandbox.apps import App, Apps, UserType
from tokensync_cli.sandbox.clock import Clock
from tokensync_cli.sandbox.credentials import Kept
from tokensync_cli.sandbox.faults.script import Faults
from tokensync_cli.sandbox.faults.wire import Sleep
from tokensync_cli.sandbox.grants import Grants
from tokensync_cli.sandbox.ledger import Entry, Ledger
from tokensync_cli.sandbox.mint import Mint
from tokensync_cli.sandbox.records import BadRecordError, read

VERSION = 1


class Provider(Protocol):
    """One vendor's authorization server. A new one is a module that offers this, named in the registry."""

    name: str
    """Its name here and the first segment of its paths."""
    title: str
    endpoints: tuple[str, ...]
    """What can fail on command."""
    defaults: Mapping[str, Any]
    """Settings that a new app begins with, where the provider documents others than TikTok Shop."""

    user_type: UserType
    """What an account is of which nothing else is said."""

    def seeds(self) -> Iterable[Account]:
        """Return the accounts that exist from the start."""

    def routes(self, sandbox: "Sandbox") -> list[BaseRoute]:
        """Return the vendor's own paths."""

    def approve(self, sandbox: "Sandbox", consent: "Consent") -> str:
        """Record a seller's consent and return the URL that the browser is sent to."""


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What a seller decided on the consent page."""

    app: App
    account: Account
    scopes: tuple[str, ...]
    seconds: int | None
    state: str | None
    link: Mapping[str, str] = field(default_factory=dict)
    """The parameters of the link that led to the page."""
    origin: str = ""
    """Scheme, host and port under which the sandbox was reached."""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The state file."""

    version: int
    clock_offset: float = 0.0
    requests: dict[str, int] = field(default_factory=dict)
    apps: tuple[App, ...] = ()
    accounts: tuple[Account, ...] = ()
    grants: Kept = field(default_factory=Kept)
    ledger: tuple[Entry, ...] = ()


def _unchanged() -> None:
    """Stand in where nothing is saved."""


class Sandbox:
    """One running sandbox. Clock, randomness and waiting are passed in; `changed` is called after every change."""

    def __init__(
        self,
        providers: Iterable[Provider],
        *,
        saved: Saved | None = None,
        clock: Clock | None = None,
        mint: Mint | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.providers = {provider.name: provider for provider in providers}
        self.clock = clock or Clock()
        self.mint = mint or Mint()
        self.sleep = sleep
        self.changed: Callable[[], None] = _unchanged
        saved = saved or Saved(version=VERSION)
        self.clock.offset += saved.clock_offset
        self.apps = Apps(saved.apps)
        seeds = (account for provider in self.providers.values() for account in provider.seeds())
        self.accounts = Accounts((*seeds, *saved.accounts))
        self.grants = Grants(self.mint, saved.grants)
        self.ledger = Ledger(saved.ledger, saved.requests)
        self.faults = Faults((p.name, endpoint) for p in self.providers.values() for endpoint in p.endpoints)

    def snapshot(self) -> Saved:
        """Return a consistent copy of what is kept; faults are a script for the running process and are not."""
        return Saved(
            version=VERSION,
            clock_offset=self.clock.offset,
            requests=dict(self.ledger.requests),
            apps=tuple(self.apps),
            accounts=tuple(self.accounts),
            grants=self.grants.kept(),
            ledger=tuple(self.ledger.entries),
        )


def restore(value: Any) -> Saved:
    """Return the state that a file holds.

    Raises:
        BadRecordError: the file was written by another version, or is damaged.
    """
    if isinstance(value, dict) and value.get("version") != VERSION:
        raise BadRecordError(f"version {value.get('version')} is not {VERSION}")
    return read(Saved, value)
