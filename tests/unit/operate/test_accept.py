"""`accept`: what an operator's word makes of a quarantined connection, and what it leaves as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ADS, ADS_LIST, ADS_TOKEN, OIDC, Staged, ads_token, advertisers, id_token, oidc_token
from fakes.visitors import Browser
from fakes.world import APP, NAME, WEEK, World, killed
from tokensync.domain.app import App
from tokensync.domain.connection import Exemption, Phase, Reason, Status
from tokensync.domain.errors import NoAnswer, NotSent, PublishUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.refresh.result import Result
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = ConnectionName(APP, "old-account")


def accept(world: World, name: ConnectionName = NAME, **more: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    return world.commands.answer({"tokensync": "accept", "connection": str(name), **more}, world.budget())


def refusal(answer: dict[str, Any]) -> tuple[bool, int, str]:
    """Return that it did not succeed, the exit code and the next command."""
    return answer["ok"], answer["exit"], answer["error"]["next"]


def current(world: World, name: ConnectionName = NAME) -> tuple[dict[str, str], str | None]:
    """Return every version of a secret, and which is the current one."""
    secret = world.secrets.secret(name)
    return dict(secret.versions), secret.current


def rolled_back(world: World, name: ConnectionName, meanwhile: Callable[[], object], *, compare: bool = False) -> None:
    """Let a table be restored from a backup of before `meanwhile`, and its connection be looked at."""
    world.origin.restored()
    backup = world.table.backup()
    meanwhile()
    world.table.restore(backup)
    world.run(name, compare=compare)
    assert Reason.RESTORED_TABLE == world.stored(name).reason


# -------------------------------------------------------------------------------- another account than the invite's


@pytest.fixture
def ended(world: World) -> World:
    """The same, two weeks later: the strange account's access token has ended, and nothing else is due."""
    world.connections.seed(scheduled(world.stored(OLD).with_due(renew_at=None, warn_at=None)))
    world.clock.advance(2 * WEEK)
    return world


@pytest.fixture
def world() -> World:
    """A stack in which another account authorized than the invite was for."""
    made = World()
    made.connected(OLD, refresh_token="ROLD")
    browser = Browser(made)
    browser.connect(made.invite(for_account=OLD.account, label="The old one"))
    browser.back()
    return made


def test_a_strange_account_names_itself(world: World) -> None:
    """Its record says why it is quarantined and for whom the invite was; the wanted account's label is not its own."""
    record = world.stored()

    assert (Status.QUARANTINED, Reason.NOT_INVITED, "Acme GmbH") == (record.status, record.reason, record.label)
    assert ["the invite was for old-account"] == [entry.detail for entry in record.history]
    assert [f"tokensync accept {NAME}"] == [alert.next_command for alert in world.alerts.told]


def test_an_accepted_account_is_published_and_scheduled(world: World) -> None:
    """Its pair was never presented: it is published as it came, under its own label, and refreshed when that is due."""
    answer = accept(world)
    record = world.stored()

    assert (True, "published", NAME.account, "Acme GmbH") == (
        answer["ok"], answer["result"], answer["connection"]["account_id"], answer["connection"]["label"]
    )  # fmt: skip
    assert (Status.ACTIVE, "", None) == (record.status, record.reason, record.lease_until)
    assert ("A1", "active", 1) == tuple(world.document()[field] for field in ("access_token", "status", "generation"))
    assert ["code-1"] == world.shop.ledger
    assert record.due.renew_at is not None
    assert world.clock.now() < record.due.renew_at < world.clock.now() + WEEK
    world.clock.advance(WEEK)
    world.run()
    assert (["code-1", "R1"], "A2") == (world.shop.ledger, world.document()["access_token"])


def test_the_invite_stays_the_wanted_accounts(world: World) -> None:
    """Accepting another one uses nothing up: the account that was asked for still comes by the same link."""
    accept(world)
    world.shop.account = OLD.account
    browser = Browser(world)
    browser.connect(world.invite(for_account=OLD.account))
    browser.back("code=code-2")

    assert "Your account is connected" in browser.result().body


