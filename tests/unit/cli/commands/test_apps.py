"""`app …`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.world import APP, NAME
from tokensync.domain.app import App
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Reason, Status
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

SECRET = "s3cr3t-canary"
SANDBOX_TOKEN = "token=https://auth-sandbox.tiktok-shops.com/api/v2/token/get"
ADD = ("app", "add", "shop", "--provider", "tiktok_shop", "--client-id", "29a39d", "--service-id", "7172")


def test_a_live_app_on_the_embedded_stack_is_asked_about(desk: Any) -> None:
    """Its tokens would lie in plain files: nobody there is a usage error, no is no, yes is yes."""
    desk.embedded_stack.is_up = True

    unasked = desk.start(*ADD, "--client-secret-stdin", stdin=SECRET)
    assert 2 == unasked.exit_code
    assert "plain files" in unasked.stderr
    assert "--yes" in unasked.stderr

    desk.is_interactive = True
    declined = desk.start(*ADD, stdin="n\n")
    assert 1 == declined.exit_code
    assert "Nothing was done." in declined.stderr
    assert [APP] == desk.world.apps.names()

    assert 0 == desk.start(*ADD, "--yes", stdin=f"{SECRET}\n").exit_code


def test_a_sandbox_app_needs_a_name_only(desk: Any) -> None:
    """It is registered at both ends with made-up credentials, and points to the sandbox."""
    desk.embedded_stack.is_up = True

    result = desk.start("app", "add", "second", "--provider", "tiktok-shop", "--sandbox")

    assert 0 == result.exit_code
    assert "Next: tokensync connect second" in result.stderr
    app = desk.world.apps.get("second")
    assert app.is_sandboxed
    (registered,) = desk.sandbox.registered
    assert (app.client_id, app.client_secret.reveal(), app.service_id) == (
        registered["app_key"],
        registered["app_secret"],
        registered["service_id"],
    )
    assert "http://localhost:8400/callback/second" == registered["redirect_uri"]
    assert app.client_secret.reveal() not in result.output


def test_a_provider_that_the_sandbox_cannot_be(desk: Any) -> None:
    """It says so and registers nothing."""
    desk.embedded_stack.is_up = True
    desk.sandbox.known = []

    result = desk.start("app", "add", "second", "--provider", "tiktok_shop", "--sandbox")

    assert 1 == result.exit_code
    assert [APP] == desk.world.apps.names()


def test_list_tells_what_runs(desk: Any) -> None:
    """Each app with its provider, its redirect URL and why it is paused."""
    desk.world.apps.pause(APP, kind=PauseKind.CONFIGURATION, why="invalid_client", now=5)

    assert [
        {
            "app": APP,
            "provider": "tiktok_shop",
            "paused": "invalid_client",
            "paused_kind": "configuration",
            "paused_at": 5,
            "probe_at": 65,
            "redirect_url": f"https://connect.example/callback/{APP}",
        }
    ] == desk.json("app", "list")
    assert "invalid_client" in desk.run("app", "list").stdout


def test_list_has_no_redirect_url_for_an_app_without_consent(desk: Any) -> None:
    """Nobody is ever sent there: its tokens are imported, or minted for the app itself."""
    secret = Secret("s")
    minting = {"grant": "client_credentials"}
    for app in (
        App(name="importing", provider="eshopbox", client_id="c", client_secret=secret),
        App(name="minting", provider="tiktok_login", client_id="c", client_secret=secret, settings=minting),
        App(name="asking", provider="tiktok_login", client_id="c", client_secret=secret),
    ):
        desk.world.apps.register(app)
    urls = {told["app"]: told["redirect_url"] for told in desk.json("app", "list")}

    assert (None, None) == (urls["importing"], urls["minting"])
    assert "https://connect.example/callback/asking" == urls["asking"]


def test_pause_and_resume(desk: Any) -> None:
    """Each says whether it changed anything."""
    assert {"app": APP, "paused": True, "changed": True} == desk.json("app", "pause", APP)
    assert {"app": APP, "paused": True, "changed": False} == desk.json("app", "pause", APP)
    assert f"{APP} is now running.\n" == desk.run("app", "resume", APP).stdout
    assert {"app": APP, "paused": False, "changed": False} == desk.json("app", "resume", APP)


def test_resume_asks_once_for_each_parked_connection(desk: Any) -> None:
    """Those that a refusal parked are presented again, by the operator's word; others are left alone."""
    parked = replace(desk.world.connected(), status=Status.HELD, reason=Reason.REFUSED)
    desk.world.connections.seed(parked)
    desk.world.connected(ConnectionName(APP, "2"), refresh_token="R-2")
    desk.world.apps.pause(APP, kind=PauseKind.REFUSED, why="too many refused", now=1)

    result = desk.run("app", "resume", APP)

    assert 0 == result.exit_code
    assert ["R0"] == desk.world.shop.ledger
    assert (Status.ACTIVE, 2) == (desk.world.stored().status, desk.world.stored().generation)
    assert [{"tokensync": "refresh", "connection": str(NAME), "force": True}] == desk.functions.asked


