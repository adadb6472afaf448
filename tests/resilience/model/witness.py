"""The witness: what the stores were seen to hold after each write, whether or not they could say so."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tokensync.authorize.finish import authorization_binding
from tokensync.domain.authorization import Authorization
from tokensync.domain.connection import Connection, Exemption, Phase, Reason, Status
from tokensync.domain.grant import Grant
from tokensync.domain.messages import ProviderResponse
from tokensync.domain.names import ConnectionName
from tokensync.domain.sealing import answer_binding, grant_binding
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fakes.world import World

# What an operator or the account decided, and no worker takes back.
_DECIDED = (Status.DISCONNECTED, Status.QUARANTINED)


class Witness:
    """Sees every write, and opens what is sealed.

    `marks` are the exemptions of the presentations that the table was told of beforehand, by token; `held` the refresh
    tokens that stood in a grant, and `kept` the bytes of the answers that some store took, both since the table was
    restored last; `ever_kept` since the beginning; `told` the access tokens that stood in a secret. `apart` names who
    was quarantined, `rests` says by which authorization, how and why a connection rests until somebody wakes it, and
    `woken` whom an operator wakes. `broken` are the promises that a write was seen to break.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.marks: defaultdict[str, list[Exemption | None]] = defaultdict(list)
        self.held: set[str] = set()
        self.kept: set[bytes] = set()
        self.ever_kept: set[bytes] = set()
        self.told: set[str] = set()
        self.forgiven: set[bytes] = set()
        self.apart: set[ConnectionName] = set()
        self.rests: dict[ConnectionName, tuple[str, Status, str]] = {}
        self.woken: set[ConnectionName] = set()
        self.broken: list[str] = []
        self._stale: set[bytes] = set()
        self._seen: set[object] = set()
        self._attempts: set[str] = set()
        self._versions: set[tuple[str, str]] = set()
        for port, methods in (
            (world.connections, ("write", "take_over", "set_aside")),
            (world.authorizations, ("write",)),
            (world.queue, ("send",)),
            (world.secrets, ("put", "create")),
        ):
            for method in methods:
                self._watch(port, method)

    def forgive(self, body: bytes) -> None:
        """Note that a process was killed with this answer in its hand, so that no store can have it."""
        self.forgiven.add(body)

    def begin_anew(self, bare: Iterable[ConnectionName]) -> None:
        """Hold as durable what the restored table holds, and no more; `bare` are the connections that it lacks.

        Of those an answer that is still on its way in a message counts. A record that it has cannot know of an answer
        to a presentation that came after the backup.
        """
        self._seen.clear()
        self.held.clear()
        self.kept.clear()
        self.rests.clear()
        self._stale = set()
        self.look(messages=False)
        apps = {name.app for name in bare}
        carried = {body for app, body in self.carried() if app in apps}
        self._stale = self.ever_kept - self.kept - carried
        self.look()

    def carried(self, *, unless: Callable[[Work], bool] = lambda _work: False) -> set[tuple[str, bytes]]:
        """Return the answers to codes that messages and dead letters carry, with their apps."""
        works = (*self.world.queue.works, *map(Work.from_json, self.world.dead_letters.bodies))
        return {
            (work.app, self._opened(work.answer, work.app, authorization_binding(work.authorization)))
            for work in works
            if work.authorization is not None and work.answer is not None and not unless(work)
        }

    def look(self, *, messages: bool = True) -> None:
        """See what the stores hold now."""
        for (partition, sort), row in list(self.world.table.rows.items()):
            record, app = row.record, partition.removeprefix("app#")
            if isinstance(record, Connection):
                self._look_at(record)
                self._look_for_rest(record)
            elif isinstance(record, Authorization) and record.sealed_answer is not None:
                self._keep(record.sealed_answer, app, authorization_binding(record.key))
            elif sort.startswith("aside#"):
                account = sort.split("#")[1]
                self._keep(record.sealed, app, answer_binding(ConnectionName(app, account)))
        for work in self.world.queue.works if messages else ():
            if work.answer is not None and work.connection is not None:
                self._keep(work.answer, work.app, answer_binding(work.connection))
            elif work.answer is not None and work.authorization is not None:
                self._keep(work.answer, work.app, authorization_binding(work.authorization))
        for name, stored in self.world.secrets._by_name.items():
            for version in stored.versions.keys() - {seen for at, seen in self._versions if at == name}:
                self._versions.add((name, version))
                self.told.add(json.loads(stored.versions[version]).get("access_token", ""))

    def _watch(self, port: Any, method: str) -> None:
        honest: Callable[..., Any] = getattr(port, method)

        def watched(*args: Any, **kwargs: Any) -> Any:
            try:
                return honest(*args, **kwargs)
            finally:
                self.look()

        setattr(port, method, watched)

    def _look_at(self, record: Connection) -> None:
        if record.sealed_grant is None:
            return
        is_marked = record.phase is Phase.SENT and record.attempt is not None
        if record.sealed_grant not in self._seen:
            self._seen.add(record.sealed_grant)
            self.held.add(self._token(record.sealed_grant, record.name))
        if is_marked and record.attempt is not None and record.attempt.id not in self._attempts:
            self._attempts.add(record.attempt.id)
            self.marks[self._token(record.sealed_grant, record.name)].append(record.attempt.exemption)
        if record.sealed_answer is not None:
            self._keep(record.sealed_answer, record.name.app, answer_binding(record.name))

    def _look_for_rest(self, record: Connection) -> None:
        """Hold that what an operator or the account decided stands until one of them decides otherwise."""
        name, by = record.name, record.authorized.authorized_by or ""
        before, status, why = self.rests.get(name, ("", Status.ACTIVE, ""))
        is_over = record.removed_at is not None or (
            record.status is Status.DISCONNECTED and record.reason != Reason.REMOVED
        )
        if record.status is Status.QUARANTINED:
            self.apart.add(name)
        if record.removed_at is None and record.is_half_removed:
            return  # a removal that did not come to its end is taken back
        if name in self.rests and before == by:
            if status is Status.DISCONNECTED and record.status not in _DECIDED:
                self._breaks(f"{name}: disconnected for good ({why}), and {record.status} without an authorization")
            if status is Status.QUARANTINED and record.status not in _DECIDED and name not in self.woken:
                self._breaks(f"{name}: quarantined, and {record.status} by nobody's word")
            # Where it has a secret, it may have been accepted after the backup.
            is_untold = record.published is None and self.world.secrets.document(name) is None
            if status is record.status is Status.QUARANTINED and why != record.reason and is_untold:
                self._breaks(f"{name}: quarantined because of {why}, and now of {record.reason}")
        if is_over or record.status is Status.QUARANTINED:
            self.rests[name] = by, Status.DISCONNECTED if is_over else record.status, record.reason
        else:
            self.rests.pop(name, None)

    def _breaks(self, promise: str) -> None:
        if promise not in self.broken:
            self.broken.append(promise)

    def _token(self, sealed: bytes, name: ConnectionName) -> str:
        token = Grant.from_bytes(self._open(sealed, name.app, grant_binding(name))).refresh_token
        return "" if token is None else token.reveal()

    def _keep(self, sealed: bytes, app: str, binding: str) -> None:
        if sealed not in self._seen:
            self._seen.add(sealed)
            body = self._opened(sealed, app, binding)
            self.ever_kept.add(body)
            if body not in self._stale:
                self.kept.add(body)

    def _opened(self, sealed: bytes, app: str, binding: str) -> bytes:
        return ProviderResponse.from_bytes(self._open(sealed, app, binding)).body

    def _open(self, sealed: bytes, app: str, binding: str) -> bytes:
        return self.world.sealer._sealer.open(sealed, app=app, binding=binding)
