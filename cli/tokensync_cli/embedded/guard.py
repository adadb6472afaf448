"""Stands in front of the embedded AWS, in its process: signed requests of this machine's programs pass, nothing else.

Bare, the embedded AWS answers every web page, resets itself for anyone who asks, takes a request without a signature
for its administrator's, and never checks the administrator's own signature. See `docs/decisions.md`.
"""

import json
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes
from xml.sax.saxutils import escape

from tokensync_cli import loopback
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.signature import Signature, signed, signs
from tokensync_cli.loopback import App, Message, Receive, Scope, Send

_READY = b"/_ministack/ready"
# The embedded AWS's own administration, whatever is asked of it: reset, configuration, code of functions, mails.
_ADMINISTRATION = re.compile(rb"(^|/)_(ministack|localstack)(/|$)", re.IGNORECASE)
# How AWS's SDKs address a bucket, and some an account, at an endpoint that has a name.
_PREFIXED_NAME = re.compile(rb"[a-z0-9-]{3,63}\.localhost")
# An HTTP API, as the front door calls it. Not by the API's own name: under that, paths of other services work as well.
_API_PATH = b"/_aws/execute-api/"
# Messages to WebSocket clients go through an API's address too, but are signed like any call to AWS.
_CONNECTIONS = b"@connections"
_OPENED_UP = 3
# Services whose SDKs read errors as XML; where they sign a form they read it too.
_XML = frozenset({"s3"})

_NEXT = 'Next: eval "$(tokensync env)"'
_PAGE = "The embedded AWS answers programs of this machine, not web pages."
_NAME = "The embedded AWS answers under its own names only, such as localhost and 127.0.0.1."
_CLOSED = "The embedded AWS's own administration is closed."
_FORM = "The embedded AWS takes plain HTTP requests for a path."
_UNSIGNED = f"The embedded AWS takes signed requests only, with the signature in the Authorization header. {_NEXT}"
_KNOWN_KEY = f"The embedded AWS does not take a key that everybody knows. {_NEXT}"
_NOT_SIGNED_BY = f"The signature does not belong to the access key of the embedded AWS. {_NEXT}"


class Guard:
    """ASGI application around the embedded AWS `app`.

    Args:
        app: the embedded AWS. It checks the signatures of roles and users by itself.
        administrator: whose signature is checked here.
        is_administrators: whether the embedded AWS takes an access key id for its administrator's, unchecked.
    """

    def __init__(self, app: App, administrator: Administrator, is_administrators: Callable[[str], bool]) -> None:
        self._app = app
        self._administrator = administrator
        self._is_administrators = is_administrators

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif reason := _wrong(scope):
            await _refuse(scope, send, reason)
        elif _is_open(scope):
            await self._app(scope, receive, loopback.without_cors(send))
        else:
            await self._let_in_if_signed(scope, receive, send)

    async def _let_in_if_signed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request whose signature is checked, here or behind us."""
        signature = signed(scope)
        if signature is None:
            await _refuse(scope, send, _UNSIGNED)
        elif signature.access_key_id != self._administrator.access_key_id:
            if self._is_administrators(signature.access_key_id):
                await _refuse(scope, send, _KNOWN_KEY, signature)
            else:
                await self._app(scope, receive, loopback.without_cors(send))
        elif (body := await _read(receive)) is None:
            return
        elif not signs(self._administrator.secret_access_key, signature, scope, body):
            await _refuse(scope, send, _NOT_SIGNED_BY, signature)
        else:
            await self._app(scope, _once(body, receive), loopback.without_cors(send))


def _wrong(scope: Scope) -> str | None:
    """Why a request is none that a program of this machine makes, whoever signed it."""
    name = loopback.host_name(scope)
    path: bytes = scope["raw_path"]
    if loopback.is_of_a_page(scope) or scope["method"] == "OPTIONS":
        return _PAGE
    if name is None or not (name in loopback.OWN_NAMES or _PREFIXED_NAME.fullmatch(name)):
        return _NAME
    if not path.startswith(b"/"):
        return _FORM
    if _ADMINISTRATION.search(_opened_up(path)) and (scope["method"], path) != ("GET", _READY):
        return _CLOSED
    return None


def _opened_up(path: bytes) -> bytes:
    """A path without its escapes, those of escapes included."""
    for _ in range(_OPENED_UP):
        path = unquote_to_bytes(path)
    return path


def _is_open(scope: Scope) -> bool:
    """Whether a request needs no signature: a call to an HTTP API, which is public on AWS too, or for readiness."""
    path: bytes = scope["raw_path"]
    return path == _READY or (path.startswith(_API_PATH) and _CONNECTIONS not in _opened_up(path))


async def _read(receive: Receive) -> bytes | None:
    """The request's whole body; None where the client went away before its end."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _once(body: bytes, receive: Receive) -> Receive:
    """`receive` that gives `body` again, then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _refuse(scope: Scope, send: Send, reason: str, signature: Signature | None = None) -> None:
    """Answer in the form that the caller's SDK shows as an AccessDenied with this reason."""
    form = any(b"form-urlencoded" in value.lower() for value in loopback.values(scope, b"content-type"))
    if form or (signature is not None and signature.service in _XML):
        error = f"<Error><Code>AccessDenied</Code><Message>{escape(reason)}</Message></Error>"
        kind, told = b"text/xml", f"<ErrorResponse>{error}</ErrorResponse>"
    else:
        kind, told = b"application/json", json.dumps({"__type": "AccessDeniedException", "message": reason})
    headers = [
        (b"content-type", kind),
        (b"x-amzn-errortype", b"AccessDeniedException"),
        (b"cache-control", b"no-store"),
    ]
    await loopback.answer(send, loopback.FORBIDDEN, headers, told.encode())
