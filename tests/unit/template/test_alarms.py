from typing import Any

import pytest

from tokensync.aws import alerts
from unit.template.document import Resources, of_type, read, text

# Metrics that AWS publishes by itself, with the dimension that each is kept under.
PUBLISHED_BY_AWS = {
    ("AWS/Lambda", "Errors"): ["FunctionName"],
    ("AWS/Lambda", "Throttles"): ["FunctionName"],
    ("AWS/Lambda", "Invocations"): ["FunctionName"],
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ["QueueName"],
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ["QueueName"],
    ("AWS/ApiGateway", "5xx"): ["ApiId"],
}
PUBLISHED_BY_US = {(alerts.NAMESPACE, alerts.METRIC): ["stack", "service"]}
ALARMS = sorted(of_type(read(), "AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_a_metric_that_exists(resources: Resources, name: str) -> None:
    """Its metric is one that AWS or our own code publishes, under that metric's own dimensions."""
    alarm = resources[name]["Properties"]
    published = PUBLISHED_BY_AWS | PUBLISHED_BY_US
    assert [dimension["Name"] for dimension in alarm["Dimensions"]] == published[
        alarm["Namespace"], alarm["MetricName"]
    ]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_somebody(resources: Resources, name: str) -> None:
    """Each alarm says what it means, goes to the alert topic, and says what missing data are."""
    alarm = resources[name]["Properties"]
    assert alarm["AlarmActions"] == [{"Ref": "AlertTopic"}]
    assert alarm["AlarmDescription"]
    assert alarm["TreatMissingData"] == ("breaching" if name == "ClockAlarm" else "notBreaching")


def test_both_functions_are_watched(resources: Resources) -> None:
    """Errors and throttles of each function, and the missing runs of the one that has a clock."""
    watched = {
        (text(resources[name]["Properties"]["Dimensions"][0]["Value"]), resources[name]["Properties"]["MetricName"])
        for name in ALARMS
        if resources[name]["Properties"]["Namespace"] == "AWS/Lambda"
    }
    assert watched == {
        ("CallbackFunction", "Errors"),
        ("CallbackFunction", "Throttles"),
        ("RotationFunction", "Errors"),
        ("RotationFunction", "Throttles"),
        ("RotationFunction", "Invocations"),
    }


def test_our_alerts_are_watched_under_the_functions_own_names(template: dict[str, Any]) -> None:
    """Their second dimension is what a function calls itself; the namespace is what it is told."""
    services = {
        function["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function in of_type(template, "AWS::Serverless::Function").values()
    }
    watched = {
        alarm["Properties"]["Dimensions"][1]["Value"]
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == alerts.METRIC
    }
    told = template["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
    assert watched == services
    assert told == alerts.NAMESPACE
