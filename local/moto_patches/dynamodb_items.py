"""An item of one of moto's tables: read by what a write names, and put back as it was."""

import copy
from collections.abc import Mapping
from typing import Any

# The hash key and the range key of an item.
Keys = tuple[Any, Any]


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
