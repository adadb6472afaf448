"""Who authorized: from the token answer, from the account call, from both, or from neither."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import (
    ADS,
    ADS_LIST,
    ADS_TOKEN,
    ISSUER,
    OIDC,
    Staged,
    Word,
    ads_token,
    advertisers,
    id_token,
    oidc_token,
)
from fakes.troubles import alerts
from fakes.visitors import Browser
from fakes.world import NAME, World
from tokensync.domain.app_state import PauseKind
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.connection import Status
from tokensync.domain.errors import NoAnswer, StoreUnavailable
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.messages import ProviderResponse

BIG = "7089362853240553474"  # beyond 2^53
BIGGER = "7089362853240553475"
FAILURES = [NoAnswer("slow"), 429, 500, 401, {"code": 40105, "message": "incorrect or has been revoked", "data": {}}]
CONNECTED, WORKING, NOT_CONNECTED = "Your account is connected", "Connecting your account", "could not be connected"


def oidc(userinfo: Word, **token: Any) -> Staged:
    """Return a stage for an OpenID provider that answers this to a code, and to the question whose token it is."""
    stage = Staged.of(replace(OIDC, settings={"issuer": ISSUER}))
    stage.server.says("/token", oidc_token(**token))
    stage.server.says("/userinfo", userinfo)
    return stage


def ads(*lists: Word, **token: Any) -> Staged:
    """Return a stage for TikTok Ads that answers this to a code, and to the question whose accounts a token reaches."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token(**token))
    stage.server.says(ADS_LIST, *lists)
    return stage


def subject(sub: Any, **claims: Any) -> str:
    """Return an ID token of our issuer for our client."""
    return id_token(iss=ISSUER, aud="client-1", sub=sub, **claims)


def document(stage: Staged, account: str) -> dict[str, Any]:
    """Return what a workload reads of an account."""
    return stage.world.document(stage.name(account))


def authorization_of(stage: Staged) -> Authorization:
    """Return the browser's latest authorization."""
    (row,) = [row for key, row in stage.world.table.rows.items() if key[1].startswith("pending#")]
    authorization: Authorization = row.record
    return authorization


def assert_unnamed(stage: Staged) -> None:
    """Assert that nobody named the account: the seller and an operator know, and the answer stays sealed."""
    authorization = authorization_of(stage)
    assert NOT_CONNECTED in stage.browser.result().body
    assert (AuthorizationState.FAILED, "no_account") == (authorization.state, authorization.detail)
    assert authorization.sealed_answer is not None
    assert ["authorization.unusable"] == alerts(stage.world)


def test_the_token_answer_names_the_account() -> None:
    """An ID token's subject is the account, and the label its name; the UserInfo adds facts."""
    stage = oidc({"sub": "u-1", "email": "ada@example.com"}, id_token=subject("u-1", name="Ada"))

    assert CONNECTED in stage.connect().body
    read = document(stage, "u-1")
    assert ("u-1", "Ada") == (read["account_id"], read["label"])
    assert {"sub": "u-1", "name": "Ada", "email": "ada@example.com"} == read["account"]
    assert stage.world.clock.now() == stage.world.stored(stage.name("u-1")).verified_at


def test_only_the_account_call_names_the_account() -> None:
    """A server without ID tokens: the UserInfo's subject is the account."""
    stage = oidc({"sub": "u-2", "preferred_username": "grace"})
    stage.connect()

    assert "grace" == document(stage, "u-2")["label"]
    assert ["Bearer OA"] == [request.headers["authorization"] for request in stage.server.of("/userinfo")]


def test_a_call_that_answers_for_another_account_is_passed_over() -> None:
    """OpenID Connect Core §5.3.2: a UserInfo with another subject must not be used."""
    stage = oidc({"sub": "u-666", "email": "mallory@example.com", "name": "Mallory"}, id_token=subject("u-1"))
    stage.connect()

    read = document(stage, "u-1")
    assert ("", {"sub": "u-1"}) == (read["label"], read["account"])
    assert "mallory" not in json.dumps(read)


