"""`deploy`: what it asks, what it takes without asking, what it keeps, and the order of its steps."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.project import Project
from tokensync_cli.stack.samconfig import Told

ROOT = Path(__file__).parents[4]
DEFAULTS = {"AlertEmail": "", "PublicUrl": "", "Architecture": "arm64"}


@pytest.fixture
def home(desk: Any, tmp_path: Path) -> Path:
    """An empty working directory; what is deployed is this checkout."""
    desk.embedded_stack.here = Project(home=tmp_path, find_root=lambda: ROOT)
    return tmp_path


def kept(home: Path) -> dict[str, Any]:
    """What the directory's samconfig.toml holds."""
    return tomllib.loads((home / "samconfig.toml").read_text())["default"]


@pytest.mark.usefixtures("home")
def test_six_questions_and_each_has_a_default(desk: Any) -> None:
    """Six times Enter is a deployment of defaults, whose change set is shown and asked about."""
    desk.is_interactive = True

    result = desk.start("deploy", stdin="\n" * 6, AWS_REGION="", AWS_DEFAULT_REGION="")

    assert "There is no stack tokensync." in result.stderr  # the double knows `prod` alone: see the next test
    assert 6 == result.stderr.count("]:")
    assert ["check", "build", "deploy, asking"] == desk.deployments.steps
    assert Told(stack_name="tokensync", region="us-east-1", parameters=DEFAULTS) == desk.deployments.told


def test_what_was_answered_is_kept_and_offered_again(desk: Any, home: Path) -> None:
    """It stands in samconfig.toml, beside what SAM needs, and Enter takes it the next time."""
    desk.is_interactive = True
    answers = "ops\neu-central-1\nprod\nops@example.com\nhttps://connect.example\nx86_64\n"
    parameters = {
        "AlertEmail": "ops@example.com",
        "PublicUrl": "https://connect.example",
        "Architecture": "x86_64",
    }
    told = Told(stack_name="prod", region="eu-central-1", profile="ops", parameters=parameters)

    assert 0 == desk.start("deploy", stdin=answers).exit_code
    assert told == desk.deployments.told
    assert {"stack_name": "prod", "region": "eu-central-1", "profile": "ops"} == kept(home)["global"]["parameters"]
    assert "CAPABILITY_IAM" == kept(home)["deploy"]["parameters"]["capabilities"]
    again = desk.start("deploy", stdin="\n" * 6)

    assert (0, told) == (again.exit_code, desk.deployments.told)


@pytest.mark.usefixtures("home")
def test_it_ends_with_the_next_command(desk: Any) -> None:
    """The addresses are the result; the command that registers an app names the stack."""
    result = desk.start("deploy", "--yes", "--stack", "prod", "--region", "eu-central-1")

    assert 0 == result.exit_code
    assert "https://connect.example/callback/APP" in result.stdout
    assert "tokensync --stack prod --region eu-central-1 app add tiktok-shop" in result.stderr


@pytest.mark.usefixtures("home")
def test_options_answer_without_a_question(desk: Any) -> None:
    """With --yes nothing is asked; other parameters of the template come by --parameter, and are kept as well."""
    options = ("--stack", "prod", "--region", "eu-central-1", "--alert-email", "a@b.example")

    assert 0 == desk.start("deploy", "--yes", *options, "--parameter", "LogLevel=DEBUG").exit_code
    assert ["check", "build", "deploy"] == desk.deployments.steps
    assert {"LogLevel": "DEBUG", **DEFAULTS, "AlertEmail": "a@b.example"} == desk.deployments.told.parameters
    assert 0 == desk.start("deploy", "--yes", "--parameter", "LogLevel=INFO", "--json").exit_code
    assert {"LogLevel": "INFO", **DEFAULTS, "AlertEmail": "a@b.example"} == desk.deployments.told.parameters


