"""`export`, `push`, `app set`, `app set-consumer-key`."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.cart import HOST, KEY, ScriptedCart
from fakes.hostile import CONTROLS, HOSTILE
from fakes.scripted import OIDC
from fakes.world import APP, NAME
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName, token_secret_name
from tokensync.domain.secret import Secret
from tokensync_cli.output.failures import CommandFailed

if TYPE_CHECKING:
    from pathlib import Path

SECRET = token_secret_name("tokensync", NAME)
ADVERTISERS = ["7000000000000000001", "7000000000000000002"]


def write(desk: Any, **change: Any) -> None:
    """Change what the published secret holds."""
    stored = desk.world.secrets.secret(NAME)
    stored.versions[stored.current] = json.dumps({**desk.world.document(), **change})


def ads(desk: Any, **account: Any) -> None:
    """Publish a connection of TikTok Ads."""
    desk.world.connected()
    write(desk, provider="tiktok_ads", account={"advertiser_ids": ADVERTISERS, **account})


@pytest.fixture
def cart(desk: Any) -> ScriptedCart:
    """API2Cart, behind an app that has its key."""
    made = ScriptedCart(desk.world.clock)
    desk.world.shop.others[HOST] = made
    desk.world.apps.update(replace(desk.world.app, api2cart_key=Secret(KEY)))
    desk.world.connected()
    return made


def test_export_for_a_shell(desk: Any) -> None:
    """Lines that a shell can read, and nothing else on stdout."""
    desk.world.connected()

    result = desk.run("export", str(NAME), "--format", "env")

    assert 0 == result.exit_code
    assert [
        f"TOKENSYNC_CONNECTION='{NAME}'",
        "TOKENSYNC_PROVIDER='tiktok_shop'",
        f"TOKENSYNC_ACCOUNT_ID='{NAME.account}'",
        "TOKENSYNC_STATUS='active'",
        "TOKENSYNC_TOKEN_TYPE='Bearer'",
        "TOKENSYNC_SCOPES='seller.authorization.info'",
        f"TOKENSYNC_EXPIRES_AT='{desk.world.document()['expires_at']}'",
        "TOKENSYNC_ACCESS_TOKEN='A0'",
    ] == result.stdout.splitlines()
    assert result.stdout == desk.run("export", str(NAME)).stdout


@pytest.mark.parametrize("token", ["plain", "it's", "$(id)`id`", 'a"b', "a\\b", "a b;c&d", "a!b*c~", "''"])
def test_a_shell_reads_the_token_as_it_is(desk: Any, token: str) -> None:
    """Whatever a token is made of, a POSIX shell gets exactly that and runs nothing."""
    desk.world.connected()
    write(desk, access_token=token)

    lines = desk.run("export", str(NAME)).stdout
    script = f'{lines}printf %s "$TOKENSYNC_ACCESS_TOKEN"'
    shell = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, timeout=30)

    assert token == shell.stdout
    assert 8 == len(shlex.split(lines))


def test_export_for_owox(desk: Any) -> None:
    """The names that its connector wants, and its list of advertisers as one text."""
    ads(desk)

    assert {
        "AuthType": {"oauth2": {"AccessToken": "A0", "AppId": "29a39d", "AppSecret": "e59af819cc"}},
        "AdvertiserIDs": ",".join(ADVERTISERS),
    } == json.loads(desk.run("export", str(NAME), "--format", "owox").stdout)


def test_owox_without_the_apps_secret(desk: Any) -> None:
    """Its environment has it already: nothing of the client secret is printed."""
    ads(desk)
    result = desk.run("export", str(NAME), "--format", "owox", "--without-secret")

    assert {"AccessToken": "A0", "AppId": "29a39d"} == json.loads(result.stdout)["AuthType"]["oauth2"]
    assert "e59af819cc" not in result.output
    code, error = desk.error("export", str(NAME), "--format", "env", "--without-secret")
    assert (2, f"tokensync export {NAME} --format env") == (code, error["next"])


@pytest.mark.parametrize(
    ("options", "form"),
    [
        (("--format", "owox"), "owox"),
        (("--format", "owox", "--without-secret"), "owox --without-secret"),
        (("--format", "owox", "--no-alert"), None),
        (("--format", "json"), None),
        (("--format", "env", "--alert"), "env"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_copy_that_lasts_is_noted(desk: Any, options: tuple[str, ...], form: str | None) -> None:
    """What a shell reads is read anew each time; what another program keeps is replaced, and that is alerted once."""
    ads(desk)
    assert 0 == desk.run("export", str(NAME), *options).exit_code

    copy = desk.world.stored().consumer.exported
    assert form == (copy and copy.form)
    assert (form and 1) == desk.json("show", str(NAME)).get("exported")
    desk.world.run()
    alerts = [alert.next_command for alert in desk.world.alerts.told]
    assert ([] if form is None else [f"tokensync export {NAME} --format {form}"]) == alerts


def test_a_copy_that_cannot_be_noted_is_a_copy_all_the_same(desk: Any) -> None:
    """The operator reads that nobody will be alerted; a token that was replaced just now is said to be."""
    ads(desk)
    for error in (CommandFailed("Not yours.", next_command=typed("-"), kind="AccessDenied"), ValueError("CANARY")):
        desk.functions.script.append(error)
        result = desk.run("export", str(NAME), "--format", "owox")
        assert (0, "A0") == (result.exit_code, json.loads(result.stdout)["AuthType"]["oauth2"]["AccessToken"])
        assert "nobody will be alerted" in result.stderr
        assert "CANARY" not in result.output
    desk.world.change(generation=7)
    result = desk.run("export", str(NAME), "--format", "owox")
    assert f"again: tokensync export {NAME} --format owox" in result.stderr


@pytest.mark.parametrize("account", [{"advertiser_ids": []}, {"advertiser_ids": None}, {"truncated": True}])
def test_owox_needs_all_advertisers(desk: Any, account: dict[str, Any]) -> None:
    """A list that is cut or missing is not handed over as if it were whole."""
    ads(desk, **account)

    code, error = desk.error("export", str(NAME), "--format", "owox")

    assert (1, "NoAdvertisers", f"tokensync verify {NAME}") == (code, error["class"], error["next"])


def test_export_of_what_is_lost_or_was_never_published(desk: Any) -> None:
    """The same exit codes as `token` has."""
    desk.world.connected()
    write(desk, status="reauthorize")
    assert 4 == desk.error("export", str(NAME))[0]
    assert 3 == desk.error("export", f"{APP}/nobody")[0]

    write(desk, status="held")
    assert "is held" in desk.run("export", str(NAME)).stderr


def test_push_hands_the_pair_over(desk: Any, cart: ScriptedCart) -> None:
    """It says which generation the consumer has now."""
    desk.run("app", "set", APP, "push=api2cart")

    assert {"result": "pushed", "pushed": 1, "owner": "tokensync"} == desk.json("push", str(NAME), "--to", "api2cart")
    assert "api2cart has generation 1" in desk.run("push", str(NAME), "--to", "api2cart").stdout
    assert ["A0", "A0"] == cart.handed


def test_push_with_an_address_and_a_check(desk: Any, cart: ScriptedCart) -> None:
    """The store gets the address; the check hands nothing over, and `show` and `doctor` say what came of it."""
    desk.run("app", "set", APP, "push=api2cart")
    url = "https://shop.example/acme"
    assert 0 == desk.run("push", str(NAME), "--to", "api2cart", "--store-url", url).exit_code
    assert url == cart.stores["store-1"]["store_url"]
    assert {"result": "verified", "accepted": True} == desk.json("push", str(NAME), "--to", "api2cart", "--check")
    assert re.search(r"store[_ ]refused +no", desk.run("show", str(NAME)).stdout)
    cart.dead.add("A0")
    code, error = desk.error("push", str(NAME), "--to", "api2cart", "--check")
    assert (1, "store_refused", f"tokensync push {NAME} --to api2cart") == (code, error["class"], error["next"])
    assert "4711" in desk.run("show", str(NAME)).stdout
    findings = json.loads(desk.run("doctor", "--json").stdout)
    found = [one for one in findings if one["check"] == "connections" and not one["ok"]]
    assert [f"tokensync push {NAME} --to api2cart --check"] == [one["next"] for one in found]
    assert 2 == desk.error("push", str(NAME), "--to", "api2cart", "--check", "--again")[0]
    assert ["A0"] == cart.handed


def test_push_gives_away(desk: Any, cart: ScriptedCart) -> None:
    """With owner=consumer the operator reads what that means, and `refresh` refuses from then on."""
    desk.run("app", "set", APP, "owner=consumer")

    result = desk.run("push", str(NAME), "--to", "api2cart")
    code, error = desk.error("refresh", str(NAME))

    assert "nothing here presents its refresh token" in result.stderr
    assert (1, "owned_by_consumer", f"tokensync invite {APP} --for {NAME}") == (code, error["class"], error["next"])
    assert ["A0"] == cart.handed
    assert Status.ACTIVE is desk.world.stored().status


def test_settings_are_changed_one_by_one(desk: Any) -> None:
    """What is not named stays, and the app's secret with it."""
    desk.run("app", "set", APP, "account_kind=creator")

    told = desk.json("app", "set", APP, "push=api2cart")

    assert {"account_kind": "creator", "push": "api2cart"} == told["settings"]
    assert "e59af819cc" == desk.world.apps.get(APP).client_secret.reveal()
    assert f"tokensync app set-consumer-key {APP}" in desk.run("app", "set", APP, "push=api2cart").stderr


