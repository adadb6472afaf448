"""The AWS CLI as far as the documentation needs it, made as the real one is: from botocore's description of each API.

`aws SERVICE OPERATION --option value …` calls the operation at AWS_ENDPOINT_URL and prints what --query chooses.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore import xform_name
from botocore.exceptions import ClientError, WaiterError

REFUSED = 254  # the real one's exit code for an error that AWS answers


def main(service: str, operation: str, *words: str) -> int:
    """Run one command; return its exit code."""
    client = boto3.client(service)  # type: ignore[call-overload]  # by name
    waits = operation == "wait"
    if waits:
        operation, *rest = words
        waiter = client.get_waiter(operation.replace("-", "_"))
        method = xform_name(waiter.config.operation)
    else:
        rest, method = list(words), operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    options = given(rest)
    query, output = options.pop("query", None), options.pop("output", "json")
    arguments = dict(argument(name, value, shape) for name, value in options.items())
    try:
        if waits:
            waiter.wait(**arguments, WaiterConfig={"Delay": 1})
            return 0
        if client.can_paginate(method):
            told = client.get_paginator(method).paginate(**arguments).build_full_result()
        else:
            told = getattr(client, method)(**arguments)
    except (ClientError, WaiterError) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    told.pop("ResponseMetadata", None)
    chosen = told if query is None else jmespath.search(query, told)
    printed = text(chosen) if output == "text" else json.dumps(chosen, indent=4, default=str)
    sys.stdout.write(f"{printed}\n")
    return 0


def given(words: list[str]) -> dict[str, str | None]:
    """Return the options, None for one without a value."""
    options: dict[str, str | None] = {}
    for word, after in zip(words, [*words[1:], "--"], strict=True):
        if word.startswith("--"):
            options[word.removeprefix("--")] = None if after.startswith("--") else after
    return options


def argument(name: str, value: str | None, shape: Any) -> tuple[str, Any]:
    """Return a parameter of an operation and its value, from an option and its text.

    Raises:
        KeyError: the operation has no such parameter.
    """
    members = {xform_name(member, "-"): member for member in shape.members}
    if value is None:
        member = members.get(name)
        return (member, True) if member else (members[name.removeprefix("no-")], False)
    if value.startswith("file://"):
        value = Path(value.removeprefix("file://")).read_text()
    return members[name], typed(value, shape.members[members[name]])


def typed(value: str, shape: Any) -> Any:
    """Return a value of the type that a shape has."""
    match shape.type_name:
        case "integer" | "long":
            return int(value)
        case "boolean":
            return value == "true"
        case "structure":
            pairs = (pair.split("=", 1) for pair in value.split(","))
            return {name: typed(inner, shape.members[name]) for name, inner in pairs}
        case "list":
            return [typed(value, shape.member)]
    return value


def text(value: Any) -> str:
    """Return a value as `--output text` prints it."""
    return "\t".join(map(str, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
