"""The contract of `tokensync.domain.ports.DeadLetters`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.world import refused
from tokensync.domain.errors import QueueUnavailable
from tokensync.domain.work import DeadLetter

if TYPE_CHECKING:
    from contracts.world import World


class DeadLettersContract:
    """What every implementation does."""

    def test_an_empty_queue(self, world: World) -> None:
        """Where nothing is, nothing is received."""
        assert [] == world.dead_letters.receive()

    def test_every_letter_is_received_once(self, world: World) -> None:
        """What was received is hidden for a while, so that asking until nothing comes ends."""
        bodies = [f'{{"connection": "{world.app}/{number}"}}' for number in range(23)]
        world.bury(*bodies)
        received: list[DeadLetter] = []
        while letters := world.dead_letters.receive():
            received += letters

        assert sorted(bodies) == sorted(letter.body for letter in received)

    def test_a_deleted_letter_is_gone(self, world: World) -> None:
        """What was deleted is in the queue no more, and the others are."""
        world.bury("one", "two")
        letters = [letter for _ in range(2) for letter in world.dead_letters.receive()]
        world.dead_letters.delete(next(letter for letter in letters if letter.body == "one"))

        assert 1 == world.buried()

    def test_a_queue_that_is_down(self, world: World) -> None:
        """Neither receiving nor deleting fails in any other way."""
        broken = world.broken_dead_letters()
        refused(QueueUnavailable, broken.receive)
        refused(QueueUnavailable, broken.delete, DeadLetter("body", "handle"))
