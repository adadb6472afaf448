"""Sealing: AES-256-GCM under data keys that a key service wraps.

A sealed value is: version (1 byte), length of the wrapped key (2 bytes, big-endian), wrapped key, nonce (12 bytes),
ciphertext with its tag. The associated data names version, app and place, so a value that is moved to another record
does not open (NIST SP 800-38D: associated data is authenticated and not stored).
"""

from __future__ import annotations

import os
import struct
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokensync.errors import SealingUnavailable

VERSION = 1
KEY_BYTES = 32
_HEADER = struct.Struct(">BH")
_NONCE_BYTES = 12  # SP 800-38D section 8.2: random nonces are 96 bits


class KeyService(Protocol):
    """Wraps data keys under a key that never leaves it."""

    def generate(self, app: str) -> tuple[bytes, bytes]:
        """Return a fresh data key of KEY_BYTES bytes, and the same key wrapped for this app.

        Raises:
            SealingUnavailable: the service gives none.
        """
        ...

    def unwrap(self, wrapped: bytes, *, app: str) -> bytes:
        """Return the data key that was wrapped for this app.

        Raises:
            SealingUnavailable: it was not wrapped by this service for this app, or cannot be unwrapped now.
        """
        ...


class EnvelopeKey:
    """A data key in hand: seals without any further call. It has no repr of its content."""

    __slots__ = ("_app", "_cipher", "_wrapped")

    def __init__(self, app: str, plain: bytes, wrapped: bytes) -> None:
        self._app = app
        self._cipher = AESGCM(plain)
        self._wrapped = wrapped

    def seal(self, plaintext: bytes, *, binding: str) -> bytes:
        """Seal for one place, see `tokensync.ports.DataKey`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plaintext, _associated_data(self._app, binding))
        return _HEADER.pack(VERSION, len(self._wrapped)) + self._wrapped + nonce + sealed


class EnvelopeSealer:
    """Makes data keys and opens what they sealed, see `tokensync.ports.Sealer`."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    def new_key(self, app: str) -> EnvelopeKey:
        """Return a data key for one app."""
        plain, wrapped = self._keys.generate(app)
        return EnvelopeKey(app, plain, wrapped)

    def open(self, sealed: bytes, *, app: str, binding: str) -> bytes:
        """Open what was sealed for this app and binding.

        Raises:
            SealingUnavailable: the key cannot be unwrapped, or the value was not sealed for this place.
        """
        wrapped, nonce, ciphertext = _parts(sealed)
        plain = self._keys.unwrap(wrapped, app=app)
        try:
            return AESGCM(plain).decrypt(nonce, ciphertext, _associated_data(app, binding))
        except (InvalidTag, ValueError):
            raise SealingUnavailable("a sealed value was changed, or was sealed for another place") from None


def _associated_data(app: str, binding: str) -> bytes:
    # An app's name holds no '|', so no two pairs of app and binding give the same bytes.
    return f"{VERSION}|{app}|{binding}".encode("utf-8", "surrogatepass")


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    if len(sealed) < _HEADER.size:
        raise SealingUnavailable("a sealed value is cut short")
    version, wrapped_length = _HEADER.unpack_from(sealed)
    if version != VERSION:
        raise SealingUnavailable(f"a sealed value has version {version}, this program opens version {VERSION}")
    nonce_at = _HEADER.size + wrapped_length
    ciphertext_at = nonce_at + _NONCE_BYTES
    if len(sealed) < ciphertext_at:
        raise SealingUnavailable("a sealed value is cut short")
    return sealed[_HEADER.size : nonce_at], sealed[nonce_at:ciphertext_at], sealed[ciphertext_at:]
