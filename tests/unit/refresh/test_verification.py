"""Verification: a token that never expires is asked about daily, and nothing but the provider's own no ends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ADS, ADS_LIST, ADS_TOKEN, OIDC, Staged, Word, ads_token, advertisers, oidc_token
from fakes.world import NAME, World, killed
from tokensync.domain.connection import Exemption, Phase, Status
from tokensync.domain.errors import NoAnswer, PublishUnavailable, SealingUnavailable, StoreUnavailable
from tokensync.domain.runtime import DAY
from tokensync.domain.work import Work
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.refresh.session import Session

ID = "7089362853240553474"
REVOKED = {"code": 40105, "message": "Access token is incorrect or has been revoked.", "data": {}, "request_id": "t-9"}
MISMATCH = {"code": 40101, "message": "app id and secret do not match", "data": {}}


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
    return stage.world.stored(stage.name(ID))


def due(stage: Staged) -> Staged:
    """Let the time of the next verification come."""
    at = stored(stage).due.next_at
    assert at is not None
    stage.world.clock.advance(max(0, at - stage.world.clock.now()))
    return stage


def look(stage: Staged, **how: bool) -> WorkResult:
    """Let one worker look after the connection."""
    return stage.world.run(stage.name(ID), **how)


def crowd(stage: Staged, others: int = 25) -> None:
    """Let the app have many connections, so that one refusal decides nothing."""
    for index in range(others):
        name = stage.name(f"other-{index}")
        stage.world.connections.seed(
            replace(stored(stage).with_due(verify_at=None, refresh_at=None, next_at=None), name=name)
        )


def writes(stage: Staged) -> int:
    """Return how often the secret was written."""
    return len(stage.world.secrets.secret(stage.name(ID)).versions)


def test_it_is_asked_about_once_a_day(ads: Staged) -> None:
    """Each connection at its own time in the last tenth of the day, by the token and nothing else."""
    before = stored(ads)
    assert before.due.verify_at is not None
    assert 0.9 * DAY <= before.due.verify_at - ads.world.clock.now() <= DAY
    ads.world.clock.advance(int(0.89 * DAY))
    ads.world.settle(ticks=1)
    assert 1 == ads.server.times(ADS_LIST)
    ads.world.clock.advance(int(0.11 * DAY))
    ads.world.settle(ticks=60)

    assert 2 == ads.server.times(ADS_LIST)
    after = stored(ads)
    assert after.verified_at is not None
    assert after.due.verify_at is not None
    assert 0.9 * DAY <= after.due.verify_at - after.verified_at <= DAY
    assert ["AA", "AA"] == [request.headers["access-token"] for request in ads.server.of(ADS_LIST)]
    assert 1 == ads.server.times(ADS_TOKEN)


def test_unchanged_facts_write_no_secret(ads: Staged) -> None:
    """What workloads read is equal already."""
    before, calls = stored(ads), ads.world.secrets.calls["put"]

    assert Result.VERIFIED is look(due(ads)).result
    assert calls == ads.world.secrets.calls["put"]
    after = stored(ads)
    assert (before.sealed_grant, before.generation, before.allocated) == (
        after.sealed_grant,
        after.generation,
        after.allocated,
    )
    assert ads.world.clock.now() == after.verified_at


def test_changed_facts_are_published_under_the_same_generation(ads: Staged) -> None:
    """A new advertiser reaches the workloads; the token is the same, and so is its number."""
    ads.server.says(ADS_LIST, advertisers(ID, "8000000000000000001"))

    assert Result.VERIFIED is look(due(ads)).result
    document = ads.world.document(ads.name(ID))
    assert (1, "AA", [ID, "8000000000000000001"]) == (
        document["generation"],
        document["access_token"],
        document["account"]["advertiser_ids"],
    )
    assert document["account"] == ads.world.grant(ads.name(ID)).account
    assert "account.changed" == ads.events(ID)[-1]


def test_an_attempt_and_the_numbers_are_never_touched(ads: Staged) -> None:
    """Verification presents no refresh token: it allocates no number and marks no attempt."""
    before = stored(ads)
    for word in (advertisers(ID), 429, 500, NoAnswer("slow"), {"code": 999, "message": "?"}, advertisers(ID, "9" * 19)):
        ads.server.says(ADS_LIST, word)
        look(due(ads))
    after = stored(ads)

    assert (before.generation, before.allocated, None, None, Phase.IDLE) == (
        after.generation,
        after.allocated,
        after.attempt,
        after.exemption,
        after.phase,
    )
    assert [] == ads.world.shop.ledger
    assert 1 == ads.server.times(ADS_TOKEN)


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
    ads.server.says(ADS_LIST, word)
    due(ads)
    waits = []
    for _ in range(4):
        assert Result.POSTPONED is look(due(ads)).result
        record = stored(ads)
        assert record.due.verify_at is not None
        waits.append(record.due.verify_at - ads.world.clock.now())
    record = stored(ads)

    assert (Status.ACTIVE, 4) == (record.status, record.failures)
    assert record.last_error is not None
    assert "active" == ads.world.document(ads.name(ID))["status"]
    assert 1 == writes(ads)
    assert waits[0] < waits[-1]
    assert [] == ads.alerts()

    ads.server.says(ADS_LIST, advertisers(ID))
    look(due(ads))
    assert (0, None) == (stored(ads).failures, stored(ads).last_error)


def test_a_retry_after_is_honoured(ads: Staged) -> None:
    """The provider says when."""
    ads.server.says(ADS_LIST, ads.server.answer({}, status=429, retry_after="1800"))
    look(due(ads))

    assert ads.world.clock.now() + 1800 == stored(ads).due.verify_at


def test_a_refusal_alone_asks_the_seller_to_come_back(ads: Staged) -> None:
    """Nothing can renew it, so the no is as good as that to a refresh token."""
    ads.server.says(ADS_LIST, REVOKED)

    assert Result.REAUTHORIZE is look(due(ads)).result
    record = stored(ads)
    assert (Status.REAUTHORIZE, None, None) == (record.status, record.due.next_at, record.due.verify_at)
    assert ("AA", "reauthorize") == (
        ads.world.document(ads.name(ID))["access_token"],
        ads.world.document(ads.name(ID))["status"],
    )
    assert ["connection.reauthorize"] == ads.alerts()


def test_a_refusal_among_many_parks_it_and_the_window_decides(ads: Staged) -> None:
    """For ten minutes it is set apart, without being asked again or kept busy; then its seller is asked."""
    crowd(ads)
    ads.server.says(ADS_LIST, REVOKED)

    assert Result.HELD is look(due(ads)).result
    record = stored(ads)
    assert (Status.HELD, "refused", ads.world.clock.now() + 601) == (record.status, record.reason, record.due.next_at)
    asked = ads.server.times(ADS_LIST)
    leases = ads.world.connections.calls["lease"]
    ads.world.settle(ticks=10)
    assert (asked, leases) == (ads.server.times(ADS_LIST), ads.world.connections.calls["lease"])
    ads.world.settle(ticks=3)

    assert Status.REAUTHORIZE is stored(ads).status
    assert asked == ads.server.times(ADS_LIST)


def parked(stage: Staged) -> Staged:
    """Let the connection be parked by a refusal, the app paused by its breaker, and resumed after a while."""
    crowd(stage)
    stage.server.says(ADS_LIST, REVOKED)
    look(due(stage))
    stage.world.apps.pause("ads", why="20 of 30 refused", now=stage.world.clock.now())
    leases = stage.world.connections.calls["lease"]
    stage.world.settle(ticks=60)
    assert Status.HELD is stored(stage).status
    assert 7 >= stage.world.connections.calls["lease"] - leases
    stage.world.apps.resume("ads", now=stage.world.clock.now())
    return stage


def test_a_resumed_app_asks_a_parked_connection_once_and_finds_it_well(ads: Staged) -> None:
    """The cause was not the seller: it is active again, published, and verified daily as before."""
    parked(ads)
    asked = ads.server.times(ADS_LIST)
    ads.server.says(ADS_LIST, advertisers(ID))
    ads.world.settle(ticks=15)
    record = stored(ads)

    assert asked + 1 == ads.server.times(ADS_LIST)
    assert (Status.ACTIVE, "", None, None) == (record.status, record.reason, record.due.renew_at, record.parked_at)
    assert record.due.verify_at is not None
    assert "active" == ads.world.document(ads.name(ID))["status"]


def test_a_resumed_app_asks_a_parked_connection_once_and_is_refused(ads: Staged) -> None:
    """The second no parks it anew, and that window closes: its seller has to come back."""
    parked(ads)
    asked = ads.server.times(ADS_LIST)
    ads.world.settle(ticks=30)

    assert Status.REAUTHORIZE is stored(ads).status
    assert asked + 1 == ads.server.times(ADS_LIST)


def test_a_parked_connection_that_cannot_be_asked_waits_longer_each_time(ads: Staged) -> None:
    """The provider is down when the app is resumed: no tick after tick, and no verdict."""
    parked(ads)
    asked = ads.server.times(ADS_LIST)
    ads.server.says(ADS_LIST, 500)
    ads.world.settle(ticks=60)

    assert Status.HELD is stored(ads).status
    assert 2 <= ads.server.times(ADS_LIST) - asked <= 8
    ads.server.says(ADS_LIST, advertisers(ID))
    ads.world.settle(ticks=120)
    assert Status.ACTIVE is stored(ads).status


def test_wrong_credentials_pause_the_app_and_change_no_connection(ads: Staged) -> None:
    """The app's own fault: its owner is told once, and the connection stays active."""
    ads.server.says(ADS_LIST, MISMATCH)

    assert Result.POSTPONED is look(due(ads)).result
    assert ads.world.apps.state("ads").paused
    assert ["app.paused"] == ads.alerts()
    assert Status.ACTIVE is stored(ads).status
    assert "active" == ads.world.document(ads.name(ID))["status"]
    asked = ads.server.times(ADS_LIST)
    ads.world.settle(ticks=60)
    assert asked == ads.server.times(ADS_LIST)

    ads.world.apps.resume("ads", now=ads.world.clock.now())
    ads.server.says(ADS_LIST, advertisers(ID))
    ads.world.settle(ticks=15)
    assert asked + 1 == ads.server.times(ADS_LIST)


