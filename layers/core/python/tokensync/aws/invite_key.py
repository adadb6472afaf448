"""The key in Secrets Manager that signs invites and states. The stack generates it."""

from __future__ import annotations

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

# A warm function sees a rotated key within this time; no garbage request causes a read of its own.
_KEPT_SECONDS = 300.0


class InviteKeys:
    """Reads the current and the previous version, which stays valid, and keeps their signer for five minutes."""

    def __init__(self, client: SecretsManagerClient, secret_name: str, clock: Clock) -> None:
        self._client = client
        self._secret_name = secret_name
        self._clock = clock
        self._lock = threading.Lock()
        self._signer: Signer | None = None
        self._read_at = 0.0

    def signer(self) -> Signer:
        """Return the signer.

        Raises:
            StoreUnavailable: the key cannot be read now.
        """
        with self._lock:
            now = self._clock.monotonic()
            if self._signer is None or now - self._read_at > _KEPT_SECONDS:
                self._signer = Signer([key for key in (self._read("AWSCURRENT"), self._read("AWSPREVIOUS")) if key])
                self._read_at = now
            return self._signer

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
