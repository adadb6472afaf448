import json

from unit.template.document import Resources, text

USUAL_CONCURRENCY = 1000  # executions at once that an account has for all its functions in a Region

EVENTS = {
    "Connect": ("GET", "/connect/{app}"),
    "Result": ("GET", "/connect/{app}/result"),
    "Callback": ("GET", "/callback/{app}"),
    "Webhook": ("POST", "/webhooks/{app}"),
}


def test_the_routes_are_exactly_these(resources: Resources) -> None:
    """Three GET routes and one POST lead to the callback function; there is no catch-all."""
    events = resources["CallbackFunction"]["Properties"]["Events"]
    actual = {name: (event["Properties"]["Method"], event["Properties"]["Path"]) for name, event in events.items()}
    assert actual == EVENTS
    assert all(event["Properties"]["ApiId"] == {"Ref": "Api"} for event in events.values())


def test_the_api_throttles(resources: Resources) -> None:
    """Nobody's flood uses up the account's Lambda concurrency, and a flood of the pages takes no webhook's place."""
    api, callback = (resources[name]["Properties"] for name in ("Api", "CallbackFunction"))
    pages, own = api["DefaultRouteSettings"], api["RouteSettings"]
    (webhooks,) = (f"{method} {path}" for method, path in EVENTS.values() if method == "POST")
    assert [webhooks] == list(own)
    assert {"ThrottlingRateLimit", "ThrottlingBurstLimit"} == pages.keys() == own[webhooks].keys()
    assert pages["ThrottlingRateLimit"] * callback["Timeout"] < USUAL_CONCURRENCY
    assert max(pages["ThrottlingBurstLimit"], own[webhooks]["ThrottlingBurstLimit"]) <= USUAL_CONCURRENCY / 10


def test_the_access_log_grows_no_resource_policy(resources: Resources) -> None:
    """API Gateway adds every log group of another name to one policy of the account, which is bounded."""
    assert resources["Api"]["Properties"]["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}
    assert text(resources["ApiLogs"]["Properties"]["LogGroupName"]).startswith("/aws/vendedlogs/${AWS::StackName}/")


def test_the_access_log_holds_no_code(resources: Resources) -> None:
    """The log's format is JSON of named variables, none of which carries a path, a query string or a header."""
    log = json.loads(resources["Api"]["Properties"]["AccessLogSettings"]["Format"])
    assert set(log.values()) == {
        "$context.requestTime",
        "$context.requestId",
        "$context.routeKey",
        "$context.status",
        "$context.responseLatency",
        "$context.integrationErrorMessage",
    }