def test_a_paused_app_is_not_verified(ads: Staged) -> None:
    """It is looked at again in ten minutes."""
    due(ads)
    ads.world.apps.pause("ads", why="paused by an operator", now=1)

    assert Result.PAUSED is look(ads).result
    assert ads.world.clock.now() + 600 == stored(ads).due.verify_at
    assert 1 == ads.server.times(ADS_LIST)


def test_another_account_is_told_and_its_facts_stay_out(ads: Staged) -> None:
    """The token no longer reaches this account: what workloads read stays as it was."""
    before = ads.world.document(ads.name(ID))
    ads.server.says(ADS_LIST, advertisers("6000000000000000000"))
    look(due(ads))

    assert before == ads.world.document(ads.name(ID))
    (alert,) = ads.world.alerts.told
    assert ("account.changed", f"ads/{ID}", f"tokensync history ads/{ID}") == (
        alert.kind,
        alert.subject,
        alert.next_command,
    )


def test_a_sandbox_is_verified_at_every_run_of_the_schedule() -> None:
    """A newcomer sees it happen."""
    loopback = {"token": f"http://localhost:4001{ADS_TOKEN}", "verify": f"http://localhost:4001{ADS_LIST}"}
    stage = connected(endpoints=loopback)
    verify_at = stored(stage).due.verify_at

    assert verify_at is not None
    assert 27 <= verify_at - stage.world.clock.now() <= 30
    look(due(stage))
    again = stored(stage).due.verify_at
    assert again is not None
    assert 27 <= again - stage.world.clock.now() <= 30


