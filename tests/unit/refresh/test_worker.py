"""The refresh protocol, step by step and failure by failure, asserted from the provider's ledger and the stores."""

from __future__ import annotations

import threading
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from fakes.troubles import (
    Honest,
    Step,
    alerts,
    answers,
    dropped,
    kill,
    patched,
    refresh_token,
    refuse_answers,
    spoil,
    state,
    take_over,
    unsent,
    vanished,
)
from fakes.world import APP, NAME, WEEK, World
from fault_rows import fault
from tokensync.domain.connection import Exemption, Phase, Status
from tokensync.domain.errors import (
    PublishUnavailable,
    SealingUnavailable,
    StoreUnavailable,
    UnknownConnection,
)
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import Work
from tokensync.refresh.result import Result
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse

REFRESHED = (Status.ACTIVE, "A1", ["R0"])


def test_a_due_connection_is_refreshed_and_published(world: World) -> None:
    """One lease brings a new pair into the grant and its access token into the secret, under one new number."""
    assert Result.REFRESHED == world.run().result
    record, document = world.stored(), world.document()

    assert REFRESHED == state(world)
    assert (2, 2, Phase.IDLE, None) == (record.generation, record.allocated, record.phase, record.lease_until)
    assert ("R1", 2, "active") == (refresh_token(world), document["generation"], document["status"])
    assert record.published is not None
    assert world.secrets.secret(NAME).current == record.published.version_id
    # The shops were fetched at connect and are not fetched again.
    assert "7000714532876273420" == document["account"]["shops"][0]["id"]
    assert record.due.renew_at is not None
    assert 0.6 * WEEK <= record.due.renew_at - world.clock.now() <= 0.7 * WEEK
    assert record.due.refresh_at == record.due.next_at
    assert ["leased", "sent", "answered", "received", "published", "committed"] == world.failpoints.seen
    # A second message makes no call.
    assert (Result.LEASED_ELSEWHERE, ["R0"]) == (world.run().result, world.shop.ledger)


def test_an_unknown_connection_is_an_error(world: World) -> None:
    """A message for a connection that nobody stored raises by name."""
    with pytest.raises(UnknownConnection):
        world.run(ConnectionName(APP, "nobody"))


def test_the_raw_answer_is_durable_before_it_is_published(world: World) -> None:
    """At `received` the record holds the sealed answer and the secret still holds the old token."""
    seen = []
    world.failpoints.run_at("received", lambda: seen.append((world.stored(), world.document()["access_token"])))
    world.run()

    ((record, token),) = seen
    assert (Phase.RECEIVED, True, "A0") == (record.phase, record.sealed_answer is not None, token)
    assert world.stored().sealed_answer is None


@fault("F1", "F2", "F3")
@pytest.mark.parametrize("place", ["leased", "sent", "answered", "received", "published", "committed"])
def test_killed_anywhere_the_next_worker_ends_right(world: World, place: str) -> None:
    """Killed at any step, the connection is refreshed once, or held where nobody can know; never dead."""
    kill(world, place)
    first = world.secrets.secret(NAME).current
    world.settle(ticks=3)

    record, document = world.stored(), world.document()
    assert (None, []) == (record.lease_until, world.shop.doubles)
    if place in ("sent", "answered"):
        assert (Status.HELD, "ambiguous", Exemption.LAST_ATTEMPT) == (record.status, record.reason, record.exemption)
        assert ("A0", "held") == (document["access_token"], document["status"])
    else:
        assert REFRESHED == state(world)
        assert document["generation"] == record.generation
        # The next holder's publication is a version of its own.
        assert (first == world.secrets.secret(NAME).current) is (place == "committed")


@pytest.mark.parametrize(("asked", "again"), [({}, False), ({"compare": True}, True), ({"push": True}, True)])
def test_the_lease_excludes_a_second_worker(world: World, asked: dict[str, bool], *, again: bool) -> None:
    """While one holds the lease, another does nothing; a message for more than a refresh comes again after it."""
    results = []
    work = Work(connection=NAME, **asked)
    world.failpoints.run_at("sent", lambda: results.append(world.worker.run(work, world.session(), world.budget())))
    world.run()

    assert [(Result.LEASED_ELSEWHERE, again)] == [(result.result, result.again) for result in results]
    assert ["R0"] == world.shop.ledger


