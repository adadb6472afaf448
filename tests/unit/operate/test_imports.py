"""Importing: tokens from elsewhere become connections, are proved at once, and never lost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ADS as ADS_APP
from fakes.scripted import ADS_LIST, OIDC, Staged, advertisers
from fakes.visitors import Browser
from fakes.world import APP, NAME, SHOPS, WEEK, World, lost
from field_rows import field
from tokensync.domain.app import App
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Reason, Status
from tokensync.domain.errors import BadRequest, PublishUnavailable, SealingUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.operate.import_fields import ImportFields

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.connection import Connection
    from tokensync.domain.messages import ProviderResponse

ADS = ConnectionName("ads", "7000000000000000001")
ACC = ConnectionName("acc", "o")
TOKEN = "R0"


@pytest.fixture
def world() -> World:
    """A stack with one app and no connection; TikTok Shop knows the refresh token R0."""
    return World()


def bring(world: World, name: ConnectionName = NAME, **fields: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    return world.ask("import", app=name.app, account=name.account, **fields)


def bring_pair(world: World, **fields: object) -> dict[str, Any]:
    """Bring a refresh token with an access token that has a week left."""
    return bring(world, refresh_token=TOKEN, access_token="A-9", expires_at=world.clock.now() + WEEK, **fields)


def register(world: World, name: str, provider: str, **settings: str) -> None:
    """Register another app."""
    world.apps.register(App(name=name, provider=provider, client_id="c", client_secret=Secret("s"), settings=settings))


def refresh_token(world: World) -> str | None:
    """Return the stored refresh token."""
    token = world.grant().refresh_token
    return token and token.reveal()


# ----------------------------------------------------------------------------------------------- what becomes of tokens


def test_a_refresh_token_alone_is_proved_at_once(world: World) -> None:
    """It is presented, and what came back is published under the brought label."""
    answer = bring(world, refresh_token=TOKEN, label="Acme")
    record = world.stored()

    assert (True, "refreshed", False) == (answer["ok"], answer["result"], answer["again"])
    assert ([TOKEN], "A1", "Acme") == (world.shop.ledger, world.published(), record.label)
    assert ["connection.imported", "token.refreshed"] == [entry.event for entry in record.history]


def test_a_pair_is_published_and_not_refreshed(world: World) -> None:
    """A good access token is used up first; the refresh comes when it is due, the account's facts at once."""
    now = world.clock.now()
    answer = bring_pair(world, scopes=["a", "b"])
    record, document = world.stored(), world.document()

    assert (True, "published", []) == (answer["ok"], answer["result"], world.shop.ledger)
    assert ["A-9", now + WEEK, ["a", "b"]] == [document[field] for field in ("access_token", "expires_at", "scopes")]
    assert now < (record.due.renew_at or 0) < now + WEEK
    assert (SHOPS, NAME) == (document["account"]["shops"], world.connections.find(APP, SHOPS[0]["id"]))
    assert (now, None) == (record.verified_at, record.due.verify_at)


@field("A9")
def test_what_an_imported_token_had_left_is_no_life(world: World) -> None:
    """A token that came with a short rest is followed by a whole life, which is believed."""
    bring(world, refresh_token=TOKEN, access_token="A-9", expires_at=world.clock.now() + 700)
    world.settle(ticks=30)
    record = world.stored()

    assert [TOKEN] == world.shop.ledger
    assert WEEK == (record.access_expires_at or 0) - (record.obtained_at or 0)


def test_a_pair_without_an_end_is_renewed_soon(world: World) -> None:
    """Nobody says how long the access token lives, so an hour is assumed."""
    bring(world, refresh_token=TOKEN, access_token="A-9")
    record = world.stored()

    assert world.clock.now() + 3600 == record.access_expires_at
    assert 0 < (record.due.renew_at or 0) <= world.clock.now() + 3600


def test_a_first_refresh_is_followed_by_the_accounts_facts(world: World) -> None:
    """The provider is asked once: workloads get the shops, and webhook events about them are understood."""
    bring(world, refresh_token=TOKEN)
    world.settle(ticks=3)

    assert (SHOPS, NAME) == (world.document()["account"]["shops"], world.connections.find(APP, SHOPS[0]["id"]))
    assert (None, [TOKEN]) == (world.stored().due.verify_at, world.shop.ledger)


