"""Apps that act for themselves, RFC 6749 §4.4, and apps whose connections are imported: nobody is asked for consent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.scripted import OIDC, Staged, Word, id_token, oidc_token
from fakes.visitors import Browser
from tokensync.authorize.links import browser_of
from tokensync.domain.app import App
from tokensync.domain.authorization import AuthorizationKey, hashed
from tokensync.domain.connection import Status
from tokensync.domain.errors import NoAnswer, SealingUnavailable
from tokensync.domain.secret import Secret
from tokensync.refresh.result import Result

MINTING = {"grant": "client_credentials"}
GENERIC = replace(OIDC, endpoints={"token": OIDC.endpoints["token"]}, settings=MINTING, scopes=("api.read",))
LOGIN = App(
    name="research",
    provider="tiktok_login",
    client_id="ck-1",
    client_secret=Secret("canary-login-secret"),
    settings=MINTING,
    scopes=("research.data.basic",),
)
ESHOPBOX = App(name="eshopbox", provider="eshopbox", client_id="c-1", client_secret=Secret("canary-eshopbox-secret"))
PATHS = {"oidc": "/token", "research": "/v2/oauth/token/"}


def minted(app: App, *words: Word) -> Staged:
    """Return a stage whose app is minted its tokens in these words."""
    stage = Staged.of(app)
    stage.server.says(PATHS[app.name], *words)
    return stage


def answer(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a minted token."""
    return {"access_token": f"clt.{number}", "expires_in": 7200, "token_type": "Bearer", **fields}


def refresh(stage: Staged) -> Any:
    """Let the next refresh be due, and made."""
    name = stage.name(stage.world.app.client_id)
    stage.world.clock.advance(max(0, (stage.world.stored(name).due.next_at or 0) - stage.world.clock.now()))
    return stage.world.run(name)


def published(stage: Staged) -> str | None:
    """Return the minted token that workloads read."""
    return stage.world.published(stage.name("client-1"))


@pytest.mark.parametrize("app", [GENERIC, LOGIN], ids=lambda app: app.provider)
def test_the_first_token_is_minted_on_demand(app: App) -> None:
    """The connection is named by the client id, published, and due to be renewed."""
    stage = minted(app, answer())
    result = stage.command("mint", label="Ours")
    name = stage.name(app.client_id)

    assert (True, "connected", str(name)) == (result["ok"], result["outcome"], result["connection"])
    assert {
        "access_token": "clt.1",
        "generation": 1,
        "status": "active",
        "label": "Ours",
        "expires_at": stage.world.clock.now() + 7200,
    }.items() <= stage.world.document(name).items()
    due = stage.world.stored(name).due
    assert (True, None, []) == (due.renew_at is not None, due.verify_at, stage.alerts())
    (form,) = stage.server.forms(PATHS[app.name])
    assert ("client_credentials", app.scopes[0]) == (form["grant_type"], form["scope"])
    assert not {"code", "redirect_uri", "refresh_token", "code_verifier"} & form.keys()
    assert None is stage.world.grant(name).refresh_token


@pytest.mark.parametrize("app", [GENERIC, LOGIN], ids=lambda app: app.provider)
def test_it_is_renewed_by_the_schedule(app: App) -> None:
    """As any other token, with the app's own credentials."""
    stage = minted(app, *(answer(number) for number in range(1, 9)))
    stage.command("mint")
    stage.world.settle(ticks=9, every=1800)
    document = stage.world.document(stage.name(app.client_id))

    assert document["generation"] >= 3
    assert f"clt.{document['generation']}" == document["access_token"]
    assert document["generation"] == stage.server.times(PATHS[app.name])


@pytest.mark.parametrize("word", [NoAnswer("slow"), 500, 502, 504], ids=str)
def test_minting_without_an_answer_is_asked_again(word: Word) -> None:
    """Nothing is spent by it: never held, never dead, and asked until it works."""
    stage = minted(GENERIC, answer(), *([word] * 5), answer(2))
    stage.command("mint")
    for _ in range(5):
        assert Result.POSTPONED is refresh(stage).result
        assert Status.ACTIVE is stage.world.stored(stage.name("client-1")).status
    assert Result.REFRESHED is refresh(stage).result

    assert "clt.2" == published(stage)
    assert [] == stage.alerts()


