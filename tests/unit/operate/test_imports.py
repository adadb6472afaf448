"""Importing: tokens from elsewhere become connections, are proved at once, and never lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import OIDC, Staged
from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, SHOPS, WEEK, World, killed
from tokensync.domain.app import App
from tokensync.domain.connection import Status
from tokensync.domain.errors import BadRequest, NoAnswer, PublishUnavailable, SealingUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.operate.import_fields import ImportFields

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.messages import ProviderResponse, Request

ADS = ConnectionName("ads", "7000000000000000001")
ADS_HOST = "business-api.tiktok.com"
TOKEN = "R0"


@pytest.fixture
def world() -> World:
    """A stack with one app and no connection; TikTok Shop knows the refresh token R0."""
    return World()


def bring(world: World, name: ConnectionName = NAME, **fields: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    event = {"tokensync": "import", "app": name.app, "account": name.account, **fields}
    return world.commands.answer(event, world.budget())


def test_a_refresh_token_alone_is_proved_at_once(world: World) -> None:
    """It is presented, and what came back is published: the connection stands under the brought label."""
    answer = bring(world, refresh_token=TOKEN, label="Acme")
    record = world.stored()

    assert (True, "refreshed", False) == (answer["ok"], answer["result"], answer["again"])
    assert ([TOKEN], "A1", "Acme") == (world.shop.ledger, world.document()["access_token"], record.label)
    assert ["connection.imported", "token.refreshed"] == [entry.event for entry in record.history]


def test_a_pair_is_published_and_not_refreshed(world: World) -> None:
    """A good access token is used up first; the refresh comes when it is due."""
    now = world.clock.now()
    answer = bring(world, refresh_token=TOKEN, access_token="A-9", expires_at=now + WEEK, scopes=["a", "b"])
    record = world.stored()

    assert (True, "published", []) == (answer["ok"], answer["result"], world.shop.ledger)
    assert ("A-9", now + WEEK, ["a", "b"]) == (
        world.document()["access_token"], world.document()["expires_at"], world.document()["scopes"]
    )  # fmt: skip
    assert record.due.renew_at is not None
    assert now < record.due.renew_at < now + WEEK


def test_a_pair_without_an_end_is_renewed_soon(world: World) -> None:
    """Nobody says how long the access token lives, so an hour is assumed."""
    bring(world, refresh_token=TOKEN, access_token="A-9")
    record = world.stored()

    assert world.clock.now() + 3600 == record.access_expires_at
    assert record.due.renew_at is not None
    assert record.due.renew_at <= world.clock.now() + 3600


def test_the_same_token_again_does_nothing(world: World) -> None:
    """A second run resumes: what was imported is left alone, whatever was refreshed since."""
    bring(world, refresh_token=TOKEN)
    answer = bring(world, refresh_token=TOKEN)

    assert (True, True, "nothing_due", [TOKEN]) == (
        answer["ok"], answer["again"], answer["result"], world.shop.ledger
    )  # fmt: skip


def test_a_connection_that_stands_is_not_touched(world: World) -> None:
    """Another token needs the operator's word to take its place."""
    world.connected()
    before = world.stored()
    answer = bring(world, refresh_token="other")

    assert (1, "AlreadyStands", f"tokensync import {APP} --account {NAME.account} --replace") == (
        answer["exit"], answer["error"]["class"], answer["error"]["next"]
    )  # fmt: skip
    assert (before, []) == (world.stored(), world.shop.ledger)


def test_replace_takes_its_place(world: World) -> None:
    """The brought token becomes the grant's, and the generation grows."""
    world.connected(refresh_token="old")
    answer = bring(world, refresh_token=TOKEN, replace=True)

    assert (True, [TOKEN], 3) == (answer["ok"], world.shop.ledger, world.stored().generation)
    assert "A1" == world.document()["access_token"]


