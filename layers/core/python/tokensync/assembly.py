"""Puts the use cases together over ports: the same for the deployed functions and for the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tokensync.authorize.establish import Establisher
from tokensync.authorize.exchange import CodeExchange
from tokensync.authorize.finish import Finisher
from tokensync.authorize.redelivery import Redelivery
from tokensync.domain.sealing import Unsealer
from tokensync.entry.app_cache import KnownApps, KnownNames
from tokensync.entry.callback_commands import CallbackCommands, RotationCommands
from tokensync.entry.handing_commands import Handing, handing
from tokensync.entry.queue import BatchRunner
from tokensync.entry.recovery_commands import Recovery
from tokensync.entry.seller_pages import SellerPages
from tokensync.entry.tick import Ticker
from tokensync.entry.upkeep_commands import Upkeep, upkeep
from tokensync.entry.webhooks import Noticer, Webhooks
from tokensync.operate.dead_letters import Redriver
from tokensync.operate.on_demand import OnDemand
from tokensync.operate.recover import Recoverer
from tokensync.refresh.account import AccountReader, Verifier
from tokensync.refresh.attempt import Refresher
from tokensync.refresh.commit import Committer
from tokensync.refresh.conclude import Concluder
from tokensync.refresh.kept_answers import KeptAnswers
from tokensync.refresh.publish import Publisher
from tokensync.refresh.push import Pusher
from tokensync.refresh.restored_table import RestoredTable
from tokensync.refresh.schedule import Cadence
from tokensync.refresh.session import Limits
from tokensync.refresh.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.authorize.links import Signer
    from tokensync.domain.ports import (
        Apps,
        Authorizations,
        Connections,
        DeadLetters,
        Origin,
        Sealer,
        TokenSecrets,
        WebhookEvents,
        WorkQueue,
    )
    from tokensync.domain.runtime import Alerts, Clock, Failpoints, Log, Randomness
    from tokensync.oauth.http import Wire


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The world as both functions see it, and the times that bound them."""

    connections: Connections
    authorizations: Authorizations
    origin: Origin
    apps: Apps
    sealer: Sealer
    secrets: TokenSecrets
    queue: WorkQueue
    wire: Wire
    clock: Clock
    randomness: Randomness
    failpoints: Failpoints
    alerts: Alerts
    log: Log
    limits: Limits = field(default_factory=Limits)
    cadence: Cadence = field(default_factory=Cadence)


@dataclass(frozen=True)
class _Shared:
    """What both functions are made of. Each use case is made when it is first asked for, once."""

    ports: Ports

    @cached_property
    def kept_answers(self) -> KeptAnswers:
        """Return what finds a place for answers."""
        ports = self.ports
        return KeptAnswers(
            connections=ports.connections, queue=ports.queue, alerts=ports.alerts, clock=ports.clock, log=ports.log
        )

    @cached_property
    def publisher(self) -> Publisher:
        """Return what writes grants to their secrets."""
        return Publisher(self.ports.secrets, self.ports.clock)

    @cached_property
    def committer(self) -> Committer:
        """Return what ends leases."""
        ports = self.ports
        return Committer(
            connections=ports.connections,
            publisher=self.publisher,
            kept_answers=self.kept_answers,
            queue=ports.queue,
            alerts=ports.alerts,
            clock=ports.clock,
            randomness=ports.randomness,
            failpoints=ports.failpoints,
            log=ports.log,
        )

    @cached_property
    def restored(self) -> RestoredTable:
        """Return what judges a table that was restored from a backup."""
        ports = self.ports
        return RestoredTable(
            origin=ports.origin,
            connections=ports.connections,
            committer=self.committer,
            alerts=ports.alerts,
            clock=ports.clock,
        )

    @cached_property
    def concluder(self) -> Concluder:
        """Return what concludes attempts."""
        ports = self.ports
        return Concluder(
            connections=ports.connections,
            committer=self.committer,
            kept_answers=self.kept_answers,
            alerts=ports.alerts,
            clock=ports.clock,
            randomness=ports.randomness,
            log=ports.log,
            cadence=ports.cadence,
        )

    @cached_property
    def accounts(self) -> AccountReader:
        """Return what asks providers about an account."""
        ports = self.ports
        return AccountReader(wire=ports.wire, clock=ports.clock, log=ports.log, limits=ports.limits)

    @cached_property
    def verifier(self) -> Verifier:
        """Return what verifies access tokens."""
        ports = self.ports
        return Verifier(
            connections=ports.connections,
            accounts=self.accounts,
            concluder=self.concluder,
            committer=self.committer,
            publisher=self.publisher,
            alerts=ports.alerts,
            clock=ports.clock,
            randomness=ports.randomness,
            log=ports.log,
            cadence=ports.cadence,
        )

    @cached_property
    def establisher(self) -> Establisher:
        """Return what gives an account its grant."""
        ports = self.ports
        return Establisher(
            connections=ports.connections,
            committer=self.committer,
            restored=self.restored,
            clock=ports.clock,
            failpoints=ports.failpoints,
            limits=ports.limits,
            cadence=ports.cadence,
        )

    @cached_property
    def redelivery(self) -> Redelivery:
        """Return what gives answers to codes their place."""
        ports = self.ports
        return Redelivery(
            authorizations=ports.authorizations, apps=ports.apps, restored=self.restored, clock=ports.clock
        )

    @cached_property
    def finisher(self) -> Finisher:
        """Return what makes connections of answered authorizations."""
        ports = self.ports
        return Finisher(
            connections=ports.connections,
            authorizations=ports.authorizations,
            concluder=self.concluder,
            accounts=self.accounts,
            establisher=self.establisher,
            verifier=self.verifier,
            restored=self.restored,
            redelivery=self.redelivery,
            sealer=ports.sealer,
            alerts=ports.alerts,
            clock=ports.clock,
            log=ports.log,
            limits=ports.limits,
        )


