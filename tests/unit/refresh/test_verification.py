"""Verification: a token that never expires is asked about daily, and nothing but the provider's own no ends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ADS, ADS_LIST, ADS_TOKEN, OIDC, Staged, Word, ads_token, advertisers, oidc_token
from fakes.troubles import alerts, at_its_time, events, kill
from fakes.world import NAME, World
from field_rows import field
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Exemption, Phase, Status
from tokensync.domain.errors import NoAnswer, PublishUnavailable, SealingUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.runtime import DAY
from tokensync.domain.work import Work
from tokensync.refresh.breaker import note_outcomes
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.refresh.session import Session

ID = "7089362853240553474"
ADS_NAME = ConnectionName("ads", ID)
REVOKED = {"code": 40105, "message": "Access token is incorrect or has been revoked.", "data": {}, "request_id": "t-9"}
MISMATCH = {"code": 40101, "message": "app id and secret do not match", "data": {}}
TWO = advertisers(ID, "8000000000000000001")


@pytest.fixture
def ads() -> Staged:
    """A connection of TikTok Ads, a moment old."""
    return connected()


def connected(**change: Any) -> Staged:
    """Return a stage with a connection of TikTok Ads, its app changed."""
    stage = Staged.of(replace(ADS, **change))
    stage.server.says(ADS_TOKEN, ads_token())
    stage.server.says(ADS_LIST, advertisers(ID))
    stage.connect()
    return stage


def stored(stage: Staged) -> Connection:
    """Return the connection's record."""
    return stage.world.stored(ADS_NAME)


def wait(stage: Staged) -> int:
    """Return the seconds until the next verification."""
    at = stored(stage).due.verify_at
    assert at is not None
    return at - stage.world.clock.now()


def look(stage: Staged, **how: bool) -> WorkResult:
    """Let one worker run for the connection."""
    return stage.world.run(ADS_NAME, **how)


def verify(stage: Staged, *words: Word) -> Result:
    """Let the time of the next verification come, and the provider say this; return what a worker made of it."""
    if words:
        stage.server.says(ADS_LIST, *words)
    at_its_time(stage.world, ADS_NAME)
    return look(stage).result


def published(stage: Staged) -> str:
    """Return the status that workloads read."""
    status: str = stage.world.document(ADS_NAME)["status"]
    return status


def asked(stage: Staged) -> int:
    """Return how often the provider was asked."""
    return stage.server.times(ADS_LIST)


def test_it_is_asked_about_once_a_day(ads: Staged) -> None:
    """Each connection at its own time in the last tenth of the day, by the token and nothing else."""
    assert 0.9 * DAY <= wait(ads) <= DAY
    ads.world.clock.advance(int(0.89 * DAY))
    ads.world.settle(ticks=1)
    assert 1 == asked(ads)
    ads.world.clock.advance(int(0.11 * DAY))
    ads.world.settle(ticks=60)

    after = stored(ads)
    assert after.verified_at is not None
    assert 0.9 * DAY <= (after.due.verify_at or 0) - after.verified_at <= DAY
    assert ["AA", "AA"] == [request.headers["access-token"] for request in ads.server.of(ADS_LIST)]
    assert 1 == ads.server.times(ADS_TOKEN)


def test_unchanged_facts_write_no_secret(ads: Staged) -> None:
    """What workloads read is equal already."""
    before, calls = stored(ads), ads.world.secrets.calls["put"]

    assert Result.VERIFIED is verify(ads)
    after = stored(ads)
    assert (calls, ads.world.clock.now()) == (ads.world.secrets.calls["put"], after.verified_at)
    assert (before.sealed_grant, before.generation, before.allocated) == (
        after.sealed_grant, after.generation, after.allocated
    )  # fmt: skip


def test_changed_facts_are_published_under_the_same_generation(ads: Staged) -> None:
    """A new advertiser reaches the workloads; the token is the same, and so is its number."""
    assert Result.VERIFIED is verify(ads, TWO)

    document = ads.world.document(ADS_NAME)
    assert (1, "AA", [ID, "8000000000000000001"]) == (
        document["generation"], document["access_token"], document["account"]["advertiser_ids"]
    )  # fmt: skip
    assert document["account"] == ads.world.grant(ADS_NAME).account
    assert "account.changed" == events(ads.world, ADS_NAME)[-1]


