"""The whole stack over in-memory ports and a simulated provider, every call of which may go wrong."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fakes import (
    InMemoryApps,
    InMemoryDeadLetters,
    InMemoryInvites,
    InMemoryOrigin,
    InMemorySealer,
    InMemoryTokenSecrets,
    InMemoryWebhookEvents,
    SeededRandomness,
    Table,
)
from faults.chance import Chance, Chancy, ChancyPlaces
from faults.soaking.deliveries import Deliveries, Message
from faults.soaking.indexed import DueIndex, IndexedAuthorizations, IndexedConnections
from faults.soaking.judge import Judge
from faults.soaking.people import People
from faults.soaking.rotating import GRACE, RotatingServer
from faults.soaking.timeline import Timeline
from tokensync.assembly import CallbackParts, RotationParts
from tokensync.authorize.links import Signer
from tokensync.domain.app import App
from tokensync.domain.connection import AuthorizedBy, Connection, DueTimes
from tokensync.domain.errors import PublishUnavailable, SealingUnavailable, StoreUnavailable, TokensyncError
from tokensync.domain.grant import Grant
from tokensync.domain.names import ConnectionName
from tokensync.domain.ports import Ports
from tokensync.domain.runtime import Budget
from tokensync.domain.sealing import grant_binding
from tokensync.domain.secret import Secret
from tokensync.refresh.publish import Publisher
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.runtime import Log

HOUR, DAY = 3600, 86_400
LIFE = 60.0  # seconds of a rotation function's life
CLAIM = 720
MINUTE = 60
_TICK_TWICE = 0.01  # of all ticks are delivered a second time


@dataclass(frozen=True)
class Kind:
    """One kind of provider: what becomes of a refresh token shown twice, the access token's life, its share."""

    reuse: str
    life: int
    share: float

    @property
    def app(self) -> str:
        """Return the name of the app that speaks to it."""
        return f"{self.reuse.replace('_', '-')}-{self.life // HOUR}h"


KINDS = (
    Kind("single_use", 2 * HOUR, 0.04),
    Kind("single_use", DAY, 0.40),
    Kind("single_use", 7 * DAY, 0.28),
    Kind("grace", 2 * HOUR, 0.01),
    Kind("grace", DAY, 0.10),
    Kind("safe", 2 * HOUR, 0.01),
    Kind("safe", DAY, 0.10),
    Kind("safe", 7 * DAY, 0.06),
)


class Telling:
    """Logs nothing but what nobody foresaw, see `tokensync.domain.runtime.Log`."""

    def __init__(self) -> None:
        self.broken: Counter[str] = Counter()

    def info(self, event: str, **fields: object) -> None:
        """Hear what happened."""

    def warning(self, event: str, **fields: object) -> None:
        """Hear what needs a look."""

    def failure(self, event: str, error: BaseException) -> None:
        """Count an error nobody foresaw."""
        self.broken[f"{event}: {error!r}"] += 1


