"""A table restored from a backup: nothing that may be spent is presented, and no older token comes over a newer one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.visitors import Browser
from fakes.world import APP, NAME, WEEK, World, killed
from fault_rows import fault
from tokensync.domain.connection import Attempt, Exemption, Phase, Reason, Status
from tokensync.domain.errors import NoAnswer, PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.sealing import answer_binding
from tokensync.domain.work import Work
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.connection import Connection
    from tokensync.domain.messages import ProviderResponse

OTHER = ConnectionName(APP, "other-account")


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due now."""
    made = World()
    made.connected()
    made.origin.restored()
    return made


def roll_back(world: World, meanwhile: Callable[[], object]) -> Connection:
    """Back the table up, let something happen, and restore the backup a day later; return the record that came back."""
    backup = world.table.backup()
    meanwhile()
    world.clock.advance(86_400)
    world.table.restore(backup)
    return world.stored()


def versions(world: World, name: ConnectionName = NAME) -> tuple[dict[str, str], str | None]:
    """Return every version of a secret, and which is the current one."""
    secret = world.secrets.secret(name)
    return dict(secret.versions), secret.current


def ask(world: World, command: str, name: ConnectionName = NAME, **more: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    return world.commands.answer({"tokensync": command, "connection": str(name), **more}, world.budget())


def told(world: World) -> list[tuple[str, str]]:
    """Return the alerts with their next commands."""
    return [(alert.kind, alert.next_command) for alert in world.alerts.told]


@fault("F16")
def test_a_grant_older_than_what_is_published_is_quarantined(world: World) -> None:
    """Nothing is presented, the secret stays byte for byte, and the operator is told what mends it."""
    roll_back(world, world.run)
    before = versions(world)
    outcome = world.run()

    assert (Result.HELD, ["R0"]) == (outcome.result, world.shop.ledger)
    assert before == versions(world)
    assert (Status.QUARANTINED, Reason.RESTORED_TABLE, None) == (
        world.stored().status, world.stored().reason, world.stored().due.next_at
    )  # fmt: skip
    assert [
        ("table.restored", "tokensync recover"),
        ("connection.quarantined", f"tokensync invite {APP} --for {NAME}"),
    ] == told(world)


@fault("F16")
def test_the_schedule_presents_nothing_that_was_spent(world: World) -> None:
    """Weeks of the schedule, operators who compare and force: the spent token is never shown again."""
    roll_back(world, world.run)
    before = versions(world)
    world.settle(ticks=5)
    world.run(compare=True)
    world.run(force=True)
    world.clock.advance(3 * WEEK)
    world.settle(ticks=5)

    assert (["R0"], []) == (world.shop.ledger, world.shop.doubles)
    assert before == versions(world)


def test_a_connection_unchanged_since_the_backup_goes_on(world: World) -> None:
    """Its secret says that nothing newer came: it is refreshed as ever, under numbers that were never used."""
    restored = roll_back(world, lambda: None)
    outcome = world.run()
    record, now = world.stored(), world.clock.now()

    assert (Result.REFRESHED, ["R0"], "A1") == (outcome.result, world.shop.ledger, world.document()["access_token"])
    assert (world.table.id, None) == (record.table, restored.table)
    assert now < record.generation == record.allocated == world.document()["generation"]
    assert now <= record.fence


def test_it_is_held_against_its_secret_once(world: World) -> None:
    """What was found to stand is not asked about again, and its numbers go on one by one."""
    roll_back(world, lambda: None)
    world.run()
    first, looked = world.stored(), world.secrets.calls["current_version"]
    world.clock.advance(WEEK)
    world.run()

    assert looked == world.secrets.calls["current_version"]
    assert (first.generation + 1, first.fence + 1) == (world.stored().generation, world.stored().fence)


def test_a_table_that_was_never_restored_costs_nothing(world: World) -> None:
    """No look at the secret, no field on the record, no word to anybody."""
    world.run()

    assert (0, 0) == (world.secrets.calls["current_version"], world.origin.calls["notice"])
    assert (None, []) == (world.stored().table, world.alerts.told)


def test_many_connections_and_one_word_of_the_table(world: World) -> None:
    """Each connection is judged for itself; that the table was restored is told once."""
    world.connected(OTHER, refresh_token="S0")
    roll_back(world, lambda: world.run(OTHER))
    results = [world.run(name).result for name in (OTHER, NAME, OTHER)]

    assert [Result.HELD, Result.REFRESHED] == results[:2]
    assert ["table.restored", "connection.quarantined"] == [kind for kind, _ in told(world)]


def test_a_second_restore_is_another_table(world: World) -> None:
    """What was judged in the first restored table is judged anew in the second, and that one is told too."""
    roll_back(world, lambda: None)
    world.run()
    world.clock.advance(WEEK)
    roll_back(world, world.run)
    before = versions(world)

    assert Result.HELD is world.run().result
    assert (["R0", "R1"], before) == (world.shop.ledger, versions(world))
    assert ["table.restored", "table.restored", "connection.quarantined"] == [kind for kind, _ in told(world)]


# --------------------------------------------------------------------------------------------- unfinished attempts


def _sent(world: World) -> None:
    """Let a worker die after its request left."""
    world.shop.script.append(lambda honest: [honest(), (_ for _ in ()).throw(killed())][0])
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()


def test_an_attempt_whose_end_nobody_knows_is_quarantined(world: World) -> None:
    """Sent before the backup: it may have been repeated since, whatever its provider says of one more time."""
    _sent(world)
    roll_back(world, lambda: None)
    before = versions(world)

    assert Result.HELD is world.run().result
    assert (["R0"], before, Status.QUARANTINED) == (world.shop.ledger, versions(world), world.stored().status)


def test_a_held_connection_gets_no_second_last_attempt(world: World) -> None:
    """Its last attempt may have been made since the backup, and told nobody."""
    held = replace(
        world.stored(),
        status=Status.HELD,
        reason=Reason.AMBIGUOUS,
        attempt=Attempt(id="a", fence=3, at=world.clock.now()),
        exemption=Exemption.LAST_ATTEMPT,
    )
    world.connections.seed(replace(held, published=replace(held.published, status=Status.HELD)))  # type: ignore[type-var]
    roll_back(world, lambda: None)
    world.clock.advance(WEEK)

    assert (Result.HELD, []) == (world.run().result, world.shop.ledger)
    assert Status.QUARANTINED is world.stored().status


@pytest.mark.parametrize("place", ["received", "committed"])
def test_a_stored_answer_that_was_never_published_is_published(world: World, place: str) -> None:
    """It stood in the backup, and the secret says that it did not get there: it does now, without the provider."""
    world.failpoints.raise_at("received", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()
    if place == "committed":
        world.secrets.fail_next("put", PublishUnavailable)
        world.run()
    roll_back(world, lambda: None)
    world.run()

    assert (["R0"], "A1", Status.ACTIVE) == (
        world.shop.ledger, world.document()["access_token"], world.stored().status
    )  # fmt: skip


def test_an_answer_that_stood_aside_is_published(world: World) -> None:
    """It was kept without a place before the backup: the attempt's outcome is known."""
    _sent(world)
    answer = world.shop.token("R1")
    sealed = world.sealer.new_key(APP).seal(answer.to_bytes(), binding=answer_binding(NAME))
    world.connections.set_aside(NAME, fence=4, why="unplaced", sealed=sealed, now=world.clock.now())
    roll_back(world, lambda: None)

    assert (Result.REFRESHED, "A2") == (world.run().result, world.document()["access_token"])


def _presented_twice(world: World) -> None:
    """Let the token's first answer be lost, and its last attempt get none."""
    _sent(world)
    world.run()
    world.clock.advance((world.stored().due.next_at or 0) - world.clock.now() + 1)
    world.shop.script.append(lambda _honest: (_ for _ in ()).throw(NoAnswer("lost")))
    world.run()
    world.after_lease()
    assert (4,) == world.stored().attempt.earlier  # type: ignore[union-attr]


def _kept_of_the_first(world: World, body: dict[str, Any]) -> None:
    """Let the answer to the first presentation stand aside."""
    sealed = world.sealer.new_key(APP).seal(world.shop.answer(body).to_bytes(), binding=answer_binding(NAME))
    world.connections.set_aside(NAME, fence=4, why="unplaced", sealed=sealed, now=world.clock.now())


@fault("F16")
def test_an_answer_to_an_earlier_presentation_is_published(world: World) -> None:
    """It stood aside when the backup was made, and the secret is as it was: its tokens are the newest."""
    _presented_twice(world)
    answer = json.loads(world.shop.token("R1").body)
    _kept_of_the_first(world, answer)
    roll_back(world, lambda: None)

    assert (Result.REFRESHED, "A2") == (world.run(compare=True).result, world.document()["access_token"])
    assert (Status.ACTIVE, ["R0", "R1"]) == (world.stored().status, world.shop.ledger)


def test_an_earlier_refusal_tells_nothing_of_the_last_attempt(world: World) -> None:
    """Of an earlier presentation only tokens count: how the last one ended nobody knows."""
    _presented_twice(world)
    _kept_of_the_first(world, {"code": 36004005, "message": "no", "data": None, "request_id": "t"})
    roll_back(world, lambda: None)

    assert (Result.HELD, Status.QUARANTINED) == (world.run(compare=True).result, world.stored().status)


def test_an_earlier_answer_that_cannot_be_opened_now_waits(world: World) -> None:
    """KMS is down: nothing is judged by half, and the answer is published later."""
    _presented_twice(world)
    _kept_of_the_first(world, json.loads(world.shop.token("R1").body))
    roll_back(world, lambda: None)
    world.keys.enabled = False
    assert Result.POSTPONED is world.run(compare=True).result
    world.keys.enabled = True
    world.settle(ticks=10)

    assert (Status.ACTIVE, "A2") == (world.stored().status, world.document()["access_token"])


def test_a_stored_answer_does_not_come_over_a_newer_token(world: World) -> None:
    """The backup holds an answer that was finished since: it is kept under a final reason, and never published."""
    world.failpoints.raise_at("received", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()

    def since() -> None:
        world.run()
        world.clock.advance(WEEK)
        world.run()

    roll_back(world, since)
    before = versions(world)
    outcome = world.run()
    record = world.stored()

    assert (Result.HELD, Phase.IDLE, None) == (outcome.result, record.phase, record.sealed_answer)
    assert Reason.RESTORED_TABLE == world.connections.kept(NAME, fence=record.fence)
    world.settle(ticks=3)
    assert before == versions(world)


def test_an_old_message_with_an_answer_is_not_published(world: World) -> None:
    """A sealed answer in the queue outlived the table: the connection is quarantined, and stays so."""
    _sent(world)
    roll_back(world, lambda: [world.run(), world.clock.advance(WEEK), world.run(force=True)])
    before = versions(world)
    sealed = world.sealer.new_key(APP).seal(world.shop.token("R1").to_bytes(), binding=answer_binding(NAME))
    world.queue.send([Work(connection=NAME, answer=sealed, fence=4)])
    world.drain()
    world.drain()
    world.settle(ticks=3)

    assert before == versions(world)
    assert Status.QUARANTINED is world.stored().status


# -------------------------------------------------------------------------------------------- what the secret tells


def test_a_connection_without_a_published_token_is_quarantined(world: World) -> None:
    """Nothing tells what became of its refresh token."""
    world.connections.seed(replace(world.stored(), published=None, obtained_at=None))
    roll_back(world, lambda: None)

    assert (Result.HELD, []) == (world.run().result, world.shop.ledger)


def test_a_connection_whose_secret_is_gone_is_quarantined(world: World) -> None:
    """Somebody ended it after the backup."""
    roll_back(world, lambda: ask(world, "remove"))

    assert (Result.HELD, []) == (world.run().result, world.shop.ledger)
    assert Status.QUARANTINED is world.stored().status


def test_a_removal_that_began_before_the_backup_is_finished(world: World) -> None:
    """Its secret is on its way out, as was meant."""
    world.failpoints.raise_at("deleted", killed())
    with pytest.raises(KeyboardInterrupt):
        ask(world, "remove")
    world.after_lease()
    roll_back(world, lambda: None)

    assert Result.REMOVED is world.run(compare=True).result


def test_a_removal_takes_no_secret_that_came_back(world: World) -> None:
    """The account returned after the backup: what the backup had begun does not delete its new token."""
    world.failpoints.raise_at("deleted", killed())
    with pytest.raises(KeyboardInterrupt):
        ask(world, "remove")
    world.after_lease()
    browser = Browser(world)
    browser.connect()
    roll_back(world, browser.back)
    before = versions(world)
    world.run(compare=True)

    assert before == versions(world)
    assert "A1" == world.document()["access_token"]


def test_a_secrets_manager_that_is_down_postpones_the_judgement(world: World) -> None:
    """Nothing is presented before the secret was seen."""
    roll_back(world, world.run)
    world.secrets.fail_next("current_version", PublishUnavailable)
    first = world.run()
    world.clock.advance(3600)

    assert (Result.POSTPONED, True) == (first.result, first.backpressure)
    assert (Result.HELD, ["R0"]) == (world.run().result, world.shop.ledger)


@pytest.mark.parametrize("writes", [1, 2])
def test_a_judgement_that_was_killed_is_made_again(world: World, writes: int) -> None:
    """Between the numbers and the judgement the next holder begins anew."""
    roll_back(world, world.run)
    for _ in range(writes - 1):
        world.connections.before_next("write", lambda: None)
    world.connections.fail_next("write", killed(), times=1, after_commit=True)
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()
    world.run()

    assert (["R0"], Status.QUARANTINED) == (world.shop.ledger, world.stored().status)


def test_a_table_whose_origin_cannot_be_told_is_left_alone(world: World) -> None:
    """Nothing is leased, nothing presented, and the message comes again."""
    world.origin.fail_next("restored", StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        world.run()

    assert (0, []) == (world.connections.calls["lease"], world.shop.ledger)


# ----------------------------------------------------------------------------------------------- the seller's return


def test_a_new_authorization_mends_it(world: World) -> None:
    """The command that was told leads to an active connection, above every number that readers saw."""

    def weeks() -> None:
        for _ in range(5):
            world.run()
            world.clock.advance(WEEK)

    roll_back(world, weeks)
    used, seen = set(versions(world)[0]), world.document()["generation"]
    world.run()
    browser = Browser(world)
    browser.connect(world.invite(for_account=NAME.account))
    browser.back()
    record = world.stored()

    assert (Status.ACTIVE, "", world.table.id) == (record.status, record.reason, record.table)
    assert seen < world.document()["generation"] == record.generation
    assert versions(world)[1] not in used
    assert [] == world.shop.doubles


@pytest.mark.parametrize("unchecked", [True, False])
def test_an_authorization_of_what_nobody_looked_at_yet(world: World, *, unchecked: bool) -> None:
    """The seller comes before any worker: the numbers are above all that was used all the same."""
    roll_back(world, world.run)
    if not unchecked:
        world.run()
    seen = world.document()["generation"]
    browser = Browser(world)
    browser.connect()
    browser.back()

    assert seen < world.document()["generation"]
    assert ("A2", Status.ACTIVE) == (world.document()["access_token"], world.stored().status)
    world.clock.advance(WEEK)
    assert Result.REFRESHED is world.run().result


def test_an_account_that_connected_after_the_backup(world: World) -> None:
    """The table does not know it, its secret stands: the next authorization writes that one, under a higher number."""
    world.shop.account = OTHER.account
    browser = Browser(world)

    def connects_and_refreshes() -> None:
        browser.connect(world.invite(id="first"))
        browser.back()
        world.clock.advance(WEEK)
        world.run(OTHER)

    roll_back(world, connects_and_refreshes)
    arn, seen = world.secrets.secret(OTHER).arn, world.document(OTHER)["generation"]
    again = Browser(world)
    again.connect(world.invite(id="second"))
    again.back("code=code-2")

    assert (arn, Status.ACTIVE) == (world.secrets.secret(OTHER).arn, world.stored(OTHER).status)
    assert seen < world.document(OTHER)["generation"]


def test_a_code_of_before_is_not_presented_again(world: World) -> None:
    """The table forgot that the code was presented: whoever repeats the callback is asked to begin anew."""
    browser = Browser(world)
    browser.connect()
    backup = world.table.backup()
    browser.back()
    world.clock.advance(60)
    world.table.restore(backup)
    before = versions(world)
    page = browser.back()

    assert (303, ["code-1"]) == (page.status, world.shop.ledger)
    assert before == versions(world)
    assert "Start again" in browser.result().body or "start again" in browser.result().body


def test_an_answer_of_before_is_not_finished(world: World) -> None:
    """A callback died before the backup, and its answer was finished after it: not a second time."""
    browser = Browser(world)
    browser.connect()
    world.failpoints.raise_at("exchange.received", killed())
    with pytest.raises(KeyboardInterrupt):
        browser.back()
    world.after_lease()
    backup = world.table.backup()
    world.settle(ticks=3)
    world.clock.advance(WEEK)
    world.settle(ticks=3)
    world.table.restore(backup)
    before = versions(world)
    world.settle(ticks=3)

    assert (before, []) == (versions(world), world.shop.doubles)
    assert "authorization.unusable" in [kind for kind, _ in told(world)]


def _answered_in_a_message(world: World, browser: Browser) -> None:
    """Let the table be down after a code was answered: a sealed message in the queue keeps the bytes."""
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    assert 503 == browser.back().status


@fault("F16")
@pytest.mark.parametrize("backup", ["before", "begun", "consumed"])
def test_an_answer_to_a_code_outlives_the_table_in_the_queue(backup: str) -> None:
    """Whatever the backup knows of its authorization: nobody gave the answer a place, and it becomes a connection."""
    world = World()
    world.origin.restored()
    browser = Browser(world)
    backups = {"before": world.table.backup()}
    browser.connect()
    backups["begun"] = world.table.backup()
    world.failpoints.run_at("exchange.sent", lambda: backups.update(consumed=world.table.backup()))
    _answered_in_a_message(world, browser)
    world.table.restore(backups[backup])
    world.after_lease()
    world.drain()
    world.settle(ticks=3)

    assert (Status.ACTIVE, "A1", ["code-1"]) == (
        world.stored().status, world.document()["access_token"], world.shop.ledger
    )  # fmt: skip
    page = browser.back()
    assert (303, ["code-1"]) == (page.status, world.shop.ledger)


@pytest.mark.parametrize("backup", ["before", "begun"])
def test_an_answer_to_a_code_among_the_dead_letters_outlives_the_table(backup: str) -> None:
    """`recover` says that it is queued, and so it is: a connection comes of it."""
    world = World()
    world.origin.restored()
    browser = Browser(world)
    backups = {"before": world.table.backup()}
    browser.connect()
    backups["begun"] = world.table.backup()
    _answered_in_a_message(world, browser)
    world.dead_letters.bury(*(work.to_json() for work in world.queue.drain()))
    world.table.restore(backups[backup])
    answer = world.commands.answer({"tokensync": "recover"}, world.budget())
    world.drain()

    assert ["queued"] == [one["result"] for one in answer["found"]]
    assert ("A1", []) == (world.document()["access_token"], world.dead_letters.bodies)


def test_garbage_does_not_ask_where_the_table_comes_from(world: World) -> None:
    """A request that no signature of ours covers costs nothing."""
    asked = world.origin.calls["restored"]
    browser = Browser(world)
    browser.connect("invite=forged")
    browser.arrive("code=c&state=forged")

    assert asked == world.origin.calls["restored"]


# -------------------------------------------------------------------------------------------- what operators ask for


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("refresh", {}),
        ("refresh", {"force": True}),
        ("publish", {}),
        ("verify", {}),
        ("push", {"to": "api2cart"}),
    ],
)
@pytest.mark.parametrize("seen", [True, False])
def test_no_command_publishes_or_presents_it(
    world: World, command: str, more: dict[str, object], *, seen: bool
) -> None:
    """Seen as quarantined or not yet: the command says so, and names what mends it."""
    world.apps.update(replace(world.app, settings={"push": "api2cart"}))
    roll_back(world, world.run)
    before = versions(world)
    if seen:
        world.run()
    answer = ask(world, command, **more)

    assert (False, 4, f"tokensync invite {APP} --for {NAME}") == (
        answer["ok"], answer["exit"], answer["error"]["next"]
    )  # fmt: skip
    assert "backup" in answer["error"]["message"]
    assert (["R0"], before) == (world.shop.ledger, versions(world))


def test_it_can_be_removed(world: World) -> None:
    """Who does not want it any more says so."""
    roll_back(world, world.run)

    assert (True, "removed") == ((answer := ask(world, "remove"))["ok"], answer["result"])


def test_an_import_does_not_bring_the_old_token_back(world: World) -> None:
    """A refresh token is brought in its place: readers keep the newer access token until that is proved."""
    roll_back(world, world.run)
    seen = world.document()
    world.shop.script.append(lambda _honest: (_ for _ in ()).throw(NoAnswer("lost")))
    world.shop.alive.add("B0")
    ask(world, "import", app=APP, account=NAME.account, refresh_token="B0", replace=True)

    assert seen == world.document()
    world.settle(ticks=3)
    assert world.document()["generation"] >= seen["generation"]


def test_an_account_that_left_is_marked_and_not_published(world: World) -> None:
    """The provider's notice ends a quarantined connection; its secret is left to whoever compares."""
    roll_back(world, world.run)
    world.run()
    before = versions(world)
    world.connections.note_deauthorized(NAME, at=world.clock.now(), now=world.clock.now())
    world.run(compare=True)
    seen = world.document()["generation"]

    assert (Status.DISCONNECTED, before) == (world.stored().status, versions(world))
    world.run(compare=True)
    assert ("disconnected", True) == (world.document()["status"], seen < world.document()["generation"])


# ----------------------------------------------------------------------------------- copied back into the same table


def copied_back(world: World, meanwhile: Callable[[], object]) -> None:
    """Put an older item back in its place, as somebody may by hand; the table stays the same."""
    older = world.stored()
    meanwhile()
    world.clock.advance(86_400)
    world.connections.seed(older)


def weeks(world: World) -> None:
    """Let the connection be refreshed again and again, and looked at in between."""
    for _ in range(5):
        world.run()
        world.run(compare=True)
        world.clock.advance(WEEK)


@fault("F16")
@pytest.mark.parametrize("meanwhile", [World.run, weeks])
def test_a_comparison_finds_a_record_that_was_copied_back(world: World, meanwhile: Callable[[World], object]) -> None:
    """The secret's version is one of ours from a later lease: the record is an older one, and is quarantined."""
    copied_back(world, lambda: meanwhile(world))
    shown, before = list(world.shop.ledger), versions(world)
    outcome = world.run(compare=True)

    assert (Result.HELD, shown, before) == (outcome.result, world.shop.ledger, versions(world))
    assert (Reason.RESTORED_TABLE, None) == (world.stored().reason, world.stored().table)


def test_a_copied_back_connection_is_mended_by_its_seller(world: World) -> None:
    """Its numbers go on above those that were used."""
    copied_back(world, lambda: weeks(world))
    seen = world.document()["generation"]
    world.run(compare=True)
    browser = Browser(world)
    browser.connect()
    browser.back()

    assert seen < world.document()["generation"]
    assert (Status.ACTIVE, []) == (world.stored().status, world.shop.doubles)


def test_a_hands_edit_is_no_backup(world: World) -> None:
    """A secret that somebody wrote is made equal to its grant, as ever."""
    world.run()
    world.secrets.put(world.secrets.secret(NAME).arn, "{}", token="00000000-0000-0000-0000-00000000aaaa")

    assert Result.PUBLISHED is world.run(compare=True).result
    assert "A1" == world.document()["access_token"]


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
    """The new refresh token alone was of use, and no workload reads that: the secret tells of it all the same."""

    def unusable(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        answer = honest()
        body = json.loads(answer.body)
        body["data"]["access_token"] = ""
        return replace(answer, body=json.dumps(body).encode())

    world.shop.script.append(unusable)
    roll_back(world, world.run)
    before = versions(world)
    world.settle(ticks=15)

    assert (Status.QUARANTINED, ["R0"]) == (world.stored().status, world.shop.ledger)
    assert before == versions(world)
    assert ("A0", 1) == (world.document()["access_token"], world.document()["generation"])
