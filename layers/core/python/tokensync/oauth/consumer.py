"""What a consumer's file holds: a service outside that takes token pairs, and the requests that hand them over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.app import App
    from tokensync.domain.command_line import CommandPattern
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import FailureClass, Request
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.secret import Secret
    from tokensync.oauth.shapes import ErrorReply


class Add(Protocol):
    """Builds the first request for a connection; `store_url` is the address of its store, empty where none is known."""

    def __call__(self, app: App, base: str, grant: Grant, name: ConnectionName, /, *, store_url: str = "") -> Request:
        """Return the request."""


@dataclass(frozen=True)
class Mend:
    """What an error of a consumer means to an operator, and the command that mends it.

    The command has places for `{app}` and `{name}`; none is the same push again.
    """

    why: str
    command: CommandPattern | None = None


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """One service that takes pairs, for connections of its `providers`.

    `hosts` are the only hosts that an app's endpoint `push` may name. `key` returns the operator's own key with the
    service from an app. `add` builds the first request for a connection, and `read_key` reads from its reply the key
    that the service gives the connection, empty where it gives none; `update` builds the request that replaces the
    pair under that key; `validate` the one that asks whether it accepts the store. All get the base URL. `error` gets
    the response's JSON object and its HTTP status. `failures` and `failure_texts` class errors as those of `Provider`
    do: CONFIGURATION is the operator's to mend, REFUSED means that the service no longer knows the key. `mends` says by
    code what operators can do. `store_url` returns the address of a connection's store by the app's settings, empty
    where they name none.
    """

    name: str
    title: str
    base: str
    hosts: frozenset[str]
    providers: frozenset[str]
    key: Callable[[App], Secret | None]
    add: Add
    update: Callable[[App, str, Grant, str], Request]
    validate: Callable[[App, str, str], Request]
    error: Callable[[Mapping[str, Any], int], ErrorReply | None]
    read_key: Callable[[Mapping[str, Any]], str]
    failures: Mapping[str, FailureClass] = field(default_factory=dict)
    failure_texts: tuple[tuple[str, FailureClass], ...] = ()
    mends: Mapping[str, Mend] = field(default_factory=dict)
    store_url: Callable[[App, ConnectionName], str] = lambda *_: ""

    def endpoint(self, app: App) -> str:
        """Return the base URL: the app's own, which only apps of the embedded stack have, else the consumer's."""
        return app.endpoints.get("push", self.base)