def test_an_access_token_that_has_ended_is_refreshed_first(world: World) -> None:
    """What is published has life left."""
    world.clock.advance(2 * WEEK)
    answer = accept(world)

    assert (True, "refreshed") == (answer["ok"], answer["result"])
    assert (["code-1", "R1"], "A2", 2) == (
        world.shop.ledger, world.document()["access_token"], world.document()["generation"]
    )  # fmt: skip
    assert {2} == {world.document()["generation"], len(world.secrets.secret(NAME).versions) + 1}


def test_an_ended_one_is_accepted_by_its_answer(ended: World) -> None:
    """Its history tells both, and facts that its authorization could not get are asked for."""
    ended.connections.seed(replace(ended.stored(), verified_at=None))
    accept(ended)
    record = ended.stored()

    assert ["token.refreshed", "connection.accepted"] == [entry.event for entry in record.history[-2:]]
    assert (Status.ACTIVE, "", ended.clock.now()) == (record.status, record.reason, record.due.verify_at)


def test_no_answer_for_an_ended_one(ended: World) -> None:
    """Nothing is published and nothing repeated by itself; presenting it once more takes the operator's insistence."""
    ended.shop.script.append(lambda _honest: ended.shop.answer(b"", status=502))
    answer = accept(ended)
    ended.settle(ticks=3)
    record = ended.stored()

    assert (False, 5, f"tokensync accept {NAME} --force") == refusal(answer)
    assert "it stays quarantined" in answer["error"]["message"]
    assert (Status.QUARANTINED, Reason.NOT_INVITED, None) == (record.status, record.reason, record.due.next_at)
    assert (None, ["code-1"]) == (ended.secrets.document(NAME), ended.shop.ledger)

    again = accept(ended)
    assert (False, 4, f"tokensync invite {APP} --for {NAME}") == refusal(again)
    assert "--force" in again["error"]["message"]
    assert (True, ["code-1", "R1"]) == (accept(ended, force=True)["ok"], ended.shop.ledger)
    assert "A2" == ended.document()["access_token"]


def busy(world: World) -> Any:
    """Answer that it was not processed."""
    return world.shop.answer(b"", status=503)


def unreachable(_world: World) -> Any:
    """Let nothing be sent."""
    raise NotSent("no route")


def misconfigured(world: World) -> Any:
    """Answer that the app's own credentials are wrong."""
    return world.shop.answer({"code": 36009004, "message": "invalid client_key", "request_id": "t-1"})


@pytest.mark.parametrize("fails", [busy, unreachable, misconfigured])
def test_an_ended_one_whose_token_was_not_used_up(ended: World, fails: Callable[[World], Any]) -> None:
    """It stays quarantined, nothing is published, and the same command presents the token again."""
    ended.shop.script.extend([lambda _honest: fails(ended)] * 99)
    answer = accept(ended)
    ended.shop.script.clear()

    assert (False, 5, f"tokensync accept {NAME}") == refusal(answer)
    assert (Status.QUARANTINED, None) == (ended.stored().status, ended.secrets.document(NAME))
    ended.apps.resume(APP, now=ended.clock.now())
    assert (True, ["code-1", "R1"]) == (accept(ended)["ok"], ended.shop.ledger)


def test_an_ended_one_that_is_refused(ended: World) -> None:
    """The seller is to come, as nobody can renew it; a dead token reaches no workload."""
    ended.shop.alive.clear()
    answer = accept(ended)

    assert (False, 4, f"tokensync invite {APP} --for {NAME}") == refusal(answer)
    assert (Status.QUARANTINED, Reason.NOT_INVITED) == (ended.stored().status, ended.stored().reason)
    assert None is ended.secrets.document(NAME)


def test_an_ended_one_whose_answer_is_unusable(ended: World) -> None:
    """Its new refresh token is kept, its dead access token is not published, and the same command goes on."""
    unusable = {"code": 0, "message": "success", "data": {"access_token": "", "refresh_token": "R-new"}}
    ended.shop.script.append(lambda _honest: ended.shop.answer(unusable))
    ended.shop.alive.add("R-new")
    answer = accept(ended)
    ended.settle(ticks=3)

    assert (False, 5, f"tokensync accept {NAME}") == refusal(answer)
    assert (Status.QUARANTINED, None) == (ended.stored().status, ended.secrets.document(NAME))
    assert (True, "A2") == (accept(ended)["ok"], ended.document()["access_token"])


