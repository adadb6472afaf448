"""The contract of `tokensync.domain.ports.Origin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.world import NOW, at_once

if TYPE_CHECKING:
    from contracts.world import World


class OriginContract:
    """What every implementation does."""

    def test_a_table_that_was_never_restored(self, world: World) -> None:
        """A table marks itself at the first look, and is itself from then on."""
        assert [None] * 3 == at_once(lambda _: world.origin.restored(), threads=3)
        assert world.origin.restored() is None

    def test_a_restored_table(self, world: World) -> None:
        """A table whose items come from another one's backup has an id of its own, the same at every look."""
        world.origin.restored()
        origin = world.restored()
        table = origin.restored()
        assert table is not None
        assert table == origin.restored()
        assert world.origin.restored() is None

    def test_each_restored_table_is_another(self, world: World) -> None:
        """Two tables restored from one backup differ."""
        world.origin.restored()
        first, second = world.restored(), world.restored()
        assert first.restored() != second.restored()

    def test_noticing_once(self, world: World) -> None:
        """Of many that notice a restored table at once, one learns that it is the first."""
        world.origin.restored()
        origin = world.restored()
        table = origin.restored()
        assert table is not None
        assert [True] == [first for first in at_once(lambda _: origin.note_restored(table, now=NOW)) if first]
        assert not origin.note_restored(table, now=NOW + 1)
        assert origin.note_restored("another", now=NOW + 2)
