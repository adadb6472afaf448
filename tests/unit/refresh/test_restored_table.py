"""A table restored from a backup: nothing that may be spent is presented, and no older token comes over a newer one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.troubles import ask, at_its_time, kill, patched, state, unplaced, vanished, versions, work_on
from fakes.visitors import Browser
from fakes.world import APP, NAME, WEEK, World
from fault_rows import fault
from tokensync.domain.connection import Attempt, Exemption, Phase, Reason, Status
from tokensync.domain.errors import PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.sealing import answer_binding
from tokensync.domain.work import Work
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.connection import Connection

OTHER = ConnectionName(APP, "other-account")


@pytest.fixture
def world(world: World) -> World:
    """A stack with one connection whose refresh is due now, in a table that knows where it comes from."""
    world.origin.restored()
    return world


def nothing() -> None:
    """Let nothing happen."""


def roll_back(
    world: World, meanwhile: Callable[[], object] = nothing, *, later: int = 86_400
) -> tuple[dict[str, str], str | None]:
    """Back the table up, let something happen, and restore it a day later; return what the secret holds."""
    backup = world.table.backup()
    meanwhile()
    world.clock.advance(later)
    world.table.restore(backup)
    return versions(world)


def weeks(world: World, count: int = 5) -> None:
    """Let the connection be refreshed again and again, and compared in between."""
    for _ in range(count):
        world.run()
        world.run(compare=True)
        world.clock.advance(WEEK)


def visit(world: World, query: str | None = None, back: str = "code=code-1") -> Browser:
    """Let a seller authorize."""
    browser = Browser(world)
    browser.connect(query)
    browser.back(back)
    return browser


def set_aside(world: World, body: bytes) -> None:
    """Let an answer to the first presentation be kept aside."""
    answer = world.shop.answer(body)
    sealed = world.sealer.new_key(APP).seal(answer.to_bytes(), binding=answer_binding(NAME))
    world.connections.set_aside(NAME, fence=4, why="unplaced", sealed=sealed, now=world.clock.now())


def sent(world: World) -> None:
    """Let a worker die after its request was answered."""
    kill(world, "answered")


def told(world: World) -> list[tuple[str, str]]:
    """Return the alerts with their next commands."""
    return [(alert.kind, alert.next_command) for alert in world.alerts.told]


@fault("F16")
def test_a_grant_older_than_what_is_published_is_quarantined(world: World) -> None:
    """Nothing is presented for weeks, not even by force, the secret stays as it was, and the operator is alerted."""
    before = roll_back(world, world.run)

    assert Result.HELD is world.run().result
    record = world.stored()
    assert (Status.QUARANTINED, Reason.RESTORED_TABLE, None) == (record.status, record.reason, record.due.next_at)
    assert [
        ("table.restored", "tokensync recover"),
        ("connection.quarantined", f"tokensync invite {APP} --for {NAME}"),
    ] == told(world)
    world.settle(ticks=5)
    world.run(compare=True)
    world.run(force=True)
    world.clock.advance(3 * WEEK)
    world.settle(ticks=5)
    assert (["R0"], before) == (world.shop.ledger, versions(world))


def test_a_connection_unchanged_since_the_backup_goes_on(world: World) -> None:
    """Its secret says that nothing newer came: it is refreshed under new numbers, and not asked about again."""
    roll_back(world)
    assert world.stored().table is None

    assert Result.REFRESHED is world.run().result
    record, now = world.stored(), world.clock.now()
    assert (Status.ACTIVE, "A1", ["R0"]) == state(world)
    assert world.table.id == record.table
    assert now < record.generation == record.allocated == world.document()["generation"]
    assert now <= record.fence
    looked = world.secrets.calls["current_version"]
    world.clock.advance(WEEK)
    world.run()
    assert looked == world.secrets.calls["current_version"]
    assert (record.generation + 1, record.fence + 1) == (world.stored().generation, world.stored().fence)


def test_a_table_that_was_never_restored_costs_nothing(world: World) -> None:
    """No look at the secret, no field on the record, no word to anybody."""
    world.run()

    assert (0, 0) == (world.secrets.calls["current_version"], world.origin.calls["notice"])
    assert (None, []) == (world.stored().table, told(world))


def test_many_connections_and_one_word_of_the_table(world: World) -> None:
    """Each connection is judged for itself; that the table was restored is told once."""
    world.connected(OTHER, refresh_token="S0")
    roll_back(world, lambda: world.run(OTHER))
    results = [world.run(name).result for name in (OTHER, NAME, OTHER)]

    assert [Result.HELD, Result.REFRESHED] == results[:2]
    assert ["table.restored", "connection.quarantined"] == [kind for kind, _ in told(world)]


def test_a_second_restore_is_another_table(world: World) -> None:
    """What was judged in the first restored table is judged anew in the second, and that one is told too."""
    roll_back(world)
    world.run()
    world.clock.advance(WEEK)
    before = roll_back(world, world.run)

    assert Result.HELD is world.run().result
    assert (["R0", "R1"], before) == (world.shop.ledger, versions(world))
    assert ["table.restored", "table.restored", "connection.quarantined"] == [kind for kind, _ in told(world)]


# --- unfinished attempts


def test_an_attempt_whose_end_nobody_knows_is_quarantined(world: World) -> None:
    """Sent before the backup: it may have been repeated since, whatever its provider says of one more time."""
    sent(world)
    before = roll_back(world)

    assert Result.HELD is world.run().result
    assert (["R0"], before, Status.QUARANTINED) == (world.shop.ledger, versions(world), world.stored().status)


def test_a_held_connection_gets_no_second_last_attempt(world: World) -> None:
    """Its last attempt may have been made since the backup, and nobody knows."""
    record = world.stored()
    assert record.published is not None
    attempt = Attempt(id="a", fence=3, at=world.clock.now())
    held = replace(
        record, status=Status.HELD, reason=Reason.AMBIGUOUS, published=replace(record.published, status=Status.HELD)
    )
    world.connections.seed(replace(held, attempt=attempt, exemption=Exemption.LAST_ATTEMPT))
    roll_back(world)
    world.clock.advance(WEEK)

    assert (Result.HELD, []) == (world.run().result, world.shop.ledger)
    assert Status.QUARANTINED is world.stored().status


@pytest.mark.parametrize("place", ["received", "committed"])
def test_a_stored_answer_that_was_never_published_is_published(world: World, place: str) -> None:
    """It was in the backup, and the secret says that it did not get there: it does now, without the provider."""
    kill(world, "received")
    if place == "committed":
        world.secrets.fail_next("put", PublishUnavailable)
        world.run()
    roll_back(world)
    world.run()

    assert (Status.ACTIVE, "A1", ["R0"]) == state(world)


def test_an_answer_that_was_kept_aside_is_published(world: World) -> None:
    """It was kept without a place before the backup: the attempt's outcome is known."""
    sent(world)
    set_aside(world, world.shop.token("R1").body)
    roll_back(world)

    assert (Result.REFRESHED, "A2") == (world.run().result, world.document()["access_token"])