@dataclass(frozen=True)
class RotationParts(_Shared):
    """The rotation function's use cases. `claim` is the tick's claim in seconds, `prefix` that of secrets' names."""

    claim: int
    prefix: str
    dead_letters: DeadLetters

    @cached_property
    def unsealer(self) -> Unsealer:
        """Return what opens grants and answers."""
        return Unsealer(self.ports.sealer)

    @cached_property
    def pusher(self) -> Pusher:
        """Return what hands pairs over to consumers."""
        ports = self.ports
        return Pusher(
            connections=ports.connections,
            sealer=ports.sealer,
            committer=self.committer,
            queue=ports.queue,
            alerts=ports.alerts,
            wire=ports.wire,
            clock=ports.clock,
            randomness=ports.randomness,
            failpoints=ports.failpoints,
            log=ports.log,
            limits=ports.limits,
        )

    @cached_property
    def refresher(self) -> Refresher:
        """Return the refresh protocol."""
        ports = self.ports
        return Refresher(
            connections=ports.connections,
            unsealer=self.unsealer,
            concluder=self.concluder,
            committer=self.committer,
            kept_answers=self.kept_answers,
            queue=ports.queue,
            wire=ports.wire,
            clock=ports.clock,
            randomness=ports.randomness,
            failpoints=ports.failpoints,
            limits=ports.limits,
        )

    @cached_property
    def worker(self) -> Worker:
        """Return what looks after one connection."""
        ports = self.ports
        return Worker(
            connections=ports.connections,
            unsealer=self.unsealer,
            publisher=self.publisher,
            committer=self.committer,
            kept_answers=self.kept_answers,
            refresher=self.refresher,
            verifier=self.verifier,
            pusher=self.pusher,
            restored=self.restored,
            alerts=ports.alerts,
            clock=ports.clock,
            failpoints=ports.failpoints,
            limits=ports.limits,
        )

    @cached_property
    def ticker(self) -> Ticker:
        """Return what finds and queues due work."""
        ports = self.ports
        return Ticker(
            connections=ports.connections, queue=ports.queue, clock=ports.clock, log=ports.log, claim=self.claim
        )

    @cached_property
    def batches(self) -> BatchRunner:
        """Return what works through the queue."""
        ports = self.ports
        return BatchRunner(
            worker=self.worker,
            finisher=self.finisher,
            apps=ports.apps,
            sealer=ports.sealer,
            alerts=ports.alerts,
            clock=ports.clock,
            log=ports.log,
            limits=ports.limits,
        )

    @cached_property
    def on_demand(self) -> OnDemand:
        """Return what operators ask for under a lease."""
        ports = self.ports
        return OnDemand(
            worker=self.worker,
            connections=ports.connections,
            apps=ports.apps,
            sealer=ports.sealer,
            alerts=ports.alerts,
            clock=ports.clock,
            log=ports.log,
        )

    @cached_property
    def upkeep(self) -> Upkeep:
        """Return the commands over a connection's whole life."""
        ports = self.ports
        return upkeep(
            on_demand=self.on_demand,
            verifier=self.verifier,
            concluder=self.concluder,
            committer=self.committer,
            cadence=ports.cadence,
            establisher=self.establisher,
            wire=ports.wire,
            failpoints=ports.failpoints,
            limits=ports.limits,
            prefix=self.prefix,
        )

    @cached_property
    def handing(self) -> Handing:
        """Return the commands that hand pairs and secrets over."""
        return handing(on_demand=self.on_demand, pusher=self.pusher, accounts=self.accounts, prefix=self.prefix)

    @cached_property
    def recovery(self) -> Recovery:
        """Return the command that brings back what was kept out of its place."""
        ports = self.ports
        redriver = Redriver(
            dead_letters=self.dead_letters,
            connections=ports.connections,
            kept_answers=self.kept_answers,
            redelivery=self.redelivery,
            queue=ports.queue,
            log=ports.log,
        )
        return Recovery(
            Recoverer(
                on_demand=self.on_demand, redriver=redriver, authorizations=ports.authorizations, queue=ports.queue
            )
        )

    @cached_property
    def commands(self) -> RotationCommands:
        """Return every command of the rotation function."""
        more = {**self.upkeep.commands(), **self.handing.commands(), **self.recovery.commands()}
        return RotationCommands(on_demand=self.on_demand, ticker=self.ticker, prefix=self.prefix, more=more)


