from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes import RecordingLog
from tokensync.aws.queue import SqsDeadLetters, SqsWorkQueue
from tokensync.domain.errors import QueueUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import DeadLetter, Work

if TYPE_CHECKING:
    from botocore.stub import Stubber

    from tokensync.aws.clients import Clients

URL = "http://127.0.0.1:9/000000000000/refresh"
DEAD = "https://sqs.example/dead"


def works(count: int, *, answer: bytes | None = None) -> list[Work]:
    """Return so many works."""
    return [Work(connection=ConnectionName("demo", str(number)), answer=answer) for number in range(count)]


def failed(*ids: int) -> dict[str, object]:
    """Return an answer in which some entries were not accepted."""
    entries = [{"Id": str(number), "SenderFault": False, "Code": "ServiceUnavailable"} for number in ids]
    return {"Successful": [], "Failed": entries}


def test_only_what_failed_comes_back(clients: Clients, sqs: Stubber) -> None:
    """Of several calls, exactly the entries and the calls that failed come back, and the log tells their number."""
    log = RecordingLog()
    sqs.add_response("send_message_batch", failed(2, 5))
    sqs.add_client_error("send_message_batch", "ThrottlingException")
    sqs.add_response("send_message_batch", failed())
    all_works = works(25)
    assert [all_works[2], all_works[5], *all_works[10:20]] == SqsWorkQueue(clients.sqs, URL, log).send(all_works)
    told = [(line.event, line.fields["count"], line.fields["code"]) for line in log.lines]
    assert [("work.not_queued", 2, "ServiceUnavailable"), ("work.not_queued", 10, "ThrottlingException")] == told


def test_large_messages_are_split(clients: Clients, sqs: Stubber) -> None:
    """Messages that together are over a call's size go in several calls."""
    for _ in range(3):
        sqs.add_response("send_message_batch", failed())
    assert [] == SqsWorkQueue(clients.sqs, URL, RecordingLog()).send(works(6, answer=bytes(80_000)))


@pytest.mark.parametrize(("more", "calls"), [(0, 1), (1, 2)])
def test_a_call_takes_a_quarter_of_a_mebibyte(clients: Clients, sqs: Stubber, more: int, calls: int) -> None:
    """To the byte: what is over it goes in a call of its own."""
    large = works(1, answer=bytes(196_200))[0]
    left = 256 * 1024 - len(large.to_json()) - len(Work(connection=ConnectionName("demo", "x")).to_json())
    small = Work(connection=ConnectionName("demo", "x" * (1 + left + more)))
    for _ in range(calls):
        sqs.add_response("send_message_batch", failed())

    assert 256 * 1024 + more == len(large.to_json()) + len(small.to_json())
    assert [] == SqsWorkQueue(clients.sqs, URL, RecordingLog()).send([large, small])


def test_a_queue_that_cannot_be_reached(clients: Clients) -> None:
    """Without a network everything comes back and nothing is raised."""
    assert works(2) == SqsWorkQueue(clients.sqs, URL, RecordingLog()).send(works(2))


def test_letters_are_hidden_while_they_are_looked_at(sqs: Stubber, clients: Clients) -> None:
    """Ten at once, invisible to every other run for two minutes; a long poll asks every server."""
    asked = {"QueueUrl": DEAD, "MaxNumberOfMessages": 10, "VisibilityTimeout": 120, "WaitTimeSeconds": 1}
    sqs.add_response("receive_message", {"Messages": [{"Body": "one", "ReceiptHandle": "h"}]}, asked)
    sqs.add_response("receive_message", {}, asked)
    letters = SqsDeadLetters(clients.sqs, DEAD)

    assert [DeadLetter("one", "h")] == letters.receive()
    assert [] == letters.receive()


@pytest.mark.parametrize("code", ["AccessDenied", "AWS.SimpleQueueService.NonExistentQueue", "ReceiptHandleIsInvalid"])
def test_no_letter_stands_in_an_error(sqs: Stubber, clients: Clients, code: str) -> None:
    """A letter may hold a sealed answer: only AWS's code is told."""
    sqs.add_client_error("delete_message", code, "planted-body")
    with pytest.raises(QueueUnavailable) as raised:
        SqsDeadLetters(clients.sqs, DEAD).delete(DeadLetter("planted-body", "planted-handle"))

    assert f"DeleteMessage: {code}" == str(raised.value)
