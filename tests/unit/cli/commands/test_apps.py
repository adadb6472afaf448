"""`app …`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes.world import APP, NAME
from tokensync.domain.app import App
from tokensync.domain.connection import Reason, Status
from tokensync.domain.errors import StoreUnavailable, UnknownApp
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

SECRET = "s3cr3t-canary"
ADD = ("app", "add", "shop", "--provider", "tiktok_shop", "--client-id", "29a39d", "--service-id", "7172")


def test_add_registers_and_prints_the_redirect_url(desk: Any) -> None:
    """The secret comes from stdin, goes to the registration, and is printed nowhere."""
    result = desk.run(*ADD, "--client-secret-stdin", "--set", "return_url=https://shop.example/", stdin=f"{SECRET}\n")

    assert 0 == result.exit_code
    assert "https://connect.example/callback/shop" in result.stdout
    assert "Next: tokensync invite shop" in result.stderr
    assert SECRET not in result.output
    app = desk.world.apps.get("shop")
    assert ("29a39d", SECRET, "7172") == (app.client_id, app.client_secret.reveal(), app.service_id)
    assert "https://shop.example/" == app.return_url


def test_add_as_json(desk: Any) -> None:
    """The registration without its secret, and the next command."""
    told = desk.json(*ADD, "--client-secret-stdin", "--region", "us", stdin=SECRET)

    assert {
        "app": "shop",
        "provider": "tiktok_shop",
        "client_id": "29a39d",
        "service_id": "7172",
        "region": "us",
        "scopes": [],
        "endpoints": {},
        "settings": {},
        "redirect_url": "https://connect.example/callback/shop",
        "sandboxed": False,
        "next": "tokensync invite shop",
        "warning": None,
    } == told


def test_add_asks_for_the_secret_on_a_terminal(desk: Any) -> None:
    """Hidden: what is typed is not shown."""
    desk.is_interactive = True

    result = desk.run(*ADD, stdin=f"{SECRET}\n")

    assert 0 == result.exit_code
    assert SECRET not in result.output
    assert SECRET == desk.world.apps.get("shop").client_secret.reveal()


def test_add_without_a_terminal_wants_the_secret_on_stdin(desk: Any) -> None:
    """Nothing is registered."""
    code, error = desk.error(*ADD, stdin=SECRET)

    assert 2 == code
    assert "--client-secret-stdin" in error["next"]
    assert [APP] == desk.world.apps.names()


@pytest.mark.parametrize("stdin", ["", "\n", "x" * 2049])
def test_add_with_an_unusable_secret(desk: Any, stdin: str) -> None:
    """None, and one that is no secret."""
    assert 2 == desk.error(*ADD, "--client-secret-stdin", stdin=stdin)[0]


def test_add_a_name_that_is_taken(desk: Any) -> None:
    """It fails before a secret is asked for."""
    code, error = desk.error("app", "add", APP, *ADD[3:])

    assert (1, "AppExists", f"tokensync app show {APP}") == (code, error["class"], error["next"])


def test_add_without_a_client_id_says_so(desk: Any) -> None:
    """By its option's name, and with what was given already in the next command."""
    desk.embedded_stack.is_up = True
    result = desk.start("app", "add", "shop", "--provider", "tiktok_shop", "--yes", "--json")

    error = json.loads(result.stderr)["error"]
    assert (2, "tokensync app add shop --provider tiktok_shop --client-id ID") == (result.exit_code, error["next"])
    assert "--client-id is missing" in error["message"]


def test_a_command_to_repeat_holds_what_was_given(desk: Any) -> None:
    """It runs as it stands: every option is in it, quoted where a shell needs that."""
    arguments = ("app", "add", "shop", "--provider", "tiktok_login", "--client-id", "a b", "--scope", "s.t")
    code, error = desk.error(*arguments)

    assert 2 == code
    assert (
        "tokensync app add shop --provider tiktok_login --client-id 'a b' --scope s.t --client-secret-stdin"
        == error["next"]
    )


@pytest.mark.parametrize(
    "arguments", [("set", "nope", "push=none"), ("rotate-secret", "nope"), ("show", "nope"), ("remove", "nope")]
)
def test_an_app_that_is_not_registered_is_named(desk: Any, arguments: tuple[str, ...]) -> None:
    """Exit code 3 and the list of those that are."""
    code, error = desk.error("app", *arguments, "--yes") if "remove" in arguments else desk.error("app", *arguments)

    assert (3, "UnknownApp", "tokensync app list") == (code, error["class"], error["next"])
    assert "nope" in error["message"]


def test_an_app_whose_secret_is_gone_is_not_called_unknown(desk: Any) -> None:
    """It is registered: what is missing is said."""
    desk.world.apps.fail_next("get", UnknownApp("GetSecretValue: ResourceNotFoundException"))
    code, error = desk.error("app", "show", APP)

    assert (1, "AppSecretGone", f"The secret of app {APP} is gone.") == (code, error["class"], error["message"])


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


