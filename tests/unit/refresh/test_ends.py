"""The end of an access token: nothing is held beyond it, no secret is active over it, and each cause has its name."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from fakes.records import changed
from fakes.scripted import OIDC, Staged
from fakes.troubles import aged, alerts, at_its_time, dropped, events, patched
from fakes.world import APP, NAME, World
from field_rows import field
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Exemption, LastError, Reason, Status
from tokensync.domain.errors import NoAnswer, NotSent, PublishUnavailable, UnknownApp
from tokensync.domain.names import ConnectionName
from tokensync.operate.summary import condition
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from fakes.scripted import Word

LEFT = 1200  # seconds that the access token has left when its refresh is due
USER = ConnectionName(OIDC.name, "u-1")
UNEXPLAINED: list[Any] = [
    {"error": "frobnicated", "error_description": "this token was frobnicated"},
    {"error": 4711, "message": "frobnicated"},
    {"ok": False, "error": "frobnicated"},
]


def staged(left: int = LEFT, **settings: str) -> Staged:
    """Return a stage with one connection whose refresh is due, and whose access token has `left` seconds."""
    stage = Staged.of(replace(OIDC, settings={**OIDC.settings, "refresh_reuse": "single_use", **settings}))
    world, now = stage.world, stage.world.clock.now()
    world.connected(USER)
    aged(world, USER, obtained_at=now - 2400, ends=now + left, provider="oauth2")
    return stage


def refused(stage: Staged, word: Any) -> Word:
    """Return an explicit error under the status that RFC 6749 gives it."""
    return stage.server.answer(word, status=400)


def lived(world: World, name: ConnectionName, *, minutes: int) -> list[str]:
    """Let the schedule run on; return what the secret said each minute over an access token that had ended."""
    said = []
    for _ in range(minutes):
        world.settle(ticks=1)
        document = world.document(name)
        if document["expires_at"] <= world.clock.now():
            said.append(document["status"])
    return said


@field("A6")
@pytest.mark.parametrize("word", UNEXPLAINED[:1])
def test_an_explicit_error_that_nothing_explains_is_retried_until_the_end(word: Any) -> None:
    """It issued nothing: the connection stays active, each further presentation says so before it is sent."""
    stage = staged()
    world, marks = stage.world, []
    stage.server.says("/token", refused(stage, word))
    shown = world.failpoints.reached
    world.failpoints.reached = lambda place: (  # type: ignore[method-assign]
        shown(place),
        marks.append(world.stored(USER).attempt) if place == "sent" else None,
    )[0]
    lived(world, USER, minutes=LEFT // 60 - 1)
    record = world.stored(USER)

    assert (Status.ACTIVE, "active") == (record.status, world.document(USER)["status"])
    assert 5 <= stage.server.times("/token") <= 12
    exemptions = [mark.exemption for mark in marks if mark is not None]
    assert [None, *[Exemption.NOT_PROCESSED] * (len(exemptions) - 1)] == exemptions
    assert ["refresh.unexplained"] == alerts(world)

    assert ["active", "reauthorize"] == lived(world, USER, minutes=2)
    asked = stage.server.times("/token")
    assert {"reauthorize"} == set(lived(world, USER, minutes=120))
    record = world.stored(USER)
    assert (Status.REAUTHORIZE, Reason.ENDED, None) == (record.status, record.reason, record.due.next_at)
    assert asked == stage.server.times("/token")
    assert "frobnicated" in str(record.last_error)
    assert "connection.reauthorization_needed" == record.history[-1].event
    told = world.alerts.told[-1]
    assert ("connection.reauthorize", f"tokensync invite {OIDC.name} --for {USER}") == (told.kind, told.next_command)
    assert "this token was frobnicated" in told.detail
    assert "the seller has to authorize again" in told.detail
    shown_now = condition(record)
    assert shown_now is not None
    assert ("ended", True) == (shown_now.word, "this token was frobnicated" in shown_now.why)


@field("A6")
def test_an_error_that_nothing_explains_is_tried_shortly_before_the_end() -> None:
    """However long the waits have become: the last try comes in the last minutes."""
    stage = staged(left=40_000)
    stage.server.says("/token", refused(stage, UNEXPLAINED[0]))
    tried = []
    while stage.world.stored(USER).status is Status.ACTIVE and at_its_time(stage.world, USER) >= 0:
        before = stage.server.times("/token")
        stage.world.run(USER)
        tried += [stage.world.clock.now()] * (stage.server.times("/token") - before)

    assert 0 < stage.world.stored(USER).access_expires_at - max(tried) <= 120  # type: ignore[operator]
    assert max(later - earlier for earlier, later in pairwise(tried)) <= 4500
    assert Status.REAUTHORIZE is stage.world.stored(USER).status


@field("A6")
def test_an_ended_token_stays_ended_until_there_is_another() -> None:
    """Answers with a good refresh token and no usable access token change nothing of it: one alert, and no `active`."""
    stage = staged()
    stage.server.says("/token", lambda _: {"access_token": "Token expired", "refresh_token": "N", "expires_in": 3600})
    said = lived(stage.world, USER, minutes=600)

    assert ["active", "reauthorize"] == [said[0], *{*said[1:]}]
    assert 1 == alerts(stage.world).count("connection.ended")
    stage.server.says("/token", {"access_token": "NEW", "refresh_token": "N2", "expires_in": 3600})
    stage.world.settle(ticks=61)
    assert ("NEW", "active") == (stage.world.published(USER), stage.world.document(USER)["status"])


@field("A6")
def test_each_cause_is_alerted_once() -> None:
    """Another error of the same connection is another cause; the same one, however often, is not."""
    stage = staged(left=100_000)
    one, two = (refused(stage, {"error": code}) for code in ("frobnicated", "defenestrated"))
    stage.server.says("/token", one, one, one, two, two)
    for _ in range(6):
        at_its_time(stage.world, USER)
        stage.world.run(USER)

    assert ["refresh.unexplained"] * 2 == alerts(stage.world)


@field("A6")
def test_an_unexplained_error_that_goes_away_leaves_nothing() -> None:
    """The token was never spent."""
    stage = staged()
    new = {"access_token": "OA", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "OR"}
    stage.server.says("/token", refused(stage, UNEXPLAINED[1]), new)
    lived(stage.world, USER, minutes=4)

    assert (Status.ACTIVE, None) == (stage.world.stored(USER).status, condition(stage.world.stored(USER)))
    assert "OA" == stage.world.published(USER)


STANDING: dict[str, tuple[Any, str]] = {
    "busy": (429, "the provider says that it is busy (http_429)"),
    "not sent": (NotSent("no route"), "the provider could not be reached (not_sent no route)"),
    "no answer, and a token works twice": (NoAnswer("lost"), "the provider gave no usable answer (no_answer lost)"),
}


@field("A6")
@pytest.mark.parametrize("trouble", STANDING)
def test_what_may_still_be_presented_comes_back_by_itself(trouble: str) -> None:
    """Its access token has ended, and its secret says so; no seller is asked, and the first answer makes it active."""
    word, cause = STANDING[trouble]
    stage = staged(refresh_reuse="safe" if "twice" in trouble else "single_use")
    world = stage.world
    stage.server.says("/token", word)
    said = lived(world, USER, minutes=120)

    assert ["active", "reauthorize"] == [status for n, status in enumerate(said) if status not in said[:n]]
    assert 1 == said.count("active")
    record = world.stored(USER)
    assert (Status.REAUTHORIZE, Reason.ENDED) == (record.status, record.reason)
    assert ["connection.ended"] == alerts(world)
    assert 1 == [entry.event for entry in record.history].count("access_token.ended")
    told = world.alerts.told[-1]
    assert f"its access token has ended and could not be renewed: {cause}; it is tried again by itself" == told.detail
    assert f"tokensync show {USER}" == told.next_command
    seen = condition(record)
    assert seen is not None
    assert ("ended", f"tokensync show {USER}") == (seen.word, str(seen.command(USER)))

    stage.server.says("/token", {"access_token": "OA", "expires_in": 3600, "refresh_token": "OR"})
    world.settle(ticks=80)
    assert (Status.ACTIVE, "", "active", "OA") == (
        world.stored(USER).status,
        world.stored(USER).reason,
        world.document(USER)["status"],
        world.published(USER),
    )
    assert ["connection.ended"] == alerts(world)


@field("A6")
def test_an_ended_connection_may_be_refreshed_by_hand() -> None:
    """As long as it is tried by itself; where nothing is, only --force presents what is left."""
    stage = staged()
    stage.server.says("/token", NotSent("no route"))
    lived(stage.world, USER, minutes=40)
    answer = stage.world.ask("refresh", connection=str(USER))
    assert (5, "postponed", "not_sent") == (
        answer["exit"],
        answer["result"],
        answer["connection"]["last_error"]["class"],
    )
    stage.server.says("/token", {"access_token": "OA", "expires_in": 3600, "refresh_token": "OR"})
    assert stage.world.ask("verify", connection=str(USER))["ok"]

    stage = staged()
    stage.server.says("/token", NoAnswer("lost"))
    lived(stage.world, USER, minutes=40)
    asked = stage.server.times("/token")
    answer = stage.world.ask("refresh", connection=str(USER))
    assert (4, f"tokensync invite {OIDC.name} --for {USER}") == (answer["exit"], answer["error"]["next"])
    assert (2, asked) == (asked, stage.server.times("/token"))
    stage.server.says("/token", {"access_token": "OA", "expires_in": 3600, "refresh_token": "OR"})
    assert stage.world.ask("refresh", connection=str(USER), force=True)["ok"]
    assert Status.ACTIVE is stage.world.stored(USER).status


@field("A6")
@pytest.mark.parametrize(
    "words",
    [
        (NoAnswer("lost"), NoAnswer("lost")),
        (NoAnswer("lost"), {"error": "frobnicated"}),
        (502, 500),
        (NoAnswer("lost"), 504),
    ],
    ids=["no answer", "an unexplained error after none", "a gateway", "a gateway after none"],
)
def test_a_last_attempt_in_vain_is_held_no_longer_than_its_token(words: tuple[Any, ...]) -> None:
    """It is presented twice in all, held until its access token ends, and then its seller is asked."""
    stage = staged()
    stage.server.says("/token", *(refused(stage, word) if isinstance(word, dict) else word for word in words))
    lived(stage.world, USER, minutes=LEFT // 60 - 1)
    assert (Status.HELD, "held", 2) == (
        stage.world.stored(USER).status,
        stage.world.document(USER)["status"],
        stage.server.times("/token"),
    )

    said = lived(stage.world, USER, minutes=100)
    assert {"held": 1, "reauthorize": len(said) - 1} == {status: said.count(status) for status in said}
    assert (Reason.ENDED, None, 2) == (
        stage.world.stored(USER).reason,
        stage.world.stored(USER).due.next_at,
        stage.server.times("/token"),
    )
    assert ["connection.held", "connection.reauthorize"] == alerts(stage.world)


@field("A6")
def test_an_attempt_that_gets_no_answer_at_the_very_end_has_its_last_one() -> None:
    """It is told as ended, and tried once more by itself before a seller is asked."""
    stage = staged(left=1)
    stage.server.says("/token", NoAnswer("lost"))
    stage.world.clock.advance(2)
    stage.world.run(USER)
    record = stage.world.stored(USER)
    assert (Status.REAUTHORIZE, Exemption.LAST_ATTEMPT) == (record.status, record.exemption)
    assert record.due.renew_at is not None
    lived(stage.world, USER, minutes=20)

    assert 2 == stage.server.times("/token")
    assert ["connection.ended", "connection.reauthorize"] == alerts(stage.world)
    assert 1 == events(stage.world, USER).count("connection.reauthorization_needed")


@field("A6")
def test_another_accounts_answer_is_held_no_longer_than_the_token() -> None:
    """Nothing more was tried; at the end the seller is asked."""
    world = World()
    world.connected()
    world.shop.script.append(patched(open_id="somebody-else"))
    world.run()
    assert (Status.HELD, Reason.OTHER_ACCOUNT) == (world.stored().status, world.stored().reason)
    at_its_time(world)
    world.settle(ticks=1)

    assert (Status.REAUTHORIZE, "reauthorize") == (world.stored().status, world.document()["status"])
    assert "named another account" in world.alerts.told[-1].detail


@field("A6")
@pytest.mark.parametrize("verifies", [True, False])
def test_a_token_that_nothing_can_renew_ends(verifies: bool) -> None:  # noqa: FBT001 - a parameter
    """Whether or not its provider can be asked about it, and although that was answered well."""
    stage = staged(left=600)
    world = stage.world
    stage.server.says("/userinfo", {"sub": "u-1"})
    record = world.stored(USER).with_due(renew_at=None, verify_at=world.clock.now() + 10 if verifies else None)
    world.connections.seed(scheduled(record))
    assert record.access_expires_at == (world.stored(USER).due.next_at if not verifies else record.access_expires_at)
    lived(world, USER, minutes=12)

    assert (Status.REAUTHORIZE, "reauthorize") == (world.stored(USER).status, world.document(USER)["status"])
    assert ["connection.reauthorize"] == alerts(world)


@field("A6")
def test_a_paused_app_keeps_no_secret_active_and_asks_no_seller() -> None:
    """The alert names the app; once it runs again, the connection is renewed by itself."""
    stage = staged()
    world = stage.world
    world.apps.pause(OIDC.name, kind=PauseKind.OPERATOR, why="an operator's wish", now=world.clock.now())
    said = lived(world, USER, minutes=60)
    assert 1 == said.count("active")
    assert ["connection.ended"] == alerts(world)
    assert "its app is paused (an operator's wish)" in world.alerts.told[-1].detail
    world.apps.resume(OIDC.name, now=world.clock.now())
    stage.server.says("/token", {"access_token": "OA", "expires_in": 3600, "refresh_token": "OR"})
    world.settle(ticks=15)

    assert (Status.ACTIVE, "OA") == (world.stored(USER).status, world.published(USER))


@field("A6")
@pytest.mark.parametrize("withheld", ["keys", "app", "secrets"])
def test_what_aws_withheld_comes_back_by_itself(withheld: str) -> None:
    """Beyond the end of the access token as well. Its secret says so as soon as it can be written."""
    stage = staged()
    world, honest, written = stage.world, stage.world.apps.get, stage.world.secrets.put
    stage.server.says("/token", {"access_token": "OA", "expires_in": 3600, "refresh_token": "OR"})

    def gone(name: str, **_how: bool) -> None:
        raise UnknownApp(name)

    def throttled(*_what: object, **_how: object) -> None:
        raise PublishUnavailable("throttled")

    match withheld:
        case "keys":
            world.keys.enabled = False
        case "app":
            world.apps.get = gone  # type: ignore[method-assign, assignment]
        case "secrets":
            world.secrets.put = throttled  # type: ignore[method-assign]
            world.connections.seed(replace(world.stored(USER), unpublished="unavailable"))
    said = lived(world, USER, minutes=60)
    if withheld == "app":
        assert 1 == said.count("active")
        assert "AWS or the app's own secret withheld" in world.alerts.told[-1].detail
    if withheld == "secrets":
        assert (Status.REAUTHORIZE, "unavailable") == (world.stored(USER).status, world.stored(USER).unpublished)
    world.keys.enabled, world.apps.get = True, honest  # type: ignore[method-assign]
    world.secrets.put = written  # type: ignore[method-assign]
    world.settle(ticks=70)

    assert (Status.ACTIVE, "OA", "active") == (
        world.stored(USER).status,
        world.published(USER),
        world.document(USER)["status"],
    )
    assert "connection.reauthorize" not in alerts(world)


@field("A6")
def test_an_end_that_could_not_be_published_is_published_later() -> None:
    """As any publishing is."""
    world = World()
    world.connected()
    world.shop.script += [dropped, dropped]
    world.run()
    at_its_time(world)
    world.run()
    world.secrets.fail_next("put", PublishUnavailable)
    at_its_time(world)
    world.run()
    assert (Status.REAUTHORIZE, "held") == (world.stored().status, world.document()["status"])
    world.settle(ticks=5)

    assert ("reauthorize", None) == (world.document()["status"], world.stored().due.next_at)


@field("A6")
def test_an_import_that_no_answer_ever_proved_is_not_held() -> None:
    """It has no access token whose end could be waited for, and no secret."""
    world = World()
    world.shop.script += [dropped, dropped]
    world.ask("import", app=APP, account=NAME.account, refresh_token="R0")
    world.settle(ticks=5)

    assert (Status.REAUTHORIZE, Reason.ENDED, None) == (
        world.stored().status,
        world.stored().reason,
        world.secrets.document(NAME),
    )
    assert "it never had an access token" in world.alerts.told[-1].detail


@field("A6")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"renew_at": None},
            "its access token has ended, and nothing can renew it; the last failure was: unknown 4711 no",
        ),
        ({"renew_at": 1}, "it is tried again by itself; the last failure was: unknown 4711 no"),
    ],
)
def test_the_last_words_of_a_provider_are_shown(change: dict[str, Any], words: str, record: Any, now: int) -> None:
    """`list`, `show` and the answers of commands have them from one place."""
    error = LastError("unknown", "4711", "no", "", now)
    ended = changed(record, status=Status.REAUTHORIZE, reason="ended", last_error=error, **change)
    seen = condition(ended)

    assert seen is not None
    assert seen.why.endswith(words)


@field("A6")
def test_what_an_older_version_held_for_ever_is_found_by_recover() -> None:
    """Its record is in no index: a comparison finds that its access token has ended."""
    world = World()
    world.connected()
    ends = world.clock.now() - 86_400
    record = aged(world, obtained_at=ends - 3600, ends=ends, status=Status.HELD, reason="last_attempt_ambiguous")
    world.connections.seed(record.with_due(renew_at=None, refresh_at=None, next_at=None, claim=None))
    world.ask("recover")
    world.drain()

    assert (Status.REAUTHORIZE, "reauthorize") == (world.stored().status, world.document()["status"])
    assert ["connection.reauthorize"] == alerts(world)
