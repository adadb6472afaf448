"""The deployed stack's own schedule and poller at rest, and the queue's messages in the hands of a test."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stack import eventually
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stack import Stack

_KEPT = ("ScheduleExpression", "Description", "ScheduleExpressionTimezone", "Target", "FlexibleTimeWindow")
_AT_ONCE = 10


@contextmanager
def at_rest(stack: Stack) -> Iterator[None]:
    """Keep the deployed stack from looking after connections by itself, and let it go on afterwards."""
    _switch(stack, on=False)
    try:
        yield
    finally:
        _switch(stack, on=True)


def _switch(stack: Stack, *, on: bool) -> None:
    lambdas, scheduler = stack.client("lambda"), stack.client("scheduler")
    for mapping in lambdas.list_event_source_mappings()["EventSourceMappings"]:
        lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
    for listed in scheduler.list_schedules()["Schedules"]:
        schedule = scheduler.get_schedule(Name=listed["Name"])
        kept = {key: schedule[key] for key in _KEPT}
        scheduler.update_schedule(Name=listed["Name"], State="ENABLED" if on else "DISABLED", **kept)
    wanted = "Enabled" if on else "Disabled"
    eventually(
        lambda: all(
            mapping["State"] == wanted for mapping in lambdas.list_event_source_mappings()["EventSourceMappings"]
        ),
        seconds=30,
    )


@dataclass(frozen=True)
class Letter:
    """One message of the queue; without a receipt one that the schedule would have sent."""

    id: str
    body: str
    receipt: str = ""


def scheduled(**work: object) -> Letter:
    """Return what the schedule's tick would queue."""
    return Letter(str(uuid.uuid4()), json.dumps(work))


def batch(letters: Sequence[Letter]) -> dict[str, Any]:
    """Return the event in which Lambda's poller hands messages over."""
    return {
        "Records": [
            {"messageId": letter.id, "receiptHandle": letter.receipt, "body": letter.body, "eventSource": "aws:sqs"}
            for letter in letters
        ]
    }


class Mail:
    """Takes messages from the queue, each into the box of its app. Messages for nobody here are left to the queue."""

    def __init__(self, stack: Stack) -> None:
        self._queue = stack.client("sqs")
        self._url = stack.outputs.queue_url
        self._lock = threading.Lock()
        self._boxes: dict[str, list[Letter]] = {}
        self._answers: dict[str, list[Work]] = {}
        self.bodies: list[str] = []  # of every message that was taken

    def box(self, app: str) -> None:
        """Collect the messages of an app from now on."""
        with self._lock:
            self._boxes[app] = []
            self._answers[app] = []

    def answers(self, app: str) -> list[Work]:
        """Return every message with a sealed answer that the queue ever held for an app, as far as it was taken."""
        with self._lock:
            return list(self._answers[app])

    def take(self, app: str) -> list[Letter]:
        """Return the messages that wait for an app: its box is empty then."""
        with self._lock:
            while received := self._queue.receive_message(QueueUrl=self._url, MaxNumberOfMessages=_AT_ONCE).get(
                "Messages"
            ):
                for message in received:
                    self._put(message)
            taken, self._boxes[app] = self._boxes[app], []
        return taken

    def put_back(self, app: str, letters: Sequence[Letter]) -> None:
        """Give messages back that were not dealt with: they come again."""
        with self._lock:
            self._boxes[app] += letters

    def delete(self, letters: Sequence[Letter]) -> None:
        """Delete messages that were dealt with."""
        for letter in letters:
            if letter.receipt:
                self._queue.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)

    def _put(self, message: dict[str, Any]) -> None:
        told = json.loads(message["Body"])
        self.bodies.append(message["Body"])
        app = told.get("app") or str(told.get("connection", "")).partition("/")[0]
        box = self._boxes.get(app)
        if box is not None and all(letter.id != message["MessageId"] for letter in box):
            box.append(Letter(message["MessageId"], message["Body"], message["ReceiptHandle"]))
            if "answer" in told:
                self._answers[app].append(Work.from_json(message["Body"]))
