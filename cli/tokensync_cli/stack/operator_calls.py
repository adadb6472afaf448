"""What the operator's own credentials do on AWS, beside the core's adapters: invoke, read secrets, count messages.

The protocols are in `target`.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from tokensync.domain.command_line import typed
from tokensync.entry.exit_codes import LATER
from tokensync_cli.output.failures import CommandFailed

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


class LambdaFunctions:
    """Invokes functions and waits."""

    def __init__(self, client: "LambdaClient") -> None:
        self._client = client

    def invoke(self, function: str, payload: Mapping[str, Any]) -> bytes:
        """See `Functions`."""
        try:
            answer = self._client.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
            body = answer["Payload"].read()
        except ReadTimeoutError:
            raise CommandFailed(
                f"The function {function} has not answered in time; what it began goes on.",
                next_command=typed("tokensync list"),
                exit_code=LATER,
                kind="FunctionSlow",
            ) from None
        if answer.get("FunctionError"):
            # Its text may hold anything; its log has the error's type and place.
            group = self._log_group(function)
            place = group or "the one among the stack's resources whose name ends with Logs"
            raise CommandFailed(
                f"The function {function} broke. Its log group says why: {place}.",
                next_command=typed("aws logs tail {group} --since 10m", group=group or "GROUP"),
                kind="FunctionBroken",
            )
        return body

    def _log_group(self, function: str) -> str:
        """Return the name of a function's log group, empty if the operator may not see it."""
        try:
            settings = self._client.get_function_configuration(FunctionName=function)
            return settings["LoggingConfig"]["LogGroup"]
        except (ClientError, BotoCoreError, KeyError):
            return ""


class SecretValues:
    """Reads secrets' current values."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._client = client

    def read(self, name: str) -> str | None:
        """Return a secret's current value, None if there is none (any more)."""
        try:
            return self._client.get_secret_value(SecretId=name).get("SecretString")
        except ClientError as error:
            # InvalidRequestException: it is scheduled for deletion.
            if error.response["Error"].get("Code") in ("ResourceNotFoundException", "InvalidRequestException"):
                return None
            raise


class SqsQueues:
    """Counts what waits."""

    def __init__(self, client: "SQSClient") -> None:
        self._client = client

    def waiting(self, url: str) -> tuple[int, str]:
        """Return about how many messages wait in a queue, and the queue's ARN."""
        answer = self._client.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "QueueArn"]
        )
        attributes = answer["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]), attributes["QueueArn"]
