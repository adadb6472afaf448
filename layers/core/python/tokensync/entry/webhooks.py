"""The providers' webhooks: the answer to each request, and the effect of an event whose signature is right.

A provider waits three seconds for the answer. No log line holds anything of a body or a header.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from tokensync.authorize.links import Invite, invite_url
from tokensync.domain.command_line import typed
from tokensync.domain.errors import (
    InvalidApp,
    InvalidName,
    NewerSchema,
    StoreUnavailable,
    UnknownApp,
    UnknownConnection,
)
from tokensync.domain.names import ConnectionName, app_name
from tokensync.domain.visible import Line
from tokensync.domain.work import Work
from tokensync.entry.pages import Page
from tokensync.oauth.provider import WebhookEventKind
from tokensync.oauth.strict_json import parse_object
from tokensync.providers import PROVIDERS, provider_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.authorize.links import Signer
    from tokensync.domain.app import App
    from tokensync.domain.ports import Ports, WebhookEvents
    from tokensync.entry.app_cache import KnownApps, KnownNames
    from tokensync.oauth.provider import WebhookEvent, WebhookShape

LONGEST_BODY = 64 * 1024
_INVITE_LIFE = 7 * 86_400
_SHAPES = tuple(provider.webhook for provider in PROVIDERS.values() if provider.webhook is not None)


class EventResult(StrEnum):
    """What became of a webhook event."""

    MARKED = "marked"
    TOLD = "told"
    REPEATED = "repeated"
    OUTDATED = "outdated"
    """The account has authorized again since, or is disconnected already."""
    UNKNOWN_CONNECTION = "unknown_connection"
    NOT_OURS = "not_ours"
    """An event of a kind that has no effect here."""


@dataclass(frozen=True)
class Webhooks:
    """Answers the providers. `signer` is fetched when it is first needed."""

    ports: Ports
    webhook_events: WebhookEvents
    signer: Callable[[], Signer]
    known: KnownNames
    registered: KnownApps

    def receive(self, name: str, headers: Mapping[str, str], body: bytes, *, base_url: str) -> Page:
        """Answer POST /webhooks/{app}. `headers` have lower-case names; `body` holds the very bytes that were sent.

        A flood of garbage costs nothing: what is certainly no event is refused without a call to anyone, and an app is
        read once in a while. An event is acknowledged when it has had its effect: 503 asks for it again.
        """
        if len(body) > LONGEST_BODY:
            return _answer(413, "too large")
        try:
            if not any(shape.signature(headers) for shape in _SHAPES):
                # The apps' names are in hand since the cold start.
                return self._refused(name) if app_name(name) in self.known else _answer(404, "not found")
            return self._received(self.registered.get(app_name(name)), headers, body, base_url)
        except (InvalidName, UnknownApp):
            return _answer(404, "not found")
        except (InvalidApp, StoreUnavailable, NewerSchema) as error:
            self.ports.log.warning("webhook.failed", app=name, error=str(error))
            return _answer(503, "again later")

    def _received(self, app: App, headers: Mapping[str, str], body: bytes, base_url: str) -> Page:
        shape = provider_named(app.provider).for_app(app).webhook
        if shape is None:
            return _answer(404, "not found")
        if not _is_signed(shape, app, headers, body):
            return self._refused(app.name)
        try:
            event = shape.read(parse_object(body))
        except (ValueError, RecursionError):
            # The provider has signed it, and repeating it for days would make it no more readable.
            self.ports.log.warning("webhook.unreadable", app=app.name)
            return _answer(200, "received")
        event_id = f"id {event.id}" if event.id else f"body {hashlib.sha256(body).hexdigest()}"
        result = self.take(app.name, event, event_id, base_url=base_url)
        log = self.ports.log.warning if result is EventResult.UNKNOWN_CONNECTION else self.ports.log.info
        log("webhook.received", app=app.name, kind=event.kind, result=result)
        return _answer(200, "received")

    def _refused(self, name: str) -> Page:
        self.ports.log.info("webhook.refused", app=name)
        return _answer(401, "the signature does not hold")

    def take(self, app: str, event: WebhookEvent, event_id: str, *, base_url: str) -> EventResult:
        """Give an event its effect, once for each `event_id` in at least 7 days.

        The effect comes before the note of it, and may come twice: a crash in between must not lose the event.

        Raises:
            StoreUnavailable, NewerSchema: nothing is lost if the provider repeats the event.
        """
        if event.kind is WebhookEventKind.OTHER:
            return EventResult.NOT_OURS
        if self.webhook_events.seen(app, event_id):
            return EventResult.REPEATED
        name = self._connection(app, event)
        if name is None:
            return EventResult.UNKNOWN_CONNECTION
        try:
            if event.kind is WebhookEventKind.DEAUTHORIZED:
                result = self._deauthorized(name, event)
            else:
                result = self._expiring(name, event, base_url)
        except UnknownConnection:
            return EventResult.UNKNOWN_CONNECTION
        self.webhook_events.note(app, event_id, now=self.ports.clock.now())
        return result

    def _connection(self, app: str, event: WebhookEvent) -> ConnectionName | None:
        if event.account:
            try:
                return ConnectionName(app, event.account)
            except InvalidName:
                return None
        return self.ports.connections.find(app, event.lookup) if event.lookup else None

    def _deauthorized(self, name: ConnectionName, event: WebhookEvent) -> EventResult:
        """Mark the connection and queue it: the next holder of its lease concludes."""
        now = self.ports.clock.now()
        # A time ahead of ours would outlive a new authorization; an event without a time speaks of now.
        at = now if event.at is None else min(event.at, now)
        if not self.ports.connections.note_deauthorized(name, at=at, now=now):
            return EventResult.OUTDATED
        if self.ports.queue.send([Work(connection=name, compare=True)]):
            raise StoreUnavailable("the queue did not accept the connection")
        return EventResult.MARKED

    def _expiring(self, name: ConnectionName, event: WebhookEvent, base_url: str) -> EventResult:
        """Send the operators a fresh invite for the account: only a new authorization helps."""
        record = self.ports.connections.get(name)
        if record is None:
            raise UnknownConnection(f"there is no connection {name}")
        authorized_at = record.authorized.authorized_at
        if event.at is not None and authorized_at is not None and authorized_at >= event.at:
            return EventResult.OUTDATED
        expires_at = event.expires_at
        ends = "soon" if expires_at is None else f"on {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%d}"
        invite = Invite(
            id=self.ports.randomness.token(),
            app=name.app,
            expires_at=self.ports.clock.now() + _INVITE_LIFE,
            label=record.label,
            for_account=name.account,
        )
        self.ports.alerts.tell(
            "authorization.expiring",
            str(name),
            detail=Line(
                "the provider says that the seller's authorization ends {ends}; a refresh does not extend it. "
                "Send the seller the link below, which is valid for 7 days, or make another",
                ends=ends,
            ),
            next_command=typed("tokensync invite {app} --for {name}", app=name.app, name=name),
            link=invite_url(base_url, self.signer(), invite),
        )
        return EventResult.TOLD


def _is_signed(shape: WebhookShape, app: App, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether one of the app's client secrets signed the body; all are tried, so that time reveals nothing."""
    signature = shape.signature(headers)
    if signature is None:
        return False
    # Anybody can sign with a secret that is empty.
    secrets = [secret for secret in (app.client_secret, app.new_client_secret) if secret]
    matches = [
        hmac.compare_digest(shape.expected(app, secret, headers, body).encode("ascii"), signature.encode("ascii"))
        for secret in secrets
    ]
    return any(matches)


def _answer(status: int, text: str) -> Page:
    return Page(status=status, body=f"{text}\n", headers={"content-type": "text/plain; charset=utf-8"})
