"""The policy of a workload that reads the tokens of one app, or of one connection, and no others.

It is the template's ConsumerPolicy, narrowed. Secrets Manager gives AWSCURRENT to a reader that names no version. The
condition keys are the request's parameters: a named stage has to be that one, and no version may be named by its id.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
"""

from typing import Any

from tokensync.domain.names import STACK_TAG, ConnectionName, token_secret_name
from tokensync_cli.stack.target import StackOutputs

_SUFFIX = "-??????"  # what Secrets Manager adds to a secret's name in its ARN


def consumer_policy(outputs: StackOutputs, app: str, connection: ConnectionName | None) -> dict[str, Any]:
    """Return the policy document for the tokens of an app, or of one of its connections."""
    _, partition, _, region, account, *_ = outputs.key_arn.split(":")
    secrets = f"arn:{partition}:secretsmanager:{region}:{account}:secret:"
    if connection is None:
        read = f"{secrets}{outputs.secret_prefix}/tokens/{app}/*"
        described = [read]
    else:
        name = f"{secrets}{token_secret_name(outputs.secret_prefix, connection)}"
        read = f"{name}{_SUFFIX}"
        # A secret that is absent has no suffix: without its bare name its absence would look like a lack of permission.
        described = [name, read]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadTokens",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": read,
                "Condition": {
                    "StringEquals": {f"aws:ResourceTag/{STACK_TAG}": outputs.stack},
                    "ForAnyValue:StringEqualsIfExists": {"secretsmanager:VersionStage": "AWSCURRENT"},
                    "Null": {"secretsmanager:VersionId": "true"},
                },
            },
            {
                "Sid": "DescribeTokens",
                "Effect": "Allow",
                "Action": "secretsmanager:DescribeSecret",
                "Resource": described,
            },
        ],
    }