def test_a_publication_that_fails_is_made_up_for(ads: Staged) -> None:
    """Changed facts are stored first; the schedule publishes them."""
    ads.server.says(ADS_LIST, advertisers(ID, "8000000000000000001"))
    due(ads)
    ads.world.secrets.fail_next("put", StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        look(ads)
    ads.world.after_lease()
    ads.world.settle(ticks=3)

    assert 2 == len(ads.world.document(ads.name(ID))["account"]["advertiser_ids"])


def test_without_a_key_changed_facts_wait(ads: Staged) -> None:
    """What cannot be sealed is asked for again; nothing is lost by that."""
    ads.server.says(ADS_LIST, advertisers(ID, "8000000000000000001"))
    due(ads)
    ads.world.sealer.fail_next("new_key", SealingUnavailable)
    assert Result.POSTPONED is look(ads).result
    ads.world.settle(ticks=15)

    assert 2 == len(ads.world.document(ads.name(ID))["account"]["advertiser_ids"])


def test_lookups_that_the_table_refuses_fail_no_verification() -> None:
    """The next verification notes them."""
    world = World()
    record = world.connected()
    world.connections.fail_next("index", StoreUnavailable)

    assert Result.VERIFIED is act(world, record).result
    assert "lookups.failed" in world.log.events()


def test_a_secret_that_was_deleted_is_noticed(ads: Staged) -> None:
    """Nothing else would ever look at it: no refresh writes it."""
    ads.world.secrets.destroy(stored(ads).published.arn)  # type: ignore[union-attr]  # it is published

    assert Result.ORPHANED is look(due(ads)).result
    assert (Status.ORPHANED, None) == (stored(ads).status, stored(ads).due.next_at)
    assert ["connection.orphaned"] == ads.alerts()


def test_a_secret_that_cannot_be_looked_at_fails_no_verification(ads: Staged) -> None:
    """Secrets Manager throttles: the token works all the same, and tomorrow is another day."""
    ads.world.secrets.fail_next("current_version", PublishUnavailable)

    assert Result.VERIFIED is look(due(ads)).result


def test_a_token_without_a_call_just_stays() -> None:
    """No refresh token and no call to verify by: it stays published until it ends, and nothing is asked."""
    stage = Staged.of(replace(OIDC, endpoints={key: OIDC.endpoints[key] for key in ("authorize", "token")}))
    stage.world.apps.update(replace(stage.world.app, settings={"account_field": "user"}))
    stage.server.says("/token", oidc_token(refresh_token=None, expires_in=None, user="u-1"))
    stage.connect()
    name = stage.name("u-1")
    record = stage.world.stored(name)
    assert (None, None, None) == (record.due.renew_at, record.due.verify_at, record.due.next_at)
    stage.world.connections.seed(record.with_due(renew_at=1, refresh_at=1, next_at=1))

    assert Result.NOTHING_DUE is stage.world.run(name).result
    assert (None, None) == (stage.world.stored(name).due.renew_at, stage.world.stored(name).due.next_at)
    assert 1 == len(stage.server.asked)


def test_a_forced_refresh_of_a_token_that_nothing_renews_verifies_it(ads: Staged) -> None:
    """An operator's refresh is answered by the one question that there is."""
    assert Result.VERIFIED is look(ads, force=True).result
    assert 2 == ads.server.times(ADS_LIST)


def test_a_refresh_in_vain_of_such_a_token_is_due_at_one_time_alone(ads: Staged) -> None:
    """Asked by an operator while the provider is busy: it is not asked again at every tick."""
    ads.server.says(ADS_LIST, ads.server.answer({}, status=429, retry_after="3600"))
    name, now = ads.name(ID), ads.world.clock.now()
    ads.world.connections.request_refresh(name, generation=stored(ads).generation, now=now)
    look(ads)
    before = ads.server.times(ADS_LIST)
    ads.world.settle(ticks=30, every=60)

    assert (None, now + 3600) == (stored(ads).due.renew_at, stored(ads).due.verify_at)
    assert before == ads.server.times(ADS_LIST)


def act(world: World, record: Connection) -> WorkResult:
    """Verify a connection of TikTok Shop under a lease, as an operator asks for it."""
    return world.worker.run(Work(connection=record.name), world.session(), world.budget(), act=world.verifier.verify)


def test_on_demand_it_is_done_though_nothing_is_due() -> None:
    """The lease is taken, the token asked about, the lease released; the refresh stays due as it was."""
    world = World()
    record = world.connected()

    assert Result.VERIFIED is act(world, record).result
    after = world.stored()
    assert (None, record.due.renew_at, world.clock.now()) == (after.lease_until, after.due.renew_at, after.verified_at)
    assert record.fence + 1 == after.fence
    assert after.due.verify_at is None
    assert [] == world.shop.ledger


def refused(world: World) -> None:
    """Let the shops' call refuse the access token."""
    body = {"code": 105002, "message": "access token expired", "request_id": "t-1"}
    world.shop.others["open-api.tiktokglobalshop.com"] = lambda _request: world.shop.answer(body)


def test_a_refused_token_that_can_be_refreshed_is_refreshed() -> None:
    """Another access token can be had: the refresh is due at once, and its answer decides."""
    world = World()
    record = world.connected()
    world.connections.seed(record.with_due(renew_at=record.due.next_at + 1000))  # type: ignore[operator]
    refused(world)

    assert Result.POSTPONED is act(world, record).result
    assert (Status.ACTIVE, world.clock.now()) == (world.stored().status, world.stored().due.next_at)
    assert Result.REFRESHED is world.run().result
    assert ["R0"] == world.shop.ledger


def test_an_unfinished_attempt_is_resumed_first() -> None:
    """A worker died with the answer stored: that is concluded, and what was asked for is left to the next try."""
    world = World()
    record = world.connected()
    world.failpoints.raise_at("received", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()

    assert Result.REFRESHED is act(world, record).result
    assert world.stored().verified_at is None
    assert ["R0"] == world.shop.ledger


def test_an_attempt_without_an_answer_is_settled_first() -> None:
    """A worker died after the token was sent: the connection is held before anything else is done with it."""
    world = World()
    record = world.connected()
    world.failpoints.raise_at("sent", killed())
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()

    assert Result.HELD is act(world, record).result
    assert world.stored().verified_at is None
    assert Exemption.LAST_ATTEMPT is world.stored().exemption


def test_a_lease_elsewhere_keeps_it_from_being_done() -> None:
    """Whoever holds the connection is not disturbed."""
    world = World()
    record = world.connected()
    world.connections.lease(NAME, now=world.clock.now(), until=world.clock.now() + 60)

    outcome = act(world, record)
    assert (Result.LEASED_ELSEWHERE, False) == (outcome.result, outcome.again)
    assert world.stored().verified_at is None


def test_a_connection_that_was_taken_over_is_left_alone() -> None:
    """A new authorization came in between: what was found out about the old token is written nowhere."""
    world = World()
    record = world.connected()

    def taken(request: object) -> Any:
        del request
        world.connections.seed(replace(world.stored(), fence=99))
        return world.shop.answer({"code": 0, "data": {"shops": []}})

    world.shop.others["open-api.tiktokglobalshop.com"] = taken

    assert Result.TAKEN_OVER is act(world, record).result
    assert world.stored().verified_at is None


def test_an_act_that_fails_is_postponed_with_its_lease_released() -> None:
    """Without a key nothing is done, and nobody waits for the lease to run out."""
    world = World()
    record = world.connected()

    def fails(record: Connection, grant: Grant, session: Session) -> WorkResult:
        del record, grant, session
        raise SealingUnavailable("no key")

    outcome = world.worker.run(Work(connection=record.name), world.session(), world.budget(), act=fails)
    assert (Result.POSTPONED, None) == (outcome.result, world.stored().lease_until)


def test_work_without_a_connection_is_refused() -> None:
    """A message for an authorization is none for the refresher."""
    world = World()
    with pytest.raises(ValueError, match="no connection"):
        world.worker.run(Work(), world.session(), world.budget())