class Fleet:
    """So many connections, the functions that keep them fresh, the people around them, and the judge of it all."""

    def __init__(self, *, connections: int, seed: int, rate: float, losses: bool) -> None:
        self.timeline = Timeline()
        self.chance = Chance(self.timeline, seed=seed, rate=rate, spares=not losses)
        self.random = random.Random(seed + 1)  # noqa: S311 - it must repeat
        self.table = Table()
        self.index = DueIndex(self.table)
        self.connections = IndexedConnections(self.index)
        self.secrets = InMemoryTokenSecrets()
        self.sealer = InMemorySealer()
        self.apps = InMemoryApps(*map(_app, KINDS), table=self.table)
        self.log = Telling()
        self.queue = Deliveries(self.timeline, self.chance)
        self.server = RotatingServer(self.timeline, self.chance, lambda process: process.mark)
        self.judge = Judge(self.timeline, self.server, self.connections, self.secrets, self.sealer)
        self.people = People(self)
        self.ticks = 0
        self.ports = self._ports(seed, self.log)
        signer = Signer([Secret("k" * 64)])
        letters = InMemoryDeadLetters(self.timeline)  # type: ignore[arg-type] - any clock will do
        rotation = RotationParts(self.ports, claim=CLAIM, prefix="tokensync", dead_letters=letters)
        # One thread for each batch: which of two threads comes first is nothing that a seed repeats.
        self.batches = replace(rotation.batches, threads=1)
        self.ticker, self.on_demand = rotation.ticker, rotation.on_demand
        callback = CallbackParts(
            self.ports,
            webhook_events=Chancy(InMemoryWebhookEvents(self.table), self.chance, "webhook_events", StoreUnavailable),  # type: ignore[arg-type]
            signer=lambda: signer,
            base_url="https://connect.example",
        )
        self.seller_pages, self.signer = callback.seller_pages, signer
        self._connect_hooks()
        self._seed(connections)

    def invoke(
        self, kind: str, life: float, body: Callable[[Budget], object], ended: Callable[[bool], None] | None = None
    ) -> None:
        """Run a function once, as Lambda does; `ended` is told whether it came to its end."""

        def run() -> None:
            try:
                body(Budget(self.timeline, life))
            except TokensyncError as error:
                self.log.broken[f"{kind} ended with {type(error).__name__}"] += 1

        self.timeline.start_process(kind, life, run, ended or (lambda _lived: None))

    def minute(self) -> None:
        """Let the schedule's tick run where anything is due, and come back in a minute."""
        now = self.timeline.now()
        self.judge.check_touched()
        if self.index.due(now):
            for _ in range(2 if self.random.random() < _TICK_TWICE else 1):
                self.ticks += 1
                self.invoke("tick", LIFE, self.ticker.tick)
        self.timeline.after(MINUTE, self.minute)

    def hour(self) -> None:
        """Check everything, and come back in an hour."""
        self.judge.check()
        self.timeline.after(HOUR, self.hour)

    def _work(self, batch: list[Message]) -> None:
        def body(budget: Budget) -> None:
            report = self.batches.run({message.id: message.body for message in batch}, budget)
            self.chance.place("batch.ended")
            self.queue.delete(batch, report.again)

        self.invoke("batch", LIFE, body, lambda _lived: self.queue.ended())

    def _ports(self, seed: int, log: Log) -> Ports:
        chance, judge = self.chance, self.judge

        def chancy(port: object, label: str, unavailable: type[Exception], seen: Any = None) -> Any:
            return Chancy(port, chance, label, unavailable, seen)

        return Ports(
            connections=chancy(self.connections, "connections", StoreUnavailable, judge.wrote),
            authorizations=chancy(
                IndexedAuthorizations(self.index), "authorizations", StoreUnavailable, judge.wrote_authorization
            ),
            invites=chancy(InMemoryInvites(self.table), "invites", StoreUnavailable),
            apps=chancy(self.apps, "apps", StoreUnavailable),
            origin=chancy(InMemoryOrigin(self.table), "origin", StoreUnavailable),
            sealer=chancy(self.sealer, "sealer", SealingUnavailable),
            secrets=chancy(self.secrets, "secrets", PublishUnavailable, judge.published),
            queue=self.queue,
            wire=self.server,
            clock=self.timeline,
            randomness=SeededRandomness(seed),
            failpoints=ChancyPlaces(chance),
            alerts=self.people,
            log=log,
        )

    def _connect_hooks(self) -> None:
        self.queue.work = self._work
        self.queue.stored = lambda _work: self.judge.stored(self.timeline.current)
        self.timeline.on_end = self.judge.ended
        self.chance.told = self.judge.suffered
        self.timeline.after(MINUTE, self.minute)
        self.timeline.after(HOUR, self.hour)

    def _seed(self, connections: int) -> None:
        """Let every connection stand for some while already, its next refresh somewhere in its token's life."""
        publisher = Publisher(self.secrets, self.timeline)
        keys = {kind.app: self.sealer.new_key(kind.app) for kind in KINDS}
        kinds = self.random.choices(KINDS, weights=[kind.share for kind in KINDS], k=connections)
        for number, kind in enumerate(kinds):
            name = ConnectionName(kind.app, f"account-{number:05d}")
            refresh, access = self.server.enrol(name, reuse=kind.reuse, life=kind.life)
            now = self.timeline.now()
            grant = Grant(
                account_id=name.account,
                label="",
                access_token=Secret(access),
                refresh_token=Secret(refresh),
                token_type="Bearer",
                scopes=(),
                obtained_at=now,
                access_expires_at=now + kind.life,
            )
            record = Connection(
                name=name,
                provider="oauth2",
                generation=1,
                allocated=1,
                sealed_grant=keys[kind.app].seal(grant.to_bytes(), binding=grant_binding(name)),
                obtained_at=now,
                access_expires_at=grant.access_expires_at,
                due=DueTimes(renew_at=now + int(kind.life * self.random.uniform(0.0, 0.65))),
                authorized=AuthorizedBy(authorized_at=now, authorized_by="long ago"),
            )
            published = publisher.publish(record, grant)
            self.connections.seed(scheduled(replace(record, published=published)))
            self.judge.shown(name)
            self.people.know(self.server.accounts[name])


def _app(kind: Kind) -> App:
    host = f"https://{kind.app}.example"
    return App(
        name=kind.app,
        provider="oauth2",
        client_id="client",
        client_secret=Secret("client-secret-of-the-soak"),
        endpoints={"authorize": f"{host}/authorize", "token": f"{host}/token"},
        settings={"refresh_reuse": kind.reuse, "grace_seconds": str(GRACE), "account_field": "account"},
    )
