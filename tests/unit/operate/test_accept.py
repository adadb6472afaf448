"""`accept`: what an operator's word makes of a quarantined connection, and what it leaves as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ADS, ADS_LIST, ADS_TOKEN, OIDC, Staged, ads_token, advertisers, id_token, oidc_token
from fakes.visitors import Browser
from fakes.world import APP, NAME, WEEK, World, lost, unreachable
from tokensync.domain.app import App
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Exemption, Phase, Reason, Status
from tokensync.domain.errors import NoAnswer, PublishUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.refresh.result import Result
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = ConnectionName(APP, "old-account")
INVITE, AGAIN = f"tokensync invite {APP} --for {NAME}", f"tokensync accept {NAME}"


def accept(world: World, name: ConnectionName = NAME, **more: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    return world.ask("accept", connection=str(name), **more)


def refusal(answer: dict[str, Any]) -> tuple[bool, int, str]:
    """Return that it did not succeed, the exit code and the next command."""
    return answer["ok"], answer["exit"], answer["error"]["next"]


def current(world: World, name: ConnectionName = NAME) -> tuple[dict[str, str], str | None]:
    """Return every version of a secret, and which is the current one."""
    secret = world.secrets.secret(name)
    return dict(secret.versions), secret.current


def state(world: World) -> tuple[Status, str, int | None]:
    """Return a connection's status, the reason, and when it is due."""
    record = world.stored()
    return record.status, record.reason, record.due.next_at


def rolled_back(world: World, name: ConnectionName, meanwhile: Callable[[], object], *, compare: bool = False) -> None:
    """Restore a table from a backup of before `meanwhile`, and let a worker take up its connection."""
    world.origin.restored()
    backup = world.table.backup()
    meanwhile()
    world.table.restore(backup)
    world.run(name, compare=compare)
    assert Reason.RESTORED_TABLE == world.stored(name).reason


# -------------------------------------------------------------------------------- another account than the invite's


@pytest.fixture
def world() -> World:
    """A stack in which another account authorized than the invite was for."""
    made = World()
    made.connected(OLD, refresh_token="ROLD")
    Browser(made).authorize(made.invite(for_account=OLD.account, label="The old one"))
    return made


@pytest.fixture
def ended(world: World) -> World:
    """The same two weeks later: the strange account's access token has ended, and nothing else is due."""
    world.connections.seed(scheduled(world.stored(OLD).with_due(renew_at=None, warn_at=None)))
    world.clock.advance(2 * WEEK)
    return world


def test_a_strange_account_names_itself(world: World) -> None:
    """Its record says for whom the invite was, with the trace id of the exchange, under its own label."""
    record = world.stored()

    assert (Status.QUARANTINED, Reason.NOT_INVITED, "Acme GmbH") == (record.status, record.reason, record.label)
    assert ["the invite was for old-account, trace-1"] == [entry.detail for entry in record.history]
    assert [AGAIN] == [alert.next_command for alert in world.alerts.told]


def test_an_accepted_account_is_published_and_scheduled(world: World) -> None:
    """Its pair was never presented: it is published as it came, and refreshed when that is due."""
    answer = accept(world)
    record = world.stored()

    assert (True, "published") == (answer["ok"], answer["result"])
    assert (NAME.account, "Acme GmbH") == tuple(answer["connection"][field] for field in ("account_id", "label"))
    assert (Status.ACTIVE, "", None) == (record.status, record.reason, record.lease_until)
    assert ["A1", "active", 1] == [world.document()[field] for field in ("access_token", "status", "generation")]
    assert ["code-1"] == world.shop.ledger
    assert world.clock.now() < (record.due.renew_at or 0) < world.clock.now() + WEEK
    world.clock.advance(WEEK)
    world.run()
    assert (["code-1", "R1"], "A2") == (world.shop.ledger, world.published())


def test_the_invite_stays_the_wanted_accounts(world: World) -> None:
    """The account that was asked for still comes by the same link."""
    accept(world)
    world.shop.account = OLD.account
    browser = Browser(world)
    browser.authorize(world.invite(for_account=OLD.account), "code=code-2")

    assert "Your account is connected" in browser.result().body