def test_importing_what_we_removed_restores_its_secret(world: World) -> None:
    """No word is needed for what is no more, and its old secret comes back."""
    world.connected(refresh_token="old")
    arn = world.secrets.secret(NAME).arn
    world.commands.remover.remove(NAME, world.budget())
    answer = bring(world, refresh_token=TOKEN)

    assert (True, Status.ACTIVE, None) == (answer["ok"], world.stored().status, world.stored().removed_at)
    assert (arn, "A1") == (world.secrets.secret(NAME).arn, world.document()["access_token"])


def test_importing_over_a_quarantined_one(world: World) -> None:
    """What was set apart gives way to an operator who brings the right token."""
    world.connections.seed(replace(world.connected(refresh_token="old"), status=Status.QUARANTINED))

    assert "refreshed" == bring(world, refresh_token=TOKEN)["result"]
    assert Status.ACTIVE is world.stored().status


def test_a_refused_token_is_kept_and_told(world: World) -> None:
    """The connection says why it needs its seller; it is not lost, and nothing was published."""
    answer = bring(world, refresh_token="dead")

    assert (4, "reauthorize", f"tokensync invite {APP} --for {NAME}") == (
        answer["exit"], answer["result"], answer["error"]["next"]
    )  # fmt: skip
    assert Status.REAUTHORIZE is world.stored().status
    assert "dead" == (world.grant().refresh_token or Secret("")).reveal()
    assert world.secrets.document(NAME) is None


def test_a_refused_token_again_is_told_again(world: World) -> None:
    """The same refused token is not presented twice."""
    bring(world, refresh_token="dead")
    answer = bring(world, refresh_token="dead")

    assert (4, True, ["dead"]) == (answer["exit"], answer["again"], world.shop.ledger)


def test_a_refused_token_of_a_large_fleet_is_parked_and_told(world: World) -> None:
    """Where the breaker weighs a refusal, the connection is held, and the operator hears the same."""
    for index in range(20):
        world.connected(ConnectionName(APP, f"s{index}"), refresh_token=f"F{index}")
    answer = bring(world, refresh_token="dead")

    assert (4, Status.HELD, "refused") == (answer["exit"], world.stored().status, world.stored().reason)


def test_a_token_of_another_account_reaches_nobody(world: World) -> None:
    """The answer names another account: held, and its token is not published."""
    answer = bring(world, ConnectionName(APP, "somebody-else"), refresh_token=TOKEN)
    record = world.stored(ConnectionName(APP, "somebody-else"))

    assert (1, Status.HELD, "other_account") == (answer["exit"], record.status, record.reason)
    assert world.secrets.document(record.name) is None


def test_an_answer_that_got_lost(world: World) -> None:
    """It is not known whether the token is spent: held as any other, and told as later."""

    def lost(_honest: object) -> ProviderResponse:
        raise NoAnswer("nothing came back")

    world.shop.script.append(lost)
    answer = bring(world, refresh_token=TOKEN)

    assert (5, Status.HELD) == (answer["exit"], world.stored().status)


@pytest.mark.parametrize("place", ["exchange.taken_over", "sent", "received"])
def test_a_killed_import_is_resumed(world: World, place: str) -> None:
    """Killed on the way, the token stands in the table: the schedule or the same command goes on with it."""
    world.failpoints.raise_at(place, killed())
    with pytest.raises(KeyboardInterrupt):
        bring(world, refresh_token=TOKEN)
    world.after_lease()
    answer = bring(world, refresh_token=TOKEN)

    assert (True, []) == (answer["again"], world.shop.doubles)
    assert Status.HELD if place == "sent" else Status.ACTIVE is world.stored().status


def test_throttled_publishing_is_made_up_for(world: World) -> None:
    """An imported pair whose secret could not be written is published later by itself."""
    world.secrets.fail_next("create", PublishUnavailable("throttled"))
    answer = bring(world, refresh_token=TOKEN, access_token="A-9", expires_at=world.clock.now() + WEEK)
    world.settle(ticks=5)

    assert (5, "A-9") == (answer["exit"], world.document()["access_token"])


