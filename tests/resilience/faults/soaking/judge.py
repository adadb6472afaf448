"""Says whether anything was lost, shown twice or stale: from the provider's ledger and the stores, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faults.soaking.rotating import GRACE
from tokensync.domain.connection import Phase, Status
from tokensync.domain.grant import Grant
from tokensync.domain.sealing import grant_binding

if TYPE_CHECKING:
    from fakes import InMemoryConnections, InMemorySealer, InMemoryTokenSecrets
    from fakes.token_secrets import StoredSecret
    from faults.soaking.ledger import Account
    from faults.soaking.rotating import RotatingServer
    from faults.soaking.timeline import Process, Timeline
    from tokensync.domain.connection import Connection
    from tokensync.domain.names import ConnectionName

AUTHORIZED = "authorized again"
# What may become of a connection whose newest pair is lost, until its seller has come back.
ENDS = frozenset(
    {
        "held ambiguous",
        "held last_attempt_ambiguous",
        "held refused",
        "reauthorize refused",
        "reauthorize ended",
        AUTHORIZED,
    }
)
SETTLED = 3600  # seconds within which every new pair is published, whatever dies meanwhile


@dataclass(frozen=True)
class Shown:
    """What a workload reads in a secret."""

    version: str
    access_token: str
    expires_at: int
    status: str
    generation: int


@dataclass
class Judge:
    """Watches what commits in the stores, and compares it with the ledger. `violations` are told with their account."""

    timeline: Timeline
    server: RotatingServer
    connections: InMemoryConnections
    secrets: InMemoryTokenSecrets
    sealer: InMemorySealer
    violations: list[tuple[Account, str]] = field(default_factory=list)
    checks: int = 0
    slowest: float = 0.0
    renewals: int = 0
    lifeless: list[tuple[float, Account, str]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    touched: set[ConnectionName] = field(default_factory=set)
    _shown: dict[ConnectionName, Shown] = field(default_factory=dict)
    _named: dict[str, ConnectionName] = field(default_factory=dict)
    _stores: dict[ConnectionName, StoredSecret] = field(default_factory=dict)
    _told: set[tuple[ConnectionName, str]] = field(default_factory=set)

    def wrote(self, method: str, args: tuple[Any, ...], result: Any) -> None:
        """See a call of the connections' records that committed."""
        process = self.timeline.current
        if method == "write":
            self._wrote(process, args[0], args[1])
        elif method == "set_aside":
            self.stored(process)
            self._note(args[0], "an answer was set aside")
        elif method == "lease":
            if process is not None:
                process.subject = args[0]
            self._note(args[0], f"leased, fence {result.fence}, by {process.kind if process else ''}")
        elif method == "take_over":
            self._note(args[0].name, f"taken over, generation {result[0].generation}")
            self._resolved(self.server.accounts[args[0].name], AUTHORIZED)

    def wrote_authorization(self, method: str, args: tuple[Any, ...], _result: Any) -> None:
        """See a call of the pending authorizations that committed."""
        if method == "write" and args[1].sealed_answer is not None:
            self.stored(self.timeline.current)

    def suffered(self, process: Process, what: str) -> None:
        """See a fault: it stands in the story of the connection that the process works on."""
        if process.subject is not None:
            self._note(process.subject, f"FAULT {what} ({process.kind})")

    def published(self, method: str, args: tuple[Any, ...], result: Any) -> None:
        """See a call of the secrets that committed."""
        if method == "create":
            self._named[result] = args[0]
        name = args[0] if method == "create" else self._named.get(args[0])
        if name is None or method not in ("create", "put"):
            return
        before = self._shown.get(name)
        after = self.shown(name)
        account = self.server.accounts[name]
        now = self.timeline.time
        if before is not None and after.access_token != before.access_token:
            end = self.server.access[before.access_token][1]
            if now > end and self._is_newer(after, before):
                lost = account.lost_at is not None or account.returning
                self.lifeless.append((now - end, account, "lost" if lost else "late"))
                if not lost:
                    self.violated(account, f"the secret's token had ended {now - end:.0f} s before the next one came")
        if after.access_token == account.newest and (before is None or before.access_token != account.newest):
            self.renewals += 1
            self.slowest = max(self.slowest, now - account.newest_at)
            account.returning = False
        account.story.append((now, f"published {after.access_token} generation {after.generation} {after.status}"))
        self.touched.add(name)

    def stored(self, process: Process | None, *, answered: bool = True) -> None:
        """See that the answer which the running process holds is in a store, or that it got none and knows that."""
        if process is None:
            return
        if answered and process.answered is not None:
            process.answered.owed = False
        process.unstored = process.answered = None

    def ended(self, process: Process) -> None:
        """See a process end: an answer that it held until then is lost."""
        if process.unstored is not None and not process.unstored.owed:
            self.server.ledger.lose(process.unstored, f"{process.kind} died with it", self.timeline.time)

    def shown(self, name: ConnectionName) -> Shown:
        """Return what a workload reads now."""
        stored = self._stores.get(name)
        if stored is None:
            stored = self._stores[name] = self.secrets.secret(name)
        shown = self._shown.get(name)
        if stored.current is None or stored.deleted:
            raise LookupError(f"the secret of {name} is gone")
        if shown is None or shown.version != stored.current:
            value = json.loads(stored.versions[stored.current])
            shown = self._shown[name] = Shown(
                stored.current, value["access_token"], value["expires_at"], value["status"], value["generation"]
            )
            self._named.setdefault(stored.arn, name)
        return shown

    def check(self) -> None:
        """Check every connection."""
        for name in self.server.accounts:
            self._check(name)

    def check_touched(self) -> None:
        """Check what was published since the last time."""
        names, self.touched = self.touched, set()
        for name in sorted(names):
            self._check(name)

    def unsettled(self) -> list[str]:
        """Say what is wrong where all has been quiet for long: the grant must hold what the provider takes."""
        wrong = []
        for name, account in self.server.accounts.items():
            record = self.connections.stored(name)
            grant = self._grant(record)
            held = None if grant.refresh_token is None else self.server.grants(grant.refresh_token.reveal())
            if account.lost_at is not None:
                continue
            if held is None or held is not account.living or held.revoked:
                wrong.append(f"{name}: the grant does not hold what the provider takes")
            if record.phase is not Phase.IDLE or record.lease_until is not None:
                wrong.append(f"{name}: left in phase {record.phase}")
            if self.shown(name).access_token != account.newest:
                wrong.append(f"{name}: the secret does not hold the newest token")
            if record.status is not Status.ACTIVE and record.reason != "ambiguous":
                wrong.append(f"{name}: left {record.status} {record.reason}")
        return wrong

    def misled(self) -> list[str]:
        """Say which losses did not end as they must: held, refused, and the seller asked, with the reason."""
        return [
            f"{loss.account.name}: lost ({loss.how}), then {' > '.join(loss.path)}"
            for loss in self.server.ledger.losses
            if not ENDS.issuperset(loss.path)
        ]

    def violated(self, account: Account, what: str) -> None:
        """Note a violation, once for each connection and kind."""
        if (account.name, what) not in self._told:
            self._told.add((account.name, what))
            account.story.append((self.timeline.time, f"VIOLATION: {what}"))
            account.remembered = account.remembered or tuple(account.story)
            self.violations.append((account, what))

    def _check(self, name: ConnectionName) -> None:
        self.checks += 1
        account, shown, now = self.server.accounts[name], self.shown(name), self.timeline.time
        self.seen[shown.status] += 1
        if account.owed and now - account.newest_at > GRACE:
            self.server.ledger.lose(account, "its grace ended before it was had again", now)
        if account.lost_at is not None or account.returning:
            self.seen["lost"] += 1
            return
        known = self.server.access.get(shown.access_token)
        if known is None or known[0] is not account:
            self.violated(account, "the secret holds a token that the provider never gave this account")
        elif known[1] <= now:
            self.violated(account, f"the secret's token has ended; the record is {self._standing(name)}")
        if shown.access_token != account.newest and now - account.newest_at > SETTLED:
            self.violated(account, "the secret does not hold the newest token")
        if shown.status not in (Status.ACTIVE, Status.HELD) and now - account.newest_at > SETTLED:
            self.violated(account, f"the secret says {shown.status}, and nothing was lost")

    def _standing(self, name: ConnectionName) -> str:
        record = self.connections.stored(name)
        return f"{record.status} {record.reason}".strip()

    def _wrote(self, process: Process | None, before: Connection, after: Connection) -> None:
        if after.phase is Phase.SENT and before.phase is not Phase.SENT and process is not None:
            process.mark = after.attempt
            account = self.server.accounts[before.name]
            if account.owed:
                process.unstored = account
        elif before.phase is Phase.SENT and after.phase is Phase.IDLE:
            self.stored(process, answered=False)
        if after.sealed_answer is not None and before.sealed_answer is None:
            self.stored(process)
        if before.phase != after.phase:
            self._note(before.name, f"{before.phase} -> {after.phase}")
        if before.status != after.status or before.reason != after.reason:
            self._note(before.name, f"{before.status} {before.reason} -> {after.status} {after.reason}")
            self._changed(before.name, after)
        error = after.last_error
        if error is not None and error != before.last_error:
            self._note(before.name, f"{error.failure} {error.code}, again in {(after.due.renew_at or 0) - error.at} s")

    def _changed(self, name: ConnectionName, after: Connection) -> None:
        account = self.server.accounts[name]
        self._resolved(account, f"{after.status} {after.reason}".strip())
        waits = account.exchanged_at > (after.authorized.authorized_at or 0)
        is_asked = after.status is Status.REAUTHORIZE and after.due.renew_at is None  # else it is tried by itself
        if is_asked and account.lost_at is None and not waits:
            self.violated(account, "asked to come back although nothing was lost")

    def _resolved(self, account: Account, how: str) -> None:
        loss = account.loss
        if loss is not None:
            loss.path.append(how)
            if how == AUTHORIZED:
                account.loss = None

    def _note(self, name: ConnectionName, text: str) -> None:
        self.server.accounts[name].story.append((self.timeline.time, text))

    def _is_newer(self, after: Shown, before: Shown) -> bool:
        return after.generation >= before.generation

    def _grant(self, record: Connection) -> Grant:
        sealed = record.sealed_grant
        if sealed is None:
            raise LookupError(f"{record.name} has no grant")
        binding = grant_binding(record.name)
        return Grant.from_bytes(self.sealer.open(sealed, app=record.name.app, binding=binding))