@pytest.mark.parametrize("point", ["sent", "received", "published"])
def test_an_ended_one_whose_acceptance_was_killed(ended: World, point: str) -> None:
    """An answer that was stored is published by the schedule; without one it stays quarantined."""
    ended.failpoints.raise_at(point, killed())
    with pytest.raises(KeyboardInterrupt):
        accept(ended)
    ended.settle(ticks=3)

    stood = ended.secrets.document(NAME)
    expected = (Status.QUARANTINED, None) if point == "sent" else (Status.ACTIVE, "A2")
    assert expected == (ended.stored().status, stood and stood["access_token"])
    assert [] == ended.shop.doubles


def test_tokens_that_have_ended_for_good_are_the_sellers(world: World) -> None:
    """Nothing can renew it: it stays quarantined, and no dead token is published."""
    grant = replace(world.grant(), refresh_token=None)
    sealed = world.sealer.new_key(APP).seal(grant.to_bytes(), binding=f"{NAME}|grant|1")
    world.connections.seed(replace(world.stored(), sealed_grant=sealed))
    world.clock.advance(2 * WEEK)

    assert (False, 4, f"tokensync invite {APP} --for {NAME}") == refusal(accept(world))
    assert (Status.QUARANTINED, None) == (world.stored().status, world.secrets.document(NAME))


def test_accepting_twice(world: World) -> None:
    """The second time there is nothing to accept."""
    accept(world)
    versions = current(world)

    assert (False, 1, f"tokensync show {NAME}") == refusal(accept(world))
    assert versions == current(world)


def test_an_accepted_one_that_died_is_finished(world: World) -> None:
    """Killed before COMMIT: it is quarantined still, and the same command writes the same token under a new version."""
    world.failpoints.raise_at("published", killed())
    with pytest.raises(KeyboardInterrupt):
        accept(world)
    world.after_lease()

    assert Status.QUARANTINED is world.stored().status
    assert accept(world)["ok"] is True
    assert ("A1", ["code-1"]) == (world.document()["access_token"], world.shop.ledger)


def test_a_secrets_manager_that_is_down(world: World) -> None:
    """It is accepted, and published by itself later."""
    world.secrets.fail_next("create", PublishUnavailable)
    answer = accept(world)
    world.clock.advance(3600)
    world.settle(ticks=2)

    assert (False, 5) == refusal(answer)[:2]
    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])


def test_an_app_that_pushes_hands_it_over(world: World) -> None:
    """What a consumer is given of every connection it is given of this one."""
    settings = {"push": "api2cart"}
    world.apps.update(replace(world.app, settings=settings, api2cart_key=Secret("key")))
    accept(world)

    assert [NAME] == [work.connection for work in world.queue.drain()]
    assert world.clock.now() == world.stored().due.push_at


@pytest.mark.parametrize(
    ("status", "reason", "following"),
    [
        (Status.ACTIVE, "", "tokensync show {name}"),
        (Status.HELD, Reason.OTHER_ACCOUNT, "tokensync remove {name}"),
        (Status.REAUTHORIZE, "refused", "tokensync invite {app} --for {name}"),
        (Status.ORPHANED, "gone", "tokensync publish {name}"),
    ],
)
def test_what_is_not_quarantined(world: World, status: Status, reason: str, following: str) -> None:
    """There is nothing to accept, and the command that helps is named."""
    record = world.connections.seed(replace(world.stored(OLD), status=status, reason=reason))
    answer = accept(world, OLD)

    assert (False, 1, following.format(name=OLD, app=APP)) == refusal(answer)
    assert f"it is {status}, not quarantined" in answer["error"]["message"]
    assert record == world.stored(OLD)


def test_what_is_not_there(world: World) -> None:
    """There is no such connection."""
    assert 3 == accept(world, ConnectionName(APP, "nobody"))["exit"]


def test_whoever_holds_the_lease_goes_first(world: World) -> None:
    """It waits for a holder that ends, and gives up on one that outlives it."""
    held = world.connections.lease(NAME, now=world.clock.now(), until=world.clock.now() + 5, even_if_not_due=True)
    assert accept(world)["ok"] is True
    assert held.fence < world.stored().fence

    world.connections.seed(replace(world.stored(), status=Status.QUARANTINED, lease_until=world.clock.now() + 999))
    assert (False, 5, f"tokensync accept {NAME}") == refusal(accept(world))


