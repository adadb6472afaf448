"""Readers as workloads are: each with the consumer policy alone, or with the one that `app policy` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fault_rows import fault
from tokensync.domain.names import ConnectionName, app_secret_name, token_secret_name
from users import User

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack import Stack

APP, OTHER = "read-shop", "unread-shop"


@pytest.fixture(scope="module")
def names(stack: Stack) -> tuple[ConnectionName, ConnectionName, ConnectionName]:
    """Two connections of one app, and one of another."""
    sandbox, other = stack.add_app(APP, access_token_seconds=36_000), stack.add_app(OTHER, access_token_seconds=36_000)
    first, second = (stack.connect(APP, sandbox, seller) for seller in sandbox.sellers(2))
    return first, second, stack.connect(OTHER, other, other.sellers(1)[0])


def secret_of(stack: Stack, name: ConnectionName) -> str:
    """Return the name of a connection's secret."""
    return token_secret_name(stack.outputs.secret_prefix, name)


def reads(user: User, secret: str, **version: str) -> bool:
    """Return whether a user reads a secret; False where IAM refuses."""
    return allowed(user, lambda client: client.get_secret_value(SecretId=secret, **version))


def allowed(user: User, call: Callable[[Any], object]) -> bool:
    """Return whether IAM allows a user a call."""
    client = user.client("secretsmanager")
    try:
        call(client)
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    return True


def policy(stack: Stack, *words: str) -> dict[str, Any]:
    """Return the policy that the command line prints, to an operator with the operator policy alone."""
    operator = User.made(stack).attach(stack.outputs.operator_policy_arn)
    done = operator.command("app", "policy", *words)
    assert 0 == done.code, done.stderr
    document: dict[str, Any] = done.told["policy"]
    return document


@fault("D IAM")
def test_a_reader_with_the_consumer_policy(
    stack: Stack, names: tuple[ConnectionName, ConnectionName, ConnectionName]
) -> None:
    """It reads every token, by name, by ARN and by stage, and can tell that one is absent from that it may not read."""
    user, name = User.made(stack).attach(stack.outputs.consumer_policy_arn), names[0]
    client, secret = user.client("secretsmanager"), secret_of(stack, name)
    arn = client.describe_secret(SecretId=secret)["ARN"]

    for secret_id, stage in ((secret, {}), (arn, {}), (secret, {"VersionStage": "AWSCURRENT"})):
        read = client.get_secret_value(SecretId=secret_id, **stage)["SecretString"]
        assert stack.document(name) == json.loads(read)
    assert reads(user, secret_of(stack, names[2]))

    absent = secret_of(stack, ConnectionName(APP, "nobody"))
    assert not reads(user, absent)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_secret(SecretId=absent)


@fault("D IAM")
def test_what_a_reader_may_not(stack: Stack, names: tuple[ConnectionName, ConnectionName, ConnectionName]) -> None:
    """Neither an app's secret, nor the invite key, nor a secret among the tokens that somebody else made; no write."""
    user, prefix = User.made(stack).attach(stack.outputs.consumer_policy_arn), stack.outputs.secret_prefix
    foreign = f"{prefix}/tokens/{APP}/foreign"
    stack.secrets.create_secret(Name=foreign, SecretString="somebody's")
    secret = secret_of(stack, names[0])

    assert not any(reads(user, one) for one in (app_secret_name(prefix, APP), stack.outputs.invite_key_name, foreign))
    for call in (
        lambda client: client.put_secret_value(SecretId=secret, SecretString="x"),
        lambda client: client.delete_secret(SecretId=secret),
        lambda client: client.tag_resource(SecretId=foreign, Tags=[{"Key": "tokensync:stack", "Value": prefix}]),
        lambda client: client.list_secrets(),
    ):
        assert not allowed(user, call)


@fault("D IAM")
def test_a_reader_of_one_app(stack: Stack, names: tuple[ConnectionName, ConnectionName, ConnectionName]) -> None:
    """`app policy` as it is printed: this app's tokens, and no other app's; an absent one is told."""
    user = User.made(stack).may(policy(stack, APP))
    client = user.client("secretsmanager")

    assert [True, True, False] == [reads(user, secret_of(stack, name)) for name in names]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_secret(SecretId=secret_of(stack, ConnectionName(APP, "nobody")))


@fault("D IAM")
def test_a_reader_of_one_connection(stack: Stack, names: tuple[ConnectionName, ConnectionName, ConnectionName]) -> None:
    """With --connection: its token alone, whose absence is told."""
    name = names[0]
    user = User.made(stack).may(policy(stack, APP, "--connection", str(name)))
    client = user.client("secretsmanager")
    assert [True, False, False] == [reads(user, secret_of(stack, one)) for one in names]

    arn = stack.secrets.describe_secret(SecretId=secret_of(stack, name))["ARN"]
    stack.secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_secret(SecretId=secret_of(stack, name))