def test_resume_stops_when_the_app_is_paused_again(desk: Any) -> None:
    """A breaker that trips anew ends it."""
    for account in ("1", "2"):
        record = desk.world.connected(ConnectionName(APP, account), refresh_token=f"R-{account}")
        desk.world.connections.seed(replace(record, status=Status.HELD, reason=Reason.REFUSED))
    desk.world.apps.pause(APP, kind=PauseKind.REFUSED, why="too many refused", now=1)
    desk.world.connections.before_next(
        "request_refresh", lambda: desk.world.apps.pause(APP, kind=PauseKind.OPERATOR, why="again", now=2)
    )

    told = desk.json("app", "resume", APP)

    assert {"app": APP, "paused": True, "changed": False} == told
    assert 1 == len(desk.functions.asked)


def test_add_registers_and_prints_the_redirect_url(desk: Any) -> None:
    """The secret comes from stdin or a hidden prompt, goes to the registration, and is printed nowhere."""
    result = desk.run(*ADD, "--client-secret-stdin", "--set", "return_url=https://shop.example/", stdin=f"{SECRET}\n")

    assert 0 == result.exit_code
    assert "https://connect.example/callback/shop" in result.stdout
    assert "https://connect.example/webhooks/shop" in result.stdout
    assert "Next: tokensync invite shop" in result.stderr
    app = desk.world.apps.get("shop")
    told = (app.client_id, app.client_secret.reveal(), app.service_id, app.return_url)
    assert ("29a39d", SECRET, "7172", "https://shop.example/") == told

    desk.is_interactive = True
    typed = desk.run("app", "add", "typed", *ADD[3:], "--set", "push=api2cart", stdin=f"{SECRET}2\n")
    assert f"{SECRET}2" == desk.world.apps.get("typed").client_secret.reveal()
    assert "tokensync app set-consumer-key typed" in typed.stderr
    assert SECRET not in result.output + typed.output


def test_add_as_json(desk: Any) -> None:
    """The registration without its secret, and the next command; scopes that are set elsewhere may be expected."""
    told = desk.json(*ADD, "--client-secret-stdin", "--region", "us", "--scope", "a", stdin=SECRET)

    assert {
        "app": "shop",
        "provider": "tiktok_shop",
        "client_id": "29a39d",
        "service_id": "7172",
        "region": "us",
        "scopes": ["a"],
        "endpoints": {},
        "settings": {},
        "redirect_url": "https://connect.example/callback/shop",
        "sandboxed": False,
        "next": "tokensync invite shop",
        "warning": None,
    } == told
    creator = ("app", "add", "x", "--provider", "tiktok_shop", "--client-id", "c", "--client-secret-stdin")
    assert None is desk.json(*creator, "--set", "account_kind=creator", stdin=SECRET)["service_id"]


def test_show_never_shows_the_secret(desk: Any) -> None:
    """Neither to people nor to programs; a paused app shows why, since when and the way back."""
    shown, told = desk.run("app", "show", APP), desk.json("app", "show", APP)

    assert ("29a39d" in shown.stdout, "e59af819cc" in shown.output, "client_secret" in told) == (True, False, False)
    assert (None, None, False) == (told["paused"], told["paused_at"], told["sandboxed"])
    desk.world.apps.pause(APP, kind=PauseKind.CONFIGURATION, why="invalid_client", now=desk.world.clock.now())
    shown = desk.run("app", "show", APP)
    assert "the provider refuses its own credentials: invalid_client (now)" in shown.stdout
    assert "in 1 min" in shown.stdout
    assert f"runs again by itself once that succeeds. Next: tokensync app rotate-secret {APP}" in shown.stderr
    told = desk.json("app", "show", APP)
    assert ("configuration", told["paused_at"] + 60) == (told["paused_kind"], told["probe_at"])


def test_remove_leaves_connections_as_they_are(desk: Any) -> None:
    """They keep their last tokens, and are counted; without any nothing is asked, and an empty list names the next."""
    desk.world.connected()
    told = {"app": APP, "removed": True, "connections": 1}
    result = desk.run("app", "remove", APP, "--yes")
    assert "1 connection stays as it is and is not refreshed." in result.stderr
    desk.world.apps.register(desk.world.app)
    assert told == desk.json("app", "remove", APP, "--yes")
    assert ([], Status.ACTIVE) == (desk.world.apps.names(), desk.world.stored().status)
    empty = desk.run("app", "list")
    assert ("No app is registered.\n", True) == (empty.stdout, "Next: tokensync app add" in empty.stderr)
    desk.world.connections.seed(replace(desk.world.stored(), removed_at=1))
    desk.world.apps.register(desk.world.app)
    result = desk.run("app", "remove", APP)
    assert (0, f"{APP} is removed.\n") == (result.exit_code, result.stdout)


