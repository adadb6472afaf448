"""Verify, revoke, remove and publish on demand: what each leaves behind, and what a crash or a rival does to it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from fakes.world import APP, NAME, World, killed
from fault_rows import fault
from tokensync.domain.app import App
from tokensync.domain.connection import Phase, Status
from tokensync.domain.errors import NoAnswer, NotSent, PublishUnavailable, SealingUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.sealing import grant_binding
from tokensync.domain.secret import Secret
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse, Request

LOGIN = ConnectionName("login", "user-1")
HOST = "open.tiktokapis.com"


class Login:
    """TikTok's Login Kit: tells about its user, refreshes, revokes. `asked` lists paths with what was presented."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[tuple[str, str]] = []
        self.name = "Acme"
        self.scripted: dict[str, Callable[[], ProviderResponse]] = {}

    def send(self, request: Request) -> ProviderResponse:
        """Answer one request."""
        path = request.url.removeprefix(f"https://{HOST}").partition("?")[0]
        body = {name: values[0] for name, values in parse_qs((request.body or b"").decode()).items()}
        self.asked.append((path, body.get("token") or body.get("refresh_token") or ""))
        answers = {"/v2/user/info/": self.user, "/v2/oauth/revoke/": self.revoked, "/v2/oauth/token/": self.token}
        return self.scripted.get(path, answers[path])()

    def user(self) -> ProviderResponse:
        """Tell who it is."""
        user = {"open_id": LOGIN.account, "display_name": self.name}
        return self.answer({"data": {"user": user}, "error": {"code": "ok"}})

    def dead(self) -> ProviderResponse:
        """Tell that the access token works no more."""
        return self.answer({"data": {}, "error": {"code": "access_token_invalid"}}, status=401)

    def refused(self) -> ProviderResponse:
        """Refuse a refresh or a revocation."""
        return self.answer({"error": "invalid_grant", "error_description": "no"}, status=400)

    def revoked(self) -> ProviderResponse:
        """Revoke."""
        return self.world.shop.answer(b"")

    def token(self) -> ProviderResponse:
        """Give a new pair."""
        pair = {"access_token": "L1", "refresh_token": "S1", "expires_in": 7200, "refresh_expires_in": 86_400}
        return self.answer({**pair, "open_id": LOGIN.account, "scope": "user.info.basic", "token_type": "Bearer"})

    def answer(self, body: dict[str, Any], *, status: int = 200) -> ProviderResponse:
        """Return a JSON answer."""
        return self.world.shop.answer(body, status=status)


@pytest.fixture
def world() -> World:
    """A stack with a connection of TikTok Shop, and one of the Login Kit, whose access token has days left."""
    made = World()
    made.connected()
    made.apps.register(
        App(
            name="login",
            provider="tiktok_login",
            client_id="ck",
            client_secret=Secret("cs"),
            scopes=("user.info.basic",),
        )
    )
    made.connections.seed(replace(made.connected(LOGIN, refresh_token="S0"), provider="tiktok_login"))
    return made


@pytest.fixture
def login(world: World) -> Login:
    """The Login Kit in place."""
    made = Login(world)
    world.shop.others[HOST] = made.send
    return made


