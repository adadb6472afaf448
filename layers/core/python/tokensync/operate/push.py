"""`push`: a consumer gets a connection's token pair, once the operator has said which side refreshes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.errors import NotOffered
from tokensync.operate.on_demand import unrefreshable
from tokensync.providers import CONSUMERS
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.oauth.consumer import Consumer
    from tokensync.operate.on_demand import OnDemand
    from tokensync.refresh.push import Pusher
    from tokensync.refresh.session import Session


@dataclass(frozen=True)
class Handover:
    """Hands pairs over to consumers on demand."""

    ports: Ports
    on_demand: OnDemand
    pusher: Pusher

    def push(self, name: ConnectionName, to: str, budget: Budget, *, again: bool = False) -> WorkResult:
        """Hand the newest pair to the consumer `to`; `again` repeats a request that got no answer.

        Raises:
            NotOffered: the app does not say which side refreshes, or the consumer takes no such connection.
            UnknownConnection, NewerSchema, StoreUnavailable, UnknownApp, InvalidApp: nothing was sent.
        """
        seen = self.on_demand.existing(name)
        # Read now: its owner may just have said which side refreshes, or replaced its secret.
        consumer = _agreed(self.ports.apps.get(name.app, fresh=True), to)
        refusal = unrefreshable(seen)
        if refusal is not None:
            return WorkResult(refusal, seen)
        if seen.obtained_at is None:
            return WorkResult(Result.NOTHING_DUE, seen)

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult:
            return self.pusher.push(record, grant, session, consumer, again=again)

        return self.on_demand.under_lease(name, budget, act)


def _agreed(app: App, to: str) -> Consumer:
    """Return the consumer, where the app says which side refreshes.

    Raises:
        NotOffered: it does not, or there is no such consumer.
    """
    consumer = CONSUMERS.get(to)
    if consumer is None or app.provider not in consumer.providers:
        takers = [name for name, known in CONSUMERS.items() if app.provider in known.providers]
        can = f"its connections can be pushed to {', '.join(takers)}" if takers else "no consumer takes its connections"
        raise NotOffered(f"app {app.name} cannot push to {to!r}: {can}", next_command="tokensync push --help")
    if app.push != consumer.name and not app.gives_away:
        raise NotOffered(
            f"two who refresh one token break each other, so app {app.name} has to say who does. "
            f"We refresh, and hand over each new pair: tokensync app set {app.name} push={consumer.name}. "
            f"{consumer.title} refreshes, and we stop: tokensync app set {app.name} owner=consumer. "
            f"Or {consumer.title} gets an authorization of its own, made in its own console: then nothing is pushed",
            next_command=f"tokensync app set {app.name} push={consumer.name}",
        )
    return consumer
