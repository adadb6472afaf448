"""`recover` brings back what was kept out of its place, and presents nothing to anyone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from fakes.world import ACCOUNT, APP, NAME, World
from fault_rows import fault
from tokensync.domain.authorization import AuthorizationKey, AuthorizationState
from tokensync.domain.connection import Attempt, Reason, Status
from tokensync.domain.errors import QueueUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.sealing import answer_binding
from tokensync.domain.work import Work
from tokensync.operate.recover import is_answered

DAY = 86_400
OTHER = ConnectionName(APP, "another")


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


def recover(world: World, **asked: Any) -> dict[str, Any]:
    """Ask the rotation function to recover."""
    return world.commands.answer({"tokensync": "recover", **asked}, world.budget())


def found(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what was found, and what became of it."""
    return [(one["what"], one["subject"], one["result"]) for one in answer["found"]]


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


@fault("F8")
def test_a_sealed_answer_among_the_dead_letters_is_brought_back(world: World) -> None:
    """It is stored, concluded and published without asking the provider; then its letter is deleted."""
    world.dead_letters.bury(answer_in_a_message(world).to_json())
    answer = recover(world)

    assert [("answer", str(NAME), "brought_back")] == found(answer)
    assert (["R0"], "A1") == (world.shop.ledger, world.document()["access_token"])
    assert ([], False) == (world.dead_letters.bodies, answer["more"])


@fault("F8")
def test_a_sealed_answer_comes_back_although_its_connection_was_given_up(world: World) -> None:
    """The last attempt got no answer either and nothing is due: the answer is what makes it active again."""
    message = answer_in_a_message(world)
    world.run()
    record = replace(world.stored(), reason="last_attempt_ambiguous", exemption=None)
    world.connections.seed(record.with_due(renew_at=None, refresh_at=None, next_at=None))
    world.dead_letters.bury(message.to_json())
    recover(world, connection=str(NAME))

    assert (Status.ACTIVE, "A1", ["R0"]) == (world.stored().status, world.document()["access_token"], world.shop.ledger)


def test_recovering_twice_changes_nothing(world: World) -> None:
    """The second run finds nothing but a secret to compare."""
    world.dead_letters.bury(answer_in_a_message(world).to_json())
    recover(world)
    stands = world.stored()
    answer = recover(world)

    assert ([], 1) == (answer["found"], answer["compared"])
    assert stands == world.stored()


def test_a_letter_that_comes_twice_is_history(world: World) -> None:
    """Its attempt is concluded: the copy is kept sealed, deleted from the queue, and changes nothing."""
    message = answer_in_a_message(world)
    world.dead_letters.bury(message.to_json(), message.to_json())
    answer = recover(world)

    assert ["brought_back", "dropped"] == [one["result"] for one in answer["found"]]
    assert ([], ["R0"], 2) == (world.dead_letters.bodies, world.shop.ledger, world.stored().generation)


def test_a_poison_name_is_queued_again(world: World) -> None:
    """A letter without an answer goes back into the refresh queue as it was."""
    letter = Work(connection=NAME, push=True)
    world.dead_letters.bury(letter.to_json())
    answer = recover(world)

    assert [("dead_letter", str(NAME), "queued")] == found(answer)
    assert [letter, Work(connection=NAME, compare=True)] == world.queue.works
    assert [] == world.dead_letters.bodies


def test_a_letter_is_kept_until_what_it_carries_has_a_place(world: World) -> None:
    """Table or queue are still down: the letter stays, and the same command brings it back later."""
    world.dead_letters.bury(answer_in_a_message(world).to_json(), Work(connection=NAME).to_json())
    world.connections.fail_next("set_aside", StoreUnavailable)
    world.queue.refuse = lambda _work: True
    answer = recover(world)

    assert ["stays", "stays", "stays"] == [one["result"] for one in answer["found"]]
    assert {True} == {one["later"] for one in answer["found"]}
    assert 2 == len(world.dead_letters.bodies)
    world.queue.refuse = lambda _work: False
    world.clock.advance(121)
    assert ["brought_back", "queued"] == [one["result"] for one in recover(world)["found"]]
    assert ([], ["R0"]) == (world.dead_letters.bodies, world.shop.ledger)


