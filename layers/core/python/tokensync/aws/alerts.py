"""Alerts in SNS and CloudWatch, see `tokensync.domain.runtime.Alerts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from tokensync.aws.clients import FOREIGN, code_of
from tokensync.domain.visible import Line, visible

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from tokensync.domain.command_line import Next
    from tokensync.domain.runtime import Log

NAMESPACE = "tokensync"
METRIC = "Alert"
_SUBJECT_CHARACTERS = 99  # SNS: fewer than 100 ASCII characters, without line breaks


class SnsAlerts:
    """Sends each alert as a message to the subscribers and as a metric that an alarm watches.

    The metric is written even if the topic cannot be reached.
    """

    def __init__(self, client: SNSClient, topic_arn: str, *, stack: str, service: str, log: Log) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._stack = stack
        self._service = service
        self._log = log

    def tell(self, kind: str, subject: str, *, detail: Line, next_command: Next, link: str = "") -> None:
        # The embedded metric format: a line on standard output that CloudWatch Logs turns into a metric.
        with single_metric(
            name=METRIC,
            unit=MetricUnit.Count,
            value=1,
            namespace=NAMESPACE,
            default_dimensions={"stack": self._stack, "service": self._service},
        ) as metric:
            metric.add_metadata("kind", kind)
            metric.add_metadata("subject", subject)
        said, following = str(detail), str(next_command)
        self._log.warning("alert.raised", kind=kind, subject=subject, detail=said, next_command=following)
        title = Line("{kind}: {subject}", kind=kind, subject=subject)
        parts = (title, detail, Line("Next: {command}", command=next_command), visible(link))
        message = "\n\n".join(filter(None, map(str, parts)))
        try:
            self._client.publish(
                TopicArn=self._topic_arn,
                Subject=_subject(Line("{stack}: {kind} {subject}", stack=self._stack, kind=kind, subject=subject)),
                Message=f"{message}\n\nStack: {self._stack}\n",
            )
        except FOREIGN as error:
            self._log.warning("alert.not_sent", kind=kind, subject=subject, code=code_of(error))


def _subject(line: Line) -> str:
    """Return a line that SNS takes as the subject of an e-mail."""
    printable = "".join(character if character.isascii() else "?" for character in str(line))
    return printable[:_SUBJECT_CHARACTERS].rstrip()
