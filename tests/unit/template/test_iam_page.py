"""docs/iam.md says of the template's permissions the whole truth."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from unit.template import permissions
from unit.template.document import PATH, listed, policies, statements, text

PAGE = (PATH.parent / "docs" / "iam.md").read_text(encoding="utf-8")
HEADING = "| who | may | on | under | why |"
ACTION = re.compile(r"`([a-z0-9]+:[A-Za-z*]+)`")

# The page's words for the template's.
WHO = {
    "CallbackRole": "callback function",
    "RotationRole": "rotation function",
    "ClockRole": "schedule",
    "OperatorPolicy": "operator",
    "ConsumerPolicy": "workload",
    "CallbackRole.Arn": "callback function",
    "RotationRole.Arn": "rotation function",
    "RevealPrincipalArn": "`RevealPrincipalArn`",
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:root": "the account",
    "*": "nobody",
}
ON = {
    "Table.Arn": "table",
    "${Table.Arn}/index/due": "index `due`",
    "InviteKey.Id": "invite key",
    "secret:${AWS::StackName}/apps/*": "secrets of apps",
    "secret:${AWS::StackName}/tokens/*": "secrets of tokens",
    "RefreshQueue.Arn": "refresh queue",
    "DeadLetterQueue.Arn": "dead-letter queue",
    "AlertTopic": "alert topic",
    "CallbackLogs.Arn": "its log group",
    "RotationLogs.Arn": "its log group",
    "RotationFunction.Arn": "rotation function",
    "CallbackCommands": "alias `operator` of both functions",
    "RotationCommands": "alias `operator` of both functions",
    "stack/${AWS::StackName}/*": "this stack",
    "*": "anything",
}
# A policy on a resource calls that resource `*`; one of trust names none.
ITSELF = {
    "Table": "table",
    "QueuePolicy": "both queues",
    "GrantKey": "grant key",
    "CallbackRole": "role of the callback function",
    "RotationRole": "role of the rotation function",
    "ClockRole": "role of the schedule",
}

Row = tuple[str, str, str, frozenset[str]]


def granted(template: dict[str, Any]) -> Iterator[Row]:
    """Yield who may do what, on what and under which condition keys, in the page's words."""
    for name, found in policies(template):
        for statement in statements(found):
            for action in listed(statement["Action"]):
                for resource in listed(statement.get("Resource", "*")):
                    on = ITSELF.get(name, "") if "Principal" in statement else ""
                    yield _who(name, statement), action, on or ON[text(resource)], frozenset(_keys(statement))


def _who(name: str, statement: dict[str, Any]) -> str:
    match statement.get("Principal"):
        case None:
            return WHO[name]
        case {"Service": str(service)}:
            return f"`{service}`"
        case {"AWS": principal}:
            return WHO[text(principal)]
        case principal:
            return WHO[principal]


def _keys(statement: dict[str, Any]) -> Iterator[str]:
    condition = statement.get("Condition", {})
    for operators in condition.get("Fn::If", [None, condition])[1].values():
        yield from operators


def told() -> Iterator[Row]:
    """Yield the rows of the page's table, one for each action."""
    for line in PAGE.partition(HEADING)[2].splitlines()[2:]:
        if not line.startswith("|"):
            return
        who, may, on, under, why = (cell.strip() for cell in line.strip("|").split("|"))
        assert why, line
        for action in ACTION.findall(may):
            yield who, action, on, frozenset(re.findall(r"`([^`]+)`", under))


def test_the_table_is_the_templates(template: dict[str, Any]) -> None:
    """Each permission has its row, each row its permission, and nothing is told twice."""
    rows = list(told())
    assert set(rows) == set(granted(template))
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("key", sorted(permissions.UNCHECKED))
def test_what_only_aws_enforces_is_named(key: str) -> None:
    """A reviewer reads which conditions no test has put to the test."""
    section = PAGE.partition("## Not put to the test")[2].partition("\n## ")[0]
    assert f"`{key}`" in section
