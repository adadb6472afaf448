"""Pushing: handing a connection's newest pair to a consumer, under a lease and never twice where once must do.

Pushes of one connection follow each other as its leases do, so an older pair never comes after a newer one. A failure
raises one alert and is tried again; it changes neither the status nor the next refresh.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Reason, Status, noted
from tokensync.domain.errors import FenceLost
from tokensync.domain.messages import Failure, FailureClass
from tokensync.domain.secret import Secret
from tokensync.domain.visible import Line
from tokensync.domain.work import Work
from tokensync.oauth.http import present
from tokensync.oauth.token_response import read_consumer
from tokensync.providers import CONSUMERS
from tokensync.providers.api2cart import ConsumerKey, consumer_binding, from_bytes, to_bytes
from tokensync.refresh import decisions, schedule
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.transitions import released

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.ports import Ports
    from tokensync.oauth.consumer import Consumer
    from tokensync.refresh.commit import Committer
    from tokensync.refresh.session import Session

_NO_STORE = Failure(kind=FailureClass.UNKNOWN, code="no_store", message="it was not handed over yet")
_KNOWN_STORE = Failure(
    kind=FailureClass.UNKNOWN,
    code="store_exists",
    message="its store is there already, under the address that it was added with: change that at the consumer",
)
_NO_ANSWER = Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message="an earlier request got no answer")


@dataclass(frozen=True)
class _Pair:
    """The pair on its way to one consumer."""

    grant: Grant
    session: Session
    consumer: Consumer


@dataclass(frozen=True)
class Pusher:
    """Hands pairs over."""

    ports: Ports
    committer: Committer

    def due(self, record: Connection, grant: Grant, session: Session) -> WorkResult:
        """Hand the pair to the app's consumer, now that it is due, if it is still to be handed over."""
        keys = self._keys(record)
        names = [session.app.push, *(name for name, key in keys.items() if key.unanswered)]
        consumer = next((CONSUMERS[name] for name in names if name in CONSUMERS), None)
        if consumer is None or record.status not in (Status.ACTIVE, Status.HELD):
            return self._rest(record, Result.NOTHING_DUE)
        return self.push(record, grant, session, consumer)

    def push(
        self,
        record: Connection,
        grant: Grant,
        session: Session,
        consumer: Consumer,
        *,
        again: bool = False,
        store_url: str = "",
    ) -> WorkResult:
        """Hand the pair over and COMMIT what came of it. This ends the caller's lease.

        `again` is an operator's: it repeats a request that got no answer. `store_url` is the address of a new store,
        empty for the one that the app's settings name.

        Raises:
            FenceLost: the connection was taken over before anything was sent.
            SealingUnavailable: nothing was sent.
        """
        known = self._keys(record).get(consumer.name, ConsumerKey())
        if known.unanswered and not again:
            return self._left(record, grant, consumer)
        if record.consumer.handed_over_at is not None and not known.unanswered:
            return self._rest(record, Result.OWNED_BY_CONSUMER)
        gives = session.app.gives_away and record.consumer.handed_over_at is None
        if gives and (record.status is not Status.ACTIVE or record.attempt is not None):
            # Its refresh token may be spent, and after a handover nobody here finds that out. A refresh asks again.
            return self._rest(record, Result.HELD)
        lacking, pair = _lacking(session.app, grant, consumer), _Pair(grant, session, consumer)
        if lacking is not None:
            return self._failed(record, record, lacking, pair)
        if store_url and known.key is not None and store_url != known.store_url:
            return replace(self.committer.end_lease(record, record, Result.NOTHING_DUE), failure=_KNOWN_STORE)
        if store_url and known.key is None:
            known = replace(known, store_url=store_url)
            record = self._sealed(record, pair, known)  # what is tried again is tried with it
        return self._handed(record, pair, known)

    def _handed(self, record: Connection, pair: _Pair, known: ConsumerKey) -> WorkResult:
        grant, consumer, marked, key = pair.grant, pair.consumer, record, known.key
        app = pair.session.app.of(grant)
        base = consumer.endpoint(app)
        if key is None:
            url = known.store_url or consumer.store_url(app, record.name)
            request = consumer.add(app, base, grant, record.name, store_url=url)
        else:
            request = consumer.update(app, base, grant, key.reveal())
        cleared = pair.session.cleared_for(consumer, request, grant)
        if isinstance(cleared, Failure):
            return self._failed(record, record, cleared, pair)
        if key is None or app.gives_away:
            marked = self.ports.connections.write(record, self._marked(record, pair, known))
        self.ports.failpoints.reached("push.marked")
        response = present(cleared, self.ports)
        read: dict[str, Any] | Failure
        if isinstance(response, Failure):
            read = response
        else:
            shown = (grant.refresh_token, grant.access_token, app.client_secret, consumer.key(app), key)
            read = read_consumer(consumer, response, secrets=[secret for secret in shown if secret])
        if isinstance(read, Failure):
            if read.kind is FailureClass.REFUSED and key is not None:
                # It no longer knows that key: the connection is new to it.
                gone = ConsumerKey(store_url=known.store_url)
                forgotten = self._sealed(record, pair, gone)
                return self._handed(self.ports.connections.write(marked, forgotten), pair, gone)
            return self._failed(record, marked, read, pair)
        given = key or Secret(consumer.read_key(read))
        if not given:
            odd = Failure(kind=FailureClass.AMBIGUOUS, code="missing_store_key")
            return self._failed(record, marked, odd, pair)
        return self._done(marked, pair, replace(known, key=given, unanswered=False), is_new=key is None)

    def check(self, record: Connection, grant: Grant, session: Session, consumer: Consumer) -> WorkResult:
        """Ask the consumer whether it accepts the store that it has, and COMMIT what it says. This ends the lease.

        Only an answer about the store changes what is known of it.
        """
        known, app = self._keys(record).get(consumer.name, ConsumerKey()), session.app
        own = consumer.key(app)
        if own is None or known.key is None:
            failure = _no_key(consumer) if own is None else _NO_STORE
            return replace(self.committer.end_lease(record, record, Result.POSTPONED), failure=failure)
        asks = session.cleared_for(consumer, consumer.validate(app, consumer.endpoint(app), known.key.reveal()), grant)
        response = asks if isinstance(asks, Failure) else present(asks, self.ports)
        read: dict[str, Any] | Failure = response if isinstance(response, Failure) else {}
        if not isinstance(response, Failure):
            shown = (own, known.key, app.client_secret, grant.access_token, grant.refresh_token)
            read = read_consumer(consumer, response, secrets=[secret for secret in shown if secret])
        now = self.ports.clock.now()
        if not isinstance(read, Failure):
            return self.committer.end_lease(
                record, record.with_consumer(checked_at=now, check_failed=None), Result.VERIFIED
            )
        after = record
        if read.kind in (FailureClass.REFUSED, FailureClass.UNKNOWN):
            why = " ".join(filter(None, (read.code, read.message)))
            after = record.with_consumer(checked_at=now, check_failed=why)
            after = noted(after, "store.refused", now=now, detail=f"{consumer.name} {read.code}")
        return replace(self.committer.end_lease(record, after, Result.POSTPONED), failure=read)

    def _marked(self, record: Connection, pair: _Pair, known: ConsumerKey) -> Connection:
        """Return the record before a request that must not be made twice."""
        marked = self._sealed(record, pair, replace(known, unanswered=True))
        if pair.session.app.gives_away:
            # From here on it may be refreshed elsewhere, whether or not an answer comes.
            since = record.consumer.handed_over_at or self.ports.clock.now()
            marked = marked.with_consumer(handed_over_at=since).with_due(renew_at=None, warn_at=None)
        # If this process ends here, the next holder alerts of it.
        return schedule.scheduled(marked.with_due(push_at=(record.lease_until or self.ports.clock.now()) + 1))

    def _done(self, marked: Connection, pair: _Pair, known: ConsumerKey, *, is_new: bool) -> WorkResult:
        now, after, consumer = self.ports.clock.now(), marked, pair.consumer
        if is_new or pair.session.app.gives_away:
            after = self._sealed(marked, pair, known)
        if is_new:
            after = noted(after, "consumer.added", now=now, detail=consumer.name)
        if after.consumer.push_failures:
            after = noted(after, "push.recovered", now=now, detail=consumer.name)
        if after.consumer.handed_over_at is not None:
            after = decisions.handed_over(after, consumer=consumer.name, now=now)
        self.ports.log.info(
            "pair.pushed", connection=str(after.name), consumer=consumer.name, generation=after.generation
        )
        # An earlier check was of another pair.
        after = after.with_consumer(pushed=after.generation, push_failures=0, checked_at=None, check_failed=None)
        after = after.with_due(push_at=None)
        return self._ended(marked, after, pair.grant, Result.PUSHED)

    def _failed(self, record: Connection, marked: Connection, failure: Failure, pair: _Pair) -> WorkResult:
        """COMMIT a failure: what was not processed is tried again, what got no answer only if it may be repeated.

        `record` is the connection before a request that must not be made twice was marked.
        """
        name, count, now = str(record.name), record.consumer.push_failures, self.ports.clock.now()
        consumer = pair.consumer
        self.ports.log.warning(
            "push.failed", connection=name, consumer=consumer.name, failure=failure.kind, code=failure.code
        )
        is_lost = failure.kind is FailureClass.AMBIGUOUS and marked is not record
        if is_lost:
            after = marked.with_due(push_at=None)
        else:
            at = schedule.retry_at(
                now=now, failures=count, retry_after=failure.retry_after, fraction=self.ports.randomness.fraction()
            )
            # The mark is taken back. An operator's own push is the operator's to repeat.
            after = record.with_due(push_at=at if pair.session.app.push == consumer.name else None)
        after = after.with_consumer(push_failures=count + 1)
        if is_lost or not count:
            after = noted(after, "push.failed", now=now, detail=f"{consumer.name} {failure.code}")
            self._alert(name, failure, consumer, is_lost=is_lost)
        return replace(self._ended(marked, after, pair.grant, Result.POSTPONED), failure=failure)

    def _alert(self, name: str, failure: Failure, consumer: Consumer, *, is_lost: bool) -> None:
        why = " ".join(filter(None, (failure.code, failure.message)))
        following = typed("tokensync push {name} --to {to}", name=name, to=consumer.name)
        mend, rest = consumer.mends.get(failure.code), "the connection itself is refreshed as before"
        if is_lost:
            following, rest = following.adding("--again"), "nobody knows whether it arrived, so look there first"
        elif failure.code == Reason.ENDPOINT_CHANGED:
            following = typed("tokensync app show {app}", app=name.partition("/")[0])
        elif mend is not None:
            if mend.command is not None:
                following = mend.command.filled(app=name.partition("/")[0], name=name)
            rest = f"{mend.why}; {rest}"
        self.ports.alerts.tell(
            "push.failed",
            name,
            detail=Line(
                "{to} did not acknowledge the newest pair ({why}); {rest}", to=consumer.title, why=why, rest=rest
            ),
            next_command=following,
        )

    def _left(self, record: Connection, grant: Grant, consumer: Consumer) -> WorkResult:
        """Leave a connection alone whose request got no answer; do what the process that made it could not do."""
        after = record.with_due(push_at=None)
        if not record.consumer.push_failures:
            after = noted(after, "push.failed", now=self.ports.clock.now(), detail=f"{consumer.name} {_NO_ANSWER.code}")
            after = after.with_consumer(push_failures=1)
            self._alert(str(record.name), _NO_ANSWER, consumer, is_lost=True)
        return replace(self._ended(record, after, grant, Result.HELD), failure=_NO_ANSWER)

    def _ended(self, before: Connection, after: Connection, grant: Grant, result: Result) -> WorkResult:
        """End the lease; publish where the owner changed."""
        after = released(after)
        if after.publishing_is_due():
            ended = self.committer.publish_and_commit(before, after, grant, result)
        else:
            try:
                ended = WorkResult(result, self.ports.connections.write(before, after))
            except FenceLost:
                ended = WorkResult(Result.TAKEN_OVER)
        if ended.result is Result.TAKEN_OVER:
            self._keep_key(before, after)
            # Our pair, older by now, may have come after the newest: the newest is handed over once more.
            self.ports.queue.send([Work(connection=before.name, push=True)])
        return ended

    def _keep_key(self, marked: Connection, after: Connection) -> None:
        """Keep what the consumer answered to a marked request: the key it gave outlives every grant."""
        seen = marked.consumer.sealed_consumer
        if seen is None or seen == after.consumer.sealed_consumer:
            return
        if not self.ports.connections.replace_consumer(marked.name, seen=seen, sealed=after.consumer.sealed_consumer):
            self.ports.log.warning("standing.superseded", connection=str(marked.name))

    def _rest(self, record: Connection, result: Result) -> WorkResult:
        return self.committer.end_lease(record, record.with_due(push_at=None), result)

    def _sealed(self, record: Connection, pair: _Pair, key: ConsumerKey) -> Connection:
        plain = to_bytes({**self._keys(record), pair.consumer.name: key})
        sealed = pair.session.key.seal(plain, binding=consumer_binding(record.name))
        return record.with_consumer(sealed_consumer=sealed)

    def _keys(self, record: Connection) -> dict[str, ConsumerKey]:
        if record.consumer.sealed_consumer is None:
            return {}
        name = record.name
        return from_bytes(
            self.ports.sealer.open(record.consumer.sealed_consumer, app=name.app, binding=consumer_binding(name))
        )


def _no_key(consumer: Consumer) -> Failure:
    return Failure(kind=FailureClass.CONFIGURATION, code="no_key", message=f"the app has no {consumer.title} key")


def _lacking(app: App, grant: Grant, consumer: Consumer) -> Failure | None:
    """Return why nothing can be sent, None if nothing is missing."""
    if consumer.key(app) is None:
        return _no_key(consumer)
    if grant.refresh_token is None or not grant.access_token.reveal():
        return Failure(kind=FailureClass.UNKNOWN, code="no_pair", message="there is no pair to hand over yet")
    return None
