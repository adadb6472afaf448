from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from fakes import RecordingLog
from tokensync.aws.queue import SqsWorkQueue
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensync.aws.clients import Clients

URL = "http://127.0.0.1:9/000000000000/refresh"


@pytest.fixture
def stub(clients: Clients) -> Iterator[Stubber]:
    """Answer in SQS's place."""
    with Stubber(clients.sqs) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def works(count: int, *, answer: bytes | None = None) -> list[Work]:
    """Return so many works."""
    return [Work(connection=ConnectionName("demo", str(number)), answer=answer) for number in range(count)]


def failed(*ids: int) -> dict[str, object]:
    """Return an answer in which some entries were not accepted."""
    entries = [{"Id": str(number), "SenderFault": False, "Code": "ServiceUnavailable"} for number in ids]
    return {"Successful": [], "Failed": entries}


def test_only_what_failed_comes_back(clients: Clients, stub: Stubber) -> None:
    """Of several calls, exactly the entries and the calls that failed come back, and the log tells their number."""
    log = RecordingLog()
    stub.add_response("send_message_batch", failed(2, 5))
    stub.add_client_error("send_message_batch", "ThrottlingException")
    stub.add_response("send_message_batch", failed())
    all_works = works(25)
    assert [all_works[2], all_works[5], *all_works[10:20]] == SqsWorkQueue(clients.sqs, URL, log).send(all_works)
    told = [(line.event, line.fields["count"], line.fields["code"]) for line in log.lines]
    assert [("work.not_queued", 2, "ServiceUnavailable"), ("work.not_queued", 10, "ThrottlingException")] == told


def test_large_messages_are_split(clients: Clients, stub: Stubber) -> None:
    """Messages that together are over a call's size go in several calls."""
    for _ in range(3):
        stub.add_response("send_message_batch", failed())
    assert [] == SqsWorkQueue(clients.sqs, URL, RecordingLog()).send(works(6, answer=bytes(80_000)))


def test_a_queue_that_cannot_be_reached(clients: Clients) -> None:
    """Without a network everything comes back and nothing is raised."""
    assert works(2) == SqsWorkQueue(clients.sqs, URL, RecordingLog()).send(works(2))
