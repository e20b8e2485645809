"""A DynamoDB table in plain values: consistent reads, conditional writes, pages newest first.

A write that has a condition, or adds to a number, leaves its token in the item (core/aws/writes.py). Readers of a
table, and of its stream by `read_image`, do not see the token.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core import clients, ids
from chalicelib.core.aws.expressions import writable, write_arguments
from chalicelib.core.aws.writes import TOKEN, ConditionFailedError, new_token, transact, without_token, write
from chalicelib.core.clients import Attr, Key
from chalicelib.core.settings import Setting

__all__ = ["Attr", "ConditionFailedError", "Key", "Page", "Table", "read_image", "transact"]

Item = dict[str, Any]

# batch_get_item is tried again after a pause of at most so long.
_LONGEST_PAUSE_SECONDS = 0.4
# Items that a page with a filter reads at the most: DynamoDB reads, and bills, those that the filter drops too.
MOST_READ = 1000
# A Lambda response has 6 MB at the most, and a list adds links and the like to its items.
_LARGEST_PAGE_BYTES = 2_000_000


def read_image(image: Mapping[str, Any]) -> Item:
    """An item as a stream's record holds it (`NewImage`, `OldImage`), in plain values."""
    return without_token(clients.unmarshal(image))


@dataclass(frozen=True)
class Page:
    """Items of a list, and the sort key after which the next page begins (None: there is none)."""

    items: list[Item]
    next_after: str | None

    def response(self, show: Callable[[Item], Item]) -> Item:
        """The response of a route that lists items; `show` makes each of them."""
        cursor = None if self.next_after is None else ids.to_cursor(self.next_after)
        return {"items": [show(item) for item in self.items], "nextCursor": cursor}


