"""A table that is really restored from a backup, on the deployed stack, and its repair as it is told."""

from __future__ import annotations

import json
import shlex
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fault_rows import fault
from readme.shell import Shell, runbook
from stack import Browser, Sandbox, Stack
from tokensync.domain.connection import Reason, Status
from tokensync.domain.names import ConnectionName, token_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = "restored-shop"
MARK = {"pk": {"S": "table"}, "sk": {"S": "origin"}}


@dataclass(frozen=True)
class Operator:
    """Sits at the command line, and does to the table what AWS's own lets them do."""

    stack: Stack
    sandbox: Sandbox
    shell: Shell

    def tokensync(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Run a command; return its exit code, and what it said or its error."""
        code, told, _ = self.stack.command(*words)
        return code, told

    def backed_up(self) -> str:
        """Back the table up and return the backup's ARN."""
        table = self.stack.outputs.table
        backup = self.stack.client("dynamodb").create_backup(TableName=table, BackupName=f"b-{uuid.uuid4().hex}")
        arn: str = backup["BackupDetails"]["BackupArn"]
        return arn

    def restores(self, backup: str) -> None:
        """Delete the table, restore a backup under its name and set it up, by the operating page's two blocks."""
        blocks = runbook("restore-table-from-backup"), runbook("update-time-to-live")
        self.shell.runs("".join(blocks), BACKUP_ARN=backup)
        table = self.stack.client("dynamodb").describe_table(TableName=self.stack.outputs.table)["Table"]
        assert table["DeletionProtectionEnabled"] is True
        self.starts_anew()

    def starts_anew(self) -> None:
        """Let both functions start cold: a warm one looks at the table's id once a minute."""
        self.stack.start_anew(self.stack.outputs.callback_function, self.stack.outputs.rotation_function)

    def takes_it_as_the_first(self) -> None:
        """Let the table be one that was never restored, for the tests that come after these."""
        dynamodb, table = self.stack.client("dynamodb"), self.stack.outputs.table
        table_id = dynamodb.describe_table(TableName=table)["Table"]["TableId"]
        dynamodb.put_item(TableName=table, Item={**MARK, "schema": {"N": "1"}, "table": {"S": table_id}})
        self.starts_anew()

    def secret(self, name: ConnectionName) -> tuple[str, str, str]:
        """Return a secret's ARN, its current version and its value."""
        secret_id = token_secret_name(self.stack.outputs.secret_prefix, name)
        value = self.stack.secrets.get_secret_value(SecretId=secret_id)
        return value["ARN"], value["VersionId"], value["SecretString"]

    def shown(self, name: ConnectionName) -> list[str]:
        """Return what was presented to the provider of an account, in order."""
        return [f"{entry['kind']} {entry['at']}" for entry in self.sandbox.entries(account=name.account)]

    def follows(self, link: str, account: str) -> str:
        """Let a seller follow a link and consent; return the result page."""
        browser = Browser(self.stack, APP, self.sandbox)
        browser.connect(link)
        browser.get(browser.consent(account))
        return browser.result().text


@pytest.fixture
def operator(stack: Stack, tmp_path: Path) -> Iterator[Operator]:
    """An operator with an app whose tokens the schedule leaves alone; the table counts as the first one afterwards."""
    made = Operator(stack, stack.add_app(APP, access_token_seconds=36_000), Shell.of(stack, tmp_path))
    yield made
    made.takes_it_as_the_first()
    stack.apps.remove(APP)


@fault("F16")
def test_a_restored_table_spends_nothing_and_is_mended_by_what_is_told(operator: Operator) -> None:
    """Older than its secret: set apart untouched. As its secret: refreshed. Not in the backup: connected anew."""
    stack, sandbox = operator.stack, operator.sandbox
    older, same, later = (ConnectionName(APP, seller) for seller in sandbox.sellers(3))
    for name in (older, same):
        stack.connect(APP, sandbox, name.account)
    # The embedded AWS gives a created secret's version an id of its own: only one that was written again is known.
    assert stack.refresh(same)["ok"] is True
    backup = operator.backed_up()
    assert stack.refresh(older)["ok"] is True
    stack.connect(APP, sandbox, later.account)
    secrets = {name: operator.secret(name) for name in (older, later)}
    shown = operator.shown(older)
    began = int(time.time())
    operator.restores(backup)

    code, error = operator.tokensync("refresh", str(older))
    assert (4, f"tokensync invite {APP} --for {older}") == (code, error["next"]), error
    stack.tick()
    assert (Status.QUARANTINED, Reason.RESTORED_TABLE) == (stack.stored(older).status, stack.stored(older).reason)
    assert (shown, secrets[older]) == (operator.shown(older), operator.secret(older))
    code, error = operator.tokensync("accept", str(older), "--yes")
    assert (4, f"tokensync invite {APP} --for {older}") == (code, error["next"]), error
    assert (shown, secrets[older]) == (operator.shown(older), operator.secret(older))

    assert 0 == operator.tokensync("refresh", str(same))[0]
    assert began <= stack.document(same)["generation"] == stack.stored(same).generation

    _, invite = operator.tokensync(*shlex.split(error["next"])[1:])
    assert "Your account is connected" in operator.follows(invite["url"], older.account)
    _, invite = operator.tokensync("invite", APP)
    assert "Your account is connected" in operator.follows(invite["url"], later.account)
    for name in (older, later):
        arn, version, before = secrets[name]
        assert arn == operator.secret(name)[0]
        assert version != operator.secret(name)[1]
        assert json.loads(before)["generation"] < stack.document(name)["generation"]
        assert Status.ACTIVE == stack.stored(name).status
        assert 0 == operator.tokensync("refresh", str(name))[0]
    assert [] == sandbox.doubles()


def test_another_account_is_accepted(operator: Operator) -> None:
    """The command that the alert names publishes it; the account that was asked for still comes by its link."""
    stack, sandbox = operator.stack, operator.sandbox
    wanted, strange = (ConnectionName(APP, seller) for seller in sandbox.sellers(2))
    link = stack.invite(APP, for_account=wanted.account)
    assert "This is another account" in operator.follows(link, strange.account)
    assert Reason.NOT_INVITED == stack.stored(strange).reason

    code, told = operator.tokensync("accept", str(strange), "--yes")
    assert (0, strange.account) == (code, told["connection"]["account_id"]), told
    assert ("active", 1) == (stack.document(strange)["status"], stack.document(strange)["generation"])
    assert "Your account is connected" in operator.follows(link, wanted.account)
