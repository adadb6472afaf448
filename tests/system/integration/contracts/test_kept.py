"""What a deleted stack kept is found, checked and imported, on the embedded AWS."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.kept import Kept, KeptStores

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATE = (files("tokensync_cli.stack") / "kept.yaml").read_text()


@dataclass(frozen=True)
class Account:
    """An AWS account, and one name for all stacks of a test."""

    cloudformation: Any
    dynamodb: Any
    kms: Any
    stack: str

    def kept(self, *, stack: str = "") -> Kept:
        """Deploy a stack of the two resources and delete it; return what it kept."""
        name = {"StackName": stack or self.stack}
        self.cloudformation.create_stack(**name, TemplateBody=TEMPLATE)
        self.cloudformation.get_waiter("stack_create_complete").wait(**name, WaiterConfig={"Delay": 1})
        told = self.cloudformation.describe_stack_resources(**name)["StackResources"]
        names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in told}
        self.delete(**name)
        return Kept(names["Table"], names["GrantKey"])

    def delete(self, **name: str) -> None:
        """Delete a stack."""
        self.cloudformation.delete_stack(**name)
        self.cloudformation.get_waiter("stack_delete_complete").wait(**name, WaiterConfig={"Delay": 1})

    def stores(self) -> KeptStores:
        """Return what the command works with."""
        return KeptStores(
            stack=self.stack,
            region="us-east-1",
            cloudformation=self.cloudformation,
            dynamodb=self.dynamodb,
            kms=self.kms,
        )

    def restored(self, table: str) -> str:
        """Restore a backup of a table under another name, and return that."""
        name = f"restored-{uuid.uuid4().hex[:8]}"
        backup = self.dynamodb.create_backup(TableName=table, BackupName=name)["BackupDetails"]["BackupArn"]
        self.dynamodb.restore_table_from_backup(TargetTableName=name, BackupArn=backup)
        self.dynamodb.get_waiter("table_exists").wait(TableName=name)
        return name


@pytest.fixture
def account(endpoint: str) -> Account:
    """Return the embedded AWS with a stack's name of its own."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]  # by name

    return Account(client("cloudformation"), client("dynamodb"), client("kms"), f"kept-{uuid.uuid4().hex[:8]}")


def silent(_: str) -> None:
    """Say nothing."""


def taken_up(account: Account, table: str | None = None, key: str | None = None) -> tuple[Kept, bool]:
    """Do what the command does; return the pair, and whether it was in a stack already."""
    stores = account.stores()
    kept, is_done = stores.checked(stores.named(table, key))
    if not is_done:
        stores.take_up(kept, silent)
    return kept, is_done


def refused(account: Account, table: str | None = None, key: str | None = None) -> CommandFailed:
    """Return how the command fails."""
    with pytest.raises(CommandFailed) as failed:
        taken_up(account, table, key)
    return failed.value


def test_what_was_kept_is_found_and_taken_up(account: Account) -> None:
    """Without a name it is what the deleted stack of that name kept; asked again, it is there already."""
    kept = account.kept()

    assert [(kept, False), (kept, True)] == [taken_up(account), taken_up(account)]
    stack = account.cloudformation.describe_stacks(StackName=account.stack)["Stacks"][0]
    assert "IMPORT_COMPLETE" == stack["StackStatus"]


def test_what_is_taken_up_is_kept_again(account: Account) -> None:
    """A second deletion leaves the same two alone, and they are still found as one pair."""
    kept = account.kept()
    taken_up(account)
    account.delete(StackName=account.stack)

    assert (kept, False) == taken_up(account)


def test_nothing_was_kept(account: Account) -> None:
    """It is not found, and the command that names a pair is told."""
    failure = refused(account)

    assert ("NothingKept", 3) == (failure.kind, failure.exit_code)
    assert f"tokensync take-up --stack {account.stack} --table TABLE --key KEY" == str(failure.next_command)


def test_a_table_that_is_gone_was_not_kept(account: Account) -> None:
    """What somebody deleted after its stack is no candidate."""
    kept = account.kept()
    account.dynamodb.update_table(TableName=kept.table, DeletionProtectionEnabled=False)
    account.dynamodb.delete_table(TableName=kept.table)

    assert "NothingKept" == refused(account).kind