def test_a_sandbox_app_takes_nothing_else(desk: Any) -> None:
    """Other options are refused, and a stack on AWS has no sandbox."""
    sandbox = ("app", "add", "second", "--provider", "tiktok_shop", "--sandbox")

    assert 2 == desk.error(*sandbox, "--client-id", "x")[0]
    code, error = desk.error(*sandbox)
    assert (2, "tokensync up") == (code, error["next"])


def test_a_provider_that_the_sandbox_cannot_be(desk: Any) -> None:
    """It says so and registers nothing."""
    desk.embedded_stack.is_up = True
    desk.sandbox.known = []

    result = desk.start("app", "add", "second", "--provider", "tiktok_shop", "--sandbox")

    assert 1 == result.exit_code
    assert [APP] == desk.world.apps.names()


def test_list_tells_what_runs(desk: Any) -> None:
    """Each app with its provider, its redirect URL and why it is paused."""
    desk.world.apps.pause(APP, why="invalid_client", now=5)

    assert [
        {
            "app": APP,
            "provider": "tiktok_shop",
            "paused": "invalid_client",
            "paused_at": 5,
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


def test_an_empty_list_names_the_next_command(desk: Any) -> None:
    """A newcomer is told how to register."""
    desk.world.apps.remove(APP)

    result = desk.run("app", "list")

    assert "No app is registered.\n" == result.stdout
    assert "Next: tokensync app add" in result.stderr


def test_show_never_shows_the_secret(desk: Any) -> None:
    """Neither to people nor to programs."""
    shown, told = desk.run("app", "show", APP), desk.json("app", "show", APP)

    assert "29a39d" in shown.stdout
    assert "e59af819cc" not in shown.output
    assert "client_secret" not in told
    assert (None, False) == (told["paused"], told["sandboxed"])


@pytest.mark.parametrize("verb", ["show", "remove", "pause", "resume"])
def test_an_unknown_app_is_not_found(desk: Any, verb: str) -> None:
    """Exit code 3; a name that can be none is 2."""
    code, error = desk.error("app", verb, "other")
    assert (3, "UnknownApp", "tokensync app list") == (code, error["class"], error["next"])
    assert 2 == desk.error("app", verb, "Other!")[0]


def test_remove_asks_while_connections_stand(desk: Any) -> None:
    """It says what would become of them; nobody there is a usage error, --yes means it and leaves them as they are."""
    desk.world.connected()

    code, error = desk.error("app", "remove", APP)
    assert (2, "Usage", f"tokensync app remove {APP} --yes") == (code, error["class"], error["next"])
    assert "1 connection of" in error["message"]

    assert {"app": APP, "removed": True, "connections": 1} == desk.json("app", "remove", APP, "--yes")
    assert [] == desk.world.apps.names()
    assert Status.ACTIVE is desk.world.stored().status


def test_remove_without_connections(desk: Any) -> None:
    """Nothing is asked."""
    result = desk.run("app", "remove", APP)

    assert (0, f"{APP} is removed.\n") == (result.exit_code, result.stdout)


def test_pause_and_resume(desk: Any) -> None:
    """Each tells whether it changed anything."""
    assert {"app": APP, "paused": True, "changed": True} == desk.json("app", "pause", APP)
    assert {"app": APP, "paused": True, "changed": False} == desk.json("app", "pause", APP)
    assert f"{APP} is now running.\n" == desk.run("app", "resume", APP).stdout
    assert {"app": APP, "paused": False, "changed": False} == desk.json("app", "resume", APP)


def test_resume_asks_once_for_each_parked_connection(desk: Any) -> None:
    """Those that a refusal parked are presented again, by the operator's word; others are left alone."""
    parked = replace(desk.world.connected(), status=Status.HELD, reason=Reason.REFUSED)
    desk.world.connections.seed(parked)
    desk.world.connected(ConnectionName(APP, "2"), refresh_token="R-2")
    desk.world.apps.pause(APP, why="too many refused", now=1)

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
    desk.world.apps.pause(APP, why="too many refused", now=1)
    desk.world.connections.before_next("request_refresh", lambda: desk.world.apps.pause(APP, why="again", now=2))

    told = desk.json("app", "resume", APP)

    assert {"app": APP, "paused": True, "changed": False} == told
    assert 1 == len(desk.functions.asked)


def test_a_store_that_fails_while_registering(desk: Any) -> None:
    """It is a matter of time, and the secret is in no message."""
    desk.world.apps.fail_next("register", StoreUnavailable("CreateSecret: InternalServiceError"))

    result = desk.run(*ADD, "--client-secret-stdin", stdin=SECRET)

    assert 5 == result.exit_code
    assert SECRET not in result.output


def test_a_paused_app_shows_the_way_back(desk: Any) -> None:
    """Since when, why, and the command that lets it run."""
    desk.world.apps.pause(APP, why="invalid_client", now=desk.world.clock.now())
    shown = desk.run("app", "show", APP)

    assert "invalid_client" in shown.stdout
    assert f"Next: tokensync app resume {APP}" in shown.stderr


def test_remove_tells_what_stays(desk: Any) -> None:
    """Its connections keep their last tokens, and are counted."""
    desk.world.connected()

    assert "1 connection stays as it is" in desk.run("app", "remove", APP, "--yes").stderr