@pytest.mark.parametrize("token", [TOKEN, "dead"])
def test_the_same_token_again_does_nothing(world: World, token: str) -> None:
    """A second run resumes: neither an imported token nor a refused one is presented twice."""
    first = bring(world, refresh_token=token)
    answer = bring(world, refresh_token=token)

    assert (first["ok"], True, [token]) == (answer["ok"], answer["again"], world.shop.ledger)
    assert (4 if token == "dead" else 0) == answer.get("exit", 0)
    assert ("reauthorize" if token == "dead" else "nothing_due") == answer["result"]


def test_a_refused_token_is_kept(world: World) -> None:
    """The connection says why it needs its seller, and nothing was published."""
    answer = bring(world, refresh_token="dead")

    assert (4, "reauthorize", f"tokensync invite {APP} --for {NAME}") == (
        answer["exit"], answer["result"], answer["error"]["next"]
    )  # fmt: skip
    assert (Status.REAUTHORIZE, "dead", None) == (world.stored().status, refresh_token(world), world.published())


def test_a_refused_token_of_a_troubled_app_is_parked(world: World) -> None:
    """Another was refused and none succeeded since: it is held, and the operator hears the same."""
    world.fleet(3)
    world.shop.alive.clear()
    world.on_demand.refresh(ConnectionName(APP, "seller-0001"), world.budget())
    answer = bring(world, refresh_token="dead")

    assert (4, Status.HELD, "refused") == (answer["exit"], world.stored().status, world.stored().reason)
    assert 1 == len(world.apps.state(APP).refused)


@field("A16")
def test_an_import_that_is_refused_again_pauses_nothing(world: World) -> None:
    """A token that never worked says nothing of the app, however often it is refused: one seller's refusal is one."""
    world.fleet(3)
    world.shop.alive.clear()
    world.on_demand.refresh(ConnectionName(APP, "seller-0001"), world.budget())
    bring(world, refresh_token="dead")
    world.ask("refresh", connection=str(NAME), force=True)
    world.ask("refresh", connection=str(NAME), force=True)

    assert (1, "") == (len(world.apps.state(APP).refused), world.apps.state(APP).paused)


def test_a_token_of_another_account_reaches_nobody(world: World) -> None:
    """The response names another account: held, and its token is not published."""
    name = ConnectionName(APP, "somebody-else")
    answer = bring(world, name, refresh_token=TOKEN)
    record = world.stored(name)

    assert (1, Status.HELD, "other_account") == (answer["exit"], record.status, record.reason)
    assert world.published(name) is None


def test_an_answer_that_got_lost(world: World) -> None:
    """It is not known whether the token is spent: held as any other, and reported as later."""
    world.shop.script.append(lost)

    assert (5, Status.HELD) == (bring(world, refresh_token=TOKEN)["exit"], world.stored().status)


@pytest.mark.parametrize("place", ["exchange.taken_over", "sent", "received"])
def test_a_killed_import_is_resumed(world: World, place: str) -> None:
    """The token is in the table: the schedule or the same command goes on with it."""
    with world.dies_at(place):
        bring(world, refresh_token=TOKEN)
    world.after_lease()
    answer = bring(world, refresh_token=TOKEN)

    assert (True, []) == (answer["again"], world.shop.doubles)
    assert (Status.HELD if place == "sent" else Status.ACTIVE) is world.stored().status


def test_throttled_publishing_is_made_up_for(world: World) -> None:
    """An imported pair whose secret could not be written is published later by itself."""
    world.secrets.fail_next("create", PublishUnavailable("throttled"))
    answer = bring_pair(world)
    world.settle(ticks=5)

    assert (5, "A-9") == (answer["exit"], world.published())


def test_a_secret_of_somebody_else_has_the_name(world: World) -> None:
    """The tokens are kept, nothing is overwritten, and the operator hears why."""
    world.secrets.plant(NAME, "theirs")
    answer = bring_pair(world)

    assert (1, "orphaned", Status.ORPHANED) == (answer["exit"], answer["result"], world.stored().status)


# ------------------------------------------------------------------------------------------------ what gives way to it


