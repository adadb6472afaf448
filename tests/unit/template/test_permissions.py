from typing import Any

import pytest

from unit.template import permissions
from unit.template.document import Resources, grants, listed, of_type, statements, text


def granted(template: dict[str, Any]) -> set[tuple[str, str]]:
    """Return every action and resource of every role and every managed policy."""
    return set[tuple[str, str]]().union(
        *(
            grants(policy["PolicyDocument"])
            for role in of_type(template, "AWS::IAM::Role").values()
            for policy in role["Properties"]["Policies"]
        ),
        *(
            grants(policy["Properties"]["PolicyDocument"])
            for policy in of_type(template, "AWS::IAM::ManagedPolicy").values()
        ),
    )


@pytest.mark.parametrize("role", sorted(permissions.OWN))
def test_role_may_do_exactly_what_is_declared(resources: Resources, role: str) -> None:
    """A role's inline policies hold what its code calls and what AWS uses on its behalf, and nothing else."""
    actual = set[tuple[str, str]]().union(
        *(grants(policy["PolicyDocument"]) for policy in resources[role]["Properties"]["Policies"])
    )
    assert actual == permissions.OWN[role] | permissions.ON_BEHALF[role]


def test_every_role_is_declared(template: dict[str, Any]) -> None:
    """There is no role besides those whose permissions are declared, and none has a policy from elsewhere."""
    roles = of_type(template, "AWS::IAM::Role")
    assert roles.keys() == permissions.OWN.keys() == permissions.ON_BEHALF.keys()
    assert [name for name, role in roles.items() if "ManagedPolicyArns" in role["Properties"]] == []
    assert of_type(template, "AWS::IAM::Policy") | of_type(template, "AWS::IAM::RolePolicy") == {}
    assert [
        name
        for name, policy in of_type(template, "AWS::IAM::ManagedPolicy").items()
        if not policy["Properties"].keys() <= {"Description", "PolicyDocument"}
    ] == []


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
    assert {action for action, _ in granted(template) if action.startswith("kms:")} == set()


def test_no_action_is_a_wildcard(template: dict[str, Any]) -> None:
    """Every action of every policy has a whole name."""
    assert {action for action, _ in granted(template) if "*" in action} == set()


def test_secrets_are_named_by_our_prefixes_alone(template: dict[str, Any]) -> None:
    """No policy reaches a secret outside `{prefix}/apps/`, `{prefix}/tokens/` and the invite key."""
    reached = {resource for action, resource in granted(template) if action.startswith("secretsmanager:")}
    assert reached == {"InviteKey.Id", "secret:${AWS::StackName}/apps/*", "secret:${AWS::StackName}/tokens/*"}


def test_a_consumer_reads_tokens_and_nothing_else(resources: Resources) -> None:
    """The consumers' policy reads published secrets that carry our tag."""
    document = resources["ConsumerPolicy"]["Properties"]["PolicyDocument"]
    assert grants(document) == {
        ("secretsmanager:DescribeSecret", "secret:${AWS::StackName}/tokens/*"),
        ("secretsmanager:GetSecretValue", "secret:${AWS::StackName}/tokens/*"),
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
    assert {action for action, resource in given if resource == "secret:${AWS::StackName}/tokens/*"} == {
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
    }


def test_an_operator_renews_the_invite_key_and_no_other_secret_but_apps(resources: Resources) -> None:
    """`invites revoke --all` writes the key that signs invites; beside it an operator writes apps alone."""
    given = grants(resources["OperatorPolicy"]["Properties"]["PolicyDocument"])
    assert {action for action, resource in given if resource == "InviteKey.Id"} == {
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
    }
    assert {resource for action, resource in given if action == "secretsmanager:PutSecretValue"} == {
        "InviteKey.Id",
        "secret:${AWS::StackName}/apps/*",
    }
