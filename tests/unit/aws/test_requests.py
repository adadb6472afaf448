"""What the adapters ask DynamoDB for, where an AWS that is always consistent shows no difference."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse

from fakes import FakeClock
from tokensync.aws.app_secrets import AppSecrets
from tokensync.aws.apps import AwsApps
from tokensync.aws.authorizations import DynamoAuthorizations
from tokensync.aws.connections import DynamoConnections
from tokensync.aws.dynamodb import DynamoTable, in_notation
from tokensync.aws.invites import DynamoInvites
from tokensync.aws.webhook_events import DynamoWebhookEvents
from tokensync.domain.authorization import AuthorizationKey
from tokensync.domain.connection import Connection, HistoryEntry
from tokensync.domain.errors import AlreadyConsumed, UnknownApp
from tokensync.domain.invite_use import InviteState, InviteUse
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import OperationModel

    from tokensync.aws.clients import Clients

NOW = 1_700_000_000
NAME = ConnectionName("demo", "1")
KEY = AuthorizationKey("demo", "browser", "nonce")
READS = ("GetItem", "Query")


class Asked:
    """Answers for DynamoDB, and keeps each request with its operation."""

    def __init__(self, clients: Clients) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, list[dict[str, Any]]] = {"Query": [{"Items": [], "Count": 0}]}
        table = DynamoTable(clients.dynamodb, "table")
        self.connections = DynamoConnections(table)
        self.authorizations = DynamoAuthorizations(table)
        self.invites = DynamoInvites(table)
        self.webhook_events = DynamoWebhookEvents(table)
        self.apps = AwsApps(AppSecrets(clients.secrets, prefix="tokensync", stack="tokensync"), table, FakeClock())

    def __call__(self, params: dict[str, Any], model: OperationModel, **_: object) -> tuple[AWSResponse, Any]:
        """Keep one request that botocore has built and checked; the last answer of its kind is given for ever."""
        self.requests.append((model.name, json.loads(params["body"])))
        answers = self.answers.get(model.name, [{}])
        return AWSResponse("", 200, {}, None), answers.pop(0) if len(answers) > 1 else answers[0]

    def only(self, operation: str) -> dict[str, Any]:
        """Return the one request of a kind."""
        (request,) = [request for name, request in self.requests if name == operation]
        return request


@pytest.fixture
def asked(clients: Clients) -> Iterator[Asked]:
    """Stand in for DynamoDB."""
    made = Asked(clients)
    clients.dynamodb.meta.events.register("before-call.dynamodb.*", made)
    yield made
    clients.dynamodb.meta.events.unregister("before-call.dynamodb.*", made)


@pytest.mark.parametrize(
    "read",
    {
        "connection": lambda asked: asked.connections.get(NAME),
        "connections": lambda asked: list(asked.connections.list("demo")),
        "counted connections": lambda asked: asked.connections.fewer_than("demo", 20, since=0),
        "answer aside": lambda asked: asked.connections.aside(NAME, fence=1),
        "answers aside": lambda asked: list(asked.connections.list_aside("demo")),
        "look-up": lambda asked: asked.connections.find("demo", "shop"),
        "authorization": lambda asked: asked.authorizations.get(KEY),
        "authorization to consume": lambda asked: asked.authorizations.consume(KEY, now=NOW, lease_until=NOW, code=""),
        "authorizations of a browser": lambda asked: asked.authorizations.of_browser("demo", "browser"),
        "authorizations given up": lambda asked: list(asked.authorizations.given_up("demo")),
        "invite": lambda asked: asked.invites.get("demo", "invite"),
        "webhook event": lambda asked: asked.webhook_events.seen("demo", "event"),
        "apps": lambda asked: list(asked.apps.names()),
        "app's state": lambda asked: asked.apps.state("demo"),
    }.items(),
    ids=lambda named: named[0],
)
def test_every_read_but_the_index_is_strongly_consistent(
    asked: Asked, read: tuple[str, Callable[[Asked], object]]
) -> None:
    """What was acknowledged a moment ago is seen: a listed connection, a paused app, a used invite."""
    with contextlib.suppress(AlreadyConsumed, UnknownApp):  # nothing is stored; it was asked for all the same
        read[1](asked)
    reads = [request for name, request in asked.requests if name in READS]

    assert [True] == [request.get("ConsistentRead") for request in reads]


@pytest.mark.parametrize(
    "read",
    [
        lambda asked: list(asked.connections.list("demo")),
        lambda asked: asked.connections.fewer_than("demo", 9, since=0),
    ],
)
def test_later_pages_are_as_consistent_as_the_first(asked: Asked, read: Callable[[Asked], object]) -> None:
    """Each page is asked for in the same way, from where the last one ended."""
    key = {"pk": {"S": "app#demo"}, "sk": {"S": "connection#1"}}
    asked.answers["Query"] = [{"Items": [], "Count": 0, "LastEvaluatedKey": key}, {"Items": [], "Count": 0}]
    read(asked)

    assert [(True, None), (True, key)] == [
        (request["ConsistentRead"], request.get("ExclusiveStartKey")) for _, request in asked.requests
    ]


def test_each_guard_of_a_consumed_authorization_is_asked_for(asked: Asked) -> None:
    """Two callbacks that read it at the same moment differ in their codes alone: fence and time of use decide."""
    stored = {"pk": "app#demo", "sk": KEY.sort_key, "provider": "p", "invite_id": "i", "fence": 0, "schema": 1}
    stored |= {"token_endpoint": "t", "redirect_uri": "r", "created_at": NOW, "expires_at": NOW + 1}
    asked.answers["GetItem"] = [{"Item": in_notation(stored)}, {}]
    asked.authorizations.consume(KEY, now=NOW, lease_until=NOW + 60, code="code-1")
    use, code, invite = asked.only("TransactWriteItems")["TransactItems"]

    assert [
        "#expires_at > :now",
        "#fence = :fence",
        "(attribute_not_exists(#schema) OR #schema <= :ours)",
        "attribute_exists(#pk)",
        "attribute_not_exists(#consumed_at)",
    ] == sorted(use["Update"]["ConditionExpression"].split(" AND "))
    assert {"N": "0"} == use["Update"]["ExpressionAttributeValues"][":fence"]
    assert ("attribute_not_exists(pk)", "attribute_not_exists(#pk)") == (
        code["Put"]["ConditionExpression"],
        invite["Update"]["ConditionExpression"],
    )


def test_each_write_of_an_invite_names_what_was_read(asked: Asked) -> None:
    """Nothing, or the fence; a reservation does so within its transaction."""
    first = InviteUse(app="demo", id="i", state=InviteState.FAILED, fence=7)
    asked.invites.write(None, first)
    asked.invites.write(first, replace(first, fence=8))
    new, changed = [request for name, request in asked.requests if name == "UpdateItem"]

    assert "attribute_not_exists(#pk)" == new["ConditionExpression"]
    assert ("#fence = :fence", {"N": "7"}, {"N": "8"}) == (
        changed["ConditionExpression"],
        changed["ExpressionAttributeValues"][":fence"],
        changed["ExpressionAttributeValues"][":to_fence"],
    )


@pytest.mark.parametrize(("over", "clause"), [(0, "attribute_not_exists(#fence)"), (7, "#fence = :over")])
def test_a_take_over_names_the_one_record_that_may_give_way(asked: Asked, over: int, clause: str) -> None:
    """Not a record with an older fence, nor one with a newer."""
    entry = HistoryEntry(NOW, "connection.authorized", 1)
    asked.connections.take_over(Connection(name=NAME, provider="p", history=(entry,)), until=NOW + 60, over=over)
    request = asked.only("UpdateItem")

    assert clause == request["ConditionExpression"].split(" AND ")[-1]
    assert ({"N": "7"} if over else None) == request["ExpressionAttributeValues"].get(":over")


@pytest.mark.parametrize(
    ("why", "waits"),
    {
        "unplaced": True,
        "superseded": True,
        "unparsed": False,
        "unusable": False,
        "other_account": False,
        "restored_table": False,
    }.items(),
)
def test_only_an_answer_without_a_place_is_one_to_conclude(asked: Asked, why: str, *, waits: bool) -> None:
    """What was read and set aside for good is kept, and no attempt goes on with it."""
    asked.answers["GetItem"] = [{"Item": in_notation({"sealed": b"raw", "why": why})}]

    assert (b"raw" if waits else None) == asked.connections.aside(NAME, fence=4)
