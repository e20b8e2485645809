"""A DynamoDB table spoken to in plain values: consistent reads, conditional writes, pages newest first."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chalicelib.core import aws, config
from chalicelib.core.aws import Attr, Key

__all__ = ["Attr", "ConditionFailedError", "Key", "Page", "Table", "transact"]

Item = dict[str, Any]

_TRIES = 5
_LONGEST_PAUSE_SECONDS = 0.2
# Of a page that is filtered: about a MB of our items, which is what one answer holds.
_MOST_LOOKED_AT = 1000


class ConditionFailedError(Exception):
    """A conditional write found the item in another state; nothing was written.

    Of a transaction, `writes` are the places of those that did.
    """

    def __init__(self, writes: Iterable[int] = ()) -> None:
        super().__init__("an item was in another state")
        self.writes = frozenset(writes)


@dataclass(frozen=True)
class Page:
    """Some items of a list, and the sort key after which the next page begins (None: there is none)."""

    items: list[Item]
    next_after: str | None


@dataclass(frozen=True)
class Table:
    """The table whose name the environment variable `variable` carries; `partition` and `sort` name its keys.

    With `index`, that index of the table: to be read only, by `page` and `between`, and a moment behind the table.
    """

    variable: str
    partition: str
    sort: str | None = None
    index: str | None = None

    @property
    def name(self) -> str:
        return config.get(self.variable)

    def key(self, partition: str, sort: str | None = None) -> Item:
        return {self.partition: partition} | ({} if self.sort is None else {self.sort: sort})

    def get(self, partition: str, sort: str | None = None) -> Item | None:
        """The item, read consistently, or None."""
        answer = aws.client("dynamodb").get_item(
            TableName=self.name, Key=self.key(partition, sort), ConsistentRead=True
        )
        item: Item | None = answer.get("Item")
        return item

    def put(self, item: Mapping[str, Any]) -> None:
        aws.client("dynamodb").put_item(TableName=self.name, Item=writable(item))

    def create(self, item: Mapping[str, Any]) -> None:
        """Puts an item that must not be there yet.

        Raises:
            ConditionFailedError: it is.
        """
        self._conditional("put_item", Item=writable(item), ConditionExpression=Attr(self.partition).not_exists())

    def update(
        self,
        partition: str,
        sort: str | None = None,
        *,
        change: Mapping[str, Any],
        when: Any = None,
        remove: Iterable[str] = (),
        add: Mapping[str, int] | None = None,
    ) -> Item:
        """Sets attributes (None removes one) where the condition `when` holds, if there is one; the item as it then is.

        `add` adds to numbers, which start from nothing.

        Raises:
            ConditionFailedError: the condition does not hold.
        """
        kept = writable(change)
        removed = [*remove, *(name for name, value in change.items() if value is None)]
        names = {f"#u{i}": name for i, name in enumerate([*kept, *removed])}
        values = {f":u{i}": value for i, value in enumerate(kept.values())}
        expression = "SET " + ", ".join(f"#u{i} = :u{i}" for i in range(len(kept))) if kept else ""
        if removed:
            expression += " REMOVE " + ", ".join(f"#u{i}" for i in range(len(kept), len(names)))
        if add:
            names |= {f"#a{i}": name for i, name in enumerate(add)}
            values |= {f":a{i}": value for i, value in enumerate(add.values())}
            expression += " ADD " + ", ".join(f"#a{i} :a{i}" for i in range(len(add)))
        condition = {} if when is None else {"ConditionExpression": when}
        if values:
            condition["ExpressionAttributeValues"] = values
        answer = self._conditional(
            "update_item",
            Key=self.key(partition, sort),
            **condition,
            UpdateExpression=expression,
            ExpressionAttributeNames=names,
            ReturnValues="ALL_NEW",
        )
        item: Item = answer["Attributes"]
        return item

    def count(self, partition: str, below: Mapping[str, int], change: Mapping[str, Any]) -> tuple[bool, dict[str, int]]:
        """Adds one to each counter of `below`, unless one has reached its number already; sets `change` with it.

        One atomic write, however many callers race for the last place: whether it counted, and the counters as
        they then are.
        """
        names = {f"#c{i}": name for i, name in enumerate(below)} | {f"#s{i}": name for i, name in enumerate(change)}
        values = {f":c{i}": number for i, number in enumerate(below.values())}
        values |= {f":s{i}": value for i, value in enumerate(writable(change).values())}
        try:
            answer = aws.client("dynamodb").update_item(
                TableName=self.name,
                Key=self.key(partition),
                ConditionExpression=" AND ".join(
                    f"(attribute_not_exists(#c{i}) OR #c{i} < :c{i})" for i in range(len(below))
                ),
                UpdateExpression=f"SET {', '.join(f'#s{i} = :s{i}' for i in range(len(change)))}"
                f" ADD {', '.join(f'#c{i} :one' for i in range(len(below)))}",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={**values, ":one": 1},
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except aws.ClientError as error:
            if aws.error_code(error) != "ConditionalCheckFailedException":
                raise
            # What comes with a refusal is in DynamoDB's typed form, whatever the client.
            item = error.response.get("Item", {})
            return False, {name: int(item.get(name, {}).get("N", 0)) for name in below}
        return True, {name: int(answer["Attributes"][name]) for name in below}

    def delete(self, partition: str, sort: str | None = None, *, when: Any = None) -> None:
        """Deletes the item, if `when` holds.

        Raises:
            ConditionFailedError: it does not.
        """
        condition = {} if when is None else {"ConditionExpression": when}
        self._conditional("delete_item", Key=self.key(partition, sort), **condition)

    def get_many(self, keys: Iterable[Item]) -> list[Item]:
        """Those of up to 100 items that are there, read consistently, in no order."""
        found: list[Item] = []
        asked = list(keys)
        while asked:
            request = {self.name: {"Keys": asked, "ConsistentRead": True}}
            answer = aws.client("dynamodb").batch_get_item(RequestItems=request)
            found += answer["Responses"].get(self.name, ())
            # What was too much for one answer (16 MB) or for the table just now.
            asked = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if asked:
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311
        return found

    def any_of(self, partition: str) -> Item | None:
        """An item of one partition, whichever comes first; None where there is none."""
        found: list[Item] = aws.client("dynamodb").query(**self._query(partition), Limit=1)["Items"]
        return found[0] if found else None

    def page(
        self,
        partition: str,
        *,
        limit: int,
        after: str | None = None,
        keep: Any = None,
        between: tuple[str, str] | None = None,
        newest_first: bool = True,
    ) -> Page:
        """Up to `limit` items of one partition that satisfy the filter `keep`, in the order of their sort key.

        `between` bounds the sort key, both ends included.
        """
        query = self._query(partition, between)
        # One more than wanted tells whether there is a next page without a further query.
        query |= {"ScanIndexForward": not newest_first, "Limit": limit + 1}
        if keep is not None:
            query["FilterExpression"] = keep
        if after is not None:
            query["ExclusiveStartKey"] = self.key(partition, after)
        items: list[Item] = []
        while True:
            answer = aws.client("dynamodb").query(**query)
            items += answer["Items"]
            if len(items) > limit:
                return Page(items[:limit], str(items[limit - 1][str(self.sort)]))
            if "LastEvaluatedKey" not in answer:
                return Page(items, None)
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            # The limit is of what is looked at: where the filter keeps little, each look is at more.
            query["Limit"] = min(4 * query["Limit"], _MOST_LOOKED_AT)

    def between(self, partition: str, first: str, last: str) -> Iterator[Item]:
        """Every item of one partition whose sort key is between these two, both included; oldest first."""
        query = self._query(partition, (first, last))
        while True:
            answer = aws.client("dynamodb").query(**query)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def scanned(self, at_once: int, after: Item | None = None) -> Iterator[tuple[list[Item], Item | None]]:
        """The whole table, some items at once, partition by partition: for jobs that nobody waits for.

        With each lot comes the key after which the next begins (None: there is none); `after` is such a key.
        """
        query: Item = {"TableName": self.name, "Limit": at_once}
        while True:
            if after is not None:
                query["ExclusiveStartKey"] = after
            answer = aws.client("dynamodb").scan(**query)
            after = answer.get("LastEvaluatedKey")
            yield answer["Items"], after
            if after is None:
                return

    def _query(self, partition: str, between: tuple[str, str] | None = None) -> Item:
        where = Key(self.partition).eq(partition)
        if between is not None:
            where &= Key(str(self.sort)).between(*between)
        query = {"TableName": self.name, "KeyConditionExpression": where}
        # An index knows no consistent reads.
        return query | ({"ConsistentRead": True} if self.index is None else {"IndexName": self.index})

    # What follows describes writes for `transact`.

    def creating(self, item: Mapping[str, Any]) -> Item:
        """Puts an item that must not be there yet."""
        absent = {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": self.partition},
        }
        return {"Put": {"TableName": self.name, "Item": writable(item), **absent}}

    def setting(
        self, key: Item, change: Mapping[str, Any], *, where: Mapping[str, Any], remove: Iterable[str] = ()
    ) -> Item:
        """Sets attributes of an item whose attributes are, so far, those of `where` (None: it has no such one)."""
        removed = list(remove)
        names = {f"#{name}": name for name in (*change, *where, *removed)}
        values = {f":{name}": value for name, value in writable(change).items()}
        values |= {f":was_{name}": value for name, value in writable(where).items()}
        conditions = [
            f"attribute_not_exists(#{name})" if value is None else f"#{name} = :was_{name}"
            for name, value in where.items()
        ]
        return {
            "Update": {
                "TableName": self.name,
                "Key": key,
                "UpdateExpression": "SET "
                + ", ".join(f"#{name} = :{name}" for name in change)
                + (" REMOVE " + ", ".join(f"#{name}" for name in removed) if removed else ""),
                "ConditionExpression": " AND ".join(conditions),
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }

    def checking(self, key: Item, *, where: Mapping[str, Any]) -> Item:
        """Writes nothing: the transaction's other writes are made where the item's attributes are those of `where`."""
        return {
            "ConditionCheck": {
                "TableName": self.name,
                "Key": key,
                "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in where),
                "ExpressionAttributeNames": {f"#{name}": name for name in where},
                "ExpressionAttributeValues": {f":{name}": value for name, value in writable(where).items()},
            }
        }

    def adding(self, key: Item, by: Mapping[str, float]) -> Item:
        """Adds to numbers, which start from nothing."""
        names = {f"#a{i}": name for i, name in enumerate(by)}
        return {
            "Update": {
                "TableName": self.name,
                "Key": key,
                "UpdateExpression": "ADD " + ", ".join(f"#a{i} :a{i}" for i in range(len(by))),
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": {f":a{i}": _writable(value) for i, value in enumerate(by.values())},
            }
        }

    def marking(self, key: Item, marks: Sequence[str], change: Mapping[str, Any]) -> Item:
        """Gives an item these marks, none of which it may have yet, and sets `change` with them; up to 100 marks."""
        names = {f"#m{i}": name for i, name in enumerate(marks)} | {f"#s{i}": name for i, name in enumerate(change)}
        values = {f":s{i}": value for i, value in enumerate(writable(change).values())}
        set_ = [f"#m{i}=:mark" for i in range(len(marks))] + [f"#s{i}=:s{i}" for i in range(len(change))]
        return {
            "Update": {
                "TableName": self.name,
                "Key": key,
                "UpdateExpression": "SET " + ",".join(set_),
                "ConditionExpression": " AND ".join(f"attribute_not_exists(#m{i})" for i in range(len(marks))),
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": {**values, ":mark": True},
            }
        }

    def deleting(self, key: Item, *, where: Mapping[str, Any] | None = None) -> Item:
        """Deletes an item; with `where`, only while its attributes are those."""
        if where is None:
            return {"Delete": {"TableName": self.name, "Key": key}}
        return {"Delete": self.checking(key, where=where)["ConditionCheck"]}

    def _conditional(self, operation: str, **arguments: Any) -> Item:
        try:
            answer: Item = getattr(aws.client("dynamodb"), operation)(TableName=self.name, **arguments)
        except aws.ClientError as error:
            if aws.error_code(error) == "ConditionalCheckFailedException":
                raise ConditionFailedError from error
            raise
        return answer


def transact(*writes: Item) -> None:
    """All of the writes, or none.

    Raises:
        ConditionFailedError: one of them found its item in another state.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            aws.client("dynamodb").transact_write_items(TransactItems=list(writes))
            return
        except aws.ClientError as error:
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", ())]
            failed = [place for place, reason in enumerate(reasons) if reason == "ConditionalCheckFailed"]
            if failed:
                raise ConditionFailedError(failed) from error
            if "TransactionConflict" not in reasons or attempt == _TRIES:
                raise
            # Somebody else is writing one of these items just now.
            time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311


def writable(item: Mapping[str, Any]) -> Item:
    """The item as DynamoDB takes it: floats as exact decimals, what is None left out."""
    # Most values are what they are: every request writes some twenty of them.
    return {
        name: value if type(value) in _PLAIN else _writable(value) for name, value in item.items() if value is not None
    }


_PLAIN = frozenset({str, int, bool})


def _writable(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return writable(value)
    if isinstance(value, list | tuple):
        return [_writable(inner) for inner in value]
    return value
