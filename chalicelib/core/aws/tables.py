"""A DynamoDB table spoken to in plain values: consistent reads, conditional writes, pages newest first."""

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core import clients, config, ids
from chalicelib.core.aws import expressions
from chalicelib.core.aws.expressions import writable
from chalicelib.core.clients import Attr, Key

__all__ = ["Attr", "ConditionFailedError", "Key", "Page", "Table", "transact", "writable"]

Item = dict[str, Any]

_TRIES = 8
# Before another try: at most so long at first, and twice as long each time. After the last one, two seconds are over.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 0.4
# Of a page that is filtered: about a MB of our items, which is what one answer holds.
_MOST_LOOKED_AT = 1000
# Lambda answers 6 MB at the most; links and the like are added to what is stored.
_LARGEST_PAGE_BYTES = 2_000_000


class ConditionFailedError(Exception):
    """A conditional write found the item in another state; nothing was written.

    Of a transaction, `writes` are the places of those that did; `item` is what was found, typed, if asked for.
    """

    def __init__(self, writes: Iterable[int] = (), item: Mapping[str, Any] | None = None) -> None:
        super().__init__("an item was in another state")
        self.writes = frozenset(writes)
        self.item = item or {}


@dataclass(frozen=True)
class Page:
    """Some items of a list, and the sort key after which the next page begins (None: there is none)."""

    items: list[Item]
    next_after: str | None

    def answer(self, show: Callable[[Item], Item]) -> Item:
        """The page as the answer of a list, each item as `show` gives it."""
        cursor = None if self.next_after is None else ids.to_cursor(self.next_after)
        return {"items": [show(item) for item in self.items], "nextCursor": cursor}


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
        answer = clients.client("dynamodb").get_item(
            TableName=self.name, Key=self.key(partition, sort), ConsistentRead=True
        )
        item: Item | None = answer.get("Item")
        return item

    def put(self, item: Mapping[str, Any], *, when: Any = None) -> None:
        """Puts an item in the place of whatever stands there: nothing of that is left. Only if `when` holds.

        Raises:
            ConditionFailedError: it does not.
        """
        condition = {} if when is None else {"ConditionExpression": when}
        self._conditional("put_item", Item=writable(item), **condition)

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
        condition = {} if when is None else {"ConditionExpression": when}
        answer = self._conditional(
            "update_item",
            Key=self.key(partition, sort),
            **condition,
            **expressions.changed(change, remove, add or {}),
            ReturnValues="ALL_NEW",
        )
        item: Item = answer["Attributes"]
        return item

    def count(self, partition: str, below: Mapping[str, int], change: Mapping[str, Any]) -> tuple[bool, dict[str, int]]:
        """Adds one to each counter of `below`, unless one has reached its number already; sets `change` with it.

        One atomic write, however many callers race for the last place: whether it counted, and the counters as
        they then are.
        """
        try:
            answer = self._conditional(
                "update_item",
                Key=self.key(partition),
                **expressions.counted(below, change),
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailedError as refused:
            # What comes with a refusal is in DynamoDB's typed form, whatever the client.
            return False, {name: int(refused.item.get(name, {}).get("N", 0)) for name in below}
        return True, {name: int(answer["Attributes"][name]) for name in below}

    def count_back(self, partition: str, names: Iterable[str]) -> None:
        """Takes one from each of those counters of an item, if it is still there."""
        named = {f"#c{i}": name for i, name in enumerate(names)}
        with contextlib.suppress(ConditionFailedError):
            self._conditional(
                "update_item",
                Key=self.key(partition),
                ConditionExpression=Attr(self.partition).exists(),
                UpdateExpression=f"ADD {', '.join(f'{each} :less' for each in named)}",
                ExpressionAttributeNames=named,
                ExpressionAttributeValues={":less": -1},
            )

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
            answer = clients.client("dynamodb").batch_get_item(RequestItems=request)
            found += answer["Responses"].get(self.name, ())
            # What was too much for one answer (16 MB) or for the table just now.
            asked = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if asked:
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311
        return found

    def any_of(self, partition: str) -> Item | None:
        """An item of one partition, whichever comes first; None where there is none."""
        found: list[Item] = clients.client("dynamodb").query(**self._query(partition), Limit=1)["Items"]
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

        `between` bounds the sort key, both ends included. There are fewer where so many have more than
        _LARGEST_PAGE_BYTES: what is made of a page has to fit into an answer of Lambda.
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
            answer = clients.client("dynamodb").query(**query)
            items += answer["Items"]
            fitting = ids.count_fitting(items[:limit], _LARGEST_PAGE_BYTES)
            if len(items) > fitting:
                return Page(items[:fitting], str(items[fitting - 1][str(self.sort)]))
            if "LastEvaluatedKey" not in answer:
                return Page(items, None)
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            # The limit is of what is looked at: where the filter keeps little, each look is at more.
            query["Limit"] = min(4 * query["Limit"], _MOST_LOOKED_AT)

    def between(self, partition: str, first: str, last: str) -> Iterator[Item]:
        """Every item of one partition whose sort key is between these two, both included; oldest first."""
        return self._each(self._query(partition, (first, last)))

    def all_of(self, partition: str, *, newest_first: bool = False) -> Iterator[Item]:
        """Every item of one partition, in the order of their sort key, read a page at a time."""
        return self._each({**self._query(partition), "ScanIndexForward": not newest_first})

    def _each(self, query: Item) -> Iterator[Item]:
        while True:
            answer = clients.client("dynamodb").query(**query)
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
            answer = clients.client("dynamodb").scan(**query)
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
        return {"Put": {"TableName": self.name, "Item": writable(item), **expressions.absent(self.partition)}}

    def setting(
        self, key: Item, change: Mapping[str, Any], *, where: Mapping[str, Any], remove: Iterable[str] = ()
    ) -> Item:
        """Sets attributes of an item whose attributes are, so far, those of `where` (None: it has no such one)."""
        return {"Update": {"TableName": self.name, "Key": key, **expressions.set_alike(change, where, remove)}}

    def checking(self, key: Item, *, where: Mapping[str, Any]) -> Item:
        """Writes nothing: the transaction's other writes are made where the item's attributes are those of `where`."""
        return {"ConditionCheck": {"TableName": self.name, "Key": key, **expressions.alike(where)}}

    def adding(self, key: Item, by: Mapping[str, float]) -> Item:
        """Adds to numbers, which start from nothing."""
        return {"Update": {"TableName": self.name, "Key": key, **expressions.added(by)}}

    def marking(self, key: Item, marks: Sequence[str], change: Mapping[str, Any]) -> Item:
        """Gives an item these marks, none of which it may have yet, and sets `change` with them; up to 100 marks."""
        return {"Update": {"TableName": self.name, "Key": key, **expressions.marked(marks, change)}}

    def deleting(self, key: Item, *, where: Mapping[str, Any] | None = None) -> Item:
        """Deletes an item; with `where`, only while its attributes are those."""
        condition = {} if where is None else expressions.alike(where)
        return {"Delete": {"TableName": self.name, "Key": key, **condition}}

    def _conditional(self, operation: str, **arguments: Any) -> Item:
        try:
            return _written(operation, TableName=self.name, **arguments)
        except clients.ClientError as error:
            if clients.error_code(error) == "ConditionalCheckFailedException":
                raise ConditionFailedError(item=error.response.get("Item", {})) from error
            raise


def transact(*writes: Item) -> None:
    """All of the writes, or none.

    Raises:
        ConditionFailedError: one of them found its item in another state.
    """
    try:
        _written("transact_write_items", TransactItems=list(writes))
    except clients.ClientError as error:
        if failed := _failed(error):
            raise ConditionFailedError(failed) from error
        raise


def _failed(error: clients.ClientError) -> list[int]:
    """The places of a transaction's writes that found their items in another state."""
    reasons = error.response.get("CancellationReasons", ())
    return [place for place, reason in enumerate(reasons) if reason.get("Code") == "ConditionalCheckFailed"]


def _written(operation: str, **arguments: Any) -> Item:
    """The answer to a write, which is made again, a few times, while another's transaction holds one of its items.

    Nothing of it was made then, and the other's transaction takes milliseconds. AWS's clients do not try it again.
    """
    write = getattr(clients.client("dynamodb"), operation)
    for attempt in range(_TRIES - 1):
        try:
            return dict(write(**arguments))
        except clients.ClientError as error:
            if _failed(error) or not clients.is_conflict(error):
                raise
        time.sleep(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)))  # noqa: S311
    return dict(write(**arguments))
