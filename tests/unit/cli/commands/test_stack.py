"""`up`, `down`, `outputs`, `env`, and which stack is meant."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from fakes.world import APP
from tokensync.domain.command_line import typed
from tokensync_cli.embedded.errors import EmbeddedStackError
from tokensync_cli.embedded.ports import Ports
from tokensync_cli.stack.target import Choice


def test_up_brings_the_stack_and_seeds_an_app(desk: Any) -> None:
    """It passes the options on, registers a sandbox app for each provider, and says what to try."""
    desk.world.apps.remove(APP)

    result = desk.start("up", "--detach", "--fresh", "--port", "8500", "--aws-port", "8501", "--sandbox-port", "8502")

    assert 0 == result.exit_code
    assert [(True, Ports(aws=8501, front_door=8500, sandbox=8502))] == desk.embedded_stack.ups
    assert f"apps      {APP}" in result.stdout
    assert f"Next: tokensync connect {APP}" in result.stderr
    assert "Starting" in result.stderr
    assert desk.world.apps.get(APP).is_sandboxed
    assert desk.embedded_stack.is_up


def test_up_as_json_prints_the_outputs(desk: Any) -> None:
    """One document on stdout, nothing on stderr."""
    result = desk.start("up", "--detach", "--json")

    assert "http://127.0.0.1:8402" == json.loads(result.stdout)["endpoint"]
    assert "" == result.stderr


def test_up_stays_until_ctrl_c(desk: Any) -> None:
    """Then it stops the stack and ends well."""
    desk.embedded_stack.looks = KeyboardInterrupt()

    result = desk.start("up")

    assert 0 == result.exit_code
    assert not desk.embedded_stack.is_up
    assert "Stopped" in result.stderr


def test_up_ends_when_the_stack_ends(desk: Any) -> None:
    """Somebody's `down`, or a part that failed, is a failure of the one who waits."""
    down = desk.embedded_stack.down
    desk.sandbox.providers = lambda: down(print) and []

    result = desk.start("up")

    assert 1 == result.exit_code
    assert "has ended" in result.stderr


def test_up_that_fails_names_log_and_next_command(desk: Any) -> None:
    """The embedded stack's own words."""
    desk.embedded_stack.fails = EmbeddedStackError(
        "Port 8400 is taken.",
        next_command=typed("tokensync up --help"),
        log=Path("/tmp/log"),  # noqa: S108 - only a name
    )

    result = desk.start("up")

    assert 1 == result.exit_code
    assert "Error: Port 8400 is taken. Its log: /tmp/log\nNext: tokensync up --help\n" in result.stderr


def test_up_that_is_interrupted(desk: Any) -> None:
    """Exit code 130 and a clean word."""
    desk.embedded_stack.fails = KeyboardInterrupt()

    result = desk.start("up")

    assert 130 == result.exit_code
    assert "Error: Interrupted." in result.stderr
    assert "Traceback" not in result.output


def test_down_tells_whether_it_ran(desk: Any) -> None:
    """Twice is no failure."""
    desk.embedded_stack.is_up = True

    assert {"stopped": True} == json.loads(desk.start("down", "--json").stdout)
    assert "The embedded stack was not up.\n" == desk.start("down").stdout


def test_outputs_are_those_of_the_design(desk: Any) -> None:
    """The keys that others build upon; what is not built is null."""
    desk.embedded_stack.is_up = True

    told = json.loads(desk.start("outputs", "--json").stdout)

    assert {
        "endpoint",
        "region",
        "stack",
        "connect_url",
        "callback_url",
        "webhook_url",
        "sandbox_url",
        "console_url",
        "table",
        "queue_url",
        "secret_prefix",
        "access_key_id",
        "secret_access_key",
    } <= set(told)
    assert told["console_url"] is None
    assert "it's $HOME" == told["secret_access_key"]


def test_outputs_show_people_no_secret(desk: Any) -> None:
    """A terminal is looked at by others; `env` and --json have the key."""
    desk.embedded_stack.is_up = True

    shown = desk.start("outputs").stdout

    assert "TOKENSYNCID" in shown
    assert "it's $HOME" not in shown + desk.start("up", "--detach").output