def ask(world: World, command: str, name: ConnectionName = LOGIN, **more: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    return world.commands.answer({"tokensync": command, "connection": str(name), **more}, world.budget())


@pytest.mark.usefixtures("login")
def test_verify_tells_when_and_that_nothing_changed(world: World) -> None:
    """A verified connection says when; the second time the facts are the same."""
    assert ask(world, "verify")["facts_changed"] is True
    answer = ask(world, "verify")

    assert (True, "verified", False, False) == (
        answer["ok"], answer["result"], answer["facts_changed"], answer["refused"]
    )  # fmt: skip
    assert world.clock.now() == answer["connection"]["verified_at"] == world.stored(LOGIN).verified_at


def test_changed_facts_are_published(world: World, login: Login) -> None:
    """What the account is called now stands in its secret."""
    ask(world, "verify")
    login.name = "Acme & Sons"

    assert ask(world, "verify")["facts_changed"] is True
    assert "Acme & Sons" in json.dumps(world.document(LOGIN)["account"])


def test_a_refused_token_is_renewed_at_once(world: World, login: Login) -> None:
    """A dead access token is not the end: the refresh token is presented, and both are told."""
    login.scripted["/v2/user/info/"] = login.dead
    answer = ask(world, "verify")

    assert (True, "refreshed", True) == (answer["ok"], answer["result"], answer["refused"])
    assert "L1" == world.document(LOGIN)["access_token"]


def test_a_refused_pair_asks_for_the_seller(world: World, login: Login) -> None:
    """Where the refresh token is dead too, the seller has to come back."""
    login.scripted = {"/v2/user/info/": login.dead, "/v2/oauth/token/": login.refused}
    answer = ask(world, "verify")

    assert (False, 4, "reauthorize", True) == (answer["ok"], answer["exit"], answer["result"], answer["refused"])


def test_a_verification_without_an_answer(world: World, login: Login) -> None:
    """Nothing was learned: later, and the connection is as it was."""
    login.scripted["/v2/user/info/"] = _lost
    answer = ask(world, "verify")

    assert (5, Status.ACTIVE) == (answer["exit"], world.stored(LOGIN).status)
    assert "tokensync verify login/user-1" == answer["error"]["next"]


def test_verify_where_the_provider_has_no_call(world: World) -> None:
    """Eshopbox tells nothing about an account: a refresh is what proves it."""
    name = ConnectionName("box", "workspace")
    world.apps.register(App(name="box", provider="eshopbox", client_id="c", client_secret=Secret("s")))
    world.connections.seed(replace(world.connected(name), provider="eshopbox"))
    answer = ask(world, "verify", name)

    assert (1, "NotOffered", "tokensync refresh box/workspace") == (
        answer["exit"], answer["error"]["class"], answer["error"]["next"]
    )  # fmt: skip


def test_verify_while_the_app_is_paused(world: World, login: Login) -> None:
    """Nothing is asked of a provider that refuses the app."""
    world.apps.pause("login", why="no", now=world.clock.now())

    assert "paused" == ask(world, "verify")["result"]
    assert [] == login.asked


@pytest.mark.usefixtures("login")
def test_an_operator_waits_for_the_holder(world: World) -> None:
    """A lease that stands elsewhere is waited for, and never broken."""
    held = world.connections.lease(LOGIN, now=world.clock.now(), until=world.clock.now() + 10, even_if_not_due=True)
    answer = ask(world, "revoke")

    assert (True, held.fence + 1) == (answer["ok"], world.stored(LOGIN).fence)
    assert sum(world.clock.slept) > 10


def test_a_holder_that_outlives_the_command(world: World, login: Login) -> None:
    """Then the answer is: later."""
    world.connections.lease(LOGIN, now=world.clock.now(), until=world.clock.now() + 999, even_if_not_due=True)
    answer = ask(world, "revoke")

    assert (5, "leased_elsewhere", []) == (answer["exit"], answer["result"], login.asked)


def test_too_little_time_presents_nothing(world: World, login: Login) -> None:
    """A function near its end asks nobody, and lets the connection go."""
    world.seconds = 12
    answer = ask(world, "revoke")

    assert (5, "no_time", [], None) == (answer["exit"], answer["result"], login.asked, world.stored(LOGIN).lease_until)


def test_an_unfinished_attempt_comes_first(world: World, login: Login) -> None:
    """A stored answer is concluded before the connection is revoked, so that the token revoked is the newest."""
    world.failpoints.raise_at("received", killed())
    with pytest.raises(KeyboardInterrupt):
        ask(world, "refresh")
    world.after_lease()
    answer = ask(world, "revoke")

    assert (True, Phase.IDLE, 2) == (answer["ok"], world.stored(LOGIN).phase, world.stored(LOGIN).generation)
    assert ("/v2/oauth/revoke/", "L1") == login.asked[-1]


def test_revoke_ends_it_at_the_provider_then_here(world: World, login: Login) -> None:
    """The provider is told, the connection is disconnected and rests, and its secret says so."""
    answer = ask(world, "revoke")
    record = world.stored(LOGIN)

    assert (True, "revoked", [("/v2/oauth/revoke/", "A0")]) == (answer["ok"], answer["result"], login.asked)
    assert (Status.DISCONNECTED, "revoked", None, None) == (
        record.status, record.reason, record.due.refresh_at, record.due.next_at
    )  # fmt: skip
    assert ("disconnected", "A0") == (world.document(LOGIN)["status"], world.document(LOGIN)["access_token"])
    assert "connection.revoked" == record.history[-1].event


def test_a_token_that_is_dead_already_is_revoked(world: World, login: Login) -> None:
    """What the provider refuses as invalid is over, RFC 7009 §2.2, where the refresh token is refused as well."""
    login.scripted["/v2/oauth/revoke/"] = login.refused
    login.scripted["/v2/oauth/token/"] = login.refused

    assert "revoked" == ask(world, "revoke")["result"]
    assert [("/v2/oauth/revoke/", "A0"), ("/v2/oauth/token/", "S0"), ("/v2/oauth/revoke/", "A0")] == login.asked
    assert "revoked" == world.stored(LOGIN).reason


def test_a_dead_access_token_does_not_let_its_refresh_token_live(world: World, login: Login) -> None:
    """That the access token is invalid tells nothing of the refresh token: a new one is got, and revoked."""
    answers = iter([login.refused(), login.revoked()])
    login.scripted["/v2/oauth/revoke/"] = lambda: next(answers)

    assert "revoked" == ask(world, "revoke")["result"]
    assert [("/v2/oauth/revoke/", "A0"), ("/v2/oauth/token/", "S0"), ("/v2/oauth/revoke/", "L1")] == login.asked


def test_a_newest_access_token_that_is_refused_ends_nothing(world: World, login: Login) -> None:
    """Its refresh token has just worked: it is renewed once, and the operator hears that nothing was revoked."""
    login.scripted["/v2/oauth/revoke/"] = login.refused
    answer = ask(world, "revoke")

    assert (1, "refused", 3) == (answer["exit"], answer["error"]["class"], len(login.asked))
    assert Status.ACTIVE is world.stored(LOGIN).status


def test_a_refused_revocation_whose_renewal_fails_changes_nothing(world: World, login: Login) -> None:
    """Nobody knows whether the refresh token lives: the connection is not told as revoked."""
    login.scripted["/v2/oauth/revoke/"] = login.refused
    login.scripted["/v2/oauth/token/"] = lambda: world.shop.answer(b"", status=503)

    assert (5, Status.ACTIVE) == (ask(world, "revoke")["exit"], world.stored(LOGIN).status)


def test_an_expired_access_token_is_renewed_to_be_revoked(world: World, login: Login) -> None:
    """Where the access token is what is presented, a dead one would leave the refresh token alive."""
    record = world.stored(LOGIN)
    world.connections.seed(replace(record, access_expires_at=world.clock.now()))
    ask(world, "revoke")

    assert [("/v2/oauth/token/", "S0"), ("/v2/oauth/revoke/", "L1")] == login.asked


def _lost() -> ProviderResponse:
    raise NoAnswer("nothing came back")


@pytest.mark.parametrize(
    ("error", "code"),
    [(NoAnswer("nothing came back"), 5), (NotSent("no route"), 5)],
    ids=["ambiguous", "not sent"],
)
def test_a_revocation_without_an_answer_changes_nothing(
    world: World, login: Login, error: Exception, code: int
) -> None:
    """It may be repeated; until then the connection is as it was."""

    def fail() -> ProviderResponse:
        raise error

    before = world.stored(LOGIN)
    login.scripted["/v2/oauth/revoke/"] = fail
    answer = ask(world, "revoke")
    record = world.stored(LOGIN)

    assert (False, code, f"tokensync revoke {LOGIN}") == (answer["ok"], answer["exit"], answer["error"]["next"])
    assert (before.status, before.history, before.due.renew_at) == (record.status, record.history, record.due.renew_at)
    assert record.lease_until is None


def test_a_revocation_that_the_app_is_refused(world: World, login: Login) -> None:
    """The app's own credentials are wrong: it is paused, and no connection changes."""
    login.scripted["/v2/oauth/revoke/"] = lambda: login.answer({"error": "invalid_client"}, status=401)
    answer = ask(world, "revoke")

    assert (1, Status.ACTIVE) == (answer["exit"], world.stored(LOGIN).status)
    assert world.apps.state("login").paused


def test_an_answer_that_nobody_documents_revokes_nothing(world: World, login: Login) -> None:
    """It is told, and nothing is concluded from it."""
    login.scripted["/v2/oauth/revoke/"] = lambda: login.answer({"error": "odd"}, status=400)

    assert (1, Status.ACTIVE) == (ask(world, "revoke")["exit"], world.stored(LOGIN).status)


def test_revoke_where_the_provider_has_no_call(world: World) -> None:
    """TikTok Shop's sellers end it themselves; with `local` it is marked here alone."""
    answer = ask(world, "revoke", NAME)
    assert (1, "NotOffered", f"tokensync revoke {NAME} --local") == (
        answer["exit"], answer["error"]["class"], answer["error"]["next"]
    )  # fmt: skip

    assert "revoked" == ask(world, "revoke", NAME, local=True)["result"]
    assert ("disconnected", []) == (world.document()["status"], world.shop.ledger)


@pytest.mark.usefixtures("login")
def test_revoking_an_orphaned_connection(world: World) -> None:
    """Its secret is gone, and stays so; that the authorization is over is what is kept."""
    published = world.stored(LOGIN).published
    assert published is not None
    world.secrets.schedule_deletion(published.arn)
    ask(world, "revoke")

    assert (Status.DISCONNECTED, None) == (world.stored(LOGIN).status, world.secrets.document(LOGIN))


def test_remove_takes_the_secret_and_leaves_a_tombstone(world: World) -> None:
    """The secret's deletion is scheduled, the grant is dropped, and the name, its numbers and its history stay."""
    answer = ask(world, "remove", NAME, recovery_days=7)
    record = world.stored()

    assert (True, "removed") == (answer["ok"], answer["result"])
    assert (True, 7) == (world.secrets.secret(NAME).deleted, world.secrets.secret(NAME).recovery_days)
    assert (Status.DISCONNECTED, "removed", None, None) == (
        record.status, record.reason, record.sealed_grant, record.due.next_at
    )  # fmt: skip
    assert (world.clock.now(), world.clock.now() + 90 * 86_400) == (record.removed_at, record.ttl)
    assert "connection.removed" == record.history[-1].event
    assert [] == world.shop.ledger


@pytest.mark.parametrize("command", ["refresh", "verify", "revoke", "remove", "publish"])
def test_a_removed_connection_is_not_there(world: World, command: str) -> None:
    """Whatever is asked of it, the answer is: not found."""
    ask(world, "remove", NAME)
    answer = ask(world, command, NAME)

    assert (3, "UnknownConnection") == (answer["exit"], answer["error"]["class"])


def test_a_removed_connection_leaves_the_schedule_alone(world: World) -> None:
    """A message that was on its way, or a comparison, does nothing to it."""
    ask(world, "remove", NAME)
    world.run(compare=True)
    world.settle(ticks=20)

    assert (None, None, True) == (
        world.stored().lease_until, world.stored().due.next_at, world.secrets.secret(NAME).deleted
    )  # fmt: skip


@pytest.mark.parametrize("days", [6, 31, "7", None])
def test_a_recovery_window_that_aws_does_not_have(world: World, days: object) -> None:
    """Seven to thirty days; else nothing is done."""
    assert 2 == ask(world, "remove", NAME, recovery_days=days)["exit"]
    assert Status.ACTIVE is world.stored().status


def test_a_connection_that_was_never_published_is_removed(world: World) -> None:
    """There is no secret to delete."""
    world.connections.seed(replace(world.stored(), published=None))

    assert "removed" == ask(world, "remove", NAME)["result"]
    assert not world.secrets.secret(NAME).deleted


def test_a_secret_that_is_gone_is_no_hindrance(world: World) -> None:
    """Somebody deleted it for good: the connection is removed all the same."""
    published = world.stored().published
    assert published is not None
    world.secrets.destroy(published.arn)

    assert "removed" == ask(world, "remove", NAME)["result"]


def test_a_secret_of_somebody_else_is_left_alone(world: World) -> None:
    """A secret that lost our tag is not deleted; the connection is removed."""
    world.secrets.secret(NAME).tags.clear()

    assert "removed" == ask(world, "remove", NAME)["result"]
    assert not world.secrets.secret(NAME).deleted


def test_a_removal_that_aws_throttles(world: World) -> None:
    """Nothing was removed: the connection goes on, and the same command again removes it."""
    before = world.stored()
    world.secrets.fail_next("delete", PublishUnavailable("throttled"))
    assert 5 == ask(world, "remove", NAME)["exit"]
    record = world.stored()

    assert (before.status, before.history, before.due.renew_at) == (record.status, record.history, record.due.renew_at)
    assert "removed" == ask(world, "remove", NAME)["result"]


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.REAUTHORIZE])
def test_a_removal_whose_answer_got_lost(world: World, status: Status) -> None:
    """The secret may be on its way out: the connection that was not removed gets it back by itself."""
    world.connections.seed(replace(world.stored().with_due(renew_at=None), status=status))
    world.secrets.fail_next("delete", PublishUnavailable("lost"), after_commit=True)
    assert 5 == ask(world, "remove", NAME)["exit"]
    world.settle(ticks=2)

    assert (status, status.value) == (world.stored().status, world.document()["status"])
    assert [] == world.alerts.told


