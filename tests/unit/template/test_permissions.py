from typing import Any

import pytest

from tokensync.entry.command_answers import OPERATORS_ALIAS
from unit.template import permissions
from unit.template.document import Resources, grants, listed, of_type, policies, statements, text


def granted(template: dict[str, Any]) -> set[tuple[str, str]]:
    """Return every action and resource of every role and every managed policy."""
    kinds = ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")
    return set[tuple[str, str]]().union(
        *(
            grants(found)
            for name, found in policies(template)
            if template["Resources"][name]["Type"] in kinds and "Principal" not in found["Statement"][0]
        )
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
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        assert text(function["Properties"]["Role"]).removesuffix(".Arn") in roles, name
        assert "Policies" not in function["Properties"], name
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


def test_the_key_is_used_for_one_app_at_a_time(resources: Resources) -> None:
    """On AWS whoever uses the key names the app in the encryption context, and nothing beside it.

    The embedded AWS does not know these keys. `tokensync.aws.kms` sends exactly this context.
    """
    for_one_app = {
        "Fn::If": [
            "OnAws",
            {
                "Null": {"kms:EncryptionContext:app": "false"},
                "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["app"]},
            },
            {"Ref": "AWS::NoValue"},
        ]
    }
    for statement in statements(resources["GrantKey"]["Properties"]["KeyPolicy"]):
        used = {"kms:Decrypt", "kms:GenerateDataKey"}.isdisjoint(listed(statement["Action"]))
        assert statement.get("Condition") == (None if used else for_one_app), statement["Sid"]


def test_root_has_no_cryptographic_use(resources: Resources) -> None:
    """No administrator can read a grant, nor let somebody read it by a KMS grant, without changing the key policy."""
    root = next(iter(statements(resources["GrantKey"]["Properties"]["KeyPolicy"])))
    forbidden = ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncrypt", "CreateGrant", "Sign", "*")
    assert [action for action in root["Action"] if action.removeprefix("kms:").startswith(forbidden)] == []


def test_kms_stands_in_the_key_policy_alone(template: dict[str, Any]) -> None:
    """Neither a role nor a managed policy holds a kms action."""
    assert {action for action, _ in granted(template) if action.startswith("kms:")} == set()


def test_every_statement_is_of_the_plain_kind(template: dict[str, Any]) -> None:
    """Nothing but these keys, so that NotAction, NotResource and NotPrincipal allow nothing unseen."""
    plain = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    for name, found in policies(template):
        assert found["Version"] == "2012-10-17", name
        for statement in statements(found):
            assert statement.keys() <= plain, name
            assert (statement["Effect"] == "Allow") != (statement.get("Sid") == "TlsAlone"), name


def test_no_action_that_is_allowed_is_a_wildcard(template: dict[str, Any]) -> None:
    """Every action of every policy has a whole name, those of trusts, keys, queues and topics too."""
    wild = {
        (name, action)
        for name, found in policies(template)
        for statement in statements(found)
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        if "*" in action or "?" in action
    }
    assert wild == set()


def test_no_resource_is_a_wildcard(template: dict[str, Any]) -> None:
    """EC2 knows no narrower resource for attaching to subnets; a star anywhere else ends a name that begins as ours."""
    wide = {(action, resource) for action, resource in granted(template) if "*" in resource}
    ours = {"secret:${AWS::StackName}/apps/*", "secret:${AWS::StackName}/tokens/*", "stack/${AWS::StackName}/*"}
    assert {resource for action, resource in wide if not action.startswith("ec2:")} == ours
    assert {pair for pair in wide if pair[0].startswith("ec2:")} == permissions.SUBNETS


def test_nobody_unnamed_is_allowed_anything(template: dict[str, Any]) -> None:
    """A statement that allows names its principal; a star stands in denials alone."""
    anybody = [
        name
        for name, found in policies(template)
        for statement in statements(found)
        if statement["Effect"] == "Allow" and "*" in str(statement.get("Principal", ""))
    ]
    assert anybody == []


def test_secrets_are_named_by_our_prefixes_alone(template: dict[str, Any]) -> None:
    """No policy reaches a secret outside `{prefix}/apps/`, `{prefix}/tokens/` and the invite key."""
    reached = {resource for action, resource in granted(template) if action.startswith("secretsmanager:")}
    assert reached == {"InviteKey.Id", "secret:${AWS::StackName}/apps/*", "secret:${AWS::StackName}/tokens/*"}


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("OperatorPolicy", {**permissions.OPERATOR, **permissions.OPERATOR_ON_BEHALF}),
        ("ConsumerPolicy", permissions.CONSUMER),
    ],
)
def test_a_managed_policy_gives_exactly_what_is_declared(
    resources: Resources, name: str, declared: dict[tuple[str, str], object]
) -> None:
    """Each action, on each resource, under each condition: what the command line and readers need, and nothing else."""
    given = [
        ((action, text(resource)), statement.get("Condition", {}))
        for statement in statements(resources[name]["Properties"]["PolicyDocument"])
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    assert dict(given) == declared
    assert len(given) == len(declared)


def test_there_are_two_managed_policies(template: dict[str, Any]) -> None:
    """One for people and one for workloads."""
    assert of_type(template, "AWS::IAM::ManagedPolicy").keys() == {"OperatorPolicy", "ConsumerPolicy"}


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
    # A schedule's own ARN is never the source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    condition = trusted["ClockRole"]["Condition"]["StringEquals"]
    assert (condition["aws:SourceAccount"], text(condition["aws:SourceArn"])) == (
        {"Ref": "AWS::AccountId"},
        "schedule-group/default",
    )


def test_plain_http_is_refused_on_aws(template: dict[str, Any], resources: Resources) -> None:
    """Table, queues and topic answer HTTP as well, and deny it there; everything on the embedded AWS is plain HTTP."""
    assert template["Conditions"]["OnAws"] == {"Fn::Equals": [{"Ref": "Pace"}, "production"]}
    over_http = {"Bool": {"aws:SecureTransport": "false"}}
    denied = {
        name: (statement["Action"], text(statement["Resource"]), statement["Principal"], statement["Condition"])
        for name, found in policies(template)
        for statement in statements(found)
        if statement["Effect"] == "Deny"
    }
    assert denied == {
        "Table": ("dynamodb:*", "*", "*", over_http),
        "QueuePolicy": ("sqs:*", "*", "*", over_http),
        "AlertTopicPolicy": ("sns:Publish", "AlertTopic", "*", over_http),
    }
    assert resources["QueuePolicy"]["Condition"] == "OnAws"
    assert {text(queue) for queue in resources["QueuePolicy"]["Properties"]["Queues"]} == of_type(
        template, "AWS::SQS::Queue"
    ).keys()
    assert resources["Table"]["Properties"]["ResourcePolicy"]["Fn::If"][0] == "OnAws"
    assert resources["AlertTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"][1]["Fn::If"][0] == "OnAws"


def test_alarms_of_this_stack_alone_publish_alerts(resources: Resources) -> None:
    """CloudWatch is a service of everybody's: account and alarm are asked for."""
    statement = next(iter(statements(resources["AlertTopicPolicy"]["Properties"]["PolicyDocument"])))
    assert (statement["Principal"], statement["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    condition = statement["Condition"]
    assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert text(condition["ArnLike"]["aws:SourceArn"]) == "alarm:${AWS::StackName}-*"


def test_every_role_takes_the_boundary(template: dict[str, Any]) -> None:
    """An organization that asks for a permissions boundary gets it on every role."""
    bound = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    roles = of_type(template, "AWS::IAM::Role")
    assert {name: role["Properties"].get("PermissionsBoundary") for name, role in roles.items()} == dict.fromkeys(
        roles, bound
    )


def test_commands_come_by_an_alias_of_their_own(template: dict[str, Any], resources: Resources) -> None:
    """It runs the code that is deployed; API Gateway, the queue and the clock invoke the functions themselves."""
    aliases = {
        text(alias["Properties"]["FunctionName"]): alias["Properties"]
        for alias in of_type(template, "AWS::Lambda::Alias").values()
    }
    assert aliases.keys() == of_type(template, "AWS::Serverless::Function").keys()
    assert {(alias["FunctionVersion"], alias["Name"]) for alias in aliases.values()} == {("$LATEST", OPERATORS_ALIAS)}
    assert text(resources["Clock"]["Properties"]["Target"]["Arn"]) == "RotationFunction.Arn"


def test_every_condition_key_is_one_that_is_checked_or_declared(template: dict[str, Any]) -> None:
    """What the embedded AWS does not put to the test is declared, so that nobody takes it for proved there."""
    used = {
        key
        for _, found in policies(template)
        for statement in statements(found)
        for operators in _either(statement.get("Condition", {}))
        for keys in operators.values()
        for key in keys
    }
    checked = {"aws:RequestTag/tokensync:stack", "aws:ResourceTag/tokensync:stack", "aws:TagKeys"}
    assert used == checked | permissions.UNCHECKED.keys()


def _either(condition: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operators of a condition, those under a condition of the template's included."""
    match condition:
        case {"Fn::If": [_, dict(then), _]}:
            return [then]
        case _:
            return [condition]
