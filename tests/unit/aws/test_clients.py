from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from botocore import exceptions, parsers
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError, ReadTimeoutError

from tokensync.aws.clients import FOREIGN, code_of, translated
from tokensync.domain.errors import PublishUnavailable, SecretGone

if TYPE_CHECKING:
    from tokensync.aws.clients import Clients

SHORTEST_LIFE = 28  # seconds: the callback function's


def test_a_call_ends_within_a_functions_life(clients: Clients) -> None:
    """All tries of one call, with their timeouts and the longest waits between them, end before the function does."""
    for client in (clients.dynamodb, clients.kms, clients.secrets, clients.sns, clients.sqs):
        config: Any = client.meta.config  # the stubs know none of its options
        assert config.retries["mode"] == "standard"
        tries = config.retries["total_max_attempts"]
        assert config.tcp_keepalive  # an idle connection is not cut off unnoticed
        # Standard mode waits at most 1, 2, 4, … seconds.
        waits = sum(2**number for number in range(tries - 1))
        assert tries * (config.connect_timeout + config.read_timeout) + waits < SHORTEST_LIFE


def refusal(code: str) -> ClientError:
    """Return what boto3 raises for an error code; its message quotes a secret, as AWS's may."""
    return ClientError({"Error": {"Code": code, "Message": "planted-secret"}}, "PutSecretValue")


def test_a_named_code() -> None:
    """A code that the table names becomes the error it names, and its text tells operation and code alone."""
    with pytest.raises(SecretGone) as raised, translated("Put", {"ResourceNotFound": SecretGone}, PublishUnavailable):
        raise refusal("ResourceNotFound")
    assert str(raised.value) == "Put: ResourceNotFound"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        ClientError({"Error": {}}, "Put"),
        EndpointConnectionError(endpoint_url="https://planted-secret"),
        ReadTimeoutError(endpoint_url="https://planted-secret"),
        ParamValidationError(report="planted-secret"),
        parsers.ResponseParserError("planted-secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_other_failure(error: Exception) -> None:
    """Throttling, timeouts, lost connections and answers that are no AWS answers become the error of last resort."""
    with pytest.raises(PublishUnavailable) as raised, translated("Put", {}, PublishUnavailable):
        raise error
    assert "planted" not in str(raised.value)


def test_nothing_else_is_caught() -> None:
    """An error of our own, or of nobody's, passes through as it is."""
    for error in (KeyError("x"), SecretGone("x")):
        with pytest.raises(type(error)), translated("Put", {}, PublishUnavailable):
            raise error


def test_every_error_of_botocore_is_foreign() -> None:
    """Whatever error class botocore has, or grows, for a failed call is one that gets translated."""
    # Faults of a service's model, raised while a client is built; event streams, which no call of ours has.
    elsewhere = {"MissingServiceIdError", "NoInitialResponseError", "UndefinedModelAttributeError"}
    unmapped = {
        kind.__name__
        for module in (exceptions, parsers)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__.startswith("botocore")
        and issubclass(kind, Exception)
        and not issubclass(kind, (*FOREIGN, Warning))
    }
    assert set() == unmapped - elsewhere


def test_codes() -> None:
    """An error is named by AWS's code, or by its type where AWS did not answer."""
    assert code_of(refusal("AccessDeniedException")) == "AccessDeniedException"
    assert code_of(ReadTimeoutError(endpoint_url="x")) == "ReadTimeoutError"
