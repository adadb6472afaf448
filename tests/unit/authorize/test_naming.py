"""Accounts that are named by paths: two companies of one user are two connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.scripted import ISSUER, OIDC, Staged, id_token, oidc_token
from fakes.visitors import Browser
from field_rows import field
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.connection import Reason, Status
from tokensync.domain.errors import InvalidApp
from tokensync.domain.secret import Secret
from tokensync.providers import PROVIDERS
from tokensync.refresh.result import Result

CONNECTED = "Your account is connected"


def staged(**settings: str) -> Staged:
    """Return a server whose ID token always names the same user, and an app with these settings; __ is a dot."""
    told = {name.replace("__", "."): value for name, value in settings.items()}
    stage = Staged.of(replace(OIDC, settings={"issuer": ISSUER, **told}))
    stage.server.says("/token", says())
    stage.server.says("/userinfo", {"sub": "user-1", "name": "Ada"})
    return stage


def says(number: int = 1, claims: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Return the n-th token response, its ID token that of the one user."""
    told = {"iss": ISSUER, "aud": "client-1", "sub": "user-1", **(claims or {})}
    return oidc_token(access_token=f"A{number}", refresh_token=f"R{number}", id_token=id_token(**told), **fields)


def company(stage: Staged, number: int, back: str = "", **response: Any) -> str:
    """Let the user come back with a company; return the page."""
    stage.world.clock.advance(60)
    stage.server.says("/token", says(number, **response))
    browser = Browser(stage.world)
    browser.connect(stage.world.invite(id=f"invite-{number}"))
    browser.back(f"code=code-{number}{back}")
    return browser.result().body


def tokens(stage: Staged) -> dict[str, str]:
    """Return the published access token of each account."""
    names = [record.name for record in stage.world.connections.list("oidc")]
    return {name.account: stage.world.document(name)["access_token"] for name in names}


def authorization(stage: Staged) -> Any:
    """Return the authorization that was consumed last."""
    rows = [row.record for key, row in stage.world.table.rows.items() if key[1].startswith("pending#")]
    return max(rows, key=lambda one: (one.consumed_at or 0, one.created_at))


@field("A5", "B account")
@pytest.mark.parametrize(
    ("account", "first", "second", "names"),
    [
        ("callback.realmId", {"back": "&realmId=123"}, {"back": "&realmId=456"}, ("123", "456")),
        (
            "callback.selling_partner_id",
            {"back": "&selling_partner_id=A3X"},
            {"back": "&selling_partner_id=A3Y"},
            ("A3X", "A3Y"),
        ),
        (
            "callback.shop",
            {"back": "&shop=acme.myshopify.com&hmac=1"},
            {"back": "&hmac=2&shop=other.myshopify.com"},
            ("acme.myshopify.com", "other.myshopify.com"),
        ),
        (
            "id_token.tid+id_token.oid",
            {"claims": {"tid": "t1", "oid": "o"}},
            {"claims": {"tid": "t2", "oid": "o"}},
            ("t1:o", "t2:o"),
        ),
        ("token.team.id", {"team": {"id": "T1"}}, {"team": {"id": "T2"}}, ("T1", "T2")),
        (
            "token.team.id,token.enterprise.id",
            {"team": {"id": "T1"}, "enterprise": {"id": "E1"}},
            {"team": None, "enterprise": {"id": "E1"}},
            ("T1", "E1"),
        ),
        ("token.data.0.id", {"data": [{"id": 7}]}, {"data": [{"id": 8}]}, ("7", "8")),
        ("callback.realmId+id_token.sub", {"back": "&realmId=1"}, {"back": "&realmId=2"}, ("1:user-1", "2:user-1")),
    ],
)
def test_two_companies_of_one_user_are_two_connections(
    account: str, first: dict[str, Any], second: dict[str, Any], names: tuple[str, str]
) -> None:
    """The second never takes the first's secret, and each is found again by the next consent and by its refresh."""
    stage = staged(account=account)
    company(stage, 1, **first)
    company(stage, 2, **second)
    assert {names[0]: "A1", names[1]: "A2"} == tokens(stage)

    company(stage, 3, **first)
    assert {names[0]: "A3", names[1]: "A2"} == tokens(stage)
    again = {key: value for key, value in second.items() if key != "back"}
    stage.server.says("/token", says(4, **again))
    stage.world.clock.advance(3600)
    refreshed = stage.world.run(stage.name(names[1]))
    assert (Result.REFRESHED, "A4") == (refreshed.result, tokens(stage)[names[1]])


@field("A5")
def test_the_account_call_may_answer_with_a_list() -> None:
    """Only paths lead into it; what it says at its place names the account."""
    stage = staged(account="account.0.tenantId", label="account.0.tenantName", fact__kind="account.0.tenantType")
    listed = stage.server.answer(b'[{"tenantId":"x-1","tenantName":"Acme Ltd","tenantType":"ORGANISATION"}]')
    stage.server.says("/userinfo", listed)

    assert CONNECTED in company(stage, 1)
    document = stage.world.document(stage.name("x-1"))
    assert ("Acme Ltd", "ORGANISATION") == (document["label"], document["account"]["kind"])
    assert stage.world.stored(stage.name("x-1")).verified_at is not None