@pytest.mark.parametrize("place", ["before", "deleted"])
def test_whoever_comes_after_a_removal_that_died_finishes_it(world: World, place: str) -> None:
    """The account's own notice arrives beside it: its secret does not come back, whatever was asked for."""
    if place == "before":
        world.secrets.before_next("delete", _die)
    else:
        world.failpoints.raise_at("deleted", killed())
    world.connections.before_next(
        "write", lambda: world.connections.note_deauthorized(NAME, at=world.clock.now(), now=world.clock.now())
    )
    with pytest.raises(KeyboardInterrupt):
        ask(world, "remove", NAME)
    world.after_lease()

    assert not world.stored().publishing_is_due()
    assert Result.REMOVED is world.run(compare=True).result
    assert (None, True) == (world.secrets.document(NAME), world.secrets.secret(NAME).deleted)
    assert (None, None) == (world.stored().due.next_at, world.stored().authorized.deauthorized_at)
    assert world.stored().removed_at is not None


def _die() -> None:
    raise killed()


def test_a_removal_that_cannot_be_finished_now_is_finished_later(world: World) -> None:
    """Secrets Manager throttles whoever finishes it: the schedule tries again."""
    world.failpoints.raise_at("deleted", killed())
    with pytest.raises(KeyboardInterrupt):
        ask(world, "remove", NAME)
    world.after_lease()
    world.secrets.fail_next("delete", PublishUnavailable("throttled"))
    assert Result.POSTPONED is world.run(compare=True).result
    world.settle(ticks=3)

    assert world.stored().removed_at is not None
    assert world.secrets.secret(NAME).deleted