def test_an_access_token_that_has_ended_is_refreshed_first(ended: World) -> None:
    """What is published has life left, and facts that the authorization could not get are asked for."""
    ended.change(verified_at=None)
    answer = accept(ended)
    record = ended.stored()

    assert (True, "refreshed") == (answer["ok"], answer["result"])
    assert (["code-1", "R1"], "A2", 2) == (ended.shop.ledger, ended.published(), ended.document()["generation"])
    assert 1 == len(ended.secrets.secret(NAME).versions)
    assert ["token.refreshed", "connection.accepted"] == [entry.event for entry in record.history[-2:]]
    assert (Status.ACTIVE, "", ended.clock.now()) == (record.status, record.reason, record.due.verify_at)


def test_no_answer_for_an_ended_one(ended: World) -> None:
    """Nothing is repeated by itself; presenting it once more takes the operator's insistence."""
    ended.shop.script.append(lambda _honest: ended.shop.answer(b"", status=502))
    answer = accept(ended)
    ended.settle(ticks=3)

    assert (False, 5, f"{AGAIN} --force") == refusal(answer)
    assert "it stays quarantined" in answer["error"]["message"]
    assert (Status.QUARANTINED, Reason.NOT_INVITED, None) == state(ended)
    assert (None, ["code-1"]) == (ended.published(), ended.shop.ledger)

    again = accept(ended)
    assert (False, 4, INVITE) == refusal(again)
    assert "--force" in again["error"]["message"]
    assert (True, ["code-1", "R1"], "A2") == (
        accept(ended, force=True)["ok"], ended.shop.ledger, ended.published()
    )  # fmt: skip


@pytest.mark.parametrize("wrong", ["busy", "unreachable", "misconfigured"])
def test_an_ended_one_whose_token_was_not_used_up(ended: World, wrong: str) -> None:
    """Nothing is published, and the same command presents the token again."""
    answers = {
        "busy": lambda _honest: ended.shop.answer(b"", status=429),
        "unreachable": unreachable,
        "misconfigured": lambda _honest: ended.shop.answer({"code": 36009004, "message": "invalid client_key"}),
    }
    ended.shop.script.extend([answers[wrong]] * 99)
    answer = accept(ended)
    ended.shop.script.clear()

    assert (False, 5, AGAIN) == refusal(answer)
    assert (Status.QUARANTINED, None) == (ended.stored().status, ended.published())
    ended.apps.resume(APP, now=ended.clock.now())
    ended.clock.advance(60)  # a busy provider is left alone for a while
    assert (True, ["code-1", "R1"]) == (accept(ended)["ok"], ended.shop.ledger)


def test_an_ended_one_that_is_refused(ended: World) -> None:
    """The seller has to come, as nobody can renew it; a dead token reaches no workload."""
    ended.shop.alive.clear()

    assert (False, 4, INVITE) == refusal(accept(ended))
    assert (Status.QUARANTINED, Reason.NOT_INVITED) == state(ended)[:2]
    assert None is ended.published()


def test_an_ended_one_whose_answer_is_unusable(ended: World) -> None:
    """Its new refresh token is kept, nothing is published, and the same command goes on."""
    unusable = {"code": 0, "message": "success", "data": {"access_token": "", "refresh_token": "R-new"}}
    ended.shop.script.append(lambda _honest: ended.shop.answer(unusable))
    ended.shop.alive.add("R-new")
    answer = accept(ended)
    ended.settle(ticks=3)

    assert (False, 5, AGAIN) == refusal(answer)
    assert (Status.QUARANTINED, None) == (ended.stored().status, ended.published())
    assert (True, "A2") == (accept(ended)["ok"], ended.published())


@pytest.mark.parametrize("point", ["sent", "received", "published"])
def test_an_ended_one_whose_acceptance_was_killed(ended: World, point: str) -> None:
    """A response that was stored is published by the schedule; without one it stays quarantined."""
    with ended.dies_at(point):
        accept(ended)
    ended.settle(ticks=3)

    expected = (Status.QUARANTINED, None) if point == "sent" else (Status.ACTIVE, "A2")
    assert (*expected, []) == (ended.stored().status, ended.published(), ended.shop.doubles)


def test_tokens_that_have_ended_for_good_are_the_sellers(ended: World) -> None:
    """Nothing can renew it, and no dead token is published."""
    grant = replace(ended.grant(), refresh_token=None)
    ended.change(sealed_grant=ended.sealer.new_key(APP).seal(grant.to_bytes(), binding=f"{NAME}|grant|1"))

    assert (False, 4, INVITE) == refusal(accept(ended))
    assert (Status.QUARANTINED, None) == (ended.stored().status, ended.published())


