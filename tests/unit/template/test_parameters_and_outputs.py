import re
from typing import Any

import pytest

from tokensync.domain.runtime import Limits

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


def test_every_parameter_explains_itself(template: dict[str, Any]) -> None:
    """Each parameter has a default, a description, and a bound: a pattern, a list or a range."""
    bounds = ({"AllowedPattern", "ConstraintDescription"}, {"AllowedValues"}, {"MinValue", "MaxValue"})
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
        elif "AllowedValues" in parameter:
            assert default in parameter["AllowedValues"], name
        else:
            assert parameter["MinValue"] <= default <= parameter["MaxValue"], name


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
        ("SecretPrefix", ["tokensync", "team/tokensync", "a"], ["/a", "a/", "a b", "-a", "a" * 49, "a*"]),
        (
            "RevealPrincipalArn",
            ["arn:aws:iam::123456789012:role/ops", "arn:aws-cn:iam::123456789012:user/path/jo"],
            ["*", "arn:aws:iam::123456789012:root", "123456789012", "arn:aws:iam::123456789012:role/*"],
        ),
        ("SubnetIds", ["subnet-0a1b", "subnet-0a,subnet-1b"], ["subnet-0a, subnet-1b", "vpc-0a", ","]),
        ("SecurityGroupIds", ["sg-0a1b", "sg-0a,sg-1b"], ["sg-0a, sg-1b", "subnet-0a"]),
        (
            "ScheduleExpression",
            ["rate(1 minute)", "rate(2 minutes)"],
            ["rate(1 minutes)", "rate(0 minutes)", "rate(3 minutes)", "rate(60 minutes)", "cron(* * * * ? *)"],
        ),
    ],
)
def test_a_pattern_takes_the_good_and_refuses_the_bad(
    template: dict[str, Any], parameter: str, good: list[str], bad: list[str]
) -> None:
    """A mistake is found before anything is deployed."""
    pattern = re.compile(template["Parameters"][parameter]["AllowedPattern"])
    assert [value for value in good if not pattern.fullmatch(value)] == []
    assert [value for value in bad if pattern.fullmatch(value)] == []


@pytest.mark.parametrize("parameter", ["CallbackTimeoutSeconds", "RotationTimeoutSeconds"])
def test_every_allowed_life_of_a_function_passes_its_own_gate(template: dict[str, Any], parameter: str) -> None:
    """A function that may live no longer than the gate asks for would never present anything."""
    limits = Limits()
    assert template["Parameters"][parameter]["MinValue"] > limits.provider + limits.storing