def presented_twice(world: World) -> None:
    """Let the token's first answer be lost, and its last attempt get none."""
    sent(world)
    world.run()
    at_its_time(world)
    world.shop.script.append(vanished)
    world.run()
    world.after_lease()
    attempt = world.stored().attempt
    assert attempt is not None
    assert (4,) == attempt.earlier


@fault("F16")
@pytest.mark.parametrize("key", ["up", "down"])
def test_an_answer_to_an_earlier_presentation_is_published(world: World, key: str) -> None:
    """It was aside when the backup was made: its tokens are the newest, and wait where KMS cannot open them now."""
    presented_twice(world)
    set_aside(world, world.shop.token("R1").body)
    roll_back(world)
    if key == "down":
        world.keys.enabled = False
        assert Result.POSTPONED is world.run(compare=True).result
        world.keys.enabled = True
        world.settle(ticks=10)
    else:
        assert Result.REFRESHED is world.run(compare=True).result

    assert (Status.ACTIVE, "A2", ["R0", "R1"]) == state(world)


def test_an_earlier_refusal_says_nothing_of_the_last_attempt(world: World) -> None:
    """Of an earlier presentation only tokens count: how the last one ended nobody knows."""
    presented_twice(world)
    set_aside(world, json.dumps({"code": 36004005, "message": "no", "data": None, "request_id": "t"}).encode())
    roll_back(world)

    assert (Result.HELD, Status.QUARANTINED) == (world.run(compare=True).result, world.stored().status)


