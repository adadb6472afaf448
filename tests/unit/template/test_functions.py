from typing import Any

import pytest

from unit.template.document import PATH, Resources, of_type, text

FUNCTIONS = ("CallbackFunction", "RotationFunction")
SHARED = {
    "TOKENSYNC_STACK",
    "TOKENSYNC_PREFIX",
    "TOKENSYNC_TABLE",
    "TOKENSYNC_KEY_ARN",
    "TOKENSYNC_QUEUE_URL",
    "TOKENSYNC_ALERT_TOPIC_ARN",
    "TOKENSYNC_LOG_LEVEL",
    "TOKENSYNC_TRUSTED_HOSTS",
    "POWERTOOLS_METRICS_NAMESPACE",
}
OWN = {
    "CallbackFunction": {"POWERTOOLS_SERVICE_NAME", "TOKENSYNC_INVITE_KEY", "TOKENSYNC_PUBLIC_URL"},
    "RotationFunction": {
        "POWERTOOLS_SERVICE_NAME",
        "TOKENSYNC_CLAIM_SECONDS",
        "TOKENSYNC_DEAD_LETTER_QUEUE_URL",
    },
}


def test_there_are_exactly_two_functions(template: dict[str, Any]) -> None:
    """Nothing else runs."""
    assert tuple(of_type(template, "AWS::Serverless::Function")) == FUNCTIONS


def test_every_log_is_kept_for_30_days(template: dict[str, Any], resources: Resources) -> None:
    """Each function, and the API, has a log group of its own; no log is kept for ever."""
    own = {text(resources[name]["Properties"]["LoggingConfig"]["LogGroup"]) for name in FUNCTIONS}
    groups = of_type(template, "AWS::Logs::LogGroup")
    assert (len(own), groups.keys()) == (len(FUNCTIONS), own | {"ApiLogs"})
    assert {group["Properties"]["RetentionInDays"] for group in groups.values()} == {30}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_environment_holds_names_only(template: dict[str, Any], name: str) -> None:
    """A function's variables are exactly the declared ones; each is a name, an address or a number, never a secret."""
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    own = template["Resources"][name]["Properties"]["Environment"]["Variables"]
    assert shared.keys() == SHARED
    assert own.keys() == OWN[name]
    values = [str(value) for value in [*shared.values(), *own.values()]]
    assert [value for value in values if "resolve:" in value or "SecretString" in value] == []


def test_the_callbacks_environment_makes_no_circle(resources: Resources) -> None:
    """The API depends on the callback function, so the function must not name the API."""
    assert "Api" not in str(resources["CallbackFunction"]["Properties"]["Environment"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sam_leaves_the_functions_as_they_are(resources: Resources, name: str) -> None:
    """`sam build` needs no python3.13 for a function: its folder is its code, and the layer has the rest."""
    function = resources[name]
    assert function["Metadata"] == {"SkipBuild": True}
    assert (PATH.parent / function["Properties"]["CodeUri"] / "app.py").is_file()


def test_the_functions_share_runtime_and_handler(template: dict[str, Any]) -> None:
    """Both run python3.13 on the processor that a parameter names, and begin at app.handler."""
    shared = template["Globals"]["Function"]
    assert shared["Runtime"] == "python3.13"
    assert shared["Architectures"] == [{"Ref": "Architecture"}]
    assert shared["Handler"] == "app.handler"


def test_lambda_repeats_nothing(template: dict[str, Any]) -> None:
    """An asynchronous invocation is tried once."""
    assert template["Globals"]["Function"]["EventInvokeConfig"]["MaximumRetryAttempts"] == 0


def test_nothing_reserves_concurrency(resources: Resources) -> None:
    """Reserved concurrency would starve the tick."""
    assert [name for name in FUNCTIONS if "ReservedConcurrentExecutions" in resources[name]["Properties"]] == []


def test_the_layer_is_built_from_its_own_folder(resources: Resources) -> None:
    """One level higher and the layer would hold python/python."""
    layer = resources["CoreLayer"]
    assert layer["Metadata"] == {"BuildMethod": "makefile"}
    assert layer["Properties"]["ContentUri"] == "layers/core/"
    assert (PATH.parent / "layers/core/Makefile").is_file()


def test_the_refresh_queue_feeds_the_rotation_function(resources: Resources) -> None:
    """Batches of ten with partial failures, five at once."""
    refresh = resources["RotationFunction"]["Properties"]["Events"]["Refresh"]["Properties"]
    assert refresh["BatchSize"] == 10
    assert refresh["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert refresh["ScalingConfig"] == {"MaximumConcurrency": 5}


def test_the_clock_ticks_once_and_never_again(resources: Resources) -> None:
    """The schedule sends the declared input and leaves a failed tick to the next one."""
    clock = resources["Clock"]["Properties"]
    assert clock["ScheduleExpression"] == "rate(1 minute)"  # a refresh is planned so that three of its tries fit
    assert clock["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert clock["Target"]["Input"] == '{"source":"tokensync.schedule"}'
    assert clock["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 0
    assert text(clock["Target"]["RoleArn"]) == "ClockRole.Arn"