def test_an_attempt_and_the_numbers_are_never_touched(ads: Staged) -> None:
    """Verification presents no refresh token: it allocates no number and marks no attempt."""
    before = stored(ads)
    for word in (advertisers(ID), 429, 500, NoAnswer("slow"), {"code": 999, "message": "?"}, advertisers(ID, "9" * 19)):
        verify(ads, word)
    after = stored(ads)

    assert (before.generation, before.allocated, None, None, Phase.IDLE) == (
        after.generation, after.allocated, after.attempt, after.exemption, after.phase
    )  # fmt: skip
    assert ([], 1) == (ads.world.shop.ledger, ads.server.times(ADS_TOKEN))


@pytest.mark.parametrize(
    "word",
    [
        429,
        503,
        500,
        NoAnswer("slow"),
        {"code": 40100, "message": "Too many requests", "data": {}},
        {"code": 999, "message": "nobody knows", "data": {}},
        {"code": 0, "data": {}},
        {"code": 40001, "message": "No permission to operate advertiser", "data": {}},
    ],
    ids=str,
)
def test_what_says_nothing_about_the_token_is_asked_again_later(ads: Staged, word: Word) -> None:
    """Busy, ambiguous and unknown: it stays active, its secret as it was, and the wait grows."""
    waits = []
    for _ in range(4):
        assert Result.POSTPONED is verify(ads, word)
        waits.append(wait(ads))
    record = stored(ads)

    assert (Status.ACTIVE, 4, "active") == (record.status, record.failures, published(ads))
    assert record.last_error is not None
    assert (1, []) == (len(ads.world.secrets.secret(ADS_NAME).versions), alerts(ads.world))
    assert waits[0] < waits[-1]
    verify(ads, advertisers(ID))
    assert (0, None) == (stored(ads).failures, stored(ads).last_error)


def test_a_refusal_alone_asks_the_seller_to_come_back(ads: Staged) -> None:
    """Nothing can renew it, so the no is as good as that to a refresh token: said twice, it counts."""
    assert Result.HELD is verify(ads, REVOKED)
    ads.world.settle(ticks=15)

    record = stored(ads)
    assert (Status.REAUTHORIZE, None, None) == (record.status, record.due.next_at, record.due.verify_at)
    assert ("AA", "reauthorize") == (ads.world.document(ADS_NAME)["access_token"], published(ads))
    assert ["connection.reauthorize"] == alerts(ads.world)


def refused_among_many(stage: Staged) -> None:
    """Let the connection be parked by a refusal in an app of many."""
    later = stage.world.clock.now() + 3 * DAY
    idle = stored(stage).with_due(verify_at=later, refresh_at=later, next_at=later)
    for index in range(25):
        stage.world.connections.seed(replace(idle, name=stage.name(f"other-{index}")))
    assert Result.HELD is verify(stage, REVOKED)


def test_a_refusal_among_many_parks_it_and_the_others_decide(ads: Staged) -> None:
    """It is set apart without being asked again or kept busy; once another has succeeded its seller is asked."""
    refused_among_many(ads)
    record = stored(ads)
    assert (Status.HELD, "refused", ads.world.clock.now() + 90) == (record.status, record.reason, record.due.next_at)
    before = asked(ads), ads.world.connections.calls["lease"]
    ads.world.settle(ticks=60)
    assert before[0] == asked(ads)
    assert 12 >= ads.world.connections.calls["lease"] - before[1]
    session = ads.world.session()
    session.tally.success("other-1", at=ads.world.clock.now())
    note_outcomes(session, ads.world.ports)
    ads.world.settle(ticks=12)

    assert (Status.REAUTHORIZE, before[0]) == (stored(ads).status, asked(ads))


