"""The contract of `tokensync.domain.sealing.Sealer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokensync.domain.errors import SealingUnavailable

if TYPE_CHECKING:
    from contracts.world import World

PLACE = "demo/1|grant|1"


class SealerContract:
    """What every implementation does."""

    @pytest.mark.parametrize("size", [0, 1, 65_536])
    def test_what_is_sealed_opens(self, world: World, size: int) -> None:
        """What was sealed opens to the same bytes, by another sealer too."""
        plaintext = bytes(index % 251 for index in range(size))
        sealed = world.sealer().new_key(world.app).seal(plaintext, binding=PLACE)
        assert plaintext == world.sealer().open(sealed, app=world.app, binding=PLACE)

    def test_one_key_seals_many(self, world: World) -> None:
        """One key seals any number of values, each to other bytes, and shows none of them."""
        key = world.sealer().new_key(world.app)
        sealed = [key.seal(b"planted-token", binding=PLACE) for _ in range(3)]
        assert len(set(sealed)) == 3
        assert not any(b"planted-token" in value for value in sealed)
        opener = world.sealer()
        assert [b"planted-token"] * 3 == [opener.open(value, app=world.app, binding=PLACE) for value in sealed]

    def test_another_place(self, world: World) -> None:
        """A value that was moved to another record, kind or app does not open."""
        sealed = world.sealer().new_key(world.app).seal(b"x", binding=PLACE)
        for app, binding in ((world.app, "demo/2|grant|1"), (world.app, "demo/1|answer|1"), (f"{world.app}-2", PLACE)):
            with pytest.raises(SealingUnavailable):
                world.sealer().open(sealed, app=app, binding=binding)

    def test_a_flipped_bit(self, world: World) -> None:
        """A value of which one bit was flipped, anywhere, does not open; neither does one cut short."""
        sealed = world.sealer().new_key(world.app).seal(b"x", binding=PLACE)
        spots = {0, 1, 2, 3, len(sealed) // 2, len(sealed) - 30, len(sealed) - 1}
        broken = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in sorted(spots)]
        for value in (*broken, *(sealed[:length] for length in (0, 1, 3, 10, len(sealed) - 1)), sealed + b"\0"):
            with pytest.raises(SealingUnavailable):
                world.sealer().open(value, app=world.app, binding=PLACE)

    def test_a_disabled_key(self, world: World) -> None:
        """While the key is disabled there is no data key and nothing opens; a key in hand still seals."""
        key = world.sealer().new_key(world.app)
        world.enable_key(enabled=False)
        try:
            with pytest.raises(SealingUnavailable):
                world.sealer().new_key(world.app)
            sealed = key.seal(b"x", binding=PLACE)
            with pytest.raises(SealingUnavailable):
                world.sealer().open(sealed, app=world.app, binding=PLACE)
        finally:
            world.enable_key(enabled=True)
        assert world.sealer().open(sealed, app=world.app, binding=PLACE) == b"x"
