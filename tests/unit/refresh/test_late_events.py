"""Things that arrive late: answers, comparisons, authorizations, resumptions. Each once ended in a lost seller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from fakes.world import ACCOUNT, APP, NAME, WEEK, World, killed
from fault_rows import fault
from tokensync.domain.connection import Exemption, Status
from tokensync.domain.errors import FenceLost, NoAnswer, PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import Work
from tokensync.refresh.breaker import BREAKER_WINDOW
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


def authorize(world: World, code: str, invite: str = "one") -> int:
    """Let a seller come back with a code; return the callback's status."""
    away = world.seller_pages.connect(APP, world.invite(id=invite, for_account=ACCOUNT), (), base_url=world.base_url)
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    cookie = away.cookies[0].partition(";")[0]
    return world.seller_pages.callback(
        APP, f"code={code}&state={quote(state)}", (cookie,), world.budget(), base_url=world.base_url
    ).status


def test_an_authorization_finished_twice_does_not_bring_back_its_old_grant() -> None:
    """The connection stands but the end could not be written; refreshed since, it is not taken back."""
    world = World()
    world.failpoints.run_at("committed", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    assert 503 == authorize(world, "code-1")
    world.on_demand.refresh(NAME, world.budget())
    world.clock.advance(120)
    world.settle(ticks=15)

    assert ("A2", 2) == (world.document()["access_token"], world.document()["generation"])
    assert "R2" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]
    assert [] == world.shop.doubles


def test_a_callback_whose_authorization_another_took_up_shows_how_that_ended() -> None:
    """The callback stood still past its lease, and the schedule finished for it: the browser is sent to the result."""
    world = World()

    def overtaken() -> None:
        world.clock.advance(120)
        world.settle(ticks=3)

    world.failpoints.run_at("exchange.received", overtaken)

    assert 303 == authorize(world, "code-1")
    assert "A1" == world.document()["access_token"]
    assert ["code-1"] == world.shop.ledger


def test_an_older_authorization_finished_late_does_not_replace_a_newer() -> None:
    """A callback died after its answer was stored; the seller connected again; the schedule finishes the first."""
    world = World()
    world.failpoints.raise_at("exchange.received", killed())
    with pytest.raises(KeyboardInterrupt):
        authorize(world, "code-1", "one")
    world.clock.advance(5)
    assert 303 == authorize(world, "code-2", "two")
    world.clock.advance(120)
    world.settle(ticks=15)

    assert "A2" == world.document()["access_token"] == world.grant().access_token.reveal()
    assert world.stored().generation == world.document()["generation"]


@fault("F8")
def test_an_answer_that_comes_by_message_after_the_connection_was_held(world: World) -> None:
    """The sealed message outlives the lease: recovery held the connection, then the answer arrives and is published."""

    def down() -> None:
        world.connections.fail_next("write", StoreUnavailable)
        world.connections.fail_next("set_aside", StoreUnavailable)

    world.failpoints.run_at("answered", down)
    world.run()
    (message,) = world.queue.drain()
    world.after_lease()
    assert Result.HELD == world.run().result
    world.worker.run(message, world.session(), world.budget())

    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])
    assert ["R0"] == world.shop.ledger


def test_an_answer_of_a_lost_fence_waits_in_a_message_while_the_table_is_down(world: World) -> None:
    """A second worker took the lease too early, and the table takes nothing aside: the queue keeps the answer."""

    def early() -> None:
        world.clock.advance(600)  # a clock that is wrong
        assert Result.HELD == world.run().result
        world.clock.advance(-600)
        world.connections.fail_next("set_aside", StoreUnavailable)

    world.failpoints.run_at("answered", early)
    assert Result.TAKEN_OVER == world.run().result
    world.drain()

    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])
    assert ["R0"] == world.shop.ledger


def test_an_answer_kept_aside_by_a_worker_that_lost_its_fence_to_nobody(world: World) -> None:
    """A second worker took the lease too early and held the connection: the first one's answer is used all the same."""

    def early() -> None:
        world.clock.advance(600)  # a clock that is wrong
        assert Result.HELD == world.run().result
        world.clock.advance(-600)

    world.failpoints.run_at("answered", early)
    assert Result.TAKEN_OVER == world.run().result
    world.drain()

    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])
    assert ["R0"] == world.shop.ledger


