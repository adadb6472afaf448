"""What AWS's own refusals mean for an operator, and the command that helps."""

import re

from botocore import exceptions
from botocore.parsers import ResponseParserError

from tokensync.domain.command_line import Next, typed
from tokensync.domain.visible import Line
from tokensync.entry.exit_codes import FAILED, LATER

Explained = tuple[str, str, Next, int]

_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError"}
)
# What `take-up` alone asks for: the operator policy is gone with its stack, and never allowed it.
_OF_A_DEPLOYMENT = frozenset(
    {
        "ListStacks",
        "DescribeStackEvents",
        "DescribeStackResources",
        "CreateChangeSet",
        "DescribeChangeSet",
        "ExecuteChangeSet",
        "DescribeKey",
        "UpdateTable",
        "DescribeTimeToLive",
        "UpdateTimeToLive",
        "UpdateContinuousBackups",
    }
)
_WRONG_CREDENTIALS = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "OptInRequired",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_GONE = frozenset({"ResourceNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"})
# The part of IAM's refusal that names the action; nothing else of AWS's texts is repeated.
_ACTION = re.compile(
    r"not authorized to perform: ((?:cloudformation|dynamodb|kms|lambda|secretsmanager|sqs):[A-Za-z]{1,40})\b"
)
# Errors on our side of AWS.
_OURS: tuple[tuple[tuple[type[BaseException], ...], Explained], ...] = (
    (
        (exceptions.ProfileNotFound,),
        ("NoCredentials", "There is no such AWS profile.", typed("aws configure list-profiles"), FAILED),
    ),
    (
        (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
            exceptions.SSOError,
            exceptions.TokenRetrievalError,
        ),
        ("NoCredentials", "No usable AWS credentials were found.", typed("aws sts get-caller-identity"), FAILED),
    ),
    (
        (exceptions.NoRegionError,),
        ("NoRegion", "No AWS Region is set.", Line("the same command with --region, or set AWS_REGION"), FAILED),
    ),
    (
        (exceptions.HTTPClientError, exceptions.EndpointConnectionError),
        (
            "Unreachable",
            "AWS, or the embedded stack, cannot be reached, or did not answer in time.",
            typed("tokensync doctor"),
            LATER,
        ),
    ),
    ((ResponseParserError,), ("Unreachable", "Something answered that is not AWS.", typed("tokensync doctor"), FAILED)),
)


def explain(error: BaseException, *, policy: str = "") -> Explained | None:
    """Return kind, message, next command and exit code; None if it is no error of AWS or of reaching it.

    `policy` is the ARN of the stack's operator policy, empty where no stack is open yet.
    """
    if isinstance(error, exceptions.ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        return _denied(error, policy) if code in _DENIED else _of_code(code, error.operation_name)
    for kinds, explained in _OURS:
        if isinstance(error, kinds):
            return explained
    if isinstance(error, exceptions.BotoCoreError):
        return "Aws", f"AWS was not asked: {type(error).__name__}.", typed("tokensync doctor"), FAILED
    return None


def _denied(error: exceptions.ClientError, policy: str) -> Explained:
    named = _ACTION.search(error.response.get("Error", {}).get("Message", ""))
    action = named[1] if named else error.operation_name
    following = typed("aws sts get-caller-identity")
    if error.operation_name in _OF_A_DEPLOYMENT:
        message = f"Your AWS credentials may not do this ({action}). It needs the rights of one who deploys the stack."
        return "AccessDenied", message, following, FAILED
    attach = f"the policy {policy}" if policy else "the policy that the stack's output OperatorPolicyArn names"
    message = (
        f"Your AWS credentials may not do this ({action}). "
        f"Have {attach} attached to your user or role: it allows what this command line does."
    )
    return "AccessDenied", message, following, FAILED


def _of_code(code: str, operation: str) -> Explained | None:
    if code in _WRONG_CREDENTIALS:
        return (
            "NoCredentials",
            f"AWS does not accept your credentials ({code}).",
            typed("aws sts get-caller-identity"),
            FAILED,
        )
    if code in _EXPIRED:
        return "NoCredentials", "Your AWS credentials have expired.", Line("aws sso login, or renew them"), FAILED
    if code in _GONE:
        return "Gone", f"A part of the stack is gone ({operation}: {code}).", typed("tokensync deploy"), FAILED
    return "Aws", f"AWS refused: {operation} gave {code or 'no code'}.", typed("tokensync doctor"), LATER
