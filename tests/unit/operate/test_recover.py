"""`recover` brings back what was kept out of its place, and presents nothing to anyone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, World
from fault_rows import fault
from tokensync.domain.app_state import voice
from tokensync.domain.authorization import Authorization, AuthorizationKey, AuthorizationState
from tokensync.domain.connection import Attempt, Reason, Status
from tokensync.domain.errors import QueueUnavailable, StoreUnavailable
from tokensync.domain.invite_use import InviteState, InviteUse
from tokensync.domain.names import ConnectionName
from tokensync.domain.sealing import answer_binding
from tokensync.domain.work import Work
from tokensync.refresh.kept_answers import kept_answer

DAY = 86_400
OTHER = ConnectionName(APP, "another")
AT_REST = {"renew_at": None, "refresh_at": None, "next_at": None}


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


def recover(world: World, **asked: Any) -> dict[str, Any]:
    """Ask the rotation function to recover."""
    return world.ask("recover", **asked)


def found(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what was found, and what became of it."""
    return [(one["what"], one["subject"], one["result"]) for one in answer["found"]]


def results(answer: dict[str, Any]) -> list[str]:
    """Return what became of each thing that was found."""
    return [one["result"] for one in answer["found"]]


def answer_in_a_message(world: World) -> Work:
    """Let the table be down after the provider has answered: a sealed message keeps the bytes."""

    def down() -> None:
        world.connections.fail_next("write", StoreUnavailable)
        world.connections.fail_next("set_aside", StoreUnavailable)

    world.failpoints.run_at("answered", down)
    world.run()
    (message,) = world.queue.drain()
    world.after_lease()
    return message


def answer_set_aside(world: World) -> None:
    """Let the table refuse the record after the provider has answered, and take the bytes aside."""
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    world.run()


def recovered(world: World) -> tuple[str | None, list[str], list[str]]:
    """Return the published token, what was presented, and the letters that are left."""
    return world.published(), world.shop.ledger, world.dead_letters.bodies


# ------------------------------------------------------------------------------------ letters with a sealed response


@fault("F8")
def test_a_sealed_answer_among_the_dead_letters_is_brought_back_once(world: World) -> None:
    """It is published without asking the provider and its letter is deleted; a second run finds nothing."""
    world.dead_letters.bury(answer_in_a_message(world).to_json())
    answer = recover(world)
    record = world.stored()
    again = recover(world)

    assert ([("answer", str(NAME), "brought_back")], False) == (found(answer), answer["more"])
    assert ("A1", ["R0"], []) == recovered(world)
    assert ([], 1, record) == (again["found"], again["compared"], world.stored())


@fault("F8")
def test_a_sealed_answer_comes_back_although_its_connection_was_given_up(world: World) -> None:
    """The last attempt got no response either and nothing is due: what was kept makes it active again."""
    message = answer_in_a_message(world)
    world.run()
    world.change(reason="last_attempt_ambiguous", exemption=None, **AT_REST)
    world.dead_letters.bury(message.to_json())
    recover(world, connection=str(NAME))

    assert (Status.ACTIVE, "A1", ["R0"], []) == (world.stored().status, *recovered(world))


def test_a_letter_is_kept_until_what_it_carries_has_a_place(world: World) -> None:
    """Table or queue are still down: the letter stays, and the same command brings it back later."""
    world.dead_letters.bury(answer_in_a_message(world).to_json(), Work(connection=NAME).to_json())
    world.connections.fail_next("set_aside", StoreUnavailable)
    world.queue.refuse = lambda _work: True
    answer = recover(world)

    assert [("stays", True)] * 3 == [(one["result"], one["later"]) for one in answer["found"]]
    assert 2 == len(world.dead_letters.bodies)
    world.queue.refuse = lambda _work: False
    world.clock.advance(121)
    assert ["brought_back", "queued"] == results(recover(world))
    assert ("A1", ["R0"], []) == recovered(world)


