"""The webhook events of Partner Center and their signature, which covers neither time nor id."""

import hashlib
import hmac
import json
from typing import Any

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.sandbox.tiktok_shop.envelope import NAME
from tokensync_cli.sandbox.webhook_event import Asked, WebhookEvent

_TYPES = {"deauthorized": 6, "expiring": 7, "unknown": 9_999}
# The vendor begins to warn that long before the end.
_AHEAD_SECONDS = 30 * 86_400


def event(sandbox: Sandbox, app: App, asked: Asked) -> WebhookEvent:
    """Return the event in the vendor's envelope; without a shop it has no `shop_id`."""
    now = int(sandbox.clock.now())
    at = now if asked.timestamp is None else asked.timestamp
    envelope: dict[str, Any] = {
        "type": _TYPES[asked.event],
        "tts_notification_id": sandbox.mint.number() if asked.notification is None else asked.notification,
    }
    account = sandbox.accounts.find(NAME, asked.account)
    shops = (account.shops or ()) if account else ()
    shop_id = (shops[0].id if shops else "") if asked.shop_id is None else asked.shop_id
    if shop_id:
        envelope["shop_id"] = shop_id
    envelope["timestamp"] = at
    envelope["data"] = {"expiration_time": str(_end(sandbox, app, asked, now))} if asked.event == "expiring" else {}
    return WebhookEvent(body=json.dumps(envelope, separators=(",", ":")).encode(), at=at)


def _end(sandbox: Sandbox, app: App, asked: Asked, now: int) -> int:
    authorization = sandbox.grants.latest(NAME, app.app_key, asked.account)
    end = authorization.refresh_expires_at if authorization else None
    return now + _AHEAD_SECONDS if end is None else end


def signature(app_key: str, secret: str, body: bytes) -> tuple[str, str]:
    """Return the header: the bare lowercase hex HMAC-SHA256 over app key and raw body, with no scheme before it."""
    return "Authorization", hmac.new(secret.encode(), app_key.encode() + body, hashlib.sha256).hexdigest()
