"""The whole core wired to in-memory ports and a scripted TikTok Shop, for tests of the use cases."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from fakes import (
    FakeClock,
    InMemoryApps,
    InMemoryAuthorizations,
    InMemoryConnections,
    InMemoryDeadLetters,
    InMemoryInvites,
    InMemoryOrigin,
    InMemorySealer,
    InMemoryTokenSecrets,
    InMemoryWebhookEvents,
    InMemoryWorkQueue,
    RecordingAlerts,
    RecordingLog,
    ScriptedFailpoints,
    SeededRandomness,
    Table,
)
from fakes.records import changed
from tokensync.assembly import CallbackParts, RotationParts
from tokensync.authorize.links import Invite, Signer
from tokensync.domain.app import App
from tokensync.domain.connection import Connection, DueTimes
from tokensync.domain.destinations import Destinations
from tokensync.domain.errors import NoAnswer, NotSent
from tokensync.domain.grant import Grant
from tokensync.domain.messages import ProviderResponse
from tokensync.domain.names import ConnectionName
from tokensync.domain.origins import TrustedHosts
from tokensync.domain.ports import Ports
from tokensync.domain.runtime import Budget
from tokensync.domain.sealing import grant_binding
from tokensync.domain.secret import Secret
from tokensync.domain.work import Work
from tokensync.oauth.endpoints import bound_now
from tokensync.refresh.schedule import scheduled
from tokensync.refresh.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensync.domain.bound import Bound
    from tokensync.domain.messages import Request
    from tokensync.refresh.result import WorkResult

CONSUMER = "api.api2cart.com"
APP = "tiktok-shop"
ACCOUNT = "7010736057180325637"
NAME = ConnectionName(APP, ACCOUNT)
WEEK = 7 * 86_400
YEAR = 365 * 86_400
SHOPS = [{"id": "7000714532876273420", "name": "Maomao beauty shop", "region": "GB", "cipher": "GCP_XF90igAAAABh00qs"}]


@dataclass
class ScriptedShop:
    """A TikTok Shop that rotates refresh tokens and takes each code and token once; `ledger` lists what it was shown.

    `script` holds steps for the next calls of the token endpoints: a raised error, or a function from the honest
    answer to another. The honest answer is made, and so committed, before a step sees it. `others` answer in the place
    of other providers, by their hosts.
    """

    clock: FakeClock
    account: str = ACCOUNT
    life: int = WEEK
    ledger: list[str] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    alive: set[str] = field(default_factory=lambda: {"R0", "code-1", "code-2", "code-3"})
    script: list[Callable[[Callable[[], ProviderResponse]], ProviderResponse]] = field(default_factory=list)
    issued: int = 0
    others: dict[str, Callable[[Request], ProviderResponse]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def send(self, request: Request, *, seconds: float) -> ProviderResponse:
        """Answer one request."""
        del seconds
        parts = urlsplit(request.url)
        if parts.netloc in self.others:
            return self.others[parts.netloc](request)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/shops"):
            return self.answer({"code": 0, "data": {"shops": SHOPS}, "message": "Success"})
        with self.lock:
            step = self.script.pop(0) if self.script else None
        honest = lambda: self.token(query.get("auth_code") or query["refresh_token"])  # noqa: E731 - one closure
        return honest() if step is None else step(honest)

    def token(self, presented: str) -> ProviderResponse:
        """Commit one presentation."""
        with self.lock:
            self.ledger.append(presented)
            if presented not in self.alive:
                code = 36004004 if presented.startswith("code") else 36004005
                return self.answer({"code": code, "message": "no", "data": None, "request_id": "trace-no"})
            self.alive.discard(presented)
            self.issued += 1
            self.alive.add(f"R{self.issued}")
            owner = self.owners[f"R{self.issued}"] = self.owners.get(presented, self.account)
            now = self.clock.now()
            return self.answer(
                {
                    "code": 0,
                    "message": "success",
                    "request_id": f"trace-{self.issued}",
                    "data": {
                        "access_token": f"A{self.issued}",
                        "access_token_expire_in": now + self.life,
                        "refresh_token": f"R{self.issued}",
                        "refresh_token_expire_in": now + YEAR,
                        "open_id": owner,
                        "seller_name": "Acme GmbH",
                        "seller_base_region": "ID",
                        "user_type": 0,
                        "granted_scopes": ["seller.authorization.info"],
                    },
                }
            )

    def answer(self, body: dict[str, Any] | bytes, *, status: int = 200, **headers: str) -> ProviderResponse:
        """Return an HTTP answer."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return ProviderResponse(
            status=status,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            body=raw,
            received_at=self.clock.now(),
        )

    @property
    def doubles(self) -> list[str]:
        """Return every credential that was presented more than once."""
        return sorted({shown for shown in self.ledger if self.ledger.count(shown) > 1})


