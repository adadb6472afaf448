"""The secrets that workloads read, in Secrets Manager, see `tokensync.domain.ports.TokenSecrets`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.aws.clients import translated
from tokensync.domain.errors import PublishError, PublishUnavailable, QuotaReached, SecretGone, SecretNotOurs
from tokensync.domain.names import encoded_account, token_secret_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef

    from tokensync.domain.names import ConnectionName

STACK_TAG = "tokensync:stack"
CONNECTION_TAG = "tokensync:connection"


class _NameTaken(PublishError):
    """A secret of that name exists already."""


class _OtherState(PublishError):
    """The secret's state does not allow it: most likely it is in the wanted one already."""


class _Denied(PublishError):
    """IAM refused: the secret lacks our tag, or is no more and so has no tag at all."""


# What Secrets Manager's codes mean, by operation; every other code means that it will do later.
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
_CREATE: Mapping[str, type[PublishError]] = {
    "ResourceExistsException": _NameTaken,
    "InvalidRequestException": SecretGone,
    "LimitExceededException": QuotaReached,
}
_PUT: Mapping[str, type[PublishError]] = {
    "ResourceNotFoundException": SecretGone,
    "InvalidRequestException": SecretGone,
    "AccessDeniedException": _Denied,
    # About 100 versions are kept, and none that is younger than a day is dropped:
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
    "LimitExceededException": QuotaReached,
    # This token wrote other data before: no repetition will ever do.
    "ResourceExistsException": PublishError,
}
_DESCRIBE: Mapping[str, type[PublishError]] = {
    "ResourceNotFoundException": SecretGone,
}
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
_DELETE: Mapping[str, type[PublishError]] = {
    "ResourceNotFoundException": SecretGone,
    "InvalidRequestException": _OtherState,
    "AccessDeniedException": _Denied,
}


class SecretsManagerTokens:
    """Creates and writes the connections' secrets. It never reads one."""

    def __init__(self, client: SecretsManagerClient, *, prefix: str, stack: str) -> None:
        self._client = client
        self._prefix = prefix
        self._stack = stack

    def create(self, name: ConnectionName, document: str, *, token: str) -> str:
        """Create the connection's secret with our tags and return its ARN; one that is ours already is written.

        Raises:
            PublishUnavailable, SecretNotOurs, SecretGone: as the port says.
        """
        secret_name = token_secret_name(self._prefix, name)
        # Its alphabet is one that tags take, and 241 characters are below their 256.
        told_name = f"{name.app}/{encoded_account(name.account)}"
        try:
            with translated("CreateSecret", _CREATE, PublishUnavailable):
                created = self._client.create_secret(
                    Name=secret_name,
                    ClientRequestToken=token,
                    SecretString=document,
                    Description=f"The access token of {told_name}, written by the stack {self._stack}",
                    Tags=[
                        {"Key": STACK_TAG, "Value": self._stack},
                        {"Key": CONNECTION_TAG, "Value": told_name},
                    ],
                )
        except _NameTaken:
            return self._adopt(secret_name, document, token)
        return created["ARN"]

    def exists(self, name: ConnectionName) -> bool:
        """Return whether any secret has the connection's name.

        Raises:
            PublishUnavailable: as the port says.
        """
        try:
            self._describe(token_secret_name(self._prefix, name), check_deleted=False)
        except SecretGone:
            return False
        return True

    def put(self, arn: str, document: str, *, token: str) -> None:
        """Write a new current version, idempotent by `token`.

        Raises:
            PublishUnavailable, SecretNotOurs, SecretGone: as the port says.
            PublishError: this token wrote other data before.
        """
        try:
            with translated("PutSecretValue", _PUT, PublishUnavailable):
                self._client.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=document)
        except _Denied as denied:
            raise self._explained(denied, self._describe(arn)) from None

    def current_version(self, arn: str) -> str | None:
        """Return the id of the version under AWSCURRENT, without reading it.

        Raises:
            PublishUnavailable, SecretGone: as the port says.
        """
        versions = self._describe(arn).get("VersionIdsToStages", {})
        return next((version for version, stages in versions.items() if "AWSCURRENT" in stages), None)

    def delete(self, arn: str, *, days: int) -> None:
        """Schedule the secret's deletion in so many days.

        Raises:
            PublishUnavailable, SecretNotOurs, SecretGone: as the port says.
        """
        try:
            with translated("DeleteSecret", _DELETE, PublishUnavailable):
                self._client.delete_secret(SecretId=arn, RecoveryWindowInDays=days)
        except (_OtherState, _Denied) as refused:
            standing = self._describe(arn, check_deleted=False)
            if not _is_deleted(standing):
                raise self._explained(refused, standing) from None

    def restore(self, arn: str) -> None:
        """Take a scheduled deletion back.

        Raises:
            PublishUnavailable, SecretNotOurs, SecretGone: as the port says.
        """
        try:
            with translated("RestoreSecret", _DELETE, PublishUnavailable):
                self._client.restore_secret(SecretId=arn)
        except (_OtherState, _Denied) as refused:
            standing = self._describe(arn, check_deleted=False)
            if isinstance(refused, _Denied) or _is_deleted(standing):
                raise self._explained(refused, standing) from None

    def _explained(self, refused: PublishError, standing: DescribeSecretResponseTypeDef) -> PublishError:
        """Return what a refusal means for a secret that stands.

        The policy's condition on the tag fails for a secret that is no more as well as for one not ours. Where it is
        ours, something else denies it for now: a policy on the way, a key, an organization's rule.
        """
        return (PublishUnavailable if self._is_ours(standing) else SecretNotOurs)(str(refused))

    def _adopt(self, secret_name: str, document: str, token: str) -> str:
        """Write a secret that was there before: a creation whose answer was lost, or an account that came back."""
        standing = self._describe(secret_name, check_deleted=False)
        if not self._is_ours(standing):
            raise SecretNotOurs(f"the secret {secret_name} was not made by this stack")
        if _is_deleted(standing):
            raise SecretGone(f"the secret {secret_name} is scheduled for deletion")
        self.put(standing["ARN"], document, token=token)
        return standing["ARN"]

    def _is_ours(self, standing: DescribeSecretResponseTypeDef) -> bool:
        return {"Key": STACK_TAG, "Value": self._stack} in standing.get("Tags", [])

    def _describe(self, secret_id: str, *, check_deleted: bool = True) -> DescribeSecretResponseTypeDef:
        with translated("DescribeSecret", _DESCRIBE, PublishUnavailable):
            standing = self._client.describe_secret(SecretId=secret_id)
        if check_deleted and _is_deleted(standing):
            raise SecretGone(f"the secret {standing.get('Name', secret_id)} is scheduled for deletion")
        return standing


def _is_deleted(standing: DescribeSecretResponseTypeDef) -> bool:
    # The stubs call the date required; AWS sends it only while a deletion is scheduled.
    return standing.get("DeletedDate") is not None
