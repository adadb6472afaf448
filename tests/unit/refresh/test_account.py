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
from fakes.visitors import Browser
from fakes.world import NAME, World
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


def oidc(**settings: str) -> Staged:
    """Return a stage for an OpenID provider, its app with these settings."""
    return Staged.of(replace(OIDC, settings={"issuer": ISSUER, **settings}))


def subject(sub: Any, **claims: Any) -> str:
    """Return an ID token of our issuer for our client."""
    return id_token(iss=ISSUER, aud="client-1", sub=sub, **claims)


def pending_of(stage: Staged) -> Authorization:
    """Return the browser's latest authorization."""
    (row,) = [row for key, row in stage.world.table.rows.items() if key[1].startswith("pending#")]
    authorization: Authorization = row.record
    return authorization


def test_the_token_answer_names_the_account() -> None:
    """An ID token's subject is the account, and the label its name; the UserInfo adds facts."""
    stage = oidc()
    stage.server.says("/token", oidc_token(id_token=subject("u-1", name="Ada")))
    stage.server.says("/userinfo", {"sub": "u-1", "email": "ada@example.com"})

    assert "Your account is connected" in stage.connect().body
    document = stage.world.document(stage.name("u-1"))
    assert ("u-1", "Ada") == (document["account_id"], document["label"])
    assert {"sub": "u-1", "name": "Ada", "email": "ada@example.com"} == document["account"]
    assert stage.world.clock.now() == stage.world.stored(stage.name("u-1")).verified_at


def test_only_the_account_call_names_the_account() -> None:
    """A server without ID tokens: the UserInfo's subject is the account."""
    stage = oidc()
    stage.server.says("/token", oidc_token())
    stage.server.says("/userinfo", {"sub": "u-2", "preferred_username": "grace"})
    stage.connect()

    assert "grace" == stage.world.document(stage.name("u-2"))["label"]
    assert ["Bearer OA"] == [request.headers["authorization"] for request in stage.server.of("/userinfo")]


def test_a_call_that_tells_of_another_account_is_passed_over() -> None:
    """OpenID Connect Core §5.3.2: a UserInfo with another subject must not be used."""
    stage = oidc()
    stage.server.says("/token", oidc_token(id_token=subject("u-1")))
    stage.server.says("/userinfo", {"sub": "u-666", "email": "mallory@example.com", "name": "Mallory"})
    stage.connect()

    document = stage.world.document(stage.name("u-1"))
    assert ("", {"sub": "u-1"}) == (document["label"], document["account"])
    assert "mallory" not in json.dumps(document)


def test_where_nobody_names_the_account_the_answer_is_kept() -> None:
    """The UserInfo answers and names nobody: unusable, told, and the answer stays sealed."""
    stage = oidc()
    stage.server.says("/token", oidc_token())
    stage.server.says("/userinfo", {"email": "ada@example.com"})

    assert "could not be connected" in stage.connect().body
    authorization = pending_of(stage)
    assert (AuthorizationState.FAILED, "no_account") == (authorization.outcome, authorization.detail)
    assert authorization.sealed_answer is not None
    assert ["authorization.unusable"] == stage.alerts()
    assert 1 == stage.server.times("/token")


@pytest.mark.parametrize(
    "sub", ["", "x" * 901, "a\nb", "\ud800", "\x7f"], ids=["empty", "long", "control", "surrogate", "delete"]
)
def test_a_name_that_no_record_can_hold_is_none(sub: str) -> None:
    """A subject of the UserInfo is held to the rules of any account id; the seller gets a page, not an error."""
    stage = oidc()
    stage.server.says("/token", oidc_token())
    stage.server.says("/userinfo", {"sub": sub})

    assert "could not be connected" in stage.connect().body
    assert ["authorization.unusable"] == stage.alerts()
    assert pending_of(stage).sealed_answer is not None


def test_the_name_of_an_account_call_is_one_short_line() -> None:
    """What a UserInfo calls its user becomes a label: cut, and without characters that hide others."""
    stage = oidc()
    stage.server.says("/token", oidc_token())
    stage.server.says("/userinfo", {"sub": "u-1", "name": "Ada\n\u202e" + "x" * 300})
    stage.connect()

    label = stage.world.document(stage.name("u-1"))["label"]
    assert label.startswith("Ada")
    assert 100 >= len(label)
    assert label.isprintable()


