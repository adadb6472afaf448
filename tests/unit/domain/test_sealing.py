from __future__ import annotations

import struct

import pytest

from fakes import FakeKeyService
from tokensync.domain.errors import SealingUnavailable
from tokensync.domain.sealing import EnvelopeKey, EnvelopeSealer


def test_the_format() -> None:
    """A sealed value is version, length of the wrapped key, wrapped key, nonce and ciphertext with a 16-byte tag."""
    sealed = EnvelopeKey("demo", bytes(32), b"wrapped").seal(b"12345", binding="demo/1|grant|1")
    assert struct.pack(">BH", 1, 7) + b"wrapped" == sealed[:10]
    assert 10 + 12 + 5 + 16 == len(sealed)


def test_a_later_version_is_refused() -> None:
    """A value of a format that this version does not know is refused before any key is asked for."""
    keys = FakeKeyService()
    sealer = EnvelopeSealer(keys)
    sealed = sealer.new_key("demo").seal(b"x", binding="place")
    with pytest.raises(SealingUnavailable, match="version 2"):
        sealer.open(b"\x02" + sealed[1:], app="demo", binding="place")
    assert keys.calls["unwrap"] == 0


def test_every_flipped_bit_is_noticed() -> None:
    """No bit of a sealed value can change without the value refusing to open."""
    sealer = EnvelopeSealer(FakeKeyService())
    sealed = sealer.new_key("demo").seal(b"x", binding="place")
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealingUnavailable):
            sealer.open(bytes(changed), app="demo", binding="place")


def test_another_wrapping_of_the_same_key() -> None:
    """The wrapped key is authenticated: the same data key in another wrapping does not open the value."""

    class EveryWrapping:
        def generate(self, app: str) -> tuple[bytes, bytes]:
            return bytes(32), app.encode()

        def unwrap(self, wrapped: bytes, *, app: str) -> bytes:
            del wrapped, app
            return bytes(32)

    sealer = EnvelopeSealer(EveryWrapping())
    sealed = sealer.new_key("demo").seal(b"x", binding="place")
    with pytest.raises(SealingUnavailable):
        sealer.open(sealed.replace(b"demo", b"memo"), app="demo", binding="place")


def test_a_key_shows_nothing_of_itself() -> None:
    """A data key prints neither its bytes nor those of its wrapping."""
    key = EnvelopeKey("demo", b"k" * 32, b"wrapped")
    assert not any(text in repr(key) + str(key) for text in ("kkkk", "wrapped"))


def test_values_that_are_not_text() -> None:
    """A place may hold any account id, a lone surrogate included."""
    sealer = EnvelopeSealer(FakeKeyService())
    sealed = sealer.new_key("demo").seal(b"x", binding="demo/\ud800|grant|1")
    assert sealer.open(sealed, app="demo", binding="demo/\ud800|grant|1") == b"x"
