"""Answers that are odd, late or worthless, and the pages around them."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from fakes.scripted import OIDC, Staged, id_token, oidc_token
from fakes.visitors import Browser
from fakes.world import APP, World
from fault_rows import fault
from field_rows import field
from tokensync.domain.app_state import PauseKind
from tokensync.domain.authorization import Authorization, AuthorizationState
from tokensync.domain.connection import Attempt, Exemption, Reason, Status
from tokensync.domain.errors import InvalidApp, StoreUnavailable
from tokensync.domain.work import Work
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse


@pytest.fixture
def world() -> World:
    """A stack without any connection."""
    return World()


@pytest.fixture
def stage() -> Staged:
    """An OpenID provider."""
    made = Staged.of(OIDC)
    made.server.says("/userinfo", {"sub": "u-1"})
    return made


def authorization_of(world: World) -> Authorization:
    """Return the only authorization."""
    (authorization,) = [row.record for key, row in world.table.rows.items() if key[1].startswith("pending#")]
    assert isinstance(authorization, Authorization)
    return authorization


@pytest.mark.parametrize("token", ["", "a\nb", "ä", 7, {}, "x" * 16_385], ids=["empty", "line", "ä", "7", "{}", "long"])
def test_an_access_token_that_nobody_can_carry_makes_no_connection(stage: Staged, token: object) -> None:
    """The answer is kept: its refresh token may still be good."""
    stage.server.says("/token", oidc_token(access_token=token))

    assert "could not be connected" in stage.connect().body
    assert ["authorization.unusable"] == stage.alerts()
    assert authorization_of(stage.world).sealed_answer is not None
    assert 0 == stage.server.times("/userinfo")


@field("A11")
@pytest.mark.parametrize(
    ("expires_in", "is_odd"), [(-1, True), ("soon", True), ("3600", False), (3600.5, False), (10**10, False)]
)
def test_an_odd_answer_is_used(stage: Staged, expires_in: object, *, is_odd: bool) -> None:
    """What is usable of it is used: the pair is real. What does no harm is noted, and nobody is alerted."""
    stage.server.says("/token", oidc_token(expires_in=expires_in))

    assert "Your account is connected" in stage.connect().body
    assert (["answer.odd"] if is_odd else []) == stage.alerts()
    assert is_odd is not any(line.event == "answer.noted" for line in stage.world.log.lines)
    assert "OA" == stage.world.document(stage.name("u-1"))["access_token"]


def worded(stage: Staged, how: str) -> ProviderResponse:
    """Return the server's answer to a code, as real servers and what stands before them spoil it."""
    told = json.dumps(oidc_token(name="Müller"), ensure_ascii=False).encode()
    form = urlencode({name: str(value) for name, value in oidc_token().items()}).encode()
    bodies: dict[str, tuple[bytes, dict[str, str]]] = {
        "gzip": (gzip.compress(told), {"content_encoding": "gzip"}),
        "deflate": (zlib.compress(told), {"content_encoding": "deflate"}),
        "a mark": (b"\xef\xbb\xbf" + told, {}),
        "Latin-1": (told.decode().encode("latin-1"), {}),
        "twice": (told[:-1] + b"," + told[1:], {}),
        "a form": (form, {"content_type": "application/x-www-form-urlencoded"}),
    }
    body, headers = bodies[how]
    return stage.server.answer(body, **headers)


@field("A2", "A12")
@pytest.mark.parametrize("how", ["gzip", "deflate", "a mark", "Latin-1", "twice", "a form"])
def test_an_oddly_written_answer_connects(stage: Staged, how: str) -> None:
    """The pair is real and unharmed; the facts may come packed as well."""
    facts = gzip.compress(b'\xef\xbb\xbf{"sub":"u-1","name":"Ada"}')
    stage.server.says("/token", worded(stage, how))
    stage.server.says("/userinfo", stage.server.answer(facts, content_encoding="gzip"))

    assert "Your account is connected" in stage.connect().body
    assert ("OA", "Ada") == (
        stage.world.document(stage.name("u-1"))["access_token"],
        stage.world.document(stage.name("u-1"))["label"],
    )
    assert [] == stage.alerts()


