"""Data keys from KMS, see `tokensync.domain.sealing.KeyService`.

The grant key's policy gives GenerateDataKey to both functions and Decrypt to the rotation function alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from tokensync.aws.clients import translated
from tokensync.domain.errors import SealingUnavailable

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

    from tokensync.domain.runtime import Clock

_HELD_KEYS = 64
_HELD_SECONDS = 300.0


class KmsKeys:
    """Makes and unwraps data keys. Unwrapped ones are held for five minutes, so that a batch costs few calls."""

    def __init__(self, client: KMSClient, key_arn: str, clock: Clock) -> None:
        self._client = client
        self._key_arn = key_arn
        self._clock = clock
        self._lock = threading.Lock()
        # By app and wrapped key: the plain key, and until when it is held.
        self._held: OrderedDict[tuple[str, bytes], tuple[bytes, float]] = OrderedDict()

    def generate(self, app: str) -> tuple[bytes, bytes]:
        with translated("GenerateDataKey", {}, SealingUnavailable):
            response = self._client.generate_data_key(
                KeyId=self._key_arn, KeySpec="AES_256", EncryptionContext={"app": app}
            )
        return response["Plaintext"], response["CiphertextBlob"]

    def unwrap(self, wrapped: bytes, *, app: str) -> bytes:
        held = self._held_key(app, wrapped)
        if held is not None:
            return held
        with translated("Decrypt", {}, SealingUnavailable):
            # Without KeyId, KMS would take the key that the blob names.
            response = self._client.decrypt(CiphertextBlob=wrapped, KeyId=self._key_arn, EncryptionContext={"app": app})
        self._hold(app, wrapped, response["Plaintext"])
        return response["Plaintext"]

    def _held_key(self, app: str, wrapped: bytes) -> bytes | None:
        with self._lock:
            plain, until = self._held.get((app, wrapped), (None, 0.0))
            if plain is None:
                return None
            if until <= self._clock.monotonic():
                del self._held[(app, wrapped)]
                return None
            self._held.move_to_end((app, wrapped))
            return plain

    def _hold(self, app: str, wrapped: bytes, plain: bytes) -> None:
        with self._lock:
            self._held[(app, wrapped)] = (plain, self._clock.monotonic() + _HELD_SECONDS)
            self._held.move_to_end((app, wrapped))
            while len(self._held) > _HELD_KEYS:
                self._held.popitem(last=False)
