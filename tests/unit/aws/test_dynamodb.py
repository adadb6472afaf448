from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY, Stubber

from tokensync.aws.authorizations import DynamoAuthorizations
from tokensync.aws.connections import DynamoConnections
from tokensync.aws.dynamodb import Change, ConditionFailed, DynamoTable
from tokensync.domain.authorization import AuthorizationKey
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from tokensync.aws.clients import Clients

NOW = 1_700_000_000
CONFLICT = {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]}
FAILED = {"CancellationReasons": [{"Code": "ConditionalCheckFailed"}, {"Code": "TransactionConflict"}]}


@pytest.fixture
def table(clients: Clients) -> DynamoTable:
    """Return the adapter's table."""
    return DynamoTable(clients.dynamodb, "table")


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", "AccessDeniedException"])
def test_what_was_not_acknowledged(dynamodb: Stubber, table: DynamoTable, code: str) -> None:
    """Every refusal but a false condition means that the table did not acknowledge."""
    for operation in ("get_item", "update_item", "put_item", "query", "query", "transact_write_items", "delete_item"):
        dynamodb.add_client_error(operation, code, "planted-value")
    change = Change(condition="#a = :a", values={"a": 1})
    for action in (
        lambda: table.get(("a", "b")),
        lambda: table.update(("a", "b"), change),
        lambda: table.put(("a", "b"), {}),
        lambda: list(table.in_order("a")),
        lambda: table.count("a", "b", where="#c = :c", values={"c": 1}, at_most=1),
        lambda: table.transact([table.part_of_transaction(("a", "b"), change)]),
        lambda: table.delete(("a", "b")),
    ):
        with pytest.raises(StoreUnavailable, match=f": {code}$"):
            action()


def test_no_network(table: DynamoTable) -> None:
    """A table that cannot be reached did not acknowledge."""
    with pytest.raises(StoreUnavailable, match="GetItem: EndpointConnectionError"):
        table.get(("a", "b"))


def test_a_transaction_beside_another(dynamodb: Stubber, table: DynamoTable) -> None:
    """A transaction that only met another one is tried again, a few times; one with a false condition is not."""
    change = Change(condition="#a = :a", values={"a": 1}, set={"b": 2})
    parts = [table.part_of_transaction(("a", "b"), change)]
    dynamodb.add_client_error("transact_write_items", "TransactionCanceledException", modeled_fields=CONFLICT)
    dynamodb.add_response("transact_write_items", {})
    table.transact(parts)
    dynamodb.add_client_error("transact_write_items", "TransactionCanceledException", modeled_fields=FAILED)
    with pytest.raises(ConditionFailed):
        table.transact(parts)
    for _ in range(4):
        dynamodb.add_client_error("transact_write_items", "TransactionCanceledException", modeled_fields=CONFLICT)
    with pytest.raises(StoreUnavailable):
        table.transact(parts)


def test_pages_are_fetched_as_they_are_consumed(dynamodb: Stubber, table: DynamoTable) -> None:
    """The due index is read page by page, and no page before somebody wants it."""

    def page(number: int, *, last: bool) -> dict[str, Any]:
        key = {"pk": {"S": "app#demo"}, "sk": {"S": f"connection#{number}"}}
        item = {**key, "next_at": {"N": str(number)}}
        return {"Items": [item], **({} if last else {"LastEvaluatedKey": key})}

    dynamodb.add_response("query", page(1, last=False))
    due = DynamoConnections(table).due(now=NOW)
    assert next(due).next_at == 1
    dynamodb.add_response(
        "query",
        page(2, last=True),
        {
            "TableName": "table",
            "IndexName": "due",
            "Limit": ANY,
            "KeyConditionExpression": "#due = :due AND #next_at <= :now",
            "ExpressionAttributeNames": {"#due": "due", "#next_at": "next_at"},
            "ExpressionAttributeValues": {":due": {"S": "due"}, ":now": {"N": str(NOW)}},
            "ExclusiveStartKey": {"pk": {"S": "app#demo"}, "sk": {"S": "connection#1"}},
        },
    )
    assert [2] == [key.next_at for key in due]


def test_counting_over_pages(dynamodb: Stubber, table: DynamoTable) -> None:
    """Counting goes on over pages of large records until the number is reached or the last page read."""
    dynamodb.add_response("query", {"Count": 2, "LastEvaluatedKey": {"pk": {"S": "a"}, "sk": {"S": "b"}}})
    dynamodb.add_response("query", {"Count": 2})
    assert table.count("a", "b", where="#c = :c", values={"c": 1}, at_most=4) == 4


def test_a_read_that_fails_consumes_nothing(dynamodb: Stubber, table: DynamoTable) -> None:
    """An authorization that cannot be read is not consumed: there is no transaction without its record."""
    dynamodb.add_client_error("get_item", "ThrottlingException")
    with pytest.raises(StoreUnavailable):
        DynamoAuthorizations(table).consume(AuthorizationKey("demo", "b", "n"), now=NOW, lease_until=NOW + 1, code="c")


@pytest.mark.parametrize("sealed", [b"key", None])
def test_a_consumers_standing_goes_by_its_bytes(dynamodb: Stubber, table: DynamoTable, sealed: bytes | None) -> None:
    """One write, on condition of what was seen and of no fence; a repeated one finds that it stands."""
    name = ConnectionName("demo", "1")
    key = {"pk": {"S": "app#demo"}, "sk": {"S": "connection#1"}}
    written = {":to_sealed_consumer": {"B": sealed}} if sealed else {}
    expected = {
        "TableName": "table",
        "Key": key,
        "UpdateExpression": "SET #sealed_consumer = :to_sealed_consumer" if sealed else "REMOVE #sealed_consumer",
        "ConditionExpression": "#schema <= :ours AND #sealed_consumer = :seen",
        "ExpressionAttributeNames": {"#schema": "schema", "#sealed_consumer": "sealed_consumer"},
        "ExpressionAttributeValues": {**written, ":ours": {"N": "1"}, ":seen": {"B": b"marked"}},
        "ReturnValues": ANY,
        "ReturnValuesOnConditionCheckFailure": ANY,
    }
    dynamodb.add_response("update_item", {}, expected)
    stands = {**key, "provider": {"S": "p"}, **({"sealed_consumer": {"B": sealed}} if sealed else {})}
    other = {**stands, "sealed_consumer": {"B": b"newer"}}
    for item in ({"Item": stands}, {"Item": other}, {}):
        dynamodb.add_client_error("update_item", "ConditionalCheckFailedException", modeled_fields=item)
    connections = DynamoConnections(table)

    told = [connections.replace_consumer(name, seen=b"marked", sealed=sealed) for _ in range(4)]

    assert [True, True, False, False] == told
