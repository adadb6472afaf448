"""The state of a running sandbox, and its saved form."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.routing import BaseRoute

from tokensync_cli.sandbox.accounts import Account, Accounts
from tokensync_cli.sandbox.apps import App, Apps, UserType
from tokensync_cli.sandbox.clock import Clock
from tokensync_cli.sandbox.credentials import Binding, Kept, end_of
from tokensync_cli.sandbox.faults.script import Faults
from tokensync_cli.sandbox.faults.wire import Sleep
from tokensync_cli.sandbox.grants import Grants
from tokensync_cli.sandbox.ledger import Entry, Ledger
from tokensync_cli.sandbox.mint import Mint
from tokensync_cli.sandbox.records import BadRecordError, read
from tokensync_cli.sandbox.webhook_event import Webhook

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One vendor's authorization server. A new one is a module that makes one of these, named in the registry."""

    name: str
    """Its name here and the first segment of its paths."""
    title: str
    endpoints: tuple[str, ...]
    """What can fail on command."""
    seeds: tuple[Account, ...]
    """The accounts that exist from the start."""
    routes: Callable[["Sandbox"], list[BaseRoute]]
    """Returns the vendor's own paths."""
    approve: Callable[["Sandbox", "Consent"], str]
    """Records a seller's consent and returns the URL that the browser is sent to."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Settings that a new app begins with, where the provider documents others than TikTok Shop."""
    user_type: UserType = "user"
    """The kind of an account that names none."""
    webhook: Webhook | None = None
    """How it signs what it sends unasked; None if it sends nothing."""


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

    def code(self, sandbox: "Sandbox", *, refresh_expires_at: int | None, ending: str = "") -> str:
        """Record the consent and return its code, which ends in `ending` and is tied to what the link said."""
        code = sandbox.grants.authorize(
            self.app,
            account=self.account.account,
            prefix=self.account.prefix or "",
            scopes=self.scopes,
            now=sandbox.clock.now(),
            refresh_expires_at=refresh_expires_at,
            binding=Binding(
                redirect_uri=self.link.get("redirect_uri") or self.app.redirect_uri,
                challenge=self.link.get("code_challenge", ""),
                method=self.link.get("code_challenge_method", ""),
                nonce=self.link.get("nonce", ""),
            ),
            ending=ending,
        )
        sandbox.changed()
        return code

    def ends_at(self, sandbox: "Sandbox") -> int | None:
        """Return when the grant ends as it was decided, in Unix seconds; None never ends."""
        return end_of(sandbox.clock.now(), self.seconds)


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
        self.changed: Callable[[], None] = lambda: None
        saved = saved or Saved(version=VERSION)
        self.clock.offset += saved.clock_offset
        self.apps = Apps(saved.apps)
        seeds = (account for provider in self.providers.values() for account in provider.seeds)
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
