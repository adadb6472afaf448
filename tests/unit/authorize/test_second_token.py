"""Two tokens in one response: each is a connection of its own, refreshed apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.scripted import ISSUER, OIDC, Staged
from fakes.visitors import Browser
from field_rows import field
from tokensync.authorize import finish
from tokensync.authorize.invites import revoke
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.connection import Reason, Status
from tokensync.domain.secret import Secret
from tokensync.oauth.failure import unreadable
from tokensync.refresh import conclude
from tokensync.refresh.result import Result

CONNECTED = "Your account is connected"
SLACK = replace(
    OIDC,
    endpoints={key: url for key, url in OIDC.endpoints.items() if key != "verify"},
    scopes=("chat:write", "channels:read"),
    settings={
        "issuer": ISSUER,
        "account": "token.team.id",
        "second_token": "authed_user",
        "second_account": "token.authed_user.id",
        "scope_separator": "comma",
        "authorize.user_scope": "search:read",
    },
)
BOT = {"access_token": "bot-1", "refresh_token": "bot-r1", "expires_in": 43_200, "token_type": "bot"}
USER = {"access_token": "user-1", "refresh_token": "user-r1", "expires_in": 36_000, "token_type": "user"}


def says(*, bot: bool = True, user: bool = True, team: str = "T1", who: str = "U1", **more: Any) -> dict[str, Any]:
    """Return what Slack answers to a code: https://docs.slack.dev/reference/methods/oauth.v2.access."""
    return {
        "ok": True,
        **({**BOT, "scope": "chat:write,channels:read"} if bot else {}),
        "team": {"id": team, "name": "Acme"},
        "authed_user": {"id": who, **({**USER, "scope": "search:read"} if user else {})},
        **more,
    }


@pytest.fixture
def stage() -> Staged:
    """A workspace that grants a bot's and a user's scopes."""
    made = Staged.of(SLACK)
    made.server.says("/token", says())
    return made


def tokens(stage: Staged) -> dict[str, str]:
    """Return the published access token of each account."""
    names = [record.name for record in stage.world.connections.list("oidc")]
    return {name.account: stage.world.published(name) or "" for name in names}


def authorization(stage: Staged) -> Any:
    """Return the authorization that was consumed last."""
    rows = [row.record for key, row in stage.world.table.rows.items() if key[1].startswith("pending#")]
    return max(rows, key=lambda one: (one.consumed_at or 0, one.created_at))


@field("B second token", "A5")
def test_both_tokens_of_a_response_are_connections(stage: Staged) -> None:
    """Each has its own name, scopes, end and refresh token; one code was presented."""
    assert CONNECTED in stage.connect().body
    bot, user = (stage.world.document(stage.name(account)) for account in ("T1", "U1"))

    assert {"T1": "bot-1", "U1": "user-1"} == tokens(stage)
    assert (["chat:write", "channels:read"], ["search:read"]) == (bot["scopes"], user["scopes"])
    assert user["expires_at"] + 7200 == bot["expires_at"]
    assert ([], 1) == (stage.alerts(), stage.server.times("/token"))
    assert "oidc/T1" == authorization(stage).connection
    keys = {stage.world.stored(stage.name(account)).authorized.authorized_by for account in ("T1", "U1")}
    assert 2 == len(keys)


def test_an_invite_that_is_revoked_between_the_two_makes_no_second_one(stage: Staged) -> None:
    """The process died after the first: that connection is told, the second token's answer is kept sealed."""
    stage.browser.connect(stage.world.invite(id="invite-1"))
    with stage.world.dies_at("exchange.taken_over"):
        stage.browser.back("code=code-1")
    revoke("oidc", "invite-1", stage.world.invites, now=stage.world.clock.now(), expires_at=0)
    stage.world.after_lease()
    stage.world.settle(ticks=3)

    assert {"T1": "bot-1"} == tokens(stage)
    assert (AuthorizationState.CONNECTED, "oidc/T1") == (authorization(stage).state, authorization(stage).connection)
    assert authorization(stage).sealed_answer is not None
    assert ["authorization.unusable"] == stage.alerts()