@fault("F8")
def test_a_letter_stays_whose_work_the_queue_does_not_accept(world: World) -> None:
    """Somebody holds the connection, and nobody would come after: the letter is kept for the next run."""
    message = answer_in_a_message(world)
    world.change(lease_until=world.clock.now() + 60, **AT_REST)
    world.dead_letters.bury(message.to_json())
    world.queue.refuse = lambda _work: True
    (one, *_) = recover(world, connection=str(NAME))["found"]

    assert ("dead_letter", "stays", True) == (one["what"], one["result"], one["later"])
    assert 1 == len(world.dead_letters.bodies)
    world.queue.refuse = lambda _work: False
    world.clock.advance(121)
    assert ["brought_back"] == results(recover(world))
    assert ("A1", ["R0"], []) == recovered(world)


@fault("F6")
@pytest.mark.parametrize(
    ("status", "reason"), [(Status.REAUTHORIZE, "refused"), (Status.HELD, "last_attempt_ambiguous")]
)
def test_an_answer_in_hand_asks_no_seller_to_come_back(world: World, status: Status, reason: str) -> None:
    """KMS is down for a moment: the next command is the same one, whatever its connection has come to."""
    message = answer_in_a_message(world)
    world.run()
    world.change(status=status, reason=reason, exemption=None, **AT_REST)
    world.dead_letters.bury(message.to_json())
    world.keys.enabled = False
    answer = recover(world, connection=str(NAME))
    world.keys.enabled = True

    assert {("answer", "stays", f"tokensync recover {NAME}", True)} == {
        (one["what"], one["result"], one["next"], one["later"]) for one in answer["found"]
    }
    recover(world, connection=str(NAME))
    assert (Status.ACTIVE, "A1", ["R0"]) == (world.stored().status, *recovered(world)[:2])


def test_a_letter_that_could_not_be_deleted_comes_again(world: World) -> None:
    """That does no harm: its response is concluded already."""
    world.dead_letters.bury(answer_in_a_message(world).to_json())
    world.dead_letters.fail_next("delete", QueueUnavailable)
    first = recover(world)
    world.clock.advance(121)

    assert (["brought_back"], ["dropped"]) == (results(first), results(recover(world)))
    assert ("A1", ["R0"], [], 2) == (*recovered(world), world.stored().generation)


def test_a_brought_back_answer_that_cannot_be_published_says_so(world: World) -> None:
    """The pair is in the grant; the secret takes no version today."""
    world.dead_letters.bury(answer_in_a_message(world).to_json())
    secret = world.secrets.secret(NAME)
    secret.most = len(secret.versions)
    (one,) = recover(world)["found"]

    assert ("brought_back", f"tokensync publish {NAME}") == (one["result"], one["next"])
    assert "R1" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]


def test_nothing_of_an_answer_is_shown(world: World) -> None:
    """Neither what is found nor a letter's repr holds anything that it carries."""
    world.dead_letters.bury(answer_in_a_message(world).to_json())
    letters = world.dead_letters.receive()
    world.clock.advance(121)
    shown = repr((recover(world), letters, world.log.lines, world.alerts.told))

    assert [] == [token for token in ("A1", "R1", "R0") if f"'{token}'" in shown or f'"{token}"' in shown]
    assert letters[0].body not in shown


# --------------------------------------------------------------------------------------------------- other letters


def test_a_letter_without_an_answer_is_queued_again(world: World) -> None:
    """It goes back into the refresh queue as it was."""
    letter = Work(connection=NAME, push=True)
    world.dead_letters.bury(letter.to_json())

    assert [("dead_letter", str(NAME), "queued")] == found(recover(world))
    assert [letter, Work(connection=NAME, compare=True)] == world.queue.works
    assert [] == world.dead_letters.bodies