@pytest.mark.parametrize("word", [*FAILURES, b"<html>", b'{"a": 1, "a": 2}', b""], ids=str)
def test_a_call_that_fails_fails_no_connect_where_the_answer_names_the_account(word: Word | bytes) -> None:
    """Facts are fetched at connect; their failure never fails one."""
    stage = oidc()
    stage.server.says("/token", oidc_token(id_token=subject("u-1")))
    stage.server.says("/userinfo", stage.server.answer(word) if isinstance(word, bytes) else word)

    assert "Your account is connected" in stage.connect().body
    record = stage.world.stored(stage.name("u-1"))
    assert (Status.ACTIVE, None) == (record.status, record.verified_at)


@pytest.mark.parametrize("word", FAILURES, ids=str)
def test_an_account_that_could_not_be_asked_for_is_named_later(word: Word) -> None:
    """The tokens are real and stored: the schedule asks again, and the code is presented no second time."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, word, word, advertisers(BIG))

    assert "Connecting your account" in stage.connect().body
    assert AuthorizationState.WORKING is pending_of(stage).outcome
    assert [] == stage.alerts()
    stage.world.settle(ticks=5)

    assert "Your account is connected" in stage.browser.result().body
    assert (BIG, "AA") == (
        stage.world.document(stage.name(BIG))["account_id"],
        stage.world.document(stage.name(BIG))["access_token"],
    )
    assert 1 == stage.server.times(ADS_TOKEN)
    assert pending_of(stage).sealed_answer is None
    assert 403 == stage.browser.connect(stage.world.invite(id="invite-code-1")).status


def test_an_account_that_nobody_names_for_a_day_is_given_up() -> None:
    """After a day it is told, and the answer is kept for whoever mends the provider."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, 500)
    stage.connect()
    stage.world.settle(ticks=24, every=3600)
    assert "Connecting your account" in stage.browser.result().body
    stage.world.settle(ticks=3, every=3600)

    assert "could not be connected" in stage.browser.result().body
    assert ["authorization.unusable"] == stage.alerts()
    authorization = pending_of(stage)
    assert (AuthorizationState.FAILED, "no_account") == (authorization.outcome, authorization.detail)
    assert authorization.sealed_answer is not None
    asked = stage.server.times(ADS_LIST)
    stage.world.settle(ticks=3, every=3600)
    assert asked == stage.server.times(ADS_LIST)
    assert 1 == stage.server.times(ADS_TOKEN)


def test_a_provider_that_cannot_name_an_account_is_asked_less_and_less() -> None:
    """A day of asking takes some thirty calls, and longer where the provider says when; none while the app rests."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, 500)
    stage.connect()
    stage.world.settle(ticks=24 * 60, every=60)
    asked = stage.server.times(ADS_LIST)
    assert 10 < asked < 60

    busy = Staged.of(ADS)
    busy.server.says(ADS_TOKEN, ads_token())
    busy.server.says(ADS_LIST, busy.server.answer({}, status=429, retry_after="3600"))
    busy.connect()
    before = busy.server.times(ADS_LIST)
    busy.world.settle(ticks=50, every=60)
    assert before == busy.server.times(ADS_LIST)
    busy.world.apps.pause(ADS.name, why="resting", now=busy.world.clock.now())
    busy.world.settle(ticks=60, every=60)
    assert before == busy.server.times(ADS_LIST)


def test_an_unnamed_authorization_is_reported_as_unfinished() -> None:
    """What the rotation function counts as published is published."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, 500)
    stage.connect()
    stage.world.clock.advance(60)
    work = Work(authorization=pending_of(stage).key)

    looked = stage.world.finisher.take_up(work, stage.world.session(), stage.world.budget())
    assert "postponed" == looked.result
    assert (
        "nothing_due"
        == stage.world.finisher.take_up(
            Work(authorization=replace(work.authorization, nonce="0")),  # type: ignore[type-var]
            stage.world.session(),
            stage.world.budget(),
        ).result
    )


def test_work_without_an_authorization_is_refused() -> None:
    """A message for a connection is none for the finisher."""
    stage = Staged.of(ADS)
    with pytest.raises(ValueError, match="no authorization"):
        stage.world.finisher.take_up(Work(connection=stage.name(BIG)), stage.world.session(), stage.world.budget())