def test_a_restored_table_gets_its_settings(account: Account) -> None:
    """Deletion protection, expiry and backups, which a restore drops, are set before it is in the stack."""
    kept = account.kept()
    table = account.restored(kept.table)

    arn = account.kms.describe_key(KeyId=kept.key)["KeyMetadata"]["Arn"]
    assert (Kept(table, kept.key), False) == taken_up(account, table, arn)
    assert account.dynamodb.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"] is True
    expiry = account.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"} == expiry
    backups = account.dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert "ENABLED" == backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]


def other_key(account: Account, kept: Kept) -> tuple[str, str]:
    """Name the key of another stack."""
    return kept.table, account.kept(stack=f"{account.stack}-other").key


def no_key(account: Account, kept: Kept) -> tuple[str, str]:
    """Name a key that does not exist."""
    del account
    return kept.table, str(uuid.uuid4())


def junk_key(account: Account, kept: Kept) -> tuple[str, str]:
    """Name a key as no key can be named."""
    del account
    return kept.table, "arn:aws:s3:::bucket; rm"


def no_table(account: Account, kept: Kept) -> tuple[str, str]:
    """Name a table that does not exist."""
    return f"{account.stack}-none", kept.key


def junk_table(account: Account, kept: Kept) -> tuple[str, str]:
    """Name a table as no table can be named."""
    del account
    return "", kept.key


def foreign_table(account: Account, kept: Kept) -> tuple[str, str]:
    """Name a table of another form."""
    account.dynamodb.create_table(
        TableName=account.stack,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    return account.stack, kept.key


def dying_key(account: Account, kept: Kept) -> tuple[str, str]:
    """Schedule the key's deletion."""
    account.kms.schedule_key_deletion(KeyId=kept.key, PendingWindowInDays=7)
    return kept.table, kept.key


def disabled_key(account: Account, kept: Kept) -> tuple[str, str]:
    """Disable the key."""
    account.kms.disable_key(KeyId=kept.key)
    return kept.table, kept.key


@pytest.mark.parametrize(
    ("spoil", "kind", "following"),
    [
        (other_key, "ForeignKey", "aws kms list-keys"),
        (no_key, "UnknownKey", "aws kms list-keys"),
        (junk_key, "UnknownKey", "aws kms list-keys"),
        (no_table, "UnknownTable", "aws dynamodb list-tables"),
        (junk_table, "UnknownTable", "aws dynamodb list-tables"),
        (foreign_table, "ForeignTable", "aws dynamodb list-tables"),
        (dying_key, "KeyDisabled", "aws kms cancel-key-deletion --key-id "),
        (disabled_key, "KeyDisabled", "aws kms enable-key --key-id "),
    ],
)
def test_a_pair_that_cannot_be_used(
    account: Account, spoil: Callable[[Account, Kept], tuple[str, str]], kind: str, following: str
) -> None:
    """It is refused by name before anything is changed, with the command that helps."""
    table, key = spoil(account, account.kept())

    failure = refused(account, table, key)

    assert (kind, following) == (failure.kind, str(failure.next_command)[: len(following)])
    stacks = account.cloudformation.list_stacks(StackStatusFilter=["IMPORT_COMPLETE", "REVIEW_IN_PROGRESS"])
    assert account.stack not in [stack["StackName"] for stack in stacks["StackSummaries"]]


def test_a_stack_of_that_name_runs(account: Account) -> None:
    """A running stack's table is not exchanged, and nothing suggests to delete that stack."""
    kept = account.kept()
    account.cloudformation.create_stack(StackName=account.stack, TemplateBody=TEMPLATE)
    account.cloudformation.get_waiter("stack_create_complete").wait(StackName=account.stack, WaiterConfig={"Delay": 1})

    failure = refused(account, kept.table, kept.key)

    assert ("StackExists", f"tokensync doctor --stack {account.stack}") == (failure.kind, str(failure.next_command))


def test_an_import_that_was_prepared_and_never_begun(account: Account) -> None:
    """After an interruption the same command goes on."""
    kept = account.kept()
    account.stores()._prepared(kept)

    assert (kept, False) == taken_up(account, kept.table, kept.key)


def test_cloudformation_refuses(account: Account) -> None:
    """What another stack holds cannot be imported: its reason is told."""
    kept = account.kept()
    taken_up(account)
    twin = Account(account.cloudformation, account.dynamodb, account.kms, f"{account.stack}-twin")
    account.kms.update_key_description(KeyId=kept.key, Description=f"Seals the grants of {twin.stack}")

    failure = refused(twin, kept.table, kept.key)

    assert "ImportRefused" == failure.kind
    assert "did not import the table and the key: " in failure.message
