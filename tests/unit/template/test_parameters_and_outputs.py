import re
from typing import Any

import pytest

from tokensync.domain.runtime import Limits
from unit.template.document import PATH, Resources

OUTPUTS = {
    "ConnectUrl",
    "CallbackUrl",
    "WebhookUrl",
    "TableName",
    "QueueUrl",
    "DeadLetterQueueUrl",
    "SecretPrefix",
    "KeyArn",
    "AlertTopicArn",
    "CallbackFunctionName",
    "RotationFunctionName",
    "ApiId",
    "OperatorPolicyArn",
    "ConsumerPolicyArn",
    "InviteKeyName",
}


def test_the_outputs_are_those_that_the_command_line_reads(template: dict[str, Any]) -> None:
    """Each has a description."""
    assert template["Outputs"].keys() == OUTPUTS
    assert [name for name, output in template["Outputs"].items() if not output["Description"]] == []


def test_the_template_reads_like_a_page() -> None:
    """It has 775 lines at most."""
    assert len(PATH.read_text(encoding="utf-8").splitlines()) <= 775


def test_every_parameter_explains_itself(template: dict[str, Any]) -> None:
    """A guided deployment asks ten questions at most; each has a default, a description, and a pattern or a list."""
    assert len(template["Parameters"]) <= 10
    bounds = ({"AllowedPattern", "ConstraintDescription"}, {"AllowedValues"})
    for name, parameter in template["Parameters"].items():
        assert {"Default", "Description"} <= parameter.keys(), name
        assert any(bound <= parameter.keys() for bound in bounds), name


def test_every_parameter_stands_in_one_group(template: dict[str, Any]) -> None:
    """The AWS console shows each parameter under a heading."""
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template["Parameters"])


def test_every_default_is_allowed(template: dict[str, Any]) -> None:
    """A stack with no parameters set can be deployed."""
    for name, parameter in template["Parameters"].items():
        default = parameter["Default"]
        if "AllowedPattern" in parameter:
            assert re.fullmatch(parameter["AllowedPattern"], default), name
        else:
            assert default in parameter["AllowedValues"], name


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "PublicUrl",
            ["https://connect.example.com", "http://localhost:8400"],
            [
                "https://example.com/",
                "https://example.com/tokens",
                "http://example.com",
                "https://example.com?x=1",
                "example.com",
                "https://a b",
            ],
        ),
        ("AlertEmail", ["ops@example.com"], ["ops", "@example.com", "a@b@c"]),
        (
            "RevealPrincipalArn",
            ["arn:aws:iam::123456789012:role/ops", "arn:aws-cn:iam::123456789012:user/path/jo"],
            ["*", "arn:aws:iam::123456789012:root", "123456789012", "arn:aws:iam::123456789012:role/*"],
        ),
        (
            "TrustedHosts",
            ["id.example.com", "id.example.com:8443,.example.com", "localhost:8401"],
            ["https://id.example.com", "ID.example.com", "*.example.com", "a.example,", "a.example b.example", "a/b"],
        ),
        (
            "PermissionsBoundaryArn",
            ["arn:aws:iam::123456789012:policy/bounds/ours", "arn:aws:iam::aws:policy/PowerUserAccess"],
            ["*", "ours", "arn:aws:iam::123456789012:role/ours", "arn:aws:iam::123456789012:policy/*"],
        ),
        ("SubnetIds", ["subnet-0a1b", "subnet-0a,subnet-1b"], ["subnet-0a, subnet-1b", "vpc-0a", ","]),
        ("SecurityGroupIds", ["sg-0a1b", "sg-0a,sg-1b"], ["sg-0a, sg-1b", "subnet-0a"]),
    ],
)
def test_a_pattern_takes_the_good_and_refuses_the_bad(
    template: dict[str, Any], parameter: str, good: list[str], bad: list[str]
) -> None:
    """A mistake is found before anything is deployed."""
    pattern = re.compile(template["Parameters"][parameter]["AllowedPattern"])
    assert [value for value in good if not pattern.fullmatch(value)] == []
    assert [value for value in bad if pattern.fullmatch(value)] == []


@pytest.mark.parametrize(("pace", "tries"), [("production", 6), ("embedded", 2)])
def test_the_numbers_of_a_pace_fit_each_other(template: dict[str, Any], pace: str, tries: int) -> None:
    """Every life passes its own gate, its lease ends before its message comes again, and that before the next claim."""
    assert template["Parameters"]["Pace"]["AllowedValues"] == [*template["Mappings"]["Paces"]]
    limits = Limits()
    numbers = {name: int(text) for name, text in template["Mappings"]["Paces"][pace].items()}
    assert numbers["RotationTimeout"] > limits.presentation
    assert numbers["RotationTimeout"] + limits.lease_margin < numbers["QueueVisibility"] <= numbers["Claim"]
    assert numbers["QueueVisibility"] >= tries * numbers["RotationTimeout"]  # AWS advises six times


def test_the_numbers_of_a_pace_are_used(resources: Resources) -> None:
    """The rotation function's timeout and claim and the queue's visibility come from the same row."""
    rotation, queue = resources["RotationFunction"]["Properties"], resources["RefreshQueue"]["Properties"]
    used = {
        "RotationTimeout": rotation["Timeout"],
        "QueueVisibility": queue["VisibilityTimeout"],
        "Claim": rotation["Environment"]["Variables"]["TOKENSYNC_CLAIM_SECONDS"],
    }
    assert used == {name: {"Fn::FindInMap": ["Paces", {"Ref": "Pace"}, name]} for name in used}


def test_the_callback_function_ends_before_the_api_gives_up(resources: Resources) -> None:
    """API Gateway waits for 30 seconds; a function that lives no longer than its gate asks for presents nothing."""
    limits = Limits()
    assert limits.presentation < resources["CallbackFunction"]["Properties"]["Timeout"] < 30


def test_the_prefix_of_every_secret_is_the_stacks_name(template: dict[str, Any]) -> None:
    """Code, output and the invite key's name agree; nobody can choose another one and lose what is published."""
    name = {"Ref": "AWS::StackName"}
    assert template["Globals"]["Function"]["Environment"]["Variables"]["TOKENSYNC_PREFIX"] == name
    assert template["Outputs"]["SecretPrefix"]["Value"] == name
    callback = template["Resources"]["CallbackFunction"]["Properties"]["Environment"]["Variables"]
    assert {
        value["Fn::Sub"]
        for value in (
            callback["TOKENSYNC_INVITE_KEY"],
            template["Resources"]["InviteKey"]["Properties"]["Name"],
            template["Outputs"]["InviteKeyName"]["Value"],
        )
    } == {"${AWS::StackName}/invite-key"}
