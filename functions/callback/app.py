"""GET /connect/{app} · GET /connect/{app}/result · GET /callback/{app} · POST /webhooks/{app} · the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.aws.handlers import cookies_of, headers_of, http_response, raw_body
from tokensync.aws.wiring import callback
from tokensync.entry.command_answers import not_by_alias

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

CALLBACK = callback()


@CALLBACK.guarded
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway's HTTP API (payload 2.0), or one command by the operators' alias."""
    budget = CALLBACK.budget(context)
    if CALLBACK.is_command(context):
        return CALLBACK.commands.answer(event, budget)
    if "routeKey" not in event:
        return not_by_alias()
    name = event["pathParameters"]["app"]
    query = event.get("rawQueryString", "")
    cookies = cookies_of(event)
    base_url = CALLBACK.base_url(event)
    match event["routeKey"]:
        case "GET /connect/{app}":
            page = CALLBACK.seller_pages.connect(name, query, cookies, base_url=base_url)
        case "GET /connect/{app}/result":
            page = CALLBACK.seller_pages.result(name, cookies, base_url=base_url)
        case "POST /webhooks/{app}":
            page = CALLBACK.webhooks.receive(name, headers_of(event), raw_body(event), base_url=base_url)
        case _:
            page = CALLBACK.seller_pages.callback(name, query, cookies, budget, base_url=base_url)
    return http_response(page)
