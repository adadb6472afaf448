"""While AWS withholds something, a connection waits for minutes; while its own app is at fault, for ever longer."""

from __future__ import annotations

from fakes.troubles import answers, ask, at_its_time, carted, spoil, unplaced, work_on
from fakes.world import NAME, World
from fault_rows import fault
from tokensync.domain.connection import Status
from tokensync.domain.errors import PublishUnavailable, SealingUnavailable, UnknownApp
from tokensync.domain.work import Work
from tokensync.operate.summary import condition
from tokensync.refresh.result import Result


def failing(world: World, *, times: int) -> int:
    """Run a worker so many times in vain, each when the connection is due; return the last wait in seconds."""
    wait = 0
    for _ in range(times):
        world.run()
        wait = at_its_time(world)
    return wait


def word(world: World) -> str | None:
    """Return why the connection is not simply active, in a word."""
    shown = condition(world.stored())
    return None if shown is None else shown.word


def test_a_key_service_that_fails_for_hours_is_asked_every_few_minutes(world: World) -> None:
    """However long it lasted, a worker comes within five minutes of its end."""
    world.keys.enabled = False

    assert 180 <= failing(world, times=12) <= 300
    assert [] == world.shop.ledger


def test_an_app_that_is_gone_is_asked_for_ever_more_rarely(world: World) -> None:
    """Nobody but an operator ends that: the wait grows to an hour."""

    def gone(name: str, **_how: bool) -> None:
        raise UnknownApp(name)

    world.apps.get = gone  # type: ignore[method-assign, assignment]

    assert 2700 <= failing(world, times=12) <= 4500


@fault("F6", "F8")
def test_an_answer_whose_message_came_in_an_outage_is_published_after_it(world: World) -> None:
    """Nothing is due of its connection, and its message is gone: the record asks for it."""
    message = unplaced(world)
    world.run()
    at_its_time(world)
    world.run()
    assert (Status.REAUTHORIZE, None) == (world.stored().status, world.stored().due.next_at)
    world.keys.enabled = False
    work_on(world, message)
    world.settle(ticks=30)
    world.keys.enabled = True
    world.settle(ticks=10)

    assert (Status.ACTIVE, None) == (world.stored().status, word(world))
    assert ("active", "A1") == (world.document()["status"], world.document()["access_token"])


def test_a_command_in_an_outage_says_so_and_leaves_nothing_that_is_queued_for_ever(world: World) -> None:
    """Nothing is due: it is tried once more and then rests; the provider is not blamed, the command leads to itself."""
    world.shop.alive.discard("R0")
    world.run()
    world.sealer.fail_next("open", SealingUnavailable("KMS is down"), times=3)
    error = ask(world, "revoke", local=True)["error"]
    assert ("postponed", f"tokensync revoke --local {NAME}") == (error["class"], error["next"])
    assert error["message"].endswith("AWS or the app's own secret withheld what it needs now (KMS is down)")
    world.settle(ticks=60)

    assert (Status.REAUTHORIZE, None) == (world.stored().status, world.stored().due.next_at)
    sent = world.connections.calls["claim"]
    world.settle(ticks=60)
    assert sent == world.connections.calls["claim"]


def test_a_push_that_was_asked_for_in_an_outage_is_asked_for_again(world: World) -> None:
    """The record does not say that its pair has to be handed over once more: the message comes again."""
    cart = carted(world, push="api2cart")
    world.settle(ticks=3)
    message = Work(connection=NAME, push=True)
    world.sealer.fail_next("open", SealingUnavailable)

    assert (("1",), ()) == (work_on(world, message), work_on(world, message))
    assert ["A1", "A1"] == cart.handed


def test_a_refresh_that_aws_kept_from_being_made_says_so(world: World) -> None:
    """It is due, and so tried again by itself; `list` shows that it waits, and nothing once that is over."""
    world.keys.enabled = False
    error = ask(world, "refresh")["error"]

    assert ("postponed", f"tokensync show {NAME}") == (error["class"], error["next"])
    assert "AWS or the app's own secret withheld" in error["message"]
    assert ([], "postponed") == (world.shop.ledger, word(world))
    world.keys.enabled = True
    world.settle(ticks=10)
    assert (None, "A1") == (word(world), world.document()["access_token"])


def test_the_providers_failure_is_shown_as_such(world: World) -> None:
    """A 503 is the provider's, whatever AWS withholds beside it."""
    world.shop.script.append(answers(world, b"busy", status=503, retry_after="5"))
    failing(world, times=1)
    world.keys.enabled = False
    world.run()

    assert "retried" == word(world)


def test_a_comparison_that_succeeds_after_an_outage_ends_what_is_shown(world: World) -> None:
    """Nothing but AWS was in the way, and nothing is due for days: it is simply active again."""
    world.run()
    world.secrets.fail_next("current_version", PublishUnavailable)
    assert (Result.POSTPONED, "postponed") == (world.run(compare=True).result, word(world))
    world.settle(ticks=5)

    assert (None, 0) == (word(world), world.stored().failures)


def test_a_publication_after_an_outage_ends_what_is_shown(world: World) -> None:
    """The comparison that failed found nothing; the next one writes the secret, and nothing is in the way any more."""
    world.run()
    world.secrets.fail_next("current_version", PublishUnavailable)
    world.run(compare=True)
    spoil(world)
    world.settle(ticks=5)

    assert ("A1", None, 0) == (world.document()["access_token"], word(world), world.stored().failures)
