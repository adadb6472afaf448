"""AWS's own error answers, as the services' clients read them."""

from __future__ import annotations

import json
from dataclasses import dataclass

_QUERY_SERVICES = frozenset({"sns", "sts"})  # they answer in XML; the others in JSON


@dataclass(frozen=True)
class ErrorAnswer:
    """A code with its HTTP status."""

    status: int
    code: str
    message: str


UNAVAILABLE = ErrorAnswer(500, "InternalServerError", "scripted: the request could not be processed")
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
QUOTA = ErrorAnswer(400, "LimitExceededException", "scripted: a quota of the service was reached")

# Each service names it in its own way: the "Common errors" and the API pages of each.
_THROTTLED = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "kms": "ThrottlingException",
    "secretsmanager": "ThrottlingException",
    "sns": "Throttling",
    "sqs": "RequestThrottled",
    "sts": "Throttling",
}


def throttled(service: str) -> ErrorAnswer:
    """Return what a service answers to a client that asks too often."""
    return ErrorAnswer(400, _THROTTLED.get(service, "ThrottlingException"), "scripted: rate exceeded")


def error_answer(error: ErrorAnswer, service: str) -> tuple[str, bytes]:
    """Return the content type and the body of an error in the service's protocol."""
    if service in _QUERY_SERVICES:
        kind = "Receiver" if error.status >= 500 else "Sender"
        told = f"<Type>{kind}</Type><Code>{error.code}</Code><Message>{error.message}</Message>"
        return "text/xml", f"<ErrorResponse><Error>{told}</Error><RequestId>fault</RequestId></ErrorResponse>".encode()
    version = "1.0" if service in ("dynamodb", "sqs") else "1.1"
    body = {"__type": f"com.amazonaws.{service}#{error.code}", "message": error.message}
    return f"application/x-amz-json-{version}", json.dumps(body).encode()
