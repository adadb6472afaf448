"""`/_sandbox/*`: registers apps, scripts faults, reads the ledger. JSON both ways, local programs only."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.apps import App, public
from tokensync_cli.sandbox.origin import is_foreign
from tokensync_cli.sandbox.records import BadRecordError, read, to_json
from tokensync_cli.sandbox.saver import Saver
from tokensync_cli.sandbox.state import Consent, Sandbox

_MAX_BODY = 8 * 1024 * 1024
_MAX_ACCOUNTS = 10_000

Handler = Callable[[Request], Awaitable[Any]]


class _NotFoundError(Exception):
    """The thing that a request names does not exist."""


@dataclass(frozen=True, kw_only=True)
class _Named:
    """An app and an account of a provider."""

    provider: str
    app: str
    account: str


@dataclass(frozen=True, kw_only=True)
class _Authorize:
    """A consent without a browser."""

    provider: str
    app: str
    account: str
    state: str | None = None
    scopes: tuple[str, ...] | None = None
    seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Clock:
    """A new offset of the clock, in seconds."""

    offset: float


async def _body(request: Request) -> Any:
    raw = await request.body()
    if len(raw) > _MAX_BODY:
        raise BadRecordError("the body is too large")
    try:
        return json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise BadRecordError("the body must be JSON") from None


def _guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Keep web pages out, and say in JSON what was wrong with a request."""

    async def answer(request: Request) -> Response:
        if is_foreign(request):
            return JSONResponse({"error": "the control plane answers local programs only, not web pages"}, 403)
        try:
            return JSONResponse(await handler(request))
        except BadRecordError as error:
            return JSONResponse({"error": str(error)}, 400)
        except _NotFoundError as error:
            return JSONResponse({"error": str(error)}, 404)
        except OSError as error:
            return JSONResponse({"error": f"the state was not saved: {error}"}, 500)

    return answer


class Control:
    """The control plane of one sandbox."""

    def __init__(self, sandbox: Sandbox, saver: Saver) -> None:
        self._sandbox = sandbox
        self._saver = saver

    def routes(self) -> list[BaseRoute]:
        """Return its paths, below `/_sandbox`."""
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "/health", self.health),
            ("GET", "/apps", self.list_apps),
            ("POST", "/apps", self.put_app),
            ("GET", "/accounts", self.list_accounts),
            ("POST", "/accounts", self.add_accounts),
            ("POST", "/authorize", self.authorize),
            ("POST", "/revoke", self.revoke),
            ("GET", "/ledger", self.read_ledger),
            ("DELETE", "/ledger", self.clear_ledger),
            ("GET", "/faults", self.list_faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("GET", "/clock", self.read_clock),
            ("POST", "/clock", self.set_clock),
            ("POST", "/save", self.save),
        )
        return [Route(path, _guarded(handler), methods=[method]) for method, path, handler in table]

    async def health(self, request: Request) -> Any:
        """Tell that it runs, and for whom it speaks."""
        return {"ok": True, "providers": list(self._sandbox.providers), **await self.read_clock(request)}

    async def list_apps(self, request: Request) -> Any:  # noqa: ARG002 - every handler takes the request
        """List the registrations, without their secrets."""
        return {"apps": [public(app) for app in self._sandbox.apps]}

    async def put_app(self, request: Request) -> Any:
        """Register an app, or change the fields given."""
        change = await _body(request)
        if not isinstance(change, dict):
            raise BadRecordError("the body must be a JSON object")
        self._provider(change.get("provider"))
        app = self._sandbox.apps.upsert(change)
        self._sandbox.changed()
        return {"app": public(app)}

    async def list_accounts(self, request: Request) -> Any:  # noqa: ARG002 - every handler takes the request
        """List who can authorize an app."""
        return {"accounts": [to_json(account) for account in self._sandbox.accounts]}

    async def add_accounts(self, request: Request) -> Any:
        """Add one account, or `count` of them that differ in id and shops."""
        change = await _body(request)
        count = change.pop("count", 1) if isinstance(change, dict) else 1
        if type(count) is not int or not 1 <= count <= _MAX_ACCOUNTS:
            raise BadRecordError(f"count must be an integer from 1 to {_MAX_ACCOUNTS}")
        account = read(Account, change)
        self._provider(account.provider)
        if count > 1 and account.account:
            raise BadRecordError("count and account exclude each other")
        added = [self._sandbox.accounts.add(account, self._sandbox.mint) for _ in range(count)]
        self._sandbox.changed()
        return {"accounts": [to_json(a) for a in added]}

    async def authorize(self, request: Request) -> Any:
        """Approve as an account would on the consent page, and return where its browser would be sent."""
        asked = read(_Authorize, await _body(request))
        app = self._app(asked.provider, asked.app)
        account = self._sandbox.accounts.find(asked.provider, asked.account)
        if account is None:
            raise _NotFoundError(f"no account {asked.account}")
        if not app.redirect_uri:
            raise BadRecordError(f"the app {asked.app} has no redirect_uri")
        consent = Consent(
            app=app,
            account=account,
            scopes=app.settings.scopes if asked.scopes is None else asked.scopes,
            seconds=app.settings.refresh_token_seconds if asked.seconds is None else asked.seconds,
            state=asked.state,
        )
        return {"location": self._provider(asked.provider).approve(self._sandbox, consent)}

    async def revoke(self, request: Request) -> Any:
        """End every authorization that the account gave the app, as the account would in its own settings."""
        asked = read(_Named, await _body(request))
        self._app(asked.provider, asked.app)
        ended = self._sandbox.grants.revoke(asked.provider, asked.app, asked.account)
        self._sandbox.changed()
        return {"revoked": ended}

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

    async def clear_ledger(self, request: Request) -> Any:  # noqa: ARG002 - every handler takes the request
        """Forget every presentation; grants stand."""
        self._sandbox.ledger.clear()
        self._sandbox.changed()
        return {"ok": True}

    async def list_faults(self, request: Request) -> Any:  # noqa: ARG002 - every handler takes the request
        """List the faults that still wait for their request."""
        return {"faults": [to_json(fault) for fault in self._sandbox.faults.waiting()]}

    async def add_fault(self, request: Request) -> Any:
        """Append a fault to the script."""
        return {"fault": to_json(self._sandbox.faults.add(await _body(request)))}

    async def clear_faults(self, request: Request) -> Any:  # noqa: ARG002 - every handler takes the request
        """Forget the script."""
        return {"cleared": self._sandbox.faults.clear()}

    async def read_clock(self, request: Request) -> Any:  # noqa: ARG002 - every handler takes the request
        """Tell what time the sandbox thinks it is."""
        return {"now": self._sandbox.clock.now(), "offset": self._sandbox.clock.offset}

    async def set_clock(self, request: Request) -> Any:
        """Set the clock off by so many seconds: what was issued ages, and `Date` says so."""
        self._sandbox.clock.offset = read(_Clock, await _body(request)).offset
        self._sandbox.changed()
        return await self.read_clock(request)

    async def save(self, request: Request) -> Any:  # noqa: ARG002 - every handler takes the request
        """Write the state now."""
        path = await self._saver.save()
        return {"saved": str(path) if path else None}

    def _provider(self, name: object) -> Any:
        provider = self._sandbox.providers.get(str(name))
        if provider is None:
            raise BadRecordError(f"provider must be one of {', '.join(self._sandbox.providers)}")
        return provider

    def _app(self, provider: str, app_key: str) -> App:
        self._provider(provider)
        app = self._sandbox.apps.find(provider, app_key)
        if app is None:
            raise _NotFoundError(f"no app {app_key}")
        return app