def test_the_lease_outlives_the_function(world: World) -> None:
    """The lease lasts for the function's whole remaining life and five seconds more."""
    until: list[int | None] = []
    world.failpoints.run_at("leased", lambda: until.append(world.stored().lease_until))
    world.run()

    assert [world.clock.now() + 60 + 5] == until


def test_twenty_four_workers_make_one_call(world: World) -> None:
    """A race of two dozen threads for one due connection presents its token once."""
    barrier = threading.Barrier(24)
    threads = [threading.Thread(target=lambda: (barrier.wait(), world.run())) for _ in range(24)]
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
    result = world.run()

    assert (Result.NO_TIME, True) == (result.result, result.again)
    assert ([], None) == (world.shop.ledger, world.stored().lease_until)


# --- the key service


@fault("F6")
def test_a_key_disabled_after_the_answer_loses_nothing(world: World) -> None:
    """KMS down after the request: the data key was in hand, so the new pair is stored and published all the same."""
    world.failpoints.run_at("answered", lambda: setattr(world.keys, "enabled", False))

    assert Result.REFRESHED == world.run().result
    assert "A1" == world.document()["access_token"]


@fault("F6")
def test_an_answer_waits_sealed_while_the_key_is_disabled(world: World) -> None:
    """A stored answer that cannot be opened is kept, and published when the key is enabled again."""
    kill(world, "received")
    world.keys.enabled = False
    assert Result.POSTPONED == world.run().result
    world.keys.enabled = True
    world.after_lease()

    assert Result.REFRESHED == world.run().result
    assert REFRESHED == state(world)


# --- the fence


@pytest.mark.parametrize("key", ["up", "down"])
def test_a_fence_that_is_lost_before_the_request_spends_nothing(world: World, key: str) -> None:
    """A worker that was taken over before SENT, or as it gives up, presents nothing and disturbs no new holder."""
    if key == "down":
        world.keys.fail_next("unwrap", SealingUnavailable)
    world.connections.before_next("write", lambda: take_over(world))

    assert (Result.TAKEN_OVER, []) == (world.run().result, world.shop.ledger)


def test_a_lost_fence_at_received_keeps_the_answer_aside(world: World) -> None:
    """An answer that comes after a take-over is kept as superseded and never published."""
    fence: list[int] = []
    world.failpoints.run_at("answered", lambda: (fence.append(world.stored().fence), take_over(world)))

    assert Result.TAKEN_OVER == world.run().result
    assert world.connections.aside(NAME, fence=fence[0]) is not None
    assert "A0" == world.document()["access_token"]


def test_a_lost_fence_after_publishing_queues_a_comparison(world: World) -> None:
    """Who lost the fence after publishing asks the next holder to make the secret equal to the newest grant."""
    world.failpoints.run_at("published", lambda: take_over(world, until=world.clock.now() - 1))

    assert Result.TAKEN_OVER == world.run().result
    assert [Work(connection=NAME, compare=True)] == world.queue.works


@fault("F17")
def test_a_settled_failure_of_a_lost_attempt_marks_nothing(world: World) -> None:
    """A refusal that arrives after a take-over does not mark the new grant."""
    world.shop.alive.clear()
    world.failpoints.run_at("received", lambda: take_over(world))
    world.run()

    assert Status.ACTIVE == world.stored().status


# --- the table and Secrets Manager


@fault("F8")
@pytest.mark.parametrize("acknowledged", [False, True], ids=["refused", "committed in silence"])
def test_the_table_down_after_the_answer_loses_nothing(world: World, *, acknowledged: bool) -> None:
    """Where RECEIVED is not acknowledged, the answer is on the record or aside, and the next holder publishes it."""
    world.failpoints.run_at(
        "answered", lambda: world.connections.fail_next("write", StoreUnavailable, after_commit=acknowledged)
    )
    result = world.run()
    assert (Result.KEPT, True, True) == (result.result, result.again, result.backpressure)
    world.after_lease()

    assert Result.REFRESHED == world.run().result
    assert REFRESHED == state(world)


