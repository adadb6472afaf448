"""The refresh protocol, step by step and failure by failure, asserted from the provider's ledger and the stores."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from fakes import FakeClock
from fakes.world import APP, NAME, WEEK, World, killed
from fault_rows import fault
from tokensync.domain.connection import Exemption, Phase, Status
from tokensync.domain.errors import (
    FenceLost,
    NewerSchema,
    NoAnswer,
    NotSent,
    PublishUnavailable,
    SealingUnavailable,
    StoreUnavailable,
    UnknownConnection,
)
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import Work
from tokensync.refresh.breaker import BREAKER_WINDOW
from tokensync.refresh.result import Result
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


def drop_after_commit(honest: object) -> ProviderResponse:
    """Let the provider commit, and lose its answer."""
    honest()  # type: ignore[operator]
    raise NoAnswer("lost")


def no_answer(honest: object) -> ProviderResponse:
    """Let the request vanish before the provider commits."""
    del honest
    raise NoAnswer("lost")


def test_a_due_connection_is_refreshed_and_published(world: World) -> None:
    """One lease brings a new pair into the grant and its access token into the secret, under one new number."""
    outcome = world.run()

    assert Result.REFRESHED == outcome.result
    assert ["R0"] == world.shop.ledger
    record = world.stored()
    assert (2, 2, Phase.IDLE, None, Status.ACTIVE) == (
        record.generation,
        record.allocated,
        record.phase,
        record.lease_until,
        record.status,
    )
    assert "R1" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]
    document = world.document()
    assert ("A1", 2, "active") == (document["access_token"], document["generation"], document["status"])
    assert world.secrets.secret(NAME).current == record.published.version_id  # type: ignore[union-attr]


def test_the_facts_of_the_account_survive_a_refresh(world: World) -> None:
    """Shops fetched at connect stay published although a refresh does not fetch them again."""
    world.run()

    assert "7000714532876273420" == world.document()["account"]["shops"][0]["id"]


def test_the_next_refresh_lies_at_60_to_70_percent_of_the_life(world: World) -> None:
    """COMMIT writes when the token is due again, jittered per connection."""
    world.run()

    record = world.stored()
    assert record.due.renew_at is not None
    assert 0.6 * WEEK <= record.due.renew_at - world.clock.now() <= 0.7 * WEEK
    assert record.due.refresh_at == record.due.next_at


def test_a_connection_that_is_not_due_is_left_alone(world: World) -> None:
    """A second message for a connection that was just refreshed makes no call."""
    world.run()

    assert Result.LEASED_ELSEWHERE == world.run().result
    assert ["R0"] == world.shop.ledger


def test_an_unknown_connection_is_told(world: World) -> None:
    """A message for a connection that does not stand raises by name."""
    with pytest.raises(UnknownConnection):
        world.run(ConnectionName(APP, "nobody"))


@fault("F15")
def test_a_newer_schema_is_refused_before_anything_is_spent(world: World) -> None:
    """A record that a newer version wrote is neither leased nor presented."""
    world.connections.seed(replace(world.stored(), schema=2))

    with pytest.raises(NewerSchema):
        world.run()
    assert [] == world.shop.ledger


def test_the_order_of_the_protocol(world: World) -> None:
    """Lease, sent, answered, received, published, committed: in this order and no other."""
    world.run()

    assert ["leased", "sent", "answered", "received", "published", "committed"] == world.failpoints.seen


def test_the_raw_answer_is_durable_before_it_is_published(world: World) -> None:
    """At `received` the record holds the sealed answer and the secret still holds the old token."""
    seen: list[tuple[Phase, bool, str]] = []
    world.failpoints.run_at(
        "received",
        lambda: seen.append(
            (world.stored().phase, world.stored().sealed_answer is not None, world.document()["access_token"])
        ),
    )
    world.run()

    assert [(Phase.RECEIVED, True, "A0")] == seen
    assert world.stored().sealed_answer is None


@fault("F1", "F2", "F3")
@pytest.mark.parametrize("place", ["leased", "sent", "answered", "received", "published", "committed"])
def test_killed_anywhere_the_next_worker_ends_right(world: World, place: str) -> None:
    """Killed at any step, the connection is refreshed once, or held where nobody can know; never dead."""
    world.failpoints.raise_at(place, killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()
    world.settle(ticks=3)

    record = world.stored()
    assert [] == world.shop.doubles
    assert record.lease_until is None
    if place in ("sent", "answered"):
        assert (Status.HELD, "ambiguous", Exemption.LAST_ATTEMPT) == (record.status, record.reason, record.exemption)
        assert "held" == world.document()["status"]
        assert "A0" == world.document()["access_token"]
    else:
        assert Status.ACTIVE == record.status
        assert ["R0"] == world.shop.ledger
        assert "A1" == world.document()["access_token"]
        assert world.document()["generation"] == record.generation


@fault("F3")
@pytest.mark.parametrize("place", ["received", "published"])
def test_recovery_from_a_stored_answer_costs_no_provider_call(world: World, place: str) -> None:
    """An answer that one store acknowledged is published in the end, without asking again."""
    world.failpoints.raise_at(place, killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()

    assert Result.REFRESHED == world.run().result
    assert ["R0"] == world.shop.ledger
    assert "A1" == world.document()["access_token"]


def test_the_lease_excludes_a_second_worker(world: World) -> None:
    """While one holds the lease, another does nothing."""
    outcomes: list[Result] = []
    world.failpoints.run_at("sent", lambda: outcomes.append(world.run().result))
    world.run()

    assert [Result.LEASED_ELSEWHERE] == outcomes
    assert ["R0"] == world.shop.ledger


def test_the_lease_outlives_the_function(world: World) -> None:
    """The lease stands for the function's whole remaining life and five seconds more."""
    until: list[int | None] = []
    world.failpoints.run_at("leased", lambda: until.append(world.stored().lease_until))
    world.run()

    assert [world.clock.now() + 60 + 5] == until