def test_it_was_authorized_again_meanwhile(world: World) -> None:
    """The seller came by a link of their own while the command waited: there is nothing to accept any more."""

    def invited() -> None:
        browser = Browser(world)
        browser.connect(world.invite(id="own"))
        browser.back("code=code-2")

    world.connections.before_next("lease", invited)

    assert (False, 1) == refusal(accept(world))[:2]
    assert "A2" == world.document()["access_token"]


# ------------------------------------------------------------------------------------------- out of a restored table


@pytest.fixture
def shop() -> World:
    """A stack whose table came back from a backup of before a refresh; TikTok Shop takes each refresh token once."""
    made = World()
    made.connected()
    rolled_back(made, NAME, made.run)
    return made


def test_a_rotating_token_is_not_presented(shop: World) -> None:
    """It was probably spent since: the seller has to authorize again, unless the operator insists."""
    before = current(shop)
    answer = accept(shop)

    assert (False, 4, f"tokensync invite {APP} --for {NAME}") == refusal(answer)
    assert "--force" in answer["error"]["message"]
    assert (["R0"], before) == (shop.shop.ledger, current(shop))


def test_force_presents_it_under_an_operators_exemption(shop: World) -> None:
    """The exemption stands on the attempt before anything is sent."""
    seen = []
    shop.failpoints.run_at("sent", lambda: seen.append(shop.stored().attempt))
    shop.shop.alive.add("R0")
    number = shop.document()["generation"]
    answer = accept(shop, force=True)
    record = shop.stored()

    assert (True, "refreshed") == (answer["ok"], answer["result"])
    assert [Exemption.OPERATOR] == [attempt.exemption for attempt in seen if attempt]
    assert (Status.ACTIVE, "", ["R0", "R0"]) == (record.status, record.reason, shop.shop.ledger)
    assert number < shop.document()["generation"] == record.generation


def test_a_refused_token_stays_quarantined(shop: World) -> None:
    """The provider calls it spent: the secret stays byte for byte, and the seller is to come."""
    before = current(shop)
    answer = accept(shop, force=True)

    assert (False, 4, f"tokensync invite {APP} --for {NAME}") == refusal(answer)
    assert (Status.QUARANTINED, Reason.RESTORED_TABLE, None) == (
        shop.stored().status, shop.stored().reason, shop.stored().due.next_at
    )  # fmt: skip
    assert before == current(shop)
    assert 0 == shop.apps.state(APP).refused


@pytest.mark.parametrize("error", [NoAnswer("lost"), NotSent("no route")])
def test_an_attempt_that_brought_nothing_stays_quarantined(shop: World, error: Exception) -> None:
    """Nothing is repeated by itself; the operator may."""

    def fails(_honest: object) -> Any:
        raise error

    before = current(shop)
    shop.shop.script.extend([fails] * 99)
    answer = accept(shop, force=True)
    shop.shop.script.clear()
    shop.clock.advance(WEEK)
    shop.settle(ticks=3)

    assert (False, 5, f"tokensync accept {NAME} --force") == refusal(answer)
    assert (["R0"], before) == (shop.shop.ledger, current(shop))
    shop.shop.alive.add("R0")
    assert accept(shop, force=True)["ok"] is True


@pytest.mark.parametrize("point", ["sent", "received", "published"])
def test_a_forced_attempt_that_was_killed(shop: World, point: str) -> None:
    """An answer that was stored is published by the schedule; without one it stays quarantined."""
    shop.shop.alive.add("R0")
    shop.failpoints.raise_at(point, killed())
    with pytest.raises(KeyboardInterrupt):
        accept(shop, force=True)
    shop.settle(ticks=3)
    record = shop.stored()

    if point == "sent":
        assert (Status.QUARANTINED, Phase.IDLE, "A1") == (record.status, record.phase, shop.document()["access_token"])
        assert None is record.due.next_at
    else:
        assert (Status.ACTIVE, "A2") == (record.status, shop.document()["access_token"])
    assert shop.shop.ledger.count("R0") <= 2


