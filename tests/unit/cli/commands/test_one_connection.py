"""`verify`, `publish`, `accept`, `revoke`, `remove`, and how removed connections are shown."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes.visitors import Browser
from fakes.world import APP, NAME
from tokensync.domain.app import App
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName, token_secret_name
from tokensync.domain.secret import Secret

STRANGE = ConnectionName(APP, "strange-account")


@pytest.fixture
def standing(desk: Any) -> Any:
    """A desk with one connection of TikTok Shop."""
    desk.world.connected()
    return desk


def test_verify_tells_that_the_token_was_renewed(standing: Any) -> None:
    """A refused access token leads to a refresh, and both are printed."""
    refused = standing.world.shop.answer({"code": 105002, "message": "expired", "data": None})
    standing.world.shop.others["open-api.tiktokglobalshop.com"] = lambda _request: refused
    result = standing.run("verify", str(NAME))

    assert 0 == result.exit_code, result.output
    assert f"{NAME}: the access token was refused; refreshed, generation 1 → 2.\n" == result.stdout


def test_publish_brings_a_deleted_secret_back(standing: Any) -> None:
    """An orphaned connection is active again, and the next command is printed."""
    standing.world.secrets.schedule_deletion(standing.world.secrets.secret(NAME).arn)
    assert 1 == standing.error("refresh", str(NAME))[0]
    result = standing.run("publish", str(NAME))

    assert (0, f"{NAME} is published.\n") == (result.exit_code, result.stdout)
    assert f"Next: tokensync token {NAME}" in result.stderr
    assert Status.ACTIVE is standing.world.stored().status


@pytest.fixture
def strange(standing: Any) -> Any:
    """A desk at which another account than the invite's authorized."""
    standing.world.shop.account = STRANGE.account
    browser = Browser(standing.world)
    browser.connect(standing.world.invite(for_account=NAME.account))
    browser.back()
    return standing


def test_accept_shows_whom_it_asks_about(strange: Any) -> None:
    """The account and its label are in the question; after a no nothing is changed."""
    code, error = strange.error("accept", str(STRANGE))
    assert (2, f"tokensync accept {STRANGE} --yes") == (code, error["next"])

    strange.is_interactive = True
    refused = strange.run("accept", str(STRANGE), stdin="n\n")
    assert 1 == refused.exit_code
    assert f"Accept account {STRANGE.account} (Acme GmbH) as {STRANGE}?" in refused.stderr
    assert Status.QUARANTINED is strange.world.stored(STRANGE).status


def test_accept_out_of_a_backup(standing: Any) -> None:
    """Where the provider takes each refresh token once the seller is asked for, unless the operator insists."""
    world = standing.world
    world.origin.restored()
    backup = world.table.backup()
    world.run()
    world.table.restore(backup)
    world.run()
    code, error = standing.error("accept", str(NAME), "--yes")
    assert (4, f"tokensync invite {APP} --for {NAME}") == (code, error["next"])

    world.shop.alive.add("R0")
    result = standing.run("accept", str(NAME), "--force", "--yes")
    assert 0 == result.exit_code, result.output


def test_revoke_here_alone(standing: Any) -> None:
    """It says that the provider knows nothing of it."""
    result = standing.run("revoke", str(NAME), "--local", "--yes")

    assert (0, f"{NAME} is marked as revoked here; the provider was not asked.\n") == (result.exit_code, result.stdout)
    assert 4 == standing.run("token", str(NAME)).exit_code


def test_remove_warns_of_what_lives_on(standing: Any) -> None:
    """A connection that was not revoked is removed with a warning, and the recovery window is named."""
    result = standing.run("remove", str(NAME), "--yes", "--recovery-days", "7")
    told = "AWS deletes its secret in 7 days; a new authorization within them brings it back"

    assert (0, f"{NAME} is removed; {told}.\n") == (result.exit_code, result.stdout)
    assert "was not revoked" in result.stderr
    assert "To end it first" not in result.stderr  # this provider has no call for it
    assert f"Next: tokensync invite {APP} --for {NAME}\n" in result.stderr
    assert 7 == standing.world.secrets.secret(NAME).recovery_days


def test_remove_names_revoke_first_where_there_is_one(desk: Any) -> None:
    """Before the question, for a provider with a revocation; with --yes it would come too late."""
    app = App(name="login", provider="tiktok_login", client_id="c", client_secret=Secret("s"), scopes=("x",))
    desk.world.apps.register(app)
    name = ConnectionName("login", "it's")
    desk.world.connections.seed(replace(desk.world.connected(name, refresh_token="R-9"), provider="tiktok_login"))
    desk.is_interactive = True
    asked = desk.run("remove", str(name), stdin="n\n")
    done = desk.run("remove", str(name), "--yes")

    assert "To end it first: tokensync revoke 'login/it'\"'\"'s'" in asked.stderr
    assert "was not revoked" in done.stderr
    assert "To end it first" not in done.stderr