def test_advertiser_ids_beyond_2_to_the_53_keep_their_digits() -> None:
    """Ids are strings; of several the lowest names the connection, compared as numbers of any length."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, advertisers(BIGGER, BIG, "999999999999999999"))
    stage.connect()

    document = stage.world.document(stage.name("999999999999999999"))
    assert ["999999999999999999", BIG, BIGGER] == document["account"]["advertiser_ids"]
    assert {"id": BIG, "name": f"Name of {BIG}"} == document["account"]["advertisers"][1]
    assert (None, None) == (document["expires_at"], document["refresh_token_expires_at"])


def test_the_list_is_asked_for_after_the_code_is_exchanged() -> None:
    """`return_advertiser_ids: false` is sent with the code; with thousands of them that answer could time out."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, advertisers(BIG))
    stage.connect()

    (request,) = stage.server.of(ADS_TOKEN)
    assert {
        "app_id": "7001",
        "secret": "canary-ads-secret",
        "auth_code": "code-1",
        "return_advertiser_ids": False,
    } == json.loads(request.body)


def test_ids_are_taken_where_they_come() -> None:
    """The token answer held them all the same: the account is named even if the list cannot be had."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token(advertiser_ids=[BIGGER, BIG]))
    stage.server.says(ADS_LIST, 500)

    assert "Your account is connected" in stage.connect().body
    assert {"advertiser_ids": [BIG, BIGGER]} == stage.world.document(stage.name(BIG))["account"]


def test_the_list_is_preferred_to_the_ids_of_the_token_answer() -> None:
    """The later word stands: whom the token reaches now."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token(advertiser_ids=[BIG]))
    stage.server.says(ADS_LIST, advertisers(BIGGER))
    stage.connect()

    assert [BIGGER] == stage.world.document(stage.name(BIGGER))["account"]["advertiser_ids"]


def test_one_advertiser_among_several_keeps_its_connection() -> None:
    """A re-authorization for one of many accounts is for that one, not for the lowest."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, advertisers(BIGGER), advertisers(BIG, BIGGER))
    stage.connect()
    stage.world.clock.advance(1)
    stage.server.says(ADS_TOKEN, ads_token(access_token="AA-2"))

    assert "Your account is connected" in stage.connect(code="code-2", for_account=BIGGER).body
    document = stage.world.document(stage.name(BIGGER))
    assert ("AA-2", 2, f"Name of {BIGGER}") == (document["access_token"], document["generation"], document["label"])
    assert None is stage.world.secrets.document(stage.name(BIG))


def test_a_re_authorization_that_lacks_its_advertiser_is_quarantined() -> None:
    """The wanted account is not among those that the token reaches: the old connection stays as it was."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, advertisers(BIGGER), advertisers(BIG))
    stage.connect()
    stage.world.clock.advance(1)

    assert "This is another account" in stage.connect(code="code-2", for_account=BIGGER).body
    assert 1 == stage.world.document(stage.name(BIGGER))["generation"]
    assert (Status.QUARANTINED, None) == (
        stage.world.stored(stage.name(BIG)).status,
        stage.world.stored(stage.name(BIG)).due.verify_at,
    )


