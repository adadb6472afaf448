"""`/_sandbox/*`: registers apps, scripts faults, reads the ledger. JSON both ways, local programs only."""

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.apps import App, origin, public
from tokensync_cli.sandbox.control.guard import NotFoundError, Table, always, body, guarded
from tokensync_cli.sandbox.control.saver import Saver
from tokensync_cli.sandbox.control.webhooks import Webhooks, event_of_end
from tokensync_cli.sandbox.credentials import end_of
from tokensync_cli.sandbox.records import BadRecordError, read, to_json
from tokensync_cli.sandbox.state import Consent, Provider, Sandbox

_MAX_ACCOUNTS = 10_000


@dataclass(frozen=True, kw_only=True)
class _Revoke:
    """The end of an account's authorizations of an app."""

    provider: str
    app: str
    account: str
    notify: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Authorize:
    """A consent without a browser."""

    provider: str
    app: str
    account: str
    state: str | None = None
    scopes: tuple[str, ...] | None = None
    seconds: int | None = None
    link: dict[str, str] = field(default_factory=dict)
    """The other parameters of the authorization link."""


@dataclass(frozen=True, kw_only=True)
class _Credentials:
    """What an account would copy by hand, or bring along from elsewhere."""

    provider: str
    app: str
    account: str
    scopes: tuple[str, ...] | None = None
    seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Clock:
    """A new offset of the clock, in seconds."""

    offset: float