def test_a_stored_answer_does_not_come_over_a_newer_token(world: World) -> None:
    """The backup holds an answer that was finished since: it is kept under a final reason, and never published."""
    kill(world, "received")
    before = roll_back(world, lambda: weeks(world, 2))
    result = world.run()
    record = world.stored()

    assert (Result.HELD, Phase.IDLE, None) == (result.result, record.phase, record.sealed_answer)
    assert Reason.RESTORED_TABLE == world.connections.kept(NAME, fence=4)
    world.settle(ticks=3)
    assert before == versions(world)


def test_an_old_message_with_an_answer_is_not_published(world: World) -> None:
    """A sealed answer in the queue outlived the table: the connection is quarantined, and stays so."""
    sent(world)
    before = roll_back(world, lambda: [world.run(), world.clock.advance(WEEK), world.run(force=True)])
    sealed = world.sealer.new_key(APP).seal(world.shop.token("R1").to_bytes(), binding=answer_binding(NAME))
    world.queue.send([Work(connection=NAME, answer=sealed, fence=4)])
    world.drain()
    world.drain()
    world.settle(ticks=3)

    assert (before, Status.QUARANTINED) == (versions(world), world.stored().status)


# --- what the secret says


@pytest.mark.parametrize("gone", ["never published", "removed since"])
def test_a_connection_without_a_published_token_is_quarantined(world: World, gone: str) -> None:
    """Nothing says what became of its refresh token, or somebody ended it after the backup."""
    if gone == "never published":
        world.connections.seed(replace(world.stored(), published=None, obtained_at=None))
    roll_back(world, nothing if gone == "never published" else lambda: ask(world, "remove"))

    assert (Result.HELD, []) == (world.run().result, world.shop.ledger)
    assert Status.QUARANTINED is world.stored().status


@pytest.mark.parametrize("returned", [False, True])
def test_a_removal_that_began_before_the_backup_is_finished(world: World, *, returned: bool) -> None:
    """Its secret is on its way out, as was meant; one that the account brought back since is not deleted."""
    kill(world, "deleted", lambda: ask(world, "remove"))
    if not returned:
        roll_back(world)
        assert Result.REMOVED is world.run(compare=True).result
        return
    browser = Browser(world)
    browser.connect()
    before = roll_back(world, browser.back)
    world.run(compare=True)
    assert (before, "A1") == (versions(world), world.document()["access_token"])


def test_a_secrets_manager_that_is_down_postpones_the_judgement(world: World) -> None:
    """Nothing is presented before the secret was seen."""
    roll_back(world, world.run)
    world.secrets.fail_next("current_version", PublishUnavailable)
    first = world.run()
    world.clock.advance(3600)

    assert (Result.POSTPONED, True) == (first.result, first.backpressure)
    assert (Result.HELD, ["R0"]) == (world.run().result, world.shop.ledger)


@pytest.mark.parametrize("writes", [0, 1])
def test_a_judgement_that_was_killed_is_made_again(world: World, writes: int) -> None:
    """Between the numbers and the judgement the next holder begins anew."""
    roll_back(world, world.run)
    for _ in range(writes):
        world.connections.before_next("write", nothing)
    world.connections.fail_next("write", KeyboardInterrupt("killed"), times=1, after_commit=True)
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()
    world.run()

    assert (["R0"], Status.QUARANTINED) == (world.shop.ledger, world.stored().status)