@fault("F8")
def test_a_letter_stays_whose_work_the_queue_does_not_accept(world: World) -> None:
    """Somebody holds the connection, and nobody would come after: the letter is kept for the next run."""
    message = answer_in_a_message(world)
    rests = world.stored().with_due(renew_at=None, refresh_at=None, next_at=None)
    world.connections.seed(replace(rests, lease_until=world.clock.now() + 60))
    world.dead_letters.bury(message.to_json())
    world.queue.refuse = lambda _work: True
    (one, *_) = recover(world, connection=str(NAME))["found"]

    assert ("dead_letter", "stays", True) == (one["what"], one["result"], one["later"])
    assert 1 == len(world.dead_letters.bodies)
    world.queue.refuse = lambda _work: False
    world.clock.advance(121)
    assert ["brought_back"] == [one["result"] for one in recover(world)["found"]]
    assert ([], ["R0"], "A1") == (world.dead_letters.bodies, world.shop.ledger, world.document()["access_token"])


@fault("F6")
@pytest.mark.parametrize("reason", ["refused", "last_attempt_ambiguous"])
def test_an_answer_in_hand_asks_no_seller_to_come_back(world: World, reason: str) -> None:
    """KMS is down for a moment: the next command is the same one, whatever its connection has come to."""
    message = answer_in_a_message(world)
    world.run()
    status = Status.REAUTHORIZE if reason == "refused" else Status.HELD
    record = replace(world.stored(), status=status, reason=reason, exemption=None)
    world.connections.seed(record.with_due(renew_at=None, refresh_at=None, next_at=None))
    world.dead_letters.bury(message.to_json())
    world.keys.enabled = False
    told = recover(world, connection=str(NAME))["found"]
    world.keys.enabled = True

    assert {("answer", "stays", f"tokensync recover {NAME}", True)} == {
        (one["what"], one["result"], one["next"], one["later"]) for one in told
    }
    recover(world, connection=str(NAME))
    assert (Status.ACTIVE, "A1", ["R0"]) == (world.stored().status, world.document()["access_token"], world.shop.ledger)


def test_a_letter_that_could_not_be_deleted_comes_again(world: World) -> None:
    """That does no harm: its answer is concluded already."""
    world.dead_letters.bury(answer_in_a_message(world).to_json())
    world.dead_letters.fail_next("delete", QueueUnavailable)
    assert ["brought_back"] == [one["result"] for one in recover(world)["found"]]
    world.clock.advance(121)

    assert ["dropped"] == [one["result"] for one in recover(world)["found"]]
    assert (["R0"], []) == (world.shop.ledger, world.dead_letters.bodies)


def test_dead_letters_that_cannot_be_received_are_told(world: World) -> None:
    """An outage of the queue answers with exit code 5 and the same command."""
    world.dead_letters.fail_next("receive", QueueUnavailable)
    told = world.commands.answer({"tokensync": "recover"}, world.budget())

    assert (False, 5) == (told["ok"], told["exit"])


def test_letters_of_connections_that_are_gone(world: World) -> None:
    """A name is dropped; an answer is kept sealed all the same."""
    world.dead_letters.bury(
        Work(connection=OTHER).to_json(), Work(connection=OTHER, answer=b"sealed", fence=7).to_json()
    )

    assert ["dropped", "dropped"] == [one["result"] for one in recover(world)["found"]]
    assert b"sealed" == world.connections.aside(OTHER, fence=7)
    assert [] == world.dead_letters.bodies


def test_a_letter_that_nobody_can_read_stays(world: World) -> None:
    """It may be a newer version's."""
    world.dead_letters.bury('{"verification": "x"}')
    answer = recover(world)

    assert [("dead_letter", "a message", "stays")] == found(answer)
    assert ("sam deploy", 1) == (answer["found"][0]["next"], len(world.dead_letters.bodies))


def test_one_connections_letters_alone(world: World) -> None:
    """With a name nothing else is touched."""
    world.connected(OTHER, refresh_token="F0")
    world.dead_letters.bury(Work(connection=NAME).to_json(), Work(connection=OTHER).to_json())
    answer = recover(world, connection=str(OTHER))

    assert ([("dead_letter", str(OTHER), "queued")], 1) == (found(answer), answer["compared"])
    assert [Work(connection=OTHER), Work(connection=OTHER, compare=True)] == world.queue.works
    assert [Work(connection=NAME).to_json()] == world.dead_letters.bodies