def test_a_connection_that_exists_is_not_touched(world: World) -> None:
    """Another token needs the operator's word to take its place."""
    before = world.connected()
    answer = bring(world, refresh_token="other")

    assert (1, "AlreadyStands", f"tokensync import {APP} --account {NAME.account} --replace") == (
        answer["exit"], answer["error"]["class"], answer["error"]["next"]
    )  # fmt: skip
    assert (before, []) == (world.stored(), world.shop.ledger)


def test_replace_takes_its_place(world: World) -> None:
    """The brought token becomes the grant's, and the generation grows."""
    world.connected(refresh_token="old")
    answer = bring(world, refresh_token=TOKEN, replace=True)

    assert (True, [TOKEN], 3, "A1") == (
        answer["ok"], world.shop.ledger, world.stored().generation, world.published()
    )  # fmt: skip


def test_importing_what_we_removed_restores_its_secret(world: World) -> None:
    """It takes no word of the operator's, but a second: the same import within one second is not reported as done."""
    bring(world, refresh_token=TOKEN)
    arn = world.secrets.secret(NAME).arn
    world.ask("remove", connection=str(NAME))
    world.shop.alive.add(TOKEN)
    assert "AlreadyStands" == bring(world, refresh_token=TOKEN)["error"]["class"]
    world.clock.advance(1)

    assert "refreshed" == bring(world, refresh_token=TOKEN)["result"]
    assert (Status.ACTIVE, None) == (world.stored().status, world.stored().removed_at)
    assert (arn, "A2") == (world.secrets.secret(NAME).arn, world.published())


def test_importing_over_a_quarantined_one(world: World) -> None:
    """What was set apart gives way to an operator who brings the right token."""
    world.connections.seed(replace(world.connected(refresh_token="old"), status=Status.QUARANTINED))

    assert ("refreshed", Status.ACTIVE) == (bring(world, refresh_token=TOKEN)["result"], world.stored().status)


def test_a_later_authorization_wins(world: World) -> None:
    """The seller authorized while the import was on its way: that grant stays, whatever was to be replaced."""
    later = world.connected(refresh_token="new").with_authorized(
        authorized_at=world.clock.now() + 60, authorized_by="seller"
    )
    world.connections.before_next("take_over", lambda: world.connections.seed(later))
    answer = bring(world, refresh_token=TOKEN, replace=True)

    assert (1, "taken_over", "seller") == (answer["exit"], answer["result"], world.stored().authorized.authorized_by)


@pytest.mark.parametrize("before", ["nothing", "removed", "quarantined"])
def test_what_was_authorized_meanwhile_is_not_touched(world: World, before: str) -> None:
    """Only what was seen gives way unasked: a seller who authorized in between keeps the new grant."""
    if before != "nothing":
        world.connected(refresh_token="old")
    if before == "removed":
        world.ask("remove", connection=str(NAME))
    if before == "quarantined":
        world.change(status=Status.QUARANTINED)
    world.connections.before_next("take_over", Browser(world).authorize)
    answer = bring_pair(world)

    assert (1, "AlreadyStands") == (answer["exit"], answer["error"]["class"])
    assert (["code-1"], "A1", Status.ACTIVE) == (world.shop.ledger, world.published(), world.stored().status)


@pytest.mark.parametrize("replacing", [False, True])
def test_the_same_import_at_once_presents_its_token_once(world: World, *, replacing: bool) -> None:
    """Two runs saw no connection; the later one finds what the earlier one made, and leaves it alone."""
    honest = world.connections.get

    def seen_by_both(name: ConnectionName) -> Connection | None:
        seen = honest(name)
        world.connections.get = honest  # type: ignore[method-assign]  # once
        assert "refreshed" == bring(world, refresh_token=TOKEN)["result"]
        world.clock.advance(1)
        return seen

    world.connections.get = seen_by_both  # type: ignore[method-assign]  # another run comes after this one's look
    answer = bring(world, refresh_token=TOKEN, replace=replacing)

    assert (True, [TOKEN], "A1", "R1") == (
        answer["ok"], world.shop.ledger, world.published(), refresh_token(world)
    )  # fmt: skip


def test_a_replacing_token_that_is_refused_is_published_as_such(world: World) -> None:
    """The access token that workloads read is under the new generation, and says that its seller is needed."""
    world.connected(refresh_token="old")
    answer = bring(world, refresh_token="dead", replace=True)
    document = world.document()

    assert (4, ["dead"], Status.REAUTHORIZE) == (answer["exit"], world.shop.ledger, world.stored().status)
    assert ["reauthorize", world.stored().generation, "A0"] == [
        document[field] for field in ("status", "generation", "access_token")
    ]


