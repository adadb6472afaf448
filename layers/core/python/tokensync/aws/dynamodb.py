"""One DynamoDB table: consistent reads and conditional writes of items as plain values."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer  # noqa: TID251 -- DynamoDB's notation, no client
from botocore.exceptions import ClientError

from tokensync.aws.clients import translated
from tokensync.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateTypeDef

Item: TypeAlias = dict[str, Any]  # attributes by name, as plain values
DUE = "due"  # the index's name, its hash key's name and that key's only value
_COUNTED = 10  # items read at once where only those that meet a condition count
_NOTHING: Mapping[str, object] = MappingProxyType({})
_PLACEHOLDER = re.compile(r"#(\w+)")


class _Serializer(TypeSerializer):
    """Refuses None: it is stored as absence, which conditions ask for."""

    def _serialize_null(self, value: None) -> bool:
        raise TypeError(f"{value} is not stored")


class _Deserializer(TypeDeserializer):
    """Gives whole numbers and bytes as Python has them, where boto3's own gives Decimal and Binary."""

    def _deserialize_n(self, value: str) -> int | Decimal:
        number = Decimal(value)
        return int(number) if number == number.to_integral_value() else number

    def _deserialize_b(self, value: bytes) -> bytes:
        return bytes(value)


_SERIALIZER, _DESERIALIZER = _Serializer(), _Deserializer()


def in_notation(item: Item) -> dict[str, Any]:
    """Return an item in DynamoDB's notation, each value under the letter of its type.

    Raises:
        TypeError: it holds None, a fraction, or what is no plain value.
    """
    return {name: _SERIALIZER.serialize(value) for name, value in item.items()}


def from_notation(stored: Mapping[str, Any]) -> Item:
    """Return an item that DynamoDB gave."""
    return {name: _DESERIALIZER.deserialize(value) for name, value in stored.items()}


class ConditionFailed(Exception):
    """A conditional write found its condition false. `item` is the item as it is, or None if there is none."""

    def __init__(self, item: Item | None = None) -> None:
        super().__init__("the condition was false")
        self.item = item


@dataclass(frozen=True, kw_only=True)
class Change:
    """One update, conditional unless its condition is empty.

    `set` holds plain values, `compute` expressions and `add` what joins a set of texts, all by attribute. Expressions
    and the condition write an attribute as `#name` and a value of `values` as `:name`.
    """

    condition: str = ""
    set: Mapping[str, object] = field(default_factory=dict)
    compute: Mapping[str, str] = field(default_factory=dict)
    add: Mapping[str, frozenset[str]] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """Return the expressions with their names and values as the API takes them."""
        assignments = [f"#{name} = :to_{name}" for name in self.set]
        assignments += [f"#{name} = {expression}" for name, expression in self.compute.items()]
        parts = []
        if assignments:
            parts.append("SET " + ", ".join(assignments))
        if self.remove:
            parts.append("REMOVE " + ", ".join(f"#{name}" for name in self.remove))
        if self.add:
            parts.append("ADD " + ", ".join(f"#{name} :more_{name}" for name in self.add))
        expression = " ".join(parts)
        values: dict[str, object] = {f":to_{name}": value for name, value in self.set.items()}
        values |= {f":more_{name}": more for name, more in self.add.items()}
        values |= {f":{name}": value for name, value in self.values.items()}
        condition = {"ConditionExpression": self.condition} if self.condition else {}
        return {
            "UpdateExpression": expression,
            **condition,
            # Every attribute goes by a placeholder: names such as `schema` and `status` are reserved words.
            "ExpressionAttributeNames": names_in(expression, self.condition),
            "ExpressionAttributeValues": in_notation(values),
        }


def names_in(*expressions: str) -> dict[str, str]:
    """Return the placeholders of expressions, each with the attribute that it names."""
    return {f"#{name}": name for expression in expressions for name in _PLACEHOLDER.findall(expression)}


