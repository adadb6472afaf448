"""The refresh queue and its dead-letter queue in SQS, see `WorkQueue` and `DeadLetters` in `tokensync.domain.ports`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.aws.clients import FOREIGN, code_of, translated
from tokensync.domain.errors import QueueUnavailable
from tokensync.domain.work import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient

    from tokensync.domain.runtime import Log
    from tokensync.domain.work import Work

# SendMessageBatch takes 10 entries, and all together as many bytes as one message of a default queue may have (1 MiB).
# A quarter of that is safe for a queue of any setting that takes one of our sealed answers at all.
_ENTRIES = 10
_BYTES = 256 * 1024
_HIDDEN = 120  # seconds: longer than one run, so that no run meets a letter twice
# A short poll asks a part of SQS's servers, and may find nothing where something is.
_WAIT = 1


class SqsWorkQueue:
    """Sends work in batches."""

    def __init__(self, client: SQSClient, url: str, log: Log) -> None:
        self._client = client
        self._url = url
        self._log = log

    def send(self, works: list[Work]) -> list[Work]:
        refused: list[Work] = []
        for batch in _batches(works):
            refused += self._send(batch)
        return refused

    def _send(self, batch: list[tuple[Work, str]]) -> list[Work]:
        try:
            response = self._client.send_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(index), "MessageBody": body} for index, (_, body) in enumerate(batch)],
            )
        except FOREIGN as error:
            self._log.warning("work.not_queued", count=len(batch), code=code_of(error))
            return [work for work, _ in batch]
        failed = response.get("Failed", [])
        if failed:
            self._log.warning("work.not_queued", count=len(failed), code=failed[0]["Code"])
        return [batch[int(entry["Id"])][0] for entry in failed]


def _batches(works: list[Work]) -> Iterator[list[tuple[Work, str]]]:
    batch: list[tuple[Work, str]] = []
    size = 0
    for work in works:
        body = work.to_json()
        if batch and (len(batch) == _ENTRIES or size + len(body) > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append((work, body))
        size += len(body)  # JSON with escapes is ASCII: characters are bytes
    if batch:
        yield batch


class SqsDeadLetters:
    """Receives ten at a time, and deletes one by one. The errors are those that the port names."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def receive(self) -> list[DeadLetter]:
        with translated("ReceiveMessage", {}, QueueUnavailable):
            response = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN, WaitTimeSeconds=_WAIT
            )
        return [DeadLetter(message["Body"], message["ReceiptHandle"]) for message in response.get("Messages", [])]

    def delete(self, letter: DeadLetter) -> None:
        with translated("DeleteMessage", {}, QueueUnavailable):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.handle)