@pytest.mark.parametrize(
    "userinfo",
    [{"email": "ada@example.com"}, *({"sub": sub} for sub in ("", "x" * 901, "a\nb", "\ud800", "\x7f"))],
    ids=["none", "empty", "long", "control", "surrogate", "delete"],
)
def test_where_nobody_names_the_account_the_answer_is_kept(userinfo: Word) -> None:
    """A subject that no record can hold is none; the seller gets a page, not an error."""
    stage = oidc(userinfo)
    stage.connect()

    assert_unnamed(stage)
    assert 1 == stage.server.times("/token")


def test_the_name_of_an_account_call_is_one_short_line() -> None:
    """What a UserInfo calls its user becomes a label: cut, and without characters that hide others."""
    stage = oidc({"sub": "u-1", "name": "Ada\n\u202e" + "x" * 300})
    stage.connect()

    label = document(stage, "u-1")["label"]
    assert (True, True, True) == (label.startswith("Ada"), len(label) <= 100, label.isprintable())


@pytest.mark.parametrize("word", [*FAILURES, b"<html>", b'{"a": 1, "a": 2}', b""], ids=str)
def test_a_call_that_fails_fails_no_connect_where_the_answer_names_the_account(word: Word | bytes) -> None:
    """Facts are fetched at connect; their failure never fails one."""
    stage = oidc(500, id_token=subject("u-1"))
    stage.server.says("/userinfo", stage.server.answer(word) if isinstance(word, bytes) else word)

    assert CONNECTED in stage.connect().body
    record = stage.world.stored(stage.name("u-1"))
    assert (Status.ACTIVE, None) == (record.status, record.verified_at)


@pytest.mark.parametrize("word", FAILURES, ids=str)
def test_an_account_that_could_not_be_asked_for_is_named_later(word: Word) -> None:
    """The tokens are real and stored: the schedule asks again, and the code is presented no second time."""
    stage = ads(word, word, advertisers(BIG))

    assert WORKING in stage.connect().body
    assert (AuthorizationState.WORKING, []) == (authorization_of(stage).state, alerts(stage.world))
    stage.world.settle(ticks=5)
    assert CONNECTED in stage.browser.result().body
    assert (BIG, "AA") == (document(stage, BIG)["account_id"], document(stage, BIG)["access_token"])
    assert (1, None) == (stage.server.times(ADS_TOKEN), authorization_of(stage).sealed_answer)
    assert 403 == stage.browser.connect(stage.world.invite(id="invite-code-1")).status


def test_an_account_that_nobody_names_for_a_day_is_given_up() -> None:
    """A day of asking takes some thirty calls; then it is told, and the answer is kept for who mends the provider."""
    stage = ads(500)
    stage.connect()
    stage.world.settle(ticks=23 * 60)
    assert WORKING in stage.browser.result().body
    stage.world.settle(ticks=3 * 60)

    assert_unnamed(stage)
    asked = stage.server.times(ADS_LIST)
    assert 10 < asked < 60
    stage.world.settle(ticks=3, every=3600)
    assert (asked, 1) == (stage.server.times(ADS_LIST), stage.server.times(ADS_TOKEN))


def test_a_busy_provider_is_asked_when_it_says_and_not_while_the_app_rests() -> None:
    """Retry-After counts, and a paused app asks nothing."""
    stage = ads(500)
    stage.server.says(ADS_LIST, stage.server.answer({}, status=429, retry_after="3600"))
    stage.connect()
    before = stage.server.times(ADS_LIST)
    stage.world.settle(ticks=50)
    stage.world.apps.pause(ADS.name, kind=PauseKind.OPERATOR, why="resting", now=stage.world.clock.now())
    stage.world.settle(ticks=60)

    assert before == stage.server.times(ADS_LIST)


def test_an_unnamed_authorization_is_reported_as_unfinished() -> None:
    """What the rotation function counts as published is published; of one that nobody knows nothing is due."""
    stage = ads(500)
    stage.connect()
    stage.world.clock.advance(60)
    key = authorization_of(stage).key
    results = [
        stage.world.finisher.take_up(Work(authorization=one), stage.world.session(), stage.world.budget()).result
        for one in (key, replace(key, nonce="0"))
    ]

    assert ["postponed", "nothing_due"] == results