def test_an_unknown_connection_is_told(world: World) -> None:
    """There is nothing to recover under a name that does not stand."""
    told = world.commands.answer({"tokensync": "recover", "connection": str(OTHER)}, world.budget())

    assert (False, 3) == (told["ok"], told["exit"])


def test_an_answer_set_aside_whose_connection_is_not_due(world: World) -> None:
    """Nobody would look at it: it is concluded without a call."""
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    world.run()
    world.after_lease()
    world.connections.seed(world.stored().with_due(refresh_at=None, next_at=None))
    answer = recover(world)

    assert [("answer", str(NAME), "brought_back")] == found(answer)
    assert (["R0"], "A1", 0) == (world.shop.ledger, world.document()["access_token"], answer["compared"])


def test_an_answer_that_is_a_refusal_says_so(world: World) -> None:
    """What was kept is no token: its connection's next command is told."""
    world.shop.alive.clear()
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    world.run()
    world.after_lease()
    (one,) = recover(world)["found"]

    assert ("answer", "stays", f"tokensync invite {APP} --for {NAME}") == (one["what"], one["result"], one["next"])
    assert (1, 1) == (world.apps.state(APP).tried, world.apps.state(APP).refused)


def test_an_earlier_refusal_that_is_kept_is_nothing(world: World) -> None:
    """Of an earlier presentation only tokens count: nothing is said to be found, and the secret is compared."""
    attempt = Attempt(id="second", fence=9, at=world.clock.now(), earlier=(7,))
    record = replace(world.stored().with_due(renew_at=None, refresh_at=None, next_at=None), attempt=attempt, fence=9)
    world.connections.seed(record)
    refusal = world.shop.answer({"code": 36004005, "message": "no", "data": None, "request_id": "t"})
    sealed = world.sealer.new_key(APP).seal(refusal.to_bytes(), binding=answer_binding(NAME))
    world.connections.set_aside(NAME, fence=7, why="unplaced", sealed=sealed, now=world.clock.now())
    answer = recover(world)

    assert ([], 1, []) == (answer["found"], answer["compared"], world.shop.ledger)
    assert not is_answered(world.stored(), world.connections)


def test_a_fleet_is_compared_in_pieces() -> None:
    """More than one call of the queue takes, each once."""
    world = World()
    for index in range(230):
        world.connected(ConnectionName(APP, f"seller-{index:03}"), refresh_token=f"F{index}")

    assert 230 == recover(world)["compared"] == len({work.connection for work in world.queue.works})


def test_an_answer_whose_connection_somebody_holds_is_queued(world: World) -> None:
    """It is looked at again after the present holder."""
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    world.run()
    answer = recover(world)

    assert [("answer", str(NAME), "queued")] == found(answer)
    assert [Work(connection=NAME, compare=True)] == world.queue.works


def test_an_answer_that_cannot_be_opened_now_stays(world: World) -> None:
    """KMS is down: nothing is lost, and it is tried again by itself."""
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    world.run()
    world.after_lease()
    world.keys.enabled = False
    (one,) = recover(world)["found"]
    world.keys.enabled = True
    world.after_lease()

    assert ("answer", "stays", True) == (one["what"], one["result"], one["later"])
    assert [("answer", str(NAME), "brought_back")] == found(recover(world))
    assert ["R0"] == world.shop.ledger


def test_every_secret_is_compared(world: World) -> None:
    """Each connection that stands is queued for a comparison; the worker mends what differs."""
    world.run()
    arn = world.stored().published.arn  # type: ignore[union-attr]
    world.secrets.put(arn, '{"stale": true}', token="00000000-0000-0000-0000-000000000001")
    answer = recover(world)
    world.drain()

    assert 1 == answer["compared"]
    assert "A1" == world.document()["access_token"]


@pytest.mark.parametrize(
    ("change", "following"),
    [
        ({"status": Status.ORPHANED, "reason": "gone"}, f"tokensync publish {NAME}"),
        ({"status": Status.DISCONNECTED, "reason": Reason.REMOVED}, f"tokensync remove {NAME}"),
    ],
)
def test_what_only_an_operators_word_mends_is_told(world: World, change: dict[str, Any], following: str) -> None:
    """It is compared with nothing, restored by nobody, and its command is named."""
    record = world.connections.seed(
        replace(world.stored().with_due(renew_at=None, refresh_at=None, next_at=None), **change)
    )
    answer = recover(world)

    assert ([("connection", str(NAME), "stays")], 0) == (found(answer), answer["compared"])
    assert following == answer["found"][0]["next"]
    assert record == world.stored()
    assert [] == world.alerts.told


