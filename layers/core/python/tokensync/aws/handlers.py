"""The two functions as their handlers see them: what an invocation has left, what is done, what is measured.

API Gateway's HTTP API, payload format 2.0, both ways.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from tokensync.aws.alerts import NAMESPACE
from tokensync.domain.runtime import Budget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.aws.log import PowertoolsLog
    from tokensync.domain.runtime import Clock
    from tokensync.entry.callback_commands import CallbackCommands
    from tokensync.entry.pages import Page
    from tokensync.entry.queue import BatchRunner
    from tokensync.entry.rotation_commands import RotationCommands
    from tokensync.entry.seller_pages import SellerPages
    from tokensync.entry.tick import Ticker
    from tokensync.entry.webhooks import Webhooks


Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class FunctionBroken(Exception):
    """An error nobody foresaw. Its type and places are in the log; its text, which may hold anything, is nowhere."""


@dataclass(frozen=True)
class _Shared:
    """What both functions have in common."""

    log: PowertoolsLog
    clock: Clock

    def budget(self, context: Any) -> Budget:
        """Return what is left of this invocation's life."""
        return Budget(self.clock, context.get_remaining_time_in_millis() / 1000)

    def guarded(self, handler: Handler) -> Handler:
        """Let no foreign error's text reach Lambda's own log."""

        @wraps(handler)
        def guard(event: dict[str, Any], context: Any) -> dict[str, Any]:
            try:
                return handler(event, context)
            except Exception as error:  # noqa: BLE001 - its text may hold anything, so it goes no further
                self.log.failure("function.broken", error)
                raise FunctionBroken(type(error).__name__) from None

        return guard


@dataclass(frozen=True)
class Callback(_Shared):
    """The callback function."""

    seller_pages: SellerPages
    webhooks: Webhooks
    commands: CallbackCommands
    public_url: str

    def base_url(self, event: Mapping[str, Any]) -> str:
        """Return the address that sellers and providers reach: the stack's own, or the request's domain."""
        return self.public_url or f"https://{event['requestContext']['domainName']}"


@dataclass(frozen=True)
class Rotation(_Shared):
    """The rotation function."""

    ticker: Ticker
    batches: BatchRunner
    commands: RotationCommands
    stack: str

    def measured(self, results: Mapping[str, int]) -> None:
        """Write how a batch ended as CloudWatch metrics, one for each result."""
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

    API Gateway encodes what it does not take for text. What claims to be encoded and is not, becomes an empty body,
    which no signature holds for.
    """
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return b""


def http_answer(page: Page) -> dict[str, Any]:
    """Return a page as the HTTP API takes it."""
    return {
        "statusCode": page.status,
        "headers": page.all_headers(),
        "cookies": list(page.cookies),
        "body": page.body,
    }