class Control:
    """The control plane of one sandbox."""

    def __init__(self, sandbox: Sandbox, saver: Saver, webhooks: Webhooks) -> None:
        self._sandbox = sandbox
        self._saver = saver
        self._webhooks = webhooks

    def routes(self, more: Table = ()) -> list[BaseRoute]:
        """Return its paths and those of `more`, below `/_sandbox`."""
        sandbox = self._sandbox
        table: Table = (
            ("GET", "/health", always(lambda: {"ok": True, "providers": list(sandbox.providers), **self._clock()})),
            ("GET", "/apps", always(lambda: {"apps": [public(app) for app in sandbox.apps]})),
            ("POST", "/apps", self.put_app),
            ("GET", "/accounts", always(lambda: {"accounts": [to_json(account) for account in sandbox.accounts]})),
            ("POST", "/accounts", self.add_accounts),
            ("POST", "/authorize", self.authorize),
            ("POST", "/credentials", self.credentials),
            ("POST", "/revoke", self.revoke),
            ("GET", "/ledger", self.read_ledger),
            ("DELETE", "/ledger", always(self._clear_ledger)),
            ("GET", "/faults", always(lambda: {"faults": [to_json(fault) for fault in sandbox.faults.waiting()]})),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", always(lambda: {"cleared": sandbox.faults.clear()})),
            ("GET", "/clock", always(self._clock)),
            ("POST", "/clock", self.set_clock),
            ("POST", "/save", self.save),
        )
        return guarded(table + more)

    async def put_app(self, request: Request) -> Any:
        """Register an app, or change the fields given."""
        change = await body(request)
        if not isinstance(change, dict):
            raise BadRecordError("the body must be a JSON object")
        provider = self._provider(change.get("provider"))
        app = self._sandbox.apps.upsert(change, provider.defaults)
        self._sandbox.changed()
        return {"app": public(app)}

    async def add_accounts(self, request: Request) -> Any:
        """Add one account, or `count` of them that differ in id and shops."""
        change = await body(request)
        count = change.pop("count", 1) if isinstance(change, dict) else 1
        if type(count) is not int or not 1 <= count <= _MAX_ACCOUNTS:
            raise BadRecordError(f"count must be an integer from 1 to {_MAX_ACCOUNTS}")
        if isinstance(change, dict):
            change = {"user_type": self._provider(change.get("provider")).user_type, **change}
        account = read(Account, change)
        if count > 1 and account.account:
            raise BadRecordError("count and account exclude each other")
        added = [self._sandbox.accounts.add(account, self._sandbox.mint) for _ in range(count)]
        self._sandbox.changed()
        return {"accounts": [to_json(a) for a in added]}

    async def authorize(self, request: Request) -> Any:
        """Approve as an account would on the consent page, and return where its browser would be sent."""
        asked = read(_Authorize, await body(request))
        app = self._app(asked.provider, asked.app)
        account = self._account(asked.provider, asked.account)
        if not app.redirect_uri:
            raise BadRecordError(f"the app {asked.app} has no redirect_uri")
        consent = Consent(
            app=app,
            account=account,
            scopes=app.settings.scopes if asked.scopes is None else asked.scopes,
            seconds=app.settings.refresh_token_seconds if asked.seconds is None else asked.seconds,
            state=asked.state,
            link=asked.link,
            origin=origin(str(request.url)),
        )
        return {"location": self._provider(asked.provider).approve(self._sandbox, consent)}

    async def credentials(self, request: Request) -> Any:
        """Issue a pair without a consent page and without a code, for an account that is to be imported."""
        asked = read(_Credentials, await body(request))
        app = self._app(asked.provider, asked.app)
        account = self._account(asked.provider, asked.account)
        now = self._sandbox.clock.now()
        seconds = app.settings.refresh_token_seconds if asked.seconds is None else asked.seconds
        pair = self._sandbox.grants.issue(
            app,
            account=account.account,
            prefix=account.prefix or "",
            scopes=app.settings.scopes if asked.scopes is None else asked.scopes,
            now=now,
            refresh_expires_at=end_of(now, seconds),
            refreshable=app.settings.refreshable,
        )
        self._sandbox.changed()
        return {"refresh_token": pair.refresh_token, "access_token": pair.access_token}

    async def revoke(self, request: Request) -> Any:
        """End every authorization that the account gave the app, as the account would in its own settings.

        Where `notify` names an address, the vendor's webhook event goes there.
        """
        asked = read(_Revoke, await body(request))
        app = self._app(asked.provider, asked.app)
        event = None if asked.notify is None else event_of_end(app, asked.account, asked.notify)
        if event:
            # Whether it can be sent is known before anything ends.
            self._webhooks.prepare(event)
        ended = self._sandbox.grants.revoke(asked.provider, asked.app, asked.account)
        self._sandbox.changed()
        return {"revoked": ended, **({"notified": await self._webhooks.send(event)} if event else {})}

    async def read_ledger(self, request: Request) -> Any:
        """Return what was presented; filters: provider, app, account, kind, outcome, presented and after (a seq)."""
        query = dict(request.query_params)
        if query.pop("summary", "0") not in ("0", ""):
            return self._sandbox.ledger.summary()
        after = query.pop("after", "0")
        unknown = set(query) - {"provider", "app", "account", "kind", "outcome", "presented"}
        if unknown or not after.isdecimal():
            raise BadRecordError(f"unknown filter {unknown.pop()}" if unknown else "after must be a seq")
        return self._sandbox.ledger.listing(after=int(after), **query)

    async def add_fault(self, request: Request) -> Any:
        """Append a fault to the script."""
        return {"fault": to_json(self._sandbox.faults.add(await body(request)))}

    async def set_clock(self, request: Request) -> Any:
        """Set the clock off by so many seconds: what was issued ages, and `Date` says so."""
        self._sandbox.clock.offset = read(_Clock, await body(request)).offset
        self._sandbox.changed()
        return self._clock()

    async def save(self, request: Request) -> Any:  # noqa: ARG002 - every handler takes the request
        """Write the state now."""
        path = await self._saver.save()
        return {"saved": str(path) if path else None}

    def _clear_ledger(self) -> dict[str, Any]:
        self._sandbox.ledger.clear()
        self._sandbox.changed()
        return {"ok": True}

    def _clock(self) -> dict[str, Any]:
        return {"now": self._sandbox.clock.now(), "offset": self._sandbox.clock.offset}

    def _provider(self, name: object) -> Provider:
        provider = self._sandbox.providers.get(str(name))
        if provider is None:
            raise BadRecordError(f"provider must be one of {', '.join(self._sandbox.providers)}")
        return provider

    def _app(self, provider: str, app_key: str) -> App:
        self._provider(provider)
        app = self._sandbox.apps.find(provider, app_key)
        if app is None:
            raise NotFoundError(f"no app {app_key}")
        return app

    def _account(self, provider: str, name: str) -> Account:
        account = self._sandbox.accounts.find(provider, name)
        if account is None:
            raise NotFoundError(f"no account {name}")
        return account
