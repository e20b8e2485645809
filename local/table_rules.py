"""What DynamoDB refuses and moto takes: empty strings in keys, and writes to what a transaction holds just now."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.faults import CONFLICTS
from local.models import patch

PREFIX = "com.amazonaws.dynamodb.v20120810#"
CONFLICT = "Transaction is ongoing for the item"
_EMPTY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string "
    "value. Key: {}"
)
_EMPTY_START = f"The provided starting key is invalid: {_EMPTY}"
_EMPTY_INDEX = (
    "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The "
    "AttributeValue for a key attribute cannot contain an empty string value. IndexName: {}, IndexKey: {}"
)
_WRITES = ("put_item", "update_item", "delete_item")
_TRANSACTION = "transact_write_items"
_CHECKED = (*_WRITES, _TRANSACTION, "get_item", "query", "scan", "batch_get_item", "batch_write_item")
_SET = re.compile(r"(#?\w+)\s*=\s*(:\w+)")

# An item: the table's name and the key in JSON.
Item = tuple[str, str]
Body = Mapping[str, Any]

# What transactions that are being made hold; read without a lock, as a dict's look-up is one step.
_held: dict[Item, int] = {}


def refuse_what_dynamodb_refuses() -> None:
    """Check every request before moto sees it."""
    from moto.dynamodb.responses import DynamoHandler

    for name in _CHECKED:
        patch(DynamoHandler, name, _checked(name, getattr(DynamoHandler, name)))


def _checked(name: str, stock: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def action(self: Any) -> Any:
        _check_keys(self.dynamodb_backend, self.body)
        in_the_way = getattr(self, "in_the_way", [])
        if any(in_the_way):
            raise _cancelled(in_the_way) if name == _TRANSACTION else _conflict()
        if name != _TRANSACTION:
            return stock(self)
        with _holding(items_written(self.dynamodb_backend, self.body)):
            return stock(self)

    return action


# ------------------------------------------------------------------------------- conflicts


def ways_blocked(backend: Any, operation: str, body: Body) -> list[bool]:
    """Of each write of a request, whether a transaction holds its item at this moment, or a test says so.

    To be asked before the request waits for its turn: once it has that, no transaction is under way.
    """
    if operation not in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"):
        return []
    return [item in _held or CONFLICTS.due(item[0]) for item in items_written(backend, body)]


def items_written(backend: Any, body: Body) -> list[Item]:
    """The items of a request's writes, in their order; none of a table that is not there."""
    writes = [write for entry in body.get("TransactItems", ()) for write in entry.values()] or [body]
    return [_item(backend, write) for write in writes]


def _item(backend: Any, write: Body) -> Item:
    name = str(write.get("TableName"))
    named = write.get("Item") or write.get("Key") or {}
    keys = backend.tables[name].table_key_attrs if name in backend.tables else []
    return name, json.dumps({key: named.get(key) for key in keys}, sort_keys=True)


@contextmanager
def _holding(items: list[Item]) -> Iterator[None]:
    marks = dict.fromkeys(items, threading.get_ident())
    _held.update(marks)
    try:
        yield
    finally:
        for item in marks:
            _held.pop(item, None)


def _conflict() -> Exception:
    from moto.dynamodb.exceptions import DynamodbException

    return DynamodbException(f"{PREFIX}TransactionConflictException", CONFLICT)


def _cancelled(in_the_way: list[bool]) -> Exception:
    from moto.dynamodb.exceptions import TransactionCanceledException

    return TransactionCanceledException(
        [("TransactionConflict", CONFLICT, None) if held else (None, None, None) for held in in_the_way]
    )


# -------------------------------------------------------------------------------- empty keys


def _check_keys(backend: Any, body: Body) -> None:
    for name, named in _keys_named(body):
        table = backend.tables.get(name)
        for key in table.table_key_attrs if table is not None else ():
            if _is_empty(named.get(key)):
                raise _invalid(_EMPTY.format(key))
        _check_index_keys(table, named)
    for key, value in (body.get("ExclusiveStartKey") or {}).items():
        if _is_empty(value):
            raise _invalid(_EMPTY_START.format(key))
    _check_condition(body)


def _keys_named(body: Body) -> Iterator[tuple[str, Body]]:
    """Each table's name with a key, or an item and what is set in one, that the request names there."""
    for write in [body, *(write for entry in body.get("TransactItems", ()) for write in entry.values())]:
        named = write.get("Item") or write.get("Key")
        if named is not None:
            yield str(write.get("TableName")), {**_set_by(write), **named}
    for name, asked in (body.get("RequestItems") or {}).items():
        keys = asked["Keys"] if isinstance(asked, Mapping) else [_of_batch(each) for each in asked]
        yield from ((name, key) for key in keys)


def _of_batch(entry: Body) -> Body:
    (request,) = entry.values()
    found: Body = request.get("Item") or request["Key"]
    return found


def _set_by(write: Body) -> dict[str, Any]:
    """What an update sets attributes to, where that is a value and not a sum."""
    names, values = write.get("ExpressionAttributeNames") or {}, write.get("ExpressionAttributeValues") or {}
    found = _SET.findall(write.get("UpdateExpression") or "")
    return {names.get(name, name): values.get(value) for name, value in found}


def _check_index_keys(table: Any, named: Body) -> None:
    for index in [] if table is None else [*table.global_indexes, *table.indexes]:
        for key in index.schema:
            if _is_empty(named.get(key["AttributeName"])):
                raise _invalid(_EMPTY_INDEX.format(index.name, key["AttributeName"]))


def _check_condition(body: Body) -> None:
    condition = body.get("KeyConditionExpression") or ""
    names, values = body.get("ExpressionAttributeNames") or {}, body.get("ExpressionAttributeValues") or {}
    for name, value in _SET.findall(condition):
        if _is_empty(values.get(value)):
            raise _invalid(_EMPTY.format(names.get(name, name)))
    if any(_is_empty(values.get(value)) for value in re.findall(r":\w+", condition)):
        raise _invalid(_EMPTY.format("of the range"))


def _is_empty(value: Any) -> bool:
    return isinstance(value, Mapping) and (value.get("S") == "" or value.get("B") in ("", b""))


def _invalid(message: str) -> Exception:
    from moto.dynamodb.exceptions import MockValidationException

    return MockValidationException(message)