@dataclass(frozen=True)
class CallbackParts(_Shared):
    """The callback function's use cases. An empty `base_url` means the request's own domain."""

    webhook_events: WebhookEvents
    signer: Callable[[], Signer]
    base_url: str

    @cached_property
    def code_exchange(self) -> CodeExchange:
        """Return what begins and answers authorizations."""
        ports = self.ports
        return CodeExchange(
            authorizations=ports.authorizations,
            finisher=self.finisher,
            restored=self.restored,
            queue=ports.queue,
            alerts=ports.alerts,
            wire=ports.wire,
            clock=ports.clock,
            randomness=ports.randomness,
            failpoints=ports.failpoints,
            log=ports.log,
            limits=ports.limits,
        )

    @cached_property
    def known(self) -> KnownNames:
        """Return the registered names, without a call for each question."""
        return KnownNames(self.ports.apps, self.ports.clock)

    @cached_property
    def registered(self) -> KnownApps:
        """Return the registrations, without a call for each question."""
        return KnownApps(self.ports.apps, self.known, self.ports.clock)

    @cached_property
    def seller_pages(self) -> SellerPages:
        """Return the pages."""
        ports = self.ports
        return SellerPages(
            code_exchange=self.code_exchange,
            apps=ports.apps,
            sealer=ports.sealer,
            clock=ports.clock,
            log=ports.log,
            signer=self.signer,
            known=self.known,
            registered=self.registered,
        )

    @cached_property
    def webhooks(self) -> Webhooks:
        """Return what takes the providers' notices."""
        ports = self.ports
        noticer = Noticer(
            connections=ports.connections,
            webhook_events=self.webhook_events,
            queue=ports.queue,
            alerts=ports.alerts,
            clock=ports.clock,
            randomness=ports.randomness,
            signer=self.signer,
        )
        return Webhooks(noticer=noticer, known=self.known, registered=self.registered, log=ports.log)

    @cached_property
    def commands(self) -> CallbackCommands:
        """Return every command of the callback function."""
        ports = self.ports
        return CallbackCommands(
            code_exchange=self.code_exchange,
            wire=ports.wire,
            apps=ports.apps,
            sealer=ports.sealer,
            signer=self.signer,
            clock=ports.clock,
            base_url=self.base_url,
        )
