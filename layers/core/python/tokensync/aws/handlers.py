"""The two functions as their handlers see them, and API Gateway's requests and responses (payload format 2.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from tokensync.aws.alerts import NAMESPACE
from tokensync.domain.runtime import Budget
from tokensync.entry.command_answers import OPERATORS_ALIAS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tokensync.aws.log import PowertoolsLog
    from tokensync.domain.runtime import Clock
    from tokensync.entry.callback_commands import CallbackCommands
    from tokensync.entry.pages import Page
    from tokensync.entry.queue import BatchRunner
    from tokensync.entry.rotation_commands import RotationCommands
    from tokensync.entry.seller_pages import SellerPages
    from tokensync.entry.tick import Ticker
    from tokensync.entry.webhooks import Webhooks

_UNQUALIFIED = 7  # parts of arn:partition:lambda:region:account:function:name; an alias or a version is one more

Handler: TypeAlias = "Callable[[dict[str, Any], LambdaContext], dict[str, Any]]"


class FunctionBroken(Exception):
    """An error that nobody foresaw. The log has its type and places; its text, which may hold anything, is nowhere."""


@dataclass(frozen=True)
class _Shared:
    """What both functions have in common."""

    log: PowertoolsLog
    clock: Clock

    def budget(self, context: LambdaContext) -> Budget:
        """Return the time that this invocation has left."""
        return Budget(self.clock, context.get_remaining_time_in_millis() / 1000)

    @staticmethod
    def is_command(context: LambdaContext) -> bool:
        """Return whether an operator invoked the function.

        An event may say anything of where it comes from. The ARN that was invoked is Lambda's own word, and IAM
        decides who may invoke which: https://docs.aws.amazon.com/lambda/latest/dg/using-aliases.html
        """
        return context.invoked_function_arn.split(":")[_UNQUALIFIED:] == [OPERATORS_ALIAS]

    def guarded(self, handler: Handler) -> Handler:
        """Keep the text of foreign errors out of Lambda's own log."""

        @wraps(handler)
        def guard(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            try:
                return handler(event, context)
            except Exception as error:  # noqa: BLE001 - its text may hold anything, so it goes no further
                self.log.failure("function.broken", error)
                raise FunctionBroken(type(error).__name__) from None

        return guard


@dataclass(frozen=True)
class Callback(_Shared):
    """The callback function: seller pages, webhooks and the commands about authorizations."""

    seller_pages: SellerPages
    webhooks: Webhooks
    commands: CallbackCommands
    public_url: str

    def base_url(self, event: Mapping[str, Any]) -> str:
        """Return the address that sellers and providers reach: the stack's own, or the request's domain."""
        return self.public_url or f"https://{event['requestContext']['domainName']}"


@dataclass(frozen=True)
class Rotation(_Shared):
    """The rotation function: the tick, the queue's batches and the commands about connections."""

    ticker: Ticker
    batches: BatchRunner
    commands: RotationCommands
    stack: str

    def measured(self, results: Mapping[str, int]) -> None:
        """Write how many of a batch ended how, as one CloudWatch metric for each result."""
        metrics = EphemeralMetrics(namespace=NAMESPACE, service="rotation")
        metrics.add_dimension(name="stack", value=self.stack)
        for result, count in results.items():
            metrics.add_metric(name=_metric_name(result), unit=MetricUnit.Count, value=count)
        if results:
            metrics.flush_metrics()


def _metric_name(result: str) -> str:
    return "".join(word.capitalize() for word in result.split("_"))


def cookies_of(event: Mapping[str, Any]) -> list[str]:
    """Return the request's cookies, each as `name=value`.

    AWS sends them in `cookies`; the embedded stack leaves them in the header.
    """
    cookies: list[str] = list(event.get("cookies") or ())
    header = (event.get("headers") or {}).get("cookie", "")
    return cookies or [part.strip() for part in header.split(";") if part.strip()]


def headers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the request's headers, names in lower case: AWS sends them so, the embedded stack as they came."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def raw_body(event: Mapping[str, Any]) -> bytes:
    """Return the request's body, byte for byte as it was sent: signatures are over these bytes.

    API Gateway encodes what it does not take for text. If a body claims to be encoded and is not, it becomes an empty
    one, for which no signature is valid.
    """
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return b""


def http_response(page: Page) -> dict[str, Any]:
    """Return a page as the HTTP API expects it."""
    return {"statusCode": page.status, "headers": page.all_headers(), "cookies": list(page.cookies), "body": page.body}