KEY, SERVICE, ADS_ID, SHOP_SECRET = "6a2b3c4d5e", "7172839405060708090", "7112233445566778899", "0123456789abcdef" * 2
SHOP = ("--provider", "tiktok_shop")


@pytest.mark.parametrize(
    ("options", "secret", "hints", "mend"),
    [
        (
            (*SHOP, "--client-id", SERVICE, "--service-id", KEY),
            SECRET,
            [
                f"--client-id {SERVICE} is to be an app key, such as 29a39d, and looks like a service id",
                f"--service-id {KEY} is to be a service id, such as 7172839405060708090, and looks like an app key",
            ],
            f"tokensync app add x --provider tiktok_shop --client-id {KEY} --service-id {SERVICE}",
        ),
        (
            (*SHOP, "--client-id", KEY, "--service-id", SHOP_SECRET),
            SECRET,
            ["--service-id is to be a service id, such as 7172839405060708090, and looks like an app secret"],
            "tokensync app add x --provider tiktok_shop --client-id ID --service-id ID",
        ),
        (
            (*SHOP, "--client-id", SERVICE, "--set", "account_kind=creator"),
            SECRET,
            [f"--client-id {SERVICE} is to be an app key"],
            "tokensync app add x --provider tiktok_shop --client-id ID --set account_kind=creator",
        ),
        (
            (*SHOP, "--client-id", KEY, "--service-id", SERVICE),
            SERVICE,
            [
                "the client secret is to be an app secret, and looks like a service id",
                "--service-id and the client secret are the same",
            ],
            "--client-id ID --service-id ID",
        ),
        (
            ("--provider", "tiktok_ads", "--client-id", "aw1b2c3d4e"),
            SECRET,
            ["--client-id aw1b2c3d4e is to be an app id of TikTok for Business, a number, and looks like the key"],
            "tokensync app add x --provider tiktok_ads --client-id ID",
        ),
        (
            ("--provider", "tiktok_accounts", "--client-id", SHOP_SECRET, "--scope", "a"),
            SECRET,
            ["--client-id is to be an app id of TikTok for Business, a number, and looks like a secret"],
            "--client-id ID --scope a",
        ),
        (
            ("--provider", "tiktok_login", "--client-id", ADS_ID, "--scope", "a"),
            SECRET,
            [f"--client-id {ADS_ID} is to be a client key, such as aw1b2c3d4e, and looks like an app id"],
            "--client-id ID --scope a",
        ),
        (
            ("--provider", "eshopbox", "--client-id", SECRET),
            SECRET,
            ["--client-id and the client secret are the same"],
            "ID",
        ),
        (
            (*SHOP, "--client-id", KEY, "--service-id", SERVICE, "--endpoint", SANDBOX_TOKEN),
            SECRET,
            ["codes go to auth-sandbox.tiktok-shops.com, and refresh tokens to auth.tiktok-shops.com"],
            f"--endpoint {SANDBOX_TOKEN}",
        ),
    ],
    ids=[
        "swapped",
        "secret as service id",
        "creator",
        "service id as secret",
        "ads",
        "accounts",
        "login",
        "same",
        "parted",
    ],
)
def test_what_looks_mixed_up_is_registered_with_a_hint(
    desk: Any, options: tuple[str, ...], secret: str, hints: list[str], mend: str
) -> None:
    """It may be right, so nothing is refused; the hint names both, and the command that registers it otherwise."""
    command = ("app", "add", "x", *options, "--client-secret-stdin")
    told = desk.json(*command, stdin=secret)["hints"]

    assert len(hints) == len(told)
    assert all(hint in one and mend in one for hint, one in zip(hints, told, strict=True))
    assert all("If they are mixed up: tokensync app remove x --yes && tokensync app add x " in one for one in told)
    assert told == desk.json("app", "show", "x")["hints"]
    shown = desk.run("app", "show", "x")
    assert (0, True) == (shown.exit_code, all(hint in shown.stderr for hint in hints))
    assert not any(text in one for one in told for text in (SECRET, SHOP_SECRET))


@pytest.mark.parametrize(
    "options",
    [
        (*SHOP, "--client-id", KEY, "--service-id", SERVICE),
        (*SHOP, "--client-id", "29a39d", "--service-id", "7172"),
        (*SHOP, "--client-id", KEY, "--set", "account_kind=creator"),
        ("--provider", "tiktok_ads", "--client-id", ADS_ID),
        ("--provider", "tiktok_login", "--client-id", "aw1b2c3d4e", "--scope", "a"),
        ("--provider", "tiktok_login", "--client-id", "SomethingElse", "--scope", "a"),
        ("--provider", "eshopbox", "--client-id", ADS_ID),
    ],
    ids=" ".join,
)
def test_what_looks_right_or_like_nothing_known_is_no_hint(desk: Any, options: tuple[str, ...]) -> None:
    """A form that no sample of the vendor has says nothing."""
    assert "hints" not in desk.json("app", "add", "x", *options, "--client-secret-stdin", stdin=SECRET)