def test_a_killed_replacement_is_resumed(world: World) -> None:
    """Killed before its token was presented, the same command presents it: what it took along proves nothing."""
    world.connected(refresh_token="old")
    with world.dies_at("exchange.taken_over"):
        bring(world, refresh_token=TOKEN, replace=True)
    world.after_lease()

    assert ("refreshed", [TOKEN]) == (bring(world, refresh_token=TOKEN, replace=True)["result"], world.shop.ledger)


@pytest.mark.parametrize("status", [Status.QUARANTINED, Status.REAUTHORIZE])
def test_what_nobody_may_read_is_not_taken_along(world: World, status: Status) -> None:
    """An access token that was set apart, or is dead, is not published by a replacement."""
    world.connections.seed(replace(world.connected(refresh_token="old"), status=status))
    before = world.document()
    bring(world, refresh_token="dead", replace=True)

    assert before == world.document()


# --------------------------------------------------------------------------------------------------- what is not taken


def test_what_cannot_begin_writes_nothing(world: World) -> None:
    """KMS gives no data key, or the app is paused."""
    world.sealer.fail_next("new_key", SealingUnavailable("no key"))
    assert 5 == bring(world, refresh_token=TOKEN)["exit"]
    world.apps.pause(APP, kind=PauseKind.OPERATOR, why="no", now=1)
    answer = bring(world, refresh_token=TOKEN)

    assert (1, "AppPaused") == (answer["exit"], answer["error"]["class"])
    assert (None, []) == (world.connections.get(NAME), world.shop.ledger)


def test_an_app_that_mints_its_own(world: World) -> None:
    """Client credentials have nobody behind them to import."""
    register(world, "minting", "tiktok_login", grant="client_credentials")
    answer = bring(world, ConnectionName("minting", "x"), refresh_token="r")

    assert (1, "NotOffered", "tokensync connect minting") == (
        answer["exit"], answer["error"]["class"], answer["error"]["next"]
    )  # fmt: skip


def test_an_unknown_app(world: World) -> None:
    """It is not found."""
    assert 3 == bring(world, ConnectionName("nobody", "x"), refresh_token="r")["exit"]


@pytest.mark.parametrize("account", ["", "a\nb", "x" * 901])
def test_an_account_that_is_none(world: World, account: str) -> None:
    """Exit code 2 before anything else."""
    assert 2 == world.ask("import", app=APP, account=account, refresh_token="r")["exit"]


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
        {"access_token": "CANARY"},
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
        {"refresh_token": TOKEN, "fact.x": "CANARY\nx"},
        {"refresh_token": TOKEN, "fact.x": "C" * 201},
        {"refresh_token": TOKEN, "fact.x": 7},
        {"refresh_token": TOKEN, "fact.x": {"CANARY": "x"}},
        *({"refresh_token": TOKEN, f"fact.{name}": "x"} for name in ("", "CANARY", "1x", "_x", "a-b", "a.b", "x" * 41)),
        {"refresh_token": TOKEN, **{f"fact.f{number}": "x" for number in range(21)}},
    ],
)
def test_what_cannot_be_used_is_named_without_its_value(world: World, fields: dict[str, object]) -> None:
    """Exit code 2, the field's name, and not a word of what it held; nothing was written."""
    answer = bring(world, **fields)

    assert (2, "BadRequest") == (answer["exit"], answer["error"]["class"])
    assert "CANARY" not in str(answer)
    assert world.connections.get(NAME) is None


def test_a_field_that_nobody_knows() -> None:
    """It is refused without being repeated: its name may be a token in the wrong place."""
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


# ---------------------------------------------------------------------------------------- access tokens by themselves


def test_a_token_that_never_expires_is_verified_at_once() -> None:
    """There is nothing to refresh, so the account call proves it."""
    stage = Staged.of(ADS_APP)
    stage.server.says(ADS_LIST, advertisers(ADS.account))
    answer = bring(stage.world, ADS, access_token="forever")
    record, document = stage.world.stored(ADS), stage.world.document(ADS)

    assert (True, "verified") == (answer["ok"], answer["result"])
    assert (None, "forever") == (document["expires_at"], document["access_token"])
    assert stage.world.clock.now() == record.verified_at
    assert record.due.verify_at is not None


