"""Connections of three reuse classes over the in-memory ports: workers, time, backups. `people` do all else."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fakes.world import World
from model.server import Server
from model.witness import Witness
from tokensync.domain.app import App
from tokensync.domain.authorization import Authorization
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.domain.work import Work
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from fakes.table import Rows
    from model.server import Lineage
    from tokensync.domain.connection import Connection

NAMES = tuple(ConnectionName(reuse.value.replace("_", "-"), f"account-{reuse.value}") for reuse in RefreshReuse)
# Who has authorized nothing yet.
NEWCOMERS = tuple(ConnectionName(name.app, "newcomer") for name in NAMES)
ALL = (*NAMES, *NEWCOMERS)
REST = 600  # seconds between two ticks while everything comes to rest
RECEIVES = 5  # how often a message comes before it is a dead letter
_PATHS = {"authorize": "authorize", "token": "token", "verify": "userinfo", "revoke": "revoke"}


def registration(name: ConnectionName, reuse: RefreshReuse) -> App:
    """Return an app of an OAuth 2.0 server of one reuse class."""
    host = f"https://{name.app}.example"
    return App(
        name=name.app,
        provider="oauth2",
        client_id=f"client-{name.app}",
        client_secret=Secret(f"canary-cs-{name.app}"),
        endpoints={key: f"{host}/{path}" for key, path in _PATHS.items()},
        settings={
            "refresh_reuse": reuse.value,
            "pkce": "none",
            "account_field": "account",
            **({"grace_seconds": "300"} if reuse is RefreshReuse.GRACE else {}),
        },
    )


@dataclass(frozen=True)
class Consent:
    """An authorization that an account gave: when, and whether on an invite that was meant for another account.

    `silent` is the code of one whose response has no refresh token: it goes on with the lineage that there was.
    """

    at: int
    lineage: Lineage
    stray: bool = False
    silent: str = ""

    @property
    def brought(self) -> str:
        """Return the credential by which the server knows the response that brought its tokens."""
        return self.silent or self.lineage.first


class Stage:
    """The world, its servers, and the witness of what the stores acknowledged.

    `authorized` are the authorizations that a connection may stand on, `troubled` names those whom something befell,
    `edited` those whose secret a hand touched, `ended` those whom somebody revoked, removed or left, `rolled_back`
    those whose record comes from a backup. `untold` counts the presentations that a restored table cannot know of.
    """

    def __init__(self) -> None:
        apps = [registration(name, reuse) for name, reuse in zip(NAMES, RefreshReuse, strict=True)]
        self.world = world = World(app=apps[0])
        for app in apps[1:]:
            world.apps.register(app)
        self.delivered: list[bytes] = []
        self.servers: dict[str, Server] = {}
        for name, reuse in zip(NAMES, RefreshReuse, strict=True):
            server = Server(name.app, reuse, world.clock, delivered=self.delivered, shown=self._shown)
            self.servers[name.app] = world.shop.others[f"{name.app}.example"] = server
        self.troubled: set[ConnectionName] = set()
        self.tampered: set[ConnectionName] = set()
        self.edited: set[ConnectionName] = set()
        self.ended: set[ConnectionName] = set()
        self.rolled_back: set[ConnectionName] = set()
        self.authorized: defaultdict[ConnectionName, list[Consent]] = defaultdict(list)
        self.read: dict[ConnectionName, int] = {}
        self.untold: Counter[str] = Counter()
        self.skewed = False
        self.backup: Rows = {}
        self.redelivered: list[tuple[Work, int]] = []
        self._epoch = world.clock.now() - world.clock.monotonic()
        # One thread: the same steps always happen in the same order.
        self.batches = replace(world.batches, threads=1)
        self.witness = Witness(world)
        world.origin.restored()  # the table knows its own id

    def server(self, name: ConnectionName) -> Server:
        """Return the server that a connection's app is registered with."""
        return self.servers[name.app]

    def record(self, name: ConnectionName) -> Connection | None:
        """Return a connection's record, None where it never stood."""
        row = self.world.table.row(f"app#{name.app}", f"connection#{name.account}")
        return None if row is None else self.world.stored(name)

    def work(self, name: ConnectionName, *, compare: bool = False) -> None:
        """Let a worker take a message for one connection."""
        self._batch([(Work(connection=name, compare=compare), 0)])

    def tick(self) -> None:
        """Let the schedule queue what is due, and a worker take what is queued."""
        self.world.ticker.tick(self.world.budget())
        works = [(work, 0) for work in self.world.queue.drain()]
        again, self.redelivered = self.redelivered, []
        self._batch([*again, *works])

    def _batch(self, works: list[tuple[Work, int]]) -> None:
        """Work through messages; one that came too often is buried among the dead letters."""
        if not works:
            return
        again = {str(index) for index in range(len(works))}  # what SQS assumes until the function says otherwise
        try:
            messages = {str(index): work.to_json() for index, (work, _) in enumerate(works)}
            again = set(self.batches.run(messages, self.world.budget()).again)
        finally:
            back = [(work, times + 1) for index, (work, times) in enumerate(works) if str(index) in again]
            self.redelivered += [(work, times) for work, times in back if times <= RECEIVES]
            self.world.dead_letters.bury(*(work.to_json() for work, times in back if times > RECEIVES))

    def give_up(self) -> None:
        """Let the queue give up whatever stands in it, as after too many tries in vain."""
        works = [*(work for work, _ in self.redelivered), *self.world.queue.drain()]
        self.redelivered = []
        self.world.dead_letters.bury(*(work.to_json() for work in works))

    def wait(self, seconds: int) -> None:
        """Let time pass, and the table delete the authorizations whose time is over."""
        world = self.world
        world.clock.advance(seconds)
        rows, now = world.table.rows, world.clock.now()
        over = {key for key, row in rows.items() if isinstance(row.record, Authorization) and (row.ttl or now) < now}
        for key in over:
            del rows[key]
        gone = self.witness.carried(
            unless=lambda work: work.authorization is None or (f"app#{work.app}", work.authorization.sort_key) in rows
        )
        # When those were given nobody knows any more: they take the place of no other.
        for name, consents in self.authorized.items():
            self.authorized[name] = [
                replace(one, at=0) if (name.app, self._first(name, one)) in gone else one for one in consents
            ]

    def _first(self, name: ConnectionName, consent: Consent) -> bytes:
        """Return the answer that brought an authorization's first tokens."""
        return self.server(name).bodies.get(consent.brought, b"")

    def set_clock_right(self) -> None:
        """Take back whatever the clock was set to."""
        self.world.clock.set_wall_clock(int(self._epoch + self.world.clock.monotonic()))

    def back_up(self) -> None:
        """Take a backup of the table."""
        self.backup = self.world.table.backup()

    def restore(self) -> None:
        """Put the backup in the table's place: what happened since is known to the servers and the secrets alone."""
        world = self.world
        world.table.restore(self.backup)
        bare = [name for name in ALL if self.record(name) is None]
        self.rolled_back.update(set(ALL) - set(bare))
        self.troubled.update(ALL)
        carried = self.witness.carried()
        for name in ALL:
            self.authorized[name] = [
                replace(one, at=0)
                for one in self.authorized[name]
                if name in bare and (name.app, self._first(name, one)) in carried
            ]
            record = self.record(name)
            published = None if record is None else record.published
            if record is None or published is None or record.sealed_grant is None:
                continue
            if world.secrets.document(name) is None:
                continue
            if world.secrets.secret(name).current == published.version_id:
                # Nothing was published since: that it was presented since, nothing tells.
                self.untold[self.token(name)] += 1
        self.witness.begin_anew(bare)

    def forget(self) -> None:
        """Drop every fault that was scripted and did not come about."""
        world = self.world
        for port in (world.connections, world.authorizations, world.queue, world.secrets, world.sealer, world.apps):
            port._failures.clear()
            port._actions.clear()
        world.failpoints._script.clear()
        for server in self.servers.values():
            server.moods.clear()

    def token(self, name: ConnectionName) -> str:
        """Return the refresh token of the stored grant, empty where it has none."""
        token = self.world.grant(name).refresh_token
        return "" if token is None else token.reveal()

    def is_durable(self, name: ConnectionName, token: str) -> bool:
        """Return whether some store acknowledged this refresh token, since the table was restored last."""
        return token in self.witness.held or self.server(name).bodies.get(token) in self.witness.kept

    def _shown(self, token: str) -> None:
        server = next(server for server in self.servers.values() if token in server.ledger)
        if not token.startswith("code"):
            if server.ledger[token] > len(self.witness.marks[token]):
                self.witness.broken.append("a refresh token was presented before SENT was written")
        elif server.ledger[token] > 1:
            self.witness.broken.append("I2: a code was presented twice")