def test_a_recovery_that_cannot_begin(world: World) -> None:
    """An unknown connection is not found; an outage of the dead-letter queue is for later."""
    assert 3 == recover(world, connection=str(OTHER))["exit"]
    world.dead_letters.fail_next("receive", QueueUnavailable)

    assert 5 == recover(world)["exit"]


def test_letters_of_connections_that_are_gone(world: World) -> None:
    """A name is dropped; a response is kept sealed all the same."""
    world.dead_letters.bury(
        Work(connection=OTHER).to_json(), Work(connection=OTHER, answer=b"sealed", fence=7).to_json()
    )

    assert ["dropped", "dropped"] == results(recover(world))
    assert (b"sealed", []) == (world.connections.aside(OTHER, fence=7), world.dead_letters.bodies)


def test_a_letter_that_nobody_can_read_stays(world: World) -> None:
    """It may be a newer version's."""
    world.dead_letters.bury('{"verification": "x"}')
    answer = recover(world)

    assert [("dead_letter", "a message", "stays")] == found(answer)
    assert ("tokensync deploy", 1) == (answer["found"][0]["next"], len(world.dead_letters.bodies))


def test_one_connections_letters_alone(world: World) -> None:
    """With a name nothing else is touched."""
    world.connected(OTHER, refresh_token="F0")
    world.dead_letters.bury(Work(connection=NAME).to_json(), Work(connection=OTHER).to_json())
    answer = recover(world, connection=str(OTHER))

    assert ([("dead_letter", str(OTHER), "queued")], 1) == (found(answer), answer["compared"])
    assert [Work(connection=OTHER), Work(connection=OTHER, compare=True)] == world.queue.works
    assert [Work(connection=NAME).to_json()] == world.dead_letters.bodies


# ------------------------------------------------------------------------------------ responses that were set aside


def test_an_answer_set_aside_whose_connection_is_not_due(world: World) -> None:
    """No worker would take it up: it is concluded without a call."""
    answer_set_aside(world)
    world.after_lease()
    world.change(refresh_at=None, next_at=None)
    answer = recover(world)

    assert ([("answer", str(NAME), "brought_back")], 0) == (found(answer), answer["compared"])
    assert ("A1", ["R0"]) == recovered(world)[:2]


def test_an_answer_that_is_a_refusal_says_so(world: World) -> None:
    """What was kept is no token: its connection's next command is named, and the app notes it."""
    world.shop.alive.clear()
    answer_set_aside(world)
    world.after_lease()
    (one,) = recover(world)["found"]

    assert ("answer", "stays", f"tokensync app show {APP}") == (one["what"], one["result"], one["next"])
    assert {voice(NAME.account)} == world.apps.state(APP).refused


def test_an_earlier_refusal_that_is_kept_is_nothing(world: World) -> None:
    """Of an earlier presentation only tokens count: nothing is found, and the secret is compared."""
    world.change(attempt=Attempt(id="second", fence=9, at=world.clock.now(), earlier=(7,)), fence=9, **AT_REST)
    refusal = world.shop.answer({"code": 36004005, "message": "no", "data": None, "request_id": "t"})
    sealed = world.sealer.new_key(APP).seal(refusal.to_bytes(), binding=answer_binding(NAME))
    world.connections.set_aside(NAME, fence=7, why="unplaced", sealed=sealed, now=world.clock.now())
    answer = recover(world)

    assert ([], 1, []) == (answer["found"], answer["compared"], world.shop.ledger)
    assert kept_answer(world.stored(), world.connections) is None


def test_an_answer_whose_connection_somebody_holds_is_queued(world: World) -> None:
    """It is taken up again after the present holder."""
    answer_set_aside(world)

    assert [("answer", str(NAME), "queued")] == found(recover(world))
    assert [Work(connection=NAME, compare=True)] == world.queue.works