@field("B second token")
@pytest.mark.parametrize("nested", [True, False])
def test_each_is_refreshed_apart(stage: Staged, *, nested: bool) -> None:
    """The second one's new pair may come where the first came, or at the top: the team beside it holds nothing up."""
    stage.connect()
    new = {**USER, "access_token": "user-2", "refresh_token": "user-r2"}
    team = {"ok": True, "team": {"id": "T1"}}
    stage.server.says("/token", {**team, "authed_user": {"id": "U1", **new}} if nested else {**team, **new})
    stage.world.clock.advance(36_000)
    result = stage.world.run(stage.name("U1"))

    assert (Result.REFRESHED, {"T1": "bot-1", "U1": "user-2"}) == (result.result, tokens(stage))
    assert "user-r1" == stage.server.forms("/token")[-1]["refresh_token"]
    assert Secret("user-r2") == stage.world.grant(stage.name("U1")).refresh_token
    stage.server.says("/token", {**team, **BOT, "access_token": "bot-2"})
    stage.world.clock.advance(7200)
    stage.world.run(stage.name("T1"))
    assert ({"T1": "bot-2", "U1": "user-2"}, "bot-r1") == (
        tokens(stage),
        stage.server.forms("/token")[-1]["refresh_token"],
    )


@field("B second token")
def test_a_refresh_of_the_second_that_names_another_user_is_held(stage: Staged) -> None:
    """It is held by its own name, as the first is by the first's."""
    stage.connect()
    stage.server.says("/token", says(who="U2"))
    stage.world.clock.advance(43_200)
    for account in ("T1", "U1"):
        stage.world.run(stage.name(account))

    record = stage.world.stored(stage.name("U1"))
    assert (Status.HELD, Reason.OTHER_ACCOUNT) == (record.status, record.reason)
    assert Status.ACTIVE is stage.world.stored(stage.name("T1")).status


@field("B second token")
@pytest.mark.parametrize(("bot", "user", "accounts"), [(True, False, {"T1"}), (False, True, {"U1"})])
def test_where_only_one_is_there_it_is_connected_alone(*, bot: bool, user: bool, accounts: set[str]) -> None:
    """A bot without user scopes, a user without a bot: nothing is missed, and nothing is alerted."""
    stage = Staged.of(SLACK)
    stage.server.says("/token", says(bot=bot, user=user))

    assert CONNECTED in stage.connect().body
    assert (accounts, []) == (set(tokens(stage)), stage.alerts())


@field("B second token")
@pytest.mark.parametrize(
    ("response", "accounts"),
    [
        (says(access_token="not one\n", refresh_token=None), {"U1"}),
        (says(team={"name": "no id"}), {"U1"}),
        (says(authed_user={**USER}), {"T1"}),
        (says(authed_user={**USER, "access_token": 7, "refresh_token": None, "id": "U1"}), {"T1"}),
        (says(who="T1"), {"T1"}),
    ],
    ids=["no bot token", "no team", "no user", "no user token", "one name for both"],
)
def test_where_one_cannot_be_used_the_other_is(response: dict[str, Any], accounts: set[str]) -> None:
    """An operator learns why, and the response is kept."""
    stage = Staged.of(SLACK)
    stage.server.says("/token", response)

    assert CONNECTED in stage.connect().body
    assert accounts == set(tokens(stage))
    assert "authorization.unusable" in stage.alerts()
    assert authorization(stage).sealed_answer is not None


@field("B second token")
def test_neither_is_a_failure() -> None:
    """As with one token: the response is kept, and the seller may start again."""
    stage = Staged.of(SLACK)
    stage.server.says("/token", says(bot=False, user=False))

    assert "could not be connected" in stage.connect().body
    assert {} == tokens(stage)


