"""Clients of the embedded AWS, for what a deployment leaves to do there."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.environment_variables import REGION

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

# An empty dict and not None: the user's HTTP proxy has no business between here and loopback.
_CONFIG = Config(retries={"total_max_attempts": 2}, proxies={})


class EmbeddedAws:
    """Clients for the embedded AWS at `endpoint`, of its administrator."""

    def __init__(self, endpoint: str, administrator: Administrator) -> None:
        self._endpoint = endpoint
        self._session = boto3.Session(
            aws_access_key_id=administrator.access_key_id,
            aws_secret_access_key=administrator.secret_access_key,
            region_name=REGION,
        )

    @property
    def apigateway(self) -> "ApiGatewayV2Client":
        """API Gateway's HTTP APIs."""
        return self._session.client("apigatewayv2", endpoint_url=self._endpoint, config=_CONFIG)

    @property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation."""
        return self._session.client("cloudformation", endpoint_url=self._endpoint, config=_CONFIG)

    @property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return self._session.client("lambda", endpoint_url=self._endpoint, config=_CONFIG)

    @property
    def iam(self) -> "IAMClient":
        """IAM."""
        return self._session.client("iam", endpoint_url=self._endpoint, config=_CONFIG)

    @property
    def buckets(self) -> "S3Client":
        """S3."""
        return self._session.client("s3", endpoint_url=self._endpoint, config=_CONFIG)
