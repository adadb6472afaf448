import re
from typing import Any

import pytest

from tokensync.aws import alerts
from unit.template.document import Resources, of_type, read, text

# What each alarm watches: namespace, metric, whose.
WATCHED = {
    "DeadLetterAlarm": {("AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeadLetterQueue.QueueName")},
    "QueueAgeAlarm": {("AWS/SQS", "ApproximateAgeOfOldestMessage", "RefreshQueue.QueueName")},
    "ScheduleStoppedAlarm": {("AWS/Lambda", "Invocations", "RotationFunction")},
    "SellersSeeErrorsAlarm": {
        ("AWS/Lambda", "Errors", "CallbackFunction"),
        ("AWS/Lambda", "Throttles", "CallbackFunction"),
        ("AWS/ApiGateway", "5xx", "Api"),
    },
    "RefreshFailingAlarm": {
        ("AWS/Lambda", "Errors", "RotationFunction"),
        ("AWS/Lambda", "Throttles", "RotationFunction"),
    },
    "AlertRaisedAlarm": {
        (alerts.NAMESPACE, alerts.METRIC, "AWS::StackName callback"),
        (alerts.NAMESPACE, alerts.METRIC, "AWS::StackName rotation"),
    },
}
# The dimensions that AWS, and our own code, publish these metrics under.
DIMENSIONS = {
    "AWS/Lambda": ["FunctionName"],
    "AWS/SQS": ["QueueName"],
    "AWS/ApiGateway": ["ApiId"],
    alerts.NAMESPACE: ["stack", "service"],
}
ALARMS = of_type(read(), "AWS::CloudWatch::Alarm")
OF_SEVERAL = sorted(name for name, alarm in ALARMS.items() if "Metrics" in alarm["Properties"])


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics that an alarm watches."""
    queries = alarm["Properties"].get("Metrics", [])
    return [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query] or [alarm["Properties"]]


def watched(alarm: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Return namespace, name and owner of each metric that an alarm watches."""
    return {
        (metric["Namespace"], metric["MetricName"], " ".join(text(one["Value"]) for one in metric["Dimensions"]))
        for metric in metrics(alarm)
    }


def test_the_alarms_and_what_each_watches() -> None:
    """Six alarms watch exactly the declared metrics."""
    assert {name: watched(alarm) for name, alarm in ALARMS.items()} == WATCHED


@pytest.mark.parametrize("name", WATCHED)
def test_a_metric_is_watched_under_its_own_dimensions(resources: Resources, name: str) -> None:
    """A metric under other dimensions is another metric, which nobody publishes: its alarm would stay green."""
    for metric in metrics(resources[name]):
        assert [dimension["Name"] for dimension in metric["Dimensions"]] == DIMENSIONS[metric["Namespace"]]


@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_speaks_to_somebody(resources: Resources, name: str) -> None:
    """Each alarm says what it means, goes to the alert topic, and says what missing data are."""
    alarm = resources[name]["Properties"]
    assert alarm["AlarmActions"] == [{"Ref": "AlertTopic"}]
    assert alarm["AlarmDescription"]
    assert alarm["TreatMissingData"] == ("breaching" if name == "ScheduleStoppedAlarm" else "notBreaching")


@pytest.mark.parametrize("name", OF_SEVERAL)
def test_a_sum_of_several_metrics_is_one_that_cloudwatch_takes(resources: Resources, name: str) -> None:
    """One expression returns data, every id is one, every period is the same; it waits for numbers that come late."""
    alarm = resources[name]["Properties"]
    together, *others = alarm["Metrics"]
    assert (together["Expression"], together["ReturnData"]) == ("SUM(METRICS())", True)
    assert [query["Id"] for query in others if query["ReturnData"] is not False] == []
    assert [query["Id"] for query in alarm["Metrics"] if not re.fullmatch(r"[a-z]\w*", query["Id"])] == []
    assert len({query["Id"] for query in alarm["Metrics"]}) == len(alarm["Metrics"])
    assert {(query["MetricStat"]["Period"], query["MetricStat"]["Stat"]) for query in others} == {(60, "Sum")}
    assert (alarm["DatapointsToAlarm"], alarm["Threshold"]) == (1, 0)


def test_production_has_every_alarm(template: dict[str, Any]) -> None:
    """Only the embedded AWS, which refuses a sum of several metrics, goes without those."""
    assert sorted(name for name, alarm in ALARMS.items() if "Condition" in alarm) == OF_SEVERAL
    assert {ALARMS[name]["Condition"] for name in OF_SEVERAL} == {"HasMetricMath"}
    assert template["Conditions"]["HasMetricMath"] == {"Fn::Equals": [{"Ref": "Pace"}, "production"]}


def test_a_stopped_schedule_is_noticed_within_15_minutes(resources: Resources) -> None:
    """Hardly a run in ten minutes, and some that CloudWatch looks further back where datapoints are missing."""
    alarm = resources["ScheduleStoppedAlarm"]["Properties"]
    assert alarm["Period"] * (alarm["EvaluationPeriods"] + 5) <= 15 * 60
    assert alarm["EvaluationPeriods"] - alarm["DatapointsToAlarm"] == 2
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)


def test_our_alerts_are_counted_under_the_functions_own_names(template: dict[str, Any]) -> None:
    """Their second dimension is what a function calls itself; the namespace is what it is given."""
    services = {
        function["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function in of_type(template, "AWS::Serverless::Function").values()
    }
    given = template["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
    assert {metric["Dimensions"][1]["Value"] for metric in metrics(ALARMS["AlertRaisedAlarm"])} == services
    assert given == alerts.NAMESPACE