def test_removed_connections_do_not_feed_the_breaker(world: World) -> None:
    """One connection is left of a large fleet: its refusal is its own, and waits for no other's."""
    for index in range(25):
        name = ConnectionName(APP, f"s{index}")
        world.connected(name, refresh_token=f"F{index}")
        ask(world, "remove", name)
    world.shop.alive.discard("R0")

    assert Result.REAUTHORIZE is world.run().result


def test_a_removal_that_died_is_finished(world: World) -> None:
    """Killed between the secret and the record, it is ended by the same command, or by the schedule a minute later."""
    world.failpoints.raise_at("deleted", killed())
    with pytest.raises(KeyboardInterrupt):
        ask(world, "remove", NAME)
    between = world.stored()
    world.after_lease()
    world.settle(ticks=5)
    ended = world.stored()

    assert (Status.DISCONNECTED, None) == (between.status, between.removed_at)
    assert (Status.DISCONNECTED, None) == (ended.status, ended.due.next_at)
    assert ended.removed_at is not None
    assert world.secrets.secret(NAME).deleted


def reconnect(world: World, code: str = "code-1") -> None:
    """Let the seller authorize again."""
    away = world.seller_pages.connect(APP, world.invite(id=code), (), base_url=world.base_url)
    cookie = away.cookies[0].partition(";")[0]
    state = away.headers["location"].partition("state=")[2].partition("&")[0]
    world.seller_pages.callback(APP, f"code={code}&state={state}", (cookie,), world.budget(), base_url=world.base_url)