class World:
    """One stack with one app, of TikTok Shop unless another is given. `seconds` is the life of each function.

    `trusted` is the parameter TrustedHosts: as who deploys sets it to have pairs handed over.
    """

    def __init__(
        self,
        *,
        seconds: float = 60,
        base_url: str = "https://connect.example",
        app: App | None = None,
        trusted: str = CONSUMER,
        is_embedded: bool = False,
    ) -> None:
        self.is_embedded = is_embedded  # only there is this machine a host like any other
        self.seconds = seconds
        self.base_url = base_url
        self.clock = FakeClock()
        self.randomness = SeededRandomness()
        self.table = Table()
        self.sealer = InMemorySealer()
        self.keys = self.sealer.keys
        self.connections = InMemoryConnections(self.table)
        self.authorizations = InMemoryAuthorizations(self.table)
        self.invites = InMemoryInvites(self.table)
        self.origin = InMemoryOrigin(self.table)
        self.app = app or App(
            name=APP,
            provider="tiktok_shop",
            client_id="29a39d",
            client_secret=Secret("e59af819cc"),
            service_id="7172",
        )
        self.apps = InMemoryApps(self.app, table=self.table)
        self.secrets = InMemoryTokenSecrets()
        self.queue = InMemoryWorkQueue()
        self.alerts = RecordingAlerts()
        self.log = RecordingLog()
        self.failpoints = ScriptedFailpoints()
        self.shop = ScriptedShop(self.clock)
        self.signer = Signer([Secret("k" * 64)])
        self.webhook_events = InMemoryWebhookEvents(self.table)
        self.ports = Ports(
            connections=self.connections,
            authorizations=self.authorizations,
            invites=self.invites,
            origin=self.origin,
            apps=self.apps,
            sealer=self.sealer,
            secrets=self.secrets,
            queue=self.queue,
            wire=self.shop,
            clock=self.clock,
            randomness=self.randomness,
            failpoints=self.failpoints,
            alerts=self.alerts,
            log=self.log,
        )
        self.dead_letters = InMemoryDeadLetters(self.clock)
        self.deploy(trusted=trusted)

    def deploy(self, *, trusted: str = "") -> None:
        """Start both functions anew, with this value of the parameter TrustedHosts."""
        destinations = Destinations(self._is_local, TrustedHosts.parse(trusted))
        self.ports = replace(self.ports, destinations=destinations)
        rotation = RotationParts(self.ports, claim=720, prefix="tokensync", dead_letters=self.dead_letters)
        callback = CallbackParts(self.ports, self.webhook_events, lambda: self.signer, self.base_url)
        self.publisher = rotation.publisher
        self.verifier = rotation.verifier
        self.worker = rotation.worker
        self.finisher = rotation.finisher
        self.batches = rotation.batches
        self.ticker = rotation.ticker
        self.on_demand = rotation.on_demand
        self.commands = rotation.commands
        self.consent = callback.consent
        self.code_exchange = callback.code_exchange
        self.callback_commands = callback.commands
        self.seller_pages = callback.seller_pages
        self.webhooks = callback.webhooks

    def _is_local(self, host: str) -> bool:
        return self.is_embedded and host in ("localhost", "127.0.0.1", "::1")

    def budget(self) -> Budget:
        """Return the life of one invocation."""
        return Budget(self.clock, self.seconds)

    def session(self, app: str = "") -> Session:
        """Return a fresh session of an app."""
        return Session(app or self.app.name, self.ports)

    def connected(self, name: ConnectionName = NAME, *, refresh_token: str = "R0") -> Connection:
        """Seed an active connection, published once, whose refresh is due now."""
        now = self.clock.now()
        grant = Grant(
            account_id=name.account,
            label="Acme GmbH",
            access_token=Secret("A0"),
            refresh_token=Secret(refresh_token),
            token_type="Bearer",
            scopes=("seller.authorization.info",),
            obtained_at=now - WEEK // 2,
            access_expires_at=now + WEEK // 2,
            refresh_expires_at=now + YEAR,
            account={"seller_name": "Acme GmbH", "shops": SHOPS},
            bound=self.bound(name.app),
        )
        self.shop.alive.add(refresh_token)
        if name != NAME:
            self.shop.owners[refresh_token] = name.account
        sealed = self.sealer.new_key(name.app).seal(grant.to_bytes(), binding=grant_binding(name))
        record = Connection(
            name=name,
            provider=self.apps.get(name.app).provider,
            label="Acme GmbH",
            fence=3,
            generation=1,
            allocated=1,
            sealed_grant=sealed,
            obtained_at=grant.obtained_at,
            access_expires_at=grant.access_expires_at,
            refresh_expires_at=grant.refresh_expires_at,
            due=DueTimes(renew_at=now),
        )
        published = self.publisher.publish(record, grant)
        return self.connections.seed(scheduled(replace(record, published=published)))

    def bound(self, app: str = "") -> Bound:
        """Return what a grant is bound to that comes from an app as it is now."""
        session = self.session(app)
        return bound_now(session.provider, session.app)

    def fleet(self, size: int) -> list[ConnectionName]:
        """Connect that many accounts with the refresh tokens F0, F1 and so on; return their names."""
        names = [ConnectionName(self.app.name, f"seller-{index:04}") for index in range(size)]
        for index, name in enumerate(names):
            self.connected(name, refresh_token=f"F{index}")
        return names

    def run(self, name: ConnectionName = NAME, *, force: bool = False, compare: bool = False) -> WorkResult:
        """Let one worker look after a connection."""
        work = Work(connection=name, compare=compare)
        return self.worker.run(work, self.session(name.app), self.budget(), force=force)

    def stored(self, name: ConnectionName = NAME) -> Connection:
        """Return the record as it stands."""
        return self.connections.stored(name)

    def document(self, name: ConnectionName = NAME) -> dict[str, Any]:
        """Return what a workload reads."""
        document = self.secrets.document(name)
        assert document is not None
        return document

    def grant(self, name: ConnectionName = NAME) -> Grant:
        """Return the stored grant, opened."""
        sealed = self.stored(name).sealed_grant
        assert sealed is not None
        return Grant.from_bytes(self.sealer.open(sealed, app=name.app, binding=grant_binding(name)))

    def after_lease(self) -> None:
        """Let the longest lease run out."""
        self.clock.advance(self.seconds + self.ports.limits.lease_margin + 1)

    def drain(self) -> None:
        """Run everything in the queue once, as one batch."""
        works = self.queue.drain()
        self.batches.run({str(index): work.to_json() for index, work in enumerate(works)}, self.budget())

    def settle(self, *, ticks: int = 60, every: int = 60) -> None:
        """Let the schedule run on, as the stack would."""
        for _ in range(ticks):
            self.ticker.tick(self.budget())
            self.drain()
            self.clock.advance(every)

    def ask(self, command: str, **asked: Any) -> dict[str, Any]:
        """Ask the rotation function for something, as the command line does."""
        return self.commands.answer({"tokensync": command, **asked}, self.budget())

    def change(self, name: ConnectionName = NAME, **changes: Any) -> Connection:
        """Store a connection with some of its fields changed, those of its due times among them."""
        return self.connections.seed(changed(self.stored(name), **changes))

    def published(self, name: ConnectionName = NAME) -> str | None:
        """Return the access token that workloads read, or None without a secret."""
        document = self.secrets.document(name)
        return document and document["access_token"]

    def alerted(self) -> list[str]:
        """Return the kinds of the alerts so far."""
        return [alert.kind for alert in self.alerts.told]

    def aws_calls(self) -> int:
        """Return how many calls went to AWS so far."""
        tables = (self.connections, self.authorizations, self.invites, self.webhook_events)
        return sum(port.calls.total() for port in (*tables, self.apps, self.secrets, self.keys, self.queue))

    @contextmanager
    def dies_at(self, place: str) -> Iterator[None]:
        """Kill the process at a failpoint; fail where the failpoint is not reached."""
        self.failpoints.raise_at(place, killed())
        try:
            yield
        except KeyboardInterrupt:
            return
        raise AssertionError(place)

    def invite(self, *, expires_in: int = 3600, for_account: str = "", label: str = "", id: str = "invite-1") -> str:  # noqa: A002
        """Return the query of an invite's link."""
        expires_at = self.clock.now() + expires_in
        invite = Invite(id=id, app=self.app.name, expires_at=expires_at, label=label, for_account=for_account)
        return f"invite={self.signer.invite(invite)}"


def killed() -> BaseException:
    """Return what stands for SIGKILL: nothing in the program catches it."""
    return KeyboardInterrupt("killed")


def lost(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
    """Let the provider act on a request whose response is lost."""
    honest()
    raise NoAnswer("lost")


def unreachable(_honest: Callable[[], ProviderResponse]) -> ProviderResponse:
    """Let nothing of a request be sent."""
    raise NotSent("no route")
