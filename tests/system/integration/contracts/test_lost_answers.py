"""Writes that stand although their answer was lost: boto3 repeats them, and the repetition must do no harm."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.httpsession import URLLib3Session

from contracts.authorizations import waiting
from contracts.connections import fresh
from contracts.world import NOW
from tokensync.domain.app import App
from tokensync.domain.app_state import PauseKind
from tokensync.domain.authorization import AuthorizationKey, AuthorizationState
from tokensync.domain.errors import NotLeased
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

    from contracts.aws import AwsWorld

SOON = NOW + 60


class _Loss:
    """Lets the next request through and replaces its answer with a failure; `then` happens before it is repeated."""

    def __init__(self, then: Callable[[], object] | None) -> None:
        self.lost = 0
        self.requests = 0
        self._then = then
        self._happens = False

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        if self._happens:
            return None
        self.requests += 1
        if self.lost:
            return None
        self.lost += 1
        answer = URLLib3Session().send(request)
        assert answer.status_code == 200, answer.content
        answer.status_code = 500
        if self._then is not None:
            self._happens = True
            self._then()
            self._happens = False
        return answer


@contextmanager
def answer_lost(world: AwsWorld, operation: str, then: Callable[[], object] | None = None) -> Iterator[_Loss]:
    """Lose the answer of the next DynamoDB request of that kind."""
    loss = _Loss(then)
    events = world.resources.clients.dynamodb.meta.events
    # The stubs forget that an answer of before-send stands for the service's own.
    events.register(f"before-send.dynamodb.{operation}", loss, unique_id="loss")  # type: ignore[arg-type]
    try:
        yield loss
    finally:
        events.unregister(f"before-send.dynamodb.{operation}", unique_id="loss")
    assert (1, 2) == (loss.lost, loss.requests)


@pytest.fixture
def name(world: AwsWorld) -> ConnectionName:
    """Return a connection that is stored, due, and held by nobody."""
    name = ConnectionName(world.app, "1")
    taken, _ = world.connections.take_over(fresh(name), until=SOON)
    world.connections.write(taken, replace(taken, lease_until=None))
    return name


def test_a_lease(world: AwsWorld, name: ConnectionName) -> None:
    """Who took the lease and lost the answer holds it: the repetition finds its own mark."""
    with answer_lost(world, "UpdateItem"):
        leased = world.connections.lease(name, now=NOW, until=SOON)
    assert (2, SOON) == (leased.fence, leased.lease_until)
    assert leased == world.connections.get(name)


def test_a_lease_that_was_taken_over_before_its_repetition(world: AwsWorld, name: ConnectionName) -> None:
    """A new authorization came in between: its fence is not the repetition's."""

    def taken_over() -> None:
        world.connections.take_over(fresh(name, authorized_at=NOW, authorized_by="again"), until=SOON)

    with answer_lost(world, "UpdateItem", then=taken_over), pytest.raises(NotLeased):
        world.connections.lease(name, now=NOW, until=SOON)


def test_a_write(world: AwsWorld, name: ConnectionName) -> None:
    """A write under a fence comes out the same however often it is sent."""
    leased = world.connections.lease(name, now=NOW, until=SOON)
    with answer_lost(world, "UpdateItem"):
        written = world.connections.write(leased, replace(leased, label="New", allocated=7))
    assert replace(leased, label="New", allocated=7) == written


def test_a_takeover(world: AwsWorld, name: ConnectionName) -> None:
    """A takeover sent twice takes two numbers, which is allowed, and tells of its own first lease as the old one."""
    with answer_lost(world, "UpdateItem"):
        taken, stood = world.connections.take_over(fresh(name), until=SOON)
    assert (3, 3, SOON) == (taken.fence, taken.generation, (stood and stood.lease_until))
    assert taken == world.connections.get(name)


def test_a_consumed_authorization(world: AwsWorld) -> None:
    """Who consumed an authorization and lost the answer may present the code: the repetition is the same request."""
    key = AuthorizationKey(world.app, "browser", "nonce")
    world.authorizations.put(waiting(key))
    with answer_lost(world, "TransactWriteItems"):
        used = world.authorizations.consume(key, now=NOW, lease_until=SOON, code="code")
    assert (1, AuthorizationState.WORKING) == (used.fence, used.state)
    assert used == world.authorizations.get(key)


def test_a_dead_callback_taken_over(world: AwsWorld) -> None:
    """Who took a dead callback's authorization over and lost the answer holds it."""
    key = AuthorizationKey(world.app, "browser", "nonce")
    world.authorizations.put(waiting(key))
    used = world.authorizations.consume(key, now=NOW, lease_until=SOON, code="code")
    world.authorizations.write(used, replace(used, sealed_answer=b"raw", received_at=NOW), next_at=SOON)
    with answer_lost(world, "UpdateItem"):
        taken = world.authorizations.lease(key, now=SOON + 1, until=SOON + 60)
    assert (2, SOON + 60) == (taken.fence, taken.lease_until)


def test_a_pause(world: AwsWorld) -> None:
    """Who paused an app and lost the answer is still the one to tell its owner."""
    world.apps.register(App(name=world.app, provider="p", client_id="i", client_secret=Secret("s")))
    with answer_lost(world, "UpdateItem"):
        assert world.apps.pause(world.app, kind=PauseKind.CONFIGURATION, why="invalid_client", now=NOW)
    assert not world.apps.pause(world.app, kind=PauseKind.CONFIGURATION, why="invalid_client", now=NOW)
