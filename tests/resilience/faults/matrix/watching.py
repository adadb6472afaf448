"""A reader that polls every secret of interest throughout, as a workload does, and notes what it should never see."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tokensync.domain.names import token_secret_name

if TYPE_CHECKING:
    from typing import Self

    from stack import Stack
    from tokensync.domain.names import ConnectionName

_PAUSE = 0.01
_WANTED = ("access_token", "status", "generation", "expires_at", "connection")


class Reader:
    """Polls in a thread of its own."""

    def __init__(self, stack: Stack) -> None:
        self._prefix = stack.outputs.secret_prefix
        self._secrets = stack.client("secretsmanager")
        self._lock = threading.Lock()
        self._newest: dict[ConnectionName, int] = {}
        self._noted: dict[ConnectionName, list[str]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def watch(self, name: ConnectionName) -> None:
        """Begin to poll a secret; one that is not there yet is no error until it was seen."""
        with self._lock:
            self._newest[name] = 0
            self._noted[name] = []

    def leave(self, name: ConnectionName) -> list[str]:
        """Stop to poll a secret, and return what was wrong: `older` where its generation went back."""
        with self._lock:
            del self._newest[name]
            return self._noted.pop(name)

    def _poll(self) -> None:
        while not self._over.wait(_PAUSE):
            with self._lock:
                names = list(self._newest)
            for name in names:
                self._look(name)

    def _look(self, name: ConnectionName) -> None:
        wrong, generation = "", 0
        try:
            read = self._secrets.get_secret_value(SecretId=token_secret_name(self._prefix, name))
            document = json.loads(read["SecretString"])
            generation = document["generation"]
            if not all(document[key] for key in _WANTED):
                wrong = "half a state"
        except ClientError as error:
            wrong = error.response["Error"]["Code"]
        except (ValueError, KeyError) as error:
            wrong = type(error).__name__
        with self._lock:
            newest = self._newest.get(name)
            if newest is None or (newest == 0 and wrong):
                return
            if not wrong and generation < newest:
                wrong = "older"
            if wrong:
                self._noted[name].append(wrong)
            self._newest[name] = max(newest, generation)