def key_of(key: tuple[str, str]) -> dict[str, Any]:
    """Return a key in DynamoDB's notation."""
    return in_notation({"pk": key[0], "sk": key[1]})


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what to set and what to remove so that one set of attributes becomes the other."""
    changed = {name: value for name, value in after.items() if name not in before or before[name] != value}
    return changed, tuple(name for name in before if name not in after)


class DynamoTable:
    """The table of a stack. Each method raises StoreUnavailable if DynamoDB did not acknowledge."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self.name = name

    def identity(self) -> tuple[str, bool]:
        """Return the table's id, which no other table ever has, and whether DynamoDB restored it from a backup."""
        with translated("DescribeTable", {}, StoreUnavailable):
            described = self._client.describe_table(TableName=self.name)["Table"]
        return described["TableId"], "RestoreSummary" in described

    def get(self, key: tuple[str, str]) -> Item | None:
        """Return an item, strongly consistent, or None."""
        with translated("GetItem", {}, StoreUnavailable):
            response = self._client.get_item(TableName=self.name, Key=key_of(key), ConsistentRead=True)
        return from_notation(response["Item"]) if "Item" in response else None

    def put(self, key: tuple[str, str], attributes: Mapping[str, object], *, only_new: bool = False) -> None:
        """Write a whole item.

        Raises:
            ConditionFailed: `only_new`, and there is one already.
        """
        item = key_of(key) | in_notation(dict(attributes))
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"} if only_new else {}
        with translated("PutItem", {}, StoreUnavailable), _conditional():
            self._client.put_item(TableName=self.name, Item=item, **condition)

    def delete(self, key: tuple[str, str], *, condition: str = "", values: Mapping[str, object] = _NOTHING) -> None:
        """Delete an item, if it is there.

        Raises:
            ConditionFailed: the item does not meet the condition; nothing was deleted.
        """
        named: dict[str, Any] = {}
        if condition:
            named = {
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names_in(condition),
                "ExpressionAttributeValues": in_notation({f":{name}": value for name, value in values.items()}),
            }
        with translated("DeleteItem", {}, StoreUnavailable), _conditional():
            self._client.delete_item(TableName=self.name, Key=key_of(key), **named)

    def update(
        self, key: tuple[str, str], change: Change, *, returning: Literal["ALL_NEW", "ALL_OLD"] = "ALL_NEW"
    ) -> Item:
        """Update an item in one conditional write and return it; `ALL_OLD` of a created one is empty.

        Raises:
            ConditionFailed: nothing was written.
        """
        with translated("UpdateItem", {}, StoreUnavailable), _conditional():
            response = self._client.update_item(
                TableName=self.name,
                Key=key_of(key),
                ReturnValues=returning,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **change.parameters(),
            )
        return from_notation(response.get("Attributes", {}))

    def part_of_transaction(self, key: tuple[str, str], change: Change) -> TransactWriteItemTypeDef:
        """Return an update as a part of a transaction."""
        update: UpdateTypeDef = {"TableName": self.name, "Key": key_of(key), **change.parameters()}  # type: ignore[typeddict-item]  # Change builds it
        return {"Update": update}

    def transact(self, parts: list[TransactWriteItemTypeDef]) -> None:
        """Write all parts or none. boto3 gives the request a token, so that a retry of it does nothing.

        Raises:
            ConditionFailed: nothing was written.
        """
        for last in (False, False, False, True):
            with translated("TransactWriteItems", {}, StoreUnavailable), _conditional():
                try:
                    self._client.transact_write_items(TransactItems=parts)
                except ClientError as error:
                    # Another transaction is at the same items right now. boto3 repeats many errors, not this one.
                    if last or _reasons(error) != {"TransactionConflict"}:
                        raise
                else:
                    return

    def in_order(self, partition: str, prefix: str = "") -> Iterator[Item]:
        """Yield a partition's items whose sort key starts with `prefix`, strongly consistent, page by page."""
        condition = "#pk = :pk AND begins_with(#sk, :prefix)" if prefix else "#pk = :pk"
        values: dict[str, object] = {"pk": partition, **({"prefix": prefix} if prefix else {})}
        yield from self._pages(condition, values, ConsistentRead=True)

    def count(self, partition: str, prefix: str, *, where: str, values: Mapping[str, object], at_most: int) -> int:
        """Return how many items have such a key and meet a condition, counting no further than `at_most`."""
        condition = "#pk = :pk AND begins_with(#sk, :prefix)"
        named = {f":{name}": value for name, value in values.items()}
        found = 0
        start: dict[str, Any] = {}
        while found < at_most:
            with translated("Query", {}, StoreUnavailable):
                response = self._client.query(
                    TableName=self.name,
                    KeyConditionExpression=condition,
                    FilterExpression=where,
                    ExpressionAttributeNames=names_in(condition, where),
                    ExpressionAttributeValues=in_notation({":pk": partition, ":prefix": prefix, **named}),
                    ConsistentRead=True,
                    Select="COUNT",
                    Limit=max(at_most - found, _COUNTED),
                    **start,
                )
            found += response["Count"]
            if "LastEvaluatedKey" not in response:
                break
            start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}
        return found

    def due(self, *, now: int, page: int) -> Iterator[Item]:
        """Yield the keys of the items that are due, oldest first. DynamoDB reads no index strongly consistent."""
        yield from self._pages(
            f"#{DUE} = :due AND #next_at <= :now", {"due": DUE, "now": now}, IndexName=DUE, Limit=page
        )

    def _pages(self, condition: str, values: Mapping[str, object], **options: Any) -> Iterator[Item]:
        start: dict[str, Any] = {}
        while True:
            with translated("Query", {}, StoreUnavailable):
                response = self._client.query(
                    TableName=self.name,
                    KeyConditionExpression=condition,
                    ExpressionAttributeNames=names_in(condition),
                    ExpressionAttributeValues=in_notation({f":{name}": value for name, value in values.items()}),
                    **options,
                    **start,
                )
            yield from map(from_notation, response["Items"])
            if "LastEvaluatedKey" not in response:
                return
            start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


@contextmanager
def _conditional() -> Iterator[None]:
    """Raise ConditionFailed for a false condition, and let every other error pass."""
    try:
        yield
    except ClientError as error:
        item: Any = error.response.get("Item")
        if error.response["Error"].get("Code") == "ConditionalCheckFailedException":
            raise ConditionFailed(from_notation(item) if item else None) from None
        if "ConditionalCheckFailed" in _reasons(error):
            raise ConditionFailed from None
        raise


def _reasons(error: ClientError) -> set[str]:
    """Return why the parts of a transaction failed."""
    reasons: Any = error.response.get("CancellationReasons", [])
    return {reason.get("Code", "None") for reason in reasons} - {"None"}
