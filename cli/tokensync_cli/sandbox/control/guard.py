"""How the control plane takes a request: local programs only, JSON both ways, mistakes said in words."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tokensync_cli import loopback
from tokensync_cli.sandbox.records import BadRecordError

_MAX_BODY = 8 * 1024 * 1024
# What a browser says of an address typed in, and of the sandbox's own pages.
_OWN_SITES = frozenset({b"none", b"same-origin"})

Handler = Callable[[Request], Awaitable[Any]]

Table = tuple[tuple[str, str, Handler], ...]
"""Method, path below `/_sandbox`, and what returns the JSON to respond with."""


class NotFoundError(Exception):
    """What a request names does not exist."""


async def body(request: Request) -> Any:
    """Return the request's JSON; an empty body is an empty object.

    Raises:
        BadRecordError: it is too large, or no JSON.
    """
    raw = await request.body()
    if len(raw) > _MAX_BODY:
        raise BadRecordError("the body is too large")
    try:
        return json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise BadRecordError("the body must be JSON") from None


def crosses_sites(request: Request) -> bool:
    """Return whether a browser says that a page from elsewhere made the request (Fetch Metadata)."""
    return loopback.crosses_sites(request.scope, own=_OWN_SITES)


def is_foreign(request: Request) -> bool:
    """Return whether a request to the control plane may come from a web page.

    The whole sandbox answers under its own names alone: see `tokensync_cli.loopback`.
    """
    return "origin" in request.headers or crosses_sites(request)


def always(work: Callable[[], Any]) -> Handler:
    """Return a handler that reads nothing of its request."""

    async def handler(_: Request) -> Any:
        return work()

    return handler


def guarded(table: Table) -> list[BaseRoute]:
    """Return the table's routes, which keep web pages out and say in JSON what was wrong with a request."""
    return [Route(path, _guarded(handler), methods=[method]) for method, path, handler in table]


def _guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        if is_foreign(request):
            return JSONResponse({"error": "the control plane answers local programs only, not web pages"}, 403)
        try:
            return JSONResponse(await handler(request))
        except BadRecordError as error:
            return JSONResponse({"error": str(error)}, 400)
        except NotFoundError as error:
            return JSONResponse({"error": str(error)}, 404)
        except OSError as error:
            return JSONResponse({"error": f"the state was not saved: {error}"}, 500)

    return respond
