"""Every error of the core, drawn as a tree.

TokensyncError
├── InvalidName            a name is outside its alphabet or length
├── InvalidApp             an app's secret cannot be used as it is
│   ├── ParamRefused       a parameter of one account, such as its host, may not be used as it is
│   └── EndpointRefused    an endpoint is where what would be sent may not go
├── Refused input
│   ├── BadRequest         a callback or paste that must not reach a provider
│   │   └── BeginFirst     a paste that only the one who began its authorization can finish
│   └── InviteRefused      an invite that is forged or expired
├── BadMetadata            a server's metadata is missing, lies about its issuer, or cannot be worked with
├── UnknownApp             no app of that name is registered
├── AppPaused              the app is paused, and what was asked would need it
├── NotOffered             the provider has no call for what was asked
├── UnknownConnection      there is no connection of that name
├── AlreadyStands          a connection of that name exists, and nobody said to replace it
├── Store
│   ├── NotLeased          the connection is not due, or somebody else holds its lease
│   ├── FenceLost          another holder took the connection over: our write is refused
│   ├── NewerSchema        a newer version of this program wrote the record
│   ├── AlreadyConsumed    the authorization or the code was used before
│   │   ├── AuthorizationGone  it is not there any more: later ones of its invite took its place
│   │   └── InviteTaken    the invite is in use, was used, or was ended
│   ├── StoreUnavailable   the table did not acknowledge: throttled, down or timed out
│   └── QueueUnavailable   the dead letters could not be read, or one of them not deleted
├── SealingUnavailable     no data key, or a sealed value cannot be opened now
├── Publishing
│   ├── PublishUnavailable Secrets Manager throttles or fails; it will work later
│   ├── QuotaReached       the secret holds as many versions as AWS keeps; within a day it takes another
│   ├── SecretGone         the connection's secret was deleted
│   └── SecretNotOurs      a secret of that name exists which this stack did not make
└── Wire
    ├── NotSent            no byte of the request left
    └── NoAnswer           bytes left, and no whole response came back
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokensync.domain.command_line import Next


class TokensyncError(Exception):
    """The root of all errors of this package. No message carries a secret."""


class InvalidName(TokensyncError):
    """A name is outside its alphabet or length."""


class InvalidApp(TokensyncError):
    """An app's secret cannot be used as it is."""


class ParamRefused(InvalidApp):
    """A parameter of one account, such as its shop's name, may not be used as it is: nothing was sent.

    Attributes:
        name: the parameter.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"the parameter {name}: {why}")
        self.name = name


class EndpointRefused(InvalidApp):
    """An endpoint is where what would be sent may not go: nothing was sent. The message shows hosts, in plain ASCII."""


class _Refused(TokensyncError):
    """Something from outside that goes no further.

    Attributes:
        signed: whether our own signature on it held, so that the app it names is one of ours.
    """

    def __init__(self, message: str, *, signed: bool = False) -> None:
        super().__init__(message)
        self.signed = signed


class BadRequest(_Refused):
    """An input that must not reach a provider.

    Attributes:
        other_issuer: what a callback names as its issuer, where that is not the app's; else None.
    """

    def __init__(self, message: str, *, signed: bool = False, other_issuer: str | None = None) -> None:
        super().__init__(message, signed=signed)
        self.other_issuer = other_issuer


class BeginFirst(BadRequest):
    """A paste that only the one who began its authorization can finish."""


class InviteRefused(_Refused):
    """An invite that is forged or expired."""


class BadMetadata(TokensyncError):
    """A server's metadata is missing, lies about its issuer, or cannot be worked with."""


class UnknownApp(TokensyncError):
    """No app of that name is registered."""


class AppPaused(TokensyncError):
    """The app is paused, and what was asked would need it."""


class NotOffered(TokensyncError):
    """The provider has no call for what was asked.

    Attributes:
        next_command: what leads to the same end.
    """

    def __init__(self, message: str, *, next_command: Next) -> None:
        super().__init__(message)
        self.next_command = next_command


class UnknownConnection(TokensyncError):
    """There is no connection of that name."""


class AlreadyStands(TokensyncError):
    """A connection of that name exists, and nobody said to replace it."""


class StoreError(TokensyncError):
    """The table refused or failed a request."""


class NotLeased(StoreError):
    """The connection is not due, or somebody else holds its lease.

    Attributes:
        leased_until: Unix seconds at which the other's lease ends, or None if there is none.
    """

    def __init__(self, message: str, leased_until: int | None = None) -> None:
        super().__init__(message)
        self.leased_until = leased_until


class FenceLost(StoreError):
    """Another holder took the connection over: our write is refused."""


class NewerSchema(StoreError):
    """A newer version of this program wrote the record."""


class AlreadyConsumed(StoreError):
    """The authorization or the code was used before."""


class AuthorizationGone(AlreadyConsumed):
    """The authorization is not there any more: later ones of its invite took its place. Nothing was presented."""


class InviteTaken(AlreadyConsumed):
    """The invite is in use, was used, or was ended.

    Attributes:
        state: what has become of it, an `InviteState`.
        holder: the sort key of the authorization that used it last, empty if there is none.
    """

    def __init__(self, state: str, *, holder: str = "") -> None:
        super().__init__(f"the invite is {state}")
        self.state = state
        self.holder = holder


class StoreUnavailable(StoreError):
    """The table did not acknowledge: throttled, down or timed out."""


class QueueUnavailable(StoreError):
    """The dead letters could not be read, or one of them not deleted."""


class SealingUnavailable(TokensyncError):
    """No data key, or a sealed value cannot be opened now."""


class PublishError(TokensyncError):
    """The connection's secret could not be made equal to its grant."""


class PublishUnavailable(PublishError):
    """Secrets Manager throttles or fails; it will work later."""


class QuotaReached(PublishError):
    """The secret holds as many versions as AWS keeps, or the account as many secrets: this secret alone has to wait."""


class SecretGone(PublishError):
    """The connection's secret was deleted or is scheduled for deletion."""


class SecretNotOurs(PublishError):
    """A secret of that name exists which this stack did not make."""


class WireError(TokensyncError):
    """A request to a provider ended without a whole response."""


class NotSent(WireError):
    """No byte of the request left: DNS, connect or TLS failed, or the address is refused."""


class NoAnswer(WireError):
    """Bytes left, and no whole response came back: the provider may have committed."""
