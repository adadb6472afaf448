"""Sealing: AES-256-GCM under data keys that a key service wraps.

A sealed value is: version (1 byte), length of the wrapped key (2 bytes, big-endian), wrapped key, nonce (12 bytes),
ciphertext with its tag. The associated data is everything before the nonce, the app and the place: a value of which any
bit was changed, or that was moved to another record, does not open (NIST SP 800-38D).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokensync.domain.bound import Bound
from tokensync.domain.errors import SealingUnavailable
from tokensync.domain.grant import Grant
from tokensync.domain.messages import ProviderResponse

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.names import ConnectionName


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

    def unwrap(self, wrapped: bytes, *, app: str) -> bytes:
        """Return the data key that was wrapped for this app.

        Raises:
            SealingUnavailable: it was not wrapped by this service for this app, or cannot be unwrapped now.
        """


class DataKey(Protocol):
    """A key that seals without any further call."""

    def seal(self, plaintext: bytes, *, binding: str) -> bytes:
        """Seal for one place: `binding` names the record and the kind, and must be given again to open."""


class Sealer(Protocol):
    """Makes data keys and opens what was sealed."""

    def new_key(self, app: str) -> DataKey:
        """Return a data key.

        Raises:
            SealingUnavailable: KMS gives none.
        """

    def open(self, sealed: bytes, *, app: str, binding: str) -> bytes:
        """Open what was sealed for this app and binding.

        Raises:
            SealingUnavailable: KMS does not unwrap the key, or the value was not sealed for this place.
        """


class EnvelopeKey:
    """A data key in hand: seals without any further call. It has no repr of its content."""

    __slots__ = ("_app", "_cipher", "_wrapped")

    def __init__(self, app: str, plain: bytes, wrapped: bytes) -> None:
        self._app = app
        self._cipher = AESGCM(plain)
        self._wrapped = wrapped

    def seal(self, plaintext: bytes, *, binding: str) -> bytes:
        """Seal for one place, see `tokensync.domain.sealing.DataKey`."""
        nonce = os.urandom(_NONCE_BYTES)
        head = _HEADER.pack(VERSION, len(self._wrapped)) + self._wrapped
        return head + nonce + self._cipher.encrypt(nonce, plaintext, _associated_data(head, self._app, binding))


class EnvelopeSealer:
    """Makes data keys and opens what they sealed, see `tokensync.domain.sealing.Sealer`."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    def new_key(self, app: str) -> EnvelopeKey:
        """Return a data key for one app."""
        plain, wrapped = self._keys.generate(app)
        return EnvelopeKey(app, plain, wrapped)

    def open(self, sealed: bytes, *, app: str, binding: str) -> bytes:
        """See `Sealer.open`."""
        head, nonce, ciphertext = _parts(sealed)
        plain = self._keys.unwrap(head[_HEADER.size :], app=app)
        try:
            return AESGCM(plain).decrypt(nonce, ciphertext, _associated_data(head, app, binding))
        except (InvalidTag, ValueError):
            raise SealingUnavailable("a sealed value was changed, or was sealed for another place") from None


def _associated_data(head: bytes, app: str, binding: str) -> bytes:
    # The head states its own length and an app's name holds no '|': no two places give the same bytes.
    return head + f"{app}|{binding}".encode("utf-8", "surrogatepass")


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
    return sealed[:nonce_at], sealed[nonce_at:ciphertext_at], sealed[ciphertext_at:]


def grant_binding(name: ConnectionName) -> str:
    """Return the place that a connection's grant is sealed for."""
    return f"{name}|grant|1"


def answer_binding(name: ConnectionName) -> str:
    """Return the place that a provider's response for a connection is sealed for."""
    return f"{name}|answer|1"


@dataclass(frozen=True)
class Unsealer:
    """Opens a connection's grant and kept responses. The key policy lets only the rotation function do so."""

    sealer: Sealer

    def grant(self, record: Connection) -> Grant:
        """Return a connection's grant; of one of an earlier version its record alone knows the provider.

        Raises:
            SealingUnavailable: there is none, or it cannot be opened now.
        """
        if record.sealed_grant is None:
            raise SealingUnavailable("the connection has no grant")
        binding = grant_binding(record.name)
        grant = Grant.from_bytes(self.sealer.open(record.sealed_grant, app=record.name.app, binding=binding))
        return grant if grant.bound is not None else replace(grant, bound=Bound(provider=record.provider))

    def answer(self, sealed: bytes, record: Connection) -> ProviderResponse:
        """Return a response that was kept for a connection.

        Raises:
            SealingUnavailable: it cannot be opened now.
        """
        binding = answer_binding(record.name)
        return ProviderResponse.from_bytes(self.sealer.open(sealed, app=record.name.app, binding=binding))