@field("B second token")
@pytest.mark.parametrize("place", ["exchange.received", "exchange.taken_over", "published", "committed"])
def test_a_callback_that_dies_between_the_two_leaves_both(stage: Staged, place: str) -> None:
    """The rotation function finishes both, each once."""
    stage.browser.connect(stage.world.invite())
    with stage.world.dies_at(place):
        stage.browser.back("code=code-1")
    stage.world.after_lease()
    stage.world.settle(ticks=3)

    assert {"T1": "bot-1", "U1": "user-1"} == tokens(stage)
    assert ([1, 1], 1) == (
        [stage.world.stored(stage.name(account)).generation for account in ("T1", "U1")],
        stage.server.times("/token"),
    )
    assert (AuthorizationState.CONNECTED, None) == (authorization(stage).state, authorization(stage).sealed_answer)


@field("B second token", "A1")
def test_what_one_is_silent_about_stays_while_the_other_is_replaced(stage: Staged) -> None:
    """The second consent gives the bot a new pair, and the user an access token alone."""
    stage.connect()
    user = {key: value for key, value in USER.items() if key != "refresh_token"}
    again = says(access_token="bot-2", refresh_token="bot-r2")
    again["authed_user"] = {"id": "U1", **user, "access_token": "user-2"}
    stage.server.says("/token", again)
    stage.world.clock.advance(60)
    stage.connect(code="code-2")
    stage.world.drain()

    assert {"T1": "bot-2", "U1": "user-2"} == tokens(stage)
    held = [stage.world.grant(stage.name(account)).refresh_token for account in ("T1", "U1")]
    assert [Secret("bot-r2"), Secret("user-r1")] == held
    assert (True, 2) == (
        stage.world.grant(stage.name("U1")).second,
        stage.world.document(stage.name("T1"))["generation"],
    )
    assert [] == stage.alerts()


@field("B second token")
@pytest.mark.parametrize("wanted", ["T1", "U1"])
def test_a_re_authorization_may_be_for_either(stage: Staged, wanted: str) -> None:
    """Both accounts are of this consent: neither is a stranger."""
    stage.connect()
    stage.world.clock.advance(60)
    stage.server.says("/token", says(access_token="bot-2"))

    assert CONNECTED in stage.connect(code="code-2", for_account=wanted).body
    assert (f"oidc/{wanted}", "bot-2") == (authorization(stage).connection, tokens(stage)["T1"])


@field("B second token")
def test_another_workspace_than_invited_touches_neither(stage: Staged) -> None:
    """Both are quarantined and neither is published; each is accepted by its own name, and refreshed from there on."""
    stage.connect()
    stage.world.clock.advance(60)
    stage.server.says("/token", says(team="T2", who="U2", access_token="bot-2"))
    browser = Browser(stage.world)
    browser.connect(stage.world.invite(id="2", for_account="T1"))
    browser.back("code=code-2")

    assert "This is another account" in browser.result().body
    assert {"T1": "bot-1", "U1": "user-1", "T2": "", "U2": ""} == tokens(stage)
    assert (["connection.quarantined"] * 2, None) == (stage.alerts(), authorization(stage).sealed_answer)
    for account in ("T2", "U2"):
        assert stage.world.ask("accept", connection=f"oidc/{account}")["ok"]
    assert {"T1": "bot-1", "U1": "user-1", "T2": "bot-2", "U2": "user-1"} == tokens(stage)
    assert stage.world.grant(stage.name("U2")).second


