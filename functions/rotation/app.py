"""The schedule's tick finds and queues what is due; the queue's batches are refreshed and published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.aws.wiring import rotation
from tokensync.entry.command_answers import not_by_alias

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ROTATION = rotation()


@ROTATION.guarded
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one event: from EventBridge Scheduler, from SQS with partial batch responses, or a command by the alias."""
    budget = ROTATION.budget(context)
    if ROTATION.is_command(context):
        return ROTATION.commands.answer(event, budget)
    if "Records" in event:
        messages = {record["messageId"]: record["body"] for record in event["Records"]}
        report = ROTATION.batches.run(messages, budget)
        ROTATION.measured(report.results)
        return {"batchItemFailures": [{"itemIdentifier": message} for message in report.again]}
    if event.get("source") == "tokensync.schedule":
        ticked = ROTATION.ticker.tick(budget)
        return {"due": ticked.due, "queued": ticked.queued}
    return not_by_alias()
