"""The providers' webhooks: what each request to /webhooks is answered, within the three seconds that providers give."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.errors import (
    InvalidApp,
    InvalidName,
    NewerSchema,
    StoreUnavailable,
    UnknownApp,
)
from tokensync.domain.names import app_name
from tokensync.noticing import Taken
from tokensync.oauth.strict_json import parse_object
from tokensync.pages import Page
from tokensync.providers import PROVIDERS, provider_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.app import App
    from tokensync.domain.runtime import Log
    from tokensync.known import KnownApps, KnownNames
    from tokensync.noticing import Noticer
    from tokensync.oauth.provider import WebhookShape

LONGEST_BODY = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """Answers the providers. No log line holds anything of a body or a header."""

    noticer: Noticer
    known: KnownNames
    registered: KnownApps
    log: Log

    def receive(self, name: str, headers: Mapping[str, str], body: bytes, *, base_url: str) -> Page:
        """Answer POST /webhooks/{app}. `headers` have lower-case names; `body` holds the very bytes that were sent.

        What is certainly no notice is refused without a call to anyone, and an app is read once in a while, so that
        a flood of garbage costs nothing. A notice is acknowledged when it had its effect: 503 asks for it again.
        """
        if len(body) > LONGEST_BODY:
            return _answer(413, "too large")
        try:
            if not any(shape.signature(headers) for shape in _SHAPES):
                # The apps' names are in hand since the cold start.
                return self._refused(name) if app_name(name) in self.known else _answer(404, "not found")
            return self._verified(self.registered.get(app_name(name)), headers, body, base_url)
        except (InvalidName, UnknownApp):
            return _answer(404, "not found")
        except (InvalidApp, StoreUnavailable, NewerSchema) as error:
            self.log.warning("webhook.failed", app=name, error=str(error))
            return _answer(503, "again later")

    def _verified(self, app: App, headers: Mapping[str, str], body: bytes, base_url: str) -> Page:
        shape = provider_named(app.provider).for_app(app).webhook
        if shape is None:
            return _answer(404, "not found")
        return (
            self._taken(app, shape, body, base_url)
            if _is_signed(shape, app, headers, body)
            else self._refused(app.name)
        )

    def _taken(self, app: App, shape: WebhookShape, body: bytes, base_url: str) -> Page:
        try:
            notice = shape.read(parse_object(body))
        except (ValueError, RecursionError):
            # It is the provider's, and will be no more readable when it is repeated for days.
            self.log.warning("webhook.unreadable", app=app.name)
            return _answer(200, "received")
        notice_id = f"id {notice.id}" if notice.id else f"body {hashlib.sha256(body).hexdigest()}"
        taken = self.noticer.take(app.name, notice, notice_id, base_url=base_url)
        told = self.log.warning if taken is Taken.UNKNOWN_CONNECTION else self.log.info
        told("webhook.received", app=app.name, kind=notice.kind, result=taken)
        return _answer(200, "received")

    def _refused(self, name: str) -> Page:
        self.log.info("webhook.refused", app=name)
        return _answer(401, "the signature does not hold")


_SHAPES = tuple(provider.webhook for provider in PROVIDERS.values() if provider.webhook is not None)


def _is_signed(shape: WebhookShape, app: App, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether one of the app's client secrets signed the body; all are tried whatever the first says."""
    signature = shape.signature(headers)
    if signature is None:
        return False
    secrets = [app.client_secret, *([] if app.new_client_secret is None else [app.new_client_secret])]
    matches = [
        hmac.compare_digest(shape.expected(app, secret, headers, body).encode("ascii"), signature.encode("ascii"))
        for secret in secrets
    ]
    return any(matches)


def _answer(status: int, told: str) -> Page:
    return Page(status=status, body=f"{told}\n", headers={"content-type": "text/plain; charset=utf-8"})