def test_an_answer_that_cannot_be_opened_now_stays(world: World) -> None:
    """KMS is down: nothing is lost, and it is tried again by itself."""
    answer_set_aside(world)
    world.after_lease()
    world.keys.enabled = False
    (one,) = recover(world)["found"]
    world.keys.enabled = True
    world.after_lease()

    assert ("answer", "stays", True) == (one["what"], one["result"], one["later"])
    assert [("answer", str(NAME), "brought_back")] == found(recover(world))
    assert ["R0"] == world.shop.ledger


# ------------------------------------------------------------------------------------------------------- comparisons


def test_every_secret_is_compared(world: World) -> None:
    """Each connection is queued for a comparison; the worker mends what differs."""
    world.run()
    arn = world.stored().published.arn  # type: ignore[union-attr]
    world.secrets.put(arn, '{"stale": true}', token="00000000-0000-0000-0000-000000000001")
    answer = recover(world)
    world.drain()

    assert (1, "A1") == (answer["compared"], world.published())


def test_a_fleet_is_compared_in_pieces(empty: World) -> None:
    """More than one call of the queue takes, each once."""
    empty.fleet(230)

    assert 230 == recover(empty)["compared"] == len({work.connection for work in empty.queue.works})


@pytest.mark.parametrize(
    ("change", "following"),
    [
        ({"status": Status.ORPHANED, "reason": "gone"}, f"tokensync publish {NAME}"),
        ({"status": Status.DISCONNECTED, "reason": Reason.REMOVED}, f"tokensync remove {NAME}"),
    ],
)
def test_what_only_an_operators_word_mends_is_named(world: World, change: dict[str, Any], following: str) -> None:
    """It is compared with nothing, restored by nobody, and its command is named."""
    record = world.change(**AT_REST, **change)
    answer = recover(world)

    assert ([("connection", str(NAME), "stays")], 0) == (found(answer), answer["compared"])
    assert following == answer["found"][0]["next"]
    assert (record, []) == (world.stored(), world.alerts.told)


def test_what_was_removed_is_left_out(world: World) -> None:
    """There is nothing to compare."""
    world.change(removed_at=world.clock.now())
    answer = recover(world)

    assert ([], 0) == (answer["found"], answer["compared"])


def test_a_short_life_goes_on_where_it_ended() -> None:
    """A run with the cursor does the rest, each connection once."""
    world = World(seconds=20)
    names = world.fleet(7)
    honest = world.connections.list

    def slow(app: str) -> Any:
        for record in honest(app):
            world.clock.advance(2)
            yield record

    world.connections.list = slow  # type: ignore[method-assign]
    first = recover(world)
    world.connections.list = honest  # type: ignore[method-assign]
    second = recover(world, cursor=first["cursor"])

    assert (True, False, 7) == (first["more"], second["more"], first["compared"] + second["compared"])
    assert sorted(names) == sorted(work.connection for work in world.queue.works if work.connection is not None)


# ---------------------------------------------------------------------------------------------------- authorizations


def authorization_in_a_message(world: World) -> Work:
    """Let the table be down after a code was answered: a sealed message keeps the bytes."""
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    assert 503 == Browser(world).authorize(world.invite(for_account=ACCOUNT)).status
    (message,) = world.queue.drain()
    world.after_lease()
    return message


@pytest.fixture
def empty() -> World:
    """A stack without any connection."""
    return World()


def test_an_answered_code_among_the_dead_letters_is_finished(empty: World) -> None:
    """The next worker makes the connection of it; a letter that comes again is dropped."""
    message = authorization_in_a_message(empty).to_json()
    empty.dead_letters.bury(message, message)
    answer = recover(empty)
    empty.drain()

    assert ("dead_letter", APP, "queued") == found(answer)[0]
    assert ("A1", ["code-1"], []) == recovered(empty)
    empty.dead_letters.bury(message)
    assert (["dropped"], []) == (results(recover(empty)), empty.dead_letters.bodies)


