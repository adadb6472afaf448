"""Reads template.yaml as CloudFormation does: short tags become their long form."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).parents[3] / "template.yaml"

# How the ARN of what is in this account and Region begins.
_OURS = re.compile(r"^arn:\$\{AWS::Partition\}:\w+:\$\{AWS::Region\}:\$\{AWS::AccountId\}:")

Resources = dict[str, dict[str, Any]]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags, and no others."""


def _construct(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct)


def read(path: Path = PATH) -> dict[str, Any]:
    """The template."""
    template: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe one
    return template


def of_type(template: Mapping[str, Any], kind: str) -> Resources:
    """The resources of one type, by logical id."""
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}


def text(value: Any) -> str:
    """An intrinsic function in one line: `Table.Arn`, `DeadLetterQueue`, `arn:…:secret:${AWS::StackName}/apps/*`."""
    match value:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [*parts]}:
            return ".".join(parts)
        case {"Fn::Sub": str(pattern)} | {"Fn::Sub": [str(pattern), *_]}:
            return _OURS.sub("", pattern)
    return str(value)


def statements(policies: Any) -> Iterator[dict[str, Any]]:
    """Every statement of a policy document, those under a condition included."""
    for statement in policies["Statement"]:
        match statement:
            case {"Fn::If": [_, dict(then), _]}:
                yield then
            case _:
                yield statement


def policies(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy document of the template, by the logical id of its resource: of roles, trusts, people, resources."""
    for name, resource in template["Resources"].items():
        yield from ((name, found) for found in _policies_in(resource.get("Properties", {})))


def _policies_in(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case {"Statement": _}:
            yield value
        case dict():
            for part in value.values():
                yield from _policies_in(part)
        case list():
            for part in value:
                yield from _policies_in(part)


def grants(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    """A policy document as pairs of action and resource."""
    return {
        (action, text(resource))
        for statement in statements(document)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def listed(value: Any) -> list[Any]:
    """IAM takes one value for a list of one."""
    return value if isinstance(value, list) else [value]
