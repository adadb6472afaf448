"""What a consumer's file states: a service outside that is handed token pairs, and how it is told."""

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
    """One service that takes pairs. `hosts` are the only ones that an app's endpoint `push` may name.

    `key` finds the operator's own key with it in an app, `add` tells it of a connection for the first time and
    `read_key` reads the key that it gives for that, empty where it gives none; `update` replaces the pair under that
    key. `add` and `update` get the base URL. `error` gets an answer's JSON object and its HTTP status. `failures` and
    `failure_texts` class what it tells: CONFIGURATION is the operator's to mend, REFUSED says that it knows the key no
    more.
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
        """Return the base URL: the app's own, which only the embedded stack's apps have, or the consumer's."""
        return app.endpoints.get("push", self.base)
