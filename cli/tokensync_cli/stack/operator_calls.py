"""What the operator's own credentials do on AWS, beside the core's adapters: invoke, read secrets, count messages.

The protocols are in `target`.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from tokensync.aws.secret_presence import DENIED, Presence, presence
from tokensync.domain.command_line import typed
from tokensync.entry.command_answers import OPERATORS_ALIAS
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
            alias = f"{function}:{OPERATORS_ALIAS}"
            answer = self._client.invoke(FunctionName=alias, Payload=json.dumps(payload).encode())
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

    def __init__(self, client: "SecretsManagerClient", *, stack: str) -> None:
        self._client = client
        self._stack = stack

    def read(self, name: str) -> str | None:
        """Return a secret's current value, None if there is none (any more).

        Raises:
            CommandFailed: a secret of that name is there, and this stack did not make it.
        """
        try:
            return self._client.get_secret_value(SecretId=name).get("SecretString")
        except ClientError as error:
            code = error.response["Error"].get("Code")
            # InvalidRequestException: it is scheduled for deletion.
            if code in ("ResourceNotFoundException", "InvalidRequestException"):
                return None
            stands = presence(self._client, name, stack=self._stack) if code == DENIED else Presence.UNKNOWN
            if stands is Presence.ABSENT:
                return None
            if stands is Presence.FOREIGN:
                raise CommandFailed(
                    f"The secret {name} was not made by this stack, so its policy lets you not read it.",
                    next_command=typed("tokensync doctor"),
                    kind="SecretNotOurs",
                ) from None
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