def test_work_without_an_authorization_is_refused(world: World) -> None:
    """A message for a connection is none for the finisher."""
    with pytest.raises(ValueError, match="no authorization"):
        world.finisher.take_up(Work(connection=NAME), world.session(), world.budget())


def test_advertiser_ids_beyond_2_to_the_53_keep_their_digits() -> None:
    """Ids are strings; of several the lowest names the connection, compared as numbers of any length."""
    stage = ads(advertisers(BIGGER, BIG, "999999999999999999"))
    stage.connect()

    read = document(stage, "999999999999999999")
    assert ["999999999999999999", BIG, BIGGER] == read["account"]["advertiser_ids"]
    assert {"id": BIG, "name": f"Name of {BIG}"} == read["account"]["advertisers"][1]
    assert (None, None) == (read["expires_at"], read["refresh_token_expires_at"])
    # With thousands of advertisers the answer to the code could time out: they are asked for afterwards.
    (request,) = stage.server.of(ADS_TOKEN)
    assert {
        "app_id": "7001",
        "secret": "canary-ads-secret",
        "auth_code": "code-1",
        "return_advertiser_ids": False,
    } == json.loads(request.body)


@pytest.mark.parametrize(
    ("lists", "ids", "facts"),
    [
        (500, [BIGGER, BIG], {"advertiser_ids": [BIG, BIGGER]}),
        (
            advertisers(BIGGER),
            [BIG],
            {"advertiser_ids": [BIGGER], "advertisers": [{"id": BIGGER, "name": f"Name of {BIGGER}"}]},
        ),
    ],
    ids=["without a list", "the list is later"],
)
def test_ids_are_taken_where_they_come(lists: Word, ids: list[str], facts: dict[str, Any]) -> None:
    """Ids of the token answer name the account where the list cannot be had; else the later word counts."""
    stage = ads(lists, advertiser_ids=ids)

    assert CONNECTED in stage.connect().body
    assert facts == document(stage, facts["advertiser_ids"][0])["account"]


def test_one_advertiser_among_several_keeps_its_connection() -> None:
    """A re-authorization for one of many accounts is for that one, not for the lowest."""
    stage = ads(advertisers(BIGGER), advertisers(BIG, BIGGER))
    stage.connect()
    stage.world.clock.advance(1)
    stage.server.says(ADS_TOKEN, ads_token(access_token="AA-2"))

    assert CONNECTED in stage.connect(code="code-2", for_account=BIGGER).body
    read = document(stage, BIGGER)
    assert ("AA-2", 2, f"Name of {BIGGER}") == (read["access_token"], read["generation"], read["label"])
    assert stage.world.secrets.document(stage.name(BIG)) is None


def test_a_re_authorization_that_lacks_its_advertiser_is_quarantined() -> None:
    """The wanted account is not among those that the token reaches: the old connection stays as it was."""
    stage = ads(advertisers(BIGGER), advertisers(BIG))
    stage.connect()
    stage.world.clock.advance(1)

    assert "This is another account" in stage.connect(code="code-2", for_account=BIGGER).body
    assert 1 == document(stage, BIGGER)["generation"]
    other = stage.world.stored(stage.name(BIG))
    assert (Status.QUARANTINED, None) == (other.status, other.due.verify_at)


def test_only_what_nothing_renews_is_verified_by_the_schedule() -> None:
    """A refresh proves a token; one that never expires is asked about."""
    endless, renewed = ads(advertisers(BIG)), oidc({"sub": "u-1"})
    endless.connect()
    renewed.connect()
    one, other = endless.world.stored(endless.name(BIG)).due, renewed.world.stored(renewed.name("u-1")).due

    assert (None, one.next_at) == (one.renew_at, one.verify_at)
    assert one.verify_at is not None
    assert (True, None) == (other.renew_at is not None, other.verify_at)
    assert [] == alerts(endless.world)


def test_a_token_that_ends_and_cannot_be_refreshed_is_told() -> None:
    """No refresh token came: the operator learns that the seller has to come again."""
    stage = oidc({"sub": "u-1"}, refresh_token=None)
    stage.connect()

    assert ["connection.cannot_refresh"] == alerts(stage.world)


