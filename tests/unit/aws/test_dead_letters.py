from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from tokensync.aws.queue import SqsDeadLetters
from tokensync.domain.errors import QueueUnavailable
from tokensync.domain.work import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensync.aws.clients import Clients

URL = "https://sqs.example/dead"


@pytest.fixture
def stub(clients: Clients) -> Iterator[Stubber]:
    """Answer in SQS's place."""
    with Stubber(clients.sqs) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_letters_are_hidden_while_they_are_looked_at(stub: Stubber, clients: Clients) -> None:
    """Ten at once, invisible to every other run for two minutes; a long poll asks every server."""
    asked = {"QueueUrl": URL, "MaxNumberOfMessages": 10, "VisibilityTimeout": 120, "WaitTimeSeconds": 1}
    stub.add_response("receive_message", {"Messages": [{"Body": "one", "ReceiptHandle": "h"}]}, asked)
    stub.add_response("receive_message", {}, asked)
    letters = SqsDeadLetters(clients.sqs, URL)

    assert [DeadLetter("one", "h")] == letters.receive()
    assert [] == letters.receive()


@pytest.mark.parametrize("code", ["AccessDenied", "AWS.SimpleQueueService.NonExistentQueue", "ReceiptHandleIsInvalid"])
def test_no_letter_stands_in_an_error(stub: Stubber, clients: Clients, code: str) -> None:
    """A letter may hold a sealed answer: only AWS's code is told."""
    stub.add_client_error("delete_message", code, "planted-body")
    with pytest.raises(QueueUnavailable) as raised:
        SqsDeadLetters(clients.sqs, URL).delete(DeadLetter("planted-body", "planted-handle"))

    assert f"DeleteMessage: {code}" == str(raised.value)