@field("A14")
@pytest.mark.parametrize(
    ("subject", "account"),
    [(7, "7"), (0, "0"), (2**63 + 1, "9223372036854775809"), (10**30 + 1, str(10**30 + 1)), ("007", "007")],
)
@pytest.mark.parametrize("by_call", [True, False])
def test_an_account_may_be_a_number(stage: Staged, subject: object, account: str, *, by_call: bool) -> None:
    """OpenID Connect says text, and many servers write a number: it is read to the last digit."""
    token = {} if by_call else {"id_token": id_token(iss="https://id.example", aud="client-1", sub=subject)}
    stage.server.says("/token", oidc_token(**token))
    stage.server.says("/userinfo", {"sub": subject} if by_call else 404)
    stage.connect()

    assert {"sub": account} == stage.world.document(stage.name(account))["account"]


@field("A14")
def test_endpoints_may_have_queries_of_their_own() -> None:
    """RFC 6749 §3.1 and §3.2: they are kept, ours come after them, and none is there twice."""
    own = {"authorize": "?tenant=a%20b&state=theirs&scope=", "token": "?tenant=a", "verify": "?fields=sub,name"}
    app = replace(OIDC, endpoints={key: f"{OIDC.endpoints[key]}{query}" for key, query in own.items()})
    stage = Staged.of(app)
    stage.server.says("/token", oidc_token())
    stage.server.says("/userinfo", {"sub": "u-1"})
    away = stage.browser.connect().headers["location"]
    stage.browser.back()

    assert away.startswith("https://id.example/authorize?tenant=a%20b&scope=&client_id=client-1&")
    assert 1 == away.count("state=")
    assert ["https://id.example/token?tenant=a", "https://id.example/userinfo?fields=sub,name"] == [
        request.url for request in stage.server.asked
    ]
    assert "OA" == stage.world.document(stage.name("u-1"))["access_token"]


@field("A6")
@pytest.mark.parametrize("word", [{"ok": False, "error": "invalid_auth"}, {"errors": [{"code": "X"}]}])
def test_facts_that_are_an_error_prove_nothing(stage: Staged, word: dict[str, Any]) -> None:
    """An account call that says no in an HTTP 200 has verified nothing: what is missing is asked for again."""
    token = id_token(iss="https://id.example", aud="client-1", sub="u-1")
    stage.server.says("/token", oidc_token(id_token=token))
    stage.server.says("/userinfo", word)
    stage.connect()

    record = stage.world.stored(stage.name("u-1"))
    assert (None, True) == (record.verified_at, record.due.verify_at is not None)


@pytest.mark.parametrize("aud", ["client-2", ["client-2"], None])
def test_an_id_token_for_another_client_names_nobody(stage: Staged, aud: object) -> None:
    """OpenID Connect Core §3.1.3.7(3): the UserInfo does, and the stranger's claims are nowhere."""
    stage.server.says("/token", oidc_token(id_token=id_token(iss="https://id.example", aud=aud, sub="u-2", name="Eve")))
    stage.connect()

    assert {"sub": "u-1"} == stage.world.document(stage.name("u-1"))["account"]


@pytest.mark.parametrize(
    ("waited", "next_wait"), [(0, 60), (121, 60), (600, 300), (7202, 3600), (86_400, 3600), (86_401, None)]
)
def test_whose_account_it_is_is_asked_for_a_day(stage: Staged, waited: int, next_wait: int | None) -> None:
    """Each wait is half as long as all before it, a minute at least and an hour at most; then it is given up."""
    stage.server.says("/token", oidc_token())
    stage.server.says("/userinfo", 500)
    stage.connect()
    world, began = stage.world, authorization_of(stage.world)
    assert (AuthorizationState.WORKING, None) == (began.state, began.lease_until)
    world.clock.advance(waited)
    world.finisher.take_up(Work(authorization=began.key), world.session(), world.budget())
    row = row_of(world)

    state = AuthorizationState.FAILED if next_wait is None else AuthorizationState.WORKING
    assert (state, next_wait and world.clock.now() + next_wait) == (row.record.state, row.next_at)