@pytest.mark.parametrize("pair", ["grant=client_credentials", "account_field=user_id", "issuer=https://other.example"])
def test_whose_tokens_they_are_stays_while_connections_stand(desk: Any, pair: str) -> None:
    """Under another grant, name or issuer the connections would be given tokens of somebody else."""
    desk.world.apps.register(OIDC)
    name = ConnectionName("oidc", "alice")
    desk.world.connected(name, refresh_token="OR")

    code, error = desk.error("app", "set", "oidc", pair)

    assert (1, "ConnectionsStand") == (code, error["class"])
    assert f"tokensync app add NAME --provider oauth2 --set {pair}" == error["next"]
    assert "1 connection of oidc" in error["message"]
    assert OIDC == desk.world.apps.get("oidc")

    same = pair.partition("=")[0] + "=" + OIDC.settings.get(pair.partition("=")[0], "")
    others = ("iss=required",) if same.endswith("=") else ("iss=required", same)
    assert 0 == desk.run("app", "set", "oidc", *others).exit_code
    desk.world.connections.seed(replace(desk.world.stored(name), removed_at=1))
    assert 0 == desk.run("app", "set", "oidc", pair).exit_code


def test_the_consumers_key_comes_from_stdin_or_a_prompt(desk: Any) -> None:
    """Never from the command line, and it is printed nowhere."""
    result = desk.run("app", "set-consumer-key", APP, "--key-stdin", stdin=f"{KEY}\n")
    assert 0 == result.exit_code
    assert KEY not in result.output
    assert KEY == desk.world.apps.get(APP).api2cart_key.reveal()
    assert f"tokensync app set {APP} push=api2cart" in result.stderr

    desk.is_interactive = True
    assert KEY not in desk.run("app", "set-consumer-key", APP, stdin=f"{KEY}2\n").output
    assert f"{KEY}2" == desk.world.apps.get(APP).api2cart_key.reveal()
    assert KEY not in desk.run("app", "show", APP).output


