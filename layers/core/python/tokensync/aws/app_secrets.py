"""The apps' registrations in Secrets Manager: client ids, client secrets and settings."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tokensync.aws.clients import translated
from tokensync.aws.token_secrets import STACK_TAG
from tokensync.domain.errors import InvalidApp, StoreUnavailable, TokensyncError, UnknownApp
from tokensync.domain.names import app_secret_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tokensync.domain.app import App


class _Taken(TokensyncError):
    """A secret of that name exists, perhaps scheduled for deletion."""


_ABSENT: Mapping[str, type[TokensyncError]] = {
    "ResourceNotFoundException": UnknownApp,
    "InvalidRequestException": UnknownApp,  # scheduled for deletion
}
_CREATE: Mapping[str, type[TokensyncError]] = {
    "ResourceExistsException": _Taken,
    "InvalidRequestException": _Taken,  # scheduled for deletion
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
            InvalidApp: it holds bytes and no text.
        """
        with translated("GetSecretValue", _ABSENT, StoreUnavailable):
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

    def write(self, app: App) -> None:
        """Replace the value.

        Raises:
            UnknownApp: there is no such secret.
        """
        with translated("PutSecretValue", _ABSENT, StoreUnavailable):
            self._client.put_secret_value(SecretId=self._name(app.name), SecretString=app.to_json())

    def delete(self, name: str) -> None:
        """Schedule the secret for deletion, unless it is gone already."""
        with suppress(UnknownApp), translated("DeleteSecret", _ABSENT, StoreUnavailable):
            self._client.delete_secret(SecretId=self._name(name))

    def _bring_back(self, app: App) -> None:
        with translated("DescribeSecret", _ABSENT, StoreUnavailable):
            found = self._client.describe_secret(SecretId=self._name(app.name))
        if {"Key": STACK_TAG, "Value": self._stack} not in found.get("Tags", []):
            raise InvalidApp(f"the secret {self._name(app.name)} was not made by this stack")
        if found.get("DeletedDate") is not None:
            with translated("RestoreSecret", {}, StoreUnavailable):
                self._client.restore_secret(SecretId=found["ARN"])
        self.write(app)

    def _name(self, app: str) -> str:
        return app_secret_name(self._prefix, app)
