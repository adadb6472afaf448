"""AWS clients that no test lets out: botocore's own stubs answer for the services."""

from __future__ import annotations

import boto3
import pytest

from tokensync.aws.clients import Clients, aws_clients


@pytest.fixture(scope="session")
def clients() -> Clients:
    """Return clients whose credentials mean nothing, of a Region that does not exist."""
    session = boto3.Session(
        aws_access_key_id="planted-key-id", aws_secret_access_key="planted-aws-secret", region_name="xx-none-1"
    )
    # A port that nothing listens on: what is not stubbed fails at once.
    return aws_clients(session, endpoint_url="http://127.0.0.1:9")
