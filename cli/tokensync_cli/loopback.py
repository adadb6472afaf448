"""Who may speak to what listens on loopback: programs of this machine, and no web page.

Any page in the developer's browser can send requests to loopback. Two things give it away. A browser names the page's
site in `Origin` or `Sec-Fetch-Site` (https://fetch.spec.whatwg.org, https://www.w3.org/TR/fetch-metadata/), also to
loopback without TLS. A page that lets its own name resolve to 127.0.0.1 is of one site with the server, and is given
away by `Host`: a browser sends the name that it looked up. The port in `Host` tells nothing, as no page can choose a
name of ours for it, and a forwarded port is another one.

The standard library alone: the embedded AWS imports this in an environment of its own.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

FORBIDDEN = 403
OWN_NAMES = frozenset({b"localhost", b"127.0.0.1"})
# What a browser says of an address that a person typed in.
_TYPED_IN = b"none"
# No userinfo, no trailing dot, no IPv6: nothing of ours listens there.
_HOST = re.compile(rb"(?P<name>[a-z0-9-]+(\.[a-z0-9-]+)*)(:[0-9]{1,5})?", re.IGNORECASE)
_CORS = b"access-control-"
_WRONG_HOST = b"This server answers under the names localhost and 127.0.0.1 only.\n"


def values(scope: Scope, name: bytes) -> list[bytes]:
    """The values of every header of this name (in lower case), in their order."""
    return [value for header, value in scope["headers"] if header.lower() == name]


def host_name(scope: Scope) -> bytes | None:
    """The name in a request's Host in lower case, None where there is no Host, more than one, or another form."""
    hosts = values(scope, b"host")
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    return match["name"].lower() if match else None


def crosses_sites(scope: Scope, *, own: frozenset[bytes] = frozenset({_TYPED_IN})) -> bool:
    """Whether a browser says that a page of a site other than those of `own` made the request."""
    return any(site.strip().lower() not in own for site in values(scope, b"sec-fetch-site"))


def is_of_a_page(scope: Scope) -> bool:
    """Whether a browser says that a page made the request: any page, our own included."""
    return bool(values(scope, b"origin")) or crosses_sites(scope)


def without_cors(send: Send) -> Send:
    """`send` that lets no page of another origin read the response."""

    async def stripped(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message.get("headers", ()) if not name.lower().startswith(_CORS)]
            message = {**message, "headers": kept}
        await send(message)

    return stripped


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole response."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


class OwnNames:
    """ASGI middleware for a server that pages may link to: it answers under its own names, and no other page reads it.

    A navigation from another site passes, as a consent page sends browsers on. WebSockets are closed.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif host_name(scope) not in OWN_NAMES:
            await answer(send, FORBIDDEN, [(b"content-type", b"text/plain")], _WRONG_HOST)
        else:
            await self._app(scope, receive, without_cors(send))