def test_wrong_credentials_pause_the_app() -> None:
    """`invalid_client` is the operator's to mend; the connection stays as it is."""
    stage = minted(GENERIC, answer(), {"error": "invalid_client"})
    stage.command("mint")
    stage.world.on_demand.refresh(stage.name("client-1"), stage.world.budget())

    assert stage.world.apps.state("oidc").paused
    assert (Status.ACTIVE, ["app.paused"]) == (stage.world.stored(stage.name("client-1")).status, stage.alerts())


def test_wrong_credentials_at_the_first_minting_pause_nothing() -> None:
    """Nothing is made, and the operator reads what the provider said; one alert says it too."""
    stage = minted(GENERIC, {"error": "invalid_client", "error_description": "unknown client"})
    result = stage.command("mint")

    assert (False, "failed", None) == (result["ok"], result["outcome"], result["connection"])
    assert "invalid_client" in result["error"]["message"]
    assert (1, "tokensync app rotate-secret oidc") == (result["exit"], result["error"]["next"])
    assert "nothing was changed" in result["error"]["message"]
    again = stage.command("mint")
    assert ("credentials_refused", 2) == (again["error"]["class"], stage.server.times("/token"))
    assert ("", ["app.credentials_refused"]) == (stage.world.apps.state("oidc").paused, stage.alerts())


@pytest.mark.parametrize("word", [NoAnswer("slow"), 500, 429, {"error": "invalid_scope"}, {"token_type": "x"}], ids=str)
def test_a_first_minting_that_fails_can_be_asked_for_again(word: Word) -> None:
    """Each is an authorization of its own."""
    stage = minted(GENERIC, word, answer())

    assert not stage.command("mint")["ok"]
    assert stage.command("mint")["ok"]


def test_minted_anew_it_is_the_same_connection() -> None:
    """Each minting counts as a code of its own, and takes the connection over with a new generation."""
    stage = minted(GENERIC, *(answer(number) for number in (1, 2, 3)))
    for number in (1, 2, 3):
        assert stage.command("mint")["ok"]
        assert (f"clt.{number}", number) == (
            published(stage), stage.world.document(stage.name("client-1"))["generation"]
        )  # fmt: skip

    assert 3 == stage.server.times("/token")


@pytest.mark.parametrize(
    ("first", "settings"),
    [
        (answer(), {}),
        (answer(sub="service-1"), {"issuer": "https://id.example"}),
        ({"access_token": "clt.1", "token_type": "Bearer"}, {}),
        (answer(refresh_token="R"), {}),
    ],
    ids=["plain", "names an account", "states no life", "has a refresh token"],
)
def test_whatever_comes_along_the_credentials_renew_it(first: dict[str, Any], settings: dict[str, str]) -> None:
    """RFC 6749 §4.4.3 and §5.1: the account is the app, the life may be unsaid, no refresh token is presented."""
    later = [{**first, "access_token": f"clt.{number}"} for number in (2, 3)]
    stage = minted(replace(GENERIC, settings={**MINTING, **settings}), first, *later)
    stage.command("mint")
    for number in (2, 3):
        assert (Result.REFRESHED, f"clt.{number}") == (refresh(stage).result, published(stage))

    assert ["client_credentials"] * 3 == [form["grant_type"] for form in stage.server.forms("/token")]


def test_scopes_that_were_not_minted_are_the_operators_to_mend() -> None:
    """There is no account to ask for more: the alert names the registration."""
    stage = minted(GENERIC, answer(scope="other"))
    stage.command("mint")

    (alert,) = stage.world.alerts.told
    assert ("authorization.scopes_missing", "tokensync app show oidc") == (alert.kind, alert.next_command)
    assert ("api.read",) == stage.world.stored(stage.name("client-1")).authorized.missing_scopes