@dataclass(frozen=True)
class Table:
    """The table that `setting` names; `partition` and `sort` are its key attributes.

    With `index`, that index of the table: for reading only, with `page` and `between`, and a moment behind the table.
    `verbatim`: what is put is stored as it is given, without a token, since others hash it.
    """

    setting: Setting[str]
    partition: str
    sort: str | None = None
    index: str | None = None
    verbatim: bool = False

    @property
    def name(self) -> str:
        return self.setting.get()

    def key(self, partition: str, sort: str | None = None) -> Item:
        return {self.partition: partition} | ({} if self.sort is None else {self.sort: sort})

    def get(self, partition: str, sort: str | None = None) -> Item | None:
        """The item, read consistently, or None."""
        response = clients.client("dynamodb").get_item(
            TableName=self.name, Key=self.key(partition, sort), ConsistentRead=True
        )
        item: Item | None = response.get("Item")
        return None if item is None else without_token(item)

    def put(self, item: Mapping[str, Any], *, when: Any = None) -> None:
        """Writes an item in place of the old one. Raises ConditionFailedError unless `when` holds."""
        self._write("put_item", when, Item=self._to_put(item, conditional=when is not None))

    def create(self, item: Mapping[str, Any]) -> None:
        """Writes a new item. Raises ConditionFailedError if it exists."""
        self.put(item, when=Attr(self.partition).not_exists())

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
        """Sets attributes (None removes one) and returns the new item. `add` adds to numbers, which start at 0.

        Raises:
            ConditionFailedError: the condition `when` does not hold.
        """
        token = {} if when is None and not add else new_token()
        if add:
            when = _not_holding(token) if when is None else when & _not_holding(token)
        response = self._write(
            "update_item",
            when,
            Key=self.key(partition, sort),
            **write_arguments(change={**change, **token}, remove=remove, add=add),
            ReturnValues="ALL_NEW",
        )
        return without_token(response["Attributes"])

    def count(self, partition: str, below: Mapping[str, int], change: Mapping[str, Any]) -> tuple[bool, dict[str, int]]:
        """Adds one to each counter of `below` unless one has reached its number, and sets `change` with it.

        One atomic write, however many callers compete for the last place. Returns whether it counted, and the counters.
        """
        token = new_token()
        more, change = dict.fromkeys(below, 1), {**change, **token}
        arguments = write_arguments(change=change, add=more, below=below, other_than=token)
        try:
            response = self._write("update_item", Key=self.key(partition), **arguments, ReturnValues="UPDATED_NEW")
        except ConditionFailedError as refused:
            return False, {name: int(refused.item.get(name, 0)) for name in below}
        return True, {name: int(response["Attributes"][name]) for name in below}

    def count_back(self, partition: str, names: Iterable[str]) -> None:
        """Takes one from each of these counters of an item, if the item still exists."""
        token = new_token()
        less = write_arguments(change=token, add=dict.fromkeys(names, -1))
        with contextlib.suppress(ConditionFailedError):
            there = Attr(self.partition).exists() & _not_holding(token)
            self._write("update_item", there, Key=self.key(partition), **less)

    def delete(self, partition: str, sort: str | None = None, *, when: Any = None) -> None:
        """Deletes the item. Raises ConditionFailedError unless `when` holds."""
        self._write("delete_item", when, Key=self.key(partition, sort))

    def get_many(self, keys: Iterable[Item]) -> list[Item]:
        """Those of up to 100 items that exist, read consistently, in any order."""
        items: list[Item] = []
        left = list(keys)
        while left:
            request = {self.name: {"Keys": left, "ConsistentRead": True}}
            response = clients.client("dynamodb").batch_get_item(RequestItems=request)
            items += map(without_token, response["Responses"].get(self.name, ()))
            # Keys beyond one response (16 MB), or beyond what the table can read at the moment.
            left = response.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if left:
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311
        return items

    def any_of(self, partition: str) -> Item | None:
        """The first item of a partition, or None."""
        items: list[Item] = clients.client("dynamodb").query(**self._query(partition), Limit=1)["Items"]
        return without_token(items[0]) if items else None

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
        """Up to `limit` items of one partition, in the order of their sort key.

        `between` bounds the sort key, both ends included. `keep` is a filter: what it drops is read all the same. The
        page is full unless it is the last one, or `most_read` items were read for it, or it has _LARGEST_PAGE_BYTES.
        """
        query = self._query(partition, between)
        if after is not None and between is not None and not between[0] <= after <= between[1]:
            # DynamoDB refuses such a start. All of the range comes after it, or nothing.
            if (after < between[0]) is newest_first:
                return Page([], None)
            after = None
        if after is not None:
            query["ExclusiveStartKey"] = self.key(partition, after)
        if keep is not None:
            query["FilterExpression"] = keep
        # One more than the limit tells whether there is a next page.
        unread = max(MOST_READ, limit + 1)
        query |= {"ScanIndexForward": not newest_first, "Limit": limit + 1}
        items: list[Item] = []
        while True:
            response = clients.client("dynamodb").query(**query)
            items += map(without_token, response["Items"])
            unread -= response["ScannedCount"]
            fitting = ids.count_fitting(items[:limit], _LARGEST_PAGE_BYTES)
            if len(items) > fitting:
                return Page(items[:fitting], str(items[fitting - 1][str(self.sort)]))
            last = response.get("LastEvaluatedKey")
            if last is None or unread <= 0:
                return Page(items, None if last is None else str(last[str(self.sort)]))
            query["ExclusiveStartKey"] = last
            # DynamoDB's limit counts the items before the filter: if it keeps few, each query reads more.
            query["Limit"] = min(4 * query["Limit"], unread)

    def between(self, partition: str, first: str, last: str) -> Iterator[Item]:
        """Every item of one partition with a sort key between these two, both included; oldest first."""
        return self._each(self._query(partition, (first, last)))

    def all_of(self, partition: str, *, newest_first: bool = False) -> Iterator[Item]:
        """Every item of one partition, in the order of their sort key."""
        return self._each({**self._query(partition), "ScanIndexForward": not newest_first})

    def _each(self, query: Item) -> Iterator[Item]:
        while True:
            response = clients.client("dynamodb").query(**query)
            yield from map(without_token, response["Items"])
            if "LastEvaluatedKey" not in response:
                return
            query["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def scan(self, batch_size: int, after: Item | None = None) -> Iterator[tuple[list[Item], Item | None]]:
        """The whole table in batches, for background jobs; each with the key after which the next begins (or None).

        `after` is such a key.
        """
        query: Item = {"TableName": self.name, "Limit": batch_size}
        while True:
            if after is not None:
                query["ExclusiveStartKey"] = after
            response = clients.client("dynamodb").scan(**query)
            after = response.get("LastEvaluatedKey")
            yield [without_token(item) for item in response["Items"]], after
            if after is None:
                return

    def _query(self, partition: str, between: tuple[str, str] | None = None) -> Item:
        where = Key(self.partition).eq(partition)
        if between is not None:
            where &= Key(str(self.sort)).between(*between)
        query = {"TableName": self.name, "KeyConditionExpression": where}
        # An index has no consistent reads.
        return query | ({"ConsistentRead": True} if self.index is None else {"IndexName": self.index})

    # Each of these describes one write for `transact`. One that puts or updates with a condition holds its token.

    def to_create(self, item: Mapping[str, Any]) -> Item:
        """Writes an item that must not exist yet."""
        return self._describe("Put", {"Item": self._to_put(item, conditional=True)}, absent=[self.partition])

    def to_put(self, item: Mapping[str, Any], *, where: Mapping[str, Any] | None = None) -> Item:
        """Writes an item in place of the old one; with `where`, only if that has these attributes."""
        return self._describe("Put", {"Item": self._to_put(item, conditional=bool(where))}, where=where)

    def to_update(
        self, key: Item, change: Mapping[str, Any], *, where: Mapping[str, Any], remove: Iterable[str] = ()
    ) -> Item:
        """Sets attributes of an item that has the attributes of `where` (None: it does not have that one)."""
        change = {**change, **new_token()}
        return self._describe("Update", {"Key": key}, change=change, where=where, remove=remove)

    def to_check(self, key: Item, *, where: Mapping[str, Any]) -> Item:
        """Writes nothing: the other writes depend on the item having the attributes of `where`."""
        return self._describe("ConditionCheck", {"Key": key}, where=where)

    def to_add(self, key: Item, by: Mapping[str, float]) -> Item:
        """Adds to numbers, which start at 0."""
        return self._describe("Update", {"Key": key}, add=by)

    def to_add_once(
        self, key: Item, dedupe_keys: Sequence[str], change: Mapping[str, Any], absent: Sequence[str] = ()
    ) -> Item:
        """Gives an item dedupe keys that it has not yet, nor any of `absent` (together 100), and sets `change`."""
        change = {**dict.fromkeys(dedupe_keys, True), **change}
        return self._describe("Update", {"Key": key}, change=change, absent=[*dedupe_keys, *absent])

    def to_delete(self, key: Item, *, where: Mapping[str, Any] | None = None) -> Item:
        """Deletes an item; with `where`, only if it has these attributes."""
        return self._describe("Delete", {"Key": key}, where=where)

    def _describe(self, kind: str, what: Item, **expressions: Any) -> Item:
        return {kind: _reporting({"TableName": self.name, **what, **write_arguments(**expressions)})}

    def _write(self, operation: str, when: Any = None, **arguments: Any) -> Item:
        if when is not None:
            arguments["ConditionExpression"] = when
        return write(operation, **_reporting({"TableName": self.name, **arguments}))

    def _to_put(self, item: Mapping[str, Any], *, conditional: bool) -> Item:
        return writable(item) | (new_token() if conditional and not self.verbatim else {})


def _not_holding(token: Mapping[str, str]) -> Any:
    """The condition that the item is not the write's own."""
    return Attr(TOKEN).not_exists() | Attr(TOKEN).ne(token[TOKEN])


def _reporting(arguments: Item) -> Item:
    """A write whose condition, if it fails, gives the item that it found."""
    if "ConditionExpression" in arguments:
        arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return arguments
