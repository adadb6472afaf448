"""The event `authorization.removed` and its signature, which covers the time it was sent."""

import hashlib
import hmac
import json

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.records import BadRecordError
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.webhook_event import Asked, WebhookEvent

_HEADER = "TikTok-Signature"
_EVENTS = {"deauthorized": "authorization.removed", "unknown": "sandbox.unheard_of"}


def event(sandbox: Sandbox, app: App, asked: Asked) -> WebhookEvent:
    """Return the event. Its `content` is JSON in a string, and it has no id of its own.

    Raises:
        BadRecordError: the vendor has no such event or field.
    """
    name = _EVENTS.get(asked.event)
    if name is None:
        raise BadRecordError(f"{app.provider} has no webhook for the event {asked.event}")
    if asked.notification is not None or asked.shop_id is not None:
        raise BadRecordError(f"an event of {app.provider} has neither notification nor shop_id")
    at = int(sandbox.clock.now()) if asked.timestamp is None else asked.timestamp
    body = {
        "client_key": app.app_key,
        "event": name,
        "create_time": at,
        "user_openid": asked.account,
        "content": json.dumps({"reason": 1}, separators=(",", ":")),
    }
    return WebhookEvent(body=json.dumps(body, separators=(",", ":")).encode(), at=at)


def signature(secret: str, at: int, body: bytes) -> tuple[str, str]:
    """Return the header: the time, and the hex HMAC-SHA256 over the time, a dot and the raw body."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return _HEADER, f"t={at},s={mac}"