def test_export_as_json(desk: Any) -> None:
    """The published secret as workloads read it, with the operator's own credentials; nothing where there is no end."""
    desk.world.connected()

    assert desk.world.document() == json.loads(desk.run("export", str(NAME), "--format", "json").stdout)
    assert "A0" == desk.json("export", str(NAME))["TOKENSYNC_ACCESS_TOKEN"]
    write(desk, expires_at=None)
    assert "TOKENSYNC_EXPIRES_AT=''" in desk.run("export", str(NAME)).stdout
    assert [] == desk.functions.asked


def test_a_shell_gets_every_value_exactly(desk: Any, tmp_path: Path) -> None:
    """Sourced by bash, an export of a hostile account and its scopes runs nothing and loses nothing."""
    file, read = tmp_path / "token.env", ("TOKENSYNC_CONNECTION", "TOKENSYNC_ACCOUNT_ID", "TOKENSYNC_SCOPES")
    variables = " ".join(f'"${each}"' for each in read)
    script = f"source ./{file.name}; printf '%s\\0' {variables}"
    for index, text in enumerate(HOSTILE.values()):
        name, scope = ConnectionName(APP, text), CONTROLS["another line"]
        desk.world.connected(name, refresh_token=f"R{index}")
        stored = desk.world.secrets.secret(name)
        document = {**json.loads(stored.versions[stored.current]), "account_id": text, "scopes": [scope]}
        stored.versions[stored.current] = json.dumps(document)

        exported = desk.run("export", "--format=env", str(name)).stdout
        file.write_text(exported, encoding="utf-8")
        shell = subprocess.run(["/bin/bash", "-c", script], capture_output=True, cwd=tmp_path, check=True, timeout=30)

        assert [str(name), text, scope, ""] == shell.stdout.decode().split("\0")
        assert 8 == len(exported.splitlines())
    assert [file] == list(tmp_path.iterdir())
