"""`take-up` as it is typed. What it does is proved on the embedded AWS."""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tokensync_cli.output.aws_failures import explain
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.kept import Kept, KeptStores

STACK_ID = "arn:aws:cloudformation:eu-central-1:000000000000:stack/prod"
MADE = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
KEY = {"KeyId": "key-1", "KeyState": "Enabled", "Description": "Seals the grants of prod"}
TABLE = {
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [{"IndexName": "due"}],
}


@pytest.mark.parametrize(
    ("words", "message", "following"),
    [
        (("--table", "t"), "--table and --key go together", "the same command with both, or with neither"),
        (("--key", "k"), "--table and --key go together", "the same command with both, or with neither"),
        ((), "Name the stack that was deleted", "tokensync take-up --stack NAME"),
    ],
)
def test_what_cannot_be_meant(desk: Any, words: tuple[str, ...], message: str, following: str) -> None:
    """One half of the pair, or no stack's name, is refused before AWS is asked, with what is right."""
    result = desk.start("take-up", *words)

    assert 2 == result.exit_code
    assert message in result.stderr
    assert f"Next: {following}" in result.stderr


def stores() -> KeptStores:
    """Return what has credentials and no way out."""
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="eu-central-1")

    def client(service: str) -> Any:
        return session.client(service, endpoint_url="http://127.0.0.1:1")  # type: ignore[call-overload]  # by name

    return KeptStores(
        stack="prod",
        region="eu-central-1",
        cloudformation=client("cloudformation"),
        dynamodb=client("dynamodb"),
        kms=client("kms"),
    )


def held(kept: Kept) -> list[dict[str, Any]]:
    """Return what CloudFormation tells of a stack that took this pair up."""
    about = {"ResourceType": "x", "Timestamp": MADE, "ResourceStatus": "IMPORT_COMPLETE"}
    pair = {"Table": kept.table, "GrantKey": kept.key}
    return [{**about, "LogicalResourceId": name, "PhysicalResourceId": value} for name, value in pair.items()]


def deletions(stub: Stubber, *pairs: Kept) -> None:
    """Let CloudFormation know stacks of this name that were deleted and kept these, and none that runs."""
    stub.add_client_error("describe_stacks", "ValidationError", "Stack with id prod does not exist")
    made = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    about = {"StackName": "prod", "CreationTime": made, "StackStatus": "DELETE_COMPLETE"}
    ids = [f"{STACK_ID}/{number}" for number in range(len(pairs))]
    foreign = {**about, "StackName": "prod-eu", "StackId": f"{STACK_ID}-eu/1"}
    stub.add_response("list_stacks", {"StackSummaries": [foreign, *({**about, "StackId": one} for one in ids)]})
    for stack_id, kept in zip(ids, pairs, strict=True):
        event = {"StackId": stack_id, "EventId": "e", "StackName": "prod", "Timestamp": made}
        events = [
            {**event, "LogicalResourceId": "Table", "PhysicalResourceId": kept.table},
            {**event, "LogicalResourceId": "GrantKey", "PhysicalResourceId": kept.key},
        ]
        kept_events = [{**one, "ResourceStatus": "DELETE_SKIPPED"} for one in events]
        gone = {**event, "LogicalResourceId": "Table", "PhysicalResourceId": "x", "ResourceStatus": "DELETE_COMPLETE"}
        stub.add_response("describe_stack_events", {"StackEvents": [gone, *kept_events]}, {"StackName": stack_id})


def tables(stub: Stubber, *names: str) -> None:
    """Let DynamoDB know these tables, in this order."""
    for name in names:
        made = dt.datetime(2026, 11, 1, 8, 30, tzinfo=dt.UTC)
        stub.add_response(
            "describe_table", {"Table": {"TableName": name, "CreationDateTime": made}}, {"TableName": name}
        )


def test_several_deleted_stacks_kept_something() -> None:
    """Each pair is named once with its table's age, and none is chosen: an empty one may be the latest."""
    made, first, second = stores(), Kept("one", "key-1"), Kept("two", "key-2")
    with Stubber(made.cloudformation) as cloudformation, Stubber(made.dynamodb) as dynamodb:
        deletions(cloudformation, first, second, first)
        tables(dynamodb, "one", "two")
        with pytest.raises(CommandFailed) as failed:
            made.named(None, None)

    assert "SeveralKept" == failed.value.kind
    assert "--table one --key key-1 (made 2026-11-01 08:30); --table two --key key-2 (made" in failed.value.message
    assert "tokensync take-up --stack prod --table TABLE --key KEY" == str(failed.value.next_command)


def test_the_one_pair_that_is_still_there() -> None:
    """A table that is gone is passed over, and so is a stack of a longer name."""
    made, gone, there = stores(), Kept("gone", "key-1"), Kept("there", "key-2")
    with Stubber(made.cloudformation) as cloudformation, Stubber(made.dynamodb) as dynamodb:
        deletions(cloudformation, gone, there)
        dynamodb.add_client_error("describe_table", "ResourceNotFoundException")
        tables(dynamodb, "there")

        assert there == made.named(None, None)


