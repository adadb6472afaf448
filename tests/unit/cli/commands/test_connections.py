"""`list`, `show`, `history`, `token`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes.records import changed
from fakes.world import ACCOUNT, APP, NAME
from tokensync.domain.app import App
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import LastError, Status
from tokensync.domain.names import ConnectionName, token_secret_name
from tokensync.domain.secret import Secret
from tokensync.operate.summary import summary

SECRET = token_secret_name("tokensync", NAME)


def publish(desk: Any, **change: Any) -> None:
    """Seed a connection and publish it with other values."""
    record = changed(desk.world.connected(), **change)
    desk.world.connections.seed(record)
    published = {**desk.world.document(), "status": record.status.value}
    stored = desk.world.secrets.secret(NAME)
    stored.versions[stored.current] = json.dumps(published)


def test_list_is_an_array_of_summaries(desk: Any) -> None:
    """`list --json` gives what programs rely on, and no token."""
    record = desk.world.connected()

    assert [summary(record, prefix="tokensync")] == desk.json("list")


def test_list_shows_people_a_row_for_each(desk: Any) -> None:
    """Times are shown as seen from now, and an error by its class."""
    record = desk.world.connected()
    error = LastError(failure="busy", code="429", message="slow down", trace_id="t", at=desk.world.clock.now())
    desk.world.connections.seed(replace(record, last_error=error))

    result = desk.run("list")

    assert 0 == result.exit_code
    head, row = result.stdout.splitlines()
    assert head.startswith("CONNECTION")
    assert f"{NAME}  Acme GmbH  active  1           in 3 d 12 h" in row
    assert row.endswith("busy 429")
    assert "stack prod in eu-central-1, account 000000000000" in result.stderr


def test_list_says_why_a_connection_is_not_simply_active(desk: Any) -> None:
    """A word in the table, and beneath it a sentence with the next command; programs get all three."""
    held = replace(desk.world.connected(), status=Status.HELD, reason="last_attempt_ambiguous")
    desk.world.connections.seed(held)

    result = desk.run("list")
    (told,) = desk.json("list")

    assert "last attempt ambiguous" in result.stdout
    assert f"{NAME}: held: its last attempt brought no token either" in result.stderr
    assert f"Next: tokensync refresh {NAME} --force" in result.stderr
    assert ("last_attempt_ambiguous", f"tokensync refresh {NAME} --force") == (told["reason"], told["next"])
    assert f"Next: tokensync refresh {NAME} --force\n" in desk.run("show", str(NAME)).stderr


def test_show_sends_nobody_back_to_itself(desk: Any) -> None:
    """While a last attempt is still to come there is nothing to do, and the sentence says so."""
    desk.world.connections.seed(replace(desk.world.connected(), status=Status.HELD, reason="ambiguous"))
    shown = desk.run("show", str(NAME))

    assert "one last attempt is made" in " ".join(shown.stdout.split())
    assert "Next:" not in shown.stderr


def test_list_tells_of_a_paused_app(desk: Any) -> None:
    """Its connections are active, and nothing renews them."""
    desk.world.connected()
    desk.world.apps.pause(APP, kind=PauseKind.CONFIGURATION, why="invalid_client", now=1)

    for told in (*desk.json("list"), desk.json("show", str(NAME))):
        assert ("app_paused", f"tokensync app rotate-secret {APP}") == (told["reason"], told["next"])
    assert "its app is paused: the provider refuses its own credentials: invalid_client" in desk.run("list").stderr


def test_list_explains_a_few(desk: Any) -> None:
    """Of a whole fleet in trouble ten are explained, and the doctor has the rest."""
    for index in range(12):
        record = desk.world.connected(ConnectionName(APP, f"seller-{index:02}"), refresh_token=f"F{index}")
        desk.world.connections.seed(replace(record, status=Status.REAUTHORIZE, reason="refused"))
    said = desk.run("list").stderr

    assert 10 == said.count("the seller has to authorize again")
    assert "… and 2 more. Next: tokensync doctor" in said


def test_list_by_status_and_app(desk: Any) -> None:
    """Filters leave the others out; an app that is not registered is not found."""
    desk.world.connected()
    desk.world.connections.seed(
        replace(desk.world.connected(ConnectionName(APP, "2"), refresh_token="R-2"), status=Status.HELD)
    )

    assert [f"{APP}/2"] == [told["connection"] for told in desk.json("list", "--status", "held")]
    assert 2 == len(desk.json("list", "--app", APP))
    assert 3 == desk.error("list", "--app", "other")[0]
    assert 2 == desk.error("list", "--app", "Other!")[0]


def test_an_empty_list_names_the_next_command(desk: Any) -> None:
    """A newcomer is not left with nothing."""
    result = desk.run("list")

    assert (0, "No connection.\n") == (result.exit_code, result.stdout)
    assert f"Next: tokensync invite {APP}\n" in result.stderr
    assert [] == desk.json("list")


def test_an_empty_list_names_what_works_for_the_app(desk: Any) -> None:
    """Nobody can connect an app whose tokens are imported; and a status that nobody has asks for nothing."""
    desk.world.apps.register(App(name="eshop", provider="eshopbox", client_id="c", client_secret=Secret("s")))

    assert "Next: tokensync import eshop --account ID\n" in desk.run("list", "--app", "eshop").stderr
    for options in (("--status", "held"), ("--removed",)):
        assert "Next:" not in desk.run("list", *options).stderr


def test_an_import_that_is_not_proved(desk: Any) -> None:
    """It has no token that could never expire: `list`, `show`, `token` and `export` say so, and what proves it."""
    record = replace(desk.world.connected(), obtained_at=None, access_expires_at=None, published=None)
    desk.world.connections.seed(record)
    desk.world.secrets.destroy(desk.world.secrets.secret(NAME).arn)

    assert "active  1           -  " in desk.run("list").stdout
    shown = desk.run("show", str(NAME))
    assert "no token yet" in shown.stdout
    assert f"Next: tokensync refresh {NAME}\n" in shown.stderr
    for command in ("token", "export"):
        code, error = desk.error(command, str(NAME))
        assert (5, f"tokensync refresh {NAME}") == (code, error["next"])
        assert "has no access token yet" in error["message"]


@pytest.mark.parametrize(
    ("change", "refusal", "why", "following"),
    [
        (
            {"status": Status.REAUTHORIZE},
            (4, "reauthorize"),
            "the seller has to authorize again",
            f"invite {APP} --for",
        ),
        ({"status": Status.QUARANTINED}, (1, "NotPublished"), "another account authorized", "accept"),
        ({"published": None}, (5, "NotPublished"), "it is not published yet", "show"),
        ({}, (1, "SecretGone"), "its secret is gone or not ours; the grant is kept", "publish"),
    ],
)
def test_without_a_secret_the_condition_says_why(
    desk: Any, change: dict[str, Any], refusal: tuple[int, str], why: str, following: str
) -> None:
    """In the words of `list` and `show`, with the command that helps."""
    desk.world.connections.seed(replace(desk.world.connected(), **change))
    desk.world.secrets.destroy(desk.world.secrets.secret(NAME).arn)

    code, error = desk.error("token", str(NAME))

    assert (refusal, f"tokensync {following} {NAME}") == ((code, error["class"]), error["next"])
    assert f"{NAME} has no secret to read: " in error["message"]
    assert why in error["message"]


def test_show_prints_one_connection(desk: Any) -> None:
    """The same as in the list, and no token."""
    record = desk.world.connected()

    assert summary(record, prefix="tokensync") == desk.json("show", str(NAME))
    shown = desk.run("show", str(NAME)).stdout
    assert "Acme GmbH" in shown
    assert "A0" not in shown


def test_reveal_opens_the_grant(desk: Any) -> None:
    """With --reveal alone, and with the operator's own credentials, tokens are printed."""
    desk.world.connected()

    grant = desk.json("show", str(NAME), "--reveal")["grant"]

    assert ("A0", "R0") == (grant["access_token"], grant["refresh_token"])
    assert "R0" in desk.run("show", str(NAME), "--reveal").stdout


