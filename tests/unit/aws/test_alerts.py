from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fakes import RecordingLog
from tokensync.aws.alerts import SnsAlerts
from tokensync.domain.command_line import typed
from tokensync.domain.visible import Line

if TYPE_CHECKING:
    from botocore.stub import Stubber

    from tokensync.aws.clients import Clients

TOPIC = "arn:aws:sns:xx-none-1:000000000000:alerts"


@pytest.fixture
def log() -> RecordingLog:
    """Return the log that the adapter writes."""
    return RecordingLog()


@pytest.fixture
def alerts(clients: Clients, log: RecordingLog) -> SnsAlerts:
    """Return the adapter."""
    return SnsAlerts(clients.sns, TOPIC, stack="demo-stack", service="rotation", log=log)


def test_an_alert(sns: Stubber, alerts: SnsAlerts, log: RecordingLog, capsys: pytest.CaptureFixture[str]) -> None:
    """An alert is a message with the next command, a count that the alarm watches, and a line in the log."""
    sns.add_response(
        "publish",
        {"MessageId": "1"},
        {
            "TopicArn": TOPIC,
            "Subject": "demo-stack: app.paused tiktok-shop",
            "Message": "app.paused: tiktok-shop\n\ninvalid_client\n\nNext: tokensync app show tiktok-shop\n\n"
            "Stack: demo-stack\n",
        },
    )
    alerts.tell(
        "app.paused", "tiktok-shop", detail=Line("invalid_client"), next_command=typed("tokensync app show tiktok-shop")
    )
    (metric,) = map(json.loads, capsys.readouterr().out.splitlines())
    (declared,) = metric["_aws"]["CloudWatchMetrics"]
    assert ("tokensync", [["stack", "service"]], "Alert") == (
        declared["Namespace"],
        declared["Dimensions"],
        declared["Metrics"][0]["Name"],
    )
    assert (1.0, "rotation", "app.paused", "tiktok-shop") == (
        metric["Alert"][0],
        metric["service"],
        metric["kind"],
        metric["subject"],
    )
    assert ["alert.raised"] == log.events()


def test_a_topic_that_cannot_be_reached(
    sns: Stubber, alerts: SnsAlerts, log: RecordingLog, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the topic the count and the log still tell, and nothing is raised."""
    sns.add_client_error("publish", "AuthorizationErrorException")
    alerts.tell("app.paused", "a", detail=Line("d"), next_command=typed("n"))
    assert '"Alert":[1.0]' in capsys.readouterr().out
    assert ["alert.raised", "alert.not_sent"] == log.events()


def test_a_subject_that_sns_takes(sns: Stubber, alerts: SnsAlerts) -> None:
    """The subject is one line of fewer than 100 printable ASCII characters, whatever the account is called."""
    seen: list[str] = []
    event = "provide-client-params.sns.Publish"
    sns.client.meta.events.register(event, lambda params, **_: seen.append(params["Subject"]), unique_id="seen")
    sns.add_response("publish", {"MessageId": "1"})
    alerts.tell("answer.lost", "app/日本\r\nBcc: x@example.com" + "x" * 600, detail=Line("d"), next_command=typed("n"))
    sns.client.meta.events.unregister(event, unique_id="seen")
    assert seen[0].startswith("demo-stack: answer.lost app/??\\r\\nBcc: x@example.com")
    assert len(seen[0]) < 100


def test_a_link_reaches_the_subscribers_and_no_log(
    sns: Stubber, alerts: SnsAlerts, log: RecordingLog, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link opens something to whoever holds it: it stands in the message alone."""
    sns.add_response(
        "publish",
        {"MessageId": "1"},
        {
            "TopicArn": TOPIC,
            "Subject": "demo-stack: authorization.expiring shop/1",
            "Message": "authorization.expiring: shop/1\n\nsoon\n\nNext: tokensync invite shop --for shop/1\n\n"
            "https://connect.example/connect/shop?invite=CANARY\n\nStack: demo-stack\n",
        },
    )
    alerts.tell(
        "authorization.expiring",
        "shop/1",
        detail=Line("soon"),
        next_command=typed("tokensync invite shop --for shop/1"),
        link="https://connect.example/connect/shop?invite=CANARY",
    )
    assert "CANARY" not in repr(log.lines) + capsys.readouterr().out