def test_a_comparison_that_is_throttled_is_not_forgotten(world: World) -> None:
    """Secrets Manager fails while the secret is compared: the record remembers what the message asked for."""
    world.run()
    arn = world.stored().published.arn  # type: ignore[union-attr]
    world.secrets.put(arn, '{"stale": true}', token="00000000-0000-0000-0000-000000000001")
    world.secrets.fail_next("current_version", PublishUnavailable)
    assert Result.POSTPONED == world.run(compare=True).result
    world.settle(ticks=15)

    assert "A1" == world.document()["access_token"]


def test_a_planned_comparison_outlives_the_leases_before_it(world: World) -> None:
    """A comparison is due when an old lease ends; a refresh in between does not clear it."""
    world.failpoints.raise_at("sent", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert 303 == authorize(world, "code-1")
    planned = world.stored().due.compare_at
    world.on_demand.refresh(NAME, world.budget())
    assert planned == world.stored().due.compare_at
    arn = world.stored().published.arn  # type: ignore[union-attr]
    world.secrets.put(arn, '{"late": true}', token="00000000-0000-0000-0000-000000000002")
    world.after_lease()
    world.settle(ticks=3)

    assert world.grant().access_token.reveal() == world.document()["access_token"]


def test_a_held_connection_with_a_new_refresh_token_is_active_again(world: World) -> None:
    """Its last attempt gave an unusable access token beside a good refresh token: that one is tried."""

    def unusable(honest: object) -> ProviderResponse:
        answer: ProviderResponse = honest()  # type: ignore[operator]
        return replace(answer, body=answer.body.replace(b'"A1"', b'"with\\nnewline"'))

    def lost(honest: object) -> ProviderResponse:
        del honest
        raise NoAnswer("lost")

    world.shop.script += [lost, unusable]  # type: ignore[list-item]
    world.run()
    world.clock.advance(WEEK // 2 - 200)
    world.run()
    world.settle(ticks=3)

    assert (Status.ACTIVE, "A2") == (world.stored().status, world.document()["access_token"])


def test_an_answer_that_waited_sealed_is_scheduled_from_its_arrival() -> None:
    """KMS was down for 50 minutes of a 2 hour token: it is refreshed before it ends, not after."""
    world = World()
    world.shop.life = 7200
    world.connected()
    world.failpoints.raise_at("received", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.clock.advance(3000)
    world.run()
    record = world.stored()

    assert record.due.renew_at is not None
    assert record.access_expires_at is not None
    assert record.due.renew_at < record.access_expires_at


def parked(world: World) -> None:
    """Park a refused connection in an app large enough for a breaker."""
    for index in range(20):
        world.connected(ConnectionName(APP, f"seller-{index:02}"), refresh_token=f"F{index}")
    world.shop.alive.discard("R0")
    assert Result.HELD == world.run().result


def test_an_operators_refresh_does_not_end_the_parking_early(world: World) -> None:
    """Within the breaker's window a refusal stays set apart, whoever asks."""
    parked(world)
    world.clock.advance(30)
    world.on_demand.refresh(NAME, world.budget())

    assert (Status.HELD, "refused") == (world.stored().status, world.stored().reason)


@fault("F18")
def test_a_resumed_app_asks_each_parked_one_once(world: World) -> None:
    """After `app resume` the schedule presents each parked token once more, and then the refusal counts."""
    parked(world)
    world.apps.pause(APP, why="breaker", now=world.clock.now())
    world.clock.advance(BREAKER_WINDOW + 10)
    world.run()
    assert world.stored().due.next_at is not None
    world.apps.resume(APP, now=world.clock.now())
    world.shop.alive.add("R0")
    world.settle(ticks=15)

    assert (Status.ACTIVE, "active") == (world.stored().status, world.document()["status"])
    assert "A0" != world.document()["access_token"]
    assert ["R0", "R0"] == [shown for shown in world.shop.ledger if shown == "R0"]


def test_force_accepts_no_quarantined_connection(world: World) -> None:
    """A refresh must not be what publishes an account that was set apart."""
    record = world.connections.seed(replace(world.stored().with_due(renew_at=None), status=Status.QUARANTINED))
    world.on_demand.refresh(NAME, world.budget(), force=True)

    assert record == world.stored()
    assert [] == world.shop.ledger


def test_an_answered_code_is_kept_trying_until_the_function_ends() -> None:
    """Table and queue fail for a while: the answer becomes durable when one of them comes back."""
    world = World()
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable, times=3))
    world.queue.refuse = lambda _work: True

    assert 303 == authorize(world, "code-1")
    assert "A1" == world.document()["access_token"]


def test_an_answered_code_that_nothing_takes_is_told() -> None:
    """When nothing takes it until the function ends, an alert says so."""
    world = World()
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable, times=10_000))
    world.queue.refuse = lambda _work: True

    assert 503 == authorize(world, "code-1")
    assert ["answer.lost"] == [alert.kind for alert in world.alerts.told]