def test_an_accepted_one_that_died_is_finished(world: World) -> None:
    """Killed before COMMIT it is quarantined still, and the same command writes the same token again."""
    with world.dies_at("published"):
        accept(world)
    world.after_lease()

    assert Status.QUARANTINED is world.stored().status
    assert (True, "A1", ["code-1"]) == (accept(world)["ok"], world.published(), world.shop.ledger)


def test_a_secrets_manager_that_is_down(world: World) -> None:
    """It is accepted, and published by itself later."""
    world.secrets.fail_next("create", PublishUnavailable)
    answer = accept(world)
    world.settle(ticks=2, every=3600)

    assert (False, 5, Status.ACTIVE, "A1") == (*refusal(answer)[:2], world.stored().status, world.published())


def test_an_app_that_pushes_hands_it_over(world: World) -> None:
    """A consumer that is given every connection is given this one too."""
    world.apps.update(replace(world.app, settings={"push": "api2cart"}, api2cart_key=Secret("key")))
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
    record = world.change(OLD, status=status, reason=reason)
    answer = accept(world, OLD)

    assert (False, 1, following.format(name=OLD, app=APP)) == refusal(answer)
    assert f"it is {status}, not quarantined" in answer["error"]["message"]
    assert record == world.stored(OLD)
    assert 3 == accept(world, ConnectionName(APP, "nobody"))["exit"]


def test_the_holder_of_the_lease_goes_first(world: World) -> None:
    """It waits for a holder that ends, and gives up on one that outlives it."""
    held = world.connections.lease(NAME, now=world.clock.now(), until=world.clock.now() + 5, even_if_not_due=True)
    assert accept(world)["ok"] is True
    assert held.fence < world.stored().fence

    world.change(status=Status.QUARANTINED, lease_until=world.clock.now() + 999)
    assert (False, 5, AGAIN) == refusal(accept(world))


def test_it_was_authorized_again_meanwhile(world: World) -> None:
    """The seller came by a link of their own while the command waited: there is nothing to accept any more."""
    world.connections.before_next("lease", lambda: Browser(world).authorize(world.invite(id="own"), "code=code-2"))

    assert (False, 1, "A2") == (*refusal(accept(world))[:2], world.published())


# ------------------------------------------------------------------------------------------- out of a restored table


@pytest.fixture
def shop() -> World:
    """A stack whose table is a backup of before a refresh; TikTok Shop takes each refresh token once."""
    made = World()
    made.connected()
    rolled_back(made, NAME, made.run)
    return made


def test_a_rotating_token_is_not_presented(shop: World) -> None:
    """It was probably spent since: the seller has to authorize again, unless the operator insists."""
    before = current(shop)
    answer = accept(shop)

    assert (False, 4, INVITE) == refusal(answer)
    assert "--force" in answer["error"]["message"]
    assert (["R0"], before) == (shop.shop.ledger, current(shop))


def test_force_presents_it_under_an_operators_exemption(shop: World) -> None:
    """The exemption is on the attempt before anything is sent."""
    seen = []
    shop.failpoints.run_at("sent", lambda: seen.append(shop.stored().attempt))
    shop.shop.alive.add("R0")
    number = shop.document()["generation"]
    answer = accept(shop, force=True)

    assert (True, "refreshed") == (answer["ok"], answer["result"])
    assert [Exemption.OPERATOR] == [attempt.exemption for attempt in seen if attempt]
    assert (Status.ACTIVE, "", ["R0", "R0"]) == (*state(shop)[:2], shop.shop.ledger)
    assert number < shop.document()["generation"] == shop.stored().generation


def test_a_refused_token_stays_quarantined(shop: World) -> None:
    """The provider calls it spent: the secret stays byte for byte, and the seller has to come."""
    before = current(shop)

    assert (False, 4, INVITE) == refusal(accept(shop, force=True))
    assert (Status.QUARANTINED, Reason.RESTORED_TABLE, None) == state(shop)
    assert (before, frozenset()) == (current(shop), shop.apps.state(APP).refused)


