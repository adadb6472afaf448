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


def test_verify_says_when_and_what_changed(standing: Any) -> None:
    """In words for people; the facts are as they were."""
    result = standing.run("verify", str(NAME))

    assert (0, f"{NAME}: verified now, nothing changed.\n") == (result.exit_code, result.stdout)


def test_verify_as_json(standing: Any) -> None:
    """The result, what changed, and the connection with the time of its verification."""
    told = standing.json("verify", str(NAME))

    assert ("verified", False, False) == (told["result"], told["facts_changed"], told["refused"])
    assert standing.world.clock.now() == told["connection"]["verified_at"]
    assert [] == told["connection"]["missing_scopes"]


def test_verify_tells_that_the_token_was_renewed(standing: Any) -> None:
    """A refused access token leads to a refresh, and both are told."""
    refused = standing.world.shop.answer({"code": 105002, "message": "expired", "data": None})
    standing.world.shop.others["open-api.tiktokglobalshop.com"] = lambda _request: refused
    result = standing.run("verify", str(NAME))

    assert 0 == result.exit_code, result.output
    assert f"{NAME}: the access token was refused; refreshed, generation 1 → 2.\n" == result.stdout


@pytest.mark.parametrize("command", ["verify", "publish", "accept", "revoke", "remove"])
def test_a_connection_that_is_not_there(desk: Any, command: str) -> None:
    """Exit code 3 before any function is asked."""
    assert 3 == desk.error(command, str(NAME))[0]
    assert [] == desk.functions.asked


def test_publish_brings_a_deleted_secret_back(standing: Any) -> None:
    """An orphaned connection is active again, and the next command is told."""
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
    """The account and its label are in the question; whoever says no changed nothing."""
    code, error = strange.error("accept", str(STRANGE))
    assert (2, f"tokensync accept {STRANGE} --yes") == (code, error["next"])

    strange.is_interactive = True
    refused = strange.run("accept", str(STRANGE), stdin="n\n")
    assert 1 == refused.exit_code
    assert f"Accept account {STRANGE.account} (Acme GmbH) as {STRANGE}?" in refused.stderr
    assert Status.QUARANTINED is strange.world.stored(STRANGE).status


def test_accept_tells_which_account_is_active(strange: Any) -> None:
    """In words, and the next command."""
    result = strange.run("accept", str(STRANGE), "--yes")

    told = f"{STRANGE} (Acme GmbH) is accepted and active, generation 1.\n"
    assert (0, told) == (result.exit_code, result.stdout), result.output
    assert f"Next: tokensync token {STRANGE}" in result.stderr
    assert "active" == strange.world.document(STRANGE)["status"]


def test_accept_as_json(strange: Any) -> None:
    """The result and the connection."""
    told = strange.json("accept", str(STRANGE), "--yes")

    assert ("published", STRANGE.account, "active") == (
        told["result"], told["connection"]["account_id"], told["connection"]["status"]
    )  # fmt: skip


def test_accept_of_what_is_not_quarantined(standing: Any) -> None:
    """Nobody is asked; it is said that there is nothing to accept."""
    code, error = standing.error("accept", str(NAME))

    assert (1, f"tokensync show {NAME}") == (code, error["next"])
    assert "not quarantined" in error["message"]


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


def test_revoke_asks_first(standing: Any) -> None:
    """Nobody is there to ask: a usage error that names the option. Whoever says no changed nothing."""
    code, error = standing.error("revoke", str(NAME), "--local")
    assert (2, f"tokensync revoke {NAME} --local --yes") == (code, error["next"])

    standing.is_interactive = True
    assert 1 == standing.run("revoke", str(NAME), "--local", stdin="n\n").exit_code
    assert Status.ACTIVE is standing.world.stored().status


def test_revoke_where_the_seller_has_to(standing: Any) -> None:
    """TikTok Shop has no call: who ends it is said, and what marks it here."""
    code, error = standing.error("revoke", str(NAME), "--yes")

    assert (1, "NotOffered", f"tokensync revoke {NAME} --local") == (code, error["class"], error["next"])
    assert "the account itself ends the authorization" in error["message"]


def test_revoke_here_alone(standing: Any) -> None:
    """It says that the provider knows nothing of it."""
    result = standing.run("revoke", str(NAME), "--local", "--yes")

    assert (0, f"{NAME} is marked as revoked here; the provider was not asked.\n") == (result.exit_code, result.stdout)
    assert 4 == standing.run("token", str(NAME)).exit_code


def test_remove_warns_of_what_lives_on(standing: Any) -> None:
    """A connection that was not revoked is removed with a warning, and the recovery window is told."""
    result = standing.run("remove", str(NAME), "--yes", "--recovery-days", "7")
    told = "AWS deletes its secret in 7 days; a new authorization within them brings it back"

    assert (0, f"{NAME} is removed; {told}.\n") == (result.exit_code, result.stdout)
    assert "was not revoked" in result.stderr
    assert "To end it first" not in result.stderr  # this provider has no call for it
    assert f"Next: tokensync invite {APP} --for {NAME}\n" in result.stderr
    assert 7 == standing.world.secrets.secret(NAME).recovery_days


def test_remove_after_a_revocation_warns_of_nothing(standing: Any) -> None:
    """There is nothing left to live on."""
    standing.run("revoke", str(NAME), "--local", "--yes")
    result = standing.run("remove", str(NAME), "--yes", "--json")

    assert ("removed", "disconnected") == (
        json.loads(result.stdout)["result"], json.loads(result.stdout)["connection"]["status"]
    )  # fmt: skip
    assert json.loads(result.stdout)["revoked"] is True
    assert "" == result.stderr


def test_remove_tells_programs_what_lives_on(standing: Any) -> None:
    """In the result, and not beside it."""
    result = standing.run("remove", str(NAME), "--yes", "--json")

    assert (False, "deleted") == tuple(json.loads(result.stdout)[key] for key in ("revoked", "secret"))
    assert "" == result.stderr


def test_remove_of_what_was_never_published(standing: Any) -> None:
    """No secret is spoken of that never was."""
    standing.world.connections.seed(replace(standing.world.stored(), published=None))
    result = standing.run("remove", str(NAME), "--yes")

    assert (0, f"{NAME} is removed; it had no secret.\n") == (result.exit_code, result.stdout)


def test_remove_of_an_orphan(standing: Any) -> None:
    """Its secret was deleted by somebody else."""
    standing.world.connections.seed(replace(standing.world.stored(), status=Status.ORPHANED))
    result = standing.run("remove", str(NAME), "--yes")

    assert "its secret was gone or not ours" in result.stdout


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


@pytest.mark.parametrize("days", ["6", "31", "x"])
def test_a_recovery_window_that_aws_does_not_have(standing: Any, days: str) -> None:
    """A usage error, and nothing was asked."""
    assert 2 == standing.error("remove", str(NAME), "--yes", "--recovery-days", days)[0]
    assert [] == standing.functions.asked


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