def test_reconnecting_restores_what_we_removed(world: World) -> None:
    """The seller comes back: the same secret is there again, with the new token, and the connection is active."""
    arn = world.secrets.secret(NAME).arn
    ask(world, "remove", NAME)
    reconnect(world)
    record = world.stored()

    assert (Status.ACTIVE, None, None) == (record.status, record.removed_at, record.ttl)
    assert record.published is not None
    assert (arn, False) == (record.published.arn, record.published.removed)
    assert "A1" == world.document()["access_token"]


def test_reconnecting_after_the_recovery_window(world: World) -> None:
    """The old secret is gone for good: a new one is made."""
    ask(world, "remove", NAME)
    world.secrets.destroy(world.secrets.secret(NAME).arn)
    reconnect(world)

    assert ("A1", Status.ACTIVE) == (world.document()["access_token"], world.stored().status)


def test_a_secret_that_somebody_else_deleted_stays_gone(world: World) -> None:
    """Only what we removed comes back by itself."""
    world.secrets.schedule_deletion(world.secrets.secret(NAME).arn)
    reconnect(world)

    assert (Status.ORPHANED, None) == (world.stored().status, world.secrets.document(NAME))


def test_a_seller_who_comes_back_in_mid_removal(world: World) -> None:
    """The new grant stands, and its secret can be read in the end: the removal gives way."""
    world.failpoints.run_at("deleted", lambda: reconnect(world))
    answer = ask(world, "remove", NAME)
    world.settle(ticks=5)

    assert (5, "taken_over") == (answer["exit"], answer["result"])
    assert (Status.ACTIVE, "A1") == (world.stored().status, world.document()["access_token"])