def row_of(world: World) -> Any:
    """Return the row of the only authorization."""
    (row,) = [row for key, row in world.table.rows.items() if key[1].startswith("pending#")]
    return row


def test_an_answer_is_due_when_its_callbacks_lease_ends(stage: Staged) -> None:
    """Before that nobody could take it up, and the tick's claim would pass in vain."""
    stage.server.says("/token", oidc_token())
    with stage.world.dies_at("exchange.received"):
        stage.connect()

    assert row_of(stage.world).record.lease_until + 1 == row_of(stage.world).next_at


def test_a_paused_app_asks_for_no_account(stage: Staged) -> None:
    """Its answered authorization waits, ten minutes at a time."""
    stage.server.says("/token", oidc_token())
    with stage.world.dies_at("exchange.received"):
        stage.connect()
    world = stage.world
    world.after_lease()
    world.apps.pause(world.app.name, kind=PauseKind.OPERATOR, why="an operator's wish", now=world.clock.now())
    world.finisher.take_up(Work(authorization=row_of(world).record.key), world.session(), world.budget())

    assert (AuthorizationState.WORKING, world.clock.now() + 600) == (row_of(world).record.state, row_of(world).next_at)
    assert 0 == stage.server.times("/userinfo")


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ({"error": "frobnicated"}, True),
        ({"hello": "world"}, True),
        (500, True),
        ({"error": "invalid_grant"}, False),
        (429, False),
    ],
    ids=["unexplained", "no token", "ambiguous", "refused", "busy"],
)
def test_an_answer_to_a_code_is_kept_where_it_may_hold_more(stage: Staged, word: Any, *, kept: bool) -> None:
    """What nobody understands may be understood some day; what says no holds nothing."""
    stage.server.says("/token", word)
    stage.connect()

    assert AuthorizationState.FAILED is row_of(stage.world).record.state
    assert kept == (row_of(stage.world).record.sealed_answer is not None)


def test_a_message_whose_answer_has_its_place_already_changes_nothing(stage: Staged) -> None:
    """It came twice, or of a holder that lost it."""
    stage.server.says("/token", oidc_token())
    stage.connect()
    before = authorization_of(stage.world)
    for fence in (before.fence, 99):
        work = Work(authorization=before.key, answer=b"sealed", fence=fence)
        looked = stage.world.finisher.take_up(work, stage.world.session(), stage.world.budget())
        assert Result.NOTHING_DUE is looked.result

    assert before == authorization_of(stage.world)


def answered_in_a_message(world: World) -> Work:
    """Let the table be down after a code was answered, and its authorization be gone when the message is read."""
    world.failpoints.run_at("answered", lambda: world.authorizations.fail_next("write", StoreUnavailable))
    assert 503 == Browser(world).authorize().status
    (message,) = world.queue.drain()
    assert message.authorization is not None
    del world.table.rows[f"app#{APP}", message.authorization.sort_key]
    return message


@fault("F8")
def test_an_answer_outlives_its_authorization_in_the_queue(world: World) -> None:
    """The worker makes a connection of it, without a call; the same message once more changes nothing."""
    message = answered_in_a_message(world)
    world.batches.run({"1": message.to_json()}, world.budget())
    stands = world.stored()
    again = world.batches.run({"2": message.to_json()}, world.budget())

    assert (Status.ACTIVE, "A1", ["code-1"]) == (stands.status, world.published(), world.shop.ledger)
    assert ((), stands) == (again.again, world.stored())


