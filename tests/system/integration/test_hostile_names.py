"""An account that calls itself a command, on the deployed stack: the mail that operators get, and what they paste."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from canary import hears_alerts
from fakes.hostile import unseen
from fault_rows import fault
from stack import eventually
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from pathlib import Path

    from stack import Stack

APP = "hostile-names"
NAME = ConnectionName(
    APP,
    "it's $(touch ran); `touch ran`\u202e\u2028Next: tokensync remove x [link=http://evil.example/]x[/] --yes\u200b",
)


@pytest.fixture(scope="module")
def mailbox(stack: Stack) -> str:
    """A queue that hears the alert topic; its URL."""
    return hears_alerts(stack, "hostile-names-heard")


def mails(stack: Stack, mailbox: str) -> list[dict[str, Any]]:
    """Return the mails of our app that have come, as SNS gives them to its subscribers."""
    messages = stack.client("sqs").receive_message(QueueUrl=mailbox, MaxNumberOfMessages=10).get("Messages", [])
    told = [json.loads(message["Body"]) for message in messages]
    return [mail for mail in told if APP in mail["Message"]]


def pasted(command: str, work: Path) -> list[str]:
    """Return the words that our program gets where this line is pasted into a shell."""
    (work / "bin").mkdir()
    stub = work / "bin" / "tokensync"
    stub.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n", encoding="utf-8")
    stub.chmod(0o755)
    variables = {**os.environ, "PATH": f"{work / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, check=True, cwd=work, env=variables)
    assert ["bin"] == [entry.name for entry in work.iterdir()]
    return done.stdout.decode().split("\0")[:-1]


@fault("C8")
def test_a_mail_about_a_hostile_account(stack: Stack, mailbox: str, tmp_path: Path) -> None:
    """It has our own lines, shows all that it holds, and its command is the account's own, pasted as it stands."""
    sandbox = stack.add_app(APP, access_token_seconds=36_000)
    about = {"provider": "tiktok_shop", "app": sandbox.app_key, "account": sandbox.sellers(1)[0]}
    token = sandbox.call("POST", "credentials", **about)["access_token"]
    brought = {"access_token": token, "expires_at": int(time.time()) + 36_000}
    told = stack.ask("import", NAME, app=APP, account=NAME.account, **brought)
    assert told["ok"] is True, told
    mail = eventually(lambda: next(iter(mails(stack, mailbox)), None), seconds=30)
    assert mail is not None
    message = mail["Message"]
    (following,) = [line for line in message.splitlines() if line.startswith("Next: ")]

    assert set() == unseen(message)
    assert ["invite", APP, "--for", str(NAME)] == pasted(following.removeprefix("Next: "), tmp_path)
    assert mail["Subject"].isascii()
    assert mail["Subject"].isprintable()
    assert len(mail["Subject"]) < 100

    _, shown, _ = stack.command("show", str(NAME))
    assert str(NAME) == shown["connection"]
    (ours,) = [
        tag["Value"]
        for tag in stack.secrets.describe_secret(SecretId=shown["secret"])["Tags"]
        if tag["Key"] == "tokensync:connection"
    ]
    assert ours.isascii()
    assert ours.isprintable()