def test_an_answer_for_another_account_stays_out(shop: World) -> None:
    """The secret stays byte for byte."""
    before = current(shop)
    shop.shop.alive.add("R0")
    shop.shop.owners["R0"] = "somebody-else"
    answer = accept(shop, force=True)

    assert (False, before) == (answer["ok"], current(shop))
    assert Status.QUARANTINED is shop.stored().status


def test_a_paused_app_asks_nothing(shop: World) -> None:
    """Not even an operator's acceptance."""
    shop.apps.pause(APP, why="invalid_client", now=shop.clock.now())

    assert (False, 1, f"tokensync app show {APP}") == refusal(accept(shop, force=True))
    assert (["R0"], Status.QUARANTINED) == (shop.shop.ledger, shop.stored().status)


def test_refused_credentials_pause_the_app(shop: World) -> None:
    """It stays quarantined, and the owner is told of the app."""
    shop.shop.script.append(lambda _honest: shop.shop.answer({"code": 36004003, "message": "no", "data": None}))
    answer = accept(shop, force=True)

    assert (False, Status.QUARANTINED) == (answer["ok"], shop.stored().status)


def test_a_consumers_token_is_not_presented(shop: World) -> None:
    """It was handed over before the backup: the consumer alone presents it."""
    shop.connections.seed(shop.stored().with_consumer(handed_over_at=shop.clock.now()))

    assert (False, 1) == refusal(accept(shop, force=True))[:2]
    assert ["R0"] == shop.shop.ledger


def safe() -> Staged:
    """Return a server whose refresh tokens are good for ever, and a connection out of a backup."""
    stage = Staged.of(replace(OIDC, settings={**OIDC.settings, "refresh_reuse": "safe"}))
    claims = id_token(iss="https://id.example", aud="client-1", sub="u-1")
    stage.server.says("/userinfo", {"sub": "u-1"})
    stage.server.says(
        "/token", oidc_token(id_token=claims), oidc_token(access_token="OB"), oidc_token(access_token="OC")
    )
    stage.connect()
    name, world = stage.name("u-1"), stage.world

    def refreshed() -> None:
        world.clock.advance(3600)
        world.run(name)
        assert "OB" == world.document(name)["access_token"]

    rolled_back(world, name, refreshed)
    return stage


def test_a_token_that_does_not_rotate_is_taken_in_again() -> None:
    """It cannot be spent: a new access token comes with it, under a higher number."""
    stage = safe()
    name, world = stage.name("u-1"), stage.world
    number = world.document(name)["generation"]
    answer = accept(world, name)

    assert (True, "refreshed", "OC") == (answer["ok"], answer["result"], world.document(name)["access_token"])
    assert number < world.document(name)["generation"]
    assert Status.ACTIVE is world.stored(name).status


def test_a_token_that_does_not_rotate_and_got_no_answer() -> None:
    """It stays quarantined, and the same command without force asks again."""
    stage = safe()
    name, world = stage.name("u-1"), stage.world
    stage.server.says("/token", NoAnswer("lost"), oidc_token(access_token="OC"))

    assert (False, 5, f"tokensync accept {name}") == refusal(accept(world, name))
    assert accept(world, name)["ok"] is True


