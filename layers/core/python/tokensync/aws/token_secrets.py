"""The secrets that workloads read, in Secrets Manager, see `tokensync.domain.ports.TokenSecrets`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.aws.clients import translated
from tokensync.aws.secret_presence import DENIED, Presence, presence
from tokensync.domain.errors import PublishError, PublishUnavailable, QuotaReached, SecretGone, SecretNotOurs
from tokensync.domain.names import STACK_TAG, encoded_account, token_secret_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef

    from tokensync.domain.names import ConnectionName

CONNECTION_TAG = "tokensync:connection"


class _NameTaken(PublishError):
    """A secret of that name exists already."""


class _OtherState(PublishError):
    """The secret's state does not allow it; most likely it is in the wanted state already."""


class _Denied(PublishError):
    """IAM refused: the secret lacks our tag, or is no more and so has no tag at all."""


# What Secrets Manager's codes mean, by operation; every other code means that a later try may succeed.
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
_CREATE: Mapping[str, type[PublishError]] = {
    "ResourceExistsException": _NameTaken,
    "InvalidRequestException": SecretGone,
    "LimitExceededException": QuotaReached,
    DENIED: _Denied,
}
_PUT: Mapping[str, type[PublishError]] = {
    "ResourceNotFoundException": SecretGone,
    "InvalidRequestException": SecretGone,
    DENIED: _Denied,
    # About 100 versions are kept, and none that is younger than a day is dropped:
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
    "LimitExceededException": QuotaReached,
    # This token wrote other data before: no repetition will ever do.
    "ResourceExistsException": PublishError,
}
_DESCRIBE: Mapping[str, type[PublishError]] = {"ResourceNotFoundException": SecretGone}
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
_DELETE: Mapping[str, type[PublishError]] = {
    "ResourceNotFoundException": SecretGone,
    "InvalidRequestException": _OtherState,
    DENIED: _Denied,
}


class SecretsManagerTokens:
    """Creates and writes the connections' secrets, and never reads one. The errors are those that the port names."""

    def __init__(self, client: SecretsManagerClient, *, prefix: str, stack: str) -> None:
        self._client = client
        self._prefix = prefix
        self._stack = stack

    def create(self, name: ConnectionName, document: str, *, token: str) -> str:
        secret_name = token_secret_name(self._prefix, name)
        # Its alphabet is one that tags take, and 241 characters are below their 256.
        tag = f"{name.app}/{encoded_account(name.account)}"
        try:
            with translated("CreateSecret", _CREATE, PublishUnavailable):
                created = self._client.create_secret(
                    Name=secret_name,
                    ClientRequestToken=token,
                    SecretString=document,
                    Description=f"The access token of {tag}, written by the stack {self._stack}",
                    Tags=[{"Key": STACK_TAG, "Value": self._stack}, {"Key": CONNECTION_TAG, "Value": tag}],
                )
        except _NameTaken:
            return self._adopt(secret_name, document, token)
        except _Denied as denied:
            # No secret of another stack gets our tags; one that is absent is denied for another reason.
            if presence(self._client, secret_name, stack=self._stack) is Presence.FOREIGN:
                raise SecretNotOurs(f"the secret {secret_name} was not made by this stack") from None
            raise PublishUnavailable(str(denied)) from None
        return created["ARN"]

    def exists(self, name: ConnectionName) -> bool:
        try:
            self._describe(token_secret_name(self._prefix, name), check_deleted=False)
        except SecretGone:
            return False
        return True

    def put(self, arn: str, document: str, *, token: str) -> None:
        try:
            with translated("PutSecretValue", _PUT, PublishUnavailable):
                self._client.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=document)
        except _Denied as denied:
            raise self._explained(denied, self._describe(arn)) from None

    def current_version(self, arn: str) -> str | None:
        versions = self._describe(arn).get("VersionIdsToStages", {})
        return next((version for version, stages in versions.items() if "AWSCURRENT" in stages), None)

    def delete(self, arn: str, *, days: int) -> None:
        try:
            with translated("DeleteSecret", _DELETE, PublishUnavailable):
                self._client.delete_secret(SecretId=arn, RecoveryWindowInDays=days)
        except (_OtherState, _Denied) as refused:
            described = self._describe(arn, check_deleted=False)
            if not _is_deleted(described):
                raise self._explained(refused, described) from None

    def restore(self, arn: str) -> None:
        try:
            with translated("RestoreSecret", _DELETE, PublishUnavailable):
                self._client.restore_secret(SecretId=arn)
        except (_OtherState, _Denied) as refused:
            described = self._describe(arn, check_deleted=False)
            if isinstance(refused, _Denied) or _is_deleted(described):
                raise self._explained(refused, described) from None

    def _explained(self, refused: PublishError, described: DescribeSecretResponseTypeDef) -> PublishError:
        """Return what a refusal means for a secret that exists.

        The policy's condition on the tag fails for a secret that is gone as well as for one that is not ours. If it is
        ours, something else denies it for now: a policy that has not arrived, a key, an organization's rule.
        """
        return (PublishUnavailable if self._is_ours(described) else SecretNotOurs)(str(refused))

    def _adopt(self, secret_name: str, document: str, token: str) -> str:
        """Write a secret that exists: a creation whose response was lost, or an account that came back."""
        described = self._describe(secret_name, check_deleted=False)
        if not self._is_ours(described):
            raise SecretNotOurs(f"the secret {secret_name} was not made by this stack")
        if _is_deleted(described):
            raise SecretGone(f"the secret {secret_name} is scheduled for deletion")
        self.put(described["ARN"], document, token=token)
        return described["ARN"]

    def _is_ours(self, described: DescribeSecretResponseTypeDef) -> bool:
        return {"Key": STACK_TAG, "Value": self._stack} in described.get("Tags", [])

    def _describe(self, secret_id: str, *, check_deleted: bool = True) -> DescribeSecretResponseTypeDef:
        with translated("DescribeSecret", _DESCRIBE, PublishUnavailable):
            described = self._client.describe_secret(SecretId=secret_id)
        if check_deleted and _is_deleted(described):
            raise SecretGone(f"the secret {described.get('Name', secret_id)} is scheduled for deletion")
        return described


def _is_deleted(described: DescribeSecretResponseTypeDef) -> bool:
    # The stubs call the date required; AWS sends it only while a deletion is scheduled.
    return described.get("DeletedDate") is not None