def test_an_account_that_consented_is_never_given_the_apps_token() -> None:
    """An app that mints from now on gets tokens for itself: the seller's connection is postponed, and says why."""
    stage = Staged.of(OIDC)
    subject = id_token(sub="alice", aud="client-1", iss=OIDC.settings["issuer"])
    stage.server.says("/token", oidc_token(id_token=subject))
    stage.server.says("/userinfo", {"sub": "alice"})
    stage.connect()
    world, name = stage.world, stage.name("alice")
    before = world.document(name)
    world.apps.update(replace(OIDC, settings={**OIDC.settings, **MINTING}))
    asked = stage.server.times("/token")

    for _ in range(3):
        record = world.stored(name)
        world.clock.advance(max(0, (record.due.next_at or 0) - world.clock.now()))
        assert Result.POSTPONED is world.run(name).result
    assert Result.POSTPONED is world.on_demand.refresh(name, world.budget(), force=True).result
    error = world.stored(name).last_error

    assert (asked, before) == (stage.server.times("/token"), world.document(name))
    assert error is not None
    assert "minted_for_the_app" == error.code
    assert "the app mints tokens for itself" in error.message

    world.apps.update(OIDC)
    stage.server.says("/token", oidc_token(access_token="OA-2"))
    assert Result.REFRESHED is world.on_demand.refresh(name, world.budget()).result
    assert "OA-2" == world.published(name)


def test_what_is_not_minted() -> None:
    """Without a key nothing is asked for; an app with a consent page has its tokens from there."""
    stage = minted(GENERIC, answer())
    stage.world.sealer.fail_next("new_key", SealingUnavailable)
    later, never = stage.command("mint"), Staged.of(OIDC).command("mint")

    assert (False, 5, 0) == (later["ok"], later["exit"], stage.server.times("/token"))
    assert (False, "InvalidApp") == (never["ok"], never["error"]["class"])
    assert "does not use client credentials" in never["error"]["message"]


@pytest.mark.parametrize("app", [GENERIC, LOGIN, ESHOPBOX], ids=lambda app: app.provider)
def test_without_consent_there_is_no_way_in(app: App) -> None:
    """The consent link and the callback say the fixed page, and nothing is stored, consumed or presented."""
    stage = Staged.of(app)
    ours = Browser(stage.world)
    assert 503 == ours.connect().status
    cookie = stage.world.signer.operator(app.name).reveal()
    ours.cookies = (f"__Host-tokensync={cookie}",)
    key = AuthorizationKey(app.name, browser_of(Secret(cookie)), hashed("nonce"))
    ours.state = stage.world.signer.state(key, expires_at=stage.world.clock.now() + 60)
    page = ours.back()

    assert 503 == page.status
    assert "Please try again in a minute" in page.body
    assert (0, 0) == (stage.world.authorizations.calls["put"], stage.world.authorizations.calls["consume"])
    assert [] == stage.server.asked
    assert 400 == ours.arrive("code=code-1").status


@pytest.mark.parametrize("app", [GENERIC, LOGIN, ESHOPBOX], ids=lambda app: app.provider)
@pytest.mark.parametrize(("command", "asked"), [("paste", {"text": "code-1"}), ("begin", {})])
def test_without_consent_nothing_is_pasted(app: App, command: str, asked: dict[str, str]) -> None:
    """It says why, and presents nothing."""
    stage = Staged.of(app)
    result = stage.command(command, **asked)

    assert (False, "InvalidApp") == (result["ok"], result["error"]["class"])
    assert "imported" in result["error"]["message"] or "acts for itself" in result["error"]["message"]
    assert [] == stage.server.asked


def test_an_app_without_a_consent_page_of_its_own_says_so() -> None:
    """A generic app that lost its authorize endpoint is unavailable, not broken."""
    stage = Staged.of(replace(OIDC, endpoints={"token": OIDC.endpoints["token"]}))

    assert 503 == stage.browser.connect().status
    assert "lacks the endpoint authorize" in stage.command("begin")["error"]["message"]
