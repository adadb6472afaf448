"""`recover --reread` reads every kept answer again; what it brings back is what its connection still waits for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import OIDC, Staged, oidc_token
from fakes.troubles import alerts, answers, ask, dropped, kill, patched, refresh_token, state, vanished
from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, WEEK, World
from field_rows import field
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.invite_use import InviteState, InviteUse
from tokensync.domain.messages import FailureClass, ProviderResponse
from tokensync.domain.names import ConnectionName
from tokensync.domain.sealing import answer_binding
from tokensync.domain.work import Work
from tokensync.oauth.shapes import no_account
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakes.troubles import Honest
    from tokensync.domain.authorization import Authorization

DAY = 86_400
REFRESHED = (Status.ACTIVE, "A1", ["R0"])
INVITE = f"tokensync invite {APP}"


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made


@pytest.fixture
def empty() -> World:
    """A stack without any connection."""
    return World()


@pytest.fixture
def mend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what changes the provider's data, as a new version of the program would."""

    def changed(*, response: dict[str, Any] | None = None, **fields: Any) -> None:
        provider = PROVIDERS["tiktok_shop"]
        after = replace(provider, response=replace(provider.response, **(response or {})), **fields)
        monkeypatch.setitem(PROVIDERS, "tiktok_shop", after)  # type: ignore[arg-type]  # read-only to the product alone

    return changed


NEW_ENVELOPE = {"envelope": "result"}


def enveloped(honest: Honest) -> ProviderResponse:
    """Let the provider put its tokens into another envelope than is documented."""
    answer = honest()
    body = json.loads(answer.body)
    body["result"] = body.pop("data")
    return replace(answer, body=json.dumps(body).encode())


def unread(world: World) -> None:
    """Let the refresh be answered in a way that this version cannot read."""
    world.shop.script.append(enveloped)
    world.run()
    assert (Status.HELD, "unparsed") == (world.stored().status, world.connections.kept(NAME, fence=4))


def reread(world: World, **asked: Any) -> dict[str, Any]:
    """Ask the rotation function to read everything again."""
    return world.ask("recover", reread=True, **asked)