def connect(world: World) -> str:
    """Let a seller of TikTok Shop connect; return the result page."""
    browser = Browser(world)
    browser.connect()
    browser.back()
    return browser.result().body


def test_facts_that_cannot_be_noted_fail_no_connect() -> None:
    """A shop's id is noted for webhooks; the table's refusal costs the connection nothing."""
    world = World()
    world.connections.fail_next("index", StoreUnavailable)

    assert CONNECTED in connect(world)
    assert "lookups.failed" in world.log.events()


# --- scopes


def granted(*scopes: str | None) -> Staged:
    """Return a stage whose server grants these scopes, one answer each, to an app that asks for two."""
    stage = Staged.of(replace(OIDC, scopes=("a", "b<i>")))
    answers = [oidc_token(id_token=subject("u-1"), **({} if scope is None else {"scope": scope})) for scope in scopes]
    stage.server.says("/token", *answers)
    stage.server.says("/userinfo", {"sub": "u-1"})
    return stage


def missing(stage: Staged) -> tuple[str, ...]:
    """Return the scopes that the connection lacks."""
    return stage.world.stored(stage.name("u-1")).authorized.missing_scopes


def test_what_was_not_granted_is_told() -> None:
    """Fewer scopes than asked for: connected all the same, and everybody learns what will not work."""
    stage = granted("a")
    body = stage.connect().body

    assert (True, True, False) == (CONNECTED in body, "b&lt;i&gt;" in body, "<i>" in body)
    assert Status.ACTIVE is stage.world.stored(stage.name("u-1")).status
    assert ("b<i>",) == missing(stage) == authorization_of(stage).missing_scopes
    (alert,) = stage.world.alerts.told
    assert ("authorization.scopes_missing", "oidc/u-1") == (alert.kind, alert.subject)
    assert "b<i>" in alert.detail
    assert "tokensync invite oidc --for oidc/u-1" == alert.next_command
    assert ["a"] == document(stage, "u-1")["scopes"]


@pytest.mark.parametrize("scope", [None, "a b<i>", "b<i> a more"], ids=["silent", "all", "more"])
def test_nothing_is_missing_where_all_was_granted(scope: str | None) -> None:
    """An answer without `scope` grants what was asked for (RFC 6749 §5.1); order and more do not matter."""
    stage = granted(scope)

    assert 'id="missing"' not in stage.connect().body
    assert ((), []) == (missing(stage), alerts(stage.world))
    assert ["a", "b<i>"] == [one for one in sorted(document(stage, "u-1")["scopes"]) if one != "more"]


def test_nothing_of_it_may_be_granted_until_a_new_authorization() -> None:
    """Everything that was asked for is missing, until the seller gives it."""
    stage = granted("c", "a b<i>")
    stage.connect()
    assert ("a", "b<i>") == missing(stage)
    stage.world.clock.advance(1)
    stage.connect(code="code-2", for_account="u-1")

    assert ((), ["authorization.scopes_missing"]) == (missing(stage), alerts(stage.world))


# --- types of account


@pytest.mark.parametrize(
    ("kind", "expected", "connects"),
    [
        (0, "", True),
        (1, "", False),
        (3, "", False),
        (7, "", False),
        (None, "", True),
        (0, "creator", False),
        (1, "creator", True),
        (None, "creator", True),
        (3, "partner", True),
    ],
)
def test_the_type_of_account_is_the_one_that_the_app_expects(
    kind: int | None, expected: str, *, connects: bool
) -> None:
    """A seller, a creator, a partner, one of another type, and one whose type is unknown."""
    settings = {"account_kind": expected} if expected else {}
    world = World(app=replace(World().app, settings=settings, scopes=("seller.authorization.info",)))

    def of_kind(honest: Any) -> ProviderResponse:
        answer: ProviderResponse = honest()
        said = b"" if kind is None else b'"user_type": %d, ' % kind
        return replace(answer, body=answer.body.replace(b'"user_type": 0, ', said))

    world.shop.script.append(of_kind)

    assert (CONNECTED if connects else NOT_CONNECTED) in connect(world)
    assert connects is (world.secrets.document(NAME) is not None)
    assert ([] if connects else ["authorization.unusable"]) == alerts(world)