def test_an_answer_that_nothing_takes_is_told(world: World) -> None:
    """When table and queue are down until the function ends, an alert says which answer was lost."""
    refuse_answers(world, times=10_000)
    world.queue.refuse = lambda _work: True
    world.run()

    assert ["answer.lost"] == alerts(world)


def test_a_mark_that_nobody_acknowledged_is_taken_back(world: World) -> None:
    """Nothing was presented under it, so the next worker refreshes, and holds nothing."""
    world.connections.fail_next("write", StoreUnavailable, after_commit=True)
    with pytest.raises(StoreUnavailable):
        world.run()
    record = world.stored()
    assert ([], Phase.IDLE, None, None) == (world.shop.ledger, record.phase, record.attempt, record.lease_until)

    assert Result.REFRESHED == world.run().result
    assert ["R0"] == world.shop.ledger


def test_a_mark_that_cannot_be_taken_back_stays(world: World) -> None:
    """The table down for longer leaves the mark, and nobody but its process knew that nothing was presented."""
    world.connections.fail_next("write", StoreUnavailable, after_commit=True)
    world.connections.fail_next("write", StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        world.run()
    world.after_lease()
    world.run()

    assert (Status.HELD, "ambiguous", []) == (world.stored().status, world.stored().reason, world.shop.ledger)


@fault("F4")
@pytest.mark.parametrize("committed", [False, True], ids=["throttled", "answer lost"])
def test_a_publication_that_failed_is_made_up_for(world: World, *, committed: bool) -> None:
    """The grant is committed at once, the secret written later from it, and the provider is not asked again."""
    world.secrets.fail_next("put", PublishUnavailable, after_commit=committed)
    result = world.run()
    assert (Result.REFRESHED, True) == (result.result, result.backpressure)
    assert ("A1" if committed else "A0") == world.document()["access_token"]
    world.settle(ticks=3)

    record = world.stored()
    assert REFRESHED == state(world)
    assert record.published is not None
    assert (record.generation, world.secrets.secret(NAME).current) == (
        record.published.generation,
        record.published.version_id,
    )


def test_a_message_for_comparison_repairs_a_stale_secret(world: World) -> None:
    """A comparison makes an overwritten secret equal to the grant again; an equal one gets no new version."""
    world.run()
    spoil(world)

    assert Result.PUBLISHED == world.run(compare=True).result
    written = len(world.secrets.secret(NAME).versions)
    assert "A1" == world.document()["access_token"]
    assert Result.NOTHING_DUE == world.run(compare=True).result
    assert written == len(world.secrets.secret(NAME).versions)


# --- ambiguity and the last attempt


def test_an_ambiguous_answer_holds_the_connection(world: World) -> None:
    """No answer from a single-use provider: held, the access token stays published, one last attempt is planned."""
    world.shop.script.append(dropped)

    assert Result.HELD == world.run().result
    record = world.stored()
    assert (Status.HELD, "ambiguous", Exemption.LAST_ATTEMPT) == (record.status, record.reason, record.exemption)
    assert record.due.renew_at == (record.access_expires_at or 0) - 1800
    assert ("A0", "held") == (world.document()["access_token"], world.document()["status"])


@pytest.mark.parametrize(
    ("steps", "status", "reason", "ledger", "told"),
    [
        ([vanished], Status.ACTIVE, "", ["R0"], []),
        ([dropped], Status.REAUTHORIZE, "refused", ["R0", "R0"], ["connection.reauthorize"]),
        ([dropped, vanished], Status.HELD, "last_attempt_ambiguous", ["R0"], ["connection.held"]),
    ],
    ids=["alive", "spent", "unanswered"],
)
def test_the_last_attempt_decides(
    world: World, *, steps: list[Step], status: Status, reason: str, ledger: list[str], told: list[str]
) -> None:
    """A token that is alive is refreshed, a spent one ends with its seller; after a second silence nothing is asked."""
    world.shop.script += steps
    world.run()
    world.clock.advance(WEEK // 2 - 200)
    world.run()
    record = world.stored()

    assert (status, reason) == (record.status, record.reason)
    assert (status.value, ledger, told) == (world.document()["status"], world.shop.ledger, alerts(world))
    assert (record.due.renew_at is None) is (status is not Status.ACTIVE)
    if status is not Status.ACTIVE:
        world.settle(ticks=5, every=86_400)
        assert ledger == world.shop.ledger


def test_an_operators_request_does_not_spend_the_last_attempt_early(world: World) -> None:
    """`refresh` without --force on a held connection presents nothing before its last attempt is due."""
    world.shop.script.append(dropped)
    world.run()

    assert Result.HELD == world.on_demand.refresh(NAME, world.budget()).result
    assert (["R0"], Exemption.LAST_ATTEMPT) == (world.shop.ledger, world.stored().exemption)


def test_force_presents_a_held_token_and_says_so_first(world: World) -> None:
    """`refresh --force` writes the operator's exemption on the attempt before the token is presented again."""
    world.shop.script.append(vanished)
    world.run()
    seen = []
    world.failpoints.run_at("sent", lambda: seen.append(world.stored().attempt))

    assert Result.REFRESHED == world.on_demand.refresh(NAME, world.budget(), force=True).result
    assert [Exemption.OPERATOR] == [attempt.exemption for attempt in seen if attempt]


def test_a_presented_token_without_an_exemption_is_held_and_not_presented(world: World) -> None:
    """Whatever a record says is due, a token that was presented before is presented again only by exemption."""
    world.shop.script.append(dropped)
    world.run()
    due = world.stored().with_due(renew_at=world.clock.now())
    world.connections.seed(scheduled(replace(due, status=Status.ACTIVE, exemption=None)))
    world.run()

    assert (["R0"], Status.HELD) == (world.shop.ledger, world.stored().status)


# --- what the provider says


def test_a_request_that_never_left_is_tried_again(world: World) -> None:
    """A refused connection is tried again inside the deadline, and the token counts as never presented."""
    world.shop.script += [unsent] * 2

    assert Result.REFRESHED == world.run().result
    assert ["R0"] == world.shop.ledger


def test_a_provider_that_is_down_leaves_no_ambiguity(world: World) -> None:
    """When no byte left until the deadline, phase and attempt are as before and it is tried later."""
    world.shop.script += [unsent] * 50

    assert Result.POSTPONED == world.run().result
    record = world.stored()
    assert (Phase.IDLE, None, Status.ACTIVE, 1) == (record.phase, record.attempt, record.status, record.failures)
    assert (record.due.renew_at or 0) > world.clock.now()
    world.shop.script.clear()
    world.settle(ticks=3)
    assert 2 == world.stored().generation


@fault("F19")
def test_what_the_provider_repeats_of_wrong_credentials_is_masked(world: World) -> None:
    """Tokens and the client secret reach no alert, no log, no record and not the app's state."""
    said = {"code": 36009999, "message": "invalid app_key R0 e59af819cc A0"}
    world.shop.script.append(answers(world, said))
    world.on_demand.refresh(NAME, world.budget())

    assert "36009999 invalid app_key *** *** ***" == world.apps.state(APP).paused
    assert (Status.ACTIVE, "active", ["app.paused"]) == (
        world.stored().status, world.document()["status"], alerts(world)
    )  # fmt: skip
    error = world.stored().last_error
    assert error is not None
    assert "invalid app_key *** *** ***" == error.message
    shown = repr((world.alerts.told, world.log.lines, world.apps.state(APP)))
    assert not [secret for secret in ("R0", "e59af819cc") if f" {secret}" in shown]


def test_a_success_without_any_token_holds_the_connection(world: World) -> None:
    """The token may be spent: held, the answer kept, and no seller asked back."""
    world.shop.script.append(answers(world, {"code": 0, "data": {"access_token": None, "refresh_token": ""}}))
    world.run()

    assert (Status.HELD, "ambiguous") == (world.stored().status, world.stored().reason)
    assert "connection.reauthorize" not in alerts(world)


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"code":0,"data":{"access_token":"A1', b"\xef\xbb\xbf{}", b"[]"])
def test_an_unreadable_success_is_ambiguous_and_kept(world: World, body: bytes) -> None:
    """A 200 that cannot be read may have committed: held, and the raw bytes stay sealed aside."""
    fence: list[int] = []
    world.failpoints.run_at("sent", lambda: fence.append(world.stored().fence))
    world.shop.script.append(answers(world, body))
    world.run()

    assert (Status.HELD, "ambiguous") == (world.stored().status, world.stored().reason)
    assert "unparsed" == world.connections.kept(NAME, fence=fence[0])


def test_an_unusable_access_token_keeps_the_new_refresh_token(world: World) -> None:
    """A malformed access token is not published, but the well-formed new refresh token becomes the grant's."""
    world.shop.script.append(patched(access_token="with\nnewline"))
    world.run()

    assert ("R1", "A0", 1) == (refresh_token(world), world.document()["access_token"], world.document()["generation"])
    assert "answer.odd" in alerts(world)
    world.settle(ticks=3)
    assert (Status.ACTIVE, "A2", ["R0", "R1"]) == state(world)


@fault("F14")
@pytest.mark.parametrize("fields", [{}, {"access_token_expire_in": ...}], ids=["", "nor a life"])
def test_an_answer_without_a_refresh_token_keeps_the_stored_one(world: World, fields: dict[str, Any]) -> None:
    """The stored refresh token is still the only credential, and what it can refresh never counts as endless."""
    world.shop.script.append(patched(refresh_token=..., **fields))
    world.run()

    assert ("R0", "A1", 2) == (refresh_token(world), world.document()["access_token"], world.document()["generation"])
    assert world.stored().due.renew_at is not None


@pytest.mark.parametrize("odd", [..., 0, -1, True, "soon", 1e400, 10**14])
def test_an_odd_expiry_keeps_the_pair_with_a_sane_due_time(world: World, odd: object) -> None:
    """The pair is real, the old one dead: it is published, and due again within a day, with a refresh token or not."""
    world.shop.script.append(patched(access_token_expire_in=odd))
    world.run()

    assert "A1" == world.document()["access_token"]
    assert 0 < (world.stored().due.renew_at or 0) - world.clock.now() <= 86_400


def test_an_answer_for_another_account_reaches_no_workload(world: World) -> None:
    """Tokens of another account are kept sealed, told, and never published under this name."""
    world.shop.account = "999"
    world.run()

    assert (Status.HELD, "other_account") == (world.stored().status, world.stored().reason)
    assert ("A0", ["answer.other_account"]) == (world.document()["access_token"], alerts(world))


@fault("F13")
@pytest.mark.parametrize("off", [-600, 600])
def test_a_wrong_clock_shifts_no_expiry(world: World, off: int) -> None:
    """Absolute epochs count against the answer's Date: 10 minutes off, the refresh still lies at 60 to 70 percent."""
    true_now = world.clock.now() + off

    def skewed(honest: Honest) -> ProviderResponse:
        world.clock.set_wall_clock(true_now)
        answer = honest()
        world.clock.set_wall_clock(true_now - off)
        return replace(answer, headers={"date": formatdate(true_now, usegmt=True)}, received_at=world.clock.now())

    world.shop.script.append(skewed)
    world.run()

    assert true_now + WEEK == world.document()["expires_at"]
    assert 0.6 * WEEK <= (world.stored().due.renew_at or 0) - world.clock.now() <= 0.7 * WEEK


def test_the_end_of_the_authorization_is_told_step_by_step(world: World) -> None:
    """30, 14, 7 and 1 days before the refresh token ends an operator is told, with the command for a new invite."""
    ends = world.clock.now() + 31 * 86_400
    record = replace(world.stored().with_due(renew_at=None, warn_at=ends - 30 * 86_400), refresh_expires_at=ends)
    world.connections.seed(scheduled(replace(record, access_expires_at=None)))
    world.settle(ticks=32, every=86_400)

    told = [alert.next_command for alert in world.alerts.told if alert.kind == "authorization.expiring"]
    assert (4, f"tokensync invite {APP} --for {NAME}") == (len(told), told[0])
