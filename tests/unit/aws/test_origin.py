"""What DynamoDB tells of where a table's items come from, and when it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from fakes import FakeClock
from tokensync.aws.dynamodb import DynamoTable
from tokensync.aws.origin import DynamoOrigin
from tokensync.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from tokensync.aws.clients import Clients

KEY = {"pk": {"S": "table"}, "sk": {"S": "origin"}}


class Dynamo:
    """DynamoDB, answering in order."""

    def __init__(self, clients: Clients, stub: Stubber) -> None:
        self.stub = stub
        self.clock = FakeClock()
        self.origin = DynamoOrigin(DynamoTable(clients.dynamodb, "table"), self.clock)

    def describes(self, table: str, **more: Any) -> Self:
        """Answer with the table's id."""
        self.stub.add_response("describe_table", {"Table": {"TableId": table, **more}}, {"TableName": "table"})
        return self

    def holds(self, table: str | None, **more: Any) -> Self:
        """Answer with the mark, or with none."""
        item = {} if table is None else {"Item": {**KEY, "table": {"S": table}, **more}}
        self.stub.add_response("get_item", item, {"TableName": "table", "Key": KEY, "ConsistentRead": True})
        return self

    def takes(self, table: str) -> Self:
        """Take the mark."""
        marked = {**KEY, "schema": {"N": "1"}, "table": {"S": table}}
        expected = {"TableName": "table", "Item": marked, "ConditionExpression": "attribute_not_exists(pk)"}
        self.stub.add_response("put_item", {}, expected)
        return self

    def fails(self, operation: str, code: str = "ThrottlingException", **more: Any) -> Self:
        """Refuse."""
        self.stub.add_client_error(operation, code, **more)
        return self


@pytest.fixture
def dynamo(clients: Clients) -> Iterator[Dynamo]:
    """Answer in DynamoDB's place."""
    with Stubber(clients.dynamodb) as stub:
        yield Dynamo(clients, stub)
        stub.assert_no_pending_responses()


RESTORED = {"RestoreDateTime": 1_700_000_000, "RestoreInProgress": False}


def test_the_first_look_marks_the_table(dynamo: Dynamo) -> None:
    """A table without a mark is itself, and says so from now on; nothing is asked twice."""
    dynamo.describes("t-1").holds(None).takes("t-1").holds("t-1")

    assert [None, None] == [dynamo.origin.restored() for _ in range(2)]


def test_somebody_else_was_first(dynamo: Dynamo) -> None:
    """The mark that stands counts."""
    dynamo.describes("t-1").holds(None).fails("put_item", "ConditionalCheckFailedException").holds("t-1")

    assert dynamo.origin.restored() is None


def test_a_backup_that_is_older_than_its_mark(dynamo: Dynamo) -> None:
    """DynamoDB itself says that the table was restored: it is none that marks itself as new."""
    dynamo.describes("t-2", RestoreSummary=RESTORED).holds(None).takes("before").holds("before")

    assert "t-2" == dynamo.origin.restored()


def test_a_mark_that_was_not_kept(dynamo: Dynamo) -> None:
    """Nothing is taken for granted."""
    dynamo.describes("t-1").holds(None).takes("t-1").holds(None)

    with pytest.raises(StoreUnavailable):
        dynamo.origin.restored()


def test_a_restored_table(dynamo: Dynamo) -> None:
    """Its mark names another."""
    dynamo.describes("t-2").holds("t-1")

    assert "t-2" == dynamo.origin.restored()


def test_a_table_that_was_never_seen(dynamo: Dynamo) -> None:
    """Until it is, nothing may be done; the next question asks again."""
    dynamo.fails("describe_table")
    with pytest.raises(StoreUnavailable, match="DescribeTable: ThrottlingException"):
        dynamo.origin.restored()
    dynamo.describes("t-1").holds("t-1")
    assert dynamo.origin.restored() is None


@pytest.fixture
def seen(dynamo: Dynamo) -> Dynamo:
    """A table that was seen to be itself, and that nobody asks for within the minute."""
    dynamo.describes("t-1").holds("t-1")
    assert dynamo.origin.restored() is None
    dynamo.clock.advance(59)
    assert dynamo.origin.restored() is None
    dynamo.clock.advance(1)
    return dynamo


def test_a_table_restored_under_its_own_name(seen: Dynamo) -> None:
    """A function that is warm notices within a minute; the mark is read for each id once."""
    seen.describes("t-1")
    assert seen.origin.restored() is None
    seen.clock.advance(60)
    seen.describes("t-2").holds("t-1")
    assert "t-2" == seen.origin.restored()


def test_a_table_that_cannot_be_described_any_more(seen: Dynamo) -> None:
    """What was seen stands: refreshing does not depend on DynamoDB's control plane from minute to minute."""
    seen.fails("describe_table")
    assert seen.origin.restored() is None


def test_another_table_whose_mark_cannot_be_read(seen: Dynamo) -> None:
    """What was seen of the one before says nothing of it."""
    seen.describes("t-2").fails("get_item")
    with pytest.raises(StoreUnavailable):
        seen.origin.restored()


def test_noticing_is_asked_once(dynamo: Dynamo) -> None:
    """Who noted it, or found it noted, does not ask again."""
    dynamo.fails("update_item", "ConditionalCheckFailedException")

    assert [False, False] == [dynamo.origin.note_restored("t-2", now=1) for _ in range(2)]