def test_what_was_removed_is_left_out(world: World) -> None:
    """There is nothing to compare."""
    world.connections.seed(replace(world.stored(), removed_at=world.clock.now()))

    assert ([], 0) == (recover(world)["found"], recover(world)["compared"])


def test_a_short_life_goes_on_where_it_ended() -> None:
    """Whoever asks again with the cursor gets the rest, each connection once."""
    world = World(seconds=20)
    names = [ConnectionName(APP, f"seller-{index:03}") for index in range(7)]
    for index, name in enumerate(names):
        world.connected(name, refresh_token=f"F{index}")
    honest = world.connections.list

    def slow(app: str) -> Any:
        for record in honest(app):
            world.clock.advance(2)
            yield record

    world.connections.list = slow  # type: ignore[method-assign]
    compared, rounds, answer = 0, 0, {"more": True, "cursor": ""}
    while answer["more"]:
        answer = recover(world, cursor=answer["cursor"])
        compared, rounds = compared + answer["compared"], rounds + 1
        world.connections.list = honest if rounds else slow  # type: ignore[method-assign]

    assert (7, 2) == (compared, rounds)
    assert sorted(names) == sorted(work.connection for work in world.queue.works if work.connection is not None)


def authorize(world: World) -> int:
    """Let a seller come back with a code; return the callback's status."""
    away = world.seller_pages.connect(APP, world.invite(for_account=ACCOUNT), (), base_url=world.base_url)
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    cookie = away.cookies[0].partition(";")[0]
    return world.seller_pages.callback(
        APP, f"code=code-1&state={quote(state)}", (cookie,), world.budget(), base_url=world.base_url
    ).status


def authorization_in_a_message(world: World) -> Work:
    """Let the table be down after a code was answered: a sealed message keeps the bytes."""
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    assert 503 == authorize(world)
    (message,) = world.queue.drain()
    world.after_lease()
    return message


def test_an_answered_code_among_the_dead_letters_is_finished() -> None:
    """Its authorization gets its answer, and the next worker makes the connection of it."""
    world = World()
    world.dead_letters.bury(authorization_in_a_message(world).to_json())
    answer = recover(world)
    world.drain()

    assert [("dead_letter", APP, "queued")] == found(answer)
    assert (["code-1"], "A1", []) == (world.shop.ledger, world.document()["access_token"], world.dead_letters.bodies)


def test_an_answered_code_outlives_its_authorization() -> None:
    """The authorization has expired and is gone: the tokens are real, and become a connection all the same."""
    world = World()
    message = authorization_in_a_message(world)
    assert message.authorization is not None
    del world.table.rows[f"app#{APP}", message.authorization.sort_key]
    world.dead_letters.bury(message.to_json())
    recover(world)
    world.drain()

    assert (["code-1"], "A1") == (world.shop.ledger, world.document()["access_token"])


def test_an_answered_code_that_outlived_its_authorization_replaces_nothing() -> None:
    """When it was given nobody knows: what stands is not replaced by it."""
    world = World()
    message = authorization_in_a_message(world)
    assert message.authorization is not None
    del world.table.rows[f"app#{APP}", message.authorization.sort_key]
    world.connections.seed(world.connected().with_authorized(authorized_at=world.clock.now(), authorized_by="later"))
    world.dead_letters.bury(message.to_json())
    recover(world)
    world.drain()

    assert "later" == world.stored().authorized.authorized_by
    assert ["R0"] == [shown for shown in world.shop.ledger if shown.startswith("R")]


def test_a_letter_of_an_authorization_that_ended_is_dropped() -> None:
    """Its answer found its place after all."""
    world = World()
    message = authorization_in_a_message(world)
    world.dead_letters.bury(message.to_json(), message.to_json())
    recover(world)
    world.drain()
    world.dead_letters.bury(message.to_json())

    assert ["dropped"] == [one["result"] for one in recover(world)["found"]]
    assert [] == world.dead_letters.bodies