def test_a_table_whose_origin_is_unknown_is_left_alone(world: World) -> None:
    """Nothing is leased, nothing presented, and the message comes again."""
    world.origin.fail_next("restored", StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        world.run()

    assert (0, []) == (world.connections.calls["lease"], world.shop.ledger)


# --- the seller's return


def test_a_new_authorization_mends_it(world: World) -> None:
    """The command that was told leads to an active connection, above every number that readers saw."""
    roll_back(world, lambda: weeks(world))
    used, seen = set(versions(world)[0]), world.document()["generation"]
    world.run()
    visit(world, world.invite(for_account=NAME.account))
    record = world.stored()

    assert (Status.ACTIVE, "", world.table.id) == (record.status, record.reason, record.table)
    assert seen < world.document()["generation"] == record.generation
    assert versions(world)[1] not in used
    assert [] == world.shop.doubles


@pytest.mark.parametrize("looked", [False, True])
def test_an_authorization_of_what_nobody_looked_at_yet(world: World, *, looked: bool) -> None:
    """The seller comes before any worker: the numbers are above all that was used all the same."""
    roll_back(world, world.run)
    if looked:
        world.run()
    seen = world.document()["generation"]
    visit(world)

    assert seen < world.document()["generation"]
    assert (Status.ACTIVE, "A2", ["R0", "code-1"]) == state(world)
    world.clock.advance(WEEK)
    assert Result.REFRESHED is world.run().result


def test_an_account_that_connected_after_the_backup(world: World) -> None:
    """The table does not know it, its secret is there: the next authorization writes it, under a higher number."""
    world.shop.account = OTHER.account

    def connects_and_refreshes() -> None:
        visit(world, world.invite(id="first"))
        world.clock.advance(WEEK)
        world.run(OTHER)

    roll_back(world, connects_and_refreshes)
    arn, seen = world.secrets.secret(OTHER).arn, world.document(OTHER)["generation"]
    visit(world, world.invite(id="second"), "code=code-2")

    assert (arn, Status.ACTIVE) == (world.secrets.secret(OTHER).arn, world.stored(OTHER).status)
    assert seen < world.document(OTHER)["generation"]


def test_a_code_of_before_is_not_presented_again(world: World) -> None:
    """The table forgot that the code was presented: a seller who repeats the callback is asked to begin anew."""
    browser = Browser(world)
    browser.connect()
    before = roll_back(world, browser.back, later=60)

    assert (303, ["code-1"], before) == (browser.back().status, world.shop.ledger, versions(world))
    assert "start again" in browser.result().body.lower()


def test_an_answer_of_before_is_not_finished(world: World) -> None:
    """A callback died before the backup, and its answer was finished after it: not a second time."""
    browser = Browser(world)
    browser.connect()
    kill(world, "exchange.received", browser.back)

    def finished() -> None:
        world.settle(ticks=3)
        world.clock.advance(WEEK)
        world.settle(ticks=3)

    before = roll_back(world, finished)
    world.settle(ticks=3)

    assert (before, []) == (versions(world), world.shop.doubles)
    assert "authorization.unusable" in [kind for kind, _ in told(world)]


@fault("F16")
@pytest.mark.parametrize(
    ("backup", "way"),
    [("before", "queue"), ("begun", "queue"), ("consumed", "queue"), ("before", "recover"), ("begun", "recover")],
)
def test_an_answer_to_a_code_outlives_the_table(backup: str, way: str) -> None:
    """A sealed message or a dead letter keeps it: nobody gave it a place, and it becomes a connection."""
    world = World()
    world.origin.restored()
    browser = Browser(world)
    backups = {"before": world.table.backup()}
    browser.connect()
    backups["begun"] = world.table.backup()
    world.failpoints.run_at("exchange.sent", lambda: backups.update(consumed=world.table.backup()))
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    assert 503 == browser.back().status
    if way == "recover":
        world.dead_letters.bury(*(work.to_json() for work in world.queue.drain()))
    world.table.restore(backups[backup])
    if way == "recover":
        answer = world.commands.answer({"tokensync": "recover"}, world.budget())
        assert (["queued"], []) == ([one["result"] for one in answer["found"]], world.dead_letters.bodies)
    else:
        world.after_lease()
    world.drain()
    world.settle(ticks=3)

    assert (Status.ACTIVE, "A1", ["code-1"]) == state(world)
    assert (303, ["code-1"]) == (browser.back().status, world.shop.ledger)


def test_garbage_does_not_ask_where_the_table_comes_from(world: World) -> None:
    """A request that no signature of ours covers costs nothing."""
    asked = world.origin.calls["restored"]
    browser = Browser(world)
    browser.connect("invite=forged")
    browser.arrive("code=c&state=forged")

    assert asked == world.origin.calls["restored"]


# --- what operators ask for


@pytest.mark.parametrize(
    ("command", "more"),
    [("refresh", {}), ("refresh", {"force": True}), ("publish", {}), ("verify", {}), ("push", {"to": "api2cart"})],
)
@pytest.mark.parametrize("seen", [True, False])
def test_no_command_publishes_or_presents_it(
    world: World, command: str, more: dict[str, object], *, seen: bool
) -> None:
    """Seen as quarantined or not yet: the command says so, and names what mends it."""
    world.apps.update(replace(world.app, settings={"push": "api2cart"}))
    before = roll_back(world, world.run)
    if seen:
        world.run()
    answer = ask(world, command, **more)

    error = answer["error"]
    assert (False, 4, f"tokensync invite {APP} --for {NAME}") == (answer["ok"], answer["exit"], error["next"])
    assert "backup" in error["message"]
    assert (["R0"], before) == (world.shop.ledger, versions(world))


def test_it_can_be_removed(world: World) -> None:
    """An operator who does not want it any more says so."""
    roll_back(world, world.run)

    assert (True, "removed") == ((answer := ask(world, "remove"))["ok"], answer["result"])


def test_an_import_does_not_bring_the_old_token_back(world: World) -> None:
    """A refresh token is brought in its place: readers keep the newer access token until that is proved."""
    roll_back(world, world.run)
    seen = world.document()
    world.shop.script.append(vanished)
    world.shop.alive.add("B0")
    ask(world, "import", app=APP, account=NAME.account, refresh_token="B0", replace=True)

    assert seen == world.document()
    world.settle(ticks=3)
    assert world.document()["generation"] >= seen["generation"]


def test_an_account_that_left_is_marked_and_not_published(world: World) -> None:
    """The provider's event ends a quarantined connection; its secret is left to the next comparison."""
    before = roll_back(world, world.run)
    world.run()
    world.connections.note_deauthorized(NAME, at=world.clock.now(), now=world.clock.now())
    world.run(compare=True)
    seen = world.document()["generation"]

    assert (Status.DISCONNECTED, before) == (world.stored().status, versions(world))
    world.run(compare=True)
    assert ("disconnected", True) == (world.document()["status"], seen < world.document()["generation"])


@fault("F16")
@pytest.mark.parametrize("way", ["queue", "dead letter"])
def test_a_letter_of_before_the_backup_publishes_no_older_token(world: World, way: str) -> None:
    """The backup holds an attempt whose answer waits in a message; the seller came since: the answer stays sealed."""
    message = unplaced(world)
    before = roll_back(world, lambda: visit(world))
    assert Result.HELD is world.run().result
    if way == "queue":
        work_on(world, message)
    else:
        world.dead_letters.bury(message.to_json())
        ask(world, "recover")
    world.settle(ticks=5)

    assert (Reason.RESTORED_TABLE, None) == (world.stored().reason, world.stored().attempt)
    assert ("A2", before) == (world.published(), versions(world))
    assert "unplaced" == world.connections.kept(NAME, fence=message.fence)


# --- copied back into the same table


def copied_back(world: World, meanwhile: Callable[[World], object]) -> None:
    """Put an older item back in its place, as somebody may by hand; the table stays the same."""
    older: Connection = world.stored()
    meanwhile(world)
    world.clock.advance(86_400)
    world.connections.seed(older)


@fault("F16")
@pytest.mark.parametrize("meanwhile", [World.run, weeks])
def test_a_comparison_finds_a_record_that_was_copied_back(world: World, meanwhile: Callable[[World], Any]) -> None:
    """The secret's version is one of ours from a later lease: the record is an older one, until its seller returns."""
    copied_back(world, meanwhile)
    shown, before = list(world.shop.ledger), versions(world)
    seen = world.document()["generation"]

    assert Result.HELD is world.run(compare=True).result
    assert (shown, before) == (world.shop.ledger, versions(world))
    assert (Reason.RESTORED_TABLE, None) == (world.stored().reason, world.stored().table)
    visit(world)
    assert seen < world.document()["generation"]
    assert (Status.ACTIVE, []) == (world.stored().status, world.shop.doubles)


def test_a_late_worker_is_no_backup(world: World) -> None:
    """What a worker published whose fence was lost is overwritten by the newest grant."""
    browser = Browser(world)
    browser.connect()
    # The worker is stopped before it publishes; the seller comes; then it goes on.
    world.failpoints.run_at("received", lambda: [world.after_lease(), browser.back()])
    world.run()
    world.drain()
    world.settle(ticks=5)

    assert (Status.ACTIVE, "A2") == (world.stored().status, world.document()["access_token"])


@fault("F16")
def test_a_refresh_token_spent_for_an_unusable_answer_is_not_presented_again(world: World) -> None:
    """The new refresh token alone was of use, and no workload reads that: the secret shows it all the same."""
    world.shop.script.append(patched(access_token=""))
    before = roll_back(world, world.run)
    world.settle(ticks=15)

    assert (Status.QUARANTINED, "A0", ["R0"]) == state(world)
    assert (before, 1) == (versions(world), world.document()["generation"])