@pytest.mark.parametrize("options", [(), ("--local",), ("--local", "--json")])
def test_revoke_again_says_that_it_is_over(standing: Any, options: tuple[str, ...]) -> None:
    """Nobody is asked, neither operator nor provider, and what is left to do is named."""
    standing.run("revoke", str(NAME), "--local", "--yes")
    asked = len(standing.functions.asked)
    result = standing.run("revoke", str(NAME), *options)

    assert 0 == result.exit_code
    assert asked == len(standing.functions.asked)
    if "--json" in options:
        assert "disconnected" == json.loads(result.stdout)["result"]
    else:
        assert f"{NAME} is disconnected already.\n" == result.stdout
        assert f"Next: tokensync remove {NAME}\n" in result.stderr


def test_removed_connections_are_out_of_sight(standing: Any) -> None:
    """`list`, `show`, `token` and `refresh` know it no more; its history stays, and `list --removed` finds it."""
    standing.run("remove", str(NAME), "--yes")

    assert [] == standing.json("list")
    assert [str(NAME)] == [told["connection"] for told in standing.json("list", "--removed")]
    for command in ("show", "token", "refresh"):
        code, error = standing.error(command, str(NAME))
        assert (3, f"{NAME} was removed now.") == (code, error["message"])
    assert "connection.removed" == standing.json("history", str(NAME))[-1]["event"]


def test_what_is_removed_is_no_trouble(standing: Any) -> None:
    """`doctor` passes over it, and an app's remaining connections are counted without it."""
    standing.run("remove", str(NAME), "--yes")

    assert "is disconnected" not in standing.run("doctor").output
    assert 0 == standing.json("app", "remove", APP, "--yes")["connections"]


def test_doctor_names_what_mends_an_orphan(standing: Any) -> None:
    """The command that gives it its secret back."""
    standing.world.secrets.schedule_deletion(standing.world.secrets.secret(NAME).arn)
    standing.error("refresh", str(NAME))
    found = json.loads(standing.run("doctor", "--json").stdout)

    assert f"tokensync publish {NAME}" in [one.get("next") for one in found]
    assert token_secret_name("tokensync", NAME) == standing.json("show", str(NAME))["secret"]


def test_verify_says_when_and_what_changed(standing: Any) -> None:
    """In words for people; as JSON the result and the connection with the time of its verification."""
    result, told = standing.run("verify", str(NAME)), standing.json("verify", str(NAME))

    assert (0, f"{NAME}: verified now, nothing changed.\n") == (result.exit_code, result.stdout)
    assert ("verified", False, False) == (told["result"], told["facts_changed"], told["refused"])
    assert standing.world.clock.now() == told["connection"]["verified_at"]
    assert [] == told["connection"]["missing_scopes"]


def test_accept_tells_which_account_is_active(strange: Any) -> None:
    """In words with the next command; as JSON the result and the connection."""
    quarantined = strange.world.stored(STRANGE)
    result = strange.run("accept", str(STRANGE), "--yes")
    told = f"{STRANGE} (Acme GmbH) is accepted and active, generation 1.\n"
    assert (0, told) == (result.exit_code, result.stdout), result.output
    assert f"Next: tokensync token {STRANGE}" in result.stderr
    assert "active" == strange.world.document(STRANGE)["status"]

    strange.world.connections.seed(quarantined)
    as_json = strange.json("accept", str(STRANGE), "--yes")
    assert ("published", STRANGE.account) == (as_json["result"], as_json["connection"]["account_id"])


@pytest.mark.parametrize(
    ("change", "secret", "words"),
    [
        ({}, "deleted", "AWS deletes its secret in 30 days"),
        ({"published": None}, None, "it had no secret"),
        ({"status": Status.ORPHANED}, None, "its secret was gone or not ours"),
    ],
)
def test_what_becomes_of_the_secret(standing: Any, change: dict[str, Any], secret: str | None, words: str) -> None:
    """People read it in the line, programs in the result: what lives on is in it, and not beside it."""
    record = replace(standing.world.stored(), **change)
    standing.world.connections.seed(record)
    assert words in standing.run("remove", str(NAME), "--yes").stdout

    standing.world.connections.seed(record)
    result = standing.run("remove", str(NAME), "--yes", "--json")
    told = json.loads(result.stdout)
    assert ("removed", False, "") == (told["result"], told["revoked"], result.stderr)
    assert secret is None or secret == told["secret"]


def test_remove_after_a_revocation_warns_of_nothing(standing: Any) -> None:
    """There is nothing left to live on."""
    standing.run("revoke", str(NAME), "--local", "--yes")
    result = standing.run("remove", str(NAME), "--yes", "--json")
    told = json.loads(result.stdout)

    assert ("removed", True, "disconnected") == (told["result"], told["revoked"], told["connection"]["status"])
    assert "" == result.stderr
