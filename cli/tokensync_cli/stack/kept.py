"""What a deleted stack kept, its table and its key, and the way back into a stack: CloudFormation's resource import.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import.html
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ParamValidationError, WaiterError

from tokensync.domain.command_line import typed
from tokensync.entry.exit_codes import LATER, NOT_FOUND
from tokensync_cli.output.console import Say
from tokensync_cli.output.failures import CommandFailed

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ResourceToImportTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef
    from mypy_boto3_kms import KMSClient

# Seconds between two looks, and how many: an import of two resources takes a minute or two.
_WAIT = {"Delay": 2, "MaxAttempts": 300}
_KEYS = [("pk", "HASH"), ("sk", "RANGE")]
_INDEX = "due"
_TTL = "ttl"
# Statuses of a stack of which nothing stands yet: none, or one whose import was prepared and never begun.
_NOTHING_YET = frozenset({"", "REVIEW_IN_PROGRESS"})
_UNDER_WAY, _TAKEN_UP = "IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"
# What AWS says of a name or an id that nothing has, and of one that nothing can have.
_UNKNOWN = frozenset(
    {"ResourceNotFoundException", "NotFoundException", "InvalidArnException", "ValidationException", "ValidationError"}
)


@dataclass(frozen=True)
class Kept:
    """A table's name and a key's id."""

    table: str
    key: str


@dataclass(frozen=True, kw_only=True)
class KeptStores:
    """Finds, checks and takes up what an earlier stack of this name kept. It needs the rights of one who deploys."""

    stack: str
    region: str
    cloudformation: "CloudFormationClient"
    dynamodb: "DynamoDBClient"
    kms: "KMSClient"

    def named(self, table: str | None, key: str | None) -> Kept:
        """Return the pair that is meant: the one that is named, else what was taken up, else the only one kept.

        Raises:
            CommandFailed: none or several were kept.
        """
        if table is not None and key is not None:
            return Kept(table, key)
        if self._status() == _TAKEN_UP:
            return self._held()
        found = {kept: made for kept in dict.fromkeys(self._found()) if (made := self._table(kept.table)) is not None}
        if len(found) == 1:
            return next(iter(found))
        following = typed("tokensync take-up --stack {stack} --table TABLE --key KEY", stack=self.stack)
        if not found:
            raise CommandFailed(
                f"No deleted stack {self.stack} in {self.region} is known to have kept a table that is still there. "
                "AWS remembers a deleted stack for 90 days.",
                next_command=following,
                exit_code=NOT_FOUND,
                kind="NothingKept",
            )
        pairs = "; ".join(
            f"--table {kept.table} --key {kept.key} (made {made['CreationDateTime']:%Y-%m-%d %H:%M})"
            for kept, made in found.items()
        )
        raise CommandFailed(
            f"Several deleted stacks {self.stack} kept something: {pairs}.", next_command=following, kind="SeveralKept"
        )

    def checked(self, kept: Kept) -> tuple[Kept, bool]:
        """Return the pair with the key's id, and whether it is in a stack of this name already.

        Raises:
            CommandFailed: one of them cannot be used, they are not of this stack, or another stack has its name.
        """
        self._require_a_table(kept.table)
        kept = Kept(kept.table, self._usable_key(kept.key))
        status = self._status()
        if status in _NOTHING_YET:
            return kept, False
        if self._held() == kept:
            return kept, True
        is_over = status.startswith("IMPORT_ROLLBACK") or status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
        raise CommandFailed(
            f"There is a stack {self.stack} in {self.region} ({status}). What another one kept is taken up in its "
            "place, after it is deleted.",
            next_command=typed("aws cloudformation delete-stack --stack-name {stack}", stack=self.stack)
            if is_over
            else typed("tokensync doctor --stack {stack}", stack=self.stack),
            kind="StackExists",
        )

    def take_up(self, kept: Kept, say: Say) -> None:
        """Make a stack of the two. The table gets the settings that the template promises and a restore drops.

        Raises:
            CommandFailed: CloudFormation refuses. The two are as they were, and the same may be asked again.
        """
        say("Protecting the table")
        self._settle(kept.table)
        say("Importing the table and the key")
        change_set = self._prepared(kept)
        self.cloudformation.execute_change_set(StackName=self.stack, ChangeSetName=change_set)
        self._wait(self.cloudformation.get_waiter("stack_import_complete"), StackName=self.stack)

    def _found(self) -> Iterator[Kept]:
        """Yield what each deleted stack of this name kept, the latest first."""
        pages = self.cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
        for page in pages:
            for deleted in page["StackSummaries"]:
                if deleted["StackName"] == self.stack:
                    skipped = self._skipped(deleted["StackId"])
                    if skipped.keys() >= {"Table", "GrantKey"}:
                        yield Kept(skipped["Table"], skipped["GrantKey"])

    def _skipped(self, stack_id: str) -> Mapping[str, str]:
        """Return what the deletion of a stack left alone: logical id → physical id."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        return {
            event["LogicalResourceId"]: event["PhysicalResourceId"]
            for page in pages
            for event in page["StackEvents"]
            if event.get("ResourceStatus") == "DELETE_SKIPPED"
        }

    def _table(self, name: str) -> "TableDescriptionTypeDef | None":
        try:
            return self.dynamodb.describe_table(TableName=name)["Table"]
        except (ClientError, ParamValidationError) as error:
            _require_unknown(error)
            return None

    def _require_a_table(self, name: str) -> None:
        table = self._table(name)
        if table is None:
            raise CommandFailed(
                f"There is no table {name} in {self.region}.",
                next_command=typed("aws dynamodb list-tables"),
                exit_code=NOT_FOUND,
                kind="UnknownTable",
            )
        if table["TableStatus"] != "ACTIVE":
            raise CommandFailed(
                f"The table {name} is {table['TableStatus']}.",
                next_command=typed("aws dynamodb wait table-exists --table-name {table}", table=name),
                exit_code=LATER,
                kind="TableBusy",
            )
        keys = [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
        indexes = [index.get("IndexName") for index in table.get("GlobalSecondaryIndexes", [])]
        if keys != _KEYS or indexes != [_INDEX]:
            raise CommandFailed(
                f"The table {name} is none of tokensync's: its keys or its indexes differ.",
                next_command=typed("aws dynamodb list-tables"),
                kind="ForeignTable",
            )

    def _usable_key(self, key: str) -> str:
        """Return a key's id, if it can be used and is this stack's: each says so in its description."""
        following = typed("aws kms list-keys")
        try:
            told = self.kms.describe_key(KeyId=key)["KeyMetadata"]
        except (ClientError, ParamValidationError) as error:
            _require_unknown(error)
            raise CommandFailed(
                f"There is no key {key} in {self.region}.",
                next_command=following,
                exit_code=NOT_FOUND,
                kind="UnknownKey",
            ) from None
        key_id = told["KeyId"]
        if told.get("Description") != f"Seals the grants of {self.stack}":
            raise CommandFailed(
                f"The key {key} does not seal the grants of {self.stack}. A table is taken up with its own key, and "
                "under the name of its own stack, by which its secrets are named.",
                next_command=following,
                kind="ForeignKey",
            )
        if told.get("KeyState") != "Enabled":
            is_dying = told.get("KeyState") == "PendingDeletion"
            raise CommandFailed(
                f"The key {key} is {told.get('KeyState')}. After cancel-key-deletion it needs enable-key as well.",
                next_command=typed("aws kms cancel-key-deletion --key-id {key}", key=key_id)
                if is_dying
                else typed("aws kms enable-key --key-id {key}", key=key_id),
                kind="KeyDisabled",
            )
        return key_id

    def _status(self) -> str:
        """Return the status of the stack of this name, empty if there is none; an import under way is waited for."""
        try:
            status = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]["StackStatus"]
        except (ClientError, ParamValidationError) as error:
            _require_unknown(error)
            return ""
        if status != _UNDER_WAY:
            return status
        self._wait(self.cloudformation.get_waiter("stack_import_complete"), StackName=self.stack)
        return _TAKEN_UP

    def _held(self) -> Kept:
        """Return the pair that the stack of this name has now."""
        told = self.cloudformation.describe_stack_resources(StackName=self.stack)["StackResources"]
        names = {resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "") for resource in told}
        return Kept(names.get("Table", ""), names.get("GrantKey", ""))

    def _settle(self, name: str) -> None:
        """Protect a table, let its items expire, and keep backups of it: what is set already stays."""
        client = self.dynamodb
        if not client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
            client.update_table(TableName=name, DeletionProtectionEnabled=True)
            client.get_waiter("table_exists").wait(TableName=name)
        expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if expiry.get("TimeToLiveStatus") == "DISABLED":
            client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": _TTL})
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )

    def _prepared(self, kept: Kept) -> str:
        """Return the name of a change set that CloudFormation is ready to execute."""
        name = f"take-up-{uuid.uuid4().hex}"
        imported: list[ResourceToImportTypeDef] = [
            {
                "ResourceType": "AWS::DynamoDB::Table",
                "LogicalResourceId": "Table",
                "ResourceIdentifier": {"TableName": kept.table},
            },
            {
                "ResourceType": "AWS::KMS::Key",
                "LogicalResourceId": "GrantKey",
                "ResourceIdentifier": {"KeyId": kept.key},
            },
        ]
        try:
            self.cloudformation.create_change_set(
                StackName=self.stack,
                ChangeSetName=name,
                ChangeSetType="IMPORT",
                ResourcesToImport=imported,
                TemplateBody=(files(__package__) / "kept.yaml").read_text(encoding="utf-8"),
            )
        except ClientError as error:
            if error.response["Error"].get("Code") != "ValidationError":
                raise
            raise self._refused(error.response["Error"].get("Message", "")) from None
        ready = self.cloudformation.get_waiter("change_set_create_complete")
        self._wait(ready, StackName=self.stack, ChangeSetName=name)
        return name

    def _wait(self, waiter: Any, **about: str) -> None:
        try:
            waiter.wait(**about, WaiterConfig=_WAIT)
        except WaiterError as error:
            told: Any = error.last_response
            reason = told.get("StatusReason") or (told.get("Stacks") or [{}])[0].get("StackStatusReason") or str(error)
            raise self._refused(str(reason)) from None

    def _refused(self, reason: str) -> CommandFailed:
        return CommandFailed(
            f"CloudFormation did not import the table and the key: {reason}",
            next_command=typed("aws cloudformation describe-stack-events --stack-name {stack}", stack=self.stack),
            kind="ImportRefused",
        )


def _require_unknown(error: ClientError | ParamValidationError) -> None:
    """Pass an error that says that there is no such thing; raise any other again."""
    if isinstance(error, ClientError) and error.response["Error"].get("Code") not in _UNKNOWN:
        raise error