def test_env_makes_the_embedded_aws_the_only_one(desk: Any) -> None:
    """A shell that evaluates it speaks to the embedded AWS, whatever was set before, and past a proxy."""
    desk.embedded_stack.is_up = True
    before = {
        "AWS_PROFILE": "prod",
        "AWS_SESSION_TOKEN": "live",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere.example",
        "AWS_ACCESS_KEY_ID": "AKIA-live",
        "HTTP_PROXY": "http://proxy.example:3128",
        "NO_PROXY": "corp.example",
    }

    lines = desk.start("env", **before).stdout

    done = subprocess.run(
        ["/bin/sh", "-uc", 'eval "$1"; env', "sh", lines], env=before, capture_output=True, text=True, check=True
    )
    after = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:8402",
        "AWS_ACCESS_KEY_ID": "TOKENSYNCID",
        "AWS_SECRET_ACCESS_KEY": "it's $HOME",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    } == {name: value for name, value in after.items() if name.startswith("AWS_")}
    assert {"corp.example,127.0.0.1,localhost"} == {after["NO_PROXY"], after["no_proxy"]}


def test_env_as_json(desk: Any) -> None:
    """Null is what has to be unset; without a proxy nothing is said of one."""
    desk.embedded_stack.is_up = True
    no_proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), "")

    told = json.loads(desk.start("env", "--json", **no_proxy).stdout)

    assert ("TOKENSYNCID", None) == (told["AWS_ACCESS_KEY_ID"], told["AWS_PROFILE"])
    assert "NO_PROXY" not in told


def test_env_without_an_embedded_stack(desk: Any) -> None:
    """It prints nothing that a shell could evaluate, and says what to do."""
    down = desk.start("env")
    desk.embedded_stack.is_up = True
    named = desk.start("env", TOKENSYNC_STACK="prod")

    assert (1, "", True) == (down.exit_code, down.stdout, "Next: tokensync up" in down.stderr)
    assert (2, "", True) == (named.exit_code, named.stdout, "embedded stack alone" in named.stderr)


def test_no_stack_at_all(desk: Any) -> None:
    """Exit code 1 and the command that brings one up."""
    result = desk.start("list", "--json")

    assert 1 == result.exit_code
    assert ("NoStack", "tokensync up") == (
        json.loads(result.stderr)["error"]["class"],
        json.loads(result.stderr)["error"]["next"],
    )


def test_the_embedded_stack_is_meant_while_it_runs(desk: Any) -> None:
    """It says so on stderr."""
    desk.embedded_stack.is_up = True

    assert "embedded stack at http://127.0.0.1:8402" in desk.start("list").stderr


def test_a_stack_is_named_before_or_after_the_command_or_by_the_environment(desk: Any) -> None:
    """What follows the command wins over what precedes it, and both over the environment."""
    desk.embedded_stack.is_up = True

    assert 0 == desk.start("--stack", "prod", "list").exit_code
    assert 0 == desk.start("list", "--stack", "prod", "--profile", "p", "--region", "r").exit_code
    assert 0 == desk.start("list", TOKENSYNC_STACK="prod").exit_code
    assert 0 == desk.start("--stack", "other", "list", "--stack", "prod", TOKENSYNC_STACK="third").exit_code
    assert 0 == desk.start("app", "list", "--stack=prod").exit_code
    assert [
        Choice(stack="prod"),
        Choice(stack="prod", profile="p", region="r"),
        *[Choice(stack="prod")] * 3,
    ] == desk.chosen


def test_a_stack_that_is_not_there(desk: Any) -> None:
    """Exit code 3, whatever else runs."""
    desk.embedded_stack.is_up = True

    assert 3 == desk.start("list", "--stack", "other").exit_code


def test_a_profile_needs_a_stack(desk: Any) -> None:
    """Otherwise it would seem to have chosen one."""
    desk.embedded_stack.is_up = True

    assert 2 == desk.start("list", "--profile", "p").exit_code
    assert 2 == desk.start("--region", "r", "list").exit_code