def test_what_a_token_reaches_that_never_expires_is_verified_and_never_refreshed() -> None:
    """Only where nothing renews a token is it verified by the schedule."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, advertisers(BIG))
    stage.connect()
    record = stage.world.stored(stage.name(BIG))

    assert record.due.renew_at is None
    assert record.due.verify_at is not None
    assert record.due.next_at == record.due.verify_at
    assert [] == stage.alerts()


def test_a_token_that_is_refreshed_is_not_verified_by_the_schedule() -> None:
    """A refresh proves it."""
    stage = oidc()
    stage.server.says("/token", oidc_token())
    stage.server.says("/userinfo", {"sub": "u-1"})
    stage.connect()
    record = stage.world.stored(stage.name("u-1"))

    assert record.due.renew_at is not None
    assert record.due.verify_at is None


def test_a_token_that_ends_and_cannot_be_refreshed_is_told() -> None:
    """No refresh token came: the operator learns that the seller has to come again."""
    stage = oidc()
    stage.server.says("/token", oidc_token(refresh_token=None))
    stage.server.says("/userinfo", {"sub": "u-1"})
    stage.connect()

    assert ["connection.cannot_refresh"] == stage.alerts()


def test_facts_that_cannot_be_noted_fail_no_connect() -> None:
    """A shop's id is noted for notices; the table's refusal costs the connection nothing."""
    world = World()
    world.connections.fail_next("index", StoreUnavailable)
    browser = Browser(world)
    browser.connect()
    browser.back()

    assert "Your account is connected" in browser.result().body
    assert "lookups.failed" in world.log.events()


SCOPED = replace(OIDC, scopes=("a", "b<i>"))


def granted(*scopes: str | None) -> Staged:
    """Return a stage whose server grants these scopes, one answer each, to an app that asks for two."""
    stage = Staged.of(SCOPED)
    answers = [oidc_token(id_token=subject("u-1"), **({} if scope is None else {"scope": scope})) for scope in scopes]
    stage.server.says("/token", *answers)
    stage.server.says("/userinfo", {"sub": "u-1"})
    return stage


def test_what_was_not_granted_is_told() -> None:
    """Fewer scopes than asked for: connected all the same, and everybody learns what will not work."""
    stage = granted("a")
    body = stage.connect().body

    assert "Your account is connected" in body
    assert "b&lt;i&gt;" in body
    assert "<i>" not in body
    record = stage.world.stored(stage.name("u-1"))
    assert (Status.ACTIVE, ("b<i>",)) == (record.status, record.authorized.missing_scopes)
    assert ("b<i>",) == pending_of(stage).missing_scopes
    (alert,) = stage.world.alerts.told
    assert ("authorization.scopes_missing", "oidc/u-1") == (alert.kind, alert.subject)
    assert "b<i>" in alert.detail
    assert "tokensync invite oidc --for oidc/u-1" == alert.next_command
    assert ["a"] == stage.world.document(stage.name("u-1"))["scopes"]


@pytest.mark.parametrize("scope", [None, "a b<i>", "b<i> a more"], ids=["silent", "all", "more"])
def test_nothing_is_missing_where_all_was_granted(scope: str | None) -> None:
    """An answer without `scope` grants what was asked for (RFC 6749 §5.1); order and more do not matter."""
    stage = granted(scope)
    body = stage.connect().body

    assert 'id="missing"' not in body
    assert () == stage.world.stored(stage.name("u-1")).authorized.missing_scopes
    assert [] == stage.alerts()
    if scope is None:
        assert ["a", "b<i>"] == stage.world.document(stage.name("u-1"))["scopes"]


def test_nothing_at_all_may_be_granted() -> None:
    """An empty `scope` is an answer: everything is missing."""
    stage = granted("")
    stage.connect()

    assert ("a", "b<i>") == stage.world.stored(stage.name("u-1")).authorized.missing_scopes


def test_a_new_authorization_with_everything_clears_it() -> None:
    """The seller gave the rest: nothing is missing any more."""
    stage = granted("a", "a b<i>")
    stage.connect()
    stage.world.clock.advance(1)
    stage.connect(code="code-2", for_account="u-1")

    assert () == stage.world.stored(stage.name("u-1")).authorized.missing_scopes
    assert ["authorization.scopes_missing"] == stage.alerts()


def shop(kind: int | None, **settings: str) -> World:
    """Return a world whose TikTok Shop tells this type of account."""
    world = World()
    app = replace(world.app, settings=settings, scopes=("seller.authorization.info",))
    world = World(app=app)
    honest = world.shop.token

    def told(presented: str) -> ProviderResponse:
        answer = honest(presented)
        said = b"" if kind is None else b'"user_type": %d, ' % kind
        return replace(answer, body=answer.body.replace(b'"user_type": 0, ', said))

    world.shop.token = told  # type: ignore[method-assign]
    return world


@pytest.mark.parametrize(
    ("kind", "settings", "connects"),
    [
        (0, {}, True),
        (1, {}, False),
        (3, {}, False),
        (7, {}, False),
        (None, {}, True),
        (0, {"account_kind": "creator"}, False),
        (1, {"account_kind": "creator"}, True),
        (None, {"account_kind": "creator"}, True),
        (3, {"account_kind": "partner"}, True),
    ],
)
def test_the_type_of_account_is_the_one_that_the_app_expects(
    kind: int | None,
    settings: dict[str, str],
    connects: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A seller, a creator, a partner, one of another type, and one whose type nobody tells."""
    world = shop(kind, **settings)
    browser = Browser(world)
    browser.connect()
    browser.back()

    assert ("Your account is connected" if connects else "could not be connected") in browser.result().body
    assert connects is (world.secrets.document(NAME) is not None)
    assert ([] if connects else ["authorization.unusable"]) == [alert.kind for alert in world.alerts.told]
