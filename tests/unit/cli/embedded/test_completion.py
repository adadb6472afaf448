from typing import Any

import pytest

from tokensync_cli.embedded.completion import routes, with_batches


def integration(uri: str) -> dict[str, Any]:
    """An OpenAPI operation as SAM writes it."""
    return {"x-amazon-apigateway-integration": {"uri": {"Fn::Sub": uri}}}


def test_routes_are_read_from_the_openapi_body() -> None:
    """Each operation becomes a route key and the logical id of its function."""
    uri = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations"
    body = {"paths": {"/a/{app}": {"get": integration(uri)}, "/b": {"post": integration(uri)}}}
    assert routes(body) == {"GET /a/{app}": "F", "POST /b": "F"}


def test_an_integration_with_something_else_is_refused() -> None:
    """A route that we could not make is an error, not a hole."""
    with pytest.raises(ValueError, match="get /a"):
        routes({"paths": {"/a": {"get": integration("arn:aws:apigateway:sqs:action/SendMessage")}}})


@pytest.mark.parametrize("actions", ["sqs:SendMessage", ["sqs:SendMessage"]])
def test_who_may_send_may_send_batches(actions: object) -> None:
    """The batch's action is added beside the single one's, once."""
    document: dict[str, Any] = {"Statement": [{"Action": actions}]}
    assert with_batches(document)
    assert document == {"Statement": [{"Action": ["sqs:SendMessage", "sqs:SendMessageBatch"]}]}
    assert not with_batches(document)


def test_who_may_not_send_still_may_not() -> None:
    """A policy without the action is left as it is."""
    document: dict[str, Any] = {"Statement": [{"Action": ["sqs:ReceiveMessage"]}, {"Action": "sns:Publish"}]}
    assert not with_batches(document)
