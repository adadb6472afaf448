"""Recovery: whatever the queue or the due index would bring is given to workers, and nothing else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from faults.polling import Letter, batch, scheduled
from tokensync.aws.items import authorization_key, connection_key
from tokensync.domain.connection import Status

if TYPE_CHECKING:
    from faults.matrix.scene import Scene

_ROUNDS = 16
_SOON = 1500  # seconds: a retry is due within them; a regular refresh and a last attempt come later
_PATIENCE = 30  # seconds until the queue brings a message again


class Stuck(AssertionError):
    """The stack does not come to rest."""


class Recovery:
    """Looks after one case's connection as the stack would, its clock moved on where it would wait."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._clock = 0

    def settle(self) -> None:
        """Let workers do what the queue and the due index bring, the clock moved on, until nothing is due soon."""
        for _ in range(_ROUNDS):
            letters = self._scene.world.mail.take(self._scene.app)
            if letters:
                self._clock = max(self._clock, 0)
                self.deliver(*letters)
                continue
            due = self._due()
            if due is None:
                return
            at, letter = due
            self._clock = max(self._clock, at - int(time.time()))
            self.deliver(letter)
        raise Stuck(f"{self._scene.case}: not at rest after {_ROUNDS} rounds: {self._scene.record()}")

    def last_attempt(self) -> None:
        """Move the clock to the last attempt of a connection that is held, and let the stack make it."""
        record = self._scene.record()
        if record is None or record.status is not Status.HELD or record.due.next_at is None:
            return
        self._clock = record.due.next_at + 1 - int(time.time())
        self.settle()

    def prove(self) -> None:
        """Let an active connection be refreshed when that is due: only a living grant passes."""
        record = self._scene.record()
        if record is not None and record.status is Status.ACTIVE and record.due.next_at is not None:
            self._clock = record.due.next_at + 1 - int(time.time())
            self.settle()

    def _due(self) -> tuple[int, Letter] | None:
        """Return the next entry of the due index, and from when on it can be worked on."""
        table, now = self._scene.world.stack.table, int(time.time()) + self._clock
        found = []
        keys = {
            connection_key(self._scene.registration.connection): {
                "connection": str(self._scene.registration.connection)
            }
        }
        for callback in self._scene.registration.callbacks:
            authorization = callback.key()
            keys[authorization_key(authorization)] = {"app": authorization.app, "pending": authorization.sort_key}
        for key, work in keys.items():
            item = table.get(key)
            if item is None or "due" not in item or "next_at" not in item:
                continue
            at = item["next_at"]
            if at > now + _SOON:
                continue
            leased = item["lease_until"] + 1 if "lease_until" in item else 0
            found.append((max(at, leased), scheduled(**work)))
        return min(found, key=lambda entry: entry[0], default=None)

    def deliver(self, *letters: Letter, clock: int | None = None) -> None:
        """Give messages to a worker, and delete those that it dealt with."""
        worker = self._scene.start("rotation", batch(letters), clock=self._clock if clock is None else clock)
        answer = worker.finish()
        again = {failure["itemIdentifier"] for failure in (answer or {}).get("batchItemFailures", ())}
        if answer is None:
            again = {letter.id for letter in letters}
        self._scene.world.mail.delete([letter for letter in letters if letter.id not in again])
        # What the schedule sent is sent again by the schedule.
        self._scene.world.mail.put_back(self._scene.app, [one for one in letters if one.id in again and one.receipt])
        if again:
            self._clock += _PATIENCE