def test_history_lists_events(desk: Any) -> None:
    """What happened, the newest last."""
    desk.world.connected()
    desk.run("refresh", str(NAME))

    events = desk.json("history", str(NAME))

    assert ["token.refreshed"] == [entry["event"] for entry in events]
    assert {"at", "event", "generation", "detail"} == set(events[0])
    assert "token.refreshed" in desk.run("history", str(NAME)).stdout


def test_token_prints_the_token_alone(desk: Any) -> None:
    """What `$(tokensync token …)` gives is the token and nothing else."""
    desk.world.connected()

    result = desk.run("token", str(NAME))

    assert (0, "A0\n") == (result.exit_code, result.stdout)
    told = desk.json("token", str(NAME))
    assert ("A0", "active") == (told["access_token"], told["status"])
    assert {"access_token", "expires_at", "status"} == set(told)


@pytest.mark.parametrize("status", [Status.REAUTHORIZE, Status.DISCONNECTED])
def test_a_token_that_only_its_seller_can_renew_is_not_printed(desk: Any, status: Status) -> None:
    """Exit code 4 and the invite to send."""
    publish(desk, status=status)

    code, error = desk.error("token", str(NAME))

    assert (4, f"tokensync invite {APP} --for {NAME}") == (code, error["next"])


def test_a_doubtful_token_is_printed_with_a_warning(desk: Any) -> None:
    """Held and expired are said on stderr; stdout stays usable."""
    publish(desk, status=Status.HELD)
    desk.world.clock.advance(4 * 86_400)

    result = desk.run("token", str(NAME))

    assert (0, "A0\n") == (result.exit_code, result.stdout)
    assert "is held" in result.stderr
    assert "expired 12 h ago" in result.stderr


@pytest.mark.parametrize(
    "text", ["hands off", "[]", '{"access_token": 1}', r'{"access_token": "A\u001b[2J"}', "[" * 100_000]
)
def test_a_secret_that_is_not_ours_is_not_printed(desk: Any, text: str) -> None:
    """Somebody else's secret of that name stays theirs."""
    desk.secrets.others[token_secret_name("tokensync", ConnectionName(APP, "x"))] = text

    code, error = desk.error("token", f"{APP}/x")

    assert (1, "SecretNotOurs") == (code, error["class"])
    assert text not in error["message"]


def test_names_from_a_provider_cannot_move_the_terminal(desk: Any) -> None:
    """Control and direction characters in a label are printed as escapes."""
    desk.world.connections.seed(replace(desk.world.connected(), label="Acme\x1b[31m\u202eGmbH"))

    assert r"Acme\u001b[31m\u202eGmbH" in desk.run("list").stdout
    assert ACCOUNT in desk.run("show", str(NAME)).stdout