@field("B second token")
@pytest.mark.parametrize(
    ("response", "quarantined"),
    [
        (says(team="T1", who="U2"), {"U2"}),
        (says(team="T2", authed_user={**USER}), {"T2"}),
    ],
    ids=["one has a connection", "one has no name"],
)
def test_what_cannot_be_quarantined_of_a_stranger_is_kept(response: dict[str, Any], quarantined: set[str]) -> None:
    """The connection in use stays as it was, and the response stays sealed on its authorization."""
    stage = Staged.of(SLACK)
    stage.server.says("/token", says())
    stage.connect()
    stage.world.clock.advance(60)
    stage.server.says("/token", response)
    browser = Browser(stage.world)
    browser.connect(stage.world.invite(id="2", for_account="T9"))
    browser.back("code=code-2")

    held = {one.name.account for one in stage.world.connections.list("oidc") if one.status is Status.QUARANTINED}
    assert (quarantined, "bot-1") == (held, tokens(stage)["T1"])
    assert (AuthorizationState.QUARANTINED, True) == (
        authorization(stage).state,
        authorization(stage).sealed_answer is not None,
    )


@field("B second token", "A1")
def test_the_seconds_unfinished_refresh_is_concluded_before_a_consent_merges_over_it(stage: Staged) -> None:
    """Its answer has the tokens at the top; the consent is silent, so the refresh token is what that answer gave."""
    stage.connect()
    name = stage.name("U1")
    new = {**USER, "access_token": "user-2", "refresh_token": "user-r2"}
    stage.server.says("/token", {"ok": True, "team": {"id": "T1"}, **new})
    stage.world.clock.advance(36_000 - 600)
    with stage.world.dies_at("received"):
        stage.world.run(name)
    stage.world.after_lease()
    again = says()
    again["authed_user"] = {"id": "U1", "access_token": "user-3", "expires_in": 36_000}
    stage.server.says("/token", again)
    stage.browser.cookies = ()
    stage.connect(code="code-2")
    stage.world.drain()

    assert (Secret("user-r2"), "user-3") == (stage.world.grant(name).refresh_token, stage.world.published(name))
    assert (True, []) == (stage.world.grant(name).second, stage.alerts())


def cannot_read(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """Let a module understand no token response, as a version before a mended parser would."""
    monkeypatch.setattr(module, "read_token_response", lambda _, response, **__: unreadable(response))


@field("B second token", "A12")
@pytest.mark.parametrize("nested", [True, False])
def test_a_kept_answer_to_a_refresh_of_the_second_is_read_again(
    stage: Staged, monkeypatch: pytest.MonkeyPatch, *, nested: bool
) -> None:
    """It is read where the second one's tokens may be, and the team beside them is nobody else."""
    stage.connect()
    name = stage.name("U1")
    new = {**USER, "access_token": "user-2", "refresh_token": "user-r2"}
    place = {"authed_user": {"id": "U1", **new}} if nested else new
    stage.server.says("/token", {"ok": True, "team": {"id": "T1"}, **place})
    stage.world.clock.advance(stage.world.stored(name).due.renew_at - stage.world.clock.now())
    with monkeypatch.context() as before:
        cannot_read(before, conclude)
        stage.world.run(name)
    assert Status.HELD is stage.world.stored(name).status
    found = stage.world.ask("recover", reread=True)["found"]

    assert ["brought_back"] == [one["result"] for one in found]
    assert (Status.ACTIVE, "user-2", Secret("user-r2")) == (
        stage.world.stored(name).status,
        stage.world.published(name),
        stage.world.grant(name).refresh_token,
    )


@field("B second token", "A12")
@pytest.mark.parametrize("bot", [True, False])
def test_a_kept_answer_to_a_code_is_read_again_for_either_token(monkeypatch: pytest.MonkeyPatch, *, bot: bool) -> None:
    """A user's token alone makes its connection, as it would have at once."""
    stage = Staged.of(SLACK)
    stage.server.says("/token", says(bot=bot))
    with monkeypatch.context() as before:
        cannot_read(before, finish)
        stage.connect()
    assert {} == tokens(stage)
    found = stage.world.ask("recover", reread=True)["found"]

    assert ["brought_back"] == [one["result"] for one in found]
    assert {"U1": "user-1", **({"T1": "bot-1"} if bot else {})} == tokens(stage)
