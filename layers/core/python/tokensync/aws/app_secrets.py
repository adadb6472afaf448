"""The apps' registrations in Secrets Manager: client ids, client secrets and settings."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokensync.aws.clients import translated
from tokensync.aws.secret_presence import DENIED, Presence, presence
from tokensync.domain.errors import InvalidApp, StoreUnavailable, TokensyncError, UnknownApp
from tokensync.domain.names import STACK_TAG, app_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tokensync.domain.app import App


class _Taken(TokensyncError):
    """A secret of that name exists, perhaps scheduled for deletion."""


class _Denied(TokensyncError):
    """IAM refused: the secret is absent, or not ours, or this is truly not allowed."""


class _Absent(TokensyncError):
    """There is no such secret, or it is scheduled for deletion."""


_ABSENT: Mapping[str, type[TokensyncError]] = {
    "ResourceNotFoundException": _Absent,
    "InvalidRequestException": _Absent,  # scheduled for deletion
    DENIED: _Denied,
}
_CREATE: Mapping[str, type[TokensyncError]] = {
    "ResourceExistsException": _Taken,
    "InvalidRequestException": _Taken,  # scheduled for deletion
    DENIED: _Denied,
}


class AppSecrets:
    """One secret for each app. Each method raises StoreUnavailable if AWS did not acknowledge."""

    def __init__(self, client: SecretsManagerClient, *, prefix: str, stack: str) -> None:
        self._client = client
        self._prefix = prefix
        self._stack = stack

    def read(self, name: str) -> str:
        """Return the value of an app's secret.

        Raises:
            UnknownApp: there is none.
            InvalidApp: it holds bytes and no text, or was not made by this stack.
        """
        with self._of("GetSecretValue", name):
            read = self._client.get_secret_value(SecretId=self._name(name))
        if "SecretString" not in read:
            raise InvalidApp(f"the secret of app {name} holds no text")
        return read["SecretString"]

    def create(self, app: App) -> None:
        """Create the secret with our tag; one that has it already is restored and overwritten.

        Raises:
            InvalidApp: a secret of that name is not this stack's.
        """
        try:
            with translated("CreateSecret", _CREATE, StoreUnavailable):
                self._client.create_secret(
                    Name=self._name(app.name),
                    SecretString=app.to_json(),
                    Description=f"The app {app.name} of the stack {self._stack}",
                    Tags=[{"Key": STACK_TAG, "Value": self._stack}],
                )
        except _Taken:
            self._bring_back(app)
        except _Denied as denied:
            if presence(self._client, self._name(app.name), stack=self._stack) is Presence.FOREIGN:
                raise InvalidApp(f"the secret {self._name(app.name)} was not made by this stack") from None
            raise StoreUnavailable(str(denied)) from denied

    def write(self, app: App) -> None:
        """Replace the value.

        Raises:
            UnknownApp: there is no such secret.
            InvalidApp: it was not made by this stack.
        """
        with self._of("PutSecretValue", app.name):
            self._client.put_secret_value(SecretId=self._name(app.name), SecretString=app.to_json())

    def delete(self, name: str) -> bool:
        """Schedule the secret for deletion; return False if it is gone already, or not this stack's to delete."""
        try:
            with self._of("DeleteSecret", name):
                self._client.delete_secret(SecretId=self._name(name))
        except (UnknownApp, InvalidApp):
            return False
        return True

    @contextmanager
    def _of(self, operation: str, name: str) -> Iterator[None]:
        """Translate errors of a call about one app's secret.

        Raises:
            UnknownApp: there is no such secret.
            InvalidApp: it was not made by this stack.
            StoreUnavailable: AWS did not acknowledge; where it is IAM that refuses, that is the error's context.
        """
        try:
            with translated(operation, _ABSENT, StoreUnavailable):
                yield
        except _Absent:
            raise UnknownApp(f"the secret of app {name} is gone") from None
        except _Denied as denied:
            stands = presence(self._client, self._name(name), stack=self._stack)
            if stands is Presence.ABSENT:
                raise UnknownApp(f"the secret of app {name} is gone") from None
            if stands is Presence.FOREIGN:
                raise InvalidApp(f"the secret {self._name(name)} was not made by this stack") from None
            raise StoreUnavailable(str(denied)) from denied

    def _bring_back(self, app: App) -> None:
        with self._of("DescribeSecret", app.name):
            found = self._client.describe_secret(SecretId=self._name(app.name))
        if {"Key": STACK_TAG, "Value": self._stack} not in found.get("Tags", []):
            raise InvalidApp(f"the secret {self._name(app.name)} was not made by this stack")
        if found.get("DeletedDate") is not None:
            with translated("RestoreSecret", {}, StoreUnavailable):
                self._client.restore_secret(SecretId=found["ARN"])
        self.write(app)

    def _name(self, app: str) -> str:
        return app_secret_name(self._prefix, app)