def test_a_dead_token_that_never_expires() -> None:
    """Nothing can renew it: its account has to authorize again."""
    stage = Staged.of(ADS_APP)
    stage.server.says(ADS_LIST, {"code": 40105, "message": "incorrect or revoked", "data": {}})
    answer = bring(stage.world, ADS, access_token="forever")

    assert (4, Status.REAUTHORIZE) == (answer["exit"], stage.world.stored(ADS).status)


def test_eshopbox_needs_a_refresh_token(world: World) -> None:
    """An access token alone is good for a day and then nothing is left."""
    register(world, "box", "eshopbox")

    assert 2 == bring(world, ConnectionName("box", "w"), access_token="a")["exit"]


def test_an_access_token_alone_with_its_end(world: World) -> None:
    """Where tokens expire, one that says when it ends is proved by the account's call."""
    assert "verified" == bring(world, access_token="A-9", expires_at=world.clock.now() + WEEK)["result"]
    assert NAME.account == world.document()["account_id"]


@pytest.mark.parametrize("pair", [{}, {"refresh_token": "BOBS-REFRESH"}])
@pytest.mark.parametrize("replacing", [False, True])
def test_an_access_token_of_another_account_is_not_imported(pair: dict[str, str], *, replacing: bool) -> None:
    """The provider names another account: nothing is written, published or presented."""
    stage = Staged.of(OIDC)
    stage.server.says("/userinfo", {"sub": "bob"})
    name = stage.name("alice")
    answer = bring(stage.world, name, access_token="BOBS", replace=replacing, **pair)

    assert (2, "BadRequest") == (answer["exit"], answer["error"]["class"])
    assert "this token belongs to another account" in answer["error"]["message"]
    assert (None, None, 0) == (
        stage.world.connections.get(name), stage.world.published(name), stage.server.times("/token")
    )  # fmt: skip


def test_an_account_that_cannot_be_asked_for_is_no_hindrance() -> None:
    """The token is imported and not proved; the account's name is asked for again."""
    stage = Staged.of(OIDC)
    stage.server.says("/userinfo", 500)
    answer = bring(stage.world, stage.name("alice"), access_token="A-9")

    assert (5, Status.ACTIVE) == (answer["exit"], stage.world.stored(stage.name("alice")).status)


def test_a_token_that_ends_and_that_nothing_asks_about(world: World) -> None:
    """Neither a refresh nor a call shows its end: the operator hears at once, and the connection says so then."""
    register(world, "acc", "tiktok_accounts")
    answer = bring(world, ACC, access_token="A-9", expires_at=world.clock.now() + 600)
    heard = world.alerted()
    world.on_demand.refresh(ACC, world.budget())
    assert (Status.ACTIVE, world.clock.now() + 600) == (world.stored(ACC).status, world.stored(ACC).due.next_at)
    world.settle(ticks=9)
    before = world.stored(ACC).status
    world.settle(ticks=3)
    record = world.stored(ACC)

    assert ("published", ["connection.cannot_refresh"]) == (answer["result"], heard)
    assert (Status.ACTIVE, Status.REAUTHORIZE, "ended") == (before, record.status, record.reason)
    assert ("reauthorize", None) == (world.document(ACC)["status"], record.due.next_at)
    assert ["connection.cannot_refresh", "connection.reauthorize"] == world.alerted()


# ------------------------------------------------------------------------------------- what an import is silent about


@field("A1")
def test_an_access_token_alone_keeps_the_refresh_token_that_is_there(world: World) -> None:
    """Only what it brings is replaced: label, scopes and facts stay as well, and the schedule goes on."""
    world.connected()
    answer = bring(world, access_token="A-9", expires_at=world.clock.now() + WEEK, replace=True)

    grant, document = world.grant(), world.document()
    assert (True, "A-9", TOKEN) == (answer["ok"], document["access_token"], refresh_token(world))
    assert ("Acme GmbH", ["seller.authorization.info"]) == (document["label"], document["scopes"])
    assert ("Acme GmbH", SHOPS) == (grant.account["seller_name"], document["account"]["shops"])
    assert ([], True) == (world.alerted(), world.stored().due.renew_at is not None)
    world.clock.advance(WEEK)
    world.settle(ticks=2)
    assert ([TOKEN], "A1") == (world.shop.ledger, world.published())


