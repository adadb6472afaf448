"""What AWS's own refusals mean for an operator, and the command that helps."""

from botocore import exceptions
from botocore.parsers import ResponseParserError

from tokensync.entry.exit_codes import FAILED, LATER

Explained = tuple[str, str, str, int]

_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError"}
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
# Errors on our side of AWS.
_OURS: tuple[tuple[tuple[type[BaseException], ...], Explained], ...] = (
    (
        (exceptions.ProfileNotFound,),
        ("NoCredentials", "There is no such AWS profile.", "aws configure list-profiles", FAILED),
    ),
    (
        (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
            exceptions.SSOError,
            exceptions.TokenRetrievalError,
        ),
        ("NoCredentials", "No usable AWS credentials were found.", "aws sts get-caller-identity", FAILED),
    ),
    (
        (exceptions.NoRegionError,),
        ("NoRegion", "No AWS Region is set.", "the same command with --region, or set AWS_REGION", FAILED),
    ),
    (
        (exceptions.HTTPClientError, exceptions.EndpointConnectionError),
        (
            "Unreachable",
            "AWS, or the embedded stack, cannot be reached, or did not answer in time.",
            "tokensync doctor",
            LATER,
        ),
    ),
    ((ResponseParserError,), ("Unreachable", "Something answered that is not AWS.", "tokensync doctor", FAILED)),
)


def explain(error: BaseException) -> Explained | None:
    """Return kind, message, next command and exit code; None if it is no error of AWS or of reaching it."""
    if isinstance(error, exceptions.ClientError):
        return _of_code(error.response.get("Error", {}).get("Code", ""), error.operation_name)
    for kinds, explained in _OURS:
        if isinstance(error, kinds):
            return explained
    if isinstance(error, exceptions.BotoCoreError):
        return "Aws", f"AWS was not asked: {type(error).__name__}.", "tokensync doctor", FAILED
    return None


def _of_code(code: str, operation: str) -> Explained | None:
    if code in _DENIED:
        message = (
            f"Your AWS credentials may not do this ({operation}). "
            "The stack's output OperatorPolicyArn is a policy that allows what this command line does."
        )
        return "AccessDenied", message, "aws sts get-caller-identity", FAILED
    if code in _WRONG_CREDENTIALS:
        return "NoCredentials", f"AWS does not accept your credentials ({code}).", "aws sts get-caller-identity", FAILED
    if code in _EXPIRED:
        return "NoCredentials", "Your AWS credentials have expired.", "aws sso login, or renew them", FAILED
    if code in _GONE:
        return "Gone", f"A part of the stack is gone ({operation}: {code}).", "tokensync deploy", FAILED
    return "Aws", f"AWS refused: {operation} gave {code or 'no code'}.", "tokensync doctor", LATER
