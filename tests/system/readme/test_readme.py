"""The documentation is true: what it names exists, and what can run on the embedded stack is run, word for word."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib import import_module
from typing import TYPE_CHECKING

import httpx
import jmespath
import pytest

from embedded import environment
from readme.documented import (
    OPERATING,
    PAGES,
    README,
    ROOT,
    SECRET,
    all_commands,
    check_aws_command,
    code,
    command_path,
    commands_in_blocks,
    simple_commands,
)
from tokensync.domain.connection import Connection, Status
from tokensync.domain.grant import Grant
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.refresh.publish import document
from tokensync_cli.demo.browser import Seller
from tokensync_cli.embedded import environments
from users import User

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stack import Stack

# Runs one line in a shell, with the project's own programs first on the path.
SHELL = """
import os, pathlib, subprocess, sys
path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
sys.exit(subprocess.run(sys.argv[1], shell=True, env={**os.environ, "PATH": path}).returncode)
"""
# Prints the options of each command of SAM CLI whose path is given.
SAM_OPTIONS = """
import json, sys, click
from samcli.cli.main import cli
for path in sys.argv[1:]:
    command = cli
    for word in path.split():
        command = command.get_command(click.Context(command, obj=True), word)
    print(json.dumps([option for parameter in command.params for option in parameter.opts]))
"""
# What AWS goes on with after it has answered, and the wait for its end.
WAITS = {
    "update-table": "table-exists",
    "delete-table": "table-not-exists",
    "restore-table-from-backup": "table-exists",
    "restore-table-to-point-in-time": "table-exists",
    "delete-stack": "stack-delete-complete",
}
TABLE_WAITS = ("wait table-not-exists", "wait table-exists")
APP, ACCOUNT = "tiktok-shop", "7010736057180325637"  # the documentation's example


@pytest.fixture(scope="module")
def example(stack: Stack) -> Iterator[ConnectionName]:
    """Return a connected seller that stands for the documentation's example."""
    sandbox = stack.add_app("readme-shop", access_token_seconds=3600)
    yield stack.connect("readme-shop", sandbox, ACCOUNT)
    if "readme-added" in stack.apps.names():
        stack.apps.remove("readme-added")


@pytest.fixture(scope="module")
def operator(stack: Stack) -> dict[str, str]:
    """Return the key of a user with the operator policy alone, as variables."""
    return key_of(User.made(stack).attach(stack.outputs.operator_policy_arn))


@pytest.fixture(scope="module")
def reader(stack: Stack) -> User:
    """Return a user with the consumer policy alone, as a workload is."""
    return User.made(stack).attach(stack.outputs.consumer_policy_arn)


def key_of(user: User) -> dict[str, str]:
    """Return a user's key as variables."""
    return {"AWS_ACCESS_KEY_ID": user.access_key, "AWS_SECRET_ACCESS_KEY": user.secret_key}