@pytest.fixture
def resumed(ads: Staged) -> tuple[Staged, int]:
    """A parked connection whose app was paused and resumed after a while; and how often it was asked."""
    refused_among_many(ads)
    ads.world.apps.pause("ads", kind=PauseKind.OPERATOR, why="paused by an operator", now=ads.world.clock.now())
    leases = ads.world.connections.calls["lease"]
    ads.world.settle(ticks=60)
    assert Status.HELD is stored(ads).status
    assert 8 >= ads.world.connections.calls["lease"] - leases
    ads.world.apps.resume("ads", now=ads.world.clock.now())
    return ads, asked(ads)


@pytest.mark.parametrize("well", [True, False])
def test_a_resumed_app_asks_a_parked_connection_once(resumed: tuple[Staged, int], *, well: bool) -> None:
    """It is active and verified daily as before; or a second no leaves it parked, until another has succeeded."""
    ads, before = resumed
    if well:
        ads.server.says(ADS_LIST, advertisers(ID))
    ads.world.settle(ticks=30)
    record = stored(ads)

    status = Status.ACTIVE if well else Status.HELD
    assert (before + 1, status, status.value) == (asked(ads), record.status, published(ads))
    assert well == (record.due.verify_at is not None)
    assert ("" if well else "refused", well) == (record.reason, record.parked_at is None)


def test_a_parked_connection_that_cannot_be_asked_waits_longer_each_time(resumed: tuple[Staged, int]) -> None:
    """The provider is down when the app is resumed: no tick after tick, and no verdict."""
    ads, before = resumed
    ads.server.says(ADS_LIST, 500)
    ads.world.settle(ticks=60)

    assert Status.HELD is stored(ads).status
    assert 2 <= asked(ads) - before <= 8
    ads.server.says(ADS_LIST, advertisers(ID))
    ads.world.settle(ticks=120)
    assert Status.ACTIVE is stored(ads).status


@field("A4")
def test_wrong_credentials_pause_the_app_and_change_no_connection(ads: Staged) -> None:
    """The app's own fault, by its only connection: its owner is told once, it is probed, and runs again by itself."""
    at_its_time(ads.world, ADS_NAME)
    ads.server.says(ADS_LIST, MISMATCH)
    ads.world.settle(ticks=60)

    assert "configuration" == ads.world.apps.state("ads").paused_kind
    assert (["app.paused"], Status.ACTIVE, "active") == (alerts(ads.world), stored(ads).status, published(ads))
    assert 2 <= asked(ads) - 1 <= 7
    ads.server.says(ADS_LIST, advertisers(ID))
    ads.world.settle(ticks=70)
    assert ("", "app.resumed") == (ads.world.apps.state("ads").paused, alerts(ads.world)[-1])
    assert (None, True) == (stored(ads).due.renew_at, stored(ads).due.verify_at is not None)


def test_a_paused_app_is_not_verified(ads: Staged) -> None:
    """It is looked at again in ten minutes."""
    ads.world.apps.pause("ads", kind=PauseKind.OPERATOR, why="paused by an operator", now=1)

    assert (Result.PAUSED, 600, 1) == (verify(ads), wait(ads), asked(ads))


def test_another_account_is_told_and_its_facts_stay_out(ads: Staged) -> None:
    """The token no longer reaches this account: what workloads read stays as it was."""
    before = ads.world.document(ADS_NAME)
    verify(ads, advertisers("6000000000000000000"))

    assert before == ads.world.document(ADS_NAME)
    assert [("account.changed", f"ads/{ID}", f"tokensync history ads/{ID}")] == [
        (alert.kind, alert.subject, alert.next_command) for alert in ads.world.alerts.told
    ]


def test_a_sandbox_is_verified_at_every_run_of_the_schedule() -> None:
    """A newcomer sees it happen."""
    loopback = {"token": f"http://localhost:4001{ADS_TOKEN}", "verify": f"http://localhost:4001{ADS_LIST}"}
    stage = connected(endpoints=loopback)

    assert 27 <= wait(stage) <= 30
    verify(stage)
    assert 27 <= wait(stage) <= 30