def test_a_paused_app_imports_nothing(world: World) -> None:
    """Nothing is written while the app is paused."""
    world.apps.pause(APP, why="no", now=1)
    answer = bring(world, refresh_token=TOKEN)

    assert (1, "AppPaused") == (answer["exit"], answer["error"]["class"])
    assert world.connections.get(NAME) is None


def test_without_a_key_nothing_is_written(world: World) -> None:
    """KMS gives no data key: nothing was done."""
    world.sealer.fail_next("new_key", SealingUnavailable("no key"))

    assert 5 == bring(world, refresh_token=TOKEN)["exit"]
    assert (None, []) == (world.connections.get(NAME), world.shop.ledger)


def test_an_app_that_mints_its_own(world: World) -> None:
    """Client credentials have nobody behind them to import."""
    world.apps.register(
        App(
            name="minting", provider="tiktok_login", client_id="c", client_secret=Secret("s"),
            settings={"grant": "client_credentials"},
        )
    )  # fmt: skip
    answer = bring(world, ConnectionName("minting", "x"), refresh_token="r")

    assert (1, "NotOffered", "tokensync connect minting") == (
        answer["exit"], answer["error"]["class"], answer["error"]["next"]
    )  # fmt: skip


def test_an_unknown_app(world: World) -> None:
    """Exit code 3."""
    assert 3 == bring(world, ConnectionName("nobody", "x"), refresh_token="r")["exit"]


@pytest.mark.parametrize("account", ["", "a\nb", "x" * 901])
def test_an_account_that_is_none(world: World, account: str) -> None:
    """Exit code 2 before anything else."""
    event = {"tokensync": "import", "app": APP, "account": account, "refresh_token": "r"}

    assert 2 == world.commands.answer(event, world.budget())["exit"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"refresh_token": ""},
        {"refresh_token": "CANARY\u00e4"},
        {"refresh_token": "CANARY\n"},
        {"refresh_token": 7},
        {"refresh_token": "C" * 16_385},
        {"access_token": "CANARY", "refresh_token": ["CANARY"]},
        {"refresh_token": TOKEN, "expires_at": 1_800_000_000},
        {"refresh_token": TOKEN, "access_token": "CANARY", "expires_at": "CANARY"},
        {"refresh_token": TOKEN, "access_token": "CANARY", "expires_at": 3600},
        {"refresh_token": TOKEN, "access_token": "CANARY", "expires_at": 1_700_000_000_000},
        {"refresh_token": TOKEN, "access_token": "CANARY", "expires_at": True},
        {"refresh_token": TOKEN, "refresh_token_expires_at": 1_000_000_001},
        {"refresh_token": TOKEN, "access_token": "CANARY", "expires_at": 1_000_000_001},
        {"refresh_token": TOKEN, "label": "CANARY\u202e"},
        {"refresh_token": TOKEN, "scopes": {"CANARY": 1}},
        {"refresh_token": TOKEN, "scopes": ["CANARY\u202e"]},
        {"refresh_token": TOKEN, "scopes": ["s"] * 201},
    ],
)
def test_what_cannot_be_used_is_named_without_its_value(world: World, fields: dict[str, object]) -> None:
    """Exit code 2, the field's name, and not a word of what it held; nothing was written."""
    answer = bring(world, **fields)

    assert (2, "BadRequest") == (answer["exit"], answer["error"]["class"])
    assert "CANARY" not in str(answer)
    assert world.connections.get(NAME) is None


def test_a_field_that_nobody_knows() -> None:
    """It is refused without being repeated: its name may be a token that stands in the wrong place."""
    with pytest.raises(BadRequest) as refused:
        ImportFields.read({"refresh_token": "r", "CANARY": "x"})

    assert "CANARY" not in str(refused.value)