def test_what_the_file_adds_is_said(desk: Any, home: Path) -> None:
    """Nobody is asked about these: a file that came from elsewhere could name who opens grants, or where they go."""
    options = ("--yes", "--stack", "prod", "--region", "eu-central-1")
    (home / "samconfig.toml").write_text(
        "[default.deploy.parameters]\n"
        """parameter_overrides = 'TrustedHosts="evil.example" SubnetIds="" Architecture="arm64" Other="x"'\n"""
    )

    said = "With TrustedHosts=evil.example, as samconfig.toml says"
    first = desk.start("deploy", *options)
    assert (1, 1) == (first.stderr.count(said), first.stderr.count("With "))
    assert "With " not in desk.start("deploy", *options, "--parameter", "TrustedHosts=id.example.com").stderr


@pytest.mark.usefixtures("home")
def test_as_json_it_prints_the_outputs(desk: Any) -> None:
    """One document on stdout."""
    result = desk.start("deploy", "--yes", "--stack", "prod", "--json")

    assert "https://connect.example/connect" == json.loads(result.stdout)["connect_url"]


@pytest.mark.usefixtures("home")
def test_nobody_to_ask(desk: Any) -> None:
    """Without a terminal and without --yes nothing begins."""
    result = desk.start("deploy")

    assert 2 == result.exit_code
    assert "tokensync deploy --yes" in result.stderr
    assert [] == desk.deployments.steps


@pytest.mark.usefixtures("home")
def test_a_wrong_answer_is_asked_for_again(desk: Any) -> None:
    """It says what the answer may be, in the template's own words."""
    desk.is_interactive = True
    answers = "\nnowhere\neu-central-1\n2nd\nprod\nno address\n\nhttp://plain.example\n\nriscv\narm64\n"

    result = desk.start("deploy", stdin=answers)

    assert 0 == result.exit_code
    for said in ("--region must be a Region", "letters, digits and hyphens", "an e-mail address", "arm64 or x86_64"):
        assert said in result.stderr
    assert "no address" not in result.stderr
    assert DEFAULTS == desk.deployments.told.parameters


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--alert-email", "no-address"), "AlertEmail must be an e-mail address."),
        (("--parameter", "LogLevel=LOUD"), "LogLevel must be DEBUG or INFO or WARNING or ERROR."),
        (("--parameter", "Colour=red"), "the template's names are PublicUrl, AlertEmail,"),
        (("--parameter", "LogLevel"), "--parameter takes NAME=VALUE"),
        (("--stack", "no name"), "--stack must be letters, digits and hyphens"),
        (("--region", "--"), "--region must be a Region"),
    ],
)
def test_a_wrong_option_is_refused_before_anything(desk: Any, home: Path, wrong: tuple[str, ...], said: str) -> None:
    """Nobody is asked for credentials, nothing is built or written."""
    result = desk.start("deploy", "--yes", *wrong)

    assert 2 == result.exit_code
    assert said in result.stderr
    assert ([], []) == (desk.deployments.steps, list(home.iterdir()))


def test_without_credentials_nothing_is_built_or_kept(desk: Any, home: Path) -> None:
    """They are asked for first."""
    desk.deployments.fails["check"] = NoCredentialsError()

    result = desk.start("deploy", "--yes", "--stack", "prod")

    assert 1 == result.exit_code
    assert "No usable AWS credentials were found." in result.stderr
    assert (["check"], []) == (desk.deployments.steps, list(home.iterdir()))


def test_what_was_told_is_kept_when_the_build_fails(desk: Any, home: Path) -> None:
    """Nobody answers six questions twice."""
    desk.deployments.fails["build"] = CommandFailed("No.", next_command="again")

    assert 1 == desk.start("deploy", "--yes", "--stack", "prod").exit_code
    assert "prod" == kept(home)["global"]["parameters"]["stack_name"]
    assert ["check", "build"] == desk.deployments.steps


def test_a_file_that_is_no_toml_is_left_alone(desk: Any, home: Path) -> None:
    """It is named, and nothing begins."""
    (home / "samconfig.toml").write_text("= no")

    result = desk.start("deploy", "--yes")

    assert 1 == result.exit_code
    assert "samconfig.toml is no TOML file" in result.stderr
    assert ("= no", []) == ((home / "samconfig.toml").read_text(), desk.deployments.steps)


def test_where_there_is_no_project(desk: Any) -> None:
    """It says so."""
    assert "no tokensync project here" in desk.start("deploy", "--yes").stderr
