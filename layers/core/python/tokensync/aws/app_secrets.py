"""The secrets that hold the apps' client ids and client secrets."""

from __future__ import annotations

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
    """A secret of that name exists, or is scheduled for deletion."""


_ABSENT: Mapping[str, type[TokensyncError]] = {
    "ResourceNotFoundException": UnknownApp,
    "InvalidRequestException": UnknownApp,  # scheduled for deletion
}
_CREATE: Mapping[str, type[TokensyncError]] = {
    "ResourceExistsException": _Taken,
    "InvalidRequestException": _Taken,  # scheduled for deletion
}


class AppSecrets:
    """Reads them for the functions, and keeps them for the command line."""

    def __init__(self, client: SecretsManagerClient, *, prefix: str, stack: str) -> None:
        self._client = client
        self._prefix = prefix
        self._stack = stack

    def read(self, name: str) -> str:
        """Return the value of an app's secret.

        Raises:
            UnknownApp: there is none.
            InvalidApp: it holds bytes and no text.
            StoreUnavailable: it could not be read now.
        """
        with translated("GetSecretValue", _ABSENT, StoreUnavailable):
            answer = self._client.get_secret_value(SecretId=self._name(name))
        if "SecretString" not in answer:
            raise InvalidApp(f"the secret of app {name} holds no text")
        return answer["SecretString"]

    def create(self, app: App) -> None:
        """Create the secret with our tag; one of ours that stands there is restored and overwritten.

        Raises:
            InvalidApp: a secret of that name is not this stack's.
            StoreUnavailable: AWS did not acknowledge.
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
            StoreUnavailable: AWS did not acknowledge.
        """
        with translated("PutSecretValue", _ABSENT, StoreUnavailable):
            self._client.put_secret_value(SecretId=self._name(app.name), SecretString=app.to_json())

    def delete(self, name: str) -> None:
        """Schedule the secret for deletion, unless it is gone already.

        Raises:
            StoreUnavailable: AWS did not acknowledge.
        """
        try:
            with translated("DeleteSecret", _ABSENT, StoreUnavailable):
                self._client.delete_secret(SecretId=self._name(name))
        except UnknownApp:
            return

    def _bring_back(self, app: App) -> None:
        with translated("DescribeSecret", _ABSENT, StoreUnavailable):
            standing = self._client.describe_secret(SecretId=self._name(app.name))
        if {"Key": STACK_TAG, "Value": self._stack} not in standing.get("Tags", []):
            raise InvalidApp(f"the secret {self._name(app.name)} was not made by this stack")
        if standing.get("DeletedDate") is not None:
            with translated("RestoreSecret", {}, StoreUnavailable):
                self._client.restore_secret(SecretId=standing["ARN"])
        self.write(app)

    def _name(self, app: str) -> str:
        return app_secret_name(self._prefix, app)
