"""`app policy`: a workload's permission, narrowed to one app or one connection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakes.world import ACCOUNT, APP
from tokensync.domain.names import ConnectionName
from tokensync_cli.stack.consumer_policy import consumer_policy
from unit.cli.conftest import outputs
from unit.template import document

SECRETS = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:tokensync/tokens/"


def test_the_policy_of_an_app(desk: Any) -> None:
    """What is printed is the document alone, ready for `aws iam create-policy`; with --json it is beside its app."""
    printed = desk.run("app", "policy", APP)
    told = desk.json("app", "policy", APP)

    assert (APP, None) == (told["app"], told["connection"])
    assert json.loads(printed.stdout) == told["policy"] == consumer_policy(outputs(), APP, None)
    assert [f"{SECRETS}{APP}/*", [f"{SECRETS}{APP}/*"]] == [one["Resource"] for one in told["policy"]["Statement"]]
    assert f'aws iam create-policy --policy-name {APP}-tokens --policy-document "$(tokensync app policy {APP})"' in (
        printed.stderr
    )


def test_the_policy_of_one_connection(desk: Any) -> None:
    """It names one secret, with the characters that AWS adds; without them only its absence is told."""
    desk.world.connected()
    name = f"{APP}/{ACCOUNT}"
    told = desk.json("app", "policy", APP, "--connection", name)

    assert name == told["connection"]
    read, described = (one["Resource"] for one in told["policy"]["Statement"])
    assert (f"{SECRETS}{name}-??????", [f"{SECRETS}{name}", f"{SECRETS}{name}-??????"]) == (read, described)
    assert f"--connection {name}" in desk.run("app", "policy", APP, "--connection", name).stderr


def test_an_account_of_any_alphabet_stands_as_its_secret_spells_it() -> None:
    """No account id widens a policy: a star or a question mark in one is no pattern."""
    told = consumer_policy(outputs(), APP, ConnectionName(APP, "*/?"))

    assert f"{SECRETS}{APP}/=2A=2F=3F-??????" == told["Statement"][0]["Resource"]


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("nobody",), 3, "UnknownApp"),
        (("No App",), 2, "InvalidName"),
        ((APP, "--connection", f"{APP}/nobody"), 3, "UnknownConnection"),
        ((APP, "--connection", "x"), 2, "Usage"),
    ],
)
def test_what_is_not_there_has_no_policy(desk: Any, arguments: tuple[str, ...], code: int, kind: str) -> None:
    """A policy for a name that was mistyped would allow nothing, and nobody would see why."""
    exit_code, error = desk.error("app", "policy", *arguments)

    assert (code, kind) == (exit_code, error["class"])


def test_it_is_the_templates_consumer_policy_narrowed() -> None:
    """The same actions and conditions; beside them no version is named by its id, so that it is AWSCURRENT alone."""
    template = document.read()["Resources"]["ConsumerPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    told = consumer_policy(outputs(), APP, None)["Statement"]
    version = told[0]["Condition"].pop("Null")
    stack = json.loads(json.dumps(template).replace(json.dumps({"Ref": "AWS::StackName"}), '"tokensync"'))

    assert {"secretsmanager:VersionId": "true"} == version
    assert [{key: one[key] for key in one if key != "Resource"} for one in stack] == [
        {key: one[key] for key in one if key != "Resource"} for one in told
    ]