def test_a_publication_that_fails_is_made_up_for(ads: Staged) -> None:
    """Changed facts are stored first; the schedule publishes them."""
    ads.world.secrets.fail_next("put", StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        verify(ads, TWO)
    ads.world.after_lease()
    ads.world.settle(ticks=3)

    assert 2 == len(ads.world.document(ADS_NAME)["account"]["advertiser_ids"])


def test_without_a_key_changed_facts_wait(ads: Staged) -> None:
    """What cannot be sealed is asked for again; nothing is lost by that."""
    ads.world.sealer.fail_next("new_key", SealingUnavailable)
    assert Result.POSTPONED is verify(ads, TWO)
    ads.world.settle(ticks=15)

    assert 2 == len(ads.world.document(ADS_NAME)["account"]["advertiser_ids"])


def test_a_secret_that_was_deleted_is_noticed(ads: Staged) -> None:
    """Nothing else would ever look at it: no refresh writes it."""
    ads.world.secrets.destroy(ads.world.secrets.secret(ADS_NAME).arn)

    assert Result.ORPHANED is verify(ads)
    assert (Status.ORPHANED, None) == (stored(ads).status, stored(ads).due.next_at)
    assert ["connection.orphaned"] == alerts(ads.world)


def test_a_secret_that_cannot_be_looked_at_fails_no_verification(ads: Staged) -> None:
    """Secrets Manager throttles: the token works all the same, and tomorrow is another day."""
    ads.world.secrets.fail_next("current_version", PublishUnavailable)

    assert Result.VERIFIED is verify(ads)


def test_a_token_without_a_call_just_stays() -> None:
    """No refresh token and no call to verify by: it stays published until it ends, and nothing is asked."""
    stage = Staged.of(replace(OIDC, endpoints={key: OIDC.endpoints[key] for key in ("authorize", "token")}))
    stage.world.apps.update(replace(stage.world.app, settings={"account_field": "user"}))
    stage.server.says("/token", oidc_token(refresh_token=None, expires_in=None, user="u-1"))
    stage.connect()
    name = stage.name("u-1")
    due = stage.world.stored(name).due
    assert (None, None, None) == (due.renew_at, due.verify_at, due.next_at)
    stage.world.connections.seed(stage.world.stored(name).with_due(renew_at=1, refresh_at=1, next_at=1))

    assert Result.NOTHING_DUE is stage.world.run(name).result
    due = stage.world.stored(name).due
    assert (None, None, 1) == (due.renew_at, due.next_at, len(stage.server.asked))


def test_a_forced_refresh_of_a_token_that_nothing_renews_verifies_it(ads: Staged) -> None:
    """An operator's refresh is answered by the one question that there is."""
    assert (Result.VERIFIED, 2) == (look(ads, force=True).result, asked(ads))


def test_a_refresh_in_vain_of_such_a_token_is_due_at_one_time_alone(ads: Staged) -> None:
    """Asked by an operator while the provider is busy: it is not asked again at every tick."""
    ads.server.says(ADS_LIST, ads.server.answer({}, status=429, retry_after="3600"))
    now = ads.world.clock.now()
    ads.world.connections.request_refresh(ADS_NAME, generation=stored(ads).generation, now=now)
    look(ads)
    before = asked(ads)
    ads.world.settle(ticks=30, every=60)

    assert (None, now + 3600, before) == (stored(ads).due.renew_at, stored(ads).due.verify_at, asked(ads))


# --- on demand, under a lease of its own


def act(world: World) -> WorkResult:
    """Verify a connection of TikTok Shop under a lease, as an operator asks for it."""
    return world.worker.run(Work(connection=NAME), world.session(), world.budget(), act=world.verifier.verify)


def test_lookups_that_the_table_refuses_fail_no_verification(world: World) -> None:
    """The next verification notes them."""
    world.connections.fail_next("index", StoreUnavailable)

    assert Result.VERIFIED is act(world).result
    assert "lookups.failed" in world.log.events()


def test_on_demand_it_is_done_though_nothing_is_due(world: World) -> None:
    """The lease is taken, the token asked about, the lease released; the refresh stays due as it was."""
    record = world.stored()

    assert Result.VERIFIED is act(world).result
    after = world.stored()
    assert (None, record.due.renew_at, world.clock.now()) == (after.lease_until, after.due.renew_at, after.verified_at)
    assert (record.fence + 1, None, []) == (after.fence, after.due.verify_at, world.shop.ledger)


def shops_call(world: World, answer: Callable[[object], Any]) -> None:
    """Let the call by which a token of TikTok Shop is verified answer this."""
    world.shop.others["open-api.tiktokglobalshop.com"] = answer


def test_a_refused_token_that_can_be_refreshed_is_refreshed(world: World) -> None:
    """Another access token can be had: the refresh is due at once, and its answer decides."""
    world.connections.seed(world.stored().with_due(renew_at=world.clock.now() + 1000))
    body = {"code": 105002, "message": "access token expired", "request_id": "t-1"}
    shops_call(world, lambda _request: world.shop.answer(body))

    assert Result.POSTPONED is act(world).result
    assert (Status.ACTIVE, world.clock.now()) == (world.stored().status, world.stored().due.next_at)
    assert (Result.REFRESHED, ["R0"]) == (world.run().result, world.shop.ledger)


@pytest.mark.parametrize(
    ("place", "result", "exemption"),
    [("received", Result.REFRESHED, None), ("sent", Result.HELD, Exemption.LAST_ATTEMPT)],
)
def test_an_unfinished_attempt_is_settled_first(
    world: World, place: str, result: Result, exemption: Exemption | None
) -> None:
    """A worker died with the answer stored, or without one: what was asked for is left to the next try."""
    kill(world, place)

    assert result is act(world).result
    assert (None, exemption) == (world.stored().verified_at, world.stored().exemption)
    assert (["R0"] if place == "received" else []) == world.shop.ledger


def test_a_lease_elsewhere_keeps_it_from_being_done(world: World) -> None:
    """Another holder of the connection is not disturbed."""
    world.connections.lease(NAME, now=world.clock.now(), until=world.clock.now() + 60)
    result = act(world)

    assert (Result.LEASED_ELSEWHERE, False, None) == (result.result, result.again, world.stored().verified_at)


def test_a_connection_that_was_taken_over_is_left_alone(world: World) -> None:
    """A new authorization came in between: what was found out about the old token is written nowhere."""

    def taken(request: object) -> Any:
        del request
        world.connections.seed(replace(world.stored(), fence=99))
        return world.shop.answer({"code": 0, "data": {"shops": []}})

    shops_call(world, taken)

    assert (Result.TAKEN_OVER, None) == (act(world).result, world.stored().verified_at)


def test_an_act_that_fails_is_postponed_with_its_lease_released(world: World) -> None:
    """Without a key nothing is done, and nobody waits for the lease to run out."""

    def fails(record: Connection, grant: Grant, session: Session) -> WorkResult:
        del record, grant, session
        raise SealingUnavailable("no key")

    result = world.worker.run(Work(connection=NAME), world.session(), world.budget(), act=fails)
    assert (Result.POSTPONED, None) == (result.result, world.stored().lease_until)


def test_work_without_a_connection_is_refused(world: World) -> None:
    """A message for an authorization is none for the worker."""
    with pytest.raises(ValueError, match="no connection"):
        world.worker.run(Work(), world.session(), world.budget())


@field("A4")
@pytest.mark.parametrize("kind", [PauseKind.CONFIGURATION, PauseKind.REFUSED])
def test_a_call_without_the_client_says_nothing_of_the_clients_secret(kind: PauseKind) -> None:
    """It is made while the app's credentials are refused, and probes nothing; refusals it shows to be over."""
    stage = Staged.of(OIDC)
    stage.server.says("/token", {"access_token": "OA", "token_type": "Bearer"})
    stage.server.says("/userinfo", {"sub": "u-1"})
    stage.connect()
    world, name = stage.world, stage.name("u-1")
    world.clock.advance((world.stored(name).due.verify_at or 0) - world.clock.now())
    asked = stage.server.times("/userinfo")
    world.apps.pause(OIDC.name, kind=kind, why="said", now=world.clock.now() - 600, probe_every=60)
    world.settle(ticks=1)

    state = world.apps.state(OIDC.name)
    assert (asked + 1, world.clock.now() - 60) == (stage.server.times("/userinfo"), world.stored(name).verified_at)
    assert (kind is PauseKind.CONFIGURATION, 0) == (bool(state.paused), state.probes)
    assert ([] if state.paused else ["app.resumed"]) == stage.alerts()
