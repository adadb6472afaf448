from typing import Any

import pytest

from unit.template import permissions
from unit.template.document import Resources, grants, listed, of_type, statements, text


@pytest.mark.parametrize("role", sorted(permissions.OWN))
def test_role_may_do_exactly_what_is_declared(resources: Resources, role: str) -> None:
    """A role's inline policies hold what its code calls and what AWS uses on its behalf, and nothing else."""
    actual = set[tuple[str, str]]().union(
        *(grants(policy["PolicyDocument"]) for policy in resources[role]["Properties"]["Policies"])
    )
    assert actual == permissions.OWN[role] | permissions.ON_BEHALF[role]


def test_every_role_is_declared(template: dict[str, Any]) -> None:
    """There is no role besides those whose permissions are declared, and none borrows a managed policy."""
    roles = of_type(template, "AWS::IAM::Role")
    assert roles.keys() == permissions.OWN.keys() == permissions.ON_BEHALF.keys()
    assert [name for name, role in roles.items() if "ManagedPolicyArns" in role["Properties"]] == []


@pytest.mark.parametrize("role", ["CallbackRole", "RotationRole"])
def test_conditions_narrow_the_grants_on_secrets(resources: Resources, role: str) -> None:
    """Creating asks for our tag, every change asks for it on the secret, and nothing else is under a condition."""
    actual = {
        (action, text(resource)): statement["Condition"]
        for policy in resources[role]["Properties"]["Policies"]
        for statement in statements(policy["PolicyDocument"])
        if "Condition" in statement
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    given = permissions.OWN[role] | permissions.ON_BEHALF[role]
    assert actual == {pair: condition for pair, condition in permissions.CONDITIONS.items() if pair in given}


def test_the_grant_keys_policy_is_exactly_as_declared(resources: Resources) -> None:
    """Callback seals, rotation seals and unseals, the account's root does everything but use the key."""
    actual = {
        text(statement["Principal"]["AWS"]): set(listed(statement["Action"]))
        for statement in statements(resources["GrantKey"]["Properties"]["KeyPolicy"])
    }
    assert actual == permissions.KEY


def test_root_has_no_cryptographic_use(resources: Resources) -> None:
    """No administrator can read a grant, nor let somebody read it by a KMS grant, without changing the key policy."""
    root = next(iter(statements(resources["GrantKey"]["Properties"]["KeyPolicy"])))
    forbidden = ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncrypt", "CreateGrant", "Sign", "*")
    assert [action for action in root["Action"] if action.removeprefix("kms:").startswith(forbidden)] == []


def test_kms_stands_in_the_key_policy_alone(template: dict[str, Any]) -> None:
    """Neither a role nor a managed policy holds a kms action."""
    documents = [
        policy["PolicyDocument"]
        for role in of_type(template, "AWS::IAM::Role").values()
        for policy in role["Properties"]["Policies"]
    ] + [policy["Properties"]["PolicyDocument"] for policy in of_type(template, "AWS::IAM::ManagedPolicy").values()]
    actions = {action for document in documents for action, _ in grants(document)}
    assert {action for action in actions if action.startswith("kms:")} == set()


def test_no_action_is_a_wildcard(template: dict[str, Any]) -> None:
    """Every action of every policy has a whole name."""
    documents = [
        policy["PolicyDocument"]
        for role in of_type(template, "AWS::IAM::Role").values()
        for policy in role["Properties"]["Policies"]
    ] + [policy["Properties"]["PolicyDocument"] for policy in of_type(template, "AWS::IAM::ManagedPolicy").values()]
    assert [action for document in documents for action, _ in grants(document) if "*" in action] == []


def test_secrets_are_named_by_our_prefixes_alone(template: dict[str, Any]) -> None:
    """No policy reaches a secret outside `{prefix}/apps/`, `{prefix}/tokens/` and the invite key."""
    documents = [
        policy["PolicyDocument"]
        for role in of_type(template, "AWS::IAM::Role").values()
        for policy in role["Properties"]["Policies"]
    ] + [policy["Properties"]["PolicyDocument"] for policy in of_type(template, "AWS::IAM::ManagedPolicy").values()]
    reached = {
        resource
        for document in documents
        for action, resource in grants(document)
        if action.startswith("secretsmanager:")
    }
    assert reached == {"InviteKey.Id", "secret:${Prefix}/apps/*", "secret:${Prefix}/tokens/*"}


def test_a_consumer_reads_tokens_and_nothing_else(resources: Resources) -> None:
    """The consumers' policy reads published secrets that carry our tag."""
    document = resources["ConsumerPolicy"]["Properties"]["PolicyDocument"]
    assert grants(document) == {
        ("secretsmanager:DescribeSecret", "secret:${Prefix}/tokens/*"),
        ("secretsmanager:GetSecretValue", "secret:${Prefix}/tokens/*"),
    }
    assert "aws:ResourceTag/tokensync:stack" in document["Statement"][0]["Condition"]["StringEquals"]


def test_each_service_takes_its_own_role(resources: Resources) -> None:
    """Lambda takes the functions' roles; the scheduler takes the clock's, for this account alone."""
    trusted = {
        name: resources[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0] for name in permissions.OWN
    }
    assert {name: statement["Principal"]["Service"] for name, statement in trusted.items()} == {
        "CallbackRole": "lambda.amazonaws.com",
        "RotationRole": "lambda.amazonaws.com",
        "ClockRole": "scheduler.amazonaws.com",
    }
    assert trusted["ClockRole"]["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_an_operator_removes_no_token(resources: Resources) -> None:
    """Removals go through the rotation function, which marks what it deletes: an operator reads tokens alone."""
    given = grants(resources["OperatorPolicy"]["Properties"]["PolicyDocument"])
    assert {action for action, resource in given if resource == "secret:${Prefix}/tokens/*"} == {
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
    }