@field("A5")
@pytest.mark.parametrize(
    ("account", "problem"),
    [
        ("callback.realmId", "the callback has no realmId"),
        ("token.team.id", "the token response has no team.id"),
        ("id_token.tid+id_token.oid", "the ID token has no tid"),
        ("account.0.tenantId", "the account call's response has no 0.tenantId"),
    ],
)
def test_where_the_name_is_missing_nobody_elses_is_taken(account: str, problem: str) -> None:
    """Not the ID token's subject and not the account call's: the reason names the path, and the response is kept."""
    stage = staged(account=account)

    assert "could not be connected" in company(stage, 1)
    ended = authorization(stage)
    assert (AuthorizationState.FAILED, problem) == (ended.state, ended.detail)
    assert (True, {}) == (ended.sealed_answer is not None, tokens(stage))
    assert problem in stage.world.alerts.told[-1].detail


@field("A5")
def test_an_account_call_that_fails_is_made_again() -> None:
    """It alone names the account: the tokens wait, and nobody authorizes again."""
    stage = staged(account="account.team.id")
    stage.server.says("/userinfo", 500, {"team": {"id": "T9"}})
    company(stage, 1)
    assert AuthorizationState.WORKING is authorization(stage).state
    stage.world.settle(ticks=3)

    assert {"T9": "A1"} == tokens(stage)


@field("A5")
@pytest.mark.parametrize("bad", ["a%00b", "a%0Ab", "%ff", "x" * 257, "1&realmId=2", "%E2%80%AEx"])
def test_a_name_in_a_callback_is_there_once_and_clean(bad: str) -> None:
    """Otherwise 400, and nothing is consumed: the browser may still come with a good one."""
    stage = staged(account="callback.realmId")
    stage.browser.connect(stage.world.invite())

    assert 400 == stage.browser.back(f"code=code-1&realmId={bad}").status
    assert 303 == stage.browser.back("code=code-1&realmId=1").status
    assert {"1": "A1"} == tokens(stage)


@field("A5")
def test_what_the_callback_said_outlives_it() -> None:
    """It died once the response was stored: the rotation function knows the company, and keeps nothing else of it."""
    stage = staged(account="callback.realmId", fact__region="callback.region")
    stage.browser.connect(stage.world.invite())
    with stage.world.dies_at("exchange.received"):
        stage.browser.back("code=code-1&realmId=1&region=eu&other=x")
    assert {"realmId": "1", "region": "eu"} == authorization(stage).callback
    stage.world.after_lease()
    stage.world.settle(ticks=2)

    assert {"1": "A1"} == tokens(stage)
    assert "eu" == stage.world.document(stage.name("1"))["account"]["region"]


@field("A5")
@pytest.mark.parametrize("response", [{}, {"team": {"id": "T1"}}, {"team": None}, {"team": {"name": "x"}}])
def test_a_refresh_may_be_silent_about_the_account(response: dict[str, Any]) -> None:
    """Another name holds the connection; none is no other."""
    stage = staged(account="token.team.id,token.enterprise.id")
    company(stage, 1, team={"id": "T1"})
    stage.server.says("/token", says(2, enterprise={"id": "E1"}, **response))
    stage.world.clock.advance(3600)

    assert Result.REFRESHED is stage.world.run(stage.name("T1")).result


@field("A5")
@pytest.mark.parametrize(
    ("account", "first", "other"),
    [
        ("token.team.id", {"team": {"id": "T1"}}, {"team": {"id": "T2"}}),
        ("id_token.tid+id_token.oid", {"claims": {"tid": "T", "oid": "1"}}, {"claims": {"tid": "T", "oid": "2"}}),
        ("id_token.sub", {"claims": {"sub": "T1"}}, {"claims": {"sub": "T2"}}),
    ],
)
def test_a_refresh_that_names_another_account_is_held(
    account: str, first: dict[str, Any], other: dict[str, Any]
) -> None:
    """By the same paths as the consent: its tokens reach no workload."""
    stage = staged(account=account)
    company(stage, 1, **first)
    (name,) = tokens(stage)
    stage.server.says("/token", says(2, **other))
    stage.world.clock.advance(3600)
    stage.world.run(stage.name(name))

    record = stage.world.stored(stage.name(name))
    assert (Status.HELD, Reason.OTHER_ACCOUNT, "A1") == (record.status, record.reason, tokens(stage)[name])


