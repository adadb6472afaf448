"""What a consumer's file holds: a service outside that takes token pairs, and the requests that hand them over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import FailureClass, Request
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.secret import Secret
    from tokensync.oauth.shapes import ErrorReply


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """One service that takes pairs, for connections of its `providers`.

    `hosts` are the only hosts that an app's endpoint `push` may name. `key` returns the operator's own key with the
    service from an app. `add` builds the first request for a connection, and `read_key` reads from its reply the key
    that the service gives the connection, empty where it gives none; `update` builds the request that replaces the
    pair under that key. Both get the base URL. `error` gets the response's JSON object and its HTTP status.
    `failures` and `failure_texts` class errors as those of `Provider` do: CONFIGURATION is the operator's to mend,
    REFUSED means that the service no longer knows the key.
    """

    name: str
    title: str
    base: str
    hosts: frozenset[str]
    providers: frozenset[str]
    key: Callable[[App], Secret | None]
    add: Callable[[App, str, Grant, ConnectionName], Request]
    update: Callable[[App, str, Grant, str], Request]
    error: Callable[[Mapping[str, Any], int], ErrorReply | None]
    read_key: Callable[[Mapping[str, Any]], str]
    failures: Mapping[str, FailureClass] = field(default_factory=dict)
    failure_texts: tuple[tuple[str, FailureClass], ...] = ()

    def endpoint(self, app: App) -> str:
        """Return the base URL: the app's own, which only apps of the embedded stack have, else the consumer's."""
        return app.endpoints.get("push", self.base)