@pytest.mark.parametrize("port", ["get", "put", "write", "lease"])
@pytest.mark.parametrize("after_commit", [False, True])
def test_an_answer_that_finds_no_place_comes_again(world: World, port: str, *, after_commit: bool) -> None:
    """The table fails at any step: the message stays in the queue, and the next time its connection is made."""
    message = answered_in_a_message(world)
    world.authorizations.fail_next(port, StoreUnavailable, after_commit=after_commit)
    first = world.batches.run({"1": message.to_json()}, world.budget())
    world.after_lease()
    world.batches.run({"1": message.to_json()}, world.budget())
    world.settle(ticks=3)

    assert (("1",), ["code-1"]) == (first.again, world.shop.ledger)
    assert "A1" == world.published()


def test_an_answer_that_outlived_its_authorization_replaces_nothing_in_the_queue(world: World) -> None:
    """When it was given nobody knows: the connection that exists is not replaced by it."""
    message = answered_in_a_message(world)
    before = world.connections.seed(world.connected().with_authorized(authorized_at=1, authorized_by="later"))
    world.batches.run({"1": message.to_json()}, world.budget())

    assert before == world.stored()


def test_an_answer_of_a_holder_that_lost_it_is_not_brought_back(stage: Staged) -> None:
    """Another callback consumed it since: its own answer counts."""
    stage.server.says("/token", oidc_token())
    with stage.world.dies_at("exchange.sent"):
        stage.browser.authorize()
    authorization = authorization_of(stage.world)

    work = Work(authorization=authorization.key, answer=b"sealed", fence=authorization.fence + 1)
    stage.world.finisher.take_up(work, stage.world.session(), stage.world.budget())
    assert None is authorization_of(stage.world).sealed_answer


def test_an_account_of_another_provider_id_than_invited_keeps_its_invite(stage: Staged) -> None:
    """A quarantined authorization uses nothing up: the right account may still come by the same link."""
    stage.server.says("/token", oidc_token())
    query = stage.world.invite(for_account="u-7")
    stage.browser.authorize(query)

    assert AuthorizationState.QUARANTINED is authorization_of(stage.world).state
    assert 302 == stage.browser.connect(query).status


@pytest.mark.parametrize("query", ["invite=a&invite=b", "invite=%zz", f"x={'y' * 9000}"])
def test_an_invite_link_that_is_none_is_refused(world: World, query: str) -> None:
    """Twice, undecodable, too long: the fixed page."""
    assert 400 == world.seller_pages.connect(APP, query, (), base_url=world.base_url).status
    assert 404 == world.seller_pages.connect("nobody", query, (), base_url=world.base_url).status


def test_a_result_of_an_app_that_is_gone_is_not_found(world: World) -> None:
    """Unknown and impossible names alike."""
    browser = Browser(world)
    browser.connect()

    assert 404 == browser.result(app="../x").status
    assert 404 == browser.result(app="nobody").status


@pytest.mark.parametrize(
    ("port", "method", "error"), [("authorizations", "of_browser", StoreUnavailable), ("apps", "get", InvalidApp)]
)
def test_a_result_that_cannot_be_read_is_for_later(
    world: World, port: str, method: str, error: type[Exception]
) -> None:
    """The page says so, and the next look works."""
    browser = Browser(world)
    browser.connect()
    getattr(world, port).fail_next(method, error)
    assert 503 == browser.result().status

    assert 200 == browser.result().status


@pytest.mark.parametrize(
    ("change", "result", "shown"),
    [
        ({"status": Status.HELD, "reason": Reason.LAST_ATTEMPT_AMBIGUOUS}, Result.HELD, []),
        ({"status": Status.HELD, "exemption": Exemption.NOT_PROCESSED}, Result.REFRESHED, ["R0"]),
        ({"sealed_grant": None}, Result.POSTPONED, []),
    ],
)
def test_what_is_presented_of_a_held_connection(
    world: World, change: dict[str, Any], result: Result, shown: list[str]
) -> None:
    """Only a declared exemption presents a token again, and nothing is presented of what is not there."""
    world.connected()
    world.change(**{"reason": "ambiguous", "attempt": Attempt(id="a", fence=2, at=world.clock.now() - 60), **change})

    assert (result, shown) == (world.run().result, world.shop.ledger)
    if result is Result.HELD:
        assert None is world.stored().due.renew_at
