"""What was kept out of its place on the deployed stack comes back by one command, without a call to the provider."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fault_rows import fault
from stack import Sandbox, Stack, eventually
from tokensync.aws.items import connection_key
from tokensync.domain.connection import Phase, Status
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensync.domain.names import ConnectionName

APP = "recovered-shop"
POISONED_AMONG = 12


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Sandbox:
    """An app whose tokens the schedule leaves alone. The dead letters of other tests are counted by none of these."""
    stack.client("sqs").purge_queue(QueueUrl=stack.outputs.dead_letter_queue_url)
    return stack.add_app(APP, access_token_seconds=36_000)


def recover(stack: Stack, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run `tokensync recover` in the project; return its exit code and what it found."""
    code, told, _ = stack.command("recover", *arguments)
    return code, told["found"]


def letters(stack: Stack) -> int:
    """Return how many dead letters there are, hidden or not."""
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = stack.outputs.dead_letter_queue_url
    told = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    return sum(map(int, told.values()))


def presented(sandbox: Sandbox, name: ConnectionName) -> int:
    """Return how many refresh tokens of an account the provider was shown."""
    return len([entry for entry in sandbox.entries(kind="refresh_token") if entry.get("account") == name.account])


@fault("F8")
def test_a_sealed_answer_among_the_dead_letters(stack: Stack, sandbox: Sandbox) -> None:
    """The table took no answer: the bytes that the function sealed come back out of the queue, and are published."""
    name = stack.connect(APP, sandbox, sandbox.sellers(1)[0])
    stack.failpoint("received")
    stack.refresh(name)
    record = stack.stored(name)
    assert (Phase.RECEIVED, 1) == (record.phase, stack.document(name)["generation"])
    assert record.attempt is not None
    # As it would be had RECEIVED found the table down: the message alone has the answer, and nothing is due.
    unstored = replace(
        record.with_due(renew_at=None, refresh_at=None, next_at=None),
        phase=Phase.SENT,
        sealed_answer=None,
        allocated=record.allocated - 1,
        lease_until=int(time.time()) - 1,
    )
    stack.connections.write(record, unstored)
    letter = Work(connection=name, answer=record.sealed_answer, fence=record.attempt.fence)
    stack.client("sqs").send_message(QueueUrl=stack.outputs.dead_letter_queue_url, MessageBody=letter.to_json())
    before = len(sandbox.entries())

    code, found = recover(stack, str(name))

    assert (0, [("answer", str(name), "brought_back")]) == (
        code, [(one["what"], one["subject"], one["result"]) for one in found]
    )  # fmt: skip
    assert (before, []) == (len(sandbox.entries()), sandbox.doubles())
    assert (Status.ACTIVE, 2) == (stack.stored(name).status, stack.document(name)["generation"])
    assert 0 == letters(stack)
    assert (0, []) == recover(stack, str(name))


@contextmanager
def short_visibility(stack: Stack) -> Iterator[None]:
    """Let what was not worked on come again after a second."""
    sqs, url = stack.client("sqs"), stack.outputs.queue_url
    name = "VisibilityTimeout"
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: "2"})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={name: before})


@fault("F11")
def test_one_poison_connection_ends_among_the_dead_letters(stack: Stack, sandbox: Sandbox) -> None:
    """The others are refreshed, its name alone is a dead letter, and mended it is refreshed by one command."""
    names = [stack.connect(APP, sandbox, seller) for seller in sandbox.sellers(POISONED_AMONG)]
    poison, *others = names
    schema(stack, poison, 99)
    for name in others:
        assert stack.connections.request_refresh(name, generation=1, now=int(time.time()))
    bodies = [Work(connection=name).to_json() for name in names]
    with short_visibility(stack):
        for body in bodies:
            stack.client("sqs").send_message(QueueUrl=stack.outputs.queue_url, MessageBody=body)
        eventually(lambda: all(stack.document(name)["generation"] == 2 for name in others), seconds=60)
        eventually(lambda: letters(stack) == 1, seconds=120)
    assert 1 == stack.document(poison)["generation"]

    schema(stack, poison, 1)
    assert stack.connections.request_refresh(poison, generation=1, now=int(time.time()))
    code, found = recover(stack, str(poison))

    assert (0, ["queued"]) == (code, [one["result"] for one in found])
    eventually(lambda: stack.document(poison)["generation"] == 2, seconds=60)
    assert (0, []) == (letters(stack), sandbox.doubles())


def schema(stack: Stack, name: ConnectionName, number: int) -> None:
    """Let a record be of another version of the program."""
    pk, sk = connection_key(name)
    stack.client("dynamodb").update_item(
        TableName=stack.outputs.table,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="SET #schema = :number",
        ExpressionAttributeNames={"#schema": "schema"},
        ExpressionAttributeValues={":number": {"N": str(number)}},
    )