@field("A5")
def test_the_wrong_company_of_the_right_user_is_quarantined() -> None:
    """A re-authorization was for one company, and the user chose another."""
    stage = staged(account="callback.realmId")
    company(stage, 1, back="&realmId=1")
    stage.server.says("/token", says(2))
    stage.browser.connect(stage.world.invite(id="2", for_account="1"))
    stage.browser.back("code=code-2&realmId=2")

    assert "This is another account" in stage.browser.result().body
    assert "A1" == stage.world.document(stage.name("1"))["access_token"]


@field("B facts")
def test_facts_come_from_where_the_app_says() -> None:
    """Response, callback, ID token and account call; a refresh brings those that it has, and keeps the others."""
    stage = staged(
        account="callback.shop",
        fact__api="token.api_domain",
        fact__region="callback.region",
        fact__tenant="id_token.tid",
        fact__plan="account.plan.name",
        label="account.company",
    )
    stage.server.says("/userinfo", {"sub": "user-1", "company": "Acme", "plan": {"name": "gold"}})
    company(stage, 1, back="&shop=acme&region=eu", claims={"tid": "t1"}, api_domain="https://a.example")
    name = stage.name("acme")
    facts = {"api": "https://a.example", "region": "eu", "tenant": "t1", "plan": "gold"}
    assert facts == {key: stage.world.document(name)["account"][key] for key in facts}
    assert "Acme" == stage.world.document(name)["label"]
    stage.server.says("/token", says(2, api_domain="https://b.example"))
    stage.world.clock.advance(3600)
    stage.world.run(name)

    document = stage.world.document(name)
    assert "A2" == document["access_token"]
    assert {**facts, "api": "https://b.example"} == {key: document["account"][key] for key in facts}


@field("A5")
def test_the_setting_of_before_means_a_path_into_the_response() -> None:
    """Apps that name a field go on as they did, and have no facts by the ID token."""
    stage = staged(account_field="team_id")
    company(stage, 1, team_id=7)

    assert {"7": "A1"} == tokens(stage)


@field("A5")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"account": "realmId"}, "account: 'realmId' is no path"),
        ({"account": "callback.code"}, "secret"),
        ({"account": "callback.spapi_oauth_code", "callback_code": "spapi_oauth_code"}, "secret"),
        ({"fact.x": "token.refresh_token"}, "secret"),
        ({"fact.x": "token.data.rt", "response.refresh_token": "data.rt"}, "fact.x leads to a token"),
        ({"fact.x": "token.data", "response.refresh_token": "rt", "response.envelope": "data"}, "leads to a token"),
        ({"label": 'token["data.rt"]', "response.refresh_token": "data.rt"}, "label leads to a token"),
        ({"account": "token.u+token.rt", "response.refresh_token": "rt"}, "account leads to a token"),
        ({"account_field": "rt", "response.refresh_token": "rt"}, "account_field leads to a token"),
        (
            {"second_token": "u", "second_account": "token.u.rt", "response.refresh_token": "rt"},
            "second_account leads to a token",
        ),
        (
            {"param.x": ".+", "param_source.x": "invite,token.data.rt", "response.refresh_token": "data.rt"},
            "param_source.x leads to a token",
        ),
        ({"account": "token.a", "account_field": "b"}, "both name the account"),
        ({"second_token": "authed_user"}, "belong together"),
        ({"second_account": "token.authed_user.id"}, "belong together"),
        ({"second_token": "u", "second_account": "token.u.id", "account": "token.u.id"}, "name both accounts"),
        ({"second_token": "u", "second_account": "account.id"}, "no account call"),
        ({"account": "account.id"}, "needs --endpoint verify=URL"),
        ({"account": "token.a", "grant": "client_credentials"}, "does nothing"),
        ({"label": "token.a", "grant": "client_credentials"}, "does nothing"),
    ],
)
def test_a_setting_that_cannot_name_an_account_is_refused_by_name(settings: dict[str, str], words: str) -> None:
    """Where it is registered; one that a hand put into the app's secret stops the app, and names nobody by chance."""
    provider = PROVIDERS["oauth2"]
    app = replace(
        OIDC, endpoints={key: url for key, url in OIDC.endpoints.items() if key != "verify"}, settings=settings
    )

    assert words in provider.contradiction(provider, app)
    if any(told in words for told in ("no path", "secret", "leads to a token")):
        with pytest.raises(InvalidApp, match=app.name):
            provider.for_app(app)


@field("A5")
def test_an_imported_token_of_another_company_is_refused() -> None:
    """The account call names it by the same paths."""
    stage = staged(account="account.team.id")
    stage.server.says("/userinfo", {"team": {"id": "T2"}})
    told = stage.world.ask("import", app="oidc", account="T1", access_token="A", refresh_token="R")
    assert ("BadRequest", {}) == (told["error"]["class"], tokens(stage))

    assert stage.world.ask("import", app="oidc", account="T2", access_token="A", refresh_token="R")["ok"]
    assert Secret("R") == stage.world.grant(stage.name("T2")).refresh_token
