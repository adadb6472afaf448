"""The key in Secrets Manager that signs invites and states. The stack generates it."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from tokensync.authorize.links import Signer
from tokensync.aws.clients import code_of, translated
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tokensync.domain.runtime import Clock

# A warm function signs with a new key, and takes what it signed, within this time. No garbage causes a read of its own.
KEPT_SECONDS = 30
_KEY_BYTES = 32
# A key that begins with this stands alone: the one before it verifies nothing any more.
_ALONE = "alone."


class InviteKeys:
    """Reads the current and the previous version, which stays valid, and keeps their signer for half a minute.

    A text that verifies is held against the keys as they are then: one that was taken back ends at once.
    """

    def __init__(self, client: SecretsManagerClient, secret_name: str, clock: Clock) -> None:
        self._client = client
        self._secret_name = secret_name
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: tuple[Secret, ...] = ()
        self._read_at = 0.0

    def signer(self) -> Signer:
        """Return the signer.

        Raises:
            StoreUnavailable: the key cannot be read now.
        """
        with self._lock:
            if not self._keys or self._clock.monotonic() - self._read_at > KEPT_SECONDS:
                self._renew()
            return Signer(self._keys, still=self._still)

    def end_all(self) -> None:
        """Replace the key by one that stands alone: every invite and every state that was signed until now ends.

        Raises:
            StoreUnavailable: nothing was written, or nobody knows: once more does no harm.
        """
        with translated("the invite key", {}, StoreUnavailable):
            self._client.put_secret_value(
                SecretId=self._secret_name, SecretString=f"{_ALONE}{secrets.token_hex(_KEY_BYTES)}"
            )
        with self._lock:
            self._keys = ()

    def _still(self) -> tuple[Secret, ...]:
        """Return the keys as they are now."""
        with self._lock:
            self._renew()
            return self._keys

    def _renew(self) -> None:
        current = self._read("AWSCURRENT")
        if not self._keys or self._keys[0] != current:
            stands_alone = current is not None and current.reveal().startswith(_ALONE)
            previous = None if stands_alone else self._read("AWSPREVIOUS")
            self._keys = tuple(key for key in (current, previous) if key)
        self._read_at = self._clock.monotonic()

    def _read(self, stage: Literal["AWSCURRENT", "AWSPREVIOUS"]) -> Secret | None:
        with translated("the invite key", {}, StoreUnavailable):
            try:
                response = self._client.get_secret_value(SecretId=self._secret_name, VersionStage=stage)
            except ClientError as error:
                # Before its first rotation a key has no previous version.
                if stage == "AWSPREVIOUS" and code_of(error) == "ResourceNotFoundException":
                    return None
                raise
        return Secret(response["SecretString"])
