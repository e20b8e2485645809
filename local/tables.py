"""Where moto's DynamoDB is not AWS's: what two requests at once do to an item, what a transaction undoes, and sums."""

import copy
import threading
import types
from collections.abc import Mapping
from decimal import Context
from typing import Any

from local import table_rules
from local.models import patch


def close_gaps_of_tables() -> None:
    """Close them."""
    table_rules.refuse_what_dynamodb_refuses()
    _answer_one_request_at_a_time()
    _undo_only_what_was_touched()
    _add_all_numbers()
    _refuse_empty_keys()


def _answer_one_request_at_a_time() -> None:
    # A conditional write is a check and then a change: stock moto lets another thread in between, and hands out items
    # that others are changing. Python runs one thread at a time anyway.
    from moto.dynamodb.responses import DynamoHandler

    stock, lock = DynamoHandler.call_action, threading.RLock()

    def call_action(self: Any) -> Any:
        asked = getattr(self, "params", {})
        self.in_the_way = table_rules.ways_blocked(self.dynamodb_backend, self._get_action(), asked)
        if any(self.in_the_way):
            # What a transaction holds is not waited for: the action refuses.
            return stock(self)
        with lock:
            return stock(self)

    patch(DynamoHandler, "call_action", call_action)


def _undo_only_what_was_touched() -> None:
    """Let a transaction remember the items that it touches, and a cancelled one bring back those alone.

    Stock moto copies the whole table for every item, and undoes by putting the old table back: what others
    wrote meanwhile is lost.
    """
    from moto.dynamodb import models
    from moto.dynamodb.models.table import Table

    def deepcopy(value: Any) -> Any:
        # Its own snapshot of a table becomes the table itself, so that its undoing changes nothing.
        return value if isinstance(value, Table) else copy.deepcopy(value)

    patch(models, "copy", types.SimpleNamespace(copy=copy.copy, deepcopy=deepcopy))
    stock = models.DynamoDBBackend.transact_write_items

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        before = [_item(self, operation) for entry in transact_items for operation in entry.values()]
        try:
            stock(self, transact_items)
        except Exception:
            for table, keys, item in before:
                _put_back(table, keys, item)
            raise

    patch(models.DynamoDBBackend, "transact_write_items", transact_write_items)


def _add_all_numbers() -> None:
    # Stock moto takes a number without a point for an integer, and cannot read "2E-7", as boto3 writes small ones.
    from moto.dynamodb.models.dynamo_type import DynamoType

    stock, exact = DynamoType.__add__, Context(prec=38)

    def add(self: Any, other: Any) -> Any:
        if not (self.is_number() and other.is_number()):
            return stock(self, other)
        return DynamoType({"N": format(exact.add(self.cast_value, other.cast_value), "f")})

    patch(DynamoType, "__add__", add)


def _refuse_empty_keys() -> None:
    # AWS takes no empty string in a key, wherever it stands. Stock moto takes one where a page begins.
    from moto.dynamodb.exceptions import KeyIsEmptyStringException
    from moto.dynamodb.responses import DynamoHandler

    stock = DynamoHandler.query

    def query(self: Any) -> Any:
        for name, value in self.body.get("ExclusiveStartKey", {}).items():
            if value == {"S": ""}:
                raise KeyIsEmptyStringException(name)
        return stock(self)

    patch(DynamoHandler, "query", query)


def _item(backend: Any, operation: Mapping[str, Any]) -> tuple[Any, tuple[Any, Any], Any]:
    """The table, the hash and range key, and a copy of the item (None: there is none) that an operation is about."""
    table = backend.get_table(operation["TableName"])
    named = operation.get("Item") or operation["Key"]
    hash_key, range_key = backend.get_keys_value(table, named)
    return table, (hash_key, range_key), copy.deepcopy(table.get_item(hash_key, range_key))


def _put_back(table: Any, keys: tuple[Any, Any], item: Any) -> None:
    hash_key, range_key = keys
    if table.range_key_attr is None:
        _set(table.items, hash_key, item)
    else:
        _set(table.items[hash_key], range_key, item)


def _set(items: Any, key: Any, item: Any) -> None:
    if item is None:
        items.pop(key, None)
    else:
        items[key] = item
