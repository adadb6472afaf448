"""Sealing as it is, under a key service that lives in memory."""

from __future__ import annotations

import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fakes.failing import Failing
from tokensync.domain.errors import SealingUnavailable
from tokensync.domain.sealing import KEY_BYTES, EnvelopeKey, EnvelopeSealer


class FakeKeyService(Failing):
    """Wraps data keys under a key of its own, for one app each. `enabled = False` disables the key as KMS does."""

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True
        self._root = AESGCM(hashlib.sha256(b"a key of the tests").digest())

    def generate(self, app: str) -> tuple[bytes, bytes]:
        """Return a data key, plain and wrapped."""
        with self._attempt("generate"):
            self._check()
            plain, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(12)
            return plain, nonce + self._root.encrypt(nonce, plain, app.encode("ascii"))

    def unwrap(self, wrapped: bytes, *, app: str) -> bytes:
        """Return the data key that was wrapped for this app."""
        with self._attempt("unwrap"):
            self._check()
            try:
                return self._root.decrypt(wrapped[:12], wrapped[12:], app.encode("ascii"))
            except (InvalidTag, ValueError):
                raise SealingUnavailable("the key was not wrapped here for this app") from None

    def _check(self) -> None:
        if not self.enabled:
            raise SealingUnavailable("the key is disabled")


class InMemorySealer(Failing):
    """See `tokensync.domain.sealing.Sealer`. `keys.enabled = False` is the KMS key disabled."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = FakeKeyService()
        self._sealer = EnvelopeSealer(self.keys)

    def new_key(self, app: str) -> EnvelopeKey:
        """Return a data key."""
        with self._attempt("new_key"):
            return self._sealer.new_key(app)

    def open(self, sealed: bytes, *, app: str, binding: str) -> bytes:
        """Open what was sealed for this app and binding."""
        with self._attempt("open"):
            return self._sealer.open(sealed, app=app, binding=binding)