def test_a_letter_of_an_answered_authorization_is_queued() -> None:
    """A worker could not finish it in five tries: it is tried again."""
    world = World()
    key = AuthorizationKey(APP, "browser", "nonce")
    world.dead_letters.bury(Work(authorization=key).to_json())

    assert [("dead_letter", APP, "queued")] == found(recover(world))
    assert [Work(authorization=key)] == world.queue.works


def unnamed(world: World, detail: str = "no_account") -> AuthorizationKey:
    """Let an authorization be given up after a day, because nobody could tell whose account it is."""
    message = authorization_in_a_message(world)
    assert message.authorization is not None
    authorization = world.authorizations.get(message.authorization)
    assert authorization is not None
    ended = replace(
        authorization,
        outcome=AuthorizationState.FAILED,
        detail=detail,
        sealed_answer=message.answer,
        received_at=world.clock.now(),
        lease_until=None,
    )  # fmt: skip
    world.authorizations.seed(ended)
    world.clock.advance(2 * DAY)
    return authorization.key


def test_an_authorization_that_was_given_up_is_asked_for_again() -> None:
    """Answered, and its account could not be named within a day: the same code's tokens become a connection now."""
    world = World()
    unnamed(world)
    answer = recover(world)
    world.drain()

    assert [("authorization", APP, "queued")] == found(answer)
    assert (["code-1"], "A1") == (world.shop.ledger, world.document()["access_token"])
    assert [] == recover(world)["found"]


def test_many_authorizations_take_several_runs() -> None:
    """A run that ends among them is followed by another, and each is asked for once."""
    world = World(seconds=20)
    key = unnamed(world)
    authorization = world.authorizations.get(key)
    assert authorization is not None
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

    assert 3 == len(answers)
    assert ["queued"] * 7 == [one["result"] for answer in answers for one in answer["found"]]


def test_an_authorization_that_the_queue_does_not_take_is_due() -> None:
    """The schedule finds it."""
    world = World()
    unnamed(world)
    world.queue.refuse = lambda _work: True
    recover(world)
    world.queue.refuse = lambda _work: False
    world.settle(ticks=2)

    assert "A1" == world.document()["access_token"]


def test_an_authorization_that_cannot_be_reopened_now_stays() -> None:
    """The table is down: the same command does it later."""
    world = World()
    unnamed(world)
    world.authorizations.fail_next("write", StoreUnavailable)
    (one,) = recover(world)["found"]

    assert ("stays", True, "tokensync recover") == (one["result"], one["later"], one["next"])
    assert ["queued"] == [one["result"] for one in recover(world)["found"]]


def test_an_authorization_that_another_worker_reopened() -> None:
    """Two operators at once: one of them is enough."""
    world = World()
    key = unnamed(world)

    def other() -> None:
        authorization = world.authorizations.get(key)
        assert authorization is not None
        world.authorizations.seed(replace(authorization, fence=authorization.fence + 1))

    world.authorizations.before_next("write", other)

    assert ["queued"] == [one["result"] for one in recover(world)["found"]]


def test_other_kept_answers_are_told_with_what_to_do() -> None:
    """No connection can come of them: the seller is invited again."""
    world = World()
    unnamed(world, detail="unusable_answer")
    (one,) = recover(world)["found"]

    assert ("stays", f"tokensync invite {APP}", False) == (one["result"], one["next"], one["later"])
    assert "unusable_answer" in one["why"]


def test_a_brought_back_answer_that_cannot_be_published_says_so(world: World) -> None:
    """The pair is in the grant; the secret takes no version today."""
    world.dead_letters.bury(answer_in_a_message(world).to_json())
    secret = world.secrets.secret(NAME)
    secret.most = len(secret.versions)
    (one,) = recover(world)["found"]

    assert ("brought_back", f"tokensync publish {NAME}") == (one["result"], one["next"])
    assert "R1" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]


def test_nothing_of_an_answer_is_told(world: World) -> None:
    """Neither what is found nor a letter's repr holds anything that it carries."""
    world.dead_letters.bury(answer_in_a_message(world).to_json())
    letters = world.dead_letters.receive()
    world.clock.advance(121)
    told = repr((recover(world), letters, world.log.lines, world.alerts.told))

    assert [] == [token for token in ("A1", "R1", "R0") if f"'{token}'" in told or f'"{token}"' in told]
    assert letters[0].body not in told