def test_a_removal_that_cannot_be_taken_back_is_told(world: World) -> None:
    """The restoration failed: the comparison that follows finds the secret gone, and an operator is told."""

    def come_back() -> None:
        reconnect(world)
        world.secrets.schedule_deletion(world.secrets.secret(NAME).arn)
        world.secrets.fail_next("restore", PublishUnavailable("throttled"))

    world.failpoints.run_at("deleted", come_back)
    ask(world, "remove", NAME)
    world.drain()

    assert Status.ORPHANED is world.stored().status


@fault("F7")
@pytest.mark.parametrize("gone", ["schedule_deletion", "destroy"])
def test_publish_gives_an_orphan_its_secret_back(world: World, gone: str) -> None:
    """By an operator's word the secret is restored or made anew, and the connection is active and scheduled."""
    getattr(world.secrets, gone)(world.secrets.secret(NAME).arn)
    assert "orphaned" == ask(world, "refresh", NAME)["result"]
    answer = ask(world, "publish", NAME)

    assert (True, "published", "active") == (answer["ok"], answer["result"], answer["connection"]["status"])
    assert "A1" == world.document()["access_token"]
    assert "connection.republished" == world.stored().history[-1].event
    world.settle(ticks=2)
    assert (2 + 1, "active") == (world.document()["generation"], world.document()["status"])


def test_publish_what_nobody_made(world: World) -> None:
    """A name that somebody else's secret has stays theirs."""
    world.secrets.destroy(world.secrets.secret(NAME).arn)
    world.secrets.plant(NAME, "theirs")

    assert (1, "orphaned") == (ask(world, "publish", NAME)["exit"], world.stored().status.value)


def test_publish_while_aws_throttles(world: World) -> None:
    """It is published later by itself: the operator's word holds."""
    world.secrets.schedule_deletion(world.secrets.secret(NAME).arn)
    ask(world, "refresh", NAME)
    world.secrets.fail_next("restore", PublishUnavailable("throttled"))
    answer = ask(world, "publish", NAME)
    world.settle(ticks=5)

    assert (5, "active") == (answer["exit"], world.document()["status"])


@pytest.mark.parametrize(
    ("status", "code"), [(Status.REAUTHORIZE, 4), (Status.DISCONNECTED, 4), (Status.QUARANTINED, 1)]
)
def test_publish_helps_no_other_status(world: World, status: Status, code: int) -> None:
    """What needs its seller, or is set apart, is not published."""
    world.connections.seed(replace(world.stored(), status=status))

    assert code == ask(world, "publish", NAME)["exit"]


def test_publish_before_there_is_a_token(world: World) -> None:
    """A connection that waits for its first access token has nothing to publish."""
    world.connections.seed(replace(world.stored(), obtained_at=None))

    assert 5 == ask(world, "publish", NAME)["exit"]


def test_verify_where_only_the_seller_helps(world: World, login: Login) -> None:
    """A connection that needs its seller is not asked about."""
    world.connections.seed(replace(world.stored(LOGIN), status=Status.REAUTHORIZE))

    assert (4, []) == (ask(world, "verify")["exit"], login.asked)


def test_verify_before_there_is_a_token(world: World, login: Login) -> None:
    """A connection that waits for its first access token is refreshed, which proves it."""
    world.connections.seed(replace(world.stored(LOGIN), obtained_at=None))

    assert "refreshed" == ask(world, "verify")["result"]
    assert [("/v2/oauth/token/", "S0")] == login.asked


