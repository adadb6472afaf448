"""Secrets Manager in memory, with the rules that AWS documents for versions, tokens and deletion.

PutSecretValue: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fakes.failing import Failing
from tokensync.domain.errors import PublishError, QuotaReached, SecretGone, SecretNotOurs
from tokensync.domain.names import encoded_account, token_secret_name

if TYPE_CHECKING:
    from tokensync.domain.names import ConnectionName

STACK_TAG = "tokensync:stack"


@dataclass
class StoredSecret:
    """One secret: its versions by id in order of writing, and which of them is current and previous.

    `most` is how many versions it takes; on AWS about 100, fewer where a test says so.
    """

    name: str
    arn: str
    tags: dict[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    current: str | None = None
    previous: str | None = None
    deleted: bool = False
    recovery_days: int | None = None
    most: int | None = None

    def put(self, document: str, token: str) -> None:
        """Write a version: the same token with the same data does nothing, with other data it is refused."""
        if token in self.versions:
            if self.versions[token] != document:
                raise PublishError("ResourceExistsException: this token wrote other data")
            return
        if self.most is not None and len(self.versions) >= self.most:
            raise QuotaReached("LimitExceededException: the secret takes no further version")
        self.versions[token] = document
        self.previous, self.current = self.current, token


class InMemoryTokenSecrets(Failing):
    """See `tokensync.domain.ports.TokenSecrets`. The methods below the port's are the owner's console, for tests."""

    def __init__(self, *, prefix: str = "tokensync", stack: str = "tokensync") -> None:
        super().__init__()
        self.prefix = prefix
        self.stack = stack
        self._lock = threading.RLock()
        self._by_name: dict[str, StoredSecret] = {}
        self._by_arn: dict[str, StoredSecret] = {}
        self._suffix = 0

    def create(self, name: ConnectionName, document: str, *, token: str) -> str:
        """Create the connection's secret, or write the one that is ours already."""
        with self._attempt("create"), self._lock:
            secret_name = token_secret_name(self.prefix, name)
            stored = self._by_name.get(secret_name)
            if stored is None:
                stored = self._add(
                    secret_name,
                    {STACK_TAG: self.stack, "tokensync:connection": f"{name.app}/{encoded_account(name.account)}"},
                )
            self._check(stored)
            stored.put(document, token)
            return stored.arn

    def exists(self, name: ConnectionName) -> bool:
        """Return whether any secret has this name."""
        with self._attempt("exists"), self._lock:
            return token_secret_name(self.prefix, name) in self._by_name

    def put(self, arn: str, document: str, *, token: str) -> None:
        """Write a new current version, idempotent by `token`."""
        with self._attempt("put"), self._lock:
            stored = self._found(arn)
            self._check(stored)
            stored.put(document, token)

    def current_version(self, arn: str) -> str | None:
        """Return the id of the current version."""
        with self._attempt("current_version"), self._lock:
            stored = self._found(arn)
            if stored.deleted:
                raise SecretGone("scheduled for deletion")
            return stored.current

    def delete(self, arn: str, *, days: int) -> None:
        """Schedule the secret's deletion."""
        with self._attempt("delete"), self._lock:
            stored = self._found(arn)
            self._check(stored, is_deleted=stored.deleted)
            if not stored.deleted:
                stored.deleted, stored.recovery_days = True, days

    def restore(self, arn: str) -> None:
        """Take a scheduled deletion back."""
        with self._attempt("restore"), self._lock:
            stored = self._found(arn)
            self._check(stored, is_deleted=stored.deleted)
            stored.deleted, stored.recovery_days = False, None

    def document(self, name: ConnectionName) -> dict[str, Any] | None:
        """Return what a workload reads, or None where it finds no secret."""
        with self._lock:
            stored = self._by_name.get(token_secret_name(self.prefix, name))
            if stored is None or stored.deleted or stored.current is None:
                return None
            value: dict[str, Any] = json.loads(stored.versions[stored.current])
            return value

    def secret(self, name: ConnectionName) -> StoredSecret:
        """Return the stored secret itself, versions and labels included."""
        with self._lock:
            return self._by_name[token_secret_name(self.prefix, name)]

    def plant(self, name: ConnectionName, document: str, *, tags: dict[str, str] | None = None) -> str:
        """Create a secret of that name as somebody else would, and return its ARN."""
        with self._lock:
            stored = self._add(token_secret_name(self.prefix, name), tags or {})
            stored.put(document, "00000000-0000-0000-0000-00000000aaaa")
            return stored.arn

    def schedule_deletion(self, arn: str) -> None:
        """Schedule a secret for deletion."""
        with self._lock:
            self._found(arn).deleted = True

    def destroy(self, arn: str) -> None:
        """Delete a secret without a recovery window."""
        with self._lock:
            del self._by_name[self._found(arn).name]
            del self._by_arn[arn]

    def _add(self, name: str, tags: dict[str, str]) -> StoredSecret:
        self._suffix += 1
        arn = f"arn:aws:secretsmanager:eu-central-1:000000000000:secret:{name}-{self._suffix:06d}"
        stored = self._by_name[name] = self._by_arn[arn] = StoredSecret(name, arn, tags)
        return stored

    def _found(self, arn: str) -> StoredSecret:
        if arn not in self._by_arn:
            raise SecretGone("there is no such secret")
        return self._by_arn[arn]

    def _check(self, stored: StoredSecret, *, is_deleted: bool = False) -> None:
        if stored.tags.get(STACK_TAG) != self.stack:
            raise SecretNotOurs(f"the secret {stored.name} is not of this stack")
        if stored.deleted and not is_deleted:
            raise SecretGone(f"the secret {stored.name} is scheduled for deletion")
