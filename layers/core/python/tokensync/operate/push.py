"""`push`: a consumer gets a connection's token pair, once the operator has said which side refreshes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.command_line import typed
from tokensync.domain.errors import BadRequest, NotOffered
from tokensync.operate.on_demand import unrefreshable
from tokensync.providers import CONSUMERS
from tokensync.providers.api2cart import is_store_url
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

    def push(
        self, name: ConnectionName, to: str, budget: Budget, *, again: bool = False, store_url: str = ""
    ) -> WorkResult:
        """Hand the newest pair to the consumer `to`; `again` repeats a request that got no answer.

        `store_url` is the address under which it adds a new store, empty for the one that the app's settings name.

        Raises:
            BadRequest: the address is none.
            NotOffered: the app does not say which side refreshes, or the consumer takes no such connection.
            UnknownConnection, NewerSchema, StoreUnavailable, UnknownApp, InvalidApp: nothing was sent.
        """
        if store_url and not is_store_url(store_url):
            raise BadRequest("a store's address is an https URL of at most 300 characters without a name in it")
        seen = self.on_demand.existing(name)
        # Read now: its owner may just have said which side refreshes, or replaced its secret.
        consumer = _agreed(self.ports.apps.get(name.app, fresh=True), to)
        refusal = unrefreshable(seen)
        if refusal is not None:
            return WorkResult(refusal, seen)
        if seen.obtained_at is None:
            return WorkResult(Result.NOTHING_DUE, seen)

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult:
            return self.pusher.push(record, grant, session, consumer, again=again, store_url=store_url)

        return self.on_demand.under_lease(name, budget, act)

    def check(self, name: ConnectionName, to: str, budget: Budget) -> WorkResult:
        """Ask the consumer `to` whether it accepts the connection's store.

        Raises:
            NotOffered: it takes no such connection.
            UnknownConnection, NewerSchema, StoreUnavailable, UnknownApp, InvalidApp: nothing was asked.
        """
        self.on_demand.existing(name)
        consumer = _taking(self.ports.apps.get(name.app, fresh=True), to)

        def act(record: Connection, grant: Grant, session: Session) -> WorkResult:
            return self.pusher.check(record, grant, session, consumer)

        return self.on_demand.under_lease(name, budget, act)


def _taking(app: App, to: str) -> Consumer:
    """Return the consumer, where it takes connections of the app.

    Raises:
        NotOffered: it does not, or there is none of that name.
    """
    consumer = CONSUMERS.get(to)
    if consumer is None or app.provider not in consumer.providers:
        takers = [name for name, known in CONSUMERS.items() if app.provider in known.providers]
        can = f"its connections can be pushed to {', '.join(takers)}" if takers else "no consumer takes its connections"
        raise NotOffered(f"app {app.name} cannot push to {to!r}: {can}", next_command=typed("tokensync push --help"))
    return consumer


def _agreed(app: App, to: str) -> Consumer:
    """Return the consumer, where the app says which side refreshes.

    Raises:
        NotOffered: it does not, or there is no such consumer.
    """
    consumer = _taking(app, to)
    if app.push != consumer.name and not app.gives_away:
        ours = typed("tokensync app set {app} push={consumer}", app=app.name, consumer=consumer.name)
        raise NotOffered(
            f"two who refresh one token break each other, so app {app.name} has to say who does. "
            f"We refresh, and hand over each new pair: {ours}. {consumer.title} refreshes, and we stop: "
            f"{typed('tokensync app set {app} owner=consumer', app=app.name)}. "
            f"Or {consumer.title} gets an authorization of its own, made in its own console: then nothing is pushed",
            next_command=ours,
        )
    return consumer
