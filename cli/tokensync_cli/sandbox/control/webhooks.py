"""`/_sandbox/webhook`: sends a signed event to an address on this machine and returns how it was received."""

import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.control.guard import NotFoundError, Table, body
from tokensync_cli.sandbox.records import BadRecordError, read, to_json
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.webhook_event import Asked, Webhook, WebhookEvent

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_REPEAT = 1_000
_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How one event was received: the HTTP status, None if none came, and how long that took, in seconds."""

    status: int | None
    seconds: float


Post = Callable[[str, dict[str, str], bytes], Awaitable[Delivery]]
"""Sends a body to an address with these headers."""


async def post(
    url: str, headers: dict[str, str], content: bytes, transport: httpx.AsyncBaseTransport | None = None
) -> Delivery:
    """Send over HTTP. No redirect is followed: an event goes to the address that was named and to no other."""
    began = time.perf_counter()
    status = None
    # trust_env: the user's proxy has no business between here and loopback.
    async with httpx.AsyncClient(transport=transport, timeout=_SECONDS, trust_env=False) as client:
        with contextlib.suppress(httpx.TransportError):
            status = (await client.post(url, headers=headers, content=content)).status_code
    return Delivery(status=status, seconds=round(time.perf_counter() - began, 3))


class Webhooks:
    """The sender of one sandbox."""

    def __init__(self, sandbox: Sandbox, send: Post = post) -> None:
        self._sandbox = sandbox
        self._send = send

    def control(self) -> Table:
        """Return its part of the control plane, below `/_sandbox`."""
        return (("POST", "/webhook", self.webhook),)

    async def webhook(self, request: Request) -> Any:
        """Send an event, once or more often, and return the last response's status and all of them."""
        return await self.send(read(Asked, await body(request)))

    async def send(self, asked: Asked) -> dict[str, Any]:
        """Send an event as asked.

        Raises:
            BadRecordError: it cannot be sent, and nothing was.
            NotFoundError: there is no such app or account.
        """
        headers, content = self.prepare(asked)
        deliveries = [await self._send(asked.url, headers, content) for _ in range(asked.repeat)]
        return {**to_json(deliveries[-1]), "deliveries": [to_json(delivery) for delivery in deliveries]}

    def prepare(self, asked: Asked) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an event, without sending it.

        Raises:
            BadRecordError: it cannot be sent.
            NotFoundError: there is no such app or account.
        """
        provider = self._sandbox.providers.get(asked.provider)
        if provider is None or provider.webhook is None:
            raise BadRecordError(f"provider {asked.provider} sends no webhooks")
        if not _is_here(asked.url):
            raise BadRecordError("url must be http or https on localhost, 127.0.0.1 or [::1]")
        if not 1 <= asked.repeat <= _MAX_REPEAT:
            raise BadRecordError(f"repeat must be an integer from 1 to {_MAX_REPEAT}")
        app = self._sandbox.apps.find(asked.provider, asked.app)
        if app is None:
            raise NotFoundError(f"no app {asked.app}")
        if self._sandbox.accounts.find(asked.provider, asked.account) is None:
            raise NotFoundError(f"no account {asked.account}")
        event = provider.webhook.event(self._sandbox, app, asked)
        headers = {"content-type": "application/json"}
        if asked.tamper != "missing":
            signer = self._other(provider.webhook) if asked.tamper == "scheme" else provider.webhook
            name, value = signer.signature(app, event)
            headers[name] = _spoilt(value) if asked.tamper == "signature" else value
        return headers, _changed(event, asked)

    def _other(self, webhook: Webhook) -> Webhook:
        """Return the webhook of another product: a receiver must not take one product's signature for the other's."""
        return next(p.webhook for p in self._sandbox.providers.values() if p.webhook not in (None, webhook))


def event_of_end(app: App, account: str, url: str) -> Asked:
    """Return what a vendor sends when an account withdraws its authorization."""
    return Asked(provider=app.provider, app=app.app_key, account=account, event="deauthorized", url=url)


def _is_here(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK and "@" not in parts.netloc


def _spoilt(value: str) -> str:
    """Return the header's value with its last hex digit changed."""
    return value[:-1] + ("0" if value[-1] != "0" else "1")


def _changed(event: WebhookEvent, asked: Asked) -> bytes:
    if asked.tamper == "body":
        return event.body[:-1] + b',"tampered":true}'
    return event.body + (b" " if asked.tamper == "space" else b"")