def never_expiring() -> Staged:
    """Return an advertiser whose token never expires, authorized anew after the backup."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_LIST, advertisers("1"))
    stage.server.says(ADS_TOKEN, ads_token(advertiser_ids=["1"]), ads_token(access_token="AB", advertiser_ids=["1"]))
    stage.connect()
    world, name = stage.world, stage.name("1")

    def authorized_again() -> None:
        world.clock.advance(60)
        stage.connect(code="code-2")
        assert "AB" == world.document(name)["access_token"]

    world.origin.restored()
    backup = world.table.backup()
    authorized_again()
    world.table.restore(backup)
    world.run(name, compare=True)
    return stage


def test_a_token_that_never_expires_is_verified_first() -> None:
    """It works: it is published under a higher number, in the place of the newer one."""
    stage = never_expiring()
    world, name = stage.world, stage.name("1")
    number = world.document(name)["generation"]
    answer = accept(world, name)

    assert (True, "verified", "AA") == (answer["ok"], answer["result"], world.document(name)["access_token"])
    assert number < world.document(name)["generation"]


def test_a_token_that_never_expires_and_works_no_more() -> None:
    """The newer one stays with its readers."""
    stage = never_expiring()
    world, name = stage.world, stage.name("1")
    before = current(world, name)
    stage.server.says(ADS_LIST, {"code": 40105, "message": "access token is revoked", "data": {}})

    assert (False, 4) == refusal(accept(world, name))[:2]
    assert (before, Status.QUARANTINED) == (current(world, name), world.stored(name).status)


def unverifiable(*, ends_at: int | None = None) -> World:
    """Return a stack out of a backup of before a new authorization, at a provider that can be asked nothing."""
    endpoints = {"token": "https://id.example/token", "authorize": "https://id.example/authorize"}
    world = World(app=App(name=APP, provider="oauth2", client_id="c", client_secret=Secret("s"), endpoints=endpoints))
    world.connected()
    old = replace(world.grant(), access_token=Secret("OLD"), refresh_token=None, access_expires_at=ends_at)
    sealed = world.sealer.new_key(APP).seal(old.to_bytes(), binding=f"{NAME}|grant|1")
    stood = replace(world.stored().with_due(renew_at=None), provider="oauth2", sealed_grant=sealed, fence=4)
    stood = replace(stood, access_expires_at=ends_at, published=world.publisher.publish(stood, old))
    world.connections.seed(scheduled(stood))

    def authorized_again() -> None:
        newer = replace(stood, fence=5, generation=2, allocated=2)
        world.publisher.publish(newer, replace(old, access_token=Secret("NEW")))

    world.origin.restored()
    backup = world.table.backup()
    authorized_again()
    world.table.restore(backup)
    world.run(compare=True)
    assert Reason.RESTORED_TABLE == world.stored().reason
    return world


def test_a_token_that_nobody_can_be_asked_about() -> None:
    """It may be the older one: it comes in the newer one's place by the operator's insistence alone."""
    world = unverifiable()
    before = current(world)
    answer = accept(world)

    assert (False, 4, f"tokensync invite {APP} --for {NAME}") == refusal(answer)
    assert "--force" in answer["error"]["message"]
    assert (before, Status.QUARANTINED) == (current(world), world.stored().status)

    number = world.document()["generation"]
    assert "published" == accept(world, force=True)["result"]
    assert "OLD" == world.document()["access_token"]
    assert number < world.document()["generation"]


def test_an_ended_token_that_nobody_can_be_asked_about() -> None:
    """No insistence publishes a dead token."""
    world = unverifiable(ends_at=World().clock.now() + 60)
    before = current(world)
    world.clock.advance(120)
    answer = accept(world, force=True)

    assert (False, 4, f"tokensync invite {APP} --for {NAME}") == refusal(answer)
    assert "its tokens have ended" in answer["error"]["message"]
    assert (before, Status.QUARANTINED) == (current(world), world.stored().status)


def test_a_strange_account_out_of_a_backup_stays_one(world: World) -> None:
    """It was never published nor presented: nothing about it can be old, and accepting it takes no insistence."""
    world.origin.restored()
    world.table.restore(world.table.backup())
    world.run(compare=True)
    world.clock.advance(120)

    assert (Status.QUARANTINED, Reason.NOT_INVITED) == (world.stored().status, world.stored().reason)
    assert ("published", "A1") == (accept(world)["result"], world.document()["access_token"])
    assert ["code-1"] == world.shop.ledger


def test_a_strange_account_that_was_accepted_since_the_backup(world: World) -> None:
    """Its secret stands, so what the backup holds may be old."""

    def accepted() -> None:
        accept(world)
        world.clock.advance(WEEK)
        world.run()
        assert "A2" == world.document()["access_token"]

    rolled_back(world, NAME, accepted, compare=True)
    before = current(world)

    assert (False, 4) == refusal(accept(world))[:2]
    assert (["code-1", "R1"], before) == (world.shop.ledger, current(world))


def test_a_strange_account_while_secrets_manager_is_down(world: World) -> None:
    """Whether it was accepted since cannot be told now: it is looked at later, by itself."""
    world.origin.restored()
    world.table.restore(world.table.backup())
    world.secrets.fail_next("exists", PublishUnavailable)

    assert Result.POSTPONED is world.run(compare=True).result
    assert None is world.stored().table
    world.settle(ticks=5)
    assert (world.table.id, Reason.NOT_INVITED) == (world.stored().table, world.stored().reason)