def test_a_letter_of_an_answered_authorization_is_queued(empty: World) -> None:
    """A worker could not finish it in five tries: it is tried again."""
    work = Work(authorization=AuthorizationKey(APP, "browser", "nonce"))
    empty.dead_letters.bury(work.to_json())

    assert ([("dead_letter", APP, "queued")], [work]) == (found(recover(empty)), empty.queue.works)


def unnamed(world: World, detail: str = "no_account") -> Authorization:
    """Let an authorization be given up after a day, because nobody could say whose account it is."""
    message = authorization_in_a_message(world)
    assert message.authorization is not None
    authorization = world.authorizations.get(message.authorization)
    assert authorization is not None
    ended = replace(
        authorization,
        state=AuthorizationState.FAILED,
        detail=detail,
        sealed_answer=message.answer,
        received_at=world.clock.now(),
        lease_until=None,
    )  # fmt: skip
    world.authorizations.seed(ended)
    world.clock.advance(2 * DAY)
    return ended


def test_an_authorization_that_was_given_up_is_asked_for_again(empty: World) -> None:
    """Its account could not be named within a day: the same code's tokens become a connection now."""
    unnamed(empty)
    answer = recover(empty)
    empty.drain()

    assert [("authorization", APP, "queued")] == found(answer)
    assert ("A1", ["code-1"]) == recovered(empty)[:2]
    assert [] == recover(empty)["found"]


def test_an_authorization_whose_invite_was_used_since_makes_no_second_connection(empty: World) -> None:
    """One invite makes one connection: what was answered through it before stays sealed."""
    ended = unnamed(empty)
    empty.invites.seed(InviteUse(app=APP, id=ended.invite_id, state=InviteState.USED))
    (one,) = recover(empty)["found"]

    assert ("stays", f"tokensync invite {APP}") == (one["result"], one["next"])
    assert ([ended], []) == ([empty.authorizations.get(ended.key)], empty.queue.works)


def test_many_authorizations_take_several_runs() -> None:
    """A run that ends among them is followed by another, and each is asked for once."""
    world = World(seconds=20)
    authorization = unnamed(world)
    for index in range(6):
        world.authorizations.seed(replace(authorization, key=AuthorizationKey(APP, "browser", f"nonce-{index}")))
    honest = world.authorizations.write

    def slow(*records: Any, **due: Any) -> Any:
        world.clock.advance(2)
        return honest(*records, **due)

    world.authorizations.write = slow  # type: ignore[method-assign]
    answers = [recover(world)]
    while answers[-1]["more"]:
        answers.append(recover(world, cursor=answers[-1]["cursor"]))

    assert (3, ["queued"] * 7) == (len(answers), [result for answer in answers for result in results(answer)])


def test_an_authorization_that_cannot_be_reopened_now(empty: World) -> None:
    """The table is down: the same command does it later. The queue is down: the schedule finds it."""
    unnamed(empty)
    empty.authorizations.fail_next("write", StoreUnavailable)
    (one,) = recover(empty)["found"]
    assert ("stays", True, "tokensync recover") == (one["result"], one["later"], one["next"])
    empty.queue.refuse = lambda _work: True
    recover(empty)
    empty.queue.refuse = lambda _work: False
    empty.settle(ticks=2)

    assert "A1" == empty.published()


def test_an_authorization_that_another_worker_reopened(empty: World) -> None:
    """Two operators at once: one of them is enough."""
    ended = unnamed(empty)
    empty.authorizations.before_next("write", lambda: empty.authorizations.seed(replace(ended, fence=ended.fence + 1)))

    assert ["queued"] == results(recover(empty))


def test_other_kept_answers_are_named_with_what_to_do(empty: World) -> None:
    """No connection can come of them: the seller is invited again."""
    unnamed(empty, detail="unusable_answer")
    (one,) = recover(empty)["found"]

    assert ("stays", f"tokensync invite {APP}", False) == (one["result"], one["next"], one["later"])
    assert "unusable_answer" in one["why"]
