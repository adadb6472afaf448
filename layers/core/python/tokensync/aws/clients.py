"""The boto3 clients, with timeouts that fit into a function's life, and the translation of their errors."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3  # noqa: TID251 -- the one place where the core makes AWS clients
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

    from tokensync.domain.errors import TokensyncError

# Seconds. Three tries of connect and read, with waits of at most 1 and 2 seconds between them, take 18 seconds at
# worst: less than the shortest life of a function, and the lease outlives the function in any case.
_CONFIG = ClientConfig(
    connect_timeout=1,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=25,
    tcp_keepalive=True,
)


@dataclass(frozen=True)
class Clients:
    """One client for each service; boto3's clients are safe to share between threads."""

    dynamodb: DynamoDBClient
    kms: KMSClient
    secrets: SecretsManagerClient
    sns: SNSClient
    sqs: SQSClient


def aws_clients(session: boto3.Session | None = None, *, endpoint_url: str | None = None) -> Clients:
    """Make the clients; without arguments from the environment's credentials, Region and AWS_ENDPOINT_URL."""
    source = session or boto3.Session()
    return Clients(
        dynamodb=source.client("dynamodb", config=_CONFIG, endpoint_url=endpoint_url),
        kms=source.client("kms", config=_CONFIG, endpoint_url=endpoint_url),
        secrets=source.client("secretsmanager", config=_CONFIG, endpoint_url=endpoint_url),
        sns=source.client("sns", config=_CONFIG, endpoint_url=endpoint_url),
        sqs=source.client("sqs", config=_CONFIG, endpoint_url=endpoint_url),
    )


# All that a client call can raise: AWS refused, the network or our side failed, or the response was none of AWS.
FOREIGN = (ClientError, BotoCoreError, ResponseParserError)


def code_of(error: ClientError | BotoCoreError | ResponseParserError) -> str:
    """Return AWS's error code, or the type's name where no response of AWS was read."""
    if isinstance(error, ClientError):
        return error.response["Error"].get("Code") or "NoCode"
    return type(error).__name__


@contextmanager
def translated(
    operation: str, by_code: Mapping[str, type[TokensyncError]], otherwise: type[TokensyncError]
) -> Iterator[None]:
    """Raise our error for a foreign one: the one that `by_code` names for AWS's code, else `otherwise`.

    Only the code goes into its text: AWS's message may quote what was sent.
    """
    try:
        yield
    except FOREIGN as error:
        code = code_of(error)
        # from None: a ParamValidationError repeats its parameters, and those may hold a secret.
        raise by_code.get(code, otherwise)(f"{operation}: {code}") from None