def test_a_grant_that_cannot_be_refreshed_is_told() -> None:
    """A code's answer without a refresh token makes a connection that ends: an operator is told at once."""
    world = World()

    def without(honest: object) -> ProviderResponse:
        answer: ProviderResponse = honest()  # type: ignore[operator]
        return replace(answer, body=answer.body.replace(b'"refresh_token": "R1"', b'"refresh_token": null'))

    world.shop.script.append(without)  # type: ignore[arg-type]
    authorize(world, "code-1")

    assert ["connection.cannot_refresh"] == [alert.kind for alert in world.alerts.told]


def test_a_claim_that_fails_delays_nobody_else(world: World) -> None:
    """What was claimed before the table failed is queued all the same."""
    for index in range(5):
        world.connected(ConnectionName(APP, f"seller-{index}"), refresh_token=f"F{index}")
    honest, claims = world.connections.claim, iter(range(100))

    def claim(key: object, *, until: int) -> bool:
        if next(claims) == 3:
            raise StoreUnavailable("throttled")
        return honest(key, until=until)  # type: ignore[arg-type]

    world.connections.claim = claim  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        world.ticker.tick(world.budget())

    assert 3 == len(world.queue.works)


def test_a_deleted_secret_beside_a_lost_fence_breaks_no_callback(world: World) -> None:
    """The secret is gone and the connection taken over at once: that is no failure of the callback."""
    world.secrets.schedule_deletion(world.stored().published.arn)  # type: ignore[union-attr]
    world.connections.before_next("write", lambda: world.connections.fail_next("write", FenceLost))

    assert 303 == authorize(world, "code-1")


def test_an_invite_is_used_up_even_if_the_end_could_not_be_written() -> None:
    """The seller connected: whatever fails afterwards, the link opens nothing any more."""
    world = World()
    world.failpoints.run_at("committed", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    authorize(world, "code-1", "only")

    page = world.seller_pages.connect(APP, world.invite(id="only"), (), base_url=world.base_url)
    assert 403 == page.status


def test_a_message_that_brings_a_code_is_taken_up_when_the_callbacks_lease_ends() -> None:
    """Not a claim period later."""
    world = World()
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    authorize(world, "code-1")
    world.drain()
    world.after_lease()
    world.settle(ticks=2)

    assert "A1" == world.document()["access_token"]


def test_a_closed_batch_presents_nothing_new(world: World) -> None:
    """Once AWS throttles under a batch, a worker at its gate gives the connection back."""
    session = world.session()
    session.closed = True
    outcome = world.worker.run(Work(connection=NAME), session, world.budget())

    assert (Result.NO_TIME, True) == (outcome.result, outcome.again)
    assert [] == world.shop.ledger


@fault("F18")
def test_a_resumed_parked_connection_whose_answer_is_lost_has_its_last_attempt(world: World) -> None:
    """Resumed and answered with a 502, days before its access token ends: it is tried once more before that."""
    parked(world)
    world.apps.pause(APP, why="breaker", now=world.clock.now())
    world.clock.advance(BREAKER_WINDOW + 10)
    world.run()
    world.apps.resume(APP, now=world.clock.now())
    world.shop.alive.add("R0")
    world.shop.script.append(lambda _honest: world.shop.answer(b"bad gateway", status=502))
    world.clock.advance((world.stored().due.next_at or 0) - world.clock.now())
    world.run()
    held = world.stored()
    assert (Status.HELD, "ambiguous", Exemption.LAST_ATTEMPT) == (held.status, held.reason, held.exemption)
    assert held.access_expires_at is not None
    world.clock.advance(held.access_expires_at - world.clock.now() - 1800)
    world.settle(ticks=15)

    assert (Status.ACTIVE, "active") == (world.stored().status, world.document()["status"])
    # The one that was lost never reached the provider.
    assert ["R0", "R0"] == [shown for shown in world.shop.ledger if shown == "R0"]