@field("A1")
def test_a_replacing_pair_leaves_what_it_does_not_say(world: World) -> None:
    """A new refresh token has an end of its own; facts, label and scopes stay where the shops cannot be asked for."""
    world.connected()
    world.shop.alive.add("R9")
    honest = world.shop.send

    def send(request: Any, *, seconds: float) -> Any:
        return world.shop.answer({}, status=500) if "/shops" in request.url else honest(request, seconds=seconds)

    world.shop.send = send  # type: ignore[method-assign]  # the scripted shop is a test's own
    bring(world, refresh_token="R9", access_token="A-9", expires_at=world.clock.now() + WEEK, replace=True)

    document = world.document()
    assert ("A-9", "R9", None) == (document["access_token"], refresh_token(world), document["refresh_token_expires_at"])
    assert ("Acme GmbH", ["seller.authorization.info"]) == (document["label"], document["scopes"])
    assert SHOPS == document["account"]["shops"]


@field("A1")
def test_a_refused_refresh_token_is_not_kept_by_an_import(world: World) -> None:
    """The connection ends with the access token that was brought, and the operator hears it."""
    world.connected()
    world.change(status=Status.REAUTHORIZE, reason=Reason.REFUSED, renew_at=None)
    bring(world, access_token="A-9", expires_at=world.clock.now() + WEEK, replace=True)

    assert (None, "A-9", ["connection.cannot_refresh"]) == (refresh_token(world), world.published(), world.alerted())


@field("A1")
def test_an_import_waits_for_the_refresh_in_flight(world: World) -> None:
    """The token that it would keep is being spent: what comes of it is kept."""
    world.connected()
    with world.dies_at("received"):
        world.run()
    world.after_lease()
    bring(world, access_token="A-9", expires_at=world.clock.now() + WEEK, replace=True)

    assert ("A-9", "R1", [TOKEN]) == (world.published(), refresh_token(world), world.shop.ledger)


@field("A1")
def test_an_import_beside_a_long_holder_changes_nothing(world: World) -> None:
    """It says so, and the same command works later."""
    world.connected()
    world.connections.lease(NAME, now=world.clock.now(), until=world.clock.now() + 500, even_if_not_due=True)
    answer = bring(world, access_token="A-9", expires_at=world.clock.now() + WEEK, replace=True)
    assert (False, "A0") == (answer["ok"], world.published())
    world.clock.advance(501)

    assert bring(world, access_token="A-9", expires_at=world.clock.now() + WEEK, replace=True)["ok"]
    assert ("A-9", TOKEN) == (world.published(), refresh_token(world))


# ------------------------------------------------------------------------------------ facts that no response says

BOX_APP = App(name="box", provider="eshopbox", client_id="c", client_secret=Secret("s"))
BOX = ConnectionName("box", "acme-warehouse")
MINT = "/api/v1/generateToken"
MINTED = {"access_token": "EA", "id_token": "i", "scope": "openid", "expires_in": 86_400, "token_type": "Bearer"}


@pytest.fixture
def box() -> Staged:
    """An app of Eshopbox, which says nothing of an account."""
    made = Staged.of(BOX_APP)
    made.server.says(MINT, MINTED)
    return made


def facts_of(stage: Staged) -> object:
    """Return what workloads read of the account."""
    return stage.world.document(BOX)["account"]


def test_a_fact_is_published_and_outlives_refreshes(box: Staged) -> None:
    """It is in the secret with the first token, and stays while the provider says nothing of it."""
    bring(box.world, BOX, refresh_token="E-1", **{"fact.workspace": "acme", "fact.brand": "Zürich & Söhne"})
    first = facts_of(box)
    box.server.says(MINT, {**MINTED, "access_token": "EB"})
    box.world.ask("refresh", connection=str(BOX))

    assert {"workspace": "acme", "brand": "Zürich & Söhne"} == first == facts_of(box)
    assert "EB" == box.world.published(BOX)


