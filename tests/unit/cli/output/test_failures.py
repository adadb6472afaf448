"""What is printed of an error, and the exit code."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions
from botocore.parsers import ResponseParserError

from tokensync.aws.clients import translated
from tokensync.domain.errors import (
    AlreadyConsumed,
    FenceLost,
    InvalidApp,
    InvalidName,
    NewerSchema,
    SealingUnavailable,
    StoreUnavailable,
    TokensyncError,
    UnknownApp,
    UnknownConnection,
)
from tokensync_cli.output.failures import failure_of

CANARY = "s3cr3t-canary"


def client_error(code: str) -> exceptions.ClientError:
    """Return AWS's refusal."""
    return exceptions.ClientError({"Error": {"Code": code, "Message": CANARY}}, "GetItem")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownConnection("x"), 3),
        (UnknownApp("x"), 3),
        (InvalidName("x"), 2),
        (InvalidApp("x"), 1),
        (AlreadyConsumed("x"), 4),
        (NewerSchema("x"), 1),
        (StoreUnavailable("x"), 5),
        (SealingUnavailable("x"), 5),
        (FenceLost("x"), 1),
        (PermissionError(13, "Permission denied", "/tmp/x"), 1),  # noqa: S108 - only a name
        (RuntimeError(CANARY), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_a_code_and_a_next_command(error: Exception, code: int) -> None:
    """And one that nobody foresaw is named by its type alone."""
    failure = failure_of(error)

    assert code == failure.exit_code
    assert failure.following
    assert failure.message.endswith(".")
    assert CANARY not in failure.message


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (client_error("AccessDeniedException"), "AccessDenied", 1),
        (client_error("UnrecognizedClientException"), "NoCredentials", 1),
        (client_error("ExpiredTokenException"), "NoCredentials", 1),
        (client_error("ResourceNotFoundException"), "Gone", 1),
        (client_error("ThrottlingException"), "Aws", 5),
        (client_error(""), "Aws", 5),
        (exceptions.NoCredentialsError(), "NoCredentials", 1),
        (exceptions.ProfileNotFound(profile="nobody"), "NoCredentials", 1),
        (exceptions.NoRegionError(), "NoRegion", 1),
        (exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "Unreachable", 5),
        (ResponseParserError("not XML"), "Unreachable", 1),
        (exceptions.ParamValidationError(report=CANARY), "Aws", 1),
    ],
    ids=lambda value: str(value)[:40],
)
def test_awss_own_errors(error: Exception, kind: str, code: int) -> None:
    """Wrong credentials are no reason to try again; AWS's texts are not repeated."""
    failure = failure_of(error)

    assert (kind, code) == (failure.kind, failure.exit_code)
    assert CANARY not in failure.message


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (
            "User: arn:aws:iam::1:user/jo is not authorized to perform: secretsmanager:GetSecretValue because of …",
            "secretsmanager:GetSecretValue",
        ),
        (f"User is not authorized to perform: kms:Decrypt on resource: {CANARY}", "kms:Decrypt"),
        (f"not authorized to perform: {CANARY}:Do", "GetItem"),
        (CANARY, "GetItem"),
    ],
)
def test_a_lack_of_permission_names_the_action_and_the_policy(said: str, named: str) -> None:
    """The action is read out of AWS's text where it stands as IAM writes one, else it is the operation."""
    error = exceptions.ClientError({"Error": {"Code": "AccessDeniedException", "Message": said}}, "GetItem")
    before, after = failure_of(error), failure_of(error, policy="arn:aws:iam::1:policy/operators")

    assert f"may not do this ({named})" in before.message
    assert "the policy that the stack's output OperatorPolicyArn names" in before.message
    assert "the policy arn:aws:iam::1:policy/operators" in after.message
    assert CANARY not in before.message + after.message


def throw(error: Exception) -> None:
    """Raise an error."""
    raise error


def translate(code: str, known: dict[str, Any]) -> Exception:
    """Return the core's error for one of AWS's codes."""
    try:
        with translated("GetItem", known, StoreUnavailable):
            throw(client_error(code))
    except TokensyncError as error:
        return error
    raise AssertionError("nothing was raised")


def test_what_the_core_calls_unavailable_may_be_a_lack_of_permission() -> None:
    """The cause under the core's error decides; what the core understood stays understood."""
    assert ("AccessDenied", 1) == (
        (denied := failure_of(translate("AccessDeniedException", {}))).kind,
        denied.exit_code,
    )
    assert 5 == failure_of(translate("ThrottlingException", {})).exit_code
    unknown = failure_of(translate("ResourceNotFoundException", {"ResourceNotFoundException": UnknownApp}))
    assert ("UnknownApp", 3) == (unknown.kind, unknown.exit_code)


def test_no_traceback_unless_asked_for(desk: Any) -> None:
    """With TOKENSYNC_DEBUG the places are shown, and no values."""
    desk.world.apps.fail_next("names", RuntimeError("boom"), times=2)

    quiet = desk.start("app", "list", "--stack", "prod")
    loud = desk.start("app", "list", "--stack", "prod", TOKENSYNC_DEBUG="1")

    assert 1 == quiet.exit_code == loud.exit_code
    assert "Traceback" not in quiet.output
    assert "boom" not in quiet.output
    assert "Something nobody foresaw went wrong (RuntimeError)." in quiet.stderr
    assert "Traceback" in loud.stderr
    assert quiet.stderr.splitlines()[-2:] == loud.stderr.splitlines()[-2:]


def test_a_pipe_that_closes_is_no_news(desk: Any) -> None:
    """`tokensync list | head -1` says nothing of it."""
    desk.world.apps.fail_next("names", BrokenPipeError(32, "Broken pipe"))

    result = desk.start("app", "list", "--stack", "prod")

    assert 1 == result.exit_code
    assert "Error" not in result.stderr
