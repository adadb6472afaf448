"""The contract of `tokensync.domain.ports.WorkQueue`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.authorization import AuthorizationKey
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from contracts.world import World


def texts(works: list[Work]) -> list[str]:
    """Return works in an order of their own: a queue keeps none."""
    return sorted(work.to_json() for work in works)


class WorkQueueContract:
    """What every implementation does."""

    def test_sending_nothing(self, world: World) -> None:
        """Nothing to send is nothing refused."""
        assert [] == world.queue.send([])

    def test_sending_many(self, world: World) -> None:
        """More messages than one call takes all arrive."""
        works = [Work(connection=ConnectionName(world.app, str(number))) for number in range(25)]
        assert [] == world.queue.send(works)
        assert texts(works) == texts(world.received(25))

    def test_sending_every_kind(self, world: World) -> None:
        """A comparison, an authorization and a sealed answer arrive as they were sent."""
        works = [
            Work(connection=ConnectionName(world.app, "a"), compare=True),
            Work(authorization=AuthorizationKey(world.app, "browser", "nonce")),
            Work(connection=ConnectionName(world.app, "Ünï/code"), answer=bytes(range(256)), fence=7),
        ]
        assert [] == world.queue.send(works)
        assert texts(works) == texts(world.received(3))

    def test_sending_large_answers(self, world: World) -> None:
        """Sealed answers that together exceed what one call takes all arrive."""
        works = [
            Work(connection=ConnectionName(world.app, str(number)), answer=bytes(70_000), fence=number)
            for number in range(9)
        ]
        assert [] == world.queue.send(works)
        assert texts(works) == texts(world.received(9))

    def test_a_queue_that_accepts_nothing(self, world: World) -> None:
        """What a queue does not accept comes back, and nothing is raised."""
        works = [Work(connection=ConnectionName(world.app, str(number))) for number in range(12)]
        assert works == world.broken_queue().send(works)