@pytest.mark.parametrize(
    ("fields", "facts"),
    [
        ({}, {"workspace": "acme", "brand": "one"}),
        ({"fact.brand": "two"}, {"workspace": "acme", "brand": "two"}),
        ({"fact.brand": ""}, {"workspace": "acme", "brand": "one"}),
        ({"fact.region": "IN"}, {"workspace": "acme", "brand": "one", "region": "IN"}),
    ],
    ids=["none", "another value", "an empty one", "one more"],
)
@pytest.mark.parametrize("token", ["E-1", "E-2"])
def test_an_import_that_does_not_name_a_fact_leaves_it(
    box: Staged, token: str, fields: dict[str, str], facts: dict[str, str]
) -> None:
    """With the same token, where nothing else is done, as with another one that replaces it."""
    bring(box.world, BOX, refresh_token="E-1", **{"fact.workspace": "acme", "fact.brand": "one"})
    answer = bring(box.world, BOX, refresh_token=token, replace=True, **fields)

    assert (True, facts) == (answer["ok"], facts_of(box))
    again = token == "E-1"
    assert (1 if again else 2, again) == (box.server.times(MINT), answer["again"])
    changed = again and facts != {"workspace": "acme", "brand": "one"}
    assert ("published" if changed else "nothing_due" if again else "refreshed") == answer["result"]
    assert changed == ("account.changed" in box.events(BOX.account))


@pytest.mark.parametrize("name", ["shops", "seller_name", "user_type", "open_id", "region", "truncated"])
def test_what_the_provider_says_cannot_be_brought(world: World, name: str) -> None:
    """It would be ignored: the import is refused by the fact's name, and nothing is presented."""
    answer = bring(world, refresh_token=TOKEN, **{f"fact.{name}": "CANARY"})

    assert (2, "BadRequest", True) == (answer["exit"], answer["error"]["class"], name in answer["error"]["message"])
    assert ("CANARY" in str(answer), world.shop.ledger, world.connections.get(NAME)) == (False, [], None)


def test_what_the_provider_says_later_goes_before_what_was_brought() -> None:
    """A server says anything it likes, and an operator's word is never published over it."""
    stage = Staged.of(OIDC)
    stage.server.says("/userinfo", {"sub": "alice"})
    name = stage.name("alice")
    bring(stage.world, name, access_token="A-9", **{"fact.team": "blue", "fact.plan": "free"})
    grant = stage.world.grant(name)
    said = replace(grant, account={**grant.account, "plan": "gold"})

    assert {"sub": "alice", "team": "blue", "plan": "free"} == stage.world.document(name)["account"]
    assert {"sub": "alice", "team": "blue", "plan": "gold"} == said.facts


def test_facts_that_cannot_be_read_hinder_no_import(box: Staged) -> None:
    """A grant whose key is lost is replaced all the same."""
    bring(box.world, BOX, refresh_token="E-1", **{"fact.workspace": "acme"})
    box.world.change(BOX, sealed_grant=b"of another key", status=Status.REAUTHORIZE)
    answer = bring(box.world, BOX, refresh_token="E-2", replace=True, **{"fact.brand": "one"})

    assert (True, {"brand": "one"}) == (answer["ok"], facts_of(box))


@pytest.mark.parametrize("silent", [False, True])
def test_facts_outlive_another_authorization(world: World, *, silent: bool) -> None:
    """The callback cannot open the grant that holds them: the rotation function merges, whatever the answer says."""
    bring(world, refresh_token=TOKEN, **{"fact.team": "blue"})
    browser = Browser(world)
    if silent:
        world.shop.script.append(without("refresh_token", "refresh_token_expire_in"))
    browser.authorize(world.invite(for_account=NAME.account))
    world.settle(ticks=3)

    record, document = world.stored(), world.document()
    assert ("blue", "A2", True) == (document["account"]["team"], document["access_token"], record.brought)
    assert "Your account is connected" in browser.result().body
    bring(
        world,
        refresh_token="R1" if silent else "R2",
        replace=True,
        access_token="A-9",
        expires_at=world.clock.now() + WEEK,
    )
    assert ("blue", "A-9") == (world.document()["account"]["team"], world.published())


def without(*names: str) -> Callable[[Callable[[], ProviderResponse]], ProviderResponse]:
    """Return a step that leaves fields out of an honest response."""

    def step(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        response = honest()
        body = json.loads(response.body)
        data = {name: value for name, value in body["data"].items() if name not in names}
        return replace(response, body=json.dumps({**body, "data": data}).encode())

    return step
