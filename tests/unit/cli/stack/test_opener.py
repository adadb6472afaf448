"""Stacks opened with boto3. No call leaves: answers are stubbed at the client, or credentials are missing before."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack import opener
from tokensync_cli.stack.operator_calls import LambdaFunctions, SecretValues, SqsQueues
from tokensync_cli.stack.target import Choice, StackOutputs

EMBEDDED = {
    "endpoint": "http://127.0.0.1:8402",
    "access_key_id": "TOKENSYNCID",
    "secret_access_key": "its secret",
    "region": "us-east-1",
    "stack": "tokensync",
    "connect_url": "http://localhost:8400/connect",
    "callback_url": "http://localhost:8400/callback",
    "webhook_url": "http://localhost:8400/webhooks",
    "sandbox_url": "http://localhost:8401",
    "table": "table",
    "queue_url": "q",
    "dead_letter_queue_url": "d",
    "secret_prefix": "tokensync",
    "key_arn": "k",
    "callback_function": "c",
    "rotation_function": "r",
    "invite_key_name": "i",
    "alert_topic_arn": "a",
    "operator_policy_arn": "o",
    "consumer_policy_arn": "p",
    "api_id": "passed over",
}


def client(service: str) -> Any:
    """Return a client that has credentials and no way out."""
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="eu-central-1")
    return session.client(service, endpoint_url="http://127.0.0.1:1")  # type: ignore[call-overload]  # by name


def test_the_embedded_stack_ignores_the_users_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that does not exist and another endpoint change nothing, as its own are used."""
    for name, value in {
        "AWS_PROFILE": "of-somebody",
        "AWS_ACCESS_KEY_ID": "AKIA-live",
        "AWS_SECRET_ACCESS_KEY": "live",
        "AWS_SESSION_TOKEN": "live",
        "AWS_ENDPOINT_URL": "https://elsewhere.example",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "HTTP_PROXY": "http://proxy.example:3128",
    }.items():
        monkeypatch.setenv(name, value)

    target = opener.open_embedded(StackOutputs.of_embedded(EMBEDDED))

    reached: Any = target.functions
    meta = reached._client.meta
    assert ("http://127.0.0.1:8402", "us-east-1", {}) == (meta.endpoint_url, meta.region_name, meta.config.proxies)
    credentials = reached._client._request_signer._credentials
    assert ("TOKENSYNCID", "its secret", None) == (credentials.access_key, credentials.secret_key, credentials.token)
    assert target.is_embedded
    assert "embedded stack at http://127.0.0.1:8402" == target.described
    assert "http://localhost:8400" == target.outputs.base_url


def test_a_stack_needs_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one there is nothing to ask."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(CommandFailed, match="No AWS Region"):
        opener.open_deployed(Choice(stack="prod"))


def test_the_region_is_found_as_the_aws_cli_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_REGION counts, which botocore alone would pass over: what is missing next are credentials."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(NoCredentialsError):
        opener.open_deployed(Choice(stack="prod"))


def test_a_stack_that_does_not_exist() -> None:
    """CloudFormation calls it a validation error; we say it is not found."""
    cloudformation = client("cloudformation")
    with Stubber(cloudformation) as stub:
        stub.add_client_error("describe_stacks", "ValidationError", "Stack with id prod does not exist")
        with pytest.raises(CommandFailed) as failed:
            opener._described(cloudformation, "prod", "eu-central-1")

    assert (3, "UnknownStack") == (failed.value.exit_code, failed.value.kind)


def test_a_stack_that_ones_credentials_may_not_see() -> None:
    """The operator policy names its own stack alone: another name and a lack of permission look the same."""
    cloudformation = client("cloudformation")
    with Stubber(cloudformation) as stub:
        stub.add_client_error("describe_stacks", "AccessDenied", "s3cr3t-canary")
        with pytest.raises(CommandFailed) as failed:
            opener._described(cloudformation, "prod", "eu-central-1")

    assert (1, "AccessDenied") == (failed.value.exit_code, failed.value.kind)
    assert "There is no stack prod in eu-central-1 that your credentials may see" in failed.value.message
    assert "s3cr3t-canary" not in failed.value.message


def test_a_stack_that_is_not_ours() -> None:
    """The outputs that it lacks are named."""
    with pytest.raises(CommandFailed, match="no output ConnectUrl, "):
        StackOutputs.of_deployment("prod", "eu-central-1", {"Other": "x"})


def test_a_function_answers() -> None:
    """The payload goes to the operators' alias as JSON, the answer comes back as bytes."""
    functions = client("lambda")
    with Stubber(functions) as stub:
        stub.add_response(
            "invoke",
            {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(b'{"ok":true}'), 11)},
            {"FunctionName": "rotation:operator", "Payload": b'{"tokensync": "tick"}'},
        )

        assert b'{"ok":true}' == LambdaFunctions(functions).invoke("rotation", {"tokensync": "tick"})