def test_twenty_four_workers_make_one_call(world: World) -> None:
    """A race of two dozen threads for one due connection presents its token once."""
    barrier = threading.Barrier(24)

    def run() -> None:
        barrier.wait()
        world.run()

    threads = [threading.Thread(target=run) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ["R0"] == world.shop.ledger


@fault("F12")
def test_too_little_life_left_takes_no_work() -> None:
    """With 8 seconds left nothing is presented, the lease is given back, and the message comes again."""
    world = World(seconds=8)
    world.connected()
    outcome = world.run()

    assert (Result.NO_TIME, True) == (outcome.result, outcome.again)
    assert [] == world.shop.ledger
    assert world.stored().lease_until is None


@fault("F6")
def test_a_disabled_key_spends_nothing(world: World) -> None:
    """KMS down before the request: the connection is postponed and its token was not presented."""
    world.keys.enabled = False

    assert Result.POSTPONED == world.run().result
    assert [] == world.shop.ledger
    assert Phase.IDLE == world.stored().phase


@fault("F6")
def test_a_key_disabled_after_the_answer_loses_nothing(world: World) -> None:
    """KMS down after the request: the data key was in hand, so the new pair is stored and published all the same."""
    world.failpoints.run_at("answered", lambda: setattr(world.keys, "enabled", False))

    assert Result.REFRESHED == world.run().result
    assert "A1" == world.document()["access_token"]


@fault("F6")
def test_an_answer_waits_sealed_while_the_key_is_disabled(world: World) -> None:
    """A stored answer that cannot be opened is kept, and published when the key is enabled again."""
    world.failpoints.raise_at("received", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()
    world.keys.enabled = False
    assert Result.POSTPONED == world.run().result
    world.keys.enabled = True
    world.after_lease()

    assert Result.REFRESHED == world.run().result
    assert ["R0"] == world.shop.ledger


def test_a_lost_fence_at_sent_spends_nothing(world: World) -> None:
    """Whoever was taken over before SENT presents nothing."""
    world.connections.before_next("write", lambda: world.connections.lease(NAME, now=world.clock.now() + 1000, until=0))

    assert Result.TAKEN_OVER == world.run().result
    assert [] == world.shop.ledger


def test_a_lost_fence_at_received_keeps_the_answer_aside(world: World) -> None:
    """An answer that comes after a take-over is kept as superseded and never published."""
    fence: list[int] = []

    def take_over() -> None:
        fence.append(world.stored().fence)
        world.connections.lease(NAME, now=world.clock.now() + 1000, until=0, even_if_not_due=True)

    world.failpoints.run_at("answered", take_over)

    assert Result.TAKEN_OVER == world.run().result
    assert world.connections.aside(NAME, fence=fence[0]) is not None
    assert "A0" == world.document()["access_token"]


def test_a_lost_fence_after_publishing_queues_a_comparison(world: World) -> None:
    """Who lost the fence after publishing asks the next holder to make the secret equal to the newest grant."""
    world.failpoints.run_at(
        "published",
        lambda: world.connections.lease(
            NAME, now=world.clock.now() + 1000, until=world.clock.now() - 1, even_if_not_due=True
        ),
    )

    assert Result.TAKEN_OVER == world.run().result
    assert [Work(connection=NAME, compare=True)] == world.queue.works


@fault("F8")
def test_the_table_down_after_the_answer_keeps_it_aside(world: World) -> None:
    """When RECEIVED is not acknowledged, the answer gets a record of its own and the next holder publishes it."""
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    outcome = world.run()
    assert (Result.KEPT, True, True) == (outcome.result, outcome.again, outcome.backpressure)
    world.after_lease()

    assert Result.REFRESHED == world.run().result
    assert ["R0"] == world.shop.ledger
    assert "A1" == world.document()["access_token"]


@fault("F8")
def test_the_table_down_for_long_keeps_the_answer_in_a_message(world: World) -> None:
    """When no record takes the answer, a sealed message carries it, and its worker brings it back."""

    def down() -> None:
        world.connections.fail_next("write", StoreUnavailable)
        world.connections.fail_next("set_aside", StoreUnavailable)

    world.failpoints.run_at("answered", down)
    world.run()
    (message,) = world.queue.drain()
    assert "access_token" not in message.to_json()
    world.after_lease()
    world.worker.run(message, world.session(), world.budget())

    assert ["R0"] == world.shop.ledger
    assert "A1" == world.document()["access_token"]


def test_an_answer_that_nothing_takes_is_told(world: World) -> None:
    """When table and queue are down until the function ends, an alert says which answer was lost."""

    def down() -> None:
        world.connections.fail_next("write", StoreUnavailable)
        world.connections.fail_next("set_aside", StoreUnavailable, times=10_000)

    world.failpoints.run_at("answered", down)
    world.queue.refuse = lambda _work: True
    world.run()

    assert ["answer.lost"] == [alert.kind for alert in world.alerts.told]


def test_a_write_that_stood_without_an_acknowledgement_loses_nothing(world: World) -> None:
    """RECEIVED committed but its acknowledgement was lost: the next holder resumes from the stored answer."""
    world.failpoints.run_at(
        "answered", lambda: world.connections.fail_next("write", StoreUnavailable, after_commit=True)
    )
    assert Result.KEPT == world.run().result
    world.after_lease()

    assert Result.REFRESHED == world.run().result
    assert ["R0"] == world.shop.ledger
    assert "A1" == world.document()["access_token"]


def test_a_throttled_publication_is_made_up_for(world: World) -> None:
    """The grant is committed at once, the secret written later from it, and the provider is not asked again."""
    world.secrets.fail_next("put", PublishUnavailable)
    outcome = world.run()
    assert (Result.REFRESHED, True) == (outcome.result, outcome.backpressure)
    assert "A0" == world.document()["access_token"]
    world.settle(ticks=3)

    assert ["R0"] == world.shop.ledger
    assert "A1" == world.document()["access_token"]
    assert world.stored().generation == world.stored().published.generation  # type: ignore[union-attr]


@fault("F4")
def test_a_publication_whose_answer_was_lost_is_compared(world: World) -> None:
    """PutSecretValue committed and its answer was lost: the next holder writes a version of its own."""
    world.secrets.fail_next("put", PublishUnavailable, after_commit=True)
    world.run()
    world.settle(ticks=3)

    assert "A1" == world.document()["access_token"]
    assert world.secrets.secret(NAME).current == world.stored().published.version_id  # type: ignore[union-attr]


@fault("F7")
def test_a_deleted_secret_is_never_recreated(world: World) -> None:
    """A secret scheduled for deletion makes the connection orphaned: grant kept, alert told, nothing scheduled."""
    world.secrets.schedule_deletion(world.stored().published.arn)  # type: ignore[union-attr]

    assert Result.ORPHANED == world.run().result
    record = world.stored()
    assert (Status.ORPHANED, None, None) == (record.status, record.due.refresh_at, record.due.next_at)
    assert "R1" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]
    assert ["connection.orphaned"] == [alert.kind for alert in world.alerts.told]
    assert world.document is not None
    assert world.secrets.document(NAME) is None


def test_an_ambiguous_answer_holds_the_connection(world: World) -> None:
    """No answer from a single-use provider: held, the access token stays published, one last attempt is planned."""
    world.shop.script.append(drop_after_commit)  # type: ignore[arg-type]

    assert Result.HELD == world.run().result
    record = world.stored()
    assert (Status.HELD, "ambiguous", Exemption.LAST_ATTEMPT) == (record.status, record.reason, record.exemption)
    assert record.access_expires_at is not None
    assert record.due.renew_at == record.access_expires_at - 1800
    assert ("A0", "held") == (world.document()["access_token"], world.document()["status"])


def test_the_last_attempt_finds_an_uncommitted_token_alive(world: World) -> None:
    """A held connection whose token was never spent becomes active again at its last attempt."""
    world.shop.script.append(no_answer)  # type: ignore[arg-type]
    world.run()
    world.clock.advance(WEEK // 2 - 200)

    assert Result.REFRESHED == world.run().result
    assert Status.ACTIVE == world.stored().status
    assert "active" == world.document()["status"]


def test_the_last_attempt_of_a_spent_token_asks_the_seller(world: World) -> None:
    """A held connection whose token was spent is refused once, and only then the seller is asked to come back."""
    world.shop.script.append(drop_after_commit)  # type: ignore[arg-type]
    world.run()
    world.clock.advance(WEEK // 2 - 200)

    assert Result.REAUTHORIZE == world.run().result
    assert ["R0", "R0"] == world.shop.ledger
    assert (Status.REAUTHORIZE, None) == (world.stored().status, world.stored().due.next_at)
    assert "reauthorize" == world.document()["status"]
    assert ["connection.reauthorize"] == [alert.kind for alert in world.alerts.told]


def test_a_last_attempt_without_an_answer_is_left_to_an_operator(world: World) -> None:
    """A second ambiguity is told and never repeated by the schedule."""
    world.shop.script += [drop_after_commit, no_answer]  # type: ignore[list-item]
    world.run()
    world.clock.advance(WEEK // 2 - 200)
    world.run()
    world.settle(ticks=5, every=86_400)

    assert (Status.HELD, "last_attempt_ambiguous", None) == (
        world.stored().status,
        world.stored().reason,
        world.stored().due.next_at,
    )
    assert ["connection.held"] == [alert.kind for alert in world.alerts.told]
    assert 1 == len(world.shop.ledger)


def test_an_operators_request_does_not_spend_the_last_attempt_early(world: World) -> None:
    """`refresh` without --force on a held connection presents nothing before its last attempt is due."""
    world.shop.script.append(drop_after_commit)  # type: ignore[arg-type]
    world.run()
    outcome = world.on_demand.refresh(NAME, world.budget())

    assert Result.HELD == outcome.result
    assert ["R0"] == world.shop.ledger
    assert Exemption.LAST_ATTEMPT == world.stored().exemption


def test_force_presents_a_held_token_and_says_so_first(world: World) -> None:
    """`refresh --force` writes the operator's exemption on the attempt before the token is presented again."""
    world.shop.script.append(no_answer)  # type: ignore[arg-type]
    world.run()
    seen: list[Exemption | None] = []
    world.failpoints.run_at("sent", lambda: seen.append(world.stored().attempt.exemption))  # type: ignore[union-attr]
    outcome = world.on_demand.refresh(NAME, world.budget(), force=True)

    assert Result.REFRESHED == outcome.result
    assert [Exemption.OPERATOR] == seen


def test_a_request_that_never_left_is_tried_again(world: World) -> None:
    """A refused connection is tried again inside the deadline, and the token counts as never presented."""

    def unreachable(honest: object) -> ProviderResponse:
        del honest
        raise NotSent("down")

    world.shop.script += [unreachable] * 2  # type: ignore[list-item]

    assert Result.REFRESHED == world.run().result
    assert ["R0"] == world.shop.ledger


def test_a_provider_that_is_down_leaves_no_ambiguity(world: World) -> None:
    """When no byte left until the deadline, phase and attempt are as before and it is tried later."""

    def unreachable(honest: object) -> ProviderResponse:
        del honest
        raise NotSent("down")

    world.shop.script += [unreachable] * 50  # type: ignore[list-item]

    assert Result.POSTPONED == world.run().result
    record = world.stored()
    assert (Phase.IDLE, None, Status.ACTIVE, 1) == (record.phase, record.attempt, record.status, record.failures)
    assert record.due.renew_at is not None
    assert record.due.renew_at > world.clock.now()
    world.shop.script.clear()
    world.settle(ticks=3)
    assert 2 == world.stored().generation


@fault("F20")
@pytest.mark.parametrize(
    ("retry_after", "least", "most"), [("5", 22, 38), ("soon", 22, 38), ("999999999999", 3600, 3600)]
)
def test_a_throttled_refresh_comes_later(world: World, retry_after: str, least: int, most: int) -> None:
    """429 with Retry-After is honoured and capped, changes no status, and the token may be presented again."""
    world.shop.script.append(lambda _honest: world.shop.answer({}, status=429, retry_after=retry_after))

    assert Result.POSTPONED == world.run().result
    record = world.stored()
    assert (Status.ACTIVE, Exemption.NOT_PROCESSED) == (record.status, record.exemption)
    assert record.due.renew_at is not None
    assert least <= record.due.renew_at - world.clock.now() <= most
    world.clock.advance(3601)
    assert Result.REFRESHED == world.run().result


@fault("F19")
def test_wrong_credentials_pause_the_app_and_change_no_connection(world: World) -> None:
    """`invalid app_key` pauses the app, tells its owner once, and leaves the connection active."""
    other = world.connected(ConnectionName(APP, "another"), refresh_token="RX")
    bad = lambda _honest: world.shop.answer({"code": 36009999, "message": "invalid app_key", "data": {}})  # noqa: E731
    world.shop.script += [bad, bad]
    world.run()

    assert world.apps.state(APP).paused
    assert (Status.ACTIVE, 1) == (world.stored().status, world.stored().generation)
    assert "active" == world.document()["status"]
    assert Result.PAUSED == world.run(other.name).result
    assert [] == world.shop.ledger
    assert ["app.paused"] == [alert.kind for alert in world.alerts.told]


def test_an_unknown_number_never_marks_a_connection_dead(world: World) -> None:
    """An error that no documentation explains is treated as ambiguous: held, the answer kept, nobody asked back."""
    world.shop.script.append(lambda _honest: world.shop.answer({"code": 36009004, "message": "hm", "data": {}}))
    world.run()

    assert (Status.HELD, "ambiguous") == (world.stored().status, world.stored().reason)
    assert [] == [alert for alert in world.alerts.told if alert.kind == "connection.reauthorize"]


def test_a_refusal_in_a_small_app_asks_the_seller_at_once(world: World) -> None:
    """With fewer than 20 connections no breaker can tell anything, so a refusal counts at once."""
    world.shop.alive.clear()

    assert Result.REAUTHORIZE == world.run().result
    assert Status.REAUTHORIZE == world.stored().status


def fleet(world: World, size: int) -> list[ConnectionName]:
    """Connect a fleet."""
    names = [ConnectionName(APP, f"seller-{index:03}") for index in range(size)]
    for index, name in enumerate(names):
        world.connected(name, refresh_token=f"F{index}")
    return names


def test_a_refusal_in_a_large_app_is_parked_first(world: World) -> None:
    """With 20 connections a refusal is parked, and becomes final only when the breaker's window closed untripped."""
    fleet(world, 20)
    world.shop.alive.discard("R0")

    assert Result.HELD == world.run().result
    assert (Status.HELD, "refused") == (world.stored().status, world.stored().reason)
    world.clock.advance(BREAKER_WINDOW + 2)
    assert Result.REAUTHORIZE == world.run().result
    assert ["R0"] == world.shop.ledger


@fault("F18")
def test_a_refused_fleet_trips_the_breaker(world: World) -> None:
    """When most of a fleet is refused, none is marked, the app is paused, one alarm is told."""
    names = fleet(world, 40)
    world.shop.alive -= {f"F{index}" for index in range(30)}
    world.settle(ticks=3)

    assert world.apps.state(APP).paused
    statuses = {world.stored(name).status for name in names}
    assert Status.REAUTHORIZE not in statuses
    assert 1 == len([alert for alert in world.alerts.told if alert.kind == "app.breaker_tripped"])
    world.settle(ticks=20)
    assert Status.REAUTHORIZE not in {world.stored(name).status for name in names}
    assert [] == world.shop.doubles


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"code":0,"data":{"access_token":"A1', b"\xef\xbb\xbf{}", b"[]"])
def test_an_unreadable_success_is_ambiguous_and_kept(world: World, body: bytes) -> None:
    """A 200 that cannot be read may have committed: held, and the raw bytes stay sealed aside."""
    fence: list[int] = []
    world.failpoints.run_at("sent", lambda: fence.append(world.stored().fence))
    world.shop.script.append(lambda _honest: world.shop.answer(body))
    world.run()

    assert (Status.HELD, "ambiguous") == (world.stored().status, world.stored().reason)
    assert world.connections.kept(NAME, fence=fence[0]) == "unparsed"


def patched(world: World, **fields: object) -> None:
    """Let the next honest answer come with other fields."""

    def step(honest: object) -> ProviderResponse:
        answer: ProviderResponse = honest()  # type: ignore[operator]
        body = json.loads(answer.body)
        for name, value in fields.items():
            body["data"].pop(name, None) if value is ... else body["data"].update({name: value})
        return replace(answer, body=json.dumps(body).encode())

    world.shop.script.append(step)  # type: ignore[arg-type]


def test_an_unusable_access_token_keeps_the_new_refresh_token(world: World) -> None:
    """A malformed access token is not published, but the well-formed new refresh token becomes the grant's."""
    patched(world, access_token="with\nnewline")
    world.run()

    assert "R1" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]
    assert ("A0", 1) == (world.document()["access_token"], world.document()["generation"])
    assert "answer.odd" in [alert.kind for alert in world.alerts.told]
    world.settle(ticks=3)
    assert ["R0", "R1"] == world.shop.ledger
    assert "A2" == world.document()["access_token"]


def test_an_answer_with_nothing_usable_holds(world: World) -> None:
    """Without any usable token the answer is kept and the connection held: the old token may be spent."""
    patched(world, access_token=None, refresh_token="")
    world.run()

    assert (Status.HELD, "ambiguous") == (world.stored().status, world.stored().reason)


@fault("F14")
def test_an_answer_without_a_refresh_token_keeps_the_stored_one(world: World) -> None:
    """Where none comes back, the stored refresh token is still the only credential."""
    patched(world, refresh_token=...)
    world.run()

    assert "R0" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]
    assert ("A1", 2) == (world.document()["access_token"], world.document()["generation"])


@pytest.mark.parametrize("odd", [..., 0, -1, True, "soon", 1e400, 10**14])
def test_an_odd_expiry_keeps_the_pair_with_a_sane_due_time(world: World, odd: object) -> None:
    """The pair is real, the old one dead: it is published, and due again within a day."""
    patched(world, access_token_expire_in=odd)
    world.run()

    assert "A1" == world.document()["access_token"]
    record = world.stored()
    assert record.due.renew_at is not None
    assert 0 < record.due.renew_at - world.clock.now() <= 86_400


def test_an_answer_for_another_account_reaches_no_workload(world: World) -> None:
    """Tokens of another account are kept sealed, told, and never published under this name."""
    world.shop.account = "999"
    world.run()

    assert (Status.HELD, "other_account") == (world.stored().status, world.stored().reason)
    assert "A0" == world.document()["access_token"]
    assert ["answer.other_account"] == [alert.kind for alert in world.alerts.told]


@fault("F13")
@pytest.mark.parametrize("off", [-600, 600])
def test_a_wrong_clock_shifts_no_expiry(off: int) -> None:
    """Absolute epochs count against the answer's Date: 10 minutes off, the refresh still lies at 60 to 70 percent."""
    world = World()
    world.connected()
    true_now = world.clock.now() + off

    def skewed(honest: object) -> ProviderResponse:
        world.clock.set_wall_clock(true_now)
        answer: ProviderResponse = honest()  # type: ignore[operator]
        world.clock.set_wall_clock(true_now - off)
        return replace(answer, headers={"date": formatdate(true_now, usegmt=True)}, received_at=world.clock.now())

    world.shop.script.append(skewed)  # type: ignore[arg-type]
    world.run()

    record = world.stored()
    assert true_now + WEEK == world.document()["expires_at"]
    assert record.due.renew_at is not None
    assert 0.6 * WEEK <= record.due.renew_at - world.clock.now() <= 0.7 * WEEK


def test_the_end_of_the_authorization_is_told_step_by_step(world: World) -> None:
    """30, 14, 7 and 1 days before the refresh token ends an operator is told, with the command for a new invite."""
    now = world.clock.now()
    ends = now + 31 * 86_400
    record = replace(world.stored().with_due(renew_at=None, warn_at=ends - 30 * 86_400), refresh_expires_at=ends)
    world.connections.seed(scheduled(record))
    world.settle(ticks=32, every=86_400)

    told = [alert for alert in world.alerts.told if alert.kind == "authorization.expiring"]
    assert 4 == len(told)
    assert f"tokensync invite {APP} --for {NAME}" == told[0].next_command


def test_a_message_for_comparison_repairs_a_stale_secret(world: World) -> None:
    """The secret was overwritten by a late writer: a comparison makes it equal to the grant again."""
    world.run()
    arn = world.stored().published.arn  # type: ignore[union-attr]
    world.secrets.put(arn, '{"stale": true}', token="00000000-0000-0000-0000-000000000001")

    assert Result.PUBLISHED == world.run(compare=True).result
    assert "A1" == world.document()["access_token"]


def test_a_comparison_that_finds_no_difference_writes_nothing(world: World) -> None:
    """An equal secret gets no new version."""
    world.run()
    versions = len(world.secrets.secret(NAME).versions)

    assert Result.NOTHING_DUE == world.run(compare=True).result
    assert versions == len(world.secrets.secret(NAME).versions)


def test_a_comparison_waits_for_the_present_holder(world: World) -> None:
    """A comparison asked for while somebody holds the lease comes again after it."""
    outcomes: list[bool] = []
    world.failpoints.run_at("sent", lambda: outcomes.append(world.run(compare=True).again))
    world.run()

    assert [True] == outcomes


def test_a_replay_of_the_same_publication_is_a_no_op(world: World) -> None:
    """The token of a publication derives from connection, generation and fence, so its replay writes nothing."""
    world.failpoints.raise_at("published", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    first = world.secrets.secret(NAME).current
    world.after_lease()
    world.run()

    assert first != world.secrets.secret(NAME).current
    assert "A1" == world.document()["access_token"]


def test_the_clock_of_the_tests_stands_still() -> None:
    """No test of this file waits: time is passed in."""
    clock = FakeClock()
    clock.sleep(1000)

    assert [1000] == clock.slept


def test_an_unready_connection_whose_fence_is_lost_is_left_to_its_new_holder(world: World) -> None:
    """KMS down and taken over at once: nothing is written over the new holder's record."""
    world.keys.fail_next("unwrap", SealingUnavailable)
    world.connections.before_next("write", lambda: world.connections.lease(NAME, now=world.clock.now() + 1000, until=0))

    assert Result.TAKEN_OVER == world.run().result


@fault("F17")
def test_a_settled_failure_of_a_lost_attempt_marks_nothing(world: World) -> None:
    """A refusal that arrives after a take-over does not mark the new grant."""
    world.shop.alive.clear()
    world.failpoints.run_at(
        "received",
        lambda: world.connections.lease(NAME, now=world.clock.now() + 1000, until=0, even_if_not_due=True),
    )
    world.run()

    assert Status.ACTIVE == world.stored().status


def test_a_presented_token_without_an_exemption_is_held_and_not_presented(world: World) -> None:
    """Whatever a record says is due, a token that was presented before is presented again only by exemption."""
    world.shop.script.append(drop_after_commit)  # type: ignore[arg-type]
    world.run()
    world.connections.seed(
        scheduled(replace(world.stored().with_due(renew_at=world.clock.now()), status=Status.ACTIVE, exemption=None))
    )
    world.run()

    assert ["R0"] == world.shop.ledger
    assert Status.HELD == world.stored().status


def test_fence_lost_is_never_raised_to_the_batch(world: World) -> None:
    """A take-over is no failure of the worker that was taken over."""
    world.connections.fail_next("write", FenceLost)

    assert Result.TAKEN_OVER == world.run().result


def test_an_echoed_token_is_masked_everywhere(world: World) -> None:
    """A provider that repeats the presented token in its message leaks it into no record, alert or log."""
    world.shop.script.append(
        lambda _honest: world.shop.answer(
            {"code": 36009999, "message": "invalid app_key for R0 e59af819cc A0", "data": {}}
        )
    )
    world.run()
    error = world.stored().last_error

    assert error is not None
    assert "invalid app_key for *** *** ***" == error.message
    told = repr((world.alerts.told, world.log.lines, world.apps.state(APP)))
    assert "R0" not in told
    assert "e59af819cc" not in told


def test_a_renewal_without_a_stated_life_is_due_again(world: World) -> None:
    """A token that can be refreshed never counts as endless, whatever its answer leaves out."""
    patched(world, access_token_expire_in=..., refresh_token=...)
    world.run()

    assert world.stored().due.renew_at is not None
