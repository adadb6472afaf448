"""What a vendor tells an app unasked: the notice, and who can make one."""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.state import Sandbox


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A notice to be sent. What is left out is as the vendor would have it."""

    provider: str
    app: str
    account: str
    event: Literal["deauthorized", "expiring", "unknown"]
    url: str
    timestamp: int | None = None
    """Unix seconds; now, where it is left out."""
    notification: str | None = None
    """The notice's own id, by which a receiver knows a repetition."""
    shop_id: str | None = None
    """The account's first shop, where it is left out; an empty one stands for none."""
    repeat: int = 1
    """How many times the very same bytes are sent."""
    tamper: Literal["signature", "body", "space", "missing", "scheme"] | None = None
    """What is wrong with it: a digit of the signature, a field or a space too many, no signature, another product's."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """The raw body of a notice and when it is sent, in Unix seconds."""

    body: bytes
    at: int


@runtime_checkable
class Notifying(Protocol):
    """A provider that sends webhooks."""

    def notice(self, sandbox: Sandbox, app: App, asked: Asked) -> Notice:
        """Return the notice.

        Raises:
            BadRecordError: the vendor knows no such event, or none with such a field.
        """

    def signature(self, app: App, notice: Notice) -> tuple[str, str]:
        """Return the header that signs a notice: its name and its value."""