def variables(stack: Stack) -> dict[str, str]:
    """Return an operator's environment after a deployment: the stack is named, and AWS is the embedded one."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(stack.root),
        "NO_COLOR": "1",
        "AWS_ENDPOINT_URL": stack.outputs.endpoint,
        "AWS_ACCESS_KEY_ID": stack.outputs.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.outputs.secret_access_key,
        "AWS_DEFAULT_REGION": stack.outputs.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TOKENSYNC_STACK": stack.outputs.stack,
    }


def run(stack: Stack, program: str, *arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the project's `.venv/bin` in the project's directory."""
    return subprocess.run(
        [str(stack.root / ".venv" / "bin" / program), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=stack.root,
        env=variables(stack) | more,
    )


def in_place(text: str, example: ConnectionName) -> str:
    """Return text with the connected seller in the example's place."""
    return text.replace(f"{APP}/{ACCOUNT}", str(example))


@pytest.mark.parametrize("arguments", all_commands("tokensync"), ids=" ".join)
def test_documented_commands_exist(arguments: list[str]) -> None:
    """Every command and option of `tokensync` that the documentation names is one."""
    command_path(arguments)


@pytest.mark.parametrize(
    "wrong", ["conect tiktok-shop", "app rotate tiktok-shop", "invite --label L --until 7d", "--stak x list"]
)
def test_a_command_that_does_not_exist_is_noticed(wrong: str) -> None:
    """A command or an option that the command line lacks fails the check above."""
    with pytest.raises(AssertionError, match=r"no (command|option)"):
        command_path(wrong.split())


@pytest.mark.parametrize("arguments", all_commands("aws"), ids=" ".join)
def test_documented_aws_commands_exist(arguments: list[str]) -> None:
    """Every AWS CLI command that the documentation names is made of operations and options that AWS has."""
    check_aws_command(arguments)


@pytest.mark.parametrize(
    "wrong", ["kms delete-key --key-id k", "dynamodb delete-table --name t", "dynamodb wait table-gone", "secrets list"]
)
def test_an_aws_command_that_does_not_exist_is_noticed(wrong: str) -> None:
    """An operation, option or service that AWS lacks fails the check above."""
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_aws_command(wrong.split())


def unwaited(script: str) -> list[str]:
    """Return the commands of a script after which AWS is still at work, and which nothing waits for."""
    commands = [
        words[1:3] + words[3:4] * (words[2] == "wait") for words in simple_commands(script) if words[0] == "aws"
    ]
    following: list[list[str]] = [*commands, []][1:]
    return [
        " ".join(command)
        for command, after in zip(commands, following, strict=True)
        if command[1] in WAITS and after != [command[0], "wait", WAITS[command[1]]]
    ]


@pytest.mark.parametrize("script", [block for page in PAGES for block in code(page, "sh")])
def test_what_is_asynchronous_is_waited_for(script: str) -> None:
    """A runbook that is pasted on AWS goes on when a table or a stack is as the next command needs it."""
    assert [] == unwaited(script)


def test_a_wait_that_is_missing_is_noticed() -> None:
    """A deletion that nothing waits for, or that the wrong thing waits for, fails the check above."""
    deletes, gone, there = (f"aws dynamodb {words} --table-name t\n" for words in ("delete-table", *TABLE_WAITS))
    assert ["dynamodb delete-table"] == unwaited(deletes) == unwaited(deletes + there)
    assert [] == unwaited(f"{deletes}until {gone}")


@pytest.mark.parametrize("target", sorted({arguments[0] for arguments in all_commands("make")}))
def test_documented_make_targets_do_something(target: str) -> None:
    """Every target of `make` that the documentation names exists and has something to do."""
    command = ["make", "--always-make", "-n", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "Nothing to be done" in done.stdout) == (0, False), done.stdout + done.stderr


def test_documented_sam_commands_exist() -> None:
    """Every command and option of SAM CLI that the documentation names is one."""
    environment()
    named = all_commands("sam")
    paths = [" ".join(words[: 2 if words[0] == "local" else 1]) for words in named]
    python = str(environments.sam(ROOT).python)
    done = subprocess.run([python, "-c", SAM_OPTIONS, *paths], capture_output=True, text=True, check=True)
    for words, line in zip(named, done.stdout.splitlines(), strict=True):
        assert [word for word in words if word.startswith("--") and word not in json.loads(line)] == []


def test_the_parameters_are_the_templates() -> None:
    """Every stack parameter and output that README and the operating page name stands in the template."""
    template = (ROOT / "template.yaml").read_text()
    named = ["AlertEmail", "Architecture", "SubnetIds", "SecurityGroupIds", "RevealPrincipalArn"]
    named += [*re.findall(r"OutputKey=='(\w+)'", OPERATING.read_text()), "AlertTopicArn"]
    told = README.read_text() + OPERATING.read_text()
    assert [name for name in named if not re.search(rf"^  {name}:", template, re.MULTILINE) or name not in told] == []


@pytest.mark.parametrize("page", [README, OPERATING], ids=lambda page: page.name)
def test_documented_commands_run(stack: Stack, example: ConnectionName, operator: dict[str, str], page: Path) -> None:
    """The `tokensync` commands in a page's shell blocks run as they stand, for an operator with the operator policy.

    Only a client secret is given by stdin.
    """
    for words in commands_in_blocks(page):
        # Those are for who deploys: test_runbooks.py and release/test_installed.py run them.
        if words[0] != "tokensync" or {"take-up", "deploy"} & {*words}:
            continue
        changes_app = "app" in words
        given = [
            word.replace(f"{APP}/{ACCOUNT}", str(example)) if "/" in word
            else ("readme-added" if changes_app else example.app) if word == APP
            else word
            for word in words[1:]
        ]  # fmt: skip
        secret = ["--client-secret-stdin"] if "add" in words else []
        done = run(stack, "tokensync", *given, *secret, stdin="a client secret", **operator)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def test_the_commands_of_moving_run(stack: Stack) -> None:
    """The operating page's block about moving in, handing over and leaving runs line by line, files and all."""
    (script,) = [block for block in code(OPERATING, "console") if "--dry-run" in block]
    url = stack.outputs.sandbox_url
    embedded = {"TOKENSYNC_STACK": ""}  # the sandbox is part of the embedded stack alone
    for app in ("eshopbox", "tiktok-ads"):
        run(stack, "tokensync", "app", "add", app, "--provider", app.replace("-", "_"), "--sandbox", **embedded)
    workspace = _known(url, "eshopbox")
    key = json.loads(run(stack, "tokensync", "app", "show", "eshopbox", "--json").stdout)["client_id"]
    asked = {"provider": "eshopbox", "app": key, "account": workspace}
    token = httpx.post(f"{url}/_sandbox/credentials", json=asked, timeout=10).json()["refresh_token"]
    (stack.root / "refresh-token.txt").write_text(token)
    (stack.root / "workspaces.csv").write_text(f"account,refresh_token\nanother,{token}\n")
    link = json.loads(run(stack, "tokensync", "invite", "tiktok-ads", "--json").stdout)["url"]
    Seller(url).connect(link, account=_known(url, "tiktok_ads"))
    (advertiser,) = json.loads(run(stack, "tokensync", "list", "--app", "tiktok-ads", "--json").stdout)
    script = script.replace("tiktok-ads/7255118762340519937", advertiser["connection"])
    for line in script.replace("acme-warehouse", workspace).splitlines():
        assert 0 == run(stack, "python", "-c", SHELL, line).returncode, line


def _known(sandbox_url: str, provider: str) -> str:
    """Return one of the sandbox's accounts of a provider."""
    accounts = httpx.get(f"{sandbox_url}/_sandbox/accounts", timeout=10).json()["accounts"]
    return str(next(one["account"] for one in accounts if one["provider"] == provider))


def test_commands_without_a_stack_speak_to_the_embedded_one(stack: Stack, example: ConnectionName) -> None:
    """Without a named stack a command says that it speaks to the embedded one, and lists what is there."""
    done = run(stack, "tokensync", "list", TOKENSYNC_STACK="")
    assert (done.returncode, str(example) in done.stdout, "embedded stack" in done.stderr) == (0, True, True)


def test_the_outputs_that_readme_names_exist(stack: Stack) -> None:
    """The names of outputs in the README are keys of `tokensync outputs --json`."""
    outputs = json.loads(run(stack, "tokensync", "outputs", "--json").stdout)
    named = set(re.findall(r"output `([a-z_]+)`", README.read_text() + SECRET.read_text()))
    assert named
    assert {name for name in named if not outputs.get(name)} == set()


def test_doctor_answers(stack: Stack, example: ConnectionName) -> None:
    """`tokensync doctor` looks at the example and finds nothing wrong with it."""
    findings = json.loads(run(stack, "tokensync", "doctor", "--json").stdout)
    assert [one for one in findings if str(example) in one["message"] and not one["ok"]] == []


def test_the_aws_cli_reads_a_token(example: ConnectionName, reader: User) -> None:
    """The README's AWS CLI command, made as an API call by a workload, returns the published document."""
    (words,) = (
        words for words in commands_in_blocks(README) if words[:3] == ["aws", "secretsmanager", "get-secret-value"]
    )
    options = dict(zip(words[3::2], words[4::2], strict=True))
    secret = in_place(options["--secret-id"], example)
    answer = reader.client("secretsmanager").get_secret_value(SecretId=secret)
    assert json.loads(jmespath.search(options["--query"], answer))["account_id"] == ACCOUNT


def test_boto3_reads_a_token(stack: Stack, example: ConnectionName, reader: User) -> None:
    """The README's first Python program prints a token that is good, with the consumer policy alone."""
    done = run(stack, "python", "-c", in_place(code(README, "python")[0], example), **key_of(reader))
    assert (done.returncode, done.stdout[:7]) == (0, "active "), done.stderr
    assert stack.document(example)["access_token"] in done.stdout


def test_another_function_reads_a_token(stack: Stack, example: ConnectionName, reader: User) -> None:
    """The page's function returns the seller's shops, holds the token, and reads it anew when it was rejected.

    Its role has the consumer policy alone.
    """
    asked = "\nheld = token()\nprint(handler({}, None), held is token(), held is token(rejected=True))"
    done = run(stack, "python", "-c", in_place(code(SECRET, "python")[0], example) + asked, **key_of(reader))
    shops = [shop["name"] for shop in stack.document(example)["account"]["shops"]]
    assert done.stdout.strip() == f"{ {'shops': shops} } True False", done.stderr


@pytest.mark.parametrize("page", [SECRET, OPERATING], ids=lambda page: page.name)
def test_every_status_is_explained(page: Path) -> None:
    """A page's table of statuses has a row for each status and no other."""
    (table,) = re.findall(r"^\| status \|.*?\n\n", page.read_text() + "\n", re.MULTILINE | re.DOTALL)
    assert sorted(Status) == sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_every_alert_is_explained() -> None:
    """The operating page has a row for each alert that the code raises and no other."""
    core = ROOT / "layers" / "core" / "python" / "tokensync"
    told = re.compile(r'(?:alerts\.tell\(|Notice\()\s*(?:kind=)?("[\w.]+"|[A-Z_]+)')
    raised = set()
    for file in core.rglob("*.py"):
        module = ".".join(file.relative_to(core.parent).with_suffix("").parts)
        for kind in told.findall(file.read_text()):
            raised.add(kind.strip('"') if kind[0] == '"' else getattr(import_module(module), kind))
    assert raised == set(re.findall(r"^\| `(\w+\.\w+)` \|", OPERATING.read_text(), re.MULTILINE))


def test_every_field_of_the_secret_is_explained() -> None:
    """The table of the published secret names each of its fields and no other."""
    grant = Grant(account_id="1", label="", access_token=Secret("t"), token_type="Bearer", scopes=(), obtained_at=0)
    published = json.loads(document(Connection(name=ConnectionName("a", "1"), provider="p"), grant))
    (table,) = re.findall(r"^\| field \|.*?\n\n", SECRET.read_text(), re.MULTILINE | re.DOTALL)
    rows = [row.split("|")[1] for row in table.splitlines()[2:] if row]
    assert set(published) == {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file, and a heading of it where it names one."""
    for target, _, heading in (
        link.partition("#") for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text())
    ):
        file = (page.parent / target) if target else page
        assert file.is_file(), target
        headings = [
            re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
            for line in file.read_text().splitlines()
            if line.startswith("#")
        ]
        assert not heading or heading in headings
