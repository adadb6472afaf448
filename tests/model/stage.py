"""Three connections of three reuse classes over the in-memory ports, and what must be true of them at any time."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from model.server import LIFE, Server
from tokensync.answers import Answer
from tokensync.app import App
from tokensync.brought import Brought
from tokensync.connection import Connection, Exemption, Phase, Status
from tokensync.finishing import pending_binding
from tokensync.grant import Grant
from tokensync.names import ConnectionName
from tokensync.pending import Pending
from tokensync.providers.contract import RefreshReuse
from tokensync.providers.notices import Notice, NoticeKind
from tokensync.secret import Secret
from tokensync.transitions import REASON_LAST_ATTEMPT_AMBIGUOUS
from tokensync.unsealing import answer_binding, grant_binding
from tokensync.work import Work
from world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.server import Lineage
    from ports.table import Rows

NAMES = tuple(ConnectionName(reuse.value.replace("_", "-"), f"account-{reuse.value}") for reuse in RefreshReuse)
REST = 600  # seconds between two ticks while everything comes to rest
RECEIVES = 5  # how often a message comes before it is a dead letter
# Nothing is published for these, or nobody reads it.
UNREAD = (Status.QUARANTINED, Status.ORPHANED)


def registration(name: ConnectionName, reuse: RefreshReuse) -> App:
    """Return an app of an OAuth 2.0 server of one reuse class."""
    host = f"https://{name.app}.example"
    return App(
        name=name.app,
        provider="oauth2",
        client_id=f"client-{name.app}",
        client_secret=Secret(f"canary-cs-{name.app}"),
        endpoints={key: f"{host}/{path}" for key, path in _PATHS.items()},
        settings={"refresh_reuse": reuse.value, "grace_seconds": "300", "pkce": "none", "account_field": "account"},
    )


_PATHS = {"authorize": "authorize", "token": "token", "verify": "userinfo", "revoke": "revoke"}


class Stage:
    """The world, its servers, and the witness of what the stores acknowledged.

    `marks` are the exemptions of the presentations that the table was told of beforehand, by token; `held` the refresh
    tokens that ever stood in a grant; `kept` the bytes of all answers that some store took.
    """

    def __init__(self) -> None:
        apps = [registration(name, reuse) for name, reuse in zip(NAMES, RefreshReuse, strict=True)]
        self.world = world = World(app=apps[0])
        for app in apps[1:]:
            world.apps.register(app)
        self.servers: dict[str, Server] = {}
        for name, reuse in zip(NAMES, RefreshReuse, strict=True):
            server = self.servers[name.app] = Server(name.app, reuse, world.clock, shown=self._shown)
            world.shop.others[f"{name.app}.example"] = server
        self.marks: defaultdict[str, list[Exemption | None]] = defaultdict(list)
        self.held: set[str] = set()
        self.kept: set[bytes] = set()
        self.forgiven: set[bytes] = set()
        self.troubled: set[ConnectionName] = set()
        self.tampered: set[ConnectionName] = set()
        self.edited: set[ConnectionName] = set()
        self.authorized: defaultdict[ConnectionName, list[tuple[int, Lineage]]] = defaultdict(list)
        self.read: dict[ConnectionName, int] = {}
        self.broken: list[str] = []
        self.untold: Counter[str] = Counter()
        self.skewed = self.rolled_back = False
        self.backup: Rows = {}
        self.redelivered: list[tuple[Work, int]] = []
        self._seen: set[object] = set()
        self._epoch = world.clock.now() - world.clock.monotonic()
        # One thread: the same steps always happen in the same order.
        self.batches = replace(world.batches, threads=1)
        for port, methods in (
            (world.connections, ("write", "take_over", "set_aside")),
            (world.pendings, ("write",)),
            (world.queue, ("send",)),
        ):
            for method in methods:
                self._watch(port, method)
        world.origin.restored()  # the table knows its own id
        for name in NAMES:
            self.authorize(name, by_import=False, withdraws=False)
        self.back_up()

    def server(self, name: ConnectionName) -> Server:
        """Return the server that a connection's app is registered with."""
        return self.servers[name.app]

    # What happens.

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
        if not works:
            return
        again = {str(index) for index in range(len(works))}  # what SQS assumes until the function says otherwise
        try:
            messages = {str(index): work.to_json() for index, (work, _) in enumerate(works)}
            again = set(self.batches.run(messages, self.world.budget()).again)
        finally:
            self.redelivered += [
                (work, times + 1) for index, (work, times) in enumerate(works)
                if str(index) in again and times < RECEIVES
            ]  # fmt: skip

    def authorize(self, name: ConnectionName, *, by_import: bool, withdraws: bool) -> None:
        """Let the account authorize once more; `withdraws` ends what it had authorized before."""
        server, world = self.server(name), self.world
        session = world.session(name.app)
        if by_import:
            access, refresh = server.mint(name.account)
            self.authorized[name].append((world.clock.now(), server.lineages[refresh]))
            if withdraws:
                server.withdraw(name.account, but=refresh)
            ends = world.clock.now() + LIFE
            brought = Brought(refresh_token=Secret(refresh), access_token=Secret(access), expires_at=ends)
            world.upkeep.importer.bring(name, brought, world.budget(), replace=True)
            return
        if withdraws:
            server.withdraw(name.account)
        code = server.authorize(name.account)
        self.authorized[name].append((world.clock.now(), server.codes[code]))
        world.connector.pasted(code, session, world.signer, world.budget(), redirect_uri="https://connect.example/cb")

    def deauthorize(self, name: ConnectionName) -> None:
        """Let the account end its authorization, and the provider say so."""
        self.server(name).withdraw(name.account)
        now = self.world.clock.now()
        notice = Notice(kind=NoticeKind.DEAUTHORIZED, at=now, account=name.account)
        self.world.webhooks.noticer.take(name.app, notice, f"{name}-{now}", base_url="")

    def command(self, name: ConnectionName, command: str) -> None:
        """Let an operator ask for something."""
        world, budget = self.world, self.world.budget()
        match command:
            case "refresh":
                world.operating.refresh(name, budget)
            case "refresh --force":
                world.operating.refresh(name, budget, force=True)
            case "verify":
                world.upkeep.prover.verify(name, budget)
            case "publish":
                world.upkeep.remover.publish(name, budget)
            case "revoke":
                world.upkeep.revoker.revoke(name, budget)
            case "remove":
                world.upkeep.remover.remove(name, budget, days=7)
            case "pause":
                world.apps.pause(name.app, why="an operator's wish", now=world.clock.now())
            case "resume":
                world.apps.resume(name.app, now=world.clock.now())

    def edit(self, name: ConnectionName, edit: str) -> None:
        """Let somebody change a secret by hand."""
        published = self.record(name).published
        if published is None or published.removed or self.world.secrets.document(name) is None:
            return
        self.edited.add(name)
        self.tampered.add(name)
        if edit == "schedule deletion":
            self.world.secrets.schedule_deletion(published.arn)
        elif edit == "destroy":
            self.world.secrets.destroy(published.arn)
        else:
            stored = self.world.secrets.secret(name)
            stored.put('{"by": "hand"}', f"by-hand-{len(stored.versions)}")

    def back_up(self) -> None:
        """Take a backup of the table."""
        self.backup = self.world.table.backup()

    def restore(self) -> None:
        """Put the backup in the table's place: what happened since is known to the servers and the secrets alone."""
        self.rolled_back = True
        self.troubled.update(NAMES)
        self.world.table.restore(self.backup)
        for name in NAMES:
            record = self.record(name)
            published, stands = record.published, self.world.secrets.document(name)
            if published is None or record.sealed_grant is None or stands is None:
                continue
            if self.world.secrets.secret(name).current == published.version_id:
                # Nothing was published since: that it was presented since, nothing tells.
                self.untold[self.token(name)] += 1

    def forget(self) -> None:
        """Drop every fault that was scripted and did not come about."""
        world = self.world
        for port in (world.connections, world.pendings, world.queue, world.secrets, world.sealer, world.apps):
            port._failures.clear()
            port._actions.clear()
        world.failpoints._script.clear()
        for server in self.servers.values():
            server.moods.clear()

    # What is true.

    def record(self, name: ConnectionName) -> Connection:
        """Return a connection's record."""
        return self.world.stored(name)

    def check(self) -> None:
        """Assert what holds at any time, whatever has gone wrong."""
        assert self.broken == [], "; ".join(self.broken)
        assert "work.broken" not in self.world.log.events()
        for name in NAMES:
            server, record = self.server(name), self.record(name)
            for shown, times in server.ledger.items():
                exempt = sum(exemption is not None for exemption in self.marks[shown])
                if server.reuse is not RefreshReuse.SAFE:
                    once = 1 + server.left[shown] + self.untold[shown]
                    assert times <= once + exempt, f"I2: {shown} was shown {times} times, {exempt} by exemption"
            missing = [body for body in server.delivered if body not in self.kept | self.forgiven]
            assert missing == [], "raw first: an answer reached us, and no store was given it"
            if record.status is Status.REAUTHORIZE:
                assert self.token(name) in server.refused, "I6: sent back to consent without a refusal of this token"
            if record.status is Status.HELD:
                assert name in self.troubled, f"held ({record.reason}) although nothing went wrong"
            elif record.status is Status.ACTIVE and record.attempt is None and record.phase is Phase.IDLE:
                self.troubled.discard(name)

    def come_to_rest(self) -> None:
        """Let everything be well again, the operators do what they are told, and time pass; then assert the rest."""
        world = self.world
        self.forget()
        world.clock.set_wall_clock(int(self._epoch + world.clock.monotonic()))
        for name in NAMES:
            self.command(name, "resume")
        for passed in range(2 * LIFE // REST):
            self.tick()
            for name in NAMES:
                if name in self.tampered and passed == LIFE // REST:
                    self.tampered.discard(name)
                    if self.record(name).removed_at is None:
                        self.command(name, "publish")
            world.clock.advance(REST)
        self.tick()
        self.check()
        for name in NAMES:
            self._check_at_rest(name)
        self._check_for_secrets()

    def _check_at_rest(self, name: ConnectionName) -> None:
        record, server = self.record(name), self.server(name)
        assert record.phase is Phase.IDLE, "liveness: an attempt stays unfinished"
        assert record.lease_until is None or record.lease_until < self.world.clock.now()
        if record.removed_at is not None:
            assert self.world.secrets.document(name) is None
            return
        if record.status in (*UNREAD, Status.DISCONNECTED):
            return
        if record.status is Status.REAUTHORIZE and name in self.edited:
            return  # nothing mends what is dead anyway
        self.edited.discard(name)
        told, grant = self.world.document(name), self.world.grant(name)
        expected = (grant.access_token.reveal(), record.generation, record.status.value)
        assert expected == (told["access_token"], told["generation"], told["status"]), "I3: the secret is not the grant"
        assert record.generation >= self.read.get(name, 0), "I3: an older generation"
        self.read[name] = record.generation
        token = self.token(name)
        lineage = server.lineages[token]
        if lineage.alive and not self.rolled_back:
            assert lineage.current == token or not self.is_durable(name, lineage.current), "I1: a stored answer is lost"
        durable = [(at, one) for at, one in self.authorized[name] if self.is_durable(name, one.first)]
        latest = max((at for at, _ in durable), default=0)
        # Of two within one second either may be the newer.
        stands = any(one is lineage for at, one in durable if at == latest)
        assert stands or self.skewed or self.rolled_back, "I1: the newest authorization is lost"
        if record.status is Status.ACTIVE:
            assert server.takes(token) or not lineage.alive
            assert told["expires_at"] > self.world.clock.now(), "I4: the published token has ended"
            assert record.next_at is not None
            assert record.next_at > self.world.clock.now() - 2 * REST, "liveness: due, and not done"
        elif record.status is Status.HELD:
            assert record.reason == REASON_LAST_ATTEMPT_AMBIGUOUS, f"liveness: held ({record.reason}) for ever"

    def _check_for_secrets(self) -> None:
        world = self.world
        rows = [row.record for row in world.table.rows.values()]
        told = repr((world.alerts.told, world.log.lines, rows, [work.to_json() for work in world.queue.works]))
        assert "canary" not in told, "I5: a secret outside ciphertext"

    def token(self, name: ConnectionName) -> str:
        """Return the refresh token of the stored grant."""
        token = self.world.grant(name).refresh_token
        assert token is not None
        return token.reveal()

    def is_durable(self, name: ConnectionName, token: str) -> bool:
        """Return whether some store ever acknowledged this refresh token."""
        return token in self.held or self.server(name).bodies.get(token) in self.kept

    def forgive(self) -> None:
        """Note that a process was killed with an answer in its hand: no store can have it."""
        for server in self.servers.values():
            self.forgiven.update(server.delivered)

    # The witness.

    def _shown(self, token: str) -> None:
        server = next(server for server in self.servers.values() if token in server.ledger)
        if not token.startswith("code"):
            marks = len(self.marks[token])
            if server.ledger[token] > marks:
                self.broken.append("a refresh token was presented before SENT was written")
        elif server.ledger[token] > 1:
            self.broken.append("I2: a code was presented twice")

    def _watch(self, port: Any, method: str) -> None:
        honest: Callable[..., Any] = getattr(port, method)

        def watched(*args: Any, **kwargs: Any) -> Any:
            try:
                return honest(*args, **kwargs)
            finally:
                self._look()

        setattr(port, method, watched)

    def _look(self) -> None:
        """See what the stores hold now, whether or not they could say so."""
        for (partition, sort), row in list(self.world.table.rows.items()):
            record, app = row.record, partition.removeprefix("app#")
            if isinstance(record, Connection):
                self._look_at(record)
            elif isinstance(record, Pending) and record.sealed_answer is not None:
                self._keep(record.sealed_answer, app, pending_binding(record.key))
            elif sort.startswith("aside#"):
                account = sort.split("#")[1]
                self._keep(record.sealed, app, answer_binding(ConnectionName(app, account)))
        for work in self.world.queue.works:
            if work.answer is not None and work.connection is not None:
                self._keep(work.answer, work.app, answer_binding(work.connection))
            elif work.answer is not None and work.pending is not None:
                self._keep(work.answer, work.app, pending_binding(work.pending))

    def _look_at(self, record: Connection) -> None:
        if record.sealed_grant is None:
            return
        if record.sealed_grant not in self._seen:
            self._seen.add(record.sealed_grant)
            opened = self._open(record.sealed_grant, record.name.app, grant_binding(record.name))
            token = Grant.from_bytes(opened).refresh_token
            assert token is not None
            self.held.add(token.reveal())
        if record.phase is Phase.SENT and record.attempt is not None and record.attempt.id not in self._seen:
            self._seen.add(record.attempt.id)
            opened = self._open(record.sealed_grant, record.name.app, grant_binding(record.name))
            token = Grant.from_bytes(opened).refresh_token
            assert token is not None
            self.marks[token.reveal()].append(record.attempt.exemption)
        if record.sealed_answer is not None:
            self._keep(record.sealed_answer, record.name.app, answer_binding(record.name))

    def _keep(self, sealed: bytes, app: str, binding: str) -> None:
        if sealed not in self._seen:
            self._seen.add(sealed)
            self.kept.add(Answer.from_bytes(self._open(sealed, app, binding)).body)

    def _open(self, sealed: bytes, app: str, binding: str) -> bytes:
        return self.world.sealer._sealer.open(sealed, app=app, binding=binding)
