"""Finishes through its own APIs what the embedded AWS leaves undone when it deploys the template.

AWS does all of this by itself; the template stays as AWS wants it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from tokensync_cli.embedded.aws import EmbeddedAws

_INTEGRATION = "x-amazon-apigateway-integration"
# The function that an OpenAPI integration names: arn:…:functions/${LogicalId.Arn}/invocations
_FUNCTION = re.compile(r"/functions/\$\{(?P<logical_id>\w+)\.Arn\}/invocations$")
_API = "AWS::ApiGatewayV2::Api"
_ROLE = "AWS::IAM::Role"
# On AWS the first one allows both calls, and the second one is no action at all.
_SEND, _SEND_BATCH = "sqs:SendMessage", "sqs:SendMessageBatch"


def complete(aws: EmbeddedAws, stack: str) -> None:
    """Finish the deployment of `stack`. Doing it again changes nothing."""
    body = aws.cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    resources = cast("Mapping[str, Mapping[str, Any]]", body)["Resources"]
    listed = aws.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in listed}
    for logical_id, resource in resources.items():
        if resource["Type"] == _API:
            wanted = routes(resource["Properties"]["Body"])
            _add_routes(aws, names[logical_id], {route: names[function] for route, function in wanted.items()})
        elif resource["Type"] == _ROLE:
            _allow_batches(aws, names[logical_id])


def routes(body: Mapping[str, Any]) -> dict[str, str]:
    """Route key (`GET /connect/{app}`) → logical id of its function, from an HTTP API's OpenAPI body."""
    found: dict[str, str] = {}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            match = _FUNCTION.search(operation[_INTEGRATION]["uri"]["Fn::Sub"])
            if match is None:
                raise ValueError(f"{method} {path} has an integration that is no function of this stack")
            found[f"{method.upper()} {path}"] = match["logical_id"]
    return found


def _add_routes(aws: EmbeddedAws, api: str, wanted: Mapping[str, str]) -> None:
    """An OpenAPI body makes no routes there: make those that are missing, drop those that are no longer wanted."""
    client = aws.apigateway
    present = {route["RouteKey"]: route["RouteId"] for route in client.get_routes(ApiId=api)["Items"]}
    for key in present.keys() - wanted.keys():
        client.delete_route(ApiId=api, RouteId=present[key])
    for key in sorted(wanted.keys() - present.keys()):
        function = aws.functions.get_function_configuration(FunctionName=wanted[key])["FunctionArn"]
        integration = client.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
        )
        client.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration['IntegrationId']}")


def _allow_batches(aws: EmbeddedAws, role: str) -> None:
    """There SendMessageBatch needs an action of its own: whatever policy allows SendMessage gets it too."""
    client = aws.iam
    for name in client.list_role_policies(RoleName=role)["PolicyNames"]:
        document = cast("dict[str, Any]", client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        if with_batches(document):
            client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def with_batches(document: dict[str, Any]) -> bool:
    """Add SendMessageBatch beside each SendMessage in a policy; True if that changed anything."""
    changed = False
    for statement in document["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else list(statement["Action"])
        if _SEND in actions and _SEND_BATCH not in actions:
            statement["Action"] = [*actions, _SEND_BATCH]
            changed = True
    return changed
