"""The providers' webhooks: what each request to /webhooks is answered, within the three seconds that providers give.

What becomes of a provider's notice whose signature held: an account that left, an authorization that ends soon.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from tokensync.authorize.links import Invite, invite_url
from tokensync.domain.errors import (
    InvalidApp,
    InvalidName,
    NewerSchema,
    StoreUnavailable,
    UnknownApp,
    UnknownConnection,
)
from tokensync.domain.names import ConnectionName, app_name
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


@dataclass(frozen=True)
class Webhooks:
    """Answers the providers. No log line holds anything of a body or a header."""

    ports: Ports
    noticer: Noticer
    known: KnownNames
    registered: KnownApps

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
            self.ports.log.warning("webhook.failed", app=name, error=str(error))
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
            webhook_event = shape.read(parse_object(body))
        except (ValueError, RecursionError):
            # It is the provider's, and will be no more readable when it is repeated for days.
            self.ports.log.warning("webhook.unreadable", app=app.name)
            return _answer(200, "received")
        notice_id = f"id {webhook_event.id}" if webhook_event.id else f"body {hashlib.sha256(body).hexdigest()}"
        taken = self.noticer.take(app.name, webhook_event, notice_id, base_url=base_url)
        told = self.ports.log.warning if taken is Taken.UNKNOWN_CONNECTION else self.ports.log.info
        told("webhook.received", app=app.name, kind=webhook_event.kind, result=taken)
        return _answer(200, "received")

    def _refused(self, name: str) -> Page:
        self.ports.log.info("webhook.refused", app=name)
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


_INVITE_LIFE = 7 * 86_400


class Taken(StrEnum):
    """How a notice was taken."""

    MARKED = "marked"
    TOLD = "told"
    REPEATED = "repeated"
    OUTDATED = "outdated"
    """The account authorized again since, or is disconnected already."""
    UNKNOWN_CONNECTION = "unknown_connection"
    NOT_OURS = "not_ours"
    """A kind of notice that asks nothing of us."""


@dataclass(frozen=True)
class Noticer:
    """Takes notices. Thread-safe: it holds ports and no state. `signer` is fetched when it is first needed."""

    ports: Ports
    webhook_events: WebhookEvents
    signer: Callable[[], Signer]

    def take(self, app: str, webhook_event: WebhookEvent, notice_id: str, *, base_url: str) -> Taken:
        """Give a notice its effect, once for each `notice_id` in at least 7 days.

        The effect comes before the note of it, and may come twice: a crash in between must not lose the notice.

        Raises:
            StoreUnavailable, NewerSchema: nothing is lost if the provider repeats the notice.
        """
        if webhook_event.kind is WebhookEventKind.OTHER:
            return Taken.NOT_OURS
        if self.webhook_events.seen(app, notice_id):
            return Taken.REPEATED
        name = self._named(app, webhook_event)
        if name is None:
            return Taken.UNKNOWN_CONNECTION
        try:
            if webhook_event.kind is WebhookEventKind.DEAUTHORIZED:
                taken = self._deauthorized(name, webhook_event)
            else:
                taken = self._expiring(name, webhook_event, base_url)
        except UnknownConnection:
            return Taken.UNKNOWN_CONNECTION
        self.webhook_events.note(app, notice_id, now=self.ports.clock.now())
        return taken

    def _named(self, app: str, webhook_event: WebhookEvent) -> ConnectionName | None:
        if webhook_event.account:
            try:
                return ConnectionName(app, webhook_event.account)
            except InvalidName:
                return None
        return self.ports.connections.find(app, webhook_event.lookup) if webhook_event.lookup else None

    def _deauthorized(self, name: ConnectionName, webhook_event: WebhookEvent) -> Taken:
        """Mark the connection and queue it: whoever holds its lease next concludes."""
        now = self.ports.clock.now()
        # A time ahead of ours would outlive a new authorization; a notice without one speaks of now.
        at = now if webhook_event.at is None else min(webhook_event.at, now)
        if not self.ports.connections.note_deauthorized(name, at=at, now=now):
            return Taken.OUTDATED
        if self.ports.queue.send([Work(connection=name, compare=True)]):
            raise StoreUnavailable("the queue did not accept the connection")
        return Taken.MARKED

    def _expiring(self, name: ConnectionName, webhook_event: WebhookEvent, base_url: str) -> Taken:
        """Send the operators a fresh invite for the account: nothing but a new authorization helps."""
        record = self.ports.connections.get(name)
        if record is None:
            raise UnknownConnection(f"there is no connection {name}")
        if (
            webhook_event.at is not None
            and record.authorized.authorized_at is not None
            and record.authorized.authorized_at >= webhook_event.at
        ):
            return Taken.OUTDATED
        ends = (
            "soon"
            if webhook_event.expires_at is None
            else f"on {datetime.fromtimestamp(webhook_event.expires_at, UTC):%Y-%m-%d}"
        )
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
            detail=f"the provider says that the seller's authorization ends {ends}; a refresh does not extend it. "
            "Send the seller the link below, which is valid for 7 days, or make another",
            next_command=f"tokensync invite {name.app} --for {name}",
            link=invite_url(base_url, self.signer(), invite),
        )
        return Taken.TOLD