@pytest.mark.parametrize("is_told", [True, False])
def test_a_function_that_breaks_names_its_log_group(*, is_told: bool) -> None:
    """Its own text, which may hold anything, is not repeated."""
    functions = client("lambda")
    body = b'{"errorMessage": "s3cr3t-canary"}'
    with Stubber(functions) as stub:
        stub.add_response(
            "invoke",
            {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": StreamingBody(io.BytesIO(body), len(body))},
        )
        if is_told:
            stub.add_response("get_function_configuration", {"LoggingConfig": {"LogGroup": "prod-RotationLogs-X"}})
        else:
            stub.add_client_error("get_function_configuration", "AccessDeniedException")
        with pytest.raises(CommandFailed) as failed:
            LambdaFunctions(functions).invoke("rotation", {})

    assert ("prod-RotationLogs-X" if is_told else "ends with Logs") in failed.value.message
    group = "prod-RotationLogs-X" if is_told else "GROUP"
    assert f"aws logs tail {group} --since 10m" == str(failed.value.next_command)
    assert "s3cr3t-canary" not in failed.value.message


def test_a_function_that_is_slow() -> None:
    """It is later, and not asked again by itself."""

    class Slow:
        def invoke(self, **_: object) -> None:
            raise ReadTimeoutError(endpoint_url="x")

    slow: Any = Slow()
    with pytest.raises(CommandFailed) as failed:
        LambdaFunctions(slow).invoke("rotation", {})

    assert 5 == failed.value.exit_code


def test_secrets_that_are_there_and_that_are_not() -> None:
    """None for what is gone or scheduled for deletion; other errors are not swallowed."""
    secrets = client("secretsmanager")
    with Stubber(secrets) as stub:
        stub.add_response("get_secret_value", {"SecretString": "text"}, {"SecretId": "name"})
        stub.add_client_error("get_secret_value", "ResourceNotFoundException")
        stub.add_client_error("get_secret_value", "InvalidRequestException")
        stub.add_client_error("get_secret_value", "ThrottlingException")
        values = SecretValues(secrets, stack="prod")

        assert ["text", None, None] == [values.read("name") for _ in range(3)]
        with pytest.raises(secrets.exceptions.ClientError, match="Throttling"):
            values.read("name")


def test_a_secret_that_iam_refuses_may_be_absent() -> None:
    """DescribeSecret tells: None for absent and deleted, an error for somebody else's, IAM's own for ours."""
    ours = {"ARN": f"arn:aws:secretsmanager:x:000000000000:secret:{'n' * 9}", "Name": "name"}
    tagged = {**ours, "Tags": [{"Key": "tokensync:stack", "Value": "prod"}]}
    secrets = client("secretsmanager")
    values = SecretValues(secrets, stack="prod")
    with Stubber(secrets) as stub:
        for answer in (None, {**tagged, "DeletedDate": datetime(2026, 1, 1, tzinfo=UTC)}):
            stub.add_client_error("get_secret_value", "AccessDeniedException")
            if answer is None:
                stub.add_client_error("describe_secret", "ResourceNotFoundException")
            else:
                stub.add_response("describe_secret", answer, {"SecretId": "name"})
            assert values.read("name") is None
        for tags in ([], [{"Key": "tokensync:stack", "Value": "other"}]):
            stub.add_client_error("get_secret_value", "AccessDeniedException")
            stub.add_response("describe_secret", {**ours, "Tags": tags})
            with pytest.raises(CommandFailed, match="name was not made by this stack"):
                values.read("name")
        stub.add_client_error("get_secret_value", "AccessDeniedException")
        stub.add_response("describe_secret", tagged)
        with pytest.raises(secrets.exceptions.ClientError, match="AccessDenied"):
            values.read("name")
        stub.add_client_error("get_secret_value", "AccessDeniedException")
        stub.add_client_error("describe_secret", "AccessDeniedException")
        with pytest.raises(secrets.exceptions.ClientError, match="GetSecretValue"):
            values.read("name")


def test_what_waits_in_a_queue() -> None:
    """Its number and the queue's ARN, in one call."""
    queues = client("sqs")
    with Stubber(queues) as stub:
        attributes = {"ApproximateNumberOfMessages": "3", "QueueArn": "arn:aws:sqs:eu-central-1:000000000000:dead"}
        stub.add_response("get_queue_attributes", {"Attributes": attributes})

        assert (3, "arn:aws:sqs:eu-central-1:000000000000:dead") == SqsQueues(queues).waiting("https://sqs.example/d")
