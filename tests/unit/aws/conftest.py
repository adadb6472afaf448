"""AWS clients that no test lets out: botocore's own stubs answer for the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def _stub_of(service: str) -> Any:
    def stub(clients: Clients) -> Iterator[Stubber]:
        yield from _stubbed(getattr(clients, service))

    stub.__doc__ = f"Answer in the place of {service}, and demand that every answer was asked for."
    return pytest.fixture(name=service)(stub)


dynamodb, kms, secrets, sns, sqs = map(_stub_of, ("dynamodb", "kms", "secrets", "sns", "sqs"))


def _stubbed(client: BaseClient) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
