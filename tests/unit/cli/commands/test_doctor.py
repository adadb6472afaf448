"""`doctor`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes.world import APP, NAME
from tokensync.domain.app_state import PauseKind
from tokensync.domain.authorization import NO_ACCOUNT, Authorization, AuthorizationKey, AuthorizationState
from tokensync.domain.command_line import typed
from tokensync.domain.connection import QUOTA, Status
from tokensync.domain.errors import InvalidApp, StoreUnavailable
from tokensync_cli.output.failures import CommandFailed


def wrong(desk: Any) -> list[dict[str, Any]]:
    """Return what the doctor finds wrong; it ends with 1 if it finds anything, else with 0."""
    result = desk.run("doctor", "--json")
    findings = [finding for finding in json.loads(result.stdout) if not finding["ok"]]
    assert bool(findings) == result.exit_code
    assert "" == result.stderr
    return findings


def test_all_is_well(desk: Any) -> None:
    """Every check is listed, and the exit code is 0."""
    desk.world.connected()

    result = desk.run("doctor")

    assert 0 == result.exit_code
    for check in ("functions", "invite key", "apps", "connections", "dead letters"):
        assert check in result.stdout
    assert "wrong" not in result.stdout
    assert [] == wrong(desk)


def test_the_sandbox_is_looked_at_on_the_embedded_stack(desk: Any) -> None:
    """It answers, or it is found."""
    desk.embedded_stack.is_up = True

    assert "answers at http://localhost:4001" in desk.start("doctor").stdout


@pytest.mark.parametrize(
    ("status", "following"),
    [
        (Status.HELD, f"tokensync show {NAME}"),
        (Status.REAUTHORIZE, f"tokensync invite {APP} --for {NAME}"),
        (Status.DISCONNECTED, f"tokensync invite {APP} --for {NAME}"),
        (Status.ORPHANED, f"tokensync publish {NAME}"),
        (Status.QUARANTINED, f"tokensync accept {NAME}"),
    ],
)
def test_a_connection_that_is_not_active(desk: Any, status: Status, following: str) -> None:
    """Each status has the command that mends it."""
    desk.world.connections.seed(replace(desk.world.connected(), status=status, reason="why"))

    (finding,) = wrong(desk)

    assert following == finding["next"]
    assert f"{status.value} (why)" in finding["message"]


def test_connections_that_time_has_passed_by(desk: Any) -> None:
    """An expired token, and work that has waited for half an hour."""
    desk.world.connected()
    desk.world.clock.advance(3600)
    assert ["tokensync tick"] == [finding["next"] for finding in wrong(desk)]

    desk.world.clock.advance(4 * 86_400)
    assert [f"tokensync refresh {NAME}"] == [finding["next"] for finding in wrong(desk)]


def test_apps_that_do_not_run(desk: Any) -> None:
    """None at all, one that is paused for each reason, one that cannot be read."""
    for kind, following in (
        (PauseKind.CONFIGURATION, f"tokensync app rotate-secret {APP}"),
        (PauseKind.OPERATOR, f"tokensync app resume {APP}"),
        (PauseKind.REFUSED, f"tokensync list --app {APP} --status held"),
    ):
        desk.world.apps.pause(APP, kind=kind, why="what was said", now=1)
        (finding,) = wrong(desk)
        assert (following, kind is not PauseKind.OPERATOR) == (finding["next"], "; next probe" in finding["message"])
        desk.world.apps.resume(APP, now=2)

    desk.world.apps.fail_next("get", InvalidApp("the secret of app tiktok-shop is not JSON"))
    assert [f"tokensync app remove {APP}"] == [finding["next"] for finding in wrong(desk)]

    desk.world.apps.remove(APP)
    assert ["no app is registered"] == [finding["message"] for finding in wrong(desk)]


def test_a_pair_that_no_consumer_took(desk: Any) -> None:
    """The command that says why is named, as long as the app hands its pairs on."""
    desk.world.connections.seed(desk.world.connected().with_consumer(push_failures=1))
    assert [] == wrong(desk)

    desk.world.apps.update(replace(desk.world.apps.get(APP), settings={"push": "api2cart"}))
    assert [f"tokensync push {NAME} --to api2cart"] == [finding["next"] for finding in wrong(desk)]


def test_an_import_that_is_not_proved(desk: Any) -> None:
    """It has no access token: nothing is well, and a refresh shows why."""
    desk.world.connections.seed(
        replace(desk.world.connected(), obtained_at=None, access_expires_at=None, published=None)
    )

    (finding,) = wrong(desk)
    assert f"tokensync refresh {NAME}" == finding["next"]
    assert "has no access token yet" in finding["message"]


def test_a_connection_that_was_given_away_is_its_consumers(desk: Any) -> None:
    """Its access token ends here and is renewed there."""
    desk.world.connections.seed(
        replace(desk.world.connected().with_consumer(handed_over_at=1).with_due(renew_at=None), access_expires_at=2)
    )

    assert [] == wrong(desk)


def test_functions_that_do_not_answer(desk: Any) -> None:
    """Each is asked for itself."""
    desk.functions.script += [
        CommandFailed("It broke.", next_command=typed("tokensync doctor")),
        b"garbage",
    ]

    assert ["functions", "functions"] == [finding["check"] for finding in wrong(desk)]


def test_dead_letters_are_brought_back(desk: Any) -> None:
    """One command stores the answers among them and queues the names again."""
    desk.queues.messages["https://sqs.example/dead"] = 3

    (finding,) = wrong(desk)

    assert "tokensync recover" == finding["next"]


def test_an_answer_that_waits(desk: Any) -> None:
    """It is kept aside, and its connection is not due: nobody would look at it."""
    world = desk.world
    world.connected()
    world.failpoints.run_at("answered", lambda: world.connections.fail_next("write", StoreUnavailable))
    world.run()
    world.after_lease()

    assert [("connections", f"tokensync recover {NAME}")] == [
        (finding["check"], finding["next"]) for finding in wrong(desk)
    ]


def test_a_secret_that_takes_no_version(desk: Any) -> None:
    """Its token is not published, and says so although the connection is active."""
    desk.world.connections.seed(replace(desk.world.connected(), unpublished=QUOTA))

    (finding,) = wrong(desk)
    assert f"tokensync publish {NAME}" == finding["next"]
    assert f"{NAME}: its secret takes no further version today" in finding["message"]


def test_authorizations_that_were_given_up(desk: Any) -> None:
    """Sellers authorized, and nobody knew whose account it is: one command asks once more."""
    given_up = Authorization(
        key=AuthorizationKey(APP, "browser", "nonce"), provider="tiktok_shop", token_endpoint="", redirect_uri="",
        invite_id="", created_at=1, expires_at=2, state=AuthorizationState.FAILED, detail=NO_ACCOUNT,
        sealed_answer=b"sealed",
    )  # fmt: skip
    desk.world.authorizations.seed(given_up)

    assert [("authorizations", "tokensync recover")] == [(finding["check"], finding["next"]) for finding in wrong(desk)]
    desk.world.authorizations.seed(replace(given_up, detail="unusable_answer"))
    assert [] == wrong(desk)


def test_what_keeps_a_check_from_being_made_is_a_finding(desk: Any) -> None:
    """The other checks go on."""
    desk.world.connections.fail_next("list", StoreUnavailable("Query: ThrottlingException"))

    assert [("connections", "Query: ThrottlingException.")] == [
        (finding["check"], finding["message"]) for finding in wrong(desk)
    ]