def test_a_renewal_that_fails_revokes_nothing(world: World, login: Login) -> None:
    """The expired access token could not be renewed now, so nothing is presented to be revoked."""
    world.connections.seed(replace(world.stored(LOGIN), access_expires_at=world.clock.now()))
    login.scripted["/v2/oauth/token/"] = lambda: world.shop.answer(b"", status=503)
    answer = ask(world, "revoke")

    assert (5, Status.ACTIVE) == (answer["exit"], world.stored(LOGIN).status)
    assert [("/v2/oauth/token/", "S0")] == login.asked


def test_revoking_what_no_workload_ever_read(world: World, login: Login) -> None:
    """A connection without a secret gets none to say that it is over."""
    world.connections.seed(replace(world.stored(LOGIN), status=Status.QUARANTINED, published=None))
    before = world.secrets.calls.copy()
    answer = ask(world, "revoke")

    assert (True, Status.DISCONNECTED) == (answer["ok"], world.stored(LOGIN).status)
    assert [("/v2/oauth/revoke/", "A0")] == login.asked
    assert before == world.secrets.calls


def test_revoking_finds_its_secret_taken(world: World, login: Login) -> None:
    """A seller who authorizes again while the revocation is published keeps the new grant."""
    world.secrets.before_next("put", lambda: reconnected(world))
    answer = ask(world, "revoke")

    assert (5, "taken_over", 1) == (answer["exit"], answer["result"], len(login.asked))


def reconnected(world: World) -> None:
    """Let somebody else hold the connection: its fence is lost."""
    now = world.clock.now()
    world.connections.lease(LOGIN, now=now + 99_999, until=now - 1, even_if_not_due=True)


def test_a_key_that_cannot_be_had_is_not_asked_for_without_end(world: World, login: Login) -> None:
    """KMS opens nothing: after a few tries the answer is later."""
    for _ in range(3):
        world.sealer.fail_next("open", SealingUnavailable("disabled"))
    answer = ask(world, "revoke")

    assert (5, []) == (answer["exit"], login.asked)


def test_removing_what_was_never_published_in_mid_return(world: World) -> None:
    """There is no secret to give back."""
    world.connections.seed(replace(world.stored(), published=None))
    world.failpoints.run_at("deleted", lambda: reconnect(world))

    assert "taken_over" == ask(world, "remove", NAME)["result"]


def test_publish_schedules_what_is_only_verified(world: World) -> None:
    """A token that never expires is verified again, and not refreshed."""
    record = world.stored()
    grant = replace(world.grant(), refresh_token=None, access_expires_at=None)
    sealed = world.sealer.new_key(APP).seal(grant.to_bytes(), binding=grant_binding(NAME))
    world.connections.seed(replace(record.with_due(renew_at=None), status=Status.ORPHANED, sealed_grant=sealed))
    ask(world, "publish", NAME)

    assert world.stored().due.renew_at is None
    assert world.stored().due.verify_at is not None


def test_publish_leaves_to_its_consumer_what_is_theirs(world: World) -> None:
    """A connection that was handed over gets its secret back, and is not refreshed here."""
    record = replace(world.stored().with_consumer(handed_over_at=1).with_due(renew_at=None), status=Status.ORPHANED)
    world.connections.seed(record)
    ask(world, "publish", NAME)
    world.settle(ticks=3)

    assert ("active", []) == (world.document()["status"], world.shop.ledger)


def test_a_tombstone_holds_no_grant(world: World) -> None:
    """The tokens are dropped; what a consumer knows it by waits for the account's return."""
    world.connections.seed(world.stored().with_consumer(handed_over_at=1, sealed_consumer=b"sealed"))
    ask(world, "remove", NAME)
    record = world.stored()

    assert (None, None, None) == (record.sealed_grant, record.sealed_answer, record.consumer.handed_over_at)
    assert b"sealed" == record.consumer.sealed_consumer


def test_a_removal_whose_mark_got_no_answer_is_finished_by_the_schedule() -> None:
    """The mark stands and its worker heard nothing of it: nobody has to say it twice."""
    world = World()
    world.connected()
    world.failpoints.run_at("leased", lambda: world.connections.fail_next("write", StoreUnavailable, after_commit=True))
    world.commands.answer({"tokensync": "remove", "connection": str(NAME)}, world.budget())
    world.after_lease()
    world.settle(ticks=3)

    assert world.stored().removed_at is not None
    assert world.secrets.secret(NAME).deleted
