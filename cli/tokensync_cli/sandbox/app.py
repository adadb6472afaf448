"""Puts the providers, the control plane and the clock together into one ASGI application."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tokensync_cli.loopback import OwnNames
from tokensync_cli.sandbox.api2cart import Api2Cart
from tokensync_cli.sandbox.clock import Clock
from tokensync_cli.sandbox.control.routes import Control
from tokensync_cli.sandbox.control.saver import Saver
from tokensync_cli.sandbox.control.webhooks import Post, Webhooks, post
from tokensync_cli.sandbox.oauth2.metadata import well_known
from tokensync_cli.sandbox.pages import page
from tokensync_cli.sandbox.state import Sandbox


class _Dated:
    """Adds the `Date` header from the sandbox's own clock: clients compare absolute expiries with it."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("date", self._clock.date())
            await send(message)

        await self._app(scope, receive, dated if scope["type"] == "http" else send)


def build(sandbox: Sandbox, saver: Saver, send: Post = post) -> ASGIApp:
    """Return the application, which saves changes while it runs; a clean stop saves once more.

    `send` posts webhook events.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        saving = asyncio.create_task(saver.keep_saving())
        try:
            yield
        finally:
            saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await saving

    async def index(_: Request) -> Response:
        return page("index.html", providers=list(sandbox.providers.values()), apps=list(sandbox.apps))

    api2cart = Api2Cart(sandbox)
    webhooks = Webhooks(sandbox, send)
    routes: list[BaseRoute] = [
        Route("/", index),
        Mount("/_sandbox", routes=Control(sandbox, saver, webhooks).routes(api2cart.control() + webhooks.control())),
        Mount(f"/{api2cart.name}", routes=api2cart.routes()),
        *well_known(sandbox),
        *(Mount(f"/{name}", routes=provider.routes(sandbox)) for name, provider in sandbox.providers.items()),
    ]
    return OwnNames(_Dated(Starlette(routes=routes, lifespan=lifespan), sandbox.clock))