def test_a_named_pair_is_taken_as_it_is() -> None:
    """Nothing is looked for."""
    assert Kept("t", "k") == replace(stores(), stack="other").named("t", "k")


def test_a_table_that_is_still_being_restored() -> None:
    """It is later, and the command that waits for it is told."""
    made = stores()
    with Stubber(made.dynamodb) as dynamodb:
        dynamodb.add_response("describe_table", {"Table": {"TableName": "restored", "TableStatus": "CREATING"}})
        with pytest.raises(CommandFailed) as failed:
            made.checked(Kept("restored", "k"))

    assert (5, "aws dynamodb wait table-exists --table-name restored") == (
        failed.value.exit_code,
        str(failed.value.next_command),
    )


@pytest.mark.parametrize(
    ("status", "following"),
    [
        ("ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name prod"),
        ("IMPORT_ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name prod"),
        ("CREATE_COMPLETE", "tokensync doctor --stack prod"),
        ("UPDATE_ROLLBACK_COMPLETE", "tokensync doctor --stack prod"),
    ],
)
def test_another_stack_has_the_name(status: str, following: str) -> None:
    """What is left of a failed one may be deleted; nothing suggests that of one that runs."""
    made = stores()
    about = {"StackName": "prod", "CreationTime": MADE, "StackStatus": status}
    with (
        Stubber(made.cloudformation) as cloudformation,
        Stubber(made.dynamodb) as dynamodb,
        Stubber(made.kms) as kms,
    ):
        dynamodb.add_response("describe_table", {"Table": TABLE})
        kms.add_response("describe_key", {"KeyMetadata": KEY})
        cloudformation.add_response("describe_stacks", {"Stacks": [about]})
        cloudformation.add_response("describe_stack_resources", {"StackResources": []})
        with pytest.raises(CommandFailed) as failed:
            made.checked(Kept("restored", "key-1"))

    assert ("StackExists", following) == (failed.value.kind, str(failed.value.next_command))


@pytest.mark.parametrize("stack", ["no stack", "prod; rm -r x"])
def test_a_stacks_name_in_a_command_is_one_word(stack: str) -> None:
    """The name that was typed does not become a command of its own in the next one."""
    made = replace(stores(), stack=stack)
    with Stubber(made.cloudformation) as cloudformation:
        cloudformation.add_client_error("describe_stacks", "ValidationError")
        cloudformation.add_response("list_stacks", {"StackSummaries": []})
        with pytest.raises(CommandFailed) as failed:
            made.named(None, None)

    assert stack == shlex.split(str(failed.value.next_command))[3]


def test_an_import_under_way_is_waited_for() -> None:
    """A second run while the first one's import goes on ends as that one does."""
    made, kept = stores(), Kept("restored", "key-1")
    about = {"StackName": "prod", "CreationTime": MADE}
    with Stubber(made.cloudformation) as cloudformation:
        for status in ("IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"):
            cloudformation.add_response("describe_stacks", {"Stacks": [{**about, "StackStatus": status}]})
        cloudformation.add_response("describe_stack_resources", {"StackResources": held(kept)})

        assert kept == made.named(None, None)


@pytest.mark.parametrize(("words", "more"), [((), ""), (("--profile", "ops"), " --profile ops")])
def test_what_comes_next_deploys_the_same_stack(desk: Any, words: tuple[str, ...], more: str) -> None:
    """By the command line itself, which needs no checkout: with the stack, the Region and the profile of this run."""
    desk.stores = made = stores()
    about = {"StackName": "prod", "CreationTime": MADE, "StackStatus": "IMPORT_COMPLETE"}
    with (
        Stubber(made.cloudformation) as cloudformation,
        Stubber(made.dynamodb) as dynamodb,
        Stubber(made.kms) as kms,
    ):
        for _ in ("named", "checked"):
            cloudformation.add_response("describe_stacks", {"Stacks": [about]})
            cloudformation.add_response("describe_stack_resources", {"StackResources": held(Kept("kept", "key-1"))})
        dynamodb.add_response("describe_table", {"Table": TABLE})
        kms.add_response("describe_key", {"KeyMetadata": KEY})
        result = desk.start("take-up", "--stack", "prod", *words)

    assert 0 == result.exit_code
    assert "The stack prod has the table kept and the key key-1." in result.stdout
    assert f"Next: tokensync deploy --stack prod --region eu-central-1{more}\n" in result.stderr


@pytest.mark.parametrize("operation", ["ListStacks", "CreateChangeSet", "UpdateTable", "DescribeKey"])
def test_an_operator_may_not(operation: str) -> None:
    """The refusal names no policy of a stack that is gone."""
    explained = explain(ClientError({"Error": {"Code": "AccessDenied"}}, operation))

    assert explained is not None
    assert "rights of one who deploys" in explained[1]
    assert "OperatorPolicyArn" not in explained[1]