@pytest.mark.parametrize("fails", [lost, unreachable])
def test_an_attempt_that_brought_nothing_stays_quarantined(shop: World, fails: Callable[..., Any]) -> None:
    """Nothing is repeated by itself; the operator may."""
    before = current(shop)
    shop.shop.script.extend([fails] * 99)
    answer = accept(shop, force=True)
    shop.shop.script.clear()
    shown = list(shop.shop.ledger)
    shop.clock.advance(WEEK)
    shop.settle(ticks=3)

    assert (False, 5, f"{AGAIN} --force") == refusal(answer)
    assert (shown, before) == (shop.shop.ledger, current(shop))
    assert len(shown) == (2 if fails is lost else 1)
    shop.shop.alive.add("R0")
    assert accept(shop, force=True)["ok"] is True


@pytest.mark.parametrize("point", ["sent", "received", "published"])
def test_a_forced_attempt_that_was_killed(shop: World, point: str) -> None:
    """A response that was stored is published by the schedule; without one it stays quarantined."""
    shop.shop.alive.add("R0")
    with shop.dies_at(point):
        accept(shop, force=True)
    shop.settle(ticks=3)

    record = shop.stored()
    if point == "sent":
        assert (Status.QUARANTINED, Phase.IDLE, None) == (record.status, record.phase, record.due.next_at)
    else:
        assert Status.ACTIVE is record.status
    assert ("A1" if point == "sent" else "A2") == shop.published()
    assert shop.shop.ledger.count("R0") <= 2


@pytest.mark.parametrize("wrong", ["account", "credentials"])
def test_an_answer_that_says_nothing_of_the_token_changes_nothing(shop: World, wrong: str) -> None:
    """Another account's tokens stay out, and refused credentials are the app's: the secret stays byte for byte."""
    before = current(shop)
    shop.shop.alive.add("R0")
    if wrong == "account":
        shop.shop.owners["R0"] = "somebody-else"
    else:
        shop.shop.script.append(lambda _honest: shop.shop.answer({"code": 36004003, "message": "no", "data": None}))

    assert accept(shop, force=True)["ok"] is False
    assert (before, Status.QUARANTINED) == (current(shop), shop.stored().status)


def test_a_paused_app_asks_nothing(shop: World) -> None:
    """An operator's acceptance presents nothing either."""
    shop.apps.pause(APP, kind=PauseKind.CONFIGURATION, why="invalid_client", now=shop.clock.now())

    assert (False, 1, f"tokensync app show {APP}") == refusal(accept(shop, force=True))
    assert (["R0"], Status.QUARANTINED) == (shop.shop.ledger, shop.stored().status)


def test_a_consumers_token_is_not_presented(shop: World) -> None:
    """It was handed over before the backup: the consumer alone presents it."""
    shop.change(handed_over_at=shop.clock.now())

    assert (False, 1) == refusal(accept(shop, force=True))[:2]
    assert ["R0"] == shop.shop.ledger


def safe() -> tuple[Staged, World, ConnectionName]:
    """Return a server whose refresh tokens are good for ever, and a connection out of a backup."""
    stage = Staged.of(replace(OIDC, settings={**OIDC.settings, "refresh_reuse": "safe"}))
    claims = id_token(iss="https://id.example", aud="client-1", sub="u-1")
    stage.server.says("/userinfo", {"sub": "u-1"})
    stage.server.says("/token", oidc_token(id_token=claims), oidc_token(access_token="OB"))
    stage.connect()
    name, world = stage.name("u-1"), stage.world

    def refreshed() -> None:
        world.clock.advance(3600)
        world.run(name)
        assert "OB" == world.published(name)

    rolled_back(world, name, refreshed)
    return stage, world, name


def test_a_token_that_does_not_rotate_is_taken_in_again() -> None:
    """It cannot be spent: without a response the same command asks again, and publishes under a higher number."""
    stage, world, name = safe()
    number = world.document(name)["generation"]
    stage.server.says("/token", NoAnswer("lost"), oidc_token(access_token="OC"))
    assert (False, 5, f"tokensync accept {name}") == refusal(accept(world, name))
    answer = accept(world, name)

    assert (True, "refreshed", "OC") == (answer["ok"], answer["result"], world.published(name))
    assert number < world.document(name)["generation"]
    assert Status.ACTIVE is world.stored(name).status


