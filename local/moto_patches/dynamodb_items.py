"""The items of moto's tables that a request writes: named, read, and put back as they were."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

# The hash key and the range key of an item.
Keys = tuple[Any, Any]
Body = Mapping[str, Any]

_WRITING_OPERATIONS = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")


def written(backend: Any, operation: str, body: Body) -> Iterator[tuple[Any, Body]]:
    """For each item that a request writes, its table, and its key or all of its attributes.

    What DynamoDB refuses (an unknown table, a malformed key) is left out.
    """
    for write in _writes(body) if operation in _WRITING_OPERATIONS else ():
        table = backend.tables.get(write.get("TableName"))
        attributes = write.get("Item") or write.get("Key") or {}
        if table is not None and all(isinstance(attributes.get(name), Mapping) for name in table.table_key_attrs):
            yield table, attributes


def _writes(body: Body) -> Iterator[Body]:
    yield body
    yield from (write for entry in body.get("TransactItems") or () for write in entry.values())
    for name, requests in (body.get("RequestItems") or {}).items():
        yield from ({"TableName": name, **write} for request in requests for write in request.values())


def name_of(table: Any, attributes: Body) -> str:
    """A name of an item: JSON of the table's name, the hash key and the range key (null: the table has none)."""
    range_key = None if table.range_key_attr is None else attributes[table.range_key_attr]
    return json.dumps([table.name, attributes[table.hash_key_attr], range_key])


def read(backend: Any, write: Mapping[str, Any]) -> tuple[Any, Keys, Any]:
    """The table, the keys, and a copy of the item that a write names (None: there is no item)."""
    table = backend.get_table(write["TableName"])
    hash_key, range_key = backend.get_keys_value(table, write.get("Item") or write["Key"])
    return table, (hash_key, range_key), copy.deepcopy(table.get_item(hash_key, range_key))


def put_back(table: Any, keys: Keys, item: Any) -> None:
    """Puts an item back in place; None removes what is there."""
    hash_key, range_key = keys
    items, key = (table.items, hash_key) if table.range_key_attr is None else (table.items[hash_key], range_key)
    if item is None:
        items.pop(key, None)
    else:
        items[key] = item