def found(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what was found, and what became of it."""
    return [(one["what"], one["subject"], one["result"]) for one in answer["found"]]


def counted(answer: dict[str, Any]) -> tuple[int, int, int]:
    """Return how many were found, read and left as history."""
    return len(answer["found"]), answer["read"], answer["history"]


# ------------------------------------------------------------------------------------------- answers to a refresh


@field("A12")
def test_an_answer_that_can_be_read_now_brings_its_seller_back(world: World, mend: Callable[..., None]) -> None:
    """The pair is published without asking the provider, goes on as ever, and a second run has nothing to do."""
    unread(world)
    mend(response=NEW_ENVELOPE)
    answer = reread(world)

    assert [("answer", str(NAME), "brought_back")] == found(answer)
    assert (REFRESHED, "R1") == (state(world), refresh_token(world))
    assert 1 < world.stored().generation == world.document()["generation"]
    assert (0, 0, 1) == counted(reread(world))
    mend(response={"envelope": "data"})
    world.clock.advance(WEEK)
    world.settle(ticks=3)
    assert (Status.ACTIVE, "A2", ["R0", "R1"]) == state(world)


@field("A12")
def test_an_answer_that_another_worker_could_not_read_is_found_by_its_attempt(
    world: World, mend: Callable[..., None]
) -> None:
    """The worker that presented the token died with the answer on the record; the next one could not read it."""
    world.shop.script.append(enveloped)
    kill(world, "received")
    world.run()
    assert (Status.HELD, "unparsed") == (world.stored().status, world.connections.kept(NAME, fence=4))
    mend(response=NEW_ENVELOPE)

    assert [("answer", str(NAME), "brought_back")] == found(reread(world))
    assert REFRESHED == state(world)


@field("A12")
def test_an_answer_whose_token_was_refused_since_brings_its_seller_back(
    world: World, mend: Callable[..., None]
) -> None:
    """The last attempt presented the spent token: what the first one was answered is the newest pair all the same."""
    unread(world)
    world.clock.advance(WEEK // 2 - 600)
    world.settle(ticks=15)
    assert (Status.REAUTHORIZE, "A0", ["R0", "R0"]) == state(world)
    mend(response=NEW_ENVELOPE)

    assert [("answer", str(NAME), "brought_back")] == found(reread(world))
    world.settle(ticks=3)
    # Its access token may have ended while it waited: its refresh is queued at once.
    assert Status.ACTIVE is world.stored().status
    assert world.published() in ("A1", "A2")


@field("A12")
def test_an_answer_that_waited_past_its_tokens_end_is_refreshed_at_once(
    world: World, mend: Callable[..., None]
) -> None:
    """What is published then has life left within one batch, not within a tick."""
    unread(world)
    world.shop.script += [vanished] * 9
    world.clock.advance(WEEK // 2 - 1000)
    world.settle(ticks=60)
    assert (Status.REAUTHORIZE, Reason.ENDED) == (world.stored().status, world.stored().reason)
    world.clock.advance(2 * WEEK)
    mend(response=NEW_ENVELOPE)
    world.shop.script[:] = [enveloped]
    reread(world)
    world.drain()

    assert (Status.ACTIVE, "A2", ["R0", "R1"]) == state(world)


def test_an_answer_that_still_cannot_be_read_changes_nothing(world: World) -> None:
    """It stays as it was kept, nobody is alerted again, and the run may be repeated."""
    unread(world)
    before, told = world.stored(), alerts(world)
    (one,) = reread(world)["found"]

    assert ("stays", f"tokensync show {NAME}", False) == (one["result"], one["next"], one["later"])
    assert (before, told, "unparsed") == (world.stored(), alerts(world), world.connections.kept(NAME, fence=4))
    assert [("answer", str(NAME), "stays")] == found(reread(world))


def authorized_again(world: World) -> None:
    """Let the seller come back."""
    browser = Browser(world)
    browser.connect()
    browser.back()


@pytest.mark.parametrize(
    "since",
    [authorized_again, lambda world: ask(world, "revoke", local=True), lambda world: ask(world, "remove")],
    ids=["a new grant", "ended", "removed"],
)
def test_what_came_since_makes_an_answer_history(
    world: World, mend: Callable[..., None], since: Callable[[World], object]
) -> None:
    """A newer token is never overwritten, and an authorization that was ended is not brought back."""
    unread(world)
    since(world)
    mend(response=NEW_ENVELOPE)
    before = (world.stored(), world.published())

    assert (0, 0, 1) == counted(reread(world))
    assert (before, "unparsed") == ((world.stored(), world.published()), world.connections.kept(NAME, fence=4))


@pytest.mark.parametrize("checked", [True, False])
def test_a_restored_table_brings_no_older_token_back(world: World, mend: Callable[..., None], *, checked: bool) -> None:
    """The answer was readable, and used, after the backup: whoever looks first, the newer token stays published."""
    world.origin.restored()
    unread(world)
    backup = world.table.backup()
    mend(response=NEW_ENVELOPE)
    reread(world)
    world.shop.script.append(enveloped)
    authorized_again(world)
    world.table.restore(backup)
    if checked:
        world.run()
    reread(world)
    world.settle(ticks=5)

    assert (Status.QUARANTINED, Reason.RESTORED_TABLE) == (world.stored().status, world.stored().reason)
    assert "A2" == world.published()


def test_the_account_of_another_is_published_nowhere(world: World, mend: Callable[..., None]) -> None:
    """It stays while its answer names another account; where that name was misread, it comes back."""
    world.shop.script.append(patched(open_id="7010736057180329999"))
    world.run()
    assert (Status.HELD, Reason.OTHER_ACCOUNT) == (world.stored().status, world.stored().reason)
    told = alerts(world)

    assert [("answer", str(NAME), "stays")] == found(reread(world))
    assert (told, "A0") == (alerts(world), world.published())
    mend(response={"account": no_account})
    assert [("answer", str(NAME), "brought_back")] == found(reread(world))
    assert REFRESHED == state(world)


def unexplained(world: World) -> None:
    """Let the refresh be answered with an error that nobody knows."""
    world.shop.script.append(answers(world, {"code": 99, "message": "no", "data": None, "request_id": "t"}))
    world.run()
    assert "unparsed" == world.connections.kept(NAME, fence=4)


def test_an_error_that_is_known_as_busy_now_spent_nothing(world: World, mend: Callable[..., None]) -> None:
    """The token is presented again under that exemption, and the seller has not to come back."""
    unexplained(world)
    mend(failures={**PROVIDERS["tiktok_shop"].failures, "99": FailureClass.BUSY})
    reread(world)
    assert Exemption.NOT_PROCESSED is world.stored().exemption
    world.settle(ticks=5)

    assert REFRESHED == state(world)


def test_an_error_that_is_known_as_a_refusal_now_counts_as_one(world: World, mend: Callable[..., None]) -> None:
    """It is weighed as any refusal is: with nobody beside it, it is asked once more before its seller is."""
    unexplained(world)
    mend(failures={**PROVIDERS["tiktok_shop"].failures, "99": FailureClass.REFUSED})
    (one,) = reread(world)["found"]

    assert ("stays", f"tokensync app show {NAME.app}") == (one["result"], one["next"])
    assert (Status.HELD, []) == (world.stored().status, world.shop.ledger)


def test_old_news_of_the_apps_own_credentials_pauses_no_app(world: World, mend: Callable[..., None]) -> None:
    """What was refused days ago says nothing of the app of today."""
    unexplained(world)
    mend(failures={**PROVIDERS["tiktok_shop"].failures, "99": FailureClass.CONFIGURATION})

    assert [("answer", str(NAME), "stays")] == found(reread(world))
    assert ("", Status.ACTIVE) == (world.apps.state(APP).paused, world.stored().status)


def test_an_error_beside_an_earlier_presentation_decides_nothing(world: World, mend: Callable[..., None]) -> None:
    """A later presentation of the same token has overtaken it; only tokens would count."""
    unexplained(world)
    world.shop.script.append(dropped)
    world.run(force=True)
    held = world.stored()
    mend(failures={**PROVIDERS["tiktok_shop"].failures, "99": FailureClass.REFUSED})

    assert [("answer", str(NAME), "stays")] == found(reread(world))
    assert held == world.stored()


def test_an_answer_without_a_place_is_concluded_as_well(world: World) -> None:
    """It waits for the next worker: this run is one."""
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    world.run()
    world.after_lease()

    assert [("answer", str(NAME), "brought_back")] == found(reread(world))
    assert REFRESHED == state(world)


def test_an_answer_whose_connection_somebody_holds_comes_after_that_holder(
    world: World, mend: Callable[..., None]
) -> None:
    """It has its place beside the record, and its connection is queued."""
    unread(world)
    world.change(lease_until=world.clock.now() + 60)
    mend(response=NEW_ENVELOPE)

    assert [("answer", str(NAME), "queued")] == found(reread(world))
    assert [Work(connection=NAME, compare=True)] == world.queue.works
    world.clock.advance(61)
    world.drain()
    assert REFRESHED == state(world)


@pytest.mark.parametrize("at", ["leased", "published"])
def test_a_run_that_dies_is_finished_by_the_next_worker(world: World, mend: Callable[..., None], at: str) -> None:
    """From the moment on at which the answer has its place, any worker goes on with it."""
    unread(world)
    mend(response=NEW_ENVELOPE)
    kill(world, at, lambda: reread(world))
    world.run(compare=True)

    assert REFRESHED == state(world)


def test_a_key_that_cannot_be_had_now_is_for_later(world: World, mend: Callable[..., None]) -> None:
    """Nothing is concluded, and the same command does it later."""
    unread(world)
    mend(response=NEW_ENVELOPE)
    world.keys.enabled = False
    (one,) = reread(world)["found"]
    world.keys.enabled = True

    assert ("stays", True, "tokensync recover --reread") == (one["result"], one["later"], one["next"])
    assert [("answer", str(NAME), "brought_back")] == found(reread(world))


def test_a_table_that_is_down_is_for_later(world: World) -> None:
    """The walk itself cannot go on."""
    unread(world)
    world.connections.fail_next("list_aside", StoreUnavailable)

    assert 5 == reread(world)["exit"]


def test_one_connection_alone(world: World, mend: Callable[..., None]) -> None:
    """With a name nothing else is read, not even where the other's name begins like it."""
    other = ConnectionName(APP, f"{ACCOUNT}#1")
    world.connected(other, refresh_token="F0")
    unread(world)
    world.shop.script.append(enveloped)
    world.run(other)
    mend(response=NEW_ENVELOPE)

    assert [("answer", str(other), "brought_back")] == found(reread(world, connection=str(other)))
    assert "A0" == world.published()
    assert [("answer", str(NAME), "brought_back")] == found(reread(world, connection=str(NAME)))


def test_a_fleet_takes_several_runs(mend: Callable[..., None]) -> None:
    """A run goes on where the last one ended; each answer is read once, and what stays is not read for ever."""
    world = World(seconds=20)
    names = world.fleet(9)
    for name in names:
        world.shop.script.append(enveloped)
        world.run(name)
    for index in range(4):
        sealed = world.sealer.new_key(APP).seal(b"{}", binding=answer_binding(names[0]))
        world.connections.set_aside(names[0], fence=90 + index, why="superseded", sealed=sealed, now=0)
    mend(response=NEW_ENVELOPE)
    honest = world.connections.get

    def slow(name: ConnectionName) -> Any:
        world.clock.advance(1)
        return honest(name)

    world.connections.get = slow  # type: ignore[method-assign]
    runs = [reread(world)]
    while runs[-1]["more"]:
        runs.append(reread(world, cursor=runs[-1]["cursor"]))

    assert 1 < len(runs)
    assert sorted(("answer", str(name), "brought_back") for name in names) == sorted(
        one for run in runs for one in found(run)
    )
    assert (9, 4) == (sum(run["read"] for run in runs), sum(run["history"] for run in runs))


# ------------------------------------------------------------------------------------------ answers to a code


def authorizations(world: World) -> Iterator[Authorization]:
    """Yield all authorizations."""
    for key, row in sorted(world.table.rows.items()):
        if key[1].startswith("pending#"):
            yield row.record


@pytest.fixture
def stage() -> Staged:
    """A provider whose answer names the account in a field that nobody set."""
    made = Staged.of(replace(OIDC, endpoints={**OIDC.endpoints}))
    made.world.apps.update(
        replace(made.world.app, endpoints={k: v for k, v in OIDC.endpoints.items() if k != "verify"})
    )
    made.server.says("/token", oidc_token(team="t-1"))
    return made


@field("A12")
def test_an_answer_that_names_its_account_by_a_setting_of_today_becomes_a_connection(stage: Staged) -> None:
    """The path was missing when the seller came; now it is set, and the code's own tokens are published."""
    assert "could not be connected" in stage.connect().body
    app = stage.world.apps.get("oidc")
    assert [("authorization", "oidc", "stays")] == found(reread(stage.world))
    stage.world.apps.update(replace(app, settings={**app.settings, "account_field": "team"}))

    assert [("authorization", "oidc/t-1", "brought_back")] == found(reread(stage.world))
    assert ("OA", 1) == (stage.world.published(stage.name("t-1")), stage.server.times("/token"))
    assert (0, 0, 0) == counted(reread(stage.world))


def unread_code(world: World, **invite: Any) -> None:
    """Let a code be answered in a way that this version cannot read."""
    world.shop.script.append(enveloped)
    Browser(world).authorize(world.invite(**invite))
    assert AuthorizationState.FAILED in [one.state for one in authorizations(world)]


@field("A12")
def test_an_answered_code_that_can_be_read_now_becomes_a_connection(empty: World, mend: Callable[..., None]) -> None:
    """Its seller is spared another consent, and its invite is used up."""
    unread_code(empty)
    empty.clock.advance(5 * DAY)
    mend(response=NEW_ENVELOPE)

    assert [("authorization", str(NAME), "brought_back")] == found(reread(empty))
    assert (Status.ACTIVE, "A1", ["code-1"]) == state(empty)
    use = empty.invites.get(APP, "invite-1")
    assert use is not None
    assert (InviteState.USED, str(NAME)) == (use.state, use.connection)


def test_an_answered_code_that_still_cannot_be_read_stays(empty: World) -> None:
    """Nothing of it changes, and its seller is invited again."""
    unread_code(empty)
    (before,) = authorizations(empty)
    (one,) = reread(empty)["found"]

    assert ("stays", INVITE, False) == (one["result"], one["next"], one["later"])
    assert ([before], alerts(empty)) == (list(authorizations(empty)), [])


def test_an_answered_code_without_tokens_stays(empty: World) -> None:
    """There is nothing in it that could be published or refreshed."""
    empty.shop.script.append(patched(access_token="a\nb", refresh_token=""))
    Browser(empty).authorize(empty.invite())
    told = alerts(empty)

    assert ["stays"] == [one["result"] for one in reread(empty)["found"]]
    assert told == alerts(empty)


def test_an_invite_that_made_another_connection_makes_no_second_one(empty: World, mend: Callable[..., None]) -> None:
    """The seller tried again with the same link, for another of its accounts: the first answer is history."""
    unread_code(empty)
    empty.shop.account = "7010736057180320000"
    Browser(empty).authorize(empty.invite(), "code=code-2")
    empty.shop.account = ACCOUNT
    mend(response=NEW_ENVELOPE)

    assert (0, 0, 1) == counted(reread(empty))
    assert [ConnectionName(APP, "7010736057180320000")] == [one.name for one in empty.connections.list(APP)]


def test_a_later_authorization_of_the_account_stays(empty: World, mend: Callable[..., None]) -> None:
    """The seller tried again with another link: its newer token is not overwritten, and a second run finds nothing."""
    unread_code(empty)
    empty.clock.advance(5)
    Browser(empty).authorize(empty.invite(id="invite-2"), "code=code-2")
    mend(response=NEW_ENVELOPE)

    assert (0, 1, 1) == counted(reread(empty))
    assert (0, 0, 0) == counted(reread(empty))
    assert (Status.ACTIVE, "A2", ["code-1", "code-2"]) == state(empty)


def reauthorized_unread(world: World) -> None:
    """Let a connected seller authorize once more, answered in a way that this version cannot read."""
    world.clock.advance(60)
    unread_code(world)
    world.clock.advance(60)


def test_a_connection_with_a_newer_token_keeps_it(world: World, mend: Callable[..., None]) -> None:
    """Its earlier grant has been refreshed for days: an older token of a later consent is history."""
    reauthorized_unread(world)
    world.run()
    world.clock.advance(3 * DAY)
    mend(response=NEW_ENVELOPE)

    assert (0, 1, 1) == counted(reread(world))
    assert (Status.ACTIVE, "A2", ["code-1", "R0"]) == state(world)


def silent(honest: Honest) -> ProviderResponse:
    """Let an answer to a code that cannot be read name no refresh token, as some servers do at a second consent."""
    answer = patched(refresh_token=...)(honest)
    return enveloped(lambda: answer)


@pytest.mark.parametrize("since", ["refreshed", "removed"])
def test_an_older_answer_that_is_silent_is_merged_into_nothing(
    world: World, mend: Callable[..., None], since: str
) -> None:
    """Its access token is older than the connection's, or the connection is gone: it is history at once."""
    world.clock.advance(60)
    world.shop.script.append(silent)
    Browser(world).authorize(world.invite())
    world.clock.advance(60)
    if since == "refreshed":
        world.run()
    else:
        ask(world, "remove")
    before = (world.stored().generation, world.stored().sealed_grant, world.published())
    world.clock.advance(3 * DAY)
    mend(response=NEW_ENVELOPE)

    assert (0, 1, 1) == counted(reread(world))
    assert before == (world.stored().generation, world.stored().sealed_grant, world.published())


def test_a_late_answer_that_was_finished_before_has_its_connection(world: World, mend: Callable[..., None]) -> None:
    """The run that finished it died before it could say so; the token was refreshed since, and stays."""
    reauthorized_unread(world)
    mend(response=NEW_ENVELOPE)
    kill(world, "committed", lambda: reread(world))
    assert "A1" == world.published()
    mend(response={"envelope": "data"})
    world.change(renew_at=world.clock.now(), refresh_at=world.clock.now())
    world.run()
    world.clock.advance(2 * DAY)
    mend(response=NEW_ENVELOPE)
    world.settle(ticks=15)

    (authorization,) = authorizations(world)
    assert (AuthorizationState.CONNECTED, None) == (authorization.state, authorization.sealed_answer)
    assert "A2" == world.published()


def test_an_older_token_is_better_than_one_that_was_refused(world: World, mend: Callable[..., None]) -> None:
    """The seller would have to come back in any case: what it authorized is tried first."""
    reauthorized_unread(world)
    world.run()
    world.shop.alive.discard("R2")
    world.clock.advance(WEEK)
    world.settle(ticks=3)
    assert Status.REAUTHORIZE is world.stored().status
    mend(response=NEW_ENVELOPE)

    assert [("authorization", str(NAME), "brought_back")] == found(reread(world))
    assert Status.ACTIVE is world.stored().status
    assert "R1" == refresh_token(world)


@pytest.mark.parametrize("how", ["revoke", "remove"])
@pytest.mark.parametrize("after", [True, False])
def test_an_end_counts_against_what_was_authorized_before_it(
    world: World, mend: Callable[..., None], how: str, *, after: bool
) -> None:
    """What was ended since stays ended; what was authorized after the end is brought back."""
    if after:
        ask(world, how, local=True)
    reauthorized_unread(world)
    if not after:
        ask(world, how, local=True)
    world.clock.advance(3 * DAY)
    mend(response=NEW_ENVELOPE)
    answer = reread(world)

    assert after == (Status.ACTIVE is world.stored().status)
    assert ((1, 1, 0) if after else (0, 1, 1)) == counted(answer)


def test_what_was_answered_before_a_backup_is_history(empty: World, mend: Callable[..., None]) -> None:
    """It may have been finished since, and its tokens refreshed: nobody knows in the restored table."""
    empty.origin.restored()
    unread_code(empty)
    empty.table.restore(empty.table.backup())
    mend(response=NEW_ENVELOPE)
    reread(empty)

    assert (0, 0, 1) == counted(reread(empty))
    assert [] == list(empty.connections.list(APP))


def test_another_account_than_the_invite_was_for_is_quarantined(empty: World, mend: Callable[..., None]) -> None:
    """As it would have been when it came: nothing is published, and an operator decides."""
    unread_code(empty, for_account="7010736057180320000")
    mend(response=NEW_ENVELOPE)
    (one,) = reread(empty)["found"]

    assert ("stays", f"tokensync accept {NAME}") == (one["result"], one["next"])
    assert (Status.QUARANTINED, None) == (empty.stored().status, empty.published())


@pytest.mark.parametrize(("port", "method"), [("connections", "take_over"), ("authorizations", "lease")])
def test_a_store_that_fails_halfway_leaves_it_to_the_schedule(
    empty: World, mend: Callable[..., None], port: str, method: str
) -> None:
    """It is due again as an answered authorization: the rotation function finishes it."""
    unread_code(empty)
    mend(response=NEW_ENVELOPE)
    getattr(empty, port).fail_next(method, StoreUnavailable)

    assert [("authorization", APP, "queued")] == found(reread(empty))
    empty.settle(ticks=15)
    assert (Status.ACTIVE, "A1", ["code-1"]) == state(empty)


def test_a_key_or_table_that_is_down_leaves_an_authorization_as_it_is(empty: World, mend: Callable[..., None]) -> None:
    """The same command does it later."""
    unread_code(empty)
    mend(response=NEW_ENVELOPE)
    (before,) = authorizations(empty)
    empty.keys.enabled = False
    (first,) = reread(empty)["found"]
    empty.keys.enabled = True
    empty.authorizations.fail_next("write", StoreUnavailable)
    (second,) = reread(empty)["found"]

    assert [("stays", True)] * 2 == [(one["result"], one["later"]) for one in (first, second)]
    assert [before] == list(authorizations(empty))


def test_many_authorizations_take_several_runs(mend: Callable[..., None]) -> None:
    """What stays is read once in a walk, and the walk ends."""
    world = World(seconds=40)
    unread_code(world)
    (one,) = authorizations(world)
    for index in range(6):
        world.authorizations.seed(replace(one, key=replace(one.key, nonce=f"nonce-{index}"), sealed_answer=b"torn"))
    mend(response=NEW_ENVELOPE)
    honest = world.invites.get

    def slow(*asked: Any) -> InviteUse | None:
        world.clock.advance(4)
        return honest(*asked)

    world.invites.get = slow  # type: ignore[method-assign]
    runs = [reread(world)]
    while runs[-1]["more"] and len(runs) < 20:
        runs.append(reread(world, cursor=runs[-1]["cursor"]))

    assert 1 < len(runs) < 20
    assert 7 == sum(run["read"] + run["history"] for run in runs)
    assert "A1" == world.published()


def test_nothing_of_an_answer_is_shown(empty: World, world: World, mend: Callable[..., None]) -> None:
    """Neither what is found nor a log line nor an alert holds anything that it carries."""
    unread(world)
    unread_code(empty)
    shown = repr((reread(world), reread(empty)))
    mend(response=NEW_ENVELOPE)
    shown += repr((reread(world), reread(empty)))
    shown += repr([(one.log.lines, one.alerts.told) for one in (world, empty)])

    assert [] == [token for token in ("A1", "R1", "R0", "code-1") if f"'{token}'" in shown]
