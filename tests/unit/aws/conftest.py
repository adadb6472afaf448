"""AWS clients that no test lets out: botocore's own stubs answer for the services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber

from tokensync.aws.clients import Clients, aws_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.client import BaseClient


@pytest.fixture(scope="session")
def clients() -> Clients:
    """Return clients whose credentials mean nothing, of a Region that does not exist."""
    session = boto3.Session(
        aws_access_key_id="planted-key-id", aws_secret_access_key="planted-aws-secret", region_name="xx-none-1"
    )
    # A port that nothing listens on: what is not stubbed fails at once.
    return aws_clients(session, endpoint_url="http://127.0.0.1:9")


@pytest.fixture
def dynamodb(clients: Clients) -> Iterator[Stubber]:
    """Answer in DynamoDB's place, and demand that every answer was asked for."""
    yield from _stubbed(clients.dynamodb)


@pytest.fixture
def kms(clients: Clients) -> Iterator[Stubber]:
    """Answer in KMS's place, and demand that every answer was asked for."""
    yield from _stubbed(clients.kms)


@pytest.fixture
def secrets(clients: Clients) -> Iterator[Stubber]:
    """Answer in Secrets Manager's place, and demand that every answer was asked for."""
    yield from _stubbed(clients.secrets)


@pytest.fixture
def sns(clients: Clients) -> Iterator[Stubber]:
    """Answer in SNS's place, and demand that every answer was asked for."""
    yield from _stubbed(clients.sns)


@pytest.fixture
def sqs(clients: Clients) -> Iterator[Stubber]:
    """Answer in SQS's place, and demand that every answer was asked for."""
    yield from _stubbed(clients.sqs)


def _stubbed(client: BaseClient) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
