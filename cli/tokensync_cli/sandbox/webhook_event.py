"""What a vendor sends to an app unasked, and how it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tokensync_cli.sandbox.apps import App

if TYPE_CHECKING:
    from tokensync_cli.sandbox.state import Sandbox


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An event to be sent. What is left out is as the vendor would have it."""

    provider: str
    app: str
    account: str
    event: Literal["deauthorized", "expiring", "unknown"]
    url: str
    timestamp: int | None = None
    """Unix seconds; now, where it is left out."""
    notification: str | None = None
    """The event's own id, by which a receiver knows a repetition."""
    shop_id: str | None = None
    """The account's first shop, where it is left out; an empty text is none."""
    repeat: int = 1
    """How many times the very same bytes are sent."""
    tamper: Literal["signature", "body", "space", "missing", "scheme"] | None = None
    """What is wrong with it: a digit of the signature, a field or a space too many, no signature, another product's."""


@dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """The raw body of an event and when it is sent, in Unix seconds."""

    body: bytes
    at: int


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """How a vendor sends an event to an app."""

    event: Callable[["Sandbox", App, Asked], WebhookEvent]
    """Returns the event; raises BadRecordError where the vendor has no such event, or none with such a field."""
    signature: Callable[[App, WebhookEvent], tuple[str, str]]
    """Returns the header that signs an event: its name and its value."""
