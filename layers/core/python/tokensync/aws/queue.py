"""The refresh queue in SQS, see `tokensync.domain.ports.WorkQueue`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.aws.failures import FOREIGN, code_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient

    from tokensync.domain.runtime import Log
    from tokensync.domain.work import Work

# SendMessageBatch takes 10 entries, and all together as many bytes as one message of a default queue may have (1 MiB).
# A quarter of that holds for a queue of any setting that takes one of our sealed answers at all.
_ENTRIES = 10
_BYTES = 256 * 1024


class SqsWorkQueue:
    """Sends in batches."""

    def __init__(self, client: SQSClient, url: str, log: Log) -> None:
        self._client = client
        self._url = url
        self._log = log

    def send(self, works: list[Work]) -> list[Work]:
        """Send and return those that were not accepted; it never raises."""
        refused: list[Work] = []
        for batch in _batches(works):
            refused += self._send(batch)
        return refused

    def _send(self, batch: list[tuple[Work, str]]) -> list[Work]:
        try:
            answer = self._client.send_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(index), "MessageBody": body} for index, (_, body) in enumerate(batch)],
            )
        except FOREIGN as error:
            self._log.warning("work.not_queued", count=len(batch), code=code_of(error))
            return [work for work, _ in batch]
        failed = answer.get("Failed", [])
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