def never_expiring() -> tuple[Staged, World, ConnectionName]:
    """Return an advertiser whose token never expires, authorized anew after the backup."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_LIST, advertisers("1"))
    stage.server.says(ADS_TOKEN, ads_token(advertiser_ids=["1"]), ads_token(access_token="AB", advertiser_ids=["1"]))
    stage.connect()
    world, name = stage.world, stage.name("1")

    def authorized_again() -> None:
        world.clock.advance(60)
        stage.connect(code="code-2")
        assert "AB" == world.published(name)

    rolled_back(world, name, authorized_again, compare=True)
    return stage, world, name


def test_a_token_that_never_expires_is_verified_first() -> None:
    """While it is refused the newer one stays; if it works, it is published under a higher number."""
    stage, world, name = never_expiring()
    before, number = current(world, name), world.document(name)["generation"]
    stage.server.says(ADS_LIST, {"code": 40105, "message": "access token is revoked", "data": {}}, advertisers("1"))
    assert (False, 4) == refusal(accept(world, name))[:2]
    assert (before, Status.QUARANTINED) == (current(world, name), world.stored(name).status)
    answer = accept(world, name)

    assert (True, "verified", "AA") == (answer["ok"], answer["result"], world.published(name))
    assert number < world.document(name)["generation"]


def unverifiable(*, ends_at: int | None = None) -> World:
    """Return a stack out of a backup of before a new authorization, at a provider that can be asked nothing."""
    endpoints = {"token": "https://id.example/token", "authorize": "https://id.example/authorize"}
    world = World(app=App(name=APP, provider="oauth2", client_id="c", client_secret=Secret("s"), endpoints=endpoints))
    world.connected()
    old = replace(world.grant(), access_token=Secret("OLD"), refresh_token=None, access_expires_at=ends_at)
    sealed = world.sealer.new_key(APP).seal(old.to_bytes(), binding=f"{NAME}|grant|1")
    record = replace(world.stored().with_due(renew_at=None), provider="oauth2", sealed_grant=sealed, fence=4)
    record = replace(record, access_expires_at=ends_at, published=world.publisher.publish(record, old))
    world.connections.seed(scheduled(record))
    newer = replace(record, fence=5, generation=2, allocated=2)
    again = lambda: world.publisher.publish(newer, replace(old, access_token=Secret("NEW")))  # noqa: E731
    rolled_back(world, NAME, again, compare=True)
    return world


@pytest.mark.parametrize("ends_in", [None, 60])
def test_a_token_that_nobody_can_be_asked_about(ends_in: int | None) -> None:
    """It may be the older one: only the operator's insistence publishes it, and nothing publishes a dead token."""
    world = unverifiable(ends_at=ends_in and World().clock.now() + ends_in)
    before, number = current(world), world.document()["generation"]
    world.clock.advance(120)
    answer = accept(world, force=ends_in is not None)

    assert (False, 4, INVITE) == refusal(answer)
    assert ("--force" if ends_in is None else "its tokens have ended") in answer["error"]["message"]
    assert (before, Status.QUARANTINED) == (current(world), world.stored().status)
    if ends_in is None:
        assert "published" == accept(world, force=True)["result"]
        assert "OLD" == world.published()
        assert number < world.document()["generation"]


def strange_out_of_a_backup(world: World) -> World:
    """Restore the table of a stack whose strange account nobody accepted yet."""
    world.origin.restored()
    world.table.restore(world.table.backup())
    return world


def test_a_strange_account_out_of_a_backup_stays_one(world: World) -> None:
    """It was never published nor presented, so nothing about it can be old and accepting it takes no insistence."""
    strange_out_of_a_backup(world).run(compare=True)
    world.clock.advance(120)

    assert (Status.QUARANTINED, Reason.NOT_INVITED) == state(world)[:2]
    assert ("published", "A1", ["code-1"]) == (accept(world)["result"], world.published(), world.shop.ledger)


def test_a_strange_account_that_was_accepted_since_the_backup(world: World) -> None:
    """Its secret exists, so what the backup holds may be old."""

    def accepted() -> None:
        accept(world)
        world.clock.advance(WEEK)
        world.run()
        assert "A2" == world.published()

    rolled_back(world, NAME, accepted, compare=True)
    before = current(world)

    assert (False, 4) == refusal(accept(world))[:2]
    assert (["code-1", "R1"], before) == (world.shop.ledger, current(world))


def test_a_strange_account_while_secrets_manager_is_down(world: World) -> None:
    """Whether it was accepted since is not known now: it is compared later, by itself."""
    strange_out_of_a_backup(world).secrets.fail_next("exists", PublishUnavailable)

    assert Result.POSTPONED is world.run(compare=True).result
    assert None is world.stored().table
    world.settle(ticks=5)
    assert (world.table.id, Reason.NOT_INVITED) == (world.stored().table, world.stored().reason)