def test_rows_of_text_are_read_like_objects() -> None:
    """Numbers may come as text, scopes separated by spaces or commas."""
    brought = ImportFields.read(
        {"refresh_token": "r", "access_token": "a", "expires_at": "1800000000", "scopes": "a, b c", "label": ""}
    )

    assert (1_800_000_000, ("a", "b", "c"), "") == (brought.expires_at, brought.scopes, brought.label)
    assert "ImportFields(refresh_token=***, access_token=***, " in repr(brought)


class Ads:
    """TikTok's Marketing API: tells the token's advertisers, or that it is dead."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_dead = False

    def send(self, request: Request) -> ProviderResponse:
        """Answer one request."""
        assert "oauth2/advertiser/get" in request.url or "user/info" in request.url
        if self.is_dead:
            return self.world.shop.answer({"code": 40105, "message": "incorrect or revoked", "data": {}})
        advertisers = [{"advertiser_id": ADS.account, "advertiser_name": "Acme"}]
        return self.world.shop.answer({"code": 0, "message": "OK", "data": {"list": advertisers}})


@pytest.fixture
def ads(world: World) -> Ads:
    """An app of the Marketing API, whose tokens never expire."""
    made = Ads(world)
    world.shop.others[ADS_HOST] = made.send
    world.apps.register(App(name="ads", provider="tiktok_ads", client_id="1", client_secret=Secret("s")))
    return made


@pytest.mark.usefixtures("ads")
def test_a_token_that_never_expires_is_verified_at_once(world: World) -> None:
    """There is nothing to refresh, so the account call proves it."""
    answer = bring(world, ADS, access_token="forever")
    record = world.stored(ADS)

    assert (True, "verified") == (answer["ok"], answer["result"])
    assert (None, "forever") == (world.document(ADS)["expires_at"], world.document(ADS)["access_token"])
    assert world.clock.now() == record.verified_at
    assert record.due.verify_at is not None


def test_a_dead_token_that_never_expires(world: World, ads: Ads) -> None:
    """Nothing can renew it: its account has to authorize again."""
    ads.is_dead = True
    answer = bring(world, ADS, access_token="forever")

    assert (4, Status.REAUTHORIZE) == (answer["exit"], world.stored(ADS).status)


def test_eshopbox_needs_a_refresh_token(world: World) -> None:
    """An access token alone is good for a day and then nothing is left."""
    world.apps.register(App(name="box", provider="eshopbox", client_id="c", client_secret=Secret("s")))

    assert 2 == bring(world, ConnectionName("box", "w"), access_token="a")["exit"]


def test_an_access_token_alone_has_to_say_when_it_ends(world: World) -> None:
    """Where tokens expire, one without an end and without a successor would be shown as good for ever."""
    assert 2 == bring(world, access_token="A-9")["exit"]
    assert "verified" == bring(world, access_token="A-9", expires_at=world.clock.now() + WEEK)["result"]
    assert ACCOUNT == world.document()["account_id"]


def test_a_secret_of_somebody_else_has_the_name(world: World) -> None:
    """The tokens are kept, nothing is overwritten, and the operator hears why."""
    world.secrets.plant(NAME, "theirs")
    answer = bring(world, refresh_token=TOKEN, access_token="A-9", expires_at=world.clock.now() + WEEK)

    assert (1, "orphaned", Status.ORPHANED) == (answer["exit"], answer["result"], world.stored().status)


def test_a_later_authorization_wins(world: World) -> None:
    """The seller authorized while the import was on its way: that grant stands, whatever was to be replaced."""
    later = world.connected(refresh_token="new").with_authorized(
        authorized_at=world.clock.now() + 60, authorized_by="seller"
    )
    world.connections.before_next("take_over", lambda: world.connections.seed(later))
    answer = bring(world, refresh_token=TOKEN, replace=True)

    assert (1, "taken_over", "seller") == (answer["exit"], answer["result"], world.stored().authorized.authorized_by)


@pytest.mark.parametrize("stood", ["nothing", "removed", "quarantined"])
def test_what_came_to_stand_meanwhile_is_not_touched(world: World, stood: str) -> None:
    """Only what was seen gives way unasked: a seller who authorized in between keeps the new grant."""
    if stood == "removed":
        world.connected(refresh_token="old")
        world.commands.remover.remove(NAME, world.budget())
    if stood == "quarantined":
        world.connections.seed(replace(world.connected(refresh_token="old"), status=Status.QUARANTINED))
    browser = Browser(world)

    def authorize() -> None:
        browser.connect()
        browser.back()

    world.connections.before_next("take_over", authorize)
    now = world.clock.now()
    answer = bring(world, refresh_token=TOKEN, access_token="A-9", expires_at=now + WEEK)

    assert (1, "AlreadyStands") == (answer["exit"], answer["error"]["class"])
    assert (["code-1"], "A1", Status.ACTIVE) == (
        world.shop.ledger, world.document()["access_token"], world.stored().status
    )  # fmt: skip


@pytest.mark.parametrize("replacing", [False, True])
def test_the_same_import_at_once_presents_its_token_once(world: World, *, replacing: bool) -> None:
    """Two runs saw nothing stand; the later one finds what the earlier one made, and leaves it alone."""
    honest = world.connections.get

    def seen_by_both(name: ConnectionName) -> Connection | None:
        seen = honest(name)
        world.connections.get = honest  # type: ignore[method-assign]  # once
        assert "refreshed" == bring(world, refresh_token=TOKEN)["result"]
        world.clock.advance(1)
        return seen

    world.connections.get = seen_by_both  # type: ignore[method-assign]  # another run comes after this one's look
    answer = bring(world, refresh_token=TOKEN, replace=replacing)

    assert (True, [TOKEN], "A1") == (answer["ok"], world.shop.ledger, world.document()["access_token"])
    assert "R1" == (world.grant().refresh_token or Secret("")).reveal()


def test_a_replacing_token_that_is_refused_is_published_as_such(world: World) -> None:
    """The access token that workloads read stands under the new generation, and says that its seller is needed."""
    world.connected(refresh_token="old")
    answer = bring(world, refresh_token="dead", replace=True)
    document = world.document()

    assert (4, ["dead"], Status.REAUTHORIZE) == (answer["exit"], world.shop.ledger, world.stored().status)
    assert ("reauthorize", world.stored().generation, "A0") == (
        document["status"], document["generation"], document["access_token"]
    )  # fmt: skip


def test_a_killed_replacement_is_resumed(world: World) -> None:
    """Killed before its token was presented, the same command presents it: what it took along proves nothing."""
    world.connected(refresh_token="old")
    world.failpoints.raise_at("exchange.taken_over", killed())
    with pytest.raises(KeyboardInterrupt):
        bring(world, refresh_token=TOKEN, replace=True)
    world.after_lease()

    assert ("refreshed", [TOKEN]) == (bring(world, refresh_token=TOKEN, replace=True)["result"], world.shop.ledger)


@pytest.mark.parametrize("status", [Status.QUARANTINED, Status.REAUTHORIZE])
def test_what_nobody_may_read_is_not_taken_along(world: World, status: Status) -> None:
    """An access token that was set apart, or is told as dead, is not published by a replacement."""
    world.connections.seed(replace(world.connected(refresh_token="old"), status=status))
    before = world.document()
    bring(world, refresh_token="dead", replace=True)

    assert before == world.document()


def test_a_first_refresh_is_followed_by_the_accounts_facts(world: World) -> None:
    """The provider is asked once: workloads get the shops, and notices about them are understood."""
    bring(world, refresh_token=TOKEN)
    world.settle(ticks=3)

    assert SHOPS == world.document()["account"]["shops"]
    assert NAME == world.connections.find(APP, SHOPS[0]["id"])
    assert (None, [TOKEN]) == (world.stored().due.verify_at, world.shop.ledger)


def test_a_brought_pair_comes_with_the_accounts_facts(world: World) -> None:
    """An access token is in hand, so its account is asked for before anybody reads it."""
    bring(world, refresh_token=TOKEN, access_token="A-9", expires_at=world.clock.now() + WEEK)

    assert SHOPS == world.document()["account"]["shops"]
    assert NAME == world.connections.find(APP, SHOPS[0]["id"])
    assert (world.clock.now(), None) == (world.stored().verified_at, world.stored().due.verify_at)


@pytest.mark.parametrize("pair", [{}, {"refresh_token": "BOBS-REFRESH"}])
@pytest.mark.parametrize("replacing", [False, True])
def test_an_access_token_of_another_account_is_not_imported(pair: dict[str, str], *, replacing: bool) -> None:
    """The provider names another account: nothing is written, published or presented."""
    stage = Staged.of(OIDC)
    stage.server.says("/userinfo", {"sub": "bob"})
    answer = bring(stage.world, stage.name("alice"), access_token="BOBS", replace=replacing, **pair)

    assert (2, "BadRequest") == (answer["exit"], answer["error"]["class"])
    assert "this token belongs to another account" in answer["error"]["message"]
    assert (None, None) == (
        stage.world.connections.get(stage.name("alice")), stage.world.secrets.document(stage.name("alice"))
    )  # fmt: skip
    assert 0 == stage.server.times("/token")


def test_an_account_that_cannot_be_asked_for_is_no_hindrance() -> None:
    """The import stands and is not proved; whoever it is of is asked again."""
    stage = Staged.of(OIDC)
    stage.server.says("/userinfo", 500)
    answer = bring(stage.world, stage.name("alice"), access_token="A-9")

    assert (5, Status.ACTIVE) == (answer["exit"], stage.world.stored(stage.name("alice")).status)


def test_a_token_that_ends_and_that_nothing_looks_at(world: World) -> None:
    """Neither a refresh nor a call tells of its end: the operator hears at once, and the connection says so then."""
    world.apps.register(App(name="acc", provider="tiktok_accounts", client_id="c", client_secret=Secret("s")))
    name = ConnectionName("acc", "o")
    answer = bring(world, name, access_token="A-9", expires_at=world.clock.now() + 600)
    told = [alert.kind for alert in world.alerts.told]
    world.settle(ticks=9)
    before = world.stored(name).status
    world.settle(ticks=3)
    record = world.stored(name)

    assert ("published", ["connection.cannot_refresh"]) == (answer["result"], told)
    assert (Status.ACTIVE, Status.REAUTHORIZE, "ended") == (before, record.status, record.reason)
    assert ("reauthorize", None) == (world.document(name)["status"], record.due.next_at)
    assert ["connection.cannot_refresh", "connection.reauthorize"] == [alert.kind for alert in world.alerts.told]


def test_refreshing_what_nothing_renews_keeps_its_end(world: World) -> None:
    """An operator's word changes nothing: its end is still told when it comes."""
    world.apps.register(App(name="acc", provider="tiktok_accounts", client_id="c", client_secret=Secret("s")))
    name = ConnectionName("acc", "o")
    bring(world, name, access_token="A-9", expires_at=world.clock.now() + 600)
    world.on_demand.refresh(name, world.budget())

    assert (Status.ACTIVE, world.clock.now() + 600) == (world.stored(name).status, world.stored(name).due.next_at)


def test_a_removal_beside_the_same_import_is_not_told_as_done(world: World) -> None:
    """What was imported and removed within one second is gone; the same command a second later brings it back."""
    bring(world, refresh_token=TOKEN)
    world.commands.remover.remove(NAME, world.budget())
    world.shop.alive.add(TOKEN)

    assert "AlreadyStands" == bring(world, refresh_token=TOKEN)["error"]["class"]
    world.clock.advance(1)
    assert "refreshed" == bring(world, refresh_token=TOKEN)["result"]
