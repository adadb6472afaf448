"""The dead-letter queue in SQS, see `tokensync.domain.ports.DeadLetters`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.aws.failures import translated
from tokensync.domain.errors import QueueUnavailable
from tokensync.domain.work import DeadLetter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_HIDDEN = 120  # seconds: longer than one run, so that no run meets a letter twice
# A short poll asks a part of SQS's servers, and may find nothing where something is.
_WAIT = 1


class SqsDeadLetters:
    """Receives ten at a time, and deletes one by one."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def receive(self) -> list[DeadLetter]:
        """Return a few, hidden from everybody for two minutes.

        Raises:
            QueueUnavailable: they cannot be received now.
        """
        with translated("ReceiveMessage", {}, QueueUnavailable):
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN, WaitTimeSeconds=_WAIT
            )
        return [DeadLetter(message["Body"], message["ReceiptHandle"]) for message in answer.get("Messages", [])]

    def delete(self, letter: DeadLetter) -> None:
        """Delete one that was received.

        Raises:
            QueueUnavailable: it was not deleted, and comes again.
        """
        with translated("DeleteMessage", {}, QueueUnavailable):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.handle)
