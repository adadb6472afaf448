"""Looks for planted secrets in everything that leaves the deployed stack, in every spelling."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stack import Stack

# Of the project's own files these hold secrets by their nature: the state of the embedded AWS, and the provider's. The
# others of these are made by tools, from nothing but the sources.
_STATES = {"aws", "sandbox.json", "build", "scratch", "home"}
_AT_ONCE = 10
_LOOK = 0.05  # seconds: a command takes several times as long to start


def forms(secret: str) -> set[str]:
    """Return how a secret may look: raw, URL-encoded, base64 at each alignment, hex, JSON-escaped."""
    raw = secret.encode()
    aligned = {base64.b64encode(b"\0" * shift + raw).decode()[4:-4] for shift in range(3)}
    return {secret, quote(secret, safe=""), quote_plus(secret), raw.hex(), json.dumps(secret)[1:-1], *aligned}


def leaked(stack: Stack, canaries: Iterable[str], *more: str) -> list[str]:
    """Return each spelling of a canary that left the stack, or stands in `more`; empty where none did."""
    left = "\n".join([*everything_that_left(stack), *more])
    return [form for canary in canaries for form in forms(canary) if form in left]


def everything_that_left(stack: Stack) -> Iterator[str]:
    """Yield what people and programs without a right to secrets may come to see of a stack."""
    yield from _table(stack)
    yield from _logs(stack)
    yield from _names(stack)
    yield from _messages(stack)
    yield from _configuration(stack)
    yield from _files(stack.root / ".tokensync")
    yield from _of_processes("cmdline")
    yield from _of_processes("environ")


@contextmanager
def arguments_watched() -> Iterator[set[str]]:
    """Collect the arguments of every process that is seen to run meanwhile, short-lived ones of commands among them."""
    seen: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK):
            seen.update(_of_processes("cmdline"))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def hears_alerts(stack: Stack, name: str = "alerts-heard") -> str:
    """Subscribe a queue to the alert topic, as an operator's mailbox is, and return its URL."""
    sqs = stack.client("sqs")
    url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    stack.client("sns").subscribe(TopicArn=stack.outputs.alert_topic_arn, Protocol="sqs", Endpoint=arn)
    return url


def _table(stack: Stack) -> Iterator[str]:
    for page in stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs.table):
        yield repr(page["Items"])
        for item in page["Items"]:
            yield from (base64.b64encode(value["B"]).decode() for value in item.values() if "B" in value)


def _logs(stack: Stack) -> Iterator[str]:
    logs = stack.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            yield from (event["message"] for event in page["events"])


def _names(stack: Stack) -> Iterator[str]:
    for page in stack.secrets.get_paginator("list_secrets").paginate():
        for secret in page["SecretList"]:
            yield repr((secret["Name"], secret.get("Tags"), secret.get("Description")))
    for page in stack.client("cloudwatch").get_paginator("list_metrics").paginate():
        yield repr(page["Metrics"])


def _messages(stack: Stack) -> Iterator[str]:
    """Yield what waits in every queue, dead letters and mails among it, and leave it there."""
    sqs = stack.client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        # Each is hidden while the next ones are taken, and shown again afterwards.
        taken = []
        while found := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=_AT_ONCE, VisibilityTimeout=30, MessageAttributeNames=["All"]
        ).get("Messages"):
            taken += found
        for message in taken:
            yield repr(message)
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)


def _configuration(stack: Stack) -> Iterator[str]:
    for page in stack.client("lambda").get_paginator("list_functions").paginate():
        yield repr(page["Functions"])
    yield repr(stack.client("cloudformation").describe_stacks(StackName=stack.outputs.stack)["Stacks"])


def _files(directory: Path) -> Iterator[str]:
    for path in directory.rglob("*"):
        if path.relative_to(directory).parts[0] not in _STATES and path.is_file():
            yield path.read_text(errors="replace")


def _of_processes(file: str) -> Iterator[str]:
    """Yield a file of /proc for every process that can be seen: its arguments, or its environment."""
    for path in Path("/proc").glob(f"[0-9]*/{file}"):
        with suppress(OSError):  # it ended, or is somebody else's
            yield path.read_text(errors="replace")
